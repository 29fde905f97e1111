//! `berthctl banner`: what consoles and logins show of the machine. `berth-banner.path` has it run
//! again when the network has changed.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use boots::{End, History};
use observe::{Root, slot};

use crate::status::{Link, links, os_release};

const USAGE: &str = "\
usage: berthctl banner

Writes what logins show (/run/issue, /run/motd), and shows it on the consoles where it has changed.";

/// What it is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Facts {
    system: String,
    slot: Option<String>,
    host: String,
    links: Vec<Link>,
    /// How the last boot ended, where that was not as it should be.
    last: Option<String>,
}

/// Runs `berthctl banner`.
///
/// # Errors
/// The files cannot be written.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    match arguments.first().map(String::as_str) {
        None => {}
        Some("--help" | "-h") => {
            println!("{USAGE}");
            return Ok(0);
        }
        Some(other) => bail!("unexpected argument {other}\n{USAGE}"),
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
    let last = history
        .before(&this)
        .filter(|boot| !matches!(boot.end, Some(End::Shutdown { emergency: false, .. })));
    Facts {
        system: format!("{} {}", named("NAME"), named("VERSION_ID")),
        slot: slot::running(&root).map(|slot| slot.to_string()),
        host: root.text("/proc/sys/kernel/hostname").trim().to_owned(),
        // Without addresses the rest is shown all the same.
        links: links().unwrap_or_default(),
        last: last.map(|boot| boot.ending(&this)),
    }
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
    if let Some(last) = &facts.last {
        text.push_str(&format!("  the last boot: {last}\n"));
    }
    text.push_str("  more: berthctl status\n\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
        facts.last = Some("panic: sysrq triggered crash".into());
        assert_eq!(
            text(&facts),
            "\nBerth 0.1.0, slot A, on berth\n  eth0: 10.0.2.15 fec0::1\n  the last boot: panic: sysrq triggered crash\n  \
             more: berthctl status\n\n"
        );
    }
}
