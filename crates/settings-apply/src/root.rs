//! A system's files: those of the running one, or those below a folder that is taken for `/`.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags, openat, openat2, readlinkat, statx};
use rustix::fs::{Statx, StatxFlags};
use settings::Source;
use settings::accounts::decode;
use settings::files::{self, Found};

/// Standard input, as a file's name.
const STDIN: &str = "-";
/// The largest file of settings that is read; a larger one is none.
const SIZE_MAX: u64 = 16 << 20;

/// The folder that is taken for `/`.
pub struct Root {
    path: PathBuf,
    folder: OwnedFd,
}

impl Root {
    /// Opens a root.
    ///
    /// # Errors
    /// It is no folder.
    pub fn open(path: &Path) -> Result<Root> {
        let doing = || format!("cannot open {}", path.display());
        let path = path.canonicalize().with_context(doing)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(rustix::fs::CWD, &path, flags, Mode::empty()).with_context(doing)?;
        Ok(Root { path, folder })
    }

    /// The running system.
    ///
    /// # Errors
    /// As [`Root::open`].
    pub fn system() -> Result<Root> {
        Root::open(Path::new("/"))
    }

    /// Whether it is the running system.
    pub fn is_system(&self) -> bool {
        self.path == Path::new("/")
    }

    /// The folder.
    pub fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// A path of the system as the running one has it.
    pub fn outside(&self, path: &Path) -> PathBuf {
        self.path.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Opens a path; links lead no further than the root.
    pub fn at(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        let opened = match self.is_system() {
            true => openat(rustix::fs::CWD, path, flags, Mode::empty()),
            false => openat2(&self.folder, path, flags, Mode::empty(), ResolveFlags::IN_ROOT),
        };
        Ok(opened?)
    }

    /// What a path is; its last part is not followed where `follow` is not set.
    pub fn look(&self, path: &Path, follow: bool) -> io::Result<Statx> {
        let flags = if follow { OFlags::PATH } else { OFlags::PATH | OFlags::NOFOLLOW };
        Ok(statx(self.at(path, flags)?, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?)
    }

    /// Where a link leads.
    pub fn link(&self, path: &Path) -> io::Result<PathBuf> {
        let link = readlinkat(self.at(path, OFlags::PATH | OFlags::NOFOLLOW)?, "", Vec::new())?;
        Ok(bytes_path(link.to_bytes()))
    }

    /// Reads a file.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        read_all(File::from(self.at(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?))
    }

    /// Reads a file of accounts, whatever bytes are in it ([`decode`]); nothing where it is not there.
    ///
    /// # Errors
    /// It is there, and cannot be read: whoever took it for missing would write it anew without what is in it.
    pub fn accounts(&self, path: &str) -> Result<Option<String>> {
        match self.read(Path::new(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => Ok(Some(decode(&read.with_context(|| format!("cannot read {path}"))?))),
        }
    }

    /// Reads a file as text; nothing where it is not there or is none. Not for what is then written.
    pub fn text(&self, path: &str) -> Option<String> {
        String::from_utf8(self.read(Path::new(path)).ok()?).ok()
    }

    /// The names in a folder; none where it is not there.
    pub fn list(&self, path: &Path) -> Vec<PathBuf> {
        // To look at a folder is not to use it: its age stays.
        let open = |flags| self.at(path, OFlags::RDONLY | OFlags::DIRECTORY | flags);
        let folder = open(OFlags::NOATIME).or_else(|_| open(OFlags::empty()));
        folder.map_or_else(|_| Vec::new(), names)
    }

    /// The files of a kind of settings that count, such as those in `tmpfiles.d`.
    pub fn settings(&self, kind: &str) -> Vec<Found> {
        let listings = files::folders(kind).map(|folder| {
            let names = self.list(Path::new(&folder)).into_iter();
            let names = names.filter_map(|name| name.into_os_string().into_string().ok());
            (folder, names.collect())
        });
        files::winners(&listings, ".conf")
    }

    /// Reads a file of settings. One that is a link to /dev/null, or gone, is empty.
    ///
    /// # Errors
    /// It cannot be read, or is no text.
    pub fn source(&self, found: &Found) -> Result<Source> {
        let path = found.path();
        let path = Path::new(&path);
        if self.link(path).is_ok_and(|to| to == Path::new("/dev/null")) {
            return source(path, Vec::new());
        }
        match self.read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => source(path, Vec::new()),
            read => source(path, read.with_context(|| format!("cannot read {}", path.display()))?),
        }
    }

    /// Reads a file that a command line names: `-` is standard input, a path is one of the running system,
    /// and a plain name is looked for among a kind of settings.
    ///
    /// # Errors
    /// As [`Root::source`]; or there is none.
    pub fn named_source(&self, name: &str, kind: &str) -> Result<Source> {
        let doing = || format!("cannot read {name}");
        if name == STDIN {
            return source(Path::new("<stdin>"), read_all(io::stdin()).with_context(doing)?);
        }
        if name.contains('/') {
            let file = File::open(name).with_context(doing)?;
            return source(Path::new(name), read_all(file).with_context(doing)?);
        }
        let folders = files::folders(kind);
        let places = folders.iter().map(|folder| Found { folder: folder.clone(), name: name.to_owned() });
        let is_there = |found: &Found| self.look(Path::new(&found.path()), false).is_ok();
        let found = places.into_iter().find(is_there);
        self.source(&found.with_context(|| format!("there is no {name} in {}", folders.join(", ")))?)
    }
}

/// Reads what a service was given under a name; nothing where it was not.
pub fn credential(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty())?;
    read_all(File::open(Path::new(&folder).join(name)).ok()?).ok()
}

/// The settings that a service was given beside those of files, such as `tmpfiles.extra`.
pub fn extra(name: &str) -> Result<Option<Source>> {
    credential(name).map(|bytes| source(&Path::new("credentials").join(name), bytes)).transpose()
}

fn read_all(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(SIZE_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SIZE_MAX {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    Ok(bytes)
}

fn source(path: &Path, bytes: Vec<u8>) -> Result<Source> {
    let text = String::from_utf8(bytes).with_context(|| format!("{} is no UTF-8 text", path.display()))?;
    Ok(Source { path: path.display().to_string().into(), text })
}

/// The names in a folder, but for itself and its parent.
pub(crate) fn names(folder: impl AsFd) -> Vec<PathBuf> {
    let Ok(entries) = Dir::read_from(folder) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name().to_bytes().to_vec());
    let names = names.filter(|name| !matches!(name.as_slice(), b"." | b".."));
    names.map(|name| bytes_path(&name)).collect()
}

pub(crate) fn bytes_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}
