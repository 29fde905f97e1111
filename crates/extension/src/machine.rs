//! The effects: what lies on a machine, what a boot merges, and what an update brings. All takes the root folder of the
//! machine, so that tests need none.

mod activate;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use disk_table::Geometry;
use layout::disk::SECTOR;
use layout::extension::{DIRS, RECORDS, STAGED, STATE, SUFFIX, WANTED};
use layout::path::OS_RELEASE;
use manifest::Version;
use manifest::channel::Extension;
use rustix::fs::{Advice, fadvise};
use sys::partition_table;
use verity::{HashTree, RootHash, Superblock};

pub use activate::activate;
pub use stage::{Proved, Staging, forget_but, has_more_than};

use crate::candidates::{Candidate, Entry, Kind, choose};
use crate::image::{HEAD, Parts, head, parts};
use crate::release::Fields;
use crate::{Boot, Record, State};

/// How much of an image is read at a time, in bytes.
const PART: usize = 1 << 20;
/// The largest file of text that is read.
const MOST_TEXT: u64 = 1 << 20;

/// A path of the running system below a root folder.
fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// The image of each name that counts where a version of the base runs.
///
/// # Errors
/// A folder cannot be read.
pub fn candidates(root: &Path, base: &str) -> Result<BTreeMap<String, Candidate>> {
    let [own, common] = DIRS.map(|folder| below(root, folder));
    let folders = [own, below(root, STAGED).join(base), common];
    let mut found = Vec::new();
    for folder in &folders {
        found.push((folder.as_path(), entries(folder)?));
    }
    Ok(choose(&found))
}

/// The versions of the base that updates brought extensions for.
pub fn staged(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(below(root, STAGED)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The images that updates brought for a version of the base, by name.
///
/// # Errors
/// The folder cannot be read.
pub fn staged_for(root: &Path, base: &str) -> Result<BTreeMap<String, PathBuf>> {
    let folder = below(root, STAGED).join(base);
    let chosen = choose(&[(folder.as_path(), entries(&folder)?)]);
    let path = |candidate| match candidate {
        Candidate::Image(path) | Candidate::Unusable(path, _) => path,
    };
    Ok(chosen.into_iter().map(|(name, candidate)| (name, path(candidate))).collect())
}

fn entries(folder: &Path) -> Result<Vec<Entry>> {
    let reading = || format!("read the folder {}", folder.display());
    let list = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        other => other.with_context(reading)?,
    };
    let mut entries = Vec::new();
    for entry in list {
        let entry = entry.with_context(reading)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = entry.path();
        let is_mask = fs::read_link(&path).is_ok_and(|target| target == Path::new("/dev/null"));
        let kind = match fs::metadata(&path) {
            _ if is_mask => Kind::Mask,
            Ok(metadata) if metadata.is_dir() => Kind::Folder,
            Ok(metadata) if metadata.is_file() => Kind::File,
            _ => Kind::Other,
        };
        entries.push(Entry { name, kind });
    }
    Ok(entries)
}

/// The names of the extensions that an update must bring along where a version of the base runs: those that the machine
/// is to have, those that an update brought for that base, and those that this boot merged; without those that the
/// operator has taken away by a link to /dev/null. With them the lines of the list that are no name.
///
/// # Errors
/// A file or folder cannot be read.
pub fn has(root: &Path, base: &str) -> Result<(BTreeSet<String>, Vec<String>)> {
    let (mut names, wrong) = crate::update::wanted(&text(&below(root, WANTED))?.unwrap_or_default());
    names.extend(staged_for(root, base)?.into_keys());
    if let Some(boot) = merged(root)? {
        let active = boot.extensions.into_iter().filter(|one| one.state == State::Active);
        names.extend(active.map(|one| one.name));
    }
    for entry in entries(&below(root, DIRS[0]))?.iter().filter(|entry| entry.kind == Kind::Mask) {
        names.remove(entry.extension());
    }
    Ok((names, wrong))
}

/// The operator's own choice of a name: what is in /etc comes before what an update brings.
///
/// # Errors
/// The folder cannot be read.
pub fn own(root: &Path, name: &str) -> Result<Option<PathBuf>> {
    let folder = below(root, DIRS[0]);
    let found =
        entries(&folder)?.into_iter().find(|entry| entry.kind != Kind::Mask && entry.extension() == name);
    Ok(found.map(|entry| folder.join(entry.name)))
}

/// The image at a path where it is trusted for a version of the base; none where it is not, or is no image.
pub fn trusted(root: &Path, name: &str, path: &Path, base: &str) -> Option<Opened> {
    let opened = open(path).ok()?;
    record(root, name).ok()?.find(&opened.root_hash, base)?;
    Some(opened)
}

/// The image of an extension where it was brought for a version of the base before.
pub fn brought(root: &Path, base: &Version, extension: &Extension) -> Option<Opened> {
    let path = below(root, STAGED).join(base.as_str()).join(format!("{}{SUFFIX}", extension.name));
    let opened = trusted(root, &extension.name, &path, base.as_str())?;
    (opened.root_hash == RootHash(extension.root_hash.0)).then_some(opened)
}

/// The record of an extension; an empty one where there is none.
///
/// # Errors
/// It cannot be read.
pub fn record(root: &Path, name: &str) -> Result<Record> {
    let path = record_path(root, name);
    match text(&path)? {
        None => Ok(Record::default()),
        Some(text) => Record::from_json(&text).with_context(|| format!("read {}", path.display())),
    }
}

fn record_path(root: &Path, name: &str) -> PathBuf {
    below(root, RECORDS).join(format!("{name}.json"))
}

/// What the running system made of the extensions at its boot: nothing where there were none.
///
/// # Errors
/// It cannot be read.
pub fn this_boot(root: &Path) -> Result<Boot> {
    match merged(root)? {
        None => {
            Ok(Boot { base: base(root)?.get("VERSION_ID").unwrap_or_default().to_owned(), ..Boot::default() })
        }
        Some(boot) => Ok(boot),
    }
}

fn merged(root: &Path) -> Result<Option<Boot>> {
    let path = below(root, STATE);
    let read = text(&path)?.map(|text| serde_json::from_str(&text)).transpose();
    read.with_context(|| format!("read {}", path.display()))
}

/// The base's os-release.
///
/// # Errors
/// It cannot be read.
pub fn base(root: &Path) -> Result<Fields> {
    let path = below(root, OS_RELEASE);
    let text = text(&path)?.with_context(|| format!("there is no {}", path.display()))?;
    Ok(Fields::parse(&text))
}

/// A file's text; none where there is no file.
fn text(path: &Path) -> Result<Option<String>> {
    let reading = || format!("read {}", path.display());
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(reading),
        Ok(metadata) if metadata.len() > MOST_TEXT => anyhow::bail!("{} is too long", path.display()),
        Ok(_) => {}
    }
    fs::read_to_string(path).map(Some).with_context(reading)
}

