//! `RuntimeDirectory=` and kin: the folders that a service gets.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use unit::service::config::{DirectoryKind, ExecContext, PRIVATE};

use crate::users::Identity;

const ROOT_ONLY: u32 = 0o700;

/// Makes a service's folders.
///
/// # Errors
/// The file system refuses, or something that is no folder is in the way.
pub fn make(exec: &ExecContext, identity: Option<&Identity>) -> Result<()> {
    for (kind, directories) in &exec.directories {
        for path in &directories.paths {
            let shown = Path::new(kind.base()).join(path);
            let doing = || format!("cannot make {}", shown.display());
            let place = match private_of(exec, *kind) {
                Some(private) => {
                    hide(&private, path, &shown).with_context(doing)?;
                    private.join(path)
                }
                None => shown.clone(),
            };
            if let Some(parent) = place.parent() {
                fs::create_dir_all(parent).with_context(doing)?;
            }
            if let Err(error) = DirBuilder::new().mode(directories.mode).create(&place)
                && !place.is_dir()
            {
                return Err(error).with_context(doing);
            }
            let mode = rustix::fs::Mode::from_raw_mode(directories.mode);
            rustix::fs::chmod(&place, mode).with_context(doing)?;
            // What is in /etc stays root's.
            if let Some(identity) = identity.filter(|_| *kind != DirectoryKind::Configuration) {
                give(&place, identity, exec.dynamic_user).with_context(doing)?;
            }
        }
    }
    Ok(())
}

/// The folder in which those of a kind are hidden from others, where its user comes and goes.
pub fn private_of(exec: &ExecContext, kind: DirectoryKind) -> Option<PathBuf> {
    kind.private_base().filter(|_| exec.dynamic_user).map(PathBuf::from)
}

/// Has a path lead to a hidden folder; one that is there already goes there.
fn hide(private: &Path, path: &str, shown: &Path) -> io::Result<()> {
    if let Err(error) = DirBuilder::new().mode(ROOT_ONLY).create(private)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(error);
    }
    let hidden = private.join(path);
    for place in [&hidden, shown] {
        fs::create_dir_all(place.parent().unwrap_or(place))?;
    }
    match fs::symlink_metadata(shown) {
        Ok(metadata) if metadata.is_symlink() => return Ok(()),
        Ok(_) => fs::rename(shown, &hidden)?,
        Err(_) => {}
    }
    // From /var/lib/a/b to /var/lib/private/a/b.
    let up = "../".repeat(path.split('/').count() - 1);
    symlink(format!("{up}{PRIVATE}/{path}"), shown)
}

/// Gives a folder to a user; with what is in it, where the user may have had another number.
fn give(path: &Path, identity: &Identity, with_content: bool) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if (metadata.uid(), metadata.gid()) == (identity.uid, identity.gid) {
        return Ok(());
    }
    if with_content && metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), identity, true)?;
        }
    }
    lchown(path, Some(identity.uid), Some(identity.gid))
}

/// Removes the folders that do not outlive the service.
pub fn remove(exec: &ExecContext) {
    let runtime = exec.directories.iter().filter(|(kind, _)| *kind == DirectoryKind::Runtime);
    for (kind, directories) in runtime.filter(|_| !exec.runtime_preserve) {
        for path in &directories.paths {
            _ = fs::remove_dir_all(Path::new(kind.base()).join(path));
        }
    }
}
