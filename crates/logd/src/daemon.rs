//! The loop: waits for any source, reads what it has, and stores it.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Context, Result};
use journal::{BootId, Entry, Limits, Priority, Query, Reader, Source, WhichBoot};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use crate::clock::Now;
use crate::intake::{self, Output, Received};
use crate::kernel::{KernelLog, Look};
use crate::lines::Lines;
use crate::message::{output_line, syslog_message};
use crate::options::Options;
use crate::rate::Limiter;
use crate::report;
use crate::store::Store;
use crate::syslog::{Syslog, unit_of};

/// Bytes read from one source before the others get their turn.
const CHUNK: usize = 32 << 10;
/// Datagrams or kernel records taken from one source before the others get their turn.
const TURN: usize = 256;
/// The unit under which the log store's own messages stand.
const SELF: &str = "berth-logd.service";
/// Syslog messages from outside any unit share one allowance.
const NO_UNIT: &str = "processes outside units";

/// What epoll says is ready.
const INTAKE: u64 = 0;
const KERNEL: u64 = 1;
const SYSLOG: u64 = 2;
const SIGNAL: u64 = 3;
const FIRST_PIPE: u64 = 4;

struct Pipe {
    unit: String,
    fd: OwnedFd,
    lines: Lines,
}

/// The daemon.
pub struct Daemon {
    epoll: OwnedFd,
    signals: SignalFd,
    intake: OwnedFd,
    kernel: Option<KernelLog>,
    syslog: Option<Syslog>,
    pipes: HashMap<u64, Pipe>,
    next_pipe: u64,
    sink: Sink,
    buffer: Vec<u8>,
}

/// Where entries go.
struct Sink {
    store: Store,
    limiter: Limiter,
    now: Now,
}

