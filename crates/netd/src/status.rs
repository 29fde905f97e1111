//! What the daemon tells others: `resolv.conf` and `netd.json` in the runtime folder. Each is
//! replaced whole, so that a reader sees the old text or the new one.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use network::status::{LinkStatus, Status};

use crate::files::Configuration;
use crate::port::Port;
use crate::port::online::unique;

/// Name of the state's file in the runtime folder.
pub const FILE: &str = layout::path::NETD_STATE;
/// Name of the resolver's file in the runtime folder.
pub const RESOLV_CONF: &str = layout::path::NETD_RESOLV;

/// The state of these links.
pub fn of<'a>(ports: impl Iterator<Item = &'a Port> + Clone, configuration: &Configuration) -> Status {
    let links: Vec<LinkStatus> = ports.clone().map(Port::status).collect();
    let counting: Vec<&Port> = ports.clone().filter(|port| port.counts()).collect();
    let names = |of: fn(&LinkStatus) -> &Vec<String>| links.iter().flat_map(of).cloned();
    // A server that cannot be reached costs each look-up its time-out, where it stands first.
    let usable = links.iter().zip(ports).filter(|(_, port)| port.is_usable());
    let dns = usable.flat_map(|(link, _)| link.dns.iter().cloned());
    Status {
        online: is_online(&links, &counting.iter().map(|port| port.link.index).collect::<Vec<_>>()),
        carrier: counting.iter().any(|port| port.link.has_carrier),
        hostname: configuration
            .hostname
            .clone()
            .or_else(|| links.iter().find_map(|link| link.hostname.clone())),
        dns: unique(configuration.dns.iter().map(ToString::to_string).chain(dns)),
        domains: unique(names(|link| &link.domains)),
        ntp: unique(names(|link| &link.ntp)),
        links,
    }
}

/// Every link that must be online is, and one at least of those that count.
fn is_online(links: &[LinkStatus], counting: &[u32]) -> bool {
    let mut counting = links.iter().filter(|link| counting.contains(&link.index));
    links.iter().all(|link| link.online || !link.required) && counting.any(|link| link.online)
}

/// Reads the state that a daemon left in its runtime folder.
///
/// # Errors
/// It cannot be read; `Ok(None)` where there is none yet.
pub fn read(run: &Path) -> Result<Option<Status>> {
    let path = run.join(FILE);
    let text = match fs::read(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.with_context(|| format!("cannot read {}", path.display()))?,
    };
    serde_json::from_slice(&text)
        .map(Some)
        .with_context(|| format!("{} is not a state of netd", path.display()))
}

/// Writes the state.
///
/// # Errors
/// The runtime folder cannot be written.
pub fn write(status: &Status, run: &Path) -> Result<()> {
    let mut text = serde_json::to_vec(status).context("cannot encode the state")?;
    text.push(b'\n');
    replace(run, FILE, &text)
}

/// Replaces a file in the runtime folder.
///
/// # Errors
/// The runtime folder cannot be written.
pub fn replace(run: &Path, name: &str, text: &[u8]) -> Result<()> {
    Ok(sys::file::replace(&run.join(name), text, 0o644)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn online_is_one_link_and_all_that_must_be() {
        let link = |index: u32, online: bool, required: bool| LinkStatus {
            index,
            online,
            required,
            ..LinkStatus::default()
        };
        for (links, counting, online) in [
            (vec![], vec![], false),
            (vec![link(1, false, false)], vec![1], false),
            (vec![link(1, false, false), link(2, true, false)], vec![1, 2], true),
            (vec![link(1, true, false)], vec![], false),
            (vec![link(1, false, true), link(2, true, false)], vec![1, 2], false),
            (vec![link(1, true, true), link(2, false, false)], vec![1, 2], true),
        ] {
            assert_eq!(is_online(&links, &counting), online, "{links:?}");
        }
    }

    #[test]
    fn the_state_comes_back() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(read(run.path()).unwrap(), None);
        let status = Status { online: true, links: vec![LinkStatus::default()], ..Status::default() };
        write(&status, run.path()).unwrap();
        assert_eq!(read(run.path()).unwrap(), Some(status));
        fs::write(run.path().join(FILE), "{").unwrap();
        assert!(read(run.path()).is_err());
    }
}
