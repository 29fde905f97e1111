//! Control groups (the kernel's cgroup-v2.rst): one a service, and the processes in it.
//!
//! Where there is no hierarchy to write to (a container without one), a service's processes are
//! those of the sessions that PID 1 began for it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use litemap::LiteMap;
use rustix::fs::inotify;
use unit::cgroup::{self, Phase};
use unit::graph::Graph;
use unit::service::config::{CgroupLimits, Service, Weights};
use unit::service::sandbox::Sandbox;
use unit::{Kind, UnitName};

/// Where the hierarchy is in a machine.
pub const MOUNT_POINT: &str = "/sys/fs/cgroup";
/// PID 1's own group.
const OWN: &str = "init";

/// How often, and how far apart, it is tried to remove a container's groups.
const CLEAN_UP_TRIES: u32 = 50;
const CLEAN_UP_PAUSE: Duration = Duration::from_millis(10);

/// How often a group is looked through for processes that got no signal yet: what it may hold PID 1 up at most.
const SIGNAL_PASSES: u32 = 100;
/// How long a group may take to stand still for a signal. Where processors are scarce a group of many processes takes
/// long, and one that waits for a disk that is gone never does; the others wait for it.
const SIGNAL_PATIENCE: Duration = Duration::from_secs(2);

/// The hierarchy.
pub struct Cgroups {
    /// Below which groups are made; none where that cannot be done.
    root: Option<PathBuf>,
    /// Tells of groups that became empty.
    watcher: OwnedFd,
    watched: LiteMap<i32, UnitName>,
    groups: LiteMap<UnitName, Group>,
    memory: u64,
    phase: Phase,
    /// Groups whose weights are others while the system starts and ends.
    phased: Vec<(PathBuf, Weights)>,
}

#[derive(Default)]
struct Group {
    path: PathBuf,
    folder: Option<OwnedFd>,
    watches: Vec<i32>,
    /// Processes of it that the kernel has ended for want of memory.
    oom_kills: u64,
    /// Leaders of the sessions begun for it: its processes, where there is no hierarchy.
    sessions: Vec<i32>,
    /// The signal for which the group is to stand still.
    round: Option<Round>,
}

/// A signal on its way to every process of a group.
struct Round {
    signals: Vec<i32>,
    /// Who got it.
    told: BTreeSet<i32>,
    /// When it ends, whether the group stands still or not.
    until: Duration,
}

impl Round {
    /// Sends the signals to each process of a list that changes while it is read: once to each, until there is nobody
    /// new.
    fn tell(&mut self, list: impl Fn() -> Vec<i32>) {
        for _ in 0..SIGNAL_PASSES {
            let new: Vec<i32> = list().into_iter().filter(|pid| self.told.insert(*pid)).collect();
            if new.is_empty() {
                return;
            }
            for pid in new {
                // One that has ended is noticed when it is reaped.
                self.signals.iter().for_each(|signal| _ = sys::signal::send(pid, *signal));
            }
        }
    }
}

impl Cgroups {
    /// Takes over the hierarchy at `root`, moving this process into a group of its own.
    pub fn take_over(root: &Path) -> Result<Cgroups> {
        let own = root.join(OWN);
        make_folder(&own)?;
        write(&own.join("cgroup.procs"), "1")?;
        let groups = Cgroups::new(Some(root.to_owned()))?;
        groups.enable_controllers(root);
        Ok(groups)
    }

    /// Uses a group of this process's own, if it can make one; else sessions.
    pub fn in_container() -> Result<Cgroups> {
        Cgroups::new(delegated_group())
    }

