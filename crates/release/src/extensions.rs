//! A system extension as a build left it.

use anyhow::{Context as _, Result, ensure};
use extension::candidates::is_name;
use layout::extension::SUFFIX;
use manifest::{Sha256, Version};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

use crate::store;

/// A system extension that is to be published with a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// Its version: that of the base that it was made for.
    pub version: Version,
    /// Its image.
    pub image: PathBuf,
    /// Size of the image, in bytes.
    pub size: u64,
    /// Root hash of the image's hash tree.
    pub root_hash: Sha256,
}

/// What a build says of an extension, in a file beside the image.
#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
    version: Version,
    /// File name of the image.
    image: String,
    size: u64,
    root_hash: Sha256,
}

impl Extension {
    /// What the files of an extension's build are called before their ends.
    pub fn stem(name: &str, version: &Version) -> String {
        format!("{name}_{version}")
    }

    /// The file name of its image.
    pub fn image_name(name: &str, version: &Version) -> String {
        Self::stem(name, version) + SUFFIX
    }

    /// The file beside the image that says what it is.
    pub fn entry_name(name: &str, version: &Version) -> String {
        Self::stem(name, version) + ".extension.json"
    }

    /// What stands in that file.
    ///
    /// # Errors
    /// The image's name cannot be written.
    pub fn entry(&self) -> Result<serde_json::Value> {
        let Self { name, version, image, size, root_hash } = self.clone();
        let image = image.file_name().and_then(|name| name.to_str());
        let image = image.with_context(|| format!("{name} has no image with a name"))?.to_owned();
        let entry = Entry { name, version, image, size, root_hash };
        serde_json::to_value(entry).context("writing what the extension is")
    }

    /// The extension of that name for that version of the base, in a folder that `cargo xtask extension` wrote.
    ///
    /// # Errors
    /// It is not there.
    pub fn from_build(directory: &Path, name: &str, version: &Version) -> Result<Self> {
        let path = directory.join(Self::entry_name(name, version));
        let bytes = store::read(&path).with_context(|| {
            format!("the extension {name} for {version} is not there: build it with `cargo xtask extension --out {}`", directory.display())
        })?;
        let entry: Entry =
            serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display()))?;
        ensure!(
            entry.name == name && entry.version == *version,
            "{} is of {} {}, not of {name} {version}",
            path.display(),
            entry.name,
            entry.version
        );
        let Entry { name, version, image, size, root_hash } = entry;
        Ok(Self { name, version, image: directory.join(image), size, root_hash })
    }

    /// Reads the image, and holds it to what is said of it: a machine would refuse what does not fit.
    pub(crate) fn read(&self) -> Result<Vec<u8>> {
        let Self { name, image, size, root_hash, .. } = self;
        ensure!(
            is_name(name),
            "{name:?} names no extension: lower-case letters, digits and `-`, a letter first"
        );
        let bytes = store::read(image)?;
        let path = image.display();
        ensure!(
            bytes.len() as u64 == *size,
            "{path} has {} bytes, and not {size}: build it again",
            bytes.len()
        );
        let reading = || format!("reading {path}");
        let opened = extension::machine::open(image).with_context(reading)?;
        ensure!(
            opened.root_hash.0 == root_hash.0,
            "{path} has the root hash {}, and not {root_hash}: build it again",
            opened.root_hash
        );
        opened.verify().with_context(reading)?;
        Ok(bytes)
    }
}
