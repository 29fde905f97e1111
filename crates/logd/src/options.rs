//! The command line. The image runs the daemon without arguments; tests name other paths.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// What the daemon reads from and writes to, besides its descriptors.
pub struct Options {
    /// The journal's folder.
    pub journal: PathBuf,
    /// Where the socket for syslog(3) is made.
    pub syslog: PathBuf,
    /// The kernel's log.
    pub kmsg: PathBuf,
}

impl Options {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// An argument is not one of the three, or lacks its path.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options =
            Self { journal: journal::DIR.into(), syslog: "/dev/log".into(), kmsg: "/dev/kmsg".into() };
        while let Some(name) = arguments.next() {
            let place = match name.as_str() {
                "--journal" => &mut options.journal,
                "--syslog" => &mut options.syslog,
                "--kmsg" => &mut options.kmsg,
                _ => bail!(
                    "unknown argument {name:?}: usage: logd [--journal DIR] [--syslog PATH] [--kmsg PATH]"
                ),
            };
            *place = arguments.next().with_context(|| format!("{name} wants a path after it"))?.into();
        }
        Ok(options)
    }
}
