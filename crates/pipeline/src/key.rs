//! Hashes of what a step depends on.

use anyhow::{Context as _, Result};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The SHA-256 of all that a step's output depends on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

impl Key {
    pub(crate) fn new(hash: Sha256) -> Self {
        Self(hash.finalize().into())
    }

    /// The first 16 hexadecimal digits: enough for a directory's name.
    pub fn short(&self) -> String {
        self.to_string()[..16].to_owned()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Adds a field to a hash so that no two sequences of fields give the same bytes.
pub(crate) fn add(hash: &mut Sha256, field: &[u8]) {
    hash.update((field.len() as u64).to_le_bytes());
    hash.update(field);
}

/// The SHA-256 of bytes, in lower-case hexadecimal.
pub fn hash_bytes(bytes: &[u8]) -> String {
    Key::new(Sha256::new_with_prefix(bytes)).to_string()
}

/// The SHA-256 of a file's content, in lower-case hexadecimal.
///
/// # Errors
/// The file cannot be read.
pub fn hash_file(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).with_context(|| format!("reading {}", path.display()))?;
        if count == 0 {
            return Ok(Key::new(hash).to_string());
        }
        hash.update(&buffer[..count]);
    }
}

/// What a symbolic link below a tree stands for: what its reader takes it for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// Itself: it is copied as a link.
    Kept,
    /// The file that it leads to, where it leads to one.
    Followed,
}

/// A hash over a file, or over a directory's files: relative names, contents, links' targets, and
/// whether a file is executable. Times, owners and the directory's own place do not count, nor whether a
/// link leads to it.
///
/// # Errors
/// It is not there, or something below cannot be read.
pub fn hash_tree(path: &Path) -> Result<String> {
    hash_with(path, Links::Kept)
}

/// As [`hash_tree`], with links taken as their reader takes them.
pub(crate) fn hash_with(path: &Path, links: Links) -> Result<String> {
    // Where a link leads: every reader follows one that is the input itself.
    let root = path.canonicalize().with_context(|| format!("reading {}", path.display()))?;
    let mut hash = Sha256::new();
    visit(&root, Path::new(""), links, &mut hash)?;
    Ok(Key::new(hash).to_string())
}

fn visit(path: &Path, relative: &Path, links: Links, hash: &mut Sha256) -> Result<()> {
    let reading = || format!("reading {}", path.display());
    let mut metadata = fs::symlink_metadata(path).with_context(reading)?;
    if links == Links::Followed
        && metadata.is_symlink()
        && let Ok(followed) = fs::metadata(path)
        && followed.is_file()
    {
        metadata = followed;
    }
    add(hash, relative.as_os_str().as_encoded_bytes());
    if metadata.is_symlink() {
        add(hash, b"link");
        add(hash, fs::read_link(path).with_context(reading)?.as_os_str().as_encoded_bytes());
    } else if metadata.is_dir() {
        add(hash, b"directory");
        let mut names = Vec::new();
        for entry in fs::read_dir(path).with_context(reading)? {
            names.push(entry.with_context(reading)?.file_name());
        }
        names.sort();
        for name in names {
            visit(&path.join(&name), &relative.join(&name), links, hash)?;
        }
    } else {
        let executable = metadata.permissions().mode() & 0o111 != 0;
        add(hash, if executable { b"program" } else { b"file" });
        add(hash, hash_file(path)?.as_bytes());
    }
    Ok(())
}
