//! `RuntimeDirectory=` and kin: the folders that a service gets.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, Uid, chownat, fchmod, fchown, fstat, openat, renameat, statat,
    symlinkat,
};
use rustix::io::Errno;
use unit::service::config::{DirectoryKind, ExecContext, PRIVATE};

use crate::folder::{Folder, OPEN};
use crate::removal;
use crate::users::Identity;

const ROOT_ONLY: u32 = 0o700;
/// As deep may be what is given to another user with its folder: each level takes a descriptor and some stack.
const DEPTH_MAX: usize = 256;

/// Makes a service's folders, below a root.
///
/// # Errors
/// The file system refuses, or something that is no folder is in the way. Such is a link that not only root can have
/// put there: one of a service's folders may be in another, where the service has it lead where it likes.
pub fn make(root: &Path, exec: &ExecContext, identity: Option<&Identity>) -> Result<()> {
    for (kind, directories) in &exec.directories {
        let base = below(root, kind.base());
        // An outer folder before what is in it, which is hidden with it.
        let paths: BTreeSet<&String> = directories.paths.iter().collect();
        for path in paths {
            let made = make_one(&base, path, directories.mode, private_of(exec, *kind).is_some());
            let doing = || format!("cannot make {}", base.join(path).display());
            let folder = made.with_context(doing)?;
            // What is in /etc stays root's.
            if let Some(identity) = identity.filter(|_| *kind != DirectoryKind::Configuration) {
                give(folder.as_fd(), identity, exec.dynamic_user, 0).with_context(doing)?;
            }
        }
    }
    Ok(())
}

/// The folder in which those of a kind are hidden from others, where its user comes and goes.
pub fn private_of(exec: &ExecContext, kind: DirectoryKind) -> Option<PathBuf> {
    kind.private_base().filter(|_| exec.dynamic_user).map(PathBuf::from)
}

fn make_one(base: &Path, path: &str, mode: u32, is_hidden: bool) -> Result<Folder> {
    fs::create_dir_all(base)?;
    let mut top = Folder::open(base)?;
    if is_hidden {
        let private = top.make(PRIVATE, ROOT_ONLY)?;
        hide(&top, &private, path)?;
        top = private;
    }
    let (above, name) = split(path);
    let folder = top.make_all(above)?.make(name, mode)?;
    fchmod(&folder, Mode::from_raw_mode(mode))?;
    Ok(folder)
}

/// Has a path lead to a hidden folder; one that is there already goes there.
fn hide(base: &Folder, private: &Folder, path: &str) -> Result<()> {
    let (above, name) = split(path);
    let hidden = private.make_all(above)?;
    let shown = base.make_all(above)?;
    // What is in a hidden folder is hidden with it.
    if shown.is(&hidden)? {
        return Ok(());
    }
    match statat(&shown, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(is) if FileType::from_raw_mode(is.st_mode).is_symlink() => return Ok(()),
        Ok(_) => renameat(&shown, name, &hidden, name)?,
        Err(_) => {}
    }
    // From /var/lib/a/b to /var/lib/private/a/b.
    let up = "../".repeat(path.split('/').count() - 1);
    Ok(symlinkat(format!("{up}{PRIVATE}/{path}"), &shown, name)?)
}

