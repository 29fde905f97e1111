//! Leases are kept in the runtime folder, a file a link, for the daemon that comes after this one: that of the
//! running system after that of stage 1, and one after a restart.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use network::ra::Known;
use network::{dhcp, dhcp6};
use serde::{Deserialize, Serialize};

/// The folder.
const FOLDER: &str = "netd";

/// What is kept of a link. Times in it are of CLOCK_BOOTTIME, which goes on from stage 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The link's hardware address: another may have got its index.
    pub mac: Option<[u8; 6]>,
    /// The lease of IPv4.
    pub dhcp4: Option<dhcp::Held>,
    /// The lease of IPv6.
    pub dhcp6: Option<dhcp6::Held>,
    /// What routers said of name servers.
    pub ra: Known,
}

impl Kept {
    /// What a daemon before this one kept of a link; nothing where that is not the same link, or cannot be read.
    pub fn read(run: &Path, index: u32, mac: Option<[u8; 6]>) -> Self {
        let text = fs::read(path(run, index)).unwrap_or_default();
        let kept: Option<Self> = serde_json::from_slice(&text).ok();
        kept.filter(|kept| kept.mac == mac && mac.is_some()).unwrap_or_default()
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The runtime folder cannot be written.
    pub fn write(&self, run: &Path, index: u32) -> Result<()> {
        let folder = run.join(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let text = serde_json::to_vec(self).context("cannot encode a lease")?;
        Ok(sys::file::replace(&path(run, index), &text, 0o600)?)
    }
}

fn path(run: &Path, index: u32) -> PathBuf {
    run.join(FOLDER).join(format!("{index}.json"))
}