    fn new(root: Option<PathBuf>) -> Result<Cgroups> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        Ok(Cgroups {
            root,
            watcher: inotify::init(flags).context("cannot watch control groups")?,
            watched: LiteMap::new(),
            groups: LiteMap::new(),
            memory: total_memory(),
            phase: Phase::Running,
            phased: Vec::new(),
        })
    }

    /// From now on the weights of this phase hold.
    pub fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.phased.retain(|(path, weights)| {
            // What cannot be written was told when the group was made.
            cgroup::weights(*weights, phase).for_each(|(file, value)| _ = write(&path.join(file), &value));
            path.is_dir()
        });
    }

    /// What to wait for to hear of groups that became empty.
    pub fn watcher(&self) -> BorrowedFd<'_> {
        self.watcher.as_fd()
    }

    /// Makes a service's group, or finds it again, and sets its limits. Returns what did not
    /// work, which is no reason not to start the service: a limit on something that this machine
    /// does not have.
    pub fn make(&mut self, unit: &UnitName, service: &Service, graph: &Graph) -> Result<Vec<String>> {
        if self.root.is_none() {
            self.groups.entry(unit.clone()).or_default();
            return Ok(Vec::new());
        }
        let (slice, mut complaints) = self.slice_folder(&service.slice, graph)?;
        let path = slice.join(unit.as_str());
        make_folder(&path)?;
        complaints.extend(self.limit(&path, &service.cgroup));
        let folder = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        for attached in self.filter(folder.as_fd(), &service.exec.sandbox) {
            match attached {
                // In a container devices and networks are given by who made it.
                Err(error) if self.root.as_deref() != Some(Path::new(MOUNT_POINT)) => {
                    complaints.push(format!("{error:#}"));
                }
                other => other?,
            }
        }
        let events = path.join("cgroup.events");
        let watch = inotify::add_watch(&self.watcher, &events, inotify::WatchFlags::MODIFY);
        let watch = watch.with_context(|| format!("cannot watch {}", events.display()))?;
        self.watched.insert(watch, unit.clone());
        // Without the memory controller nothing is ended for want of memory.
        let memory = path.join("memory.events");
        let memory_watch = inotify::add_watch(&self.watcher, &memory, inotify::WatchFlags::MODIFY).ok();
        self.watched.extend(memory_watch.map(|watch| (watch, unit.clone())));
        let oom_kills = oom_kills(&path);
        let watches = [Some(watch), memory_watch].into_iter().flatten().collect();
        let folder = Some(folder.into());
        let group = Group { path, folder, watches, oom_kills, ..Group::default() };
        self.groups.insert(unit.clone(), group);
        Ok(complaints)
    }

    /// Limits what the processes of a group, whose folder this is, may use and reach.
    fn filter(&self, folder: BorrowedFd, sandbox: &Sandbox) -> [Result<()>; 2] {
        let devices = spawn::devices(sandbox).map(|list| sys::device_filter::attach(folder, &list));
        let addresses = spawn::addresses(sandbox).map(|list| sys::address_filter::attach(folder, &list));
        [
            devices.unwrap_or(Ok(())).context("cannot limit its devices (DeviceAllow=, DevicePolicy=)"),
            addresses.unwrap_or(Ok(())).context("cannot limit its addresses (IPAddressDeny=)"),
        ]
    }

    /// Makes a slice's group, and those that it is in, each with its limits. Returns what did not
    /// work.
    pub fn make_slice(&mut self, slice: &UnitName, graph: &Graph) -> Result<Vec<String>> {
        let (path, mut complaints) = self.slice_folder(slice, graph)?;
        // It may have been there already, for a service, by what the slice's file said then.
        if let Some(limits) = slice_limits(slice, graph).filter(|_| self.root.is_some()) {
            complaints.extend(self.limit(&path, limits));
        }
        complaints.dedup();
        Ok(complaints)
    }

    /// Removes a slice's group, if it is empty.
    pub fn remove_slice(&self, slice: &UnitName) {
        if let Some(root) = &self.root {
            // One with something in it stays.
            _ = fs::remove_dir(root.join(cgroup::slice_path(slice)));
        }
    }

    /// The folder of a slice, made where it is not there; and what did not work.
    fn slice_folder(&mut self, slice: &UnitName, graph: &Graph) -> Result<(PathBuf, Vec<String>)> {
        let mut complaints = Vec::new();
        let Some(mut path) = self.root.clone() else {
            return Ok((PathBuf::new(), complaints));
        };
        for part in cgroup::slice_path(slice).split('/').filter(|part| !part.is_empty()) {
            path.push(part);
            let is_new = !path.is_dir();
            make_folder(&path)?;
            if is_new {
                self.enable_controllers(&path);
                let limits = UnitName::parse(part).ok().and_then(|part| slice_limits(&part, graph));
                complaints.extend(limits.into_iter().flat_map(|limits| self.limit(&path, limits)));
            }
        }
        Ok((path, complaints))
    }

    /// Writes a group's limits. Returns what did not work: a limit on something that this machine
    /// does not have.
    fn limit(&mut self, path: &Path, limits: &CgroupLimits) -> Vec<String> {
        let weights = limits.weights;
        if weights.startup_cpu.is_some() || weights.startup_io.is_some() {
            self.phased.retain(|(known, _)| known != path);
            self.phased.push((path.to_owned(), weights));
        }
        let settings = cgroup::settings(limits, self.memory, max_tasks(), self.phase).into_iter();
        let failed = settings.filter_map(|(file, value)| write(&path.join(file), &value).err());
        let devices = limits.io_devices.iter().filter_map(|limit| {
            let set = block_device(Path::new(&limit.path)).and_then(|device| {
                let (file, value) = cgroup::device_setting(limit, &device);
                write(&path.join(file), &value)
            });
            set.err()
        });
        failed.chain(devices).map(|error| format!("{error:#}")).collect()
    }

    /// Whether the unit has a group.
    pub fn has(&self, unit: &UnitName) -> bool {
        self.groups.contains_key(unit)
    }

    /// Whether groups are sessions, of whose end nobody tells.
    pub fn has_sessions(&self) -> bool {
        self.root.is_none()
    }

    /// The group's folder, for a process to begin in.
    pub fn folder(&self, unit: &UnitName) -> Option<BorrowedFd<'_>> {
        self.groups.get(unit)?.folder.as_ref().map(OwnedFd::as_fd)
    }

    /// Notes a process that was begun in the group.
    pub fn began(&mut self, unit: &UnitName, pid: i32) {
        if self.root.is_none()
            && let Some(group) = self.groups.get_mut(unit)
        {
            group.sessions.push(pid);
        }
    }

    /// Without a hierarchy: takes a process for one of the unit's that has left the session it was begun
    /// in, as daemons do. Given where the unit says which it is; else all orphans of sessions that
    /// nobody began are taken.
    pub fn adopt(&mut self, unit: &UnitName, pid: Option<i32>) {
        if self.root.is_some() {
            return;
        }
        let known: Vec<i32> = self.groups.values().flat_map(|group| group.sessions.clone()).collect();
        let found: Vec<i32> = match pid {
            Some(pid) => session_of(pid).into_iter().collect(),
            None => orphans().into_iter().filter_map(session_of).collect(),
        };
        if let Some(group) = self.groups.get_mut(unit) {
            for session in found {
                if session > 1 && !known.contains(&session) && !group.sessions.contains(&session) {
                    group.sessions.push(session);
                }
            }
        }
    }

    /// The units whose groups may have become empty, or stand still.
    pub fn changed(&self) -> Vec<UnitName> {
        if self.has_sessions() {
            return self.groups.keys().cloned().collect();
        }
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.watcher, &mut buffer);
        let mut units = Vec::new();
        while let Ok(event) = reader.next() {
            units.extend(self.watched.get(&event.wd()).cloned());
        }
        units.sort();
        units.dedup();
        units
    }

    /// The processes in the group, and those below it.
    pub fn members(&self, unit: &UnitName) -> Vec<i32> {
        let Some(group) = self.groups.get(unit) else {
            return Vec::new();
        };
        match self.root {
            None => session_members(&group.sessions),
            Some(_) => members(&group.path),
        }
    }

    /// Whether any process is in the group.
    pub fn is_populated(&self, unit: &UnitName) -> bool {
        let Some(group) = self.groups.get(unit) else {
            return false;
        };
        match self.root {
            None => !session_members(&group.sessions).is_empty(),
            Some(_) => is_populated(&group.path),
        }
    }

    /// Whether the kernel has ended a process of the group for want of memory since this was asked last.
    pub fn ran_out_of_memory(&mut self, unit: &UnitName) -> bool {
        let Some(group) = self.groups.get_mut(unit).filter(|group| group.folder.is_some()) else {
            return false;
        };
        let now = oom_kills(&group.path);
        std::mem::replace(&mut group.oom_kills, now) < now
    }

    /// Sends signals to every process in the group, those that are forked meanwhile too.
    ///
    /// A process that is being forked is in no list yet, and its parent's signal is not its own: only of a group that
    /// stands still (cgroup-v2.rst, `cgroup.freeze`) is it known that the list is whole. So it is frozen, those that are
    /// in the list are told, and the rest once it stands still: [`Cgroups::changed`] tells of that, and
    /// [`Cgroups::settle`] goes on.
    pub fn signal(&mut self, unit: &UnitName, signals: &[i32], now: Duration) {
        // One after the other.
        self.end_round(unit);
        let is_hierarchy = self.root.is_some();
        let Some(group) = self.groups.get_mut(unit) else {
            return;
        };
        let kills = signals.contains(&unit::text::signal::Signal::KILL.0);
        // The kernel kills all at once, and lets none fork away.
        if is_hierarchy && kills && write(&group.path.join("cgroup.kill"), "1").is_ok() {
            return;
        }
        let mut round =
            Round { signals: signals.to_vec(), told: BTreeSet::new(), until: now + SIGNAL_PATIENCE };
        if is_hierarchy && freeze(&group.path, true).is_ok() {
            round.tell(|| members(&group.path));
            group.round = Some(round);
            // Of one that stood still already nobody tells.
            self.settle(unit);
        } else {
            round.tell(|| self.members(unit));
        }
    }

    /// Ends the round of a signal, if the group stands still.
    pub fn settle(&mut self, unit: &UnitName) {
        let is_still = |group: &Group| group.round.is_some() && says(&group.path, "frozen 1");
        if self.groups.get(unit).is_some_and(is_still) {
            self.end_round(unit);
        }
    }

    /// Ends the rounds that have taken too long.
    pub fn tick(&mut self, now: Duration) {
        let late = |group: &Group| group.round.as_ref().is_some_and(|round| now >= round.until);
        let late: Vec<UnitName> =
            self.groups.iter().filter(|(_, group)| late(group)).map(|(unit, _)| unit.clone()).collect();
        late.iter().for_each(|unit| self.end_round(unit));
    }

    /// When a round has taken too long.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.groups.values().filter_map(|group| group.round.as_ref()).map(|round| round.until).min()
    }

    /// Ends the round of a signal: those that were forked since are told, and the group runs again. Who is to begin
    /// something in the group does this first: what was sent before is not for it.
    pub fn end_round(&mut self, unit: &UnitName) {
        if let Some(group) = self.groups.get_mut(unit)
            && let Some(mut round) = group.round.take()
        {
            round.tell(|| members(&group.path));
            // It can only fail where the group is gone.
            _ = freeze(&group.path, false);
        }
    }

    /// Removes the group, if it is empty.
    pub fn release(&mut self, unit: &UnitName) {
        let Some(group) = self.groups.get_mut(unit) else {
            return;
        };
        if self.root.is_none() {
            let sessions = std::mem::take(&mut group.sessions);
            group.sessions =
                sessions.into_iter().filter(|pid| !session_members(&[*pid]).is_empty()).collect();
            return;
        }
        // What still runs in it (KillMode=process) keeps it: the next start finds it again.
        if !is_populated(&group.path) {
            remove_tree(&group.path);
            self.phased.retain(|(path, _)| *path != group.path);
            for watch in group.watches.drain(..) {
                self.watched.remove(&watch);
            }
            self.groups.remove(unit);
        }
    }

    /// The group's folder below the root of the hierarchy, and what the kernel counts there.
    pub fn usage(&self, unit: &UnitName) -> Option<Usage> {
        let group = self.groups.get(unit)?;
        let root = self.root.as_ref()?;
        let number = |file: &str| fs::read_to_string(group.path.join(file)).ok()?.trim().parse().ok();
        let cpu = fs::read_to_string(group.path.join("cpu.stat")).unwrap_or_default();
        let cpu = cpu.lines().find_map(|line| line.strip_prefix("usage_usec "));
        Some(Usage {
            path: group.path.strip_prefix(root).ok()?.display().to_string(),
            memory_bytes: number("memory.current"),
            tasks: number("pids.current"),
            cpu_us: cpu.and_then(|value| value.parse().ok()),
        })
    }

    /// The unit whose group a process is in.
    pub fn unit_of(&self, pid: i32) -> Option<UnitName> {
        if self.root.is_none() {
            let session = session_of(pid)?;
            let of = |group: &Group| group.sessions.contains(&session);
            return self.groups.iter().find(|(_, group)| of(group)).map(|(unit, _)| unit.clone());
        }
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
        path.split('/')
            .rev()
            .filter_map(|part| UnitName::parse(part).ok())
            .find(|unit| self.groups.contains_key(unit))
    }

    /// Kills what is left in every group, and removes the groups of a container.
    pub fn clean_up(&mut self) {
        let Some(root) = &self.root else {
            return;
        };
        if root != Path::new(MOUNT_POINT) {
            _ = write(&root.join("cgroup.kill"), "1");
            // Killed processes take a moment to be gone, and must be reaped.
            for _ in 0..CLEAN_UP_TRIES {
                while sys::signal::reap().is_some() {}
                remove_tree(root);
                if !root.exists() {
                    break;
                }
                std::thread::sleep(CLEAN_UP_PAUSE);
            }
        }
    }

    /// Hands every controller that a group has on to the groups below it.
    fn enable_controllers(&self, path: &Path) {
        let available = fs::read_to_string(path.join("cgroup.controllers")).unwrap_or_default();
        let all: String = available.split_whitespace().map(|name| format!("+{name} ")).collect();
        let file = path.join("cgroup.subtree_control");
        if write(&file, all.trim_end()).is_err() {
            // All or none: one that cannot be handed on must not keep the others back.
            for name in available.split_whitespace() {
                _ = write(&file, &format!("+{name}"));
            }
        }
    }
}

