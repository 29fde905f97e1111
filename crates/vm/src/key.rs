//! The key pair of a test run, and the config that lets its owner log in to a machine.

use std::fs;
use std::path::{Path, PathBuf};

use sandbox::{Command, Tree};
use serde_json::json;

use crate::folder::Folder;
use crate::{Error, Result};

/// The user that machines are logged in to as.
pub(crate) const USER: &str = "core";
/// The private key, in the pair's folder; ssh-keygen(1) puts the public one beside it.
const PRIVATE: &str = "id_ed25519";
/// Whoever runs OpenSSH must have a name (passwd(5)), and the tools tree names nobody.
const PASSWD: &str = "root:x:0:0:root:/tmp:/usr/bin/sh\n";

/// A key pair. It goes away with the value.
#[derive(Debug)]
pub(crate) struct KeyPair {
    tools: Tree,
    folder: Folder,
    public: String,
}

impl KeyPair {
    /// A new one, made by ssh-keygen of the tools tree.
    pub fn new(tools: &Tree) -> Result<Self> {
        let folder = Folder::new()?;
        let passwd = folder.path().join("passwd");
        fs::write(&passwd, PASSWD).map_err(Error::io("write", &passwd))?;
        let mut pair = Self { tools: tools.clone(), folder, public: String::new() };
        let private = pair.private();
        let made = pair
            .program("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "test run", "-f"])
            .arg(&private)
            .host_network(false)
            .output()
            .map_err(Error::io("make a key pair in", pair.folder.path()))?;
        if !made.status.success() {
            return Err(Error::Tool {
                command: "ssh-keygen".to_owned(),
                status: made.status.to_string(),
                stderr: String::from_utf8_lossy(&made.stderr).trim().to_owned(),
            });
        }
        let public = private.with_extension("pub");
        let line = fs::read_to_string(&public).map_err(Error::io("read", &public))?;
        pair.public = line.trim().to_owned();
        Ok(pair)
    }

    /// A program of OpenSSH, which sees the pair's folder.
    pub fn program(&self, name: &str) -> Command {
        let folder: &Path = self.folder.path();
        self.tools.command(name).bind(folder).bind_ro_at(folder.join("passwd"), "/etc/passwd")
    }

    /// The private key.
    pub fn private(&self) -> PathBuf {
        self.folder.path().join(PRIVATE)
    }

    /// The Ignition config that lets the pair's owner in, and does what the test's `own` says.
    pub fn config(&self, own: Option<&[u8]>) -> Result<Vec<u8>> {
        config(&self.public, own)
    }
}

fn config(public: &str, own: Option<&[u8]>) -> Result<Vec<u8>> {
    let login = json!({
        "ignition": {"version": ignition::NEWEST_TEXT},
        "passwd": {"users": [{"name": USER, "sshAuthorizedKeys": [public]}]},
    });
    let Some(own) = own else { return Ok(login.to_string().into_bytes()) };
    let read = |text: &[u8]| {
        let parsed = ignition::parse(text);
        parsed.config.ok_or(Error::Config { report: parsed.report.to_string() })
    };
    let both = ignition::merge(&read(login.to_string().as_bytes())?, &read(own)?);
    Ok(ignition::to_json(&both).to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_comes_beside_what_a_test_asks_for() {
        let own = br#"{"ignition": {"version": "3.3.0"}, "passwd": {"users": [
            {"name": "core", "passwordHash": "x", "sshAuthorizedKeys": ["ssh-ed25519 b"]}, {"name": "other"}]}}"#;
        let both = config("ssh-ed25519 a", Some(own)).unwrap();
        let report = ignition::parse(&both).report;
        assert!(!report.is_fatal(), "{report}");
        let both: serde_json::Value = serde_json::from_slice(&both).unwrap();
        let users = &both["passwd"]["users"];
        assert_eq!(users[0]["sshAuthorizedKeys"], json!(["ssh-ed25519 a", "ssh-ed25519 b"]));
        assert_eq!((&users[0]["passwordHash"], &users[1]["name"]), (&json!("x"), &json!("other")));
        let alone: serde_json::Value = serde_json::from_slice(&config("k", None).unwrap()).unwrap();
        assert_eq!(alone["passwd"]["users"], json!([{"name": "core", "sshAuthorizedKeys": ["k"]}]));
    }

    #[test]
    fn a_config_that_is_none_is_refused_and_not_dropped() {
        let error = config("ssh-ed25519 a", Some(b"{")).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error}");
    }
}
