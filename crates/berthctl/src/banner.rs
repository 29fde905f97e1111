//! `berthctl banner`: what consoles and logins show of the machine. `berth-banner.path` has it run
//! again when the network has changed.

use std::fs;
use std::path::Path;

use anyhow::Result;
use boots::{End, History};
use observe::{Root, slot};
use settings::base64;
use sha2::{Digest, Sha256};
use update_state::{Record, State, What};

use crate::arguments;
use crate::status::{Link, links, os_release};

const USAGE: &str = "\
usage: berthctl banner

Writes what logins show (/run/issue, /run/motd), and shows it on the consoles where it has changed.";

/// Where the SSH host keys are.
const SSH: &str = "/etc/ssh";

/// What it is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Facts {
    system: String,
    slot: Option<String>,
    host: String,
    links: Vec<Link>,
    /// SHA-256 fingerprints of the SSH host keys, as ssh-keygen(1) writes them.
    keys: Vec<String>,
    /// How the last boot ended, where that was not as it should be.
    last: Option<String>,
    /// The version of an update that waits for a restart.
    update: Option<String>,
    /// A version that failed here since this one was found good, and why.
    failed: Option<String>,
}

/// Runs `berthctl banner`.
///
/// # Errors
/// The files cannot be written.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    if !arguments::none(&arguments, USAGE)? {
        return Ok(0);
    }
    let text = text(&gather());
    let is_new = fs::read_to_string(layout::path::ISSUE).unwrap_or_default() != text;
    if is_new {
        for path in [layout::path::MOTD, layout::path::ISSUE] {
            sys::file::replace(Path::new(path), text.as_bytes(), 0o644)?;
        }
        sys::console::write_to_all(&text.replace('\n', "\r\n"));
    }
    Ok(0)
}

fn gather() -> Facts {
    let root = Root::of_machine();
    let release = os_release(&root);
    let named = |name: &str| release.get(name).cloned().unwrap_or_default();
    let this = root.boot_id();
    let history = History::parse(&root.text(layout::path::BOOTS));
    let last = history.before(&this).filter(|boot| {
        boot.unfit.is_some() || !matches!(boot.end, Some(End::Shutdown { emergency: false, .. }))
    });
    Facts {
        system: format!("{} {}", named("NAME"), named("VERSION_ID")),
        slot: slot::running(&root).map(|slot| slot.to_string()),
        host: root.text("/proc/sys/kernel/hostname").trim().to_owned(),
        // Without addresses the rest is shown all the same.
        links: links().unwrap_or_default(),
        keys: host_keys(Path::new(SSH)),
        last: last.map(|boot| boot.ending(&this)),
        update: fs::read_to_string(layout::path::RESTART_WANTED).ok().map(|text| text.trim().to_owned()),
        failed: update_state(&root).as_ref().and_then(failed),
    }
}

/// What is remembered of updates; nothing where there is no record, or one may not read it.
pub fn update_state(root: &Root) -> Option<State> {
    State::from_json(&root.read(layout::path::UPDATE_STATE).ok()?).ok()
}

/// The version that failed here last, and why, where nothing was found good since.
pub fn failed(state: &State) -> Option<String> {
    let ends = |record: &&Record| matches!(record.what, What::Failed | What::Blessed);
    let last = state.history.iter().rev().find(ends).filter(|record| record.what == What::Failed)?;
    let from = last.from.as_ref().map_or_else(String::new, |from| format!(", and {from} runs again"));
    Some(format!("{} failed here{from}: {}", last.version, last.detail))
}

/// The fingerprints of the public keys `ssh_host_*_key.pub` in a folder, each with its kind.
fn host_keys(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_key = |name: &str| name.starts_with("ssh_host_") && name.ends_with("_key.pub");
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| is_key(name));
    names.sort();
    names.iter().filter_map(|name| fingerprint(&fs::read_to_string(folder.join(name)).ok()?)).collect()
}