/// Has the processes of a group stand still, which takes each a moment, or go on.
fn freeze(group: &Path, still: bool) -> Result<()> {
    write(&group.join("cgroup.freeze"), if still { "1" } else { "0" })
}

/// What a service uses.
pub struct Usage {
    /// Its group, below the root.
    pub path: String,
    /// Memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processes.
    pub tasks: Option<u64>,
    /// Processor time, in microseconds.
    pub cpu_us: Option<u64>,
}

fn slice_limits<'a>(slice: &UnitName, graph: &'a Graph) -> Option<&'a CgroupLimits> {
    match &graph.get(slice)?.kind {
        Kind::Slice(limits) => Some(limits),
        _ => None,
    }
}

fn make_folder(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("cannot make the control group {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, value: &str) -> Result<()> {
    fs::write(path, value).with_context(|| format!("cannot write {value:?} to {}", path.display()))
}

/// The processes of a group that the kernel has ended for want of memory so far.
fn oom_kills(path: &Path) -> u64 {
    let events = fs::read_to_string(path.join("memory.events")).unwrap_or_default();
    let count = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// The numbers of the block device that a path is, or is on.
fn block_device(path: &Path) -> Result<String> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let metadata = fs::metadata(path).with_context(|| format!("cannot find {}", path.display()))?;
    let number = match metadata.file_type().is_block_device() {
        true => metadata.rdev(),
        false => metadata.dev(),
    };
    Ok(format!("{}:{}", rustix::fs::major(number), rustix::fs::minor(number)))
}

fn is_populated(path: &Path) -> bool {
    says(path, "populated 1")
}

/// Whether a group's `cgroup.events` holds a line.
fn says(path: &Path, what: &str) -> bool {
    let events = fs::read_to_string(path.join("cgroup.events")).unwrap_or_default();
    events.lines().any(|line| line == what)
}

/// The processes in a group and those below it.
fn members(path: &Path) -> Vec<i32> {
    let own = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    let mut pids: Vec<i32> =
        own.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 1).collect();
    for folder in folders(path) {
        pids.extend(members(&folder));
    }
    pids
}

