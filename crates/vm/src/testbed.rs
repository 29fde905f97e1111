//! What machines are made from: the tools tree, a build, and what runs guests here.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::key::KeyPair;
use crate::{Accel, Error, Firmware, Images, Result};
use sandbox::Tree;

/// What machines are made from.
#[derive(Clone, Debug)]
pub struct Testbed {
    tools: Tree,
    images: Images,
    accel: Accel,
    firmware: Option<Firmware>,
    /// Made when the first machine wants it; clones share it.
    keys: Arc<Mutex<Option<Arc<KeyPair>>>>,
}

impl Testbed {
    /// The tools tree at `tools` and the build in `images`; finds out what runs guests here.
    ///
    /// # Errors
    /// The build is not finished, or QEMU cannot be started.
    pub fn open(tools: impl Into<PathBuf>, images: impl AsRef<Path>) -> Result<Self> {
        let tools = Tree::at(tools.into());
        let images = Images::open(images)?;
        let accel = Accel::detect(&tools, images.kernel())?;
        Ok(Self::new(tools, images, accel))
    }

    /// From parts that are known already.
    pub fn new(tools: Tree, images: Images, accel: Accel) -> Self {
        let firmware = Firmware::find(&tools);
        Self { tools, images, accel, firmware, keys: Arc::default() }
    }

    /// With another firmware than the one that was found.
    #[must_use]
    pub fn with_firmware(self, firmware: Firmware) -> Self {
        Self { firmware: Some(firmware), ..self }
    }

    /// The tools tree.
    pub fn tools(&self) -> &Tree {
        &self.tools
    }

    /// The build.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// What runs guests here.
    pub fn accel(&self) -> Accel {
        self.accel
    }

    /// The firmware that machines start with.
    ///
    /// # Errors
    /// Neither the tools tree nor the host has one.
    pub fn firmware(&self) -> Result<&Firmware> {
        self.firmware.as_ref().ok_or(Error::NoFirmware)
    }

    /// The key pair that machines are logged in to with.
    pub(crate) fn keys(&self) -> Result<Arc<KeyPair>> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        match &*keys {
            Some(pair) => Ok(Arc::clone(pair)),
            None => Ok(Arc::clone(keys.insert(Arc::new(KeyPair::new(&self.tools)?)))),
        }
    }

    /// Runs a tool of the tree, with `folder` (and nothing else of the host) writable; what it
    /// wrote to standard output. Its network is its own, and empty.
    ///
    /// # Errors
    /// It cannot be started, or fails.
    pub fn run_tool(&self, folder: &Path, command: &[&str]) -> Result<String> {
        self.run_tool_in(&[folder], command)
    }

    /// [`Testbed::run_tool`] with several folders writable.
    pub(crate) fn run_tool_in(&self, folders: &[&Path], command: &[&str]) -> Result<String> {
        let [program, arguments @ ..] = command else {
            return Ok(String::new());
        };
        let tool = self.tools.command(program).args(arguments).bind_ro(self.images.dir()).host_network(false);
        let tool = folders.iter().fold(tool, |tool, folder| tool.bind(folder));
        let output = tool.output().map_err(Error::io("run", *program))?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(stdout);
        }
        Err(Error::Tool {
            command: command.join(" "),
            status: output.status.to_string(),
            stderr: format!("{stdout}{}", String::from_utf8_lossy(&output.stderr)).trim().to_owned(),
        })
    }
}