/// Gives a folder to a user; with what is in it, where the user may have had another number.
fn give(folder: BorrowedFd<'_>, identity: &Identity, with_content: bool, depth: usize) -> Result<()> {
    let is = fstat(folder)?;
    if (is.st_uid, is.st_gid) == (identity.uid, identity.gid) {
        return Ok(());
    }
    ensure!(depth < DEPTH_MAX, "what is in it is more than {DEPTH_MAX} folders deep");
    let (uid, gid) = (Some(Uid::from_raw(identity.uid)), Some(Gid::from_raw(identity.gid)));
    if with_content {
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            match openat(folder, name, OPEN | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(inner) => give(inner.as_fd(), identity, true, depth + 1)?,
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    chownat(folder, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(fchown(folder, uid, gid)?)
}

/// Removes the folders that do not outlive the service, below a root.
pub fn remove(root: &Path, exec: &ExecContext) {
    let runtime = exec.directories.iter().filter(|(kind, _)| *kind == DirectoryKind::Runtime);
    for (kind, directories) in runtime.filter(|_| !exec.runtime_preserve) {
        for path in &directories.paths {
            _ = remove_one(&below(root, kind.base()), path);
        }
    }
}

fn remove_one(base: &Path, path: &str) -> Result<()> {
    let (above, name) = split(path);
    let above = Folder::open(base)?.enter_all(above)?;
    Ok(removal::remove(above.as_fd(), OsStr::new(name))?)
}

/// The folder that a path is in, and its name there.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// A path of the system below a root.
fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use unit::service::config::Directories;

    use super::*;

    const KINDS: [DirectoryKind; 5] = [
        DirectoryKind::Runtime,
        DirectoryKind::State,
        DirectoryKind::Cache,
        DirectoryKind::Logs,
        DirectoryKind::Configuration,
    ];
    /// With these an ordinary user's test stands for root, and whoever else there is for a service.
    const OPEN_TO_ALL: u32 = 0o777;

    fn service(kind: DirectoryKind, paths: &[&str]) -> ExecContext {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let directories = Directories { paths, mode: OPEN_TO_ALL };
        ExecContext { directories: vec![(kind, directories)], ..ExecContext::default() }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    /// A root with a folder that is nobody's but root's.
    fn system() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let precious = root.path().join("precious");
        fs::create_dir_all(precious.join("c")).unwrap();
        for path in [&precious, &precious.join("c")] {
            fs::set_permissions(path, fs::Permissions::from_mode(ROOT_ONLY)).unwrap();
        }
        (root, precious)
    }

    #[test]
    fn a_link_that_a_service_put_in_the_place_of_its_folder_leads_nowhere() {
        for (kind, dynamic) in KINDS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
            let (root, precious) = system();
            let mut exec = service(kind, &["a", "a/b", "a/b/c"]);
            exec.dynamic_user = dynamic;
            make(root.path(), &exec, None).unwrap();
            make(root.path(), &exec, None).unwrap();
            let link = below(root.path(), kind.base()).join("a/b");
            assert_eq!(mode(&link.join("c")), OPEN_TO_ALL);
            fs::remove_dir_all(&link).unwrap();
            symlink(&precious, &link).unwrap();
            let error = format!("{:#}", make(root.path(), &exec, None).unwrap_err());
            assert!(error.contains("a/b is a link in a folder that not only root writes to"), "{error}");
            // Nor where it is on the way only, and there is less to make.
            make(root.path(), &service(kind, &["a/b/c"]), None).unwrap_err();
            make(root.path(), &service(kind, &["a/b/d/e"]), None).unwrap_err();
            // In an order in which the outer folder is not gone before.
            remove(root.path(), &service(kind, &["a/b/c", "a/b"]));
            assert_eq!((mode(&precious), mode(&precious.join("c"))), (ROOT_ONLY, ROOT_ONLY));
            assert_eq!(fs::read_dir(&precious).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_link_that_root_made_is_followed_as_far_as_only_root_can_have_led_it() {
        let (root, _) = system();
        let (base, disk) = (root.path().join("var/lib"), root.path().join("disk"));
        fs::create_dir_all(&base).unwrap();
        fs::create_dir_all(disk.join("theirs")).unwrap();
        symlink("../../disk", base.join("a")).unwrap();
        make(root.path(), &service(DirectoryKind::State, &["a"]), None).unwrap();
        make(root.path(), &service(DirectoryKind::State, &["a/theirs"]), None).unwrap();
        assert_eq!((mode(&disk), mode(&disk.join("theirs"))), (OPEN_TO_ALL, OPEN_TO_ALL));
        symlink(root.path().join("precious"), disk.join("x")).unwrap();
        symlink("a/x/c", base.join("b")).unwrap();
        make(root.path(), &service(DirectoryKind::State, &["b"]), None).unwrap_err();
        symlink("loop", base.join("loop")).unwrap();
        make(root.path(), &service(DirectoryKind::State, &["loop"]), None).unwrap_err();
    }

    #[test]
    fn folders_of_a_user_that_comes_and_goes_are_hidden_also_those_that_were_there_before() {
        let (root, _) = system();
        let mut exec = service(DirectoryKind::State, &["a/b", "a", "c/d"]);
        make(root.path(), &exec, None).unwrap();
        let base = root.path().join("var/lib");
        fs::write(base.join("a/b/file"), "").unwrap();
        exec.dynamic_user = true;
        for _ in 0..2 {
            make(root.path(), &exec, None).unwrap();
            assert_eq!(mode(&base.join(PRIVATE)), ROOT_ONLY);
            assert!(base.join("private/a/b/file").exists() && base.join("private/c/d").is_dir());
            assert_eq!(fs::read_link(base.join("a")).unwrap(), Path::new("private/a"));
            assert_eq!(fs::read_link(base.join("c/d")).unwrap(), Path::new("../private/c/d"));
        }
        // Whose user is there for good again goes by the link.
        exec.dynamic_user = false;
        make(root.path(), &exec, None).unwrap();
        assert!(base.join("a").is_symlink());
    }

    #[test]
    fn a_user_of_another_number_gets_what_is_in_its_folder_and_not_where_links_in_it_lead() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let (root, precious) = system();
        let mut exec = service(DirectoryKind::State, &["a"]);
        exec.dynamic_user = true;
        let [name, home, shell] = [(); 3].map(|()| String::new());
        let one = Identity { uid: 61001, gid: 61001, groups: Vec::new(), name, home, shell };
        let other = Identity { uid: 61002, gid: 61002, ..one.clone() };
        make(root.path(), &exec, Some(&one)).unwrap();
        let folder = root.path().join("var/lib/private/a");
        fs::create_dir(folder.join("sub")).unwrap();
        fs::write(folder.join("sub/file"), "").unwrap();
        symlink(&precious, folder.join("sub/link")).unwrap();
        make(root.path(), &exec, Some(&other)).unwrap();
        for path in ["", "sub", "sub/file", "sub/link"] {
            let is = fs::symlink_metadata(folder.join(path)).unwrap();
            assert_eq!((is.uid(), is.gid()), (61002, 61002), "{path}");
        }
        assert_eq!(fs::metadata(precious.join("c")).unwrap().uid(), 0);
        assert_eq!(fs::metadata(precious).unwrap().uid(), 0);
    }
}