impl Daemon {
    /// Opens everything. The kernel's log and /dev/log are left out, with a report, where they
    /// cannot be opened: services' output matters more.
    ///
    /// # Errors
    /// There is no boot id, or the kernel refuses epoll, a signal descriptor or a thread.
    pub fn new(options: Options, intake: OwnedFd) -> Result<Self> {
        let boot = BootId::current()?;
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGTERM);
        mask.add(Signal::SIGINT);
        // Before the store's thread starts, which inherits the mask.
        mask.thread_block().context("cannot block SIGTERM")?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
            .context("cannot make a signal descriptor")?;
        let stored_us = last_kernel_record(&options, &boot);
        let store = Store::new(options.journal, boot, Limits::default())
            .context("cannot start the thread that flushes the log")?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot make an epoll instance")?;
        let mut daemon = Self {
            epoll,
            signals,
            intake,
            kernel: told(KernelLog::open(&options.kmsg, stored_us)),
            syslog: told(Syslog::open(&options.syslog)),
            pipes: HashMap::new(),
            next_pipe: FIRST_PIPE,
            sink: Sink { store, limiter: Limiter::default(), now: Now::read() },
            buffer: vec![0; CHUNK],
        };
        watch(&daemon.epoll, &daemon.intake, INTAKE)?;
        watch(&daemon.epoll, &daemon.signals, SIGNAL)?;
        if let Some(syslog) = &daemon.syslog {
            watch(&daemon.epoll, syslog, SYSLOG)?;
        }
        if let Some(kernel) = &daemon.kernel
            && let Err(error) = watch(&daemon.epoll, kernel, KERNEL)
        {
            report(&format!("kernel messages are not stored: {error:#}"));
            daemon.kernel = None;
        }
        Ok(daemon)
    }

    /// Runs until SIGTERM, and then stores what is still in the pipes.
    ///
    /// # Errors
    /// Waiting for events failed.
    pub fn run(mut self) -> Result<()> {
        let mut events = Vec::with_capacity(32);
        loop {
            events.clear();
            let timeout = self.timeout();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
                Err(Errno::INTR) => continue,
                other => other.context("cannot wait for log messages")?,
            };
            self.sink.now = Now::read();
            for event in &events {
                match event.data.u64() {
                    SIGNAL => return self.finish(),
                    INTAKE => self.take_outputs(),
                    KERNEL => self.read_kernel(),
                    SYSLOG => self.read_syslog(),
                    id => {
                        self.read_pipe(id);
                    }
                }
            }
            self.sink.end_round();
        }
    }

    /// Time until something is due; `None` (wait for ever) where nothing is.
    fn timeout(&self) -> Option<Timespec> {
        let due = [self.sink.store.deadline_us(), self.sink.limiter.deadline_us()];
        let due = due.into_iter().flatten().min()?;
        // Rounded up, so that the daemon does not wake a moment too early, to no avail.
        let wait = due.saturating_sub(Now::read().monotonic_us) + 1000;
        Some(Timespec {
            tv_sec: (wait / 1_000_000).cast_signed(),
            tv_nsec: (wait % 1_000_000 * 1000).cast_signed(),
        })
    }

    fn take_outputs(&mut self) {
        for _ in 0..TURN {
            match intake::receive(&self.intake) {
                Ok(Received::Output(output)) => self.add(output),
                Ok(Received::Nothing) => return,
                Ok(Received::Closed) => {
                    // PID 1 never closes it while it runs. The pipes that came are still read.
                    let _ = epoll::delete(&self.epoll, &self.intake);
                    return;
                }
                Err(error) => self.sink.own(Priority::ERR, &format!("{error:#}")),
            }
        }
    }

    fn add(&mut self, Output { unit, pipe }: Output) {
        let id = self.next_pipe;
        if let Err(error) = watch(&self.epoll, &pipe, id) {
            let text = format!("the output of {unit} is not stored: {error:#}");
            self.sink.own(Priority::ERR, &text);
            return;
        }
        self.next_pipe += 1;
        let pipe = Pipe { unit, fd: pipe, lines: Lines::default() };
        self.pipes.insert(id, pipe);
    }

    /// Reads one chunk. Returns whether more may be there.
    fn read_pipe(&mut self, id: u64) -> bool {
        let Some(pipe) = self.pipes.get_mut(&id) else {
            return false;
        };
        let length = match rustix::io::read(&pipe.fd, &mut self.buffer) {
            Ok(length) => length,
            Err(Errno::AGAIN | Errno::INTR) => return false,
            Err(error) => {
                let text = format!("cannot read the output of {}: {error}", pipe.unit);
                self.sink.own(Priority::ERR, &text);
                0
            }
        };
        let (unit, sink) = (pipe.unit.as_str(), &mut self.sink);
        if length > 0 {
            pipe.lines.feed(&self.buffer[..length], |line| sink.output(unit, line));
            return true;
        }
        pipe.lines.finish(|line| sink.output(unit, line));
        let _ = epoll::delete(&self.epoll, &pipe.fd);
        self.pipes.remove(&id);
        false
    }

    fn read_kernel(&mut self) {
        for _ in 0..TURN {
            let Some(kernel) = &mut self.kernel else {
                return;
            };
            match kernel.look(&mut self.buffer) {
                Ok(Look::Nothing) => return,
                Ok(Look::Skip) => {}
                Ok(Look::Record(record, overwritten)) => {
                    if overwritten > 0 {
                        let text = format!("{overwritten} kernel messages were overwritten unread");
                        self.sink.own(Priority::WARNING, &text);
                    }
                    self.sink.store.push(&Entry {
                        realtime_us: self.sink.now.realtime_of(record.monotonic_us),
                        monotonic_us: record.monotonic_us,
                        unit: None,
                        source: Source::Kernel,
                        priority: record.priority,
                        identifier: Some("kernel".to_owned()),
                        pid: None,
                        message: record.message,
                    });
                }
                Err(error) => {
                    let _ = epoll::delete(&self.epoll, &*kernel);
                    self.kernel = None;
                    let text = format!("kernel messages are no longer stored: {error}");
                    self.sink.own(Priority::ERR, &text);
                }
            }
        }
    }

    fn read_syslog(&mut self) {
        for _ in 0..TURN {
            let Some(syslog) = &self.syslog else { return };
            match syslog.receive(&mut self.buffer) {
                Ok(None) => return,
                Ok(Some((length, sender))) => self.sink.syslog(&self.buffer[..length], sender),
                Err(error) => {
                    let _ = epoll::delete(&self.epoll, syslog);
                    self.syslog = None;
                    let text = format!("syslog messages are no longer stored: {error}");
                    self.sink.own(Priority::ERR, &text);
                }
            }
        }
    }

    /// Stores what is there now and leaves.
    fn finish(mut self) -> Result<()> {
        self.take_outputs();
        self.read_syslog();
        self.read_kernel();
        let ids: Vec<u64> = self.pipes.keys().copied().collect();
        for id in ids {
            // Bounded: a service that never stops writing must not keep the machine running.
            let mut turns = 0;
            while self.read_pipe(id) && turns < TURN {
                turns += 1;
            }
        }
        for (_, mut pipe) in self.pipes.drain() {
            let (unit, sink) = (pipe.unit.as_str(), &mut self.sink);
            pipe.lines.finish(|line| sink.output(unit, line));
        }
        self.sink.report_dropped(u64::MAX);
        self.sink.store.finish(self.sink.now);
        Ok(())
    }
}

