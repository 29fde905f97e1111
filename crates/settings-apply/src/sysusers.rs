//! Users and groups, made.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::{OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, Mode, OFlags, fchmod, fcntl_lock};
use settings::accounts::encode;
use settings::sysusers::{Changes, Config, Plan, Seen, Texts};

use crate::Root;

/// What programs that change accounts lock (lckpwdf(3)).
const LOCK: &str = "/etc/.pwd.lock";
/// A shell that root gets where it is there, and the one where it is not.
const ROOT_SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];
const DAY: u64 = 24 * 60 * 60;

/// The four files, each with the permissions that a new one gets.
pub const FILES: [(&str, u32); 4] =
    [("/etc/group", 0o644), ("/etc/gshadow", 0o600), ("/etc/passwd", 0o644), ("/etc/shadow", 0o600)];

/// The four files as they are; nothing where one is missing.
///
/// # Errors
/// One is there, and cannot be read.
pub fn texts(root: &Root) -> Result<Texts> {
    Ok(Texts {
        group: root.accounts(FILES[0].0)?,
        gshadow: root.accounts(FILES[1].0)?,
        passwd: root.accounts(FILES[2].0)?,
        shadow: root.accounts(FILES[3].0)?,
    })
}

/// Days since 1970, by the clock or what stands for it.
pub fn today() -> u64 {
    now().as_secs() / DAY
}

/// What is to be made for lines, by what the system has now. Where that cannot be known, it is the error that the plan
/// has, and nothing else.
pub fn plan(root: &Root, config: &Config) -> Plan {
    let texts = match texts(root) {
        Ok(texts) => texts,
        Err(error) => return Plan { errors: vec![format!("{error:#}")], ..Plan::default() },
    };
    let owner = |path: &str| {
        let found = root.look(Path::new(path), true).ok()?;
        Some((path.to_owned(), (found.stx_uid, found.stx_gid)))
    };
    let shell = ROOT_SHELLS.iter().find(|shell| root.look(Path::new(shell), true).is_ok());
    let seen = Seen {
        owners: config.paths().filter_map(owner).collect(),
        today: today(),
        root_shell: shell.unwrap_or(&ROOT_SHELLS[1]).to_string(),
    };
    Plan::make(config, &texts, &seen)
}

/// The time, or the one that builds of images are told.
fn now() -> Duration {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    epoch.map_or_else(sys::machine::wall_clock, Duration::from_secs)
}

/// Keeps other programs from changing accounts for as long as it is held.
pub struct Lock(#[allow(dead_code, reason = "to close it is to let go")] File);

/// Waits until nobody else changes accounts.
///
/// # Errors
/// The lock cannot be made.
pub fn lock(root: &Root) -> Result<Lock> {
    let doing = || format!("cannot lock {LOCK}");
    let folder = root.outside(Path::new("/etc"));
    fs::create_dir_all(&folder).with_context(doing)?;
    let path = root.outside(Path::new(LOCK));
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NOCTTY).bits()).unwrap_or(0);
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    let file = options.open(path).with_context(doing)?;
    fcntl_lock(&file, FlockOperation::LockExclusive).with_context(doing)?;
    Ok(Lock(file))
}

/// Writes files: each whole beside the old one first, then all put in their places. The old ones are kept
/// with a dash at the end of their names, as programs that change accounts do.
///
/// # Errors
/// A file cannot be written; those that were not put in their place yet are as they were. So it is after a power cut:
/// whoever must have all or none notes what was there before.
pub fn write(root: &Root, changes: &Changes) -> Result<()> {
    let texts = [&changes.group, &changes.gshadow, &changes.passwd, &changes.shadow];
    let mut ready = Vec::new();
    for ((path, mode), text) in FILES.into_iter().zip(texts) {
        let Some(text) = text else { continue };
        let path = root.outside(Path::new(path));
        let new = write_beside(&path, mode, text).with_context(|| format!("cannot write {}", path.display()));
        match new {
            Ok(new) => ready.push((path, new)),
            Err(error) => {
                ready.iter().for_each(|(_, new)| drop(fs::remove_file(new)));
                return Err(error);
            }
        }
    }
    for (path, new) in &ready {
        let doing = || format!("cannot put {} in its place", path.display());
        fs::rename(new, path).with_context(doing)?;
        sync_folder(path).with_context(doing)?;
    }
    Ok(())
}

/// Writes the new file, with the old one's owner and permissions, and keeps a copy of the old one.
fn write_beside(path: &Path, mode: u32, text: &str) -> Result<PathBuf> {
    let old = match fs::symlink_metadata(path) {
        Ok(old) if !old.is_file() => bail!("it is no file"),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        old => Some(old?),
    };
    let rights = old.as_ref().map_or((mode, None), |old| (old.mode() & 0o7777, Some((old.uid(), old.gid()))));
    if old.is_some() {
        let kept = with_suffix(path, "-");
        let copy = write_new(&with_suffix(path, "-+"), rights, &fs::read(path)?)?;
        fs::rename(copy, kept)?;
    }
    write_new(&with_suffix(path, "+"), rights, &encode(text))
}

fn write_new(path: &Path, (mode, owner): (u32, Option<(u32, u32)>), bytes: &[u8]) -> Result<PathBuf> {
    // One that a power cut left is of no use.
    _ = fs::remove_file(path);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    if let Some((user, group)) = owner {
        fchown(&file, Some(user), Some(group))?;
    }
    fchmod(&file, Mode::from_raw_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(path.to_owned())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
