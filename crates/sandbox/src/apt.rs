//! The one place that runs `apt-get` for the archive, with state, cache and configuration of our
//! own. Manual pages: apt-get(8), apt.conf(5).

use crate::{Error, Mirror, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Debian release that the tools and the userland come from.
pub(crate) const RELEASE: &str = "trixie";

/// apt with private directories below `directory`.
pub(crate) struct Apt {
    directory: PathBuf,
}

impl Apt {
    /// Lays out the private directories and the configuration.
    pub(crate) fn new(directory: &Path, mirror: &Mirror) -> Result<Self> {
        for part in ["state/lists/partial", "cache/archives/partial", "etc"] {
            let path = directory.join(part);
            fs::create_dir_all(&path).map_err(Error::io("making", &path))?;
        }
        let write = |name: &str, text: &str| {
            let path = directory.join(name);
            fs::write(&path, text).map_err(Error::io("writing", &path))
        };
        let keyring = mirror.keyring.display();
        let mut sources = format!("deb [signed-by={keyring}] {} {RELEASE} main\n", mirror.main);
        let _ = writeln!(sources, "deb [signed-by={keyring}] {} {RELEASE}-updates main", mirror.main);
        if let Some(security) = &mirror.security {
            let _ = writeln!(sources, "deb [signed-by={keyring}] {security} {RELEASE}-security main");
        }
        write("etc/sources.list", &sources)?;
        write("state/status", "")?;
        let here = directory.display();
        let mut config = format!(
            "Dir::State \"{here}/state\";\nDir::State::status \"{here}/state/status\";\n\
             Dir::Cache \"{here}/cache\";\nDir::Etc \"{here}/etc\";\nDir::Etc::sourcelist \"sources.list\";\n\
             Dir::Etc::sourceparts \"-\";\nDir::Etc::parts \"-\";\nDir::Etc::preferencesparts \"-\";\n\
             Dir::Etc::trustedparts \"-\";\nAPT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\n\
             APT::Install-Recommends \"false\";\nAPT::Install-Suggests \"false\";\nAcquire::Languages \"none\";\n\
             Acquire::GzipIndexes \"false\";\nAcquire::Retries \"3\";\nAcquire::http::Timeout \"30\";\n\
             APT::Sandbox::User \"\";\nAPT::Update::Error-Mode \"any\";\n"
        );
        for line in &mirror.transport {
            config.push_str(line);
            config.push('\n');
        }
        write("apt.conf", &config)?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// Reads the archive's signed indexes anew; the texts of the Packages files.
    pub(crate) fn update(&self) -> Result<Vec<String>> {
        self.run(&["update"], &[], &self.directory)?;
        let lists = self.directory.join("state/lists");
        let mut texts = Vec::new();
        for entry in fs::read_dir(&lists).map_err(Error::io("listing", &lists))? {
            let path = entry.map_err(Error::io("listing", &lists))?.path();
            if path.to_string_lossy().ends_with("_Packages") {
                texts.push(fs::read_to_string(&path).map_err(Error::io("reading", &path))?);
            }
        }
        Ok(texts)
    }

    /// What `apt-get install` would do, as it prints it.
    pub(crate) fn simulate(&self, packages: &[String]) -> Result<String> {
        self.run(&["install", "--simulate", "--yes"], packages, &self.directory)
    }

    /// Downloads `NAME=VERSION` packages into `directory`, verified against the signed indexes.
    pub(crate) fn download(&self, packages: &[String], directory: &Path) -> Result<()> {
        self.run(&["download"], packages, directory).map(drop)
    }

    fn run(&self, verb: &[&str], operands: &[String], directory: &Path) -> Result<String> {
        let output = Command::new("apt-get")
            .env("APT_CONFIG", self.directory.join("apt.conf"))
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .arg("--quiet=2")
            .args(verb)
            .args(operands)
            .current_dir(directory)
            .output()
            .map_err(|_| Error::NoApt("apt-get"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(explain(&String::from_utf8_lossy(&output.stderr), directory))
    }
}

/// Turns apt's complaint into ours.
fn explain(stderr: &str, directory: &Path) -> Error {
    let complaint: Vec<&str> = stderr.lines().filter_map(|line| line.strip_prefix("E: ")).collect();
    for line in &complaint {
        if let Some(name) = line.strip_prefix("Unable to locate package ") {
            return Error::NoPackage(name.trim().to_owned());
        }
        let mut quoted = line.split(['\'', '\u{2018}', '\u{2019}', '"']).skip(1).step_by(2);
        let mut next = || quoted.next().unwrap_or(line).to_owned();
        if line.starts_with("Version ") && line.ends_with("was not found") {
            let version = next();
            return Error::NoVersion { name: next(), version };
        }
        if line.contains("has no installation candidate") || line.contains("was not found") {
            return Error::NoPackage(next());
        }
        if line.contains("free space") || line.contains("No space left") {
            return Error::DiskFull { doing: "fetching Debian packages".into(), path: directory.to_owned() };
        }
    }
    let said = if complaint.is_empty() { stderr.trim().to_owned() } else { complaint.join("; ") };
    Error::Network(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apts_complaints_become_errors_that_say_what_to_do() {
        let cases = [
            ("E: Unable to locate package gccc\n", "no package `gccc`"),
            ("E: Package 'gccc' has no installation candidate\n", "no package `gccc`"),
            (
                "E: Version '1:2.3-4' for 'gcc' was not found\n",
                "no longer has gcc 1:2.3-4\n  run `cargo xtask lock`",
            ),
            ("E: Version \u{2018}1\u{2019} for \u{2018}gcc\u{2019} was not found\n", "no longer has gcc 1\n"),
            (
                "E: Failed to fetch http://m/x  Could not connect\nE: Some index files failed\n",
                "could not be read: Failed",
            ),
            ("E: You don't have enough free space in /c/archives/.\n", "the disk is full"),
        ];
        for (stderr, expected) in cases {
            let text = explain(stderr, Path::new("/c")).to_string();
            assert!(text.contains(expected), "{stderr:?} gave {text:?}");
        }
    }
}
