//! A tree of unpacked packages.

use crate::archive::{stored, verify};
use crate::{Command, Error, Package, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Mutex;

/// Names that Debian's maintainer scripts would have made (they have not run), and what they
/// stand for.
const ALTERNATIVES: &[(&str, &str)] = &[
    ("sh", "dash"),
    ("sh", "bash"),
    ("awk", "gawk"),
    ("awk", "mawk"),
    ("gcc", "x86_64-linux-gnu-gcc"),
    ("cc", "gcc"),
    ("which", "which.debianutils"),
    ("python", "python3"),
];

/// An empty directory in the tree, over which each program mounts its own root.
pub(crate) const MOUNT_POINT: &str = ".root";

/// Lists of files, one a package, in the tree: lines like `./usr/bin/gcc`.
pub const FILE_LISTS: &str = ".packages";

/// Unpacks `packages`, kept in `store`, into the directory `root`; `progress` is called with the
/// number done so far.
///
/// # Errors
/// A file whose hash differs from the package's, a full disk, a missing dpkg-deb.
pub fn unpack(
    packages: &[Package],
    store: &Path,
    root: &Path,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<()> {
    for directory in [MOUNT_POINT, FILE_LISTS] {
        fs::create_dir_all(root.join(directory)).map_err(Error::io("making", root))?;
    }
    // base-files brings the links /bin, /sbin and /lib, through which some packages still put
    // their files; it goes first.
    let (first, rest): (Vec<&Package>, Vec<&Package>) = packages.iter().partition(|p| p.name == "base-files");
    for package in first {
        unpack_one(package, store, root)?;
    }
    let queue = Mutex::new(rest.iter());
    let done = Mutex::new(0_usize);
    let failure = Mutex::new(None);
    let next = || queue.lock().ok().and_then(|mut queue| queue.next().copied());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(4) {
            scope.spawn(|| {
                while let Some(package) = next() {
                    if let Err(error) = unpack_one(package, store, root) {
                        if let Ok(mut failure) = failure.lock() {
                            failure.get_or_insert(error);
                        }
                        return;
                    }
                    if let Ok(mut done) = done.lock() {
                        *done += 1;
                        progress(*done);
                    }
                }
            });
        }
    });
    if let Some(error) = failure.into_inner().ok().flatten() {
        return Err(error);
    }
    for (name, target) in ALTERNATIVES {
        let link = root.join("usr/bin").join(name);
        if root.join("usr/bin").join(target).exists() && link.symlink_metadata().is_err() {
            symlink(target, &link).map_err(Error::io("linking", &link))?;
        }
    }
    Ok(())
}

fn unpack_one(package: &Package, store: &Path, root: &Path) -> Result<()> {
    let file = stored(store, package);
    verify(&file, package)?;
    let output = process::Command::new("dpkg-deb")
        .arg("--vextract")
        .args([&file, root])
        .output()
        .map_err(|_| Error::NoApt("dpkg-deb"))?;
    if output.status.success() {
        let list = root.join(FILE_LISTS).join(&package.name);
        return fs::write(&list, &output.stdout).map_err(Error::io("writing", &list));
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    if stderr.contains("No space left") {
        return Err(Error::DiskFull { doing: format!("unpacking {}", package.name), path: root.to_owned() });
    }
    Err(Error::Tool { doing: format!("unpacking {}", file.display()), message: stderr.trim().to_owned() })
}

/// An unpacked tree, whose programs can be run.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The tree at `root`.
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where the tree is on the host.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The host's path of a file in the tree, given by its path inside.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside.trim_start_matches('/'))
    }

    /// A command that runs `program`: a name, looked up in the tree, or a path as seen inside.
    pub fn command(&self, program: &str) -> Command {
        Command::new(self.clone(), program)
    }

    /// The path, as seen inside, of the program of that name.
    pub(crate) fn program(&self, name: &str) -> Result<PathBuf> {
        if name.starts_with('/') {
            return Ok(PathBuf::from(name));
        }
        ["/usr/bin", "/usr/sbin"]
            .iter()
            .map(|directory| Path::new(directory).join(name))
            .find(|path| self.path(&path.to_string_lossy()).symlink_metadata().is_ok())
            .ok_or_else(|| Error::NoProgram { tree: self.root.clone(), program: name.to_owned() })
    }
}

/// Checks that this system lets this user make namespaces, by making them.
///
/// # Errors
/// [`Error::UserNamespaces`], which says how to allow them; [`Error::NoTemporaryFolder`], in which they would begin.
pub fn check_user_namespaces() -> Result<()> {
    let refused = Error::UserNamespaces;
    let mut command = process::Command::new("true");
    let here = std::env::temp_dir();
    if !here.is_dir() {
        return Err(Error::NoTemporaryFolder(here));
    }
    let mut root = sys::namespace::Root::new(&here).map_err(refused)?;
    for directory in ["/usr", "/bin", "/lib", "/lib64"] {
        if Path::new(directory).is_dir() {
            root.bind(Path::new(directory), Path::new(directory), true).map_err(refused)?;
        }
    }
    root.apply(&mut command).map_err(refused)?;
    let status = command.status().map_err(refused)?;
    if status.success() {
        Ok(())
    } else {
        Err(refused(std::io::Error::other(format!("a probe ended with {status}"))))
    }
}
