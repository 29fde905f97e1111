//! Links in /dev.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result, bail};
use devices::claims::Change;

/// Does what was decided, below `dev`.
///
/// # Errors
/// The link cannot be made, or something that is no link has its name.
pub fn apply(dev: &Path, change: &Change) -> Result<()> {
    match change {
        Change::Link(link, node) => make(dev, link, node),
        Change::Remove(link) => remove(dev, link),
    }
}

fn make(dev: &Path, link: &str, node: &str) -> Result<()> {
    let path = dev.join(link);
    let up = "../".repeat(link.matches('/').count());
    let target = format!("{up}{node}");
    match fs::symlink_metadata(&path) {
        Ok(there) if !there.file_type().is_symlink() => bail!("{} is there and no link", path.display()),
        Ok(_) if fs::read_link(&path).is_ok_and(|old| old == Path::new(&target)) => return Ok(()),
        Ok(_) => replace(&path, &target),
        Err(_) => make_new(&path, &target),
    }
    .with_context(|| format!("cannot link {} to {target}", path.display()))
}

/// Replaced at once: who looks finds the old one or the new one. The name is short, whatever the link's is.
fn replace(path: &Path, target: &str) -> io::Result<()> {
    let new = path.with_file_name(".devd-new");
    let _ = fs::remove_file(&new);
    symlink(target, &new).and_then(|()| fs::rename(&new, path))
}

fn make_new(path: &Path, target: &str) -> io::Result<()> {
    match (symlink(target, path), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            symlink(target, path)
        }
        (done, _) => done,
    }
}

fn remove(dev: &Path, link: &str) -> Result<()> {
    let path = dev.join(link);
    if fs::symlink_metadata(&path).is_ok_and(|there| there.file_type().is_symlink()) {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    // Folders that are empty now go too, up to /dev.
    let folders = path.ancestors().skip(1).take_while(|folder| *folder != dev);
    for folder in folders {
        match fs::remove_dir(folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => break,
        }
    }
    Ok(())
}

/// Removes the links below `disk` that nobody claims.
pub fn keep(dev: &Path, claimed: &BTreeSet<String>) {
    let mut folders = vec!["disk".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(dev.join(&folder)).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{folder}/{name}");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_symlink() && !claimed.contains(&path) => {
                    // What cannot be removed is no worse than it was.
                    let _ = remove(dev, &path);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_an_earlier_run_go() {
        let dev = tempfile::tempdir().unwrap();
        let dev = dev.path();
        for link in ["disk/by-id/a", "disk/by-path/x-part/by-uuid/b", "disk/by-id/c"] {
            make(dev, link, "vda").unwrap();
        }
        keep(dev, &BTreeSet::from(["disk/by-id/a".to_owned()]));
        assert!(fs::read_link(dev.join("disk/by-id/a")).is_ok());
        assert!(fs::read_link(dev.join("disk/by-id/c")).is_err() && !dev.join("disk/by-path").exists());
    }

    #[test]
    fn links_are_relative_and_their_folders_come_and_go() {
        let dev = tempfile::tempdir().unwrap();
        let dev = dev.path();
        let link = |link: &str, node: &str| Change::Link(link.to_owned(), node.to_owned());
        let remove = |link: &str| Change::Remove(link.to_owned());
        let reads =
            |link: &str| fs::read_link(dev.join(link)).ok().map(|to| to.to_string_lossy().into_owned());
        apply(dev, &link("disk/by-id/a", "vda")).unwrap();
        apply(dev, &link("disk/by-path/x/y", "mapper/z")).unwrap();
        apply(dev, &link("cdrom", "sr0")).unwrap();
        assert_eq!(reads("disk/by-id/a").as_deref(), Some("../../vda"));
        assert_eq!(reads("disk/by-path/x/y").as_deref(), Some("../../../mapper/z"));
        assert_eq!(reads("cdrom").as_deref(), Some("sr0"));
        apply(dev, &link("disk/by-id/a", "vdb")).unwrap();
        assert_eq!(reads("disk/by-id/a").as_deref(), Some("../../vdb"));
        apply(dev, &remove("disk/by-path/x/y")).unwrap();
        assert!(!dev.join("disk/by-path").exists() && dev.join("disk/by-id").exists());
        apply(dev, &remove("disk/by-id/a")).unwrap();
        apply(dev, &remove("disk/by-id/a")).unwrap();
        assert!(!dev.join("disk").exists());
    }

    #[test]
    fn what_is_no_link_stays() {
        let dev = tempfile::tempdir().unwrap();
        fs::write(dev.path().join("cdrom"), "mine").unwrap();
        let error = apply(dev.path(), &Change::Link("cdrom".to_owned(), "sr0".to_owned())).unwrap_err();
        assert!(error.to_string().contains("no link"), "{error}");
        apply(dev.path(), &Change::Remove("cdrom".to_owned())).unwrap();
        assert!(dev.path().join("cdrom").exists());
    }
}
