//! Watching paths (inotify(7)) for path units.
//!
//! A path that is not there yet is watched for in the folders above it, as far as there are any.
//! After every change all is watched anew: what was above may be another folder now.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path as File;

use anyhow::{Context, Result};
use litemap::LiteMap;
use rustix::fs::inotify::{self, ReadFlags, WatchFlags};
use unit::UnitName;
use unit::path::{Path, Test, Watched};
use unit::text::glob;

use crate::poller::{Polled, Poller, Readiness, Source};
use crate::{conditions, folders};

/// What all that is watched tells of: that it goes.
const GOES: WatchFlags = WatchFlags::DELETE_SELF.union(WatchFlags::MOVE_SELF).union(WatchFlags::MASK_ADD);
/// What the last folder that is there tells of: that the next part of the path comes.
const COMES: WatchFlags =
    GOES.union(WatchFlags::CREATE).union(WatchFlags::MOVED_TO).union(WatchFlags::ATTRIB);

/// All watches.
#[derive(Default)]
pub struct Paths {
    watches: LiteMap<UnitName, Watch>,
    owners: LiteMap<u32, UnitName>,
    /// Whether the paths of `PathChanged=` and `PathModified=` were there when last looked at.
    existed: LiteMap<UnitName, Vec<bool>>,
    last: u32,
}

struct Watch {
    fd: Polled<OwnedFd>,
    number: u32,
    /// Watches that tell of a change itself: by their number, what has changed.
    changes: LiteMap<i32, String>,
}

impl Paths {
    /// Makes what is to be there, watches, and looks: the first path that meets its test.
    ///
    /// # Errors
    /// The kernel watches no more, or a folder cannot be made.
    pub fn watch(
        &mut self,
        unit: &UnitName,
        config: &Path,
        first: bool,
        poller: &Poller,
    ) -> Result<Option<String>> {
        if first && config.make_directory {
            let is_path =
                |watched: &&Watched| watched.test != Test::Exists && watched.test != Test::ExistsGlob;
            for watched in config.watched.iter().filter(is_path) {
                folders::make(File::new(&watched.path), config.directory_mode)?;
            }
        }
        self.unwatch(unit);
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let fd = inotify::init(flags).context("cannot watch paths")?;
        let mut changes = LiteMap::new();
        for watched in &config.watched {
            watch_one(&fd, watched, &mut changes)
                .with_context(|| format!("cannot watch {}", watched.path))?;
        }
        self.last = self.last.wrapping_add(1);
        let fd = poller.hold(fd, Source::Path(self.last), Readiness::Read)?;
        self.owners.insert(self.last, unit.clone());
        self.watches.insert(unit.clone(), Watch { fd, number: self.last, changes });
        Ok(self.look(unit, config, first))
    }

    /// Watches no more.
    pub fn unwatch(&mut self, unit: &UnitName) {
        if let Some(watch) = self.watches.remove(unit) {
            self.owners.remove(&watch.number);
        }
    }

    /// The unit that a number is of.
    pub fn owner(&self, number: u32) -> Option<&UnitName> {
        self.owners.get(&number)
    }

    /// Something was told: looks at it, and watches anew.
    ///
    /// # Errors
    /// As for [`Paths::watch`].
    pub fn ready(&mut self, unit: &UnitName, config: &Path, poller: &Poller) -> Result<Option<String>> {
        let Some(watch) = self.watches.get(unit) else {
            return Ok(None);
        };
        let mut changed = None;
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&watch.fd, &mut buffer);
        while let Ok(event) = reader.next() {
            // The end of a watch is no change, and attributes are looked at for links that go.
            let is_change = !event.events().intersects(ReadFlags::IGNORED);
            if let Some(path) = watch.changes.get(&event.wd()).filter(|_| is_change) {
                changed = Some(path.clone());
            }
        }
        let looked = self.watch(unit, config, false, poller)?;
        Ok(changed.or(looked))
    }

    /// Looks for a path that meets its test.
    fn look(&mut self, unit: &UnitName, config: &Path, first: bool) -> Option<String> {
        let before = self.existed.get(unit).filter(|_| !first).cloned();
        let exists: Vec<bool> = config
            .watched
            .iter()
            .map(|watched| watched.test.is_change() && File::new(&watched.path).exists())
            .collect();
        let met = config.watched.iter().enumerate().find_map(|(index, watched)| {
            let path = File::new(&watched.path);
            match watched.test {
                Test::Exists => path.exists().then(|| watched.path.clone()),
                Test::ExistsGlob => conditions::glob_find(path).map(|found| found.display().to_string()),
                Test::DirectoryNotEmpty => conditions::has_entries(path).then(|| watched.path.clone()),
                Test::Changed | Test::Modified => {
                    let was = before.as_ref().and_then(|before| before.get(index));
                    was.filter(|was| **was != exists[index]).map(|_| watched.path.clone())
                }
            }
        });
        self.existed.insert(unit.clone(), exists);
        met
    }
}

/// What tells of a path's own change.
fn flags_of(test: Test) -> WatchFlags {
    let in_folder = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO;
    match test {
        Test::Exists => GOES | WatchFlags::ATTRIB,
        Test::ExistsGlob | Test::DirectoryNotEmpty => COMES,
        Test::Changed => GOES | WatchFlags::ATTRIB | WatchFlags::CLOSE_WRITE | in_folder,
        Test::Modified => {
            GOES | WatchFlags::ATTRIB | WatchFlags::CLOSE_WRITE | WatchFlags::MODIFY | in_folder
        }
    }
}

/// Watches a path and what is above it.
fn watch_one(fd: &OwnedFd, watched: &Watched, changes: &mut LiteMap<i32, String>) -> Result<()> {
    let target = File::new(match watched.test {
        Test::ExistsGlob => glob::base(&watched.path),
        _ => watched.path.as_str(),
    });
    // What comes after it was looked for and before the folder above is watched, nobody tells of. Each turn goes at least
    // one folder deeper.
    for _ in target.ancestors() {
        let missing = watch_what_is_there(fd, watched, target, changes)?;
        if missing.is_none_or(|path| inotify::add_watch(fd, path, GOES).is_err()) {
            break;
        }
    }
    Ok(())
}

/// Watches as much of a path as there is; of the rest, returns the uppermost.
fn watch_what_is_there<'p>(
    fd: &OwnedFd,
    watched: &Watched,
    target: &'p File,
    changes: &mut LiteMap<i32, String>,
) -> Result<Option<&'p File>> {
    let (mut below_is_there, mut missing) = (false, None);
    for path in target.ancestors() {
        let is_target = path == target;
        let flags = match (is_target, below_is_there) {
            (true, _) => flags_of(watched.test),
            (false, true) => GOES,
            (false, false) => COMES,
        };
        match inotify::add_watch(fd, path, flags) {
            Ok(number) => {
                if is_target && watched.test.is_change() {
                    changes.insert(number, watched.path.clone());
                }
                below_is_there = true;
            }
            // It is not there, or nobody may look: the folder above tells when that changes.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::ACCESS) => {
                missing = Some(path);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(missing)
}
