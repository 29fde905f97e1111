//! The command line: other places than the machine's, for tests.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// What the daemon reads from and writes to, besides its descriptors.
#[derive(Debug, Default)]
pub struct Options {
    /// The journal's folder, whatever the configuration says.
    pub journal: Option<PathBuf>,
    /// The kernel's log.
    pub kmsg: PathBuf,
    /// The configuration, in the place of the machine's.
    pub config: Option<PathBuf>,
    /// A folder in which to make the sockets that PID 1 did not give.
    pub sockets: Option<PathBuf>,
}

impl Options {
    /// The socket for orders.
    pub fn control(&self) -> PathBuf {
        match &self.sockets {
            Some(folder) => folder.join("control"),
            None => layout::path::LOGD_SOCKET.into(),
        }
    }

    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// An argument is unknown, or lacks its path.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self { kmsg: "/dev/kmsg".into(), ..Self::default() };
        while let Some(name) = arguments.next() {
            let mut path = || {
                let path = arguments.next().map(PathBuf::from);
                path.with_context(|| format!("{name} wants a path after it"))
            };
            match name.as_str() {
                "--journal" => options.journal = Some(path()?),
                "--kmsg" => options.kmsg = path()?,
                "--config" => options.config = Some(path()?),
                "--sockets" => options.sockets = Some(path()?),
                _ => bail!(
                    "unknown argument {name:?}: usage: logd [--journal DIR] [--kmsg PATH] [--config FILE] \
                     [--sockets DIR]"
                ),
            }
        }
        Ok(options)
    }
}
