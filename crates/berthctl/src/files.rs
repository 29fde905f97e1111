//! The folders of unit files: those of a system that runs, or of one below a folder.

use std::ops::Deref;
use std::path::Path;

use anyhow::Result;
use layout::path::RUN_TRANSIENT;
use unit::control::Request;
use unit::install::Change;
use unit_files::installed::{Installed, UNIT_PATH};

use crate::client;

/// Unit files of a system, running or not.
pub struct Files {
    installed: Installed,
    /// Whether a PID 1 runs by these files.
    is_live: bool,
}

impl Deref for Files {
    type Target = Installed;

    fn deref(&self) -> &Installed {
        &self.installed
    }
}

impl Files {
    /// Reads the folders: those of the system below `root`, or those that PID 1 reads; where there
    /// is no PID 1 to ask, those that it would.
    ///
    /// # Errors
    /// A folder that is there cannot be read.
    pub fn open(root: Option<&str>) -> Result<Files> {
        let (paths, transient, is_live) = match root.map_or_else(|| client::manager().ok(), |_| None) {
            Some(manager) => (manager.unit_path, manager.transient, true),
            None => (UNIT_PATH.map(str::to_owned).to_vec(), RUN_TRANSIENT.to_owned(), false),
        };
        let root = Path::new(root.unwrap_or("/"));
        let installed = Installed::open(root, &paths, &transient, &mut |fault| eprintln!("{fault}"))?;
        Ok(Files { installed, is_live })
    }

    /// Says which changes would be made.
    pub fn tell(&self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Link { path, to } => println!("Would create symlink '{path}' \u{2192} '{to}'."),
                Change::Remove { path } => println!("Would remove '{path}'."),
            }
        }
    }

    /// Makes changes, and says which.
    ///
    /// # Errors
    /// A link cannot be made or removed.
    pub fn apply(&self, changes: &[Change], quiet: bool) -> Result<()> {
        for change in changes {
            self.installed.apply(change)?;
            match change {
                _ if quiet => {}
                Change::Link { path, to } => eprintln!("Created symlink '{path}' \u{2192} '{to}'."),
                Change::Remove { path } => eprintln!("Removed '{path}'."),
            }
        }
        Ok(())
    }

    /// Has PID 1, where it runs by these files, read them again.
    ///
    /// # Errors
    /// PID 1 refuses.
    pub fn reload(&self) -> Result<()> {
        if self.is_live { client::order(&Request::Reload) } else { Ok(()) }
    }
}
