//! The record of updates on the disk.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use update_state::State;

/// The folder of the record, and of what else updates need.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The machine's.
    pub fn system() -> Self {
        Self::at(layout::path::UPDATE)
    }

    /// One at another place.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Its folder; made, for root alone, where it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self) -> Result<&Path> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.with_context(|| format!("make {}", self.folder.display()))?;
        Ok(&self.folder)
    }

    fn file(&self) -> PathBuf {
        let name = Path::new(layout::path::UPDATE_STATE).file_name().unwrap_or_default();
        self.folder.join(name)
    }

    /// What is remembered; nothing where there is no record yet.
    ///
    /// # Errors
    /// It cannot be read, or makes no sense.
    pub fn read(&self) -> Result<State> {
        let path = self.file();
        match fs::read_to_string(&path) {
            Ok(text) => State::from_json(&text).with_context(|| format!("read {}", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    /// Changes the record. It is on the disk when this returns, as a whole or not at all.
    ///
    /// A record that makes no sense is put aside, and a new one begun: a machine must be able to take an update that
    /// mends what wrote it.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> Result<T> {
        let lock = self.lock("lock")?;
        lock.lock().context("lock the record of updates")?;
        let path = self.file();
        let mut state = match self.read() {
            Ok(state) => state,
            Err(error) if path.is_file() => {
                let aside = path.with_extension("json.broken");
                eprintln!("{error:#}; it is put aside as {}", aside.display());
                fs::rename(&path, &aside).with_context(|| format!("rename {}", path.display()))?;
                State::default()
            }
            Err(error) => return Err(error),
        };
        let before = state.clone();
        let done = change(&mut state);
        if state != before {
            sys::file::replace_synced(&path, state.to_json().as_bytes(), 0o600)
                .with_context(|| format!("write {}", path.display()))?;
            sys::file::sync_folder(&self.folder)?;
        }
        Ok(done)
    }

    /// Keeps others from installing at the same time, until it is dropped. None where another does.
    ///
    /// # Errors
    /// The lock's file cannot be made.
    pub fn begin(&self) -> Result<Option<File>> {
        let lock = self.lock("install.lock")?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("keep others from installing"),
        }
    }

    fn lock(&self, name: &str) -> Result<File> {
        let path = self.folder()?.join(name);
        let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path);
        file.with_context(|| format!("open {}", path.display()))
    }
}

/// Seconds since 1970 began.
pub fn now() -> u64 {
    sys::machine::wall_clock().as_secs()
}
