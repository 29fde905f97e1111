//! How `tough` asks a server, and where it keeps what it has seen.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use async_trait::async_trait;
use tough::{Bytes, Transport, TransportError, TransportErrorKind, TransportStream};
use url::Url;

use crate::mirrors::{Failure, Mirrors};

/// What URLs begin with that stand for a path below a server's. It names no server: which is asked changes.
pub const BASE: &str = "repository://server/";

/// The most that a file of a repository may have that is fetched as a whole, in bytes.
const MOST: u64 = 16 << 20;

/// The most that timestamp and snapshot may have, in bytes: each names one file.
///
/// `tough` parses before it verifies, and of some JSON memory takes thirty times its size and more. The bounds of what no
/// signed hash is known of before, root and timestamp, keep that far below what the service has.
pub const MOST_SMALL: u64 = 64 << 10;
/// The most that a root may have, in bytes.
pub const MOST_ROOT: u64 = 512 << 10;
/// The most that targets may have, in bytes; a repository of a thousand releases has some hundred thousand. They are held
/// to the hash in the snapshot before they are parsed.
pub const MOST_TARGETS: u64 = 4 << 20;

/// The most that a file may have. `tough`'s own limits do not hold where a length is signed, and come after the file was
/// read.
fn most(path: &str) -> u64 {
    let is = |role: &str| path.starts_with(layout::repository::METADATA) && path.ends_with(role);
    match () {
        () if is("timestamp.json") || is(".snapshot.json") => MOST_SMALL,
        () if is(".root.json") => MOST_ROOT,
        () if is(".targets.json") => MOST_TARGETS,
        () => MOST,
    }
}

/// Asks the server that is current.
#[derive(Clone)]
pub struct Asking {
    mirrors: Arc<Mirrors>,
    mirror: Arc<AtomicUsize>,
    /// What went wrong last, other than that a file is not there: `tough` takes every fault for that where it looks
    /// for a newer root.
    trouble: Arc<Mutex<Option<Failure>>>,
}

impl Asking {
    pub fn new(mirrors: Arc<Mirrors>) -> Self {
        Self { mirrors, mirror: Arc::default(), trouble: Arc::default() }
    }

    /// Asks that server from now on.
    pub fn turn_to(&self, mirror: usize) {
        self.mirror.store(mirror, Relaxed);
        self.take_trouble();
    }

    pub fn take_trouble(&self) -> Option<Failure> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asking")
    }
}

#[async_trait]
impl Transport for Asking {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let path = url.path().trim_start_matches('/');
        let bytes = self.mirrors.get(self.mirror.load(Relaxed), path, most(path)).map_err(|failure| {
            let kind = match failure {
                Failure::Missing(_) => TransportErrorKind::FileNotFound,
                _ => TransportErrorKind::Other,
            };
            let error = TransportError::new_with_cause(kind, path, failure.to_string());
            if kind != TransportErrorKind::FileNotFound {
                *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            }
            error
        })?;
        Ok(Box::pin(futures::stream::once(async move { Ok(Bytes::from(bytes)) })))
    }
}

/// The root of trust that what was seen began with.
const ORIGIN: &str = "origin.json";

/// The proven metadata that was seen last, against which newer is held. `tough` writes its files in place; it is given a
/// copy, which takes their place once all of it is proven: neither a power cut nor a hostile server spoils them.
pub struct Seen {
    folder: PathBuf,
}

impl Seen {
    /// Where it is.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The root of trust to begin with: the one that this origin led to before, or the origin itself.
    pub fn root(&self, origin: &[u8]) -> Vec<u8> {
        let read = |name: &str| fs::read(self.folder.join(name)).ok();
        match (read(ORIGIN), read("root.json")) {
            (Some(before), Some(root)) if before == origin && is_signed_root(&root) => root,
            _ => origin.to_vec(),
        }
    }

    fn copy(&self) -> PathBuf {
        self.folder.with_extension("new")
    }

    /// A copy to work on.
    pub fn begin(&self, origin: &[u8]) -> Result<PathBuf> {
        let copy = self.copy();
        let doing = || format!("copy {} to {}", self.folder.display(), copy.display());
        remove(&copy)?;
        fs::create_dir_all(&copy).with_context(doing)?;
        if self.folder.is_dir() {
            for name in names(&self.folder)? {
                fs::copy(self.folder.join(&name), copy.join(&name)).with_context(doing)?;
            }
        }
        fs::write(copy.join(ORIGIN), origin).with_context(doing)?;
        Ok(copy)
    }

    /// The copy is proven, and counts; it stays, since `tough` goes on to keep the time there. A cut on the way leaves some
    /// files newer than others, each of which is proven by itself: none gets older.
    pub fn commit(&self) -> Result<()> {
        let copy = self.copy();
        let doing = || format!("write {}", self.folder.display());
        fs::create_dir_all(&self.folder).with_context(doing)?;
        // The origin comes last: a root counts only with its origin.
        let mut names = names(&copy)?;
        names.sort_by_key(|name| name == ORIGIN);
        for name in &names {
            let content = fs::read(copy.join(name)).with_context(doing)?;
            sys::file::replace_synced(&self.folder.join(name), &content, 0o600).with_context(doing)?;
        }
        for name in self::names(&self.folder)?.into_iter().filter(|name| !names.contains(name)) {
            fs::remove_file(self.folder.join(name)).with_context(doing)?;
        }
        Ok(sys::file::sync_folder(&self.folder)?)
    }
}

fn is_signed_root(bytes: &[u8]) -> bool {
    serde_json::from_slice::<tough::schema::Signed<tough::schema::Root>>(bytes).is_ok()
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let doing = || format!("list {}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(doing)? {
        let entry = entry.with_context(doing)?;
        if entry.file_type().with_context(doing)?.is_file() {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    Ok(names)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
