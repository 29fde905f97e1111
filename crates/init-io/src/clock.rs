//! What timers need of the machine: its clock and time zone, word of their change, and stamp files.

use std::fs::{self, File, FileTimes};
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use calendar::{Zone, Zones};
use litemap::LiteMap;
use rustix::fs::inotify::{self, WatchFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use unit::UnitName;
use unit::timer::Timer;
use zoneinfo::Zoneinfo;

use crate::poller::{Poller, Readiness, Source};

/// A moment that does not come: the kernel's clocks end in 2262.
const NEVER: i64 = i64::MAX / 1_000_000_000;

/// The clock on the wall and the time zone.
pub struct WallClock {
    /// Readable when somebody has set the clock (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
    set: OwnedFd,
    /// Readable when something in the folder of the machine's time zone has changed.
    zone: Option<OwnedFd>,
    localtime: PathBuf,
    zones: Zoneinfo,
    /// The zones that timers name, read once: many may name one.
    named: LiteMap<String, Zone>,
    /// The folder of stamp files.
    stamps: PathBuf,
}

impl WallClock {
    /// Asks to be told of changes; `localtime` is the file of the time zone, `stamps` the folder of stamp files.
    /// That the time zone's folder cannot be watched is no reason not to go on.
    ///
    /// # Errors
    /// The kernel tells of no change of its clock.
    pub fn open(poller: &Poller, localtime: PathBuf, stamps: PathBuf) -> Result<WallClock> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let set = timerfd_create(TimerfdClockId::Realtime, flags).context("cannot watch the clock")?;
        arm(&set)?;
        poller.add(&set, Source::Clock, Readiness::Read)?;
        let zone = watch(&localtime).ok();
        if let Some(zone) = &zone {
            poller.add(zone, Source::Zone, Readiness::Read)?;
        }
        let zones = Zoneinfo::at(&localtime, Path::new(layout::path::ZONEINFO));
        Ok(WallClock { set, zone, localtime, zones, named: LiteMap::new(), stamps })
    }

    /// The machine's time zone.
    pub fn zone(&self) -> Zone {
        self.zones.local()
    }

    /// Something was told of the clock: what it shows, where it was set.
    pub fn was_set(&self) -> Option<Duration> {
        let read = rustix::io::read(&self.set, &mut [0; 8]);
        // The watch goes on only where it is set anew.
        _ = arm(&self.set);
        (read == Err(rustix::io::Errno::CANCELED)).then(sys::machine::wall_clock)
    }

    /// Something was told of the time zone's folder: the zone, where it was that.
    pub fn zone_was_set(&self) -> Option<Zone> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(self.zone.as_ref()?, &mut buffer);
        let mut is_it = false;
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(|name| name.to_bytes());
            is_it |= name == self.localtime.file_name().map(|name| name.as_encoded_bytes());
        }
        is_it.then(|| self.zone())
    }

    /// The zones that a timer names, as far as they are there.
    pub fn zones_of(&mut self, timer: &Timer) -> Vec<(String, Zone)> {
        let mut zones = Vec::new();
        for name in timer.zones() {
            let read = || Some((name.to_owned(), self.zones.named(name)?));
            let known = self.named.get(name).map(|zone| (name.to_owned(), zone.clone()));
            if let Some((name, zone)) = known.or_else(read) {
                self.named.insert(name.clone(), zone.clone());
                zones.push((name, zone));
            }
        }
        zones
    }

    /// When a persistent timer last elapsed; where that is not known, it counts from now.
    ///
    /// # Errors
    /// The stamp file can be neither read nor made.
    pub fn stamp_of(&self, unit: &UnitName) -> Result<Option<Duration>> {
        let path = self.stamp(unit);
        match fs::metadata(&path).and_then(|metadata| metadata.modified()) {
            Ok(time) => Ok(time.duration_since(UNIX_EPOCH).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.keep(unit, sys::machine::wall_clock()).map(|()| None)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Keeps when a persistent timer elapsed.
    ///
    /// # Errors
    /// The stamp file cannot be written.
    pub fn keep(&self, unit: &UnitName, at: Duration) -> Result<()> {
        let path = self.stamp(unit);
        let touch = || {
            fs::create_dir_all(&self.stamps)?;
            let file = File::options().write(true).create(true).truncate(false).open(&path)?;
            let time = SystemTime::UNIX_EPOCH + at;
            file.set_times(FileTimes::new().set_accessed(time).set_modified(time))
        };
        touch().with_context(|| format!("cannot write {}", path.display()))
    }

    fn stamp(&self, unit: &UnitName) -> PathBuf {
        self.stamps.join(unit::timer::stamp(unit))
    }
}

fn arm(set: &OwnedFd) -> Result<()> {
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    let at = |seconds: i64| Timespec { tv_sec: seconds, tv_nsec: 0 };
    let never = Itimerspec { it_interval: at(0), it_value: at(NEVER) };
    timerfd_settime(set, flags, &never).map(drop).context("cannot watch the clock")
}

/// Watches the folder that a file is or would be in: what comes, goes, or takes another's place.
fn watch(path: &Path) -> Result<OwnedFd> {
    let fd = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
    let flags = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE;
    inotify::add_watch(&fd, path.parent().unwrap_or(path), flags)?;
    Ok(fd)
}