fn folders(path: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

/// Removes a group and those below it, as far as they are empty.
fn remove_tree(path: &Path) {
    for folder in folders(path) {
        remove_tree(&folder);
    }
    _ = fs::remove_dir(path);
}

/// The processes of some sessions.
fn session_members(sessions: &[i32]) -> Vec<i32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| session_of(*pid).is_some_and(|session| sessions.contains(&session))).collect()
}

/// The children of this process: those that it began, and those whose parents are gone.
fn orphans() -> Vec<i32> {
    let text = fs::read_to_string("/proc/self/task/1/children").unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Whether there is such a process, and it has not ended.
pub fn is_alive(pid: i32) -> bool {
    session_of(pid).is_some()
}

/// The session of a living process: the sixth field of its stat (proc(5)), counted from behind
/// the program's name, which may hold anything.
fn session_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let session = fields.nth(2)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(session)
}

/// Makes a group below this process's own, where the machine lets it.
fn delegated_group() -> Option<PathBuf> {
    let mounts = fs::read_to_string(sys::mount::MOUNTS).ok()?;
    let mount = mounts.lines().find_map(|line| {
        let (front, back) = line.split_once(" - ")?;
        let mut fields = front.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        back.starts_with("cgroup2 ").then(|| (root.to_owned(), PathBuf::from(point)))
    });
    let (mount_root, mount_point) = mount?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    let below = own.strip_prefix(mount_root.trim_end_matches('/')).unwrap_or(own);
    let random = sys::random::name_16().ok()?;
    let name = format!("berth-{:016x}", u64::from_ne_bytes(random[..8].try_into().ok()?));
    let path = mount_point.join(below.trim_start_matches('/')).join(name);
    fs::create_dir(&path).ok()?;
    Some(path)
}

