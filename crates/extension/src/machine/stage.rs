//! What an update brings: images for the base that is to come, whole and trusted before its kernel is.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use layout::extension::{RECORDS, STAGED, SUFFIX};
use manifest::Version;
use manifest::channel::Extension;
use sys::file::sync_folder;
use verity::RootHash;

use super::{below, open, record, record_path, staged};

/// An image on its way to the machine: written with [`Write`], in place once [`Staging::finish`] has returned. Dropped
/// before that it leaves nothing.
#[derive(Debug)]
pub struct Staging<'a> {
    root: &'a Path,
    base: &'a Version,
    extension: &'a Extension,
    file: File,
    partial: PathBuf,
    left: u64,
}

impl<'a> Staging<'a> {
    /// Begins to write the image of an extension for a version of the base. The bytes must be those of a target whose
    /// signatures have held; what is written here is compared with what the signed index says of it once more.
    ///
    /// # Errors
    /// The folder cannot be written to, or the name is none.
    pub fn begin(root: &'a Path, base: &'a Version, extension: &'a Extension) -> Result<Self> {
        ensure!(crate::candidates::is_name(&extension.name), "{:?} names no extension", extension.name);
        let folder = below(root, STAGED).join(base.as_str());
        fs::create_dir_all(&folder).with_context(|| format!("make the folder {}", folder.display()))?;
        // The leading dot keeps a boot from looking at it.
        let partial = folder.join(format!(".{}{SUFFIX}.new", extension.name));
        let writing = || format!("write {}", partial.display());
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&partial)
            .with_context(writing)?;
        Ok(Self { root, base, extension, file, partial, left: extension.size })
    }

    /// The image is whole: puts it in its place, and trusts its root hash for this version of the base. Nobody looks
    /// at it before that base runs.
    ///
    /// # Errors
    /// The image is not the one that the index names, or it cannot be written.
    pub fn finish(self) -> Result<PathBuf> {
        let Extension { name, version, size, root_hash, .. } = self.extension;
        ensure!(self.left == 0, "the image of {name} ended {} bytes before its {size}", self.left);
        let writing = || format!("write {}", self.partial.display());
        self.file.sync_all().with_context(writing)?;
        let (opened, wanted) = (open(&self.partial)?, RootHash(root_hash.0));
        ensure!(
            opened.root_hash == wanted,
            "the image of {name} has the root hash {}, and the index says {wanted}",
            opened.root_hash
        );
        // The record first: an image without one would be left out with an alarm, a record without an image is silent.
        let mut record = record(self.root, name).unwrap_or_default();
        record.trust(version.as_str(), &wanted, self.base);
        let folder = below(self.root, RECORDS);
        fs::create_dir_all(&folder).with_context(|| format!("make the folder {}", folder.display()))?;
        sys::file::replace_synced(&record_path(self.root, name), record.to_json().as_bytes(), 0o644)?;
        sync_folder(&folder)?;
        let path = self.partial.with_file_name(format!("{name}{SUFFIX}"));
        fs::rename(&self.partial, &path)
            .with_context(|| format!("rename {} to {}", self.partial.display(), path.display()))?;
        let folders = [path.parent(), path.ancestors().nth(2), path.ancestors().nth(3)];
        for folder in folders.into_iter().flatten() {
            sync_folder(folder)?;
        }
        Ok(path)
    }
}

impl Write for Staging<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.len() as u64 > self.left {
            let text = format!(
                "the image of {} is longer than its {} bytes",
                self.extension.name, self.extension.size
            );
            return Err(std::io::Error::new(ErrorKind::InvalidData, text));
        }
        let length = self.file.write(bytes)?;
        self.left -= length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // Gone already where it is in its place.
        _ = fs::remove_file(&self.partial);
    }
}

/// Forgets what was brought for other versions of the base than these: images, and trust in them.
///
/// # Errors
/// A file cannot be removed or written.
pub fn forget_but(root: &Path, bases: &[Version]) -> Result<()> {
    let is_kept = |name: &str| bases.iter().any(|base| base.as_str() == name);
    for name in staged(root).into_iter().filter(|name| !is_kept(name)) {
        let folder = below(root, STAGED).join(name);
        fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    let folder = below(root, RECORDS);
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // One that cannot be read trusts nothing.
        let Ok(mut kept) = record(root, &name) else { continue };
        let before = kept.clone();
        kept.keep(bases);
        if kept.trusted.is_empty() {
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        } else if kept != before {
            sys::file::replace_synced(&path, kept.to_json().as_bytes(), 0o644)?;
        }
    }
    Ok(())
}
