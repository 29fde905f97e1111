//! The loop: waits for any source, reads what it has, and hands it to the sink.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Context, Error, Result, anyhow};
use journal::{BootId, Filter, Origin, Priority, Query, Reader, WhichBoot};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::SocketFlags;

use crate::clock::Now;
use crate::config::Config;
use crate::connections::Connections;
use crate::control::{Control, Order};
use crate::datagram::{self, Datagram};
use crate::intake::{self, Received};
use crate::kernel::{KernelLog, Look};
use crate::lines::Lines;
use crate::options::Options;
use crate::outlets::Outlets;
use crate::report;
use crate::rest::Resting;
use crate::sink::Sink;
use crate::sockets::Sockets;
use crate::storage;
use crate::store::Store;
use crate::streams::{Opening, Stream, opening};

/// Bytes read from one source before the others get their turn: what a pipe holds.
const CHUNK: usize = 64 << 10;
/// Datagrams or kernel records taken from one source before the others get their turn.
const TURN: usize = 256;
/// So many turns each source has where all that is there is wanted: who never stops must not keep the machine running.
const TURNS_MAX: usize = 256;
/// Waiting ends so much later than what is due, in microseconds.
const ROUND_US: u64 = 100;

/// What epoll says is ready.
const INTAKE: u64 = 0;
const KERNEL: u64 = 1;
const SYSLOG: u64 = 2;
const NATIVE: u64 = 3;
const CONNECTIONS: u64 = 4;
const SIGNAL: u64 = 5;
const CONTROL: u64 = 6;
const FIRST_STREAM: u64 = 7;

/// The daemon.
pub struct Daemon {
    epoll: OwnedFd,
    signals: SignalFd,
    intake: OwnedFd,
    kernel: Option<KernelLog>,
    sockets: Sockets,
    control: Option<Control>,
    streams: HashMap<u64, Stream>,
    next_stream: u64,
    resting: Resting,
    connections: Connections,
    sink: Sink,
    /// A line longer than this many bytes is stored in pieces.
    line_max: usize,
    buffer: Vec<u8>,
    /// Why it cannot go on.
    failure: Option<Error>,
}