/// The fingerprint of a public key (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): `SHA256:... (ssh-ed25519)`.
fn fingerprint(line: &str) -> Option<String> {
    let (kind, key) = line.split_once(' ')?;
    let key = base64::decode(key.split_whitespace().next()?.as_bytes()).ok()?;
    let digest = base64::encode(&Sha256::digest(key));
    Some(format!("SHA256:{} ({kind})", digest.trim_end_matches('=')))
}

fn text(facts: &Facts) -> String {
    let slot = facts.slot.as_ref().map_or_else(String::new, |slot| format!(", slot {slot}"));
    let mut text = format!("\n{}{slot}, on {}\n", facts.system, facts.host);
    let mut has_address = false;
    for link in facts.links.iter().filter(|link| !link.addresses.is_empty()) {
        let addresses: Vec<&str> =
            link.addresses.iter().map(|address| address.split('/').next().unwrap_or(address)).collect();
        text.push_str(&format!("  {}: {}\n", link.name, addresses.join(" ")));
        has_address = true;
    }
    if !has_address {
        text.push_str("  no address yet\n");
    }
    for key in &facts.keys {
        text.push_str(&format!("  SSH host key: {key}\n"));
    }
    if let Some(update) = &facts.update {
        text.push_str(&format!("  version {update} is installed: restart to use it\n"));
    }
    if let Some(last) = &facts.last {
        text.push_str(&format!("  the last boot: {last}\n"));
    }
    if let Some(failed) = &facts.failed {
        text.push_str(&format!("  update: {failed}\n"));
    }
    text.push_str("  more: berthctl status\n\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_fingerprints_that_ssh_keygen_gives_them() {
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL4zJvkwVgRTK+SReBdiVq7g+EiOaZdR0aisziqTvYG6 comment\n";
        let expected = "SHA256:Zw7OJ9njVIPRWp0h16vCQ9bQj025xYLAfYGgBvTi3yQ (ssh-ed25519)";
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ssh_host_ed25519_key.pub"), key).unwrap();
        fs::write(folder.path().join("ssh_host_ed25519_key"), "secret").unwrap();
        fs::write(folder.path().join("ssh_host_rsa_key.pub"), "").unwrap();
        assert_eq!(host_keys(folder.path()), [expected]);
        assert_eq!(host_keys(&folder.path().join("nowhere")), [""; 0]);
    }

    #[test]
    fn a_version_that_failed_is_told_of_until_another_is_good() {
        let version = |text: &str| text.parse().unwrap();
        let mut state = State::default();
        assert_eq!(failed(&state), None);
        state.failed(100, &version("0.2.0"), &version("0.1.0"), "panic: x");
        state.checked(150, Err("no network".into()));
        assert_eq!(failed(&state).as_deref(), Some("0.2.0 failed here, and 0.1.0 runs again: panic: x"));
        state.blessed(200, &version("0.3.0"));
        assert_eq!(failed(&state), None);
    }

    #[test]
    fn what_a_person_at_the_console_wants_to_know() {
        let link = |name: &str, addresses: &[&str]| Link {
            name: name.into(),
            up: true,
            addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        };
        let mut facts = Facts {
            system: "Berth 0.1.0".into(),
            slot: Some("A".into()),
            host: "berth".into(),
            ..Facts::default()
        };
        assert_eq!(
            text(&facts),
            "\nBerth 0.1.0, slot A, on berth\n  no address yet\n  more: berthctl status\n\n"
        );
        facts.links = vec![link("eth0", &["10.0.2.15/24", "fec0::1/64"]), link("eth1", &[])];
        facts.keys = vec!["SHA256:x (ssh-ed25519)".into()];
        facts.last = Some("panic: sysrq triggered crash".into());
        facts.failed = Some("0.2.0 failed here: panic: x".into());
        assert_eq!(
            text(&facts),
            "\nBerth 0.1.0, slot A, on berth\n  eth0: 10.0.2.15 fec0::1\n  SSH host key: SHA256:x \
             (ssh-ed25519)\n  the last boot: panic: sysrq triggered crash\n  \
             update: 0.2.0 failed here: panic: x\n  more: berthctl status\n\n"
        );
    }
}