impl Sink {
    fn entry(&self, source: Source, priority: Priority, message: String) -> Entry {
        Entry {
            realtime_us: self.now.realtime_us,
            monotonic_us: self.now.monotonic_us,
            unit: None,
            source,
            priority,
            identifier: None,
            pid: None,
            message,
        }
    }

    fn output(&mut self, unit: &str, line: &[u8]) {
        if self.limiter.admit(unit, self.now.monotonic_us) {
            let (priority, message) = output_line(line);
            let mut entry = self.entry(Source::Output, priority, message);
            entry.unit = Some(unit.to_owned());
            self.store.push(&entry);
        }
    }

    fn syslog(&mut self, datagram: &[u8], sender: Option<u32>) {
        let unit = sender.and_then(unit_of);
        let allowance = unit.as_deref().unwrap_or(NO_UNIT);
        if self.limiter.admit(allowance, self.now.monotonic_us) {
            let message = syslog_message(datagram);
            let mut entry = self.entry(Source::Syslog, message.priority, message.message);
            entry.unit = unit;
            entry.identifier = message.identifier;
            // What the kernel says of the sender is true; what the message says may not be.
            entry.pid = sender.or(message.pid);
            self.store.push(&entry);
        }
    }

    /// A message of the log store itself.
    fn own(&mut self, priority: Priority, message: &str) {
        self.about(SELF, priority, message);
    }

    /// A message of the log store about a unit.
    fn about(&mut self, unit: &str, priority: Priority, message: &str) {
        let mut entry = self.entry(Source::Journal, priority, message.to_owned());
        entry.unit = Some(unit.to_owned());
        self.store.push(&entry);
    }

    /// Tells what the rate limit dropped in the intervals that are over at `until_us`.
    fn report_dropped(&mut self, until_us: u64) {
        let seconds = crate::rate::INTERVAL_US / 1_000_000;
        for dropped in self.limiter.take_dropped(until_us) {
            let (unit, lines) = (&dropped.unit, dropped.lines);
            let text = format!("{lines} lines of {unit} dropped: too many in {seconds} s");
            self.about(&dropped.unit, Priority::WARNING, &text);
        }
    }

    fn end_round(&mut self) {
        self.report_dropped(self.now.monotonic_us);
        self.store.tick(self.now);
        let lost = self.store.take_lost();
        if lost > 0 {
            let text = format!("{lost} lines lost while the log store was unusable");
            self.own(Priority::ERR, &text);
            self.store.commit(self.now);
        }
    }
}

fn watch(epoll: &OwnedFd, source: &impl AsFd, id: u64) -> Result<()> {
    let data = epoll::EventData::new_u64(id);
    epoll::add(epoll, source, data, epoll::EventFlags::IN).context("cannot watch a log source")
}

/// The value, or `None` after a report.
fn told<T>(result: Result<T>) -> Option<T> {
    result.inspect_err(|error| report(&format!("{error:#}"))).ok()
}

/// Time of the newest kernel record of this boot in the journal: after a restart of the daemon
/// the kernel shows all its records again.
fn last_kernel_record(options: &Options, boot: &BootId) -> Option<u64> {
    let query =
        Query { boot: Some(WhichBoot::Id(boot.clone())), kernel: true, last: Some(1), ..Query::default() };
    let mut entries = Reader::new(&options.journal).entries(&query).ok()?;
    entries.pop().map(|(_, entry)| entry.monotonic_us)
}
