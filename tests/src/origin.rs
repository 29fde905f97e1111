//! Where updates come from: a repository of releases, and the server that it is fetched from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use release::{Extension, Keys, Release, Repository};

use crate::files::Files;

/// The channel that machines follow where their settings name none.
const CHANNEL: &str = "stable";
/// The machine that a guest reaches behind QEMU's own network: this one.
const HOST: &str = "10.0.2.2";

/// A repository that is served.
pub struct Origin {
    repository: Repository,
    files: Files,
    root: PathBuf,
}

impl Origin {
    /// A new repository in `folder`, with keys of its own and no release yet. What was in the folder is gone.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(folder: &Path) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("clear {}", folder.display()))?;
        }
        let [keys, served] = ["keys", "served"].map(|name| folder.join(name));
        fs::create_dir_all(&served).with_context(|| format!("make {}", served.display()))?;
        fs::create_dir_all(&keys)?;
        let keys = Keys::init(&keys)?;
        let root = keys.root_json();
        Ok(Self { repository: Repository::create(&served, keys)?, files: Files::serve(&served), root })
    }

    /// Releases the build in a folder.
    ///
    /// # Errors
    /// It is no finished build, or the repository refuses it.
    pub fn release(&mut self, build: &Path) -> Result<()> {
        self.release_with(build, Vec::new())
    }

    /// Releases the build in a folder with extensions; where it is released already, they are added.
    ///
    /// # Errors
    /// It is no finished build, or the repository refuses it.
    pub fn release_with(&mut self, build: &Path, extensions: Vec<Extension>) -> Result<()> {
        self.repository.add(&Release { extensions, ..Release::from_build(build)? }, CHANNEL)
    }

    /// The server.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Where a machine behind QEMU's own network finds it.
    pub fn url(&self) -> String {
        format!("http://{HOST}:{}", self.files.port())
    }

    /// The root of trust that machines are given.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn root(&self) -> Result<String> {
        fs::read_to_string(&self.root).with_context(|| format!("read {}", self.root.display()))
    }
}
