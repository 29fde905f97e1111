//! Where the Debian archive is: told by the environment, or taken from this system's own apt
//! configuration. No host name stands in the repository.

use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment variable that names an archive: one URL, or two separated by a space (the
/// second for security updates).
pub const MIRROR_VARIABLE: &str = "BERTH_DEBIAN_MIRROR";
/// The environment variable that names the archive's keyring file.
pub const KEYRING_VARIABLE: &str = "BERTH_DEBIAN_KEYRING";

const DEFAULT_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A Debian archive and the keys that sign it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The main archive's URL.
    pub main: String,
    /// The security archive's URL, where there is one.
    pub security: Option<String>,
    /// The keyring file.
    pub keyring: PathBuf,
    /// This system's apt options that say how to reach it (proxies), as `Key "value";` lines.
    pub transport: Vec<String>,
}

impl Mirror {
    /// Finds the archive.
    ///
    /// # Errors
    /// [`Error::NoMirror`], [`Error::NoKeyring`], or [`Error::NoApt`] with what to set.
    pub fn find() -> Result<Self> {
        let told = std::env::var(MIRROR_VARIABLE).ok();
        let (main, security) = match told.as_deref().map(|text| text.split_whitespace().collect::<Vec<_>>()) {
            Some(urls) if !urls.is_empty() => (urls[0].to_owned(), urls.get(1).map(|u| (*u).to_owned())),
            _ => {
                from_targets(&host_apt(&["indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"])?)
                    .ok_or(Error::NoMirror)?
            }
        };
        let keyring =
            std::env::var_os(KEYRING_VARIABLE).map_or_else(|| PathBuf::from(DEFAULT_KEYRING), PathBuf::from);
        if !Path::new(&keyring).is_file() {
            return Err(Error::NoKeyring(keyring));
        }
        let transport = host_config().lines().filter(|line| is_transport(line)).map(str::to_owned).collect();
        Ok(Self { main, security, keyring, transport })
    }
}

fn is_transport(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["acquire::http::proxy", "acquire::https::proxy", "acquire::http::proxy-auto-detect"]
        .iter()
        .any(|key| line.starts_with(key))
}

fn host_config() -> String {
    Command::new("apt-config")
        .arg("dump")
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}

fn host_apt(arguments: &[&str]) -> Result<String> {
    let output = Command::new("apt-get").args(arguments).output().map_err(|_| Error::NoApt("apt-get"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// From apt's list of index targets (`URL RELEASE COMPONENT`, a line each): the first archives
/// that carry a Debian release's `main`, and its security updates. Ubuntu's have the component
/// `main` too, but always beside `universe`.
fn from_targets(text: &str) -> Option<(String, Option<String>)> {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let debian = |line: &Vec<&str>, security: bool| {
        line.len() == 3
            && line[2] == "main"
            && line[1].ends_with("-security") == security
            && line[0].trim_end_matches('/').rsplit('/').next().is_some_and(|last| last.starts_with("debian"))
    };
    let first = |security| lines.iter().find(|line| debian(line, security)).map(|line| line[0].to_owned());
    Some((first(false)?, first(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_sources_name_the_archive() {
        let debian = "http://m/debian/ bookworm main\nhttp://m/debian/ bookworm-updates main\n\
                      http://m/debian-security/ bookworm-security main\nhttps://x/node nodistro main\n";
        assert_eq!(
            from_targets(debian),
            Some(("http://m/debian/".into(), Some("http://m/debian-security/".into())))
        );
        assert_eq!(from_targets("http://m/ubuntu/ noble main\n"), None);
        assert_eq!(from_targets(""), None);
    }
}
