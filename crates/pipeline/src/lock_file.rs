//! `images/inputs.lock`: the exact inputs of a build, a line each, so that a change of one reads
//! as a change of one line.

use anyhow::{Context as _, Result, bail};
use sandbox::Package;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HEADER: &str = "\
# The exact inputs of a build. Made by `cargo xtask lock`; do not edit.
#   rustc VERSION (COMMIT DATE)
#   go-toolchain VERSION SIZE SHA-256
#   deb SET NAME VERSION SIZE SHA-256
";

/// The Go toolchain, a module of the Go proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoToolchain {
    /// Its version, such as `go1.27.3`.
    pub version: String,
    /// The size of the module's zip in bytes.
    pub size: u64,
    /// The SHA-256 of the module's zip.
    pub sha256: String,
}

/// The lock's content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// The compiler, as `rustc --version` says without the first word.
    pub rustc: String,
    /// The Go toolchain.
    pub go: Option<GoToolchain>,
    /// Debian packages by set, each sorted by name.
    pub sets: BTreeMap<String, Vec<Package>>,
}

impl Lock {
    /// Reads the lock's text.
    ///
    /// # Errors
    /// A line that is not one of the lock's.
    pub fn parse(text: &str) -> Result<Self> {
        let mut lock = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            lock.add(line).with_context(|| {
                format!("images/inputs.lock:{}: `{line}`; `cargo xtask lock` makes the file anew", index + 1)
            })?;
        }
        Ok(lock)
    }

    /// What is worth keeping of a text that is no lock, such as one with the marks of a merge: the Go toolchain, which
    /// is chosen by people. All else is what there is now.
    pub fn salvage(text: &str) -> Self {
        let mut lock = Self::default();
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("go-toolchain ")) {
            let _ = lock.add(line);
        }
        lock
    }

    fn add(&mut self, line: &str) -> Result<()> {
        let (kind, rest) = line.split_once(' ').context("expected a kind and its fields")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let size = |text: &str| text.parse().with_context(|| format!("`{text}` is not a size"));
        match (kind, fields.as_slice()) {
            ("rustc", _) => self.rustc = rest.to_owned(),
            ("go-toolchain", [version, bytes, sha256]) => {
                self.go = Some(GoToolchain {
                    version: (*version).to_owned(),
                    size: size(bytes)?,
                    sha256: (*sha256).to_owned(),
                });
            }
            ("deb", [set, name, version, bytes, sha256]) => {
                self.sets.entry((*set).to_owned()).or_default().push(Package {
                    name: (*name).to_owned(),
                    version: (*version).to_owned(),
                    size: size(bytes)?,
                    sha256: (*sha256).to_owned(),
                });
            }
            _ => bail!("expected rustc, go-toolchain or deb with their fields"),
        }
        Ok(())
    }

    /// The lock's text.
    pub fn render(&self) -> String {
        let mut text = HEADER.to_owned();
        let _ = writeln!(text, "rustc {}", self.rustc);
        if let Some(go) = &self.go {
            let _ = writeln!(text, "go-toolchain {} {} {}", go.version, go.size, go.sha256);
        }
        for (set, packages) in &self.sets {
            text.push_str(&package_lines(set, packages));
        }
        text
    }

    /// What `newer` changes, a line each, for people.
    pub fn differences(&self, newer: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.rustc != newer.rustc {
            lines.push(format!("rustc: {} -> {}", or_none(&self.rustc), newer.rustc));
        }
        if self.go != newer.go {
            let name =
                |go: &Option<GoToolchain>| go.as_ref().map_or("none".to_owned(), |go| go.version.clone());
            lines.push(format!("go: {} -> {}", name(&self.go), name(&newer.go)));
        }
        let index = |lock: &Self| -> BTreeMap<(String, String), Package> {
            let all = lock.sets.iter().flat_map(|(set, packages)| packages.iter().map(move |p| (set, p)));
            all.map(|(set, p)| ((set.clone(), p.name.clone()), p.clone())).collect()
        };
        let (old, new) = (index(self), index(newer));
        for (place, package) in &new {
            let (set, name) = place;
            match old.get(place) {
                None => lines.push(format!("{set}: + {name} {}", package.version)),
                Some(before) if before.version != package.version => {
                    lines.push(format!("{set}: {name} {} -> {}", before.version, package.version));
                }
                Some(before) if before != package => {
                    lines.push(format!("{set}: {name} {} has OTHER BYTES than before", package.version));
                }
                Some(_) => {}
            }
        }
        for (set, name) in old.keys().filter(|place| !new.contains_key(place)) {
            lines.push(format!("{set}: - {name}"));
        }
        lines
    }
}

/// The lines of a set's packages.
pub(crate) fn package_lines(set: &str, packages: &[Package]) -> String {
    let mut text = String::new();
    for p in packages {
        let _ = writeln!(text, "deb {set} {} {} {} {}", p.name, p.version, p.size, p.sha256);
    }
    text
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "rustc 1.95.0 (abc 2026-04-14)\ngo-toolchain go1.27.3 10 aa\n\
                        deb build gcc 14 100 bb\ndeb test qemu 10 200 cc\n";

    #[test]
    fn a_lock_reads_back_as_it_was_written() {
        let lock = Lock::parse(TEXT).unwrap();
        assert_eq!(Lock::parse(&lock.render()).unwrap(), lock);
        assert_eq!(lock.render(), format!("{HEADER}{TEXT}"));
    }

    #[test]
    fn a_broken_line_is_named() {
        for (text, expected) in [
            ("deb build gcc 14 100\n", "inputs.lock:1"),
            ("\ndeb build gcc 14 many bb\n", "inputs.lock:2"),
            ("what is this\n", "inputs.lock:1"),
        ] {
            let error = format!("{:#}", Lock::parse(text).unwrap_err());
            assert!(error.contains(expected) && error.contains("cargo xtask lock"), "{error}");
        }
    }

    #[test]
    fn of_what_is_no_lock_the_go_toolchain_is_kept() {
        let go = |text: &str| Lock::salvage(text).go.map(|go| go.version);
        let merged = "<<<<<<< HEAD\nrustc 1\n=======\nrustc 2\n>>>>>>> theirs\n go-toolchain go1.27.3 10 aa\ndeb a b\n";
        let cases = [
            (merged, Some("go1.27.3")),
            ("go-toolchain go1.27.3 many aa\n<<<<<<<\n", None),
            ("go-toolchain go1.27.4 10 aa\ngo-toolchain go1.27.3 many\n", Some("go1.27.4")),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(go(text).as_deref(), expected, "{text}");
            assert!(Lock::salvage(text).sets.is_empty());
        }
    }

    #[test]
    fn differences_read_as_sentences() {
        let old = Lock::parse(TEXT).unwrap();
        let new = Lock::parse(
            "rustc 1.96.0 (d e)\ngo-toolchain go1.27.3 10 aa\ndeb build gcc 15 1 dd\ndeb build bc 1 1 ee\n",
        );
        let lines = old.differences(&new.unwrap());
        let expected = [
            "rustc: 1.95.0 (abc 2026-04-14) -> 1.96.0 (d e)",
            "build: + bc 1",
            "build: gcc 14 -> 15",
            "test: - qemu",
        ];
        assert_eq!(lines, expected);
    }
}
