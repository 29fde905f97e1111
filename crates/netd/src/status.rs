//! What the daemon tells others: `resolv.conf` and `netd.json` in the runtime folder. Each is
//! replaced whole, so that a reader sees the old text or the new one.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Name of the state's file in the runtime folder.
pub const FILE: &str = layout::path::NETD_STATE;
/// Name of the resolver's file in the runtime folder.
pub const RESOLV_CONF: &str = layout::path::NETD_RESOLV;

/// The state of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether some link has an address that others can be reached from, with its route.
    pub online: bool,
    /// The links that the daemon looks after, by index.
    pub links: Vec<LinkStatus>,
}

/// The state of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    pub name: String,
    pub carrier: bool,
    /// The leased address with its prefix.
    pub ipv4: Option<String>,
    pub gateway: Option<Ipv4Addr>,
    pub dns: Vec<Ipv4Addr>,
    pub ntp: Vec<Ipv4Addr>,
    /// Global addresses that are ready for use.
    pub ipv6: Vec<Ipv6Addr>,
}

impl Status {
    /// The state of these links.
    pub fn of(links: Vec<LinkStatus>) -> Self {
        let online = links.iter().any(|l| l.carrier && (l.ipv4.is_some() || !l.ipv6.is_empty()));
        Self { online, links }
    }

    /// Reads the state that a daemon left in its runtime folder.
    ///
    /// # Errors
    /// It cannot be read; `Ok(None)` where there is none yet.
    pub fn read(run: &Path) -> Result<Option<Self>> {
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
    pub fn write(&self, run: &Path) -> Result<()> {
        let mut text = serde_json::to_vec(self).context("cannot encode the state")?;
        text.push(b'\n');
        replace(run, FILE, &text)
    }
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

    fn link(carrier: bool, ipv4: bool, ipv6: bool) -> LinkStatus {
        LinkStatus {
            name: "eth0".to_owned(),
            carrier,
            ipv4: ipv4.then(|| "10.0.2.15/24".to_owned()),
            gateway: None,
            dns: vec![],
            ntp: vec![],
            ipv6: if ipv6 { vec![Ipv6Addr::LOCALHOST] } else { vec![] },
        }
    }

    #[test]
    fn online_is_an_address_on_a_link_with_a_carrier() {
        let cases = [
            (vec![], false),
            (vec![link(true, false, false)], false),
            (vec![link(false, true, true)], false),
            (vec![link(true, false, false), link(true, true, false)], true),
            (vec![link(true, false, true)], true),
        ];
        for (links, online) in cases {
            assert_eq!(Status::of(links.clone()).online, online, "{links:?}");
        }
    }

    #[test]
    fn the_state_comes_back() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(Status::read(run.path()).unwrap(), None);
        let status = Status::of(vec![link(true, true, true)]);
        status.write(run.path()).unwrap();
        assert_eq!(Status::read(run.path()).unwrap(), Some(status));
        fs::write(run.path().join(FILE), "{").unwrap();
        assert!(Status::read(run.path()).is_err());
    }
}
