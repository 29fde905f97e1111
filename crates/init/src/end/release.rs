//! Releasing file systems, swap, loop and device-mapper devices, layer by layer, until nothing
//! more comes loose. What remains is made read-only.
//!
//! All of it is done by a child, which says what it is about to do: a device or a server that does
//! not answer hangs the child, and PID 1 goes on with another that leaves that step out.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mount::{MountFlags, UnmountFlags, mount_remount, unmount};
use rustix::pipe::{PipeFlags, pipe_with};
use sys::machine::monotonic;
use unit::mount::{Mounted, is_kept};
use unit::text::signal::Signal;

use init_io::tables::mounted;

/// A step that has gone on for so long, while nothing was written to any disk, is stuck.
const STUCK: Duration = Duration::from_secs(2);
/// How long all of it may take.
const LONGEST: Duration = Duration::from_secs(60);
/// How often a child that says nothing is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Rounds at most: each must have released something.
const ROUNDS: usize = 16;
const SWAP: &str = "swap";
const DEVICES: &str = "loop and device-mapper devices";

/// What could not be released.
pub struct Left {
    /// File systems that can still be written to, for files are open on them.
    pub in_use: Vec<String>,
    /// What did not answer: mount points, swap, devices.
    pub stuck: Vec<String>,
}

/// Releases all, within a time. `tick` is called every now and then.
pub fn all(mut tick: impl FnMut()) -> Left {
    let until = monotonic() + LONGEST;
    let mut stuck = BTreeSet::new();
    while let Some(step) = attempt(&stuck, until, &mut tick) {
        abandon(&step);
        // Twice the same would be for ever.
        if !stuck.insert(step) || monotonic() >= until {
            break;
        }
    }
    let in_use = mounted().into_iter().filter(is_at_risk).map(|mount| mount.place);
    Left {
        in_use: in_use.filter(|place| !is_below(place, &stuck)).collect(),
        stuck: stuck.into_iter().collect(),
    }
}

/// One child's work. Gives the step that it is stuck in.
fn attempt(skip: &BTreeSet<String>, until: Duration, tick: &mut impl FnMut()) -> Option<String> {
    let child = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(Into::into).and_then(
        |(reader, writer)| {
            let mut writer = File::from(writer);
            let child = sys::child::fork(move || {
                release(skip, &mut |step| _ = writeln!(writer, "{step}"));
                0
            });
            child.map(|child| (child, Words::of(reader)))
        },
    );
    let Ok((child, mut words)) = child else {
        // No memory for a process: better here than not at all.
        release(skip, &mut |_| ());
        return None;
    };
    let mut step = String::new();
    let (mut least_unwritten, mut moved) = (unwritten(), monotonic());
    loop {
        tick();
        match words.next() {
            Heard::End => {
                while sys::signal::reap().is_some() {}
                return None;
            }
            Heard::Step(next) => (step, moved) = (next, monotonic()),
            Heard::Nothing => {}
        }
        let left = unwritten();
        if left < least_unwritten {
            (least_unwritten, moved) = (left, monotonic());
        }
        if monotonic() > (moved + STUCK).min(until) {
            _ = sys::signal::send(child, Signal::KILL.0);
            return Some(step);
        }
    }
}

/// What a child had to say.
#[derive(Debug, PartialEq)]
enum Heard {
    Step(String),
    Nothing,
    End,
}

/// A child's words, a step a line.
struct Words {
    reader: BufReader<File>,
    /// The beginning of a line whose end has not come.
    begun: String,
}

impl Words {
    /// The words that come through a pipe, which must not block.
    fn of(pipe: OwnedFd) -> Words {
        Words { reader: BufReader::new(File::from(pipe)), begun: String::new() }
    }

