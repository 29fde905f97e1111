//! What is too old, removed (tmpfiles.d(5), "Age").

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, StatxAttributes, StatxFlags, StatxTimestamp,
};
use rustix::fs::{Statx, Timespec, Timestamps, flock, futimens, openat, statx, unlinkat};
use rustix::io::Errno;
use settings::tmpfiles::age::Times;
use settings::tmpfiles::{Item, Kind};

use super::remove::open_folder;
use super::walk::{self, Node};
use super::{DEPTH_MAX, Runner};
use crate::root::names;

/// What file systems keep at their top: their journal, their quotas.
const OF_FILE_SYSTEMS: [&str; 3] = [".journal", "aquota.user", "aquota.group"];
const LOST_AND_FOUND: &str = "lost+found";
/// The bit that keeps a file from being cleaned up.
const STICKY: u16 = 0o1000;

/// What goes.
pub(super) struct Sweep {
    /// What was last used before this goes, in nanoseconds since 1970; all, where there is none.
    cutoff: Option<i128>,
    files: Times,
    folders: Times,
    keep_this_level: bool,
    /// Whether the folder is where a file system is mounted.
    is_mount: bool,
    /// The folder's times, which it keeps.
    times: Option<(StatxTimestamp, StatxTimestamp)>,
}

impl Sweep {
    /// All in a folder.
    pub(super) fn all(folder: &Node) -> Sweep {
        let is_mount = folder.is.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
        let (files, folders) = (Times::FILES, Times::FOLDERS);
        Sweep { cutoff: None, files, folders, keep_this_level: false, is_mount, times: None }
    }

    /// The same in a folder of the folder.
    fn inside(&self, is: &Statx) -> Sweep {
        let times = self.cutoff.is_some().then_some((is.stx_atime, is.stx_mtime));
        Sweep { keep_this_level: false, is_mount: false, times, ..*self }
    }

    /// Whether something was last used before the time that counts.
    fn is_old(&self, is: &Statx, by: Times) -> bool {
        let Some(cutoff) = self.cutoff else {
            return true;
        };
        let times = [
            (by.access, StatxFlags::ATIME, is.stx_atime),
            (by.birth, StatxFlags::BTIME, is.stx_btime),
            (by.change, StatxFlags::CTIME, is.stx_ctime),
            (by.modify, StatxFlags::MTIME, is.stx_mtime),
        ];
        let known = times.iter().filter(|(counts, flag, _)| *counts && is.stx_mask & flag.bits() != 0);
        known.into_iter().all(|(_, _, time)| nanoseconds(time) < cutoff)
    }
}

