//! The network of a machine that is not a system yet: brought up when it is needed first.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use layout::path::{NETD, NETD_RESOLV, RUN};

use crate::daemons::Daemons;
use crate::failure::Failure;
use crate::kernel_log;

/// How long it is waited for an address and a route before fetching begins, which tries on for itself.
const PATIENCE_S: u32 = 60;

/// The network.
#[derive(Debug, Default)]
pub struct Network {
    daemons: Daemons,
    is_up: bool,
}

impl Network {
    /// Not yet up.
    pub fn new() -> Self {
        Self::default()
    }

    /// The daemons that run for it, and for the disks.
    pub fn daemons(&mut self) -> &mut Daemons {
        &mut self.daemons
    }

    /// Loads the drivers of network cards, and has the network daemon configure them.
    ///
    /// # Errors
    /// A program of the image does not run. That no network comes is none: who fetches says so, and tries on.
    pub fn bring_up(&mut self) -> Result<(), Failure> {
        if self.is_up {
            return Ok(());
        }
        self.daemons.start_devd()?;
        self.daemons.start(NETD)?;
        self.is_up = true;
        let resolv = Path::new(RUN).join(NETD_RESOLV);
        let failed = |what: String| Failure::new("", what, "boot another version of the system");
        _ = fs::create_dir_all("/etc");
        match symlink(&resolv, "/etc/resolv.conf") {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(failed(format!("cannot make /etc/resolv.conf: {error}")));
            }
            _ => {}
        }
        let waited = Command::new(NETD).args(["wait-online", "--timeout", &PATIENCE_S.to_string()]).status();
        let waited = waited.map_err(|error| failed(format!("cannot run {NETD}: {error}")))?;
        if !waited.success() {
            kernel_log::alarm(&format!("no network within {PATIENCE_S} s"));
        }
        Ok(())
    }

    /// Ends what was started. Addresses stay, and the system takes them over.
    pub fn end(&mut self) {
        self.daemons.end();
    }
}