impl Daemon {
    /// Opens everything. The kernel's log and sockets are left out, with a report, where they
    /// cannot be opened: services' output matters more.
    ///
    /// # Errors
    /// There is no boot id, or the kernel refuses epoll, a signal descriptor or a thread.
    pub fn new(options: Options, intake: OwnedFd, given: Vec<OwnedFd>) -> Result<Self> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGTERM);
        mask.add(Signal::SIGINT);
        // Before the store's thread starts, which inherits the mask.
        mask.thread_block().context("cannot block SIGTERM")?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
            .context("cannot make a signal descriptor")?;
        let origin =
            Origin { boot: BootId::current()?, machine: machine_id(), hostname: crate::store::host_name() };
        let (config, warnings) = Config::load(options.config.as_deref());
        let settings = storage::settings(&config, options.journal.as_deref());
        let stored_us =
            settings.dir.as_ref().and_then(|dir| last_kernel_record(&Reader::new(dir), &origin.boot));
        let mut outlets = Outlets::open(&config, &origin).context("cannot forward messages")?;
        let notes = outlets.forwarders.notes.take();
        let store = Store::new(settings, origin).context("cannot start the thread that flushes the log")?;
        let sockets = match &options.sockets {
            Some(folder) => Sockets::make(folder),
            None => Sockets::given(given),
        };
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot make an epoll instance")?;
        let mut daemon = Self {
            epoll,
            signals,
            intake,
            kernel: match config.read_kmsg {
                true => told(KernelLog::open(&options.kmsg, stored_us)),
                false => None,
            },
            sockets: told(sockets).unwrap_or_default(),
            control: told(Control::open(&options.control())),
            streams: HashMap::new(),
            next_stream: FIRST_STREAM,
            resting: Resting::default(),
            connections: Connections::default(),
            sink: Sink::new(store, outlets, config.rate),
            line_max: config.line_max,
            buffer: vec![0; CHUNK],
            failure: None,
        };
        watch(&daemon.epoll, &daemon.intake, INTAKE)?;
        watch(&daemon.epoll, &daemon.signals, SIGNAL)?;
        let Sockets { syslog, native, streams } = &daemon.sockets;
        for (socket, id) in [(syslog, SYSLOG), (native, NATIVE), (streams, CONNECTIONS)] {
            if let Some(socket) = socket {
                watch(&daemon.epoll, socket, id)?;
            }
        }
        if let Some(control) = &daemon.control {
            watch(&daemon.epoll, &control.socket, CONTROL)?;
        }
        if let Some(kernel) = &daemon.kernel
            && let Err(error) = watch(&daemon.epoll, kernel, KERNEL)
        {
            report(&format!("kernel messages are not stored: {error:#}"));
            daemon.kernel = None;
        }
        warnings.iter().for_each(|warning| daemon.sink.own(Priority::WARNING, warning));
        if let Some(notes) = notes {
            rustix::io::ioctl_fionbio(&notes, true).context("cannot make a pipe non-blocking")?;
            let speaker = Some(daemon.sink.own_speaker());
            let lines = Lines::new(daemon.line_max);
            daemon.add(Stream { fd: notes.into(), speaker, lines, opening: None });
        }
        Ok(daemon)
    }

    /// Runs until SIGTERM, and then stores what is still in the pipes.
    ///
    /// # Errors
    /// Waiting for events failed, or a unit's pipe was lost: PID 1 starts the daemon anew then, and announces all
    /// of them again.
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
            while let Some(id) = self.resting.ended(self.sink.now.monotonic_us) {
                self.listen(id, epoll::EventFlags::IN);
            }
            self.end_silent_connections();
            for event in &events {
                match event.data.u64() {
                    SIGNAL => return self.finish(),
                    INTAKE => drop(self.take_announcements()),
                    KERNEL => drop(self.read_kernel()),
                    id @ (SYSLOG | NATIVE) => drop(self.read_datagrams(id)),
                    CONNECTIONS => self.take_connections(),
                    CONTROL => self.take_orders(),
                    id => {
                        if self.read_stream(id) && self.resting.begins(id, Now::read().monotonic_us) {
                            self.listen(id, epoll::EventFlags::empty());
                        }
                    }
                }
            }
            self.sink.end_round();
            if let Some(failure) = self.failure.take() {
                self.finish()?;
                return Err(failure);
            }
        }
    }

    /// Time until something is due; `None` (wait for ever) where nothing is.
    fn timeout(&self) -> Option<Timespec> {
        let own = [self.sink.deadline_us(), self.resting.deadline_us(), self.connections.deadline_us()];
        let due = own.into_iter().flatten().min()?;
        // Rounded up, so that the daemon does not wake a moment too early, to no avail.
        let wait = due.saturating_sub(Now::read().monotonic_us).saturating_add(ROUND_US);
        let seconds = i64::try_from(wait / 1_000_000).ok()?;
        Some(Timespec { tv_sec: seconds, tv_nsec: (wait % 1_000_000 * 1000).cast_signed() })
    }

    /// Returns whether more may be there.
    fn take_announcements(&mut self) -> bool {
        for _ in 0..TURN {
            match intake::receive(&self.intake) {
                Ok(Received::Unit(announced, pipe)) => {
                    let speaker = self.sink.announce(announced.unit, announced.log);
                    match pipe {
                        Some(fd) => {
                            let lines = Lines::new(self.line_max);
                            self.add(Stream { fd, speaker: Some(speaker), lines, opening: None });
                        }
                        None => {
                            let streams = self.streams.values_mut();
                            let of_pipes = streams.filter(|stream| stream.opening.is_none());
                            of_pipes
                                .filter_map(|stream| stream.speaker.as_mut())
                                .filter(|known| known.unit == speaker.unit)
                                .for_each(|known| known.clone_from(&speaker));
                        }
                    }
                }
                Ok(Received::Cut) => {
                    // Nobody would ever read that unit's output, and it would wait for that.
                    let text = "no descriptor is left for the output of a unit: the log store starts anew";
                    self.failure.get_or_insert_with(|| anyhow!(text));
                    return false;
                }
                Ok(Received::Nothing) => return false,
                Ok(Received::Closed) => {
                    // PID 1 never closes it while it runs. The pipes that came are still read.
                    let _ = epoll::delete(&self.epoll, &self.intake);
                    return false;
                }
                Err(error) => self.sink.own(Priority::ERR, &format!("{error:#}")),
            }
        }
        true
    }

    fn take_connections(&mut self) {
        for _ in 0..TURN {
            let Some(listener) = &self.sockets.streams else { return };
            let fd = match rustix::net::accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) => fd,
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => return,
                Err(error) => {
                    // Most likely no descriptor is left. The connection waits, and so does the daemon.
                    self.connections.pause(self.sink.now.monotonic_us);
                    self.watch_connections(epoll::EventFlags::empty());
                    self.sink.complain(&format!("cannot take a connection: {error}"));
                    return;
                }
            };
            let Ok(sender) = sys::credentials::peer(&fd) else { continue };
            if let Err(reason) = self.connections.admit(sender.uid) {
                self.sink.complain(&format!("a connection is refused: {reason}"));
                continue;
            }
            self.connections.begins(self.next_stream, self.sink.now.monotonic_us);
            let lines = Lines::new(self.line_max);
            self.add(Stream { fd, speaker: None, lines, opening: Some((sender, Vec::new())) });
        }
    }

    fn watch_connections(&self, events: epoll::EventFlags) {
        if let Some(listener) = &self.sockets.streams {
            let _ = epoll::modify(&self.epoll, listener, epoll::EventData::new_u64(CONNECTIONS), events);
        }
    }

    /// Closes connections that have not said in their time what they are, and takes some again after a pause.
    fn end_silent_connections(&mut self) {
        let now_us = self.sink.now.monotonic_us;
        let streams = &self.streams;
        let is_silent = |id: u64| streams.get(&id).is_some_and(|stream| stream.speaker.is_none());
        let mut overdue = Vec::new();
        while let Some(id) = self.connections.overdue(now_us, is_silent) {
            overdue.push(id);
        }
        overdue.into_iter().for_each(|id| self.close_stream(id));
        if self.connections.resumes(now_us) {
            self.watch_connections(epoll::EventFlags::IN);
        }
    }

    fn add(&mut self, stream: Stream) {
        let id = self.next_stream;
        match watch(&self.epoll, &stream.fd, id) {
            Ok(()) => {
                self.next_stream += 1;
                self.streams.insert(id, stream);
            }
            Err(error) => {
                if let Some((sender, _)) = &stream.opening {
                    self.connections.closed(sender.uid);
                }
                let unit = stream.speaker.and_then(|speaker| speaker.unit).unwrap_or_default();
                self.sink.own(Priority::ERR, &format!("the output of {unit} is not stored: {error:#}"));
            }
        }
    }

    /// Waits for what a stream says, or not; that it ends is told in any case.
    fn listen(&self, id: u64, events: epoll::EventFlags) {
        if let Some(stream) = self.streams.get(&id) {
            let _ = epoll::modify(&self.epoll, &stream.fd, epoll::EventData::new_u64(id), events);
        }
    }

    /// Reads one chunk. Returns whether more may be there.
    fn read_stream(&mut self, id: u64) -> bool {
        let Some(stream) = self.streams.get_mut(&id) else {
            return false;
        };
        let length = match rustix::io::read(&stream.fd, &mut self.buffer[..CHUNK]) {
            Ok(length) => length,
            Err(Errno::AGAIN | Errno::INTR) => return false,
            Err(_) => 0,
        };
        let mut bytes = &self.buffer[..length];
        let held;
        if let (None, Some((sender, said))) = (&stream.speaker, &mut stream.opening) {
            said.extend_from_slice(bytes);
            match opening(said) {
                Opening::Part if length > 0 => return true,
                Opening::Whole(settings, used) => {
                    stream.speaker = Some(self.sink.connection(*sender, settings));
                    held = said.split_off(used);
                    said.clear();
                }
                Opening::Part | Opening::Bad => {
                    self.close_stream(id);
                    return false;
                }
            }
            bytes = &held;
        }
        if let Some(speaker) = &stream.speaker {
            let sink = &mut self.sink;
            stream.lines.feed(bytes, |line| sink.output(speaker, line));
        }
        if length == 0 {
            self.close_stream(id);
        }
        length > 0
    }

    fn close_stream(&mut self, id: u64) {
        let Some(mut stream) = self.streams.remove(&id) else {
            return;
        };
        let _ = epoll::delete(&self.epoll, &stream.fd);
        let is_connection = stream.opening.is_some();
        if let Some((sender, _)) = &stream.opening {
            self.connections.closed(sender.uid);
        }
        if let Some(speaker) = &stream.speaker {
            let sink = &mut self.sink;
            stream.lines.finish(|line| sink.output(speaker, line));
            let is_last = !self.streams.values().any(|other| {
                other.opening.is_none() && other.speaker.as_ref().is_some_and(|s| s.unit == speaker.unit)
            });
            if let Some(unit) = speaker.unit.as_deref().filter(|_| !is_connection && is_last) {
                self.sink.forget(unit);
            }
        }
    }

    /// Returns whether more may be there.
    fn read_kernel(&mut self) -> bool {
        for _ in 0..TURN {
            let Some(kernel) = &mut self.kernel else {
                return false;
            };
            match kernel.look(&mut self.buffer) {
                Ok(Look::Nothing) => return false,
                Ok(Look::Skip) => {}
                Ok(Look::Record(record, overwritten)) => {
                    if overwritten > 0 {
                        let text = format!("{overwritten} kernel messages were overwritten unread");
                        self.sink.own(Priority::WARNING, &text);
                    }
                    self.sink.kernel(record);
                }
                Err(error) => {
                    let _ = epoll::delete(&self.epoll, &*kernel);
                    self.kernel = None;
                    let text = format!("kernel messages are no longer stored: {error}");
                    self.sink.own(Priority::ERR, &text);
                }
            }
        }
        true
    }

    /// Returns whether more may be there.
    fn read_datagrams(&mut self, id: u64) -> bool {
        let mut has_more = true;
        for _ in 0..TURN {
            let socket = if id == SYSLOG { &self.sockets.syslog } else { &self.sockets.native };
            let Some(socket) = socket else { return false };
            match datagram::receive(socket, &mut self.buffer) {
                Ok(None) => {
                    has_more = false;
                    break;
                }
                Ok(Some(Datagram { length, sender, file })) => match (id, file) {
                    (SYSLOG, _) => self.sink.syslog(&self.buffer[..length], sender),
                    (_, None) => self.sink.native(&self.buffer[..length], sender),
                    (_, Some(file)) => match datagram::read_sealed(file) {
                        Ok(message) => self.sink.native(&message, sender),
                        Err(error) => {
                            let pid = sender.map_or(0, |sender| sender.pid);
                            let text =
                                format!("a message in a file from process {pid} is dropped: {error:#}");
                            self.sink.complain(&text);
                        }
                    },
                },
                Err(error) => {
                    self.sink.complain(&format!("{error:#}"));
                    break;
                }
            }
        }
        // One long message must not hold its memory for ever.
        self.buffer.truncate(CHUNK);
        self.buffer.shrink_to_fit();
        has_more
    }

    fn take_orders(&mut self) {
        while let Some((order, answer)) = self.control.as_ref().and_then(Control::receive) {
            // What was said before it was asked is part of it.
            self.read_everything();
            match order {
                Order::Sync => self.sink.store.sync(self.sink.now, answer),
                Order::Rotate => self.sink.store.rotate(self.sink.now, answer),
            }
        }
    }

    /// Reads what is there now.
    fn read_everything(&mut self) {
        bounded(|| self.take_announcements());
        self.take_connections();
        for id in [SYSLOG, NATIVE] {
            bounded(|| self.read_datagrams(id));
        }
        bounded(|| self.read_kernel());
        let ids: Vec<u64> = self.streams.keys().copied().collect();
        for id in ids {
            bounded(|| self.read_stream(id));
        }
    }

    /// Stores what is there now and leaves.
    fn finish(mut self) -> Result<()> {
        self.read_everything();
        let ids: Vec<u64> = self.streams.keys().copied().collect();
        ids.into_iter().for_each(|id| self.close_stream(id));
        self.sink.report_dropped(u64::MAX);
        self.sink.store.finish(self.sink.now);
        self.sink.outlets.forwarders.finish();
        Ok(())
    }
}