fn nanoseconds(time: &StatxTimestamp) -> i128 {
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

impl Runner<'_> {
    pub(super) fn clean(&mut self, item: &Item) -> Result<()> {
        match item.kind {
            kind if kind.is_folder() || kind == Kind::Copy => self.clean_at(item, Path::new(&item.path)),
            Kind::CleanedFolder | Kind::Keep | Kind::KeepFolder => self.for_each(item, Runner::clean_at),
            _ => Ok(()),
        }
    }

    fn clean_at(&mut self, item: &Item, path: &Path) -> Result<()> {
        let Some((age, span)) = item.age.and_then(|age| Some((age, age.span?))) else {
            return Ok(());
        };
        let Some(cutoff) = sys::machine::wall_clock().checked_sub(span) else {
            return Ok(());
        };
        let node = match walk::node(self.root, path, false) {
            Err(error) if error.is_missing() => return Ok(()),
            node => node?,
        };
        if node.kind() != FileType::Directory {
            return Ok(());
        }
        let sweep = Sweep {
            cutoff: Some(as_nanoseconds(cutoff)),
            files: age.files,
            folders: age.folders,
            keep_this_level: age.keep_first_level,
            times: Some((node.is.stx_atime, node.is.stx_mtime)),
            ..Sweep::all(&node)
        };
        let folder = open_folder(&node.handle, ".")?;
        self.sweep(folder, path, &sweep, DEPTH_MAX)
    }

    /// Removes what is in a folder and goes. What cannot be removed is told, and the rest goes on.
    pub(super) fn sweep(&mut self, folder: OwnedFd, path: &Path, sweep: &Sweep, depth: usize) -> Result<()> {
        let (mut is_changed, mut failed) = (false, 0);
        for name in names(&folder) {
            let below = path.join(&name);
            if self.plan.names(&below.to_string_lossy()) {
                continue;
            }
            let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
            let is = match statx(&folder, &name, flags, StatxFlags::BASIC_STATS | StatxFlags::BTIME) {
                // It is gone, or not for us to see.
                Err(Errno::NOENT | Errno::ACCESS) => continue,
                // Such as where a file system is mounted whose server is gone.
                Err(error) => {
                    failed += 1;
                    self.say(format!("cannot look at {}: {error}", below.display()));
                    continue;
                }
                Ok(is) => is,
            };
            if is.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
                continue;
            }
            let swept = match FileType::from_raw_mode(is.stx_mode.into()) {
                FileType::Directory => self.sweep_folder(&folder, &name, &below, &is, sweep, depth),
                kind => self
                    .sweep_file(&folder, &name, &below, &is, kind, sweep)
                    .map(|removed| is_changed |= removed),
            };
            if let Err(error) = swept {
                failed += 1;
                self.say(format!("cannot remove {}: {error:#}", below.display()));
            }
        }
        if let (Some((access, modify)), true, false) = (sweep.times, is_changed, self.is_dry) {
            // That it was cleaned up is no use of it.
            let time = |time: StatxTimestamp| Timespec { tv_sec: time.tv_sec, tv_nsec: time.tv_nsec.into() };
            _ = futimens(&folder, &Timestamps { last_access: time(access), last_modification: time(modify) });
        }
        match failed {
            0 => Ok(()),
            _ => bail!("{failed} in {} could not be removed", path.display()),
        }
    }

    fn sweep_folder(
        &mut self,
        folder: &OwnedFd,
        name: &Path,
        path: &Path,
        is: &Statx,
        sweep: &Sweep,
        depth: usize,
    ) -> Result<()> {
        if sweep.is_mount && name == Path::new(LOST_AND_FOUND) && is.stx_uid == 0 {
            return Ok(());
        }
        let mut inside = Ok(());
        // It is locked until it is gone.
        let opened = match open_folder(folder, name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        if !self.is_dry && flock(&opened, FlockOperation::NonBlockingLockExclusive).is_err() {
            // Whoever holds the lock wants it kept.
            return Ok(());
        }
        match depth {
            0 => self.say(format!("{} is nested too deep, and is left", path.display())),
            depth => inside = self.sweep(rustix::io::dup(&opened)?, path, &sweep.inside(is), depth - 1),
        }
        if sweep.keep_this_level || !sweep.is_old(is, sweep.folders) {
            return inside;
        }
        self.act(
            || format!("remove directory {}", path.display()),
            || match unlinkat(folder, name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
                Err(error) => Err(error.into()),
            },
        )?;
        inside
    }

    /// Says whether it was removed.
    fn sweep_file(
        &mut self,
        folder: &OwnedFd,
        name: &Path,
        path: &Path,
        is: &Statx,
        kind: FileType,
        sweep: &Sweep,
    ) -> Result<bool> {
        let is_of_file_system = || OF_FILE_SYSTEMS.iter().any(|known| name == Path::new(known));
        let is_kept = sweep.keep_this_level
            || is.stx_mode & STICKY != 0
            || matches!(kind, FileType::CharacterDevice | FileType::BlockDevice)
            || (sweep.is_mount && kind == FileType::RegularFile && is.stx_uid == 0 && is_of_file_system())
            || (kind == FileType::Socket && self.is_live(path))
            || !sweep.is_old(is, sweep.files);
        if is_kept {
            return Ok(false);
        }
        let mut lock = None;
        if !self.is_dry {
            let flags =
                OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            lock = openat(folder, name, flags, Mode::empty()).ok();
            let locked = lock.as_ref().map(|file| flock(file, FlockOperation::NonBlockingLockExclusive));
            if locked == Some(Err(Errno::WOULDBLOCK)) {
                return Ok(false);
            }
        }
        self.act(
            || format!("remove {}", path.display()),
            || match unlinkat(folder, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => Ok(()),
                Err(error) => Err(error.into()),
            },
        )?;
        drop(lock);
        Ok(true)
    }

    /// Whether some process has a socket at a path. Where that cannot be told, it has.
    fn is_live(&mut self, path: &Path) -> bool {
        let outside = self.root.outside(path);
        match &self.live_sockets {
            Some(live) => live.contains(&outside),
            None => match live_sockets() {
                None => true,
                Some(live) => self.live_sockets.insert(live).contains(&outside),
            },
        }
    }
}

/// The paths of all sockets (proc_net(5)).
fn live_sockets() -> Option<BTreeSet<PathBuf>> {
    let bytes = std::fs::read("/proc/net/unix").ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let path = |line: &str| {
        let mut rest = line;
        for _ in 0..7 {
            rest = rest.trim_start().split_once(' ')?.1;
        }
        rest.starts_with('/').then(|| PathBuf::from(rest))
    };
    Some(text.lines().skip(1).filter_map(path).collect())
}

fn as_nanoseconds(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX)
}