/// An image whose hash tree has been looked at.
#[derive(Debug)]
pub struct Opened {
    file: File,
    parts: Parts,
    superblock: Superblock,
    /// Root hash of its hash tree. It proves the image only where it is a trusted one.
    pub root_hash: RootHash,
}

/// Looks at an image.
///
/// # Errors
/// It has no partitions of an extension, or cannot be read.
pub fn open(path: &Path) -> Result<Opened> {
    let reading = || format!("read {}", path.display());
    let file = File::open(path).with_context(reading)?;
    let size = file.metadata().with_context(reading)?.len();
    let table = partition_table::load(&file, Geometry::new(size, SECTOR))?.table;
    let parts = parts(&table)?;
    let tree = partition_table::read_at(&file, parts.hashes.start, HEAD).with_context(reading)?;
    let (superblock, root_hash) = head(&tree, parts.data)?;
    Ok(Opened { file, parts, superblock, root_hash })
}

impl Opened {
    /// Reads the image from the disk, not from memory, and compares every block with the tree, and the tree with
    /// [`Opened::root_hash`].
    ///
    /// # Errors
    /// Something differs, or cannot be read.
    pub fn verify(&self) -> Result<()> {
        let Self { file, parts, superblock, root_hash } = self;
        self.forget()?;
        let reading = "read the image";
        let leaves = verity::read_leaves(&superblock.salt, superblock.data_size(), |offset, part| {
            file.read_exact_at(part, parts.data.start + offset).context(reading)
        })?;
        let tree = HashTree::from_leaves(superblock.uuid, &superblock.salt, &leaves)?;
        ensure!(
            tree.root_hash == *root_hash,
            "its content has the root hash {}, and its hash tree {root_hash}",
            tree.root_hash
        );
        ensure!(tree.bytes.len() as u64 <= parts.hashes.size, "its hash tree is cut short");
        let mut part = vec![0; PART];
        for (number, wanted) in tree.bytes.chunks(PART).enumerate() {
            let part = &mut part[..wanted.len()];
            file.read_exact_at(part, parts.hashes.start + (number * PART) as u64).context(reading)?;
            ensure!(part == wanted, "its hash tree is not that of its content");
        }
        self.forget()
    }

    /// Has what memory holds of it read from the disk again.
    fn forget(&self) -> Result<()> {
        fadvise(self.file.as_fd(), 0, None, Advice::DontNeed).context("read the image anew")
    }
}

/// The version of the base, as versions of releases are written.
///
/// # Errors
/// Its os-release has none.
pub fn base_version(root: &Path) -> Result<Version> {
    let base = base(root)?;
    let version = base.get("VERSION_ID").with_context(|| format!("{OS_RELEASE} has no VERSION_ID="))?;
    Ok(version.parse()?)
}