/// The machine's memory, in bytes.
pub fn total_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn max_tasks() -> u64 {
    let text = fs::read_to_string("/proc/sys/kernel/pid_max").unwrap_or_default();
    text.trim().parse().unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;
    use unit::Unit;
    use unit::text::value::Amount;

    #[test]
    fn nested_slices_are_folders_with_their_limits() {
        let root = tempfile::tempdir().unwrap();
        let mut cgroups = Cgroups::new(Some(root.path().to_owned())).unwrap();
        let name = |text: &str| UnitName::parse(text).unwrap();
        let mut graph = Graph::default();
        for (slice, tasks) in [("a.slice", 7), ("a-b.slice", 5)] {
            let weights = Weights { startup_cpu: Some(10 * tasks as u16), ..Weights::default() };
            let tasks_max = Some(Amount::Absolute(tasks));
            let limits = CgroupLimits { tasks_max, weights, ..CgroupLimits::default() };
            graph.insert(Unit::empty(name(slice), Kind::Slice(Box::new(limits))));
        }
        cgroups.enter(Phase::Startup);
        assert_eq!(cgroups.make_slice(&name("a-b.slice"), &graph).unwrap(), Vec::<String>::new());
        let read = |path: &str| fs::read_to_string(root.path().join(path)).unwrap();
        assert_eq!(read("a.slice/pids.max"), "7");
        assert_eq!(read("a.slice/a-b.slice/pids.max"), "5");
        assert_eq!(read("a.slice/a-b.slice/cpu.weight"), "50");
        cgroups.enter(Phase::Running);
        assert_eq!(read("a.slice/a-b.slice/cpu.weight"), "100");
        cgroups.enter(Phase::Startup);
        assert_eq!(read("a.slice/cpu.weight"), "70");
    }
}