/// Gives a source turns as long as it has more, but not for ever.
fn bounded(mut turn: impl FnMut() -> bool) {
    let _ = (0..TURNS_MAX).find(|_| !turn());
}

fn watch(epoll: &OwnedFd, source: &impl AsFd, id: u64) -> Result<()> {
    let data = epoll::EventData::new_u64(id);
    epoll::add(epoll, source, data, epoll::EventFlags::IN).context("cannot watch a log source")
}

/// machine-id(5); empty where there is none.
fn machine_id() -> String {
    std::fs::read_to_string("/etc/machine-id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// The value, or `None` after a report.
fn told<T>(result: Result<T>) -> Option<T> {
    result.inspect_err(|error| report(&format!("{error:#}"))).ok()
}

/// Time of the newest kernel record of this boot in the journal: after a restart of the daemon
/// the kernel shows all its records again.
fn last_kernel_record(reader: &Reader, boot: &BootId) -> Option<u64> {
    // After a boot there is none, and what was before it need not be looked at.
    if reader.newest_boot().ok()?? != *boot {
        return None;
    }
    let query = Query {
        boot: Some(WhichBoot::Offset(0)),
        filter: Filter::kernel(),
        last: Some(1),
        reverse: true,
        ..Query::default()
    };
    let entry = reader.entries(&query).ok()?.next()?.ok()?;
    Some(entry.record.monotonic_us)
}
