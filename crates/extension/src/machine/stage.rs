//! What an update brings: images for the base that is to come, whole and trusted before its kernel is.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use layout::extension::{RECORDS, STAGED, SUFFIX};
use manifest::Version;
use manifest::channel::Extension;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use sys::file::sync_folder;
use verity::RootHash;

use super::{below, open, record, record_path, staged};

/// How the name of an image ends that is not whole. It begins with a dot, so that no boot looks at it.
const PARTIAL: &str = ".raw.new";
/// What all may read: images are no secrets.
const FILE_MODE: u32 = 0o644;
const FOLDER_MODE: u32 = 0o755;

/// An image on its way to the machine: there is room for it, and it is being written. Dropped before it is in its
/// place, it leaves nothing.
#[derive(Debug)]
pub struct Staging<'a> {
    root: &'a Path,
    base: &'a Version,
    extension: &'a Extension,
    file: File,
    /// How much was there of an attempt that a power cut ended, in bytes.
    had: u64,
    partial: Partial,
}

/// An image that is whole, on the disk and the signed one.
#[derive(Debug)]
pub struct Proved<'a>(Staging<'a>);

/// A file that is not to stay.
#[derive(Debug)]
struct Partial(PathBuf);

impl<'a> Staging<'a> {
    /// Makes room for the image of an extension for a version of the base.
    ///
    /// # Errors
    /// There is no room, the folder cannot be written to, or the name is none.
    pub fn begin(root: &'a Path, base: &'a Version, extension: &'a Extension) -> Result<Self> {
        ensure!(crate::candidates::is_name(&extension.name), "{:?} names no extension", extension.name);
        let folder = below(root, STAGED).join(base.as_str());
        for folder in [below(root, STAGED), folder.clone()] {
            let making = || format!("make the folder {}", folder.display());
            DirBuilder::new().recursive(true).create(&folder).with_context(making)?;
            fs::set_permissions(&folder, Permissions::from_mode(FOLDER_MODE)).with_context(making)?;
        }
        let partial = Partial(folder.join(format!(".{}{PARTIAL}", extension.name)));
        let path = &partial.0;
        let writing = || format!("write {}", path.display());
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let file = file.with_context(writing)?;
        let had = file.metadata().with_context(writing)?.len().min(extension.size);
        match fallocate(file.as_fd(), FallocateFlags::empty(), 0, extension.size) {
            // A file system that promises nothing says so when it is full.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(Errno::NOSPC | Errno::FBIG | Errno::DQUOT) => bail!(
                "there is no room for the {} KiB of the extension {} in {}: make some",
                extension.size.div_ceil(1 << 10),
                extension.name,
                folder.display()
            ),
            Err(error) => return Err(error).with_context(writing),
        }
        file.set_len(extension.size).with_context(writing)?;
        file.set_permissions(Permissions::from_mode(FILE_MODE)).with_context(writing)?;
        Ok(Self { root, base, extension, file, had, partial })
    }

    /// The file to write to, as long as the image.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// How many of its first bytes an attempt before may have written.
    pub fn had(&self) -> u64 {
        self.had
    }

    /// Reads the image back from the disk, and holds all of it to the signed root hash.
    ///
    /// # Errors
    /// It is another one, is not whole, or the disk fails.
    pub fn prove(self) -> Result<Proved<'a>> {
        let Extension { name, size, root_hash, .. } = self.extension;
        let path = &self.partial.0;
        let writing = || format!("write {}", path.display());
        self.file.sync_all().with_context(writing)?;
        let length = self.file.metadata().with_context(writing)?.len();
        ensure!(length == *size, "the image of {name} has {length} bytes, and the index says {size}");
        let proving = || format!("look at the image of {name}");
        let (opened, wanted) = (open(path).with_context(proving)?, RootHash(root_hash.0));
        ensure!(
            opened.root_hash == wanted,
            "the image of {name} has the root hash {}, and the index says {wanted}",
            opened.root_hash
        );
        opened.verify().with_context(proving)?;
        Ok(Proved(self))
    }
}

impl Proved<'_> {
    /// Puts the image in its place, and trusts its root hash for this version of the base. Nobody looks at it before
    /// that base runs.
    ///
    /// # Errors
    /// A file or folder cannot be written.
    pub fn place(self) -> Result<PathBuf> {
        let Staging { root, base, extension, partial, .. } = self.0;
        let Extension { name, version, root_hash, .. } = extension;
        // The record first: an image without one would be left out with an alarm, a record without an image is silent.
        let mut record = record(root, name).unwrap_or_default();
        record.trust(version.as_str(), &RootHash(root_hash.0), base);
        let folder = below(root, RECORDS);
        fs::create_dir_all(&folder).with_context(|| format!("make the folder {}", folder.display()))?;
        sys::file::replace_synced(&record_path(root, name), record.to_json().as_bytes(), FILE_MODE)?;
        sync_folder(&folder)?;
        let path = partial.0.with_file_name(format!("{name}{SUFFIX}"));
        fs::rename(&partial.0, &path)
            .with_context(|| format!("rename {} to {}", partial.0.display(), path.display()))?;
        let folders = [path.parent(), path.ancestors().nth(2), path.ancestors().nth(3)];
        for folder in folders.into_iter().flatten() {
            sync_folder(folder)?;
        }
        Ok(path)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone already where it is in its place. The folder stays where something is in it.
        _ = fs::remove_file(&self.0);
        _ = self.0.parent().map(fs::remove_dir);
    }
}

/// Whether anything is there that [`forget_but`] would look at: more than what is for the base that runs.
pub fn has_more_than(root: &Path, base: &Version) -> bool {
    staged(root).iter().any(|name| name != base.as_str())
}

/// Forgets what was brought for other versions of the base than these, images and trust in them, and what is not whole
/// of any. Nobody may be bringing something meanwhile.
///
/// # Errors
/// A file cannot be removed or written.
pub fn forget_but(root: &Path, bases: &[Version]) -> Result<()> {
    let is_kept = |name: &str| bases.iter().any(|base| base.as_str() == name);
    let all = below(root, STAGED);
    for name in staged(root) {
        let folder = all.join(&name);
        let removing = |path: &Path| format!("remove {}", path.display());
        if !is_kept(&name) {
            fs::remove_dir_all(&folder).with_context(|| removing(&folder))?;
            continue;
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().ends_with(PARTIAL) {
                fs::remove_file(entry.path()).with_context(|| removing(&entry.path()))?;
            }
        }
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
            sys::file::replace_synced(&path, kept.to_json().as_bytes(), FILE_MODE)?;
        }
    }
    Ok(())
}
