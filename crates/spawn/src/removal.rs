//! Removing folders whose content is a service's, which may be of any size and any depth.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, RenameFlags, openat, renameat_with, unlinkat};
use rustix::io::{Errno, Result};

use crate::folder::OPEN;

/// As many folders are open at once. What is deeper is moved up, and removed from there.
const OPEN_MAX: usize = 64;
/// As many entries are removed while PID 1 waits.
const AT_ONCE: usize = 2000;
/// The niceness of the process that removes more.
const NICENESS: i32 = 10;

/// Removes a folder by its path: see [`remove`].
///
/// # Errors
/// As for [`remove`], or what it is in cannot be opened.
pub fn remove_path(path: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::INVAL);
    };
    remove(openat(CWD, parent, OPEN, Mode::empty())?.as_fd(), name)
}

/// Removes the folder `name` of another with all that is in it, or the file of that name; no link is followed. What would take long is put out of
/// the way, and a process of its own removes it.
///
/// # Errors
/// It is not there, or something in it cannot be removed.
pub fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    let top = match openat(parent, name, OPEN | OFlags::NOFOLLOW, Mode::empty()) {
        Err(Errno::LOOP | Errno::NOTDIR) => return unlinkat(parent, name, AtFlags::empty()),
        opened => opened?,
    };
    if clear(top.as_fd(), AT_ONCE)? {
        return unlinkat(parent, name, AtFlags::REMOVEDIR);
    }
    let aside = put_aside(parent, name)?;
    let started = sys::child::fork_apart(NICENESS, parent, || {
        let done = openat(parent, &aside, OPEN | OFlags::NOFOLLOW, Mode::empty())
            .and_then(|top| clear(top.as_fd(), usize::MAX))
            .and_then(|_| unlinkat(parent, &aside, AtFlags::REMOVEDIR));
        i32::from(done.is_err())
    });
    started.map(drop).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

/// Gives a folder a name that nobody asks for.
fn put_aside(parent: BorrowedFd<'_>, name: &OsStr) -> Result<CString> {
    let name = CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)?;
    Ok(rename_to_free(parent, &name, parent, ".removed-", 0)?.0)
}

/// Moves a folder to the first name that is free of those that end in a number from `first` on: that name, and the number
/// after it.
fn rename_to_free(
    from: BorrowedFd<'_>,
    name: &CStr,
    to: BorrowedFd<'_>,
    beginning: &str,
    first: u64,
) -> Result<(CString, u64)> {
    let mut number = first;
    loop {
        let free = CString::new(format!("{beginning}{number}")).map_err(|_| Errno::INVAL)?;
        number += 1;
        match renameat_with(from, name, to, &free, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            other => return other.map(|()| (free, number)),
        }
    }
}

/// Empties a folder; false where more than `budget` entries would have to go for that.
fn clear(top: BorrowedFd<'_>, mut budget: usize) -> Result<bool> {
    // The open folders below `top`, each in the one before it, with its name there.
    let mut below: Vec<(OwnedFd, CString)> = Vec::new();
    let mut moved = 0;
    loop {
        let here = below.last().map_or(top, |(folder, _)| folder.as_fd());
        match first_full(here, &mut budget)? {
            Found::TooMuch => return Ok(false),
            Found::Folder(name) if below.len() < OPEN_MAX => {
                let inner = openat(here, &name, OPEN | OFlags::NOFOLLOW, Mode::empty())?;
                below.push((inner, name));
            }
            Found::Folder(name) => moved = rename_to_free(here, &name, top, "", moved)?.1,
            Found::Nothing => {
                let Some((_, name)) = below.pop() else {
                    return Ok(true);
                };
                let above = below.last().map_or(top, |(folder, _)| folder.as_fd());
                unlinkat(above, &name, AtFlags::REMOVEDIR)?;
            }
        }
    }
}

/// What is left of a folder.
enum Found {
    Nothing,
    /// A folder that is not empty.
    Folder(CString),
    TooMuch,
}

/// Removes what is in a folder, up to the first folder in it that is not empty.
fn first_full(folder: BorrowedFd<'_>, budget: &mut usize) -> Result<Found> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if *budget == 0 {
            return Ok(Found::TooMuch);
        }
        *budget -= 1;
        if !remove_entry(folder, name)? {
            return Ok(Found::Folder(name.to_owned()));
        }
    }
    Ok(Found::Nothing)
}

/// Removes a file or an empty folder; false where it is a folder that is not empty.
fn remove_entry(folder: BorrowedFd<'_>, name: &CStr) -> Result<bool> {
    let removed = match unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => unlinkat(folder, name, AtFlags::REMOVEDIR),
        other => other,
    };
    match removed {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::NOTEMPTY) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::mkdirat;

    use super::*;

    #[test]
    fn a_folder_goes_with_all_in_it_however_deep_and_links_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let kept = place.path().join("kept");
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("file"), "").unwrap();
        let top = place.path().join("top");
        fs::create_dir_all(top.join("a/b")).unwrap();
        symlink(&kept, top.join("a/link")).unwrap();
        // The names that what is deep would get are taken.
        fs::create_dir_all(top.join("0/1")).unwrap();
        let mut at = openat(CWD, &top, OPEN, Mode::empty()).unwrap();
        for _ in 0..1000 {
            mkdirat(&at, "deep", Mode::from_raw_mode(0o755)).unwrap();
            at = openat(&at, "deep", OPEN, Mode::empty()).unwrap();
        }
        drop(at);
        assert_eq!(remove_path(&top), Ok(()));
        assert!(!top.exists() && kept.join("file").exists());
        assert_eq!(remove_path(&top), Err(Errno::NOENT));
    }

    #[test]
    fn what_is_too_much_for_now_is_told() {
        let place = tempfile::tempdir().unwrap();
        for number in 0..10 {
            fs::write(place.path().join(number.to_string()), "").unwrap();
        }
        let top = openat(CWD, place.path(), OPEN, Mode::empty()).unwrap();
        assert_eq!(clear(top.as_fd(), 9), Ok(false));
        assert_eq!(clear(top.as_fd(), 9), Ok(true));
    }

    #[test]
    fn what_is_put_aside_takes_the_place_of_nothing() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("x/in")).unwrap();
        fs::create_dir(place.path().join(".removed-0")).unwrap();
        let parent = openat(CWD, place.path(), OPEN, Mode::empty()).unwrap();
        let aside = put_aside(parent.as_fd(), OsStr::new("x")).unwrap();
        assert_eq!(aside.to_str(), Ok(".removed-1"));
        assert!(place.path().join(".removed-1/in").is_dir());
    }
}