    /// The next step; waits a moment for it.
    fn next(&mut self) -> Heard {
        if self.reader.buffer().is_empty() {
            let pause = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
            _ = poll(&mut [PollFd::new(self.reader.get_ref(), PollFlags::IN)], Some(&pause));
        }
        match self.reader.read_line(&mut self.begun) {
            Ok(0) => Heard::End,
            Ok(_) => Heard::Step(std::mem::take(&mut self.begun).trim_end_matches('\n').to_owned()),
            Err(_) => Heard::Nothing,
        }
    }
}

/// Kilobytes that no disk has yet (proc(5), meminfo).
fn unwritten() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let waiting = text.lines().filter(|line| line.starts_with("Dirty:") || line.starts_with("Writeback:"));
    waiting.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}

/// Has a mount that does not answer taken out of the way, by a child that nobody waits for. Those
/// of a network give up what they wait for.
fn abandon(step: &str) {
    if step.starts_with('/') {
        _ = sys::child::fork(|| {
            _ = unmount(step, UnmountFlags::FORCE);
            _ = unmount(step, UnmountFlags::DETACH);
            0
        });
    }
}

/// Whether a place is one of these, or under one: to reach it would be to wait for that.
fn is_below(place: &str, stuck: &BTreeSet<String>) -> bool {
    stuck.iter().any(|step| step != "/" && Path::new(place).starts_with(step))
}

/// All that can be released but for what is to be left out.
fn release(skip: &BTreeSet<String>, say: &mut dyn FnMut(&str)) {
    let reachable = || {
        let mounts = mounted().into_iter().rev();
        mounts.filter(|mount| !is_below(&mount.place, skip)).collect::<Vec<_>>()
    };
    if !skip.contains(SWAP) {
        say(SWAP);
        sys::swap::off_all();
    }
    for _ in 0..ROUNDS {
        let mut progress = false;
        for mount in reachable().iter().filter(|mount| !is_kept(&mount.place)) {
            say(&mount.place);
            progress |= unmount(&mount.place, UnmountFlags::empty()).is_ok();
        }
        if !skip.contains(DEVICES) {
            say(DEVICES);
            progress |= sys::block_stack::detach_unused();
        }
        if !progress {
            break;
        }
    }
    for mount in reachable().iter().filter(|mount| is_at_risk(mount)) {
        say(&mount.place);
        // Open files on it, or a file system that cannot: then all that was written is, at least.
        if mount_remount(&mount.place, MountFlags::RDONLY, c"").is_err()
            && let Ok(folder) = File::open(&mount.place)
        {
            _ = rustix::fs::syncfs(folder);
        }
    }
}

/// Whether it holds data, and can still be written to.
fn is_at_risk(mount: &Mounted) -> bool {
    mount.is_writable && holds_data(&mount.kind)
}

/// Whether what is written to it lasts.
fn holds_data(kind: &str) -> bool {
    let passing = [
        "proc",
        "sysfs",
        "devtmpfs",
        "devpts",
        "tmpfs",
        "ramfs",
        "cgroup2",
        "mqueue",
        "hugetlbfs",
        "securityfs",
        "bpf",
        "tracefs",
        "configfs",
        "pstore",
        "efivarfs",
        "debugfs",
        "overlay",
        "erofs",
        "squashfs",
        "rootfs",
        "nsfs",
        "autofs",
        "binfmt_misc",
        "fusectl",
    ];
    !passing.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_heard_whole_however_many_come_at_once() {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
        let (mut words, mut writer) = (Words::of(reader), File::from(writer));
        assert_eq!(words.next(), Heard::Nothing);
        let steps: Vec<String> = (0..700).map(|n| format!("/var/lib/containers/{n}")).collect();
        for step in &steps {
            writeln!(writer, "{step}").unwrap();
        }
        write!(writer, "/half").unwrap();
        for step in steps {
            assert_eq!(words.next(), Heard::Step(step));
        }
        assert_eq!(words.next(), Heard::Nothing);
        writeln!(writer, " a name").unwrap();
        assert_eq!(words.next(), Heard::Step("/half a name".to_owned()));
        drop(writer);
        assert_eq!(words.next(), Heard::End);
    }
}
