//! Where outputs, logs and downloads are kept.

use crate::{Key, Step};
use anyhow::{Context as _, Result};
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The environment variable that says where the cache is.
pub const CACHE_VARIABLE: &str = "BERTH_CACHE";

/// How many outputs of a step are kept at least, whatever their age.
const KEEP: usize = 3;
/// Outputs that nobody has used for this long go when there are more than [`KEEP`].
const AGE: Duration = Duration::from_secs(3 * 24 * 3600);
/// How exactly it is known when an output was last used: what was noted within this time is not noted again.
const USE_NOTED: Duration = Duration::from_secs(3600);

/// A directory outside the checkout: `steps/NAME/KEY` are outputs, `logs/` the steps' logs,
/// `downloads/` files fetched, `work/` directories that compilers reuse.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache at `root`, made if need be.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn at(root: &Path) -> Result<Self> {
        let making = || {
            format!(
                "making the cache {}; set {CACHE_VARIABLE} to a directory you can write to",
                root.display()
            )
        };
        fs::create_dir_all(root).with_context(making)?;
        Ok(Self { root: root.canonicalize().with_context(making)? })
    }

    /// The cache that the environment names, or the user's: `$BERTH_CACHE`,
    /// `$XDG_CACHE_HOME/berth`, `$HOME/.cache/berth` (XDG Base Directory Specification).
    ///
    /// # Errors
    /// None is known, or it cannot be made.
    pub fn from_environment() -> Result<Self> {
        let variable =
            |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let root = variable(CACHE_VARIABLE)
            .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("berth")))
            .or_else(|| Some(variable("HOME")?.join(".cache/berth")))
            .with_context(|| format!("no cache directory is known: set {CACHE_VARIABLE}"))?;
        Self::at(&root)
    }

    /// Where the cache is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A directory of the cache for files fetched or reused, made if need be.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(path)
    }

    /// Where a step's output is, or will be.
    pub fn output(&self, step: &Step) -> PathBuf {
        self.root.join("steps").join(&step.name).join(step.key.short())
    }

    /// Whether a step's output is there, whole.
    pub fn holds(&self, step: &Step) -> bool {
        self.output(step).is_dir()
    }

    /// Notes that a step's output, where it is there, is used: by the time of its folder, which is its age to
    /// [`Self::sweep`]. A cache that cannot be written goes without.
    pub(crate) fn note_use(&self, step: &Step) {
        let Ok(folder) = File::open(self.output(step)) else { return };
        let noted = folder.metadata().and_then(|metadata| metadata.modified());
        if noted.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > USE_NOTED)) {
            let _ = folder.set_modified(SystemTime::now());
        }
    }

    pub(crate) fn log(&self, name: &str, key: Key) -> Result<PathBuf> {
        Ok(self.directory("logs")?.join(format!("{name}-{}.log", key.short())))
    }

    /// Takes the lock `name`; where another build holds it, `waiting` is told who, and the call
    /// returns when that build lets go (or ends, however it ends).
    ///
    /// # Errors
    /// The lock's file cannot be made.
    pub fn lock(&self, name: &str, waiting: &dyn Fn(&str)) -> Result<File> {
        let path = self.directory("locks")?.join(name);
        let locking = || format!("locking {}", path.display());
        let mut file = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .with_context(locking)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                waiting(holder.trim());
                file.lock().with_context(locking)?;
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(locking),
        }
        file.set_len(0).and_then(|()| file.rewind()).with_context(locking)?;
        write!(file, "process {} (`{}`)", std::process::id(), command_line()).with_context(locking)?;
        Ok(file)
    }

    /// Whether no living build holds the lock `name`.
    fn is_free(&self, name: &str) -> bool {
        File::open(self.root.join("locks").join(name)).is_ok_and(|file| file.try_lock().is_ok())
    }

    /// Removes what killed builds left of a step's outputs, and those beyond the last few that nobody has used for
    /// long. To be called under the step's lock.
    pub(crate) fn sweep(&self, step: &Step) {
        let Ok(entries) = fs::read_dir(self.root.join("steps").join(&step.name)) else { return };
        let mut whole: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(key) = name.strip_suffix(".partial") {
                if key == step.key.short() || self.is_free(&format!("{}-{key}", step.name)) {
                    let _ = remove_tree(&entry.path());
                }
            } else if let Ok(time) = entry.metadata().and_then(|metadata| metadata.modified()) {
                whole.push((time, entry.path()));
            }
        }
        whole.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        for (time, path) in whole.into_iter().skip(KEEP) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_free = || self.is_free(&format!("{}-{name}", step.name));
            // Under a name that says so, since this may be cut short too.
            let partial = path.with_file_name(format!("{name}.partial"));
            if time.elapsed().is_ok_and(|age| age > AGE) && is_free() && fs::rename(&path, &partial).is_ok() {
                let _ = remove_tree(&partial);
            }
        }
    }
}

pub(crate) fn partial_name(key: Key) -> String {
    format!("{}.partial", key.short())
}

/// Removes a directory tree, also where a tool left directories without write permission.
///
/// # Errors
/// Something of it cannot be removed.
pub fn remove_tree(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fn open_up(path: &Path) {
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o755));
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open_up(&entry.path());
            }
        }
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            open_up(path);
            fs::remove_dir_all(path)
        }
        other => other,
    }
}

fn command_line() -> String {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    format!("cargo xtask {}", arguments.join(" "))
}
