//! Files that are replaced whole: whoever reads one sees the old one or the new one. And files that are read whole by
//! who must neither wait nor run out of memory, whatever is at their path.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::{Doing, Result};

/// Opens a regular file for reading, whoever can write it. Whatever is in its place, it is neither waited for nor made
/// to do something: with a FIFO or a device, to open it is to do that already.
///
/// # Errors
/// It cannot be opened, is no regular file, or its owner holds it by a lease (fcntl(2)).
pub fn open_regular(path: &Path) -> io::Result<File> {
    let found =
        File::from(rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, rustix::fs::Mode::empty())?);
    if !found.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    // By its path another file could be there by now.
    let same = format!("/proc/self/fd/{}", found.as_raw_fd());
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(same)
}

/// Reads a file of at most so many bytes.
///
/// # Errors
/// It cannot be read, is larger, or is no regular file: a FIFO would be waited for, and a device may never end.
pub fn read_bounded(path: &Path, most: usize) -> Result<Vec<u8>> {
    read(path, most).doing_to("read", path)
}

/// Replaces a file, which need not be there yet, by one with these permissions. After a power cut it may be
/// either, or empty: for what does not outlast the boot.
///
/// # Errors
/// The folder cannot be written to.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    write(path, content, mode, |_| Ok(())).doing_to("write", path)
}

/// The same; after a power cut it is the old one or the whole new one.
///
/// # Errors
/// The folder cannot be written to.
pub fn replace_synced(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    write(path, content, mode, File::sync_all).doing_to("write", path)
}

/// Replaces a file of text by what `revised` makes of it, as [`replace_synced`] does, where that is another. One that
/// is not there is empty; one that is a link is somebody else's and stays.
///
/// # Errors
/// It is no text, or cannot be read; the folder cannot be written to.
pub fn revise(path: &Path, mode: u32, revised: impl FnOnce(&str) -> Option<String>) -> Result<()> {
    if path.is_symlink() {
        return Ok(());
    }
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.doing_to("read", path)?,
    };
    match revised(&text) {
        Some(text) => replace_synced(path, text.as_bytes(), mode),
        None => Ok(()),
    }
}

/// Puts what changed of a folder's names on the disk: a file that was made, renamed or removed in it is so after a power
/// cut, too.
///
/// # Errors
/// The folder cannot be opened, or the disk does not take it.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).doing_to("sync the folder", folder)
}

fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let mut content = Vec::new();
    // One that grows meanwhile, or whose size the kernel does not say, is too large once it was read so far.
    file.take(most as u64 + 1).read_to_end(&mut content)?;
    if content.len() > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(content)
}

fn write(path: &Path, content: &[u8], mode: u32, sync: fn(&File) -> io::Result<()>) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let new = path.with_file_name(name);
    // One that a power cut left may have an owner or permissions of its own.
    _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode & 0o600).open(&new)?;
    let done = file
        .write_all(content)
        .and_then(|()| file.set_permissions(Permissions::from_mode(mode)))
        .and_then(|()| sync(&file))
        .and_then(|()| fs::rename(&new, path));
    if done.is_err() {
        _ = fs::remove_file(&new);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.txt");
        for (content, mode) in [("one", 0o600), ("two", 0o444), ("", 0o644)] {
            replace(&path, content.as_bytes(), mode).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        }
        // What cannot be put in its place leaves nothing beside it.
        fs::create_dir(folder.path().join("folder")).unwrap();
        let error = replace_synced(&folder.path().join("folder"), b"x", 0o600).unwrap_err().to_string();
        assert!(error.starts_with("cannot write ") && error.contains("/folder: "), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn only_a_regular_file_within_its_bound_is_read_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.txt");
        fs::write(&path, "four").unwrap();
        assert_eq!(read_bounded(&path, 4).unwrap(), b"four");
        let fifo = folder.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
        for (path, most, reason) in [
            (path.as_path(), 3, "it is larger than 3 bytes"),
            (&fifo, 4, "it is no regular file"),
            (Path::new("/dev/zero"), 4, "it is no regular file"),
            (folder.path(), 4, "it is no regular file"),
            (&folder.path().join("none"), 4, "No such file"),
        ] {
            let error = read_bounded(path, most).unwrap_err().to_string();
            assert!(error.starts_with(&format!("cannot read {}: {reason}", path.display())), "{error}");
        }
        // Nobody knows its size before it is read.
        read_bounded(Path::new("/proc/self/maps"), 16).unwrap_err();
    }

    #[test]
    fn a_text_is_revised_where_that_changes_it_and_a_link_is_left_to_who_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.txt");
        let append = |text: &str| Some(format!("{text}x")).filter(|_| text.len() < 2);
        for expected in ["x", "xx", "xx"] {
            revise(&path, 0o644, append).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        }
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("elsewhere", &link).unwrap();
        revise(&link, 0o644, append).unwrap();
        assert!(link.is_symlink() && !folder.path().join("elsewhere").exists());
    }
}
