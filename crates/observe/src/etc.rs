//! The layers of `/etc`: the image's, and the machine's over it (the kernel's overlayfs.rst).

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

use etc_layers::{Node, Upper};
use layout::path::{ETC_LOWER, ETC_UPPER};
use sha2::{Digest, Sha256};

use crate::Root;

/// What an overlay marks a folder by that hides what is below it.
const OPAQUE: &str = "trusted.overlay.opaque";

/// The image's layer.
///
/// # Errors
/// It cannot be read.
pub fn lower(root: &Root) -> io::Result<BTreeMap<String, Node>> {
    let mut nodes = BTreeMap::new();
    walk(&root.path(ETC_LOWER), &mut |path, name, metadata| {
        if let Some(node) = node(path, metadata)? {
            nodes.insert(name, node);
        }
        Ok(())
    })?;
    Ok(nodes)
}

/// The machine's layer.
///
/// # Errors
/// It cannot be read.
pub fn upper(root: &Root) -> io::Result<BTreeMap<String, Upper>> {
    let mut nodes = BTreeMap::new();
    walk(&root.path(ETC_UPPER), &mut |path, name, metadata| {
        let is_mark = metadata.file_type().is_char_device() && metadata.rdev() == 0;
        let upper = match node(path, metadata)? {
            _ if is_mark => Some(Upper::Removed),
            Some(Node::Folder) if is_opaque(path) => Some(Upper::Opaque),
            node => node.map(|node| Upper::Own(node, written(metadata))),
        };
        nodes.extend(upper.map(|upper| (name, upper)));
        Ok(())
    })?;
    Ok(nodes)
}

/// What is at a path; nothing of what is no file, link or folder.
fn node(path: &Path, metadata: &Metadata) -> io::Result<Option<Node>> {
    let kind = metadata.file_type();
    let mut digest = Sha256::new();
    if kind.is_dir() {
        return Ok(Some(Node::Folder));
    } else if kind.is_file() {
        io::copy(&mut File::open(path)?, &mut digest)?;
    } else if kind.is_symlink() {
        // No file's content is taken for a link.
        digest.update(b"link\0");
        digest.update(fs::read_link(path)?.as_os_str().as_bytes());
    } else {
        return Ok(None);
    }
    let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let mode = if kind.is_symlink() { 0 } else { metadata.permissions().mode() & 0o7777 };
    Ok(Some(Node::Content { digest, mode }))
}

/// When it was written: its content, or, where it came with a time of its own, the file itself.
fn written(metadata: &Metadata) -> u64 {
    let seconds = |time: io::Result<std::time::SystemTime>| {
        time.ok().and_then(|time| Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs()))
    };
    seconds(metadata.modified()).max(seconds(metadata.created())).unwrap_or_default()
}

fn is_opaque(folder: &Path) -> bool {
    let mut value = [0; 1];
    rustix::fs::getxattr(folder, OPAQUE, &mut value).is_ok() && &value == b"y"
}

/// Looks at each thing below a folder, a folder before what is in it.
fn walk(top: &Path, look: &mut dyn FnMut(&Path, String, &Metadata) -> io::Result<()>) -> io::Result<()> {
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            let name = path.strip_prefix(top).unwrap_or(&path).to_string_lossy().into_owned();
            look(&path, name, &metadata)?;
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_read_with_their_links_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        for layer in [ETC_LOWER, ETC_UPPER] {
            fs::create_dir_all(root.path(&format!("{layer}/ssh"))).unwrap();
            fs::write(root.path(&format!("{layer}/ssh/config")), "x").unwrap();
            std::os::unix::fs::symlink("x", root.path(&format!("{layer}/link"))).unwrap();
        }
        let lower = lower(&root).unwrap();
        assert_eq!(lower.keys().collect::<Vec<_>>(), ["link", "ssh", "ssh/config"]);
        assert_eq!(lower["ssh"], Node::Folder);
        assert_ne!(lower["link"], lower["ssh/config"]);
        let upper = upper(&root).unwrap();
        let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        for (path, node) in &lower {
            let Upper::Own(own, written) = &upper[path] else { panic!("{path}: {:?}", upper[path]) };
            assert_eq!(own, node, "{path}");
            assert!(now - written < 60, "{path}");
        }
        assert!(super::lower(&Root::at(folder.path().join("nowhere"))).is_err());
    }
}
