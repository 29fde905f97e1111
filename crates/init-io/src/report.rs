//! What PID 1 says: to people on the consoles, to the host by events, to the log.

use std::collections::VecDeque;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use event::Event;
use rustix::fs::OFlags;

use crate::poller::{Poller, Readiness, Source};
use crate::writer::Writer;

/// Under this name PID 1's own words are in the log.
pub const OWN_UNIT: &str = "init.scope";
/// How many of its last lines are kept to be shown in an emergency.
const TAIL: usize = 10;
/// The event port's number among the writers; consoles have those after it.
const PORT: u32 = 0;
/// Priorities of the log (syslog(3)).
const WARNING: u8 = 4;
const INFO: u8 = 6;

/// Consoles, event port and log.
pub struct Reporter {
    is_container: bool,
    port: Option<Writer>,
    /// Events for a port that has not come up yet.
    early: Vec<Event>,
    consoles: Vec<Writer>,
    log: Option<OwnedFd>,
    kernel_log: Option<fs::File>,
    tail: VecDeque<String>,
}

impl Reporter {
    /// In a container everything goes to standard error.
    pub fn new(is_container: bool) -> Reporter {
        let kernel_log = fs::File::options().write(true).open("/dev/kmsg");
        Reporter {
            is_container,
            port: None,
            early: Vec::new(),
            consoles: Vec::new(),
            log: None,
            kernel_log: kernel_log.ok().filter(|_| !is_container),
            tail: VecDeque::new(),
        }
    }

    /// Opens every console in use.
    pub fn open_consoles(&mut self, poller: &Poller) {
        for device in sys::console::active() {
            if let Ok(writer) = Writer::open(&device) {
                self.consoles.push(writer);
                let number = self.consoles.len() as u32;
                if let Some(writer) = self.consoles.last() {
                    _ = poller.add(writer, Source::Writer(number), Readiness::WriteEdge);
                }
            }
        }
    }

    /// Looks for the event port, and sends what waited for it.
    pub fn open_port(&mut self, poller: &Poller) {
        if self.is_container || self.port.is_some() {
            return;
        }
        let Some(device) = virtio_port(layout::port::EVENTS) else {
            return;
        };
        match Writer::open(&device) {
            Ok(writer) => {
                _ = poller.add(&writer, Source::Writer(PORT), Readiness::WriteEdge);
                let port = self.port.insert(writer);
                for event in self.early.drain(..) {
                    port.write(&event.encode_line());
                }
            }
            Err(error) => self.warn(&format!("{error:#}")),
        }
    }

    /// Whether events wait for the port to come up.
    pub fn awaits_port(&self) -> bool {
        !self.early.is_empty()
    }

    /// Sends what PID 1 says to the log from now on through this pipe.
    pub fn set_log(&mut self, pipe: OwnedFd) {
        _ = rustix::fs::fcntl_setfl(&pipe, OFlags::NONBLOCK);
        self.log = Some(pipe);
    }

    /// The log stops: from now on words go to the consoles only.
    pub fn close_log(&mut self) {
        self.log = None;
    }

    /// Reports an event: to the host, on the consoles, in the log.
    pub fn event(&mut self, event: Event) {
        if self.is_container {
            eprint!("{}", event.encode_line());
            return;
        }
        if let Some(text) = event.console_line() {
            self.console(&format!("{text}\n"));
            // Of a failure whoever noticed it has told the log.
            if !matches!(event, Event::UnitFailed { .. }) {
                self.log(INFO, &text);
            }
        }
        match &mut self.port {
            Some(port) => port.write(&event.encode_line()),
            None => self.early.push(event),
        }
    }

    /// Shows a text on every console.
    pub fn console(&mut self, text: &str) {
        if self.is_container {
            eprint!("{text}");
        }
        for console in &mut self.consoles {
            console.write(text);
        }
    }

    /// Says something in the log.
    pub fn info(&mut self, text: &str) {
        self.log(INFO, text);
    }

    /// Says something in the log that somebody should look at.
    pub fn warn(&mut self, text: &str) {
        self.log(WARNING, text);
        if let Some(kernel_log) = &mut self.kernel_log {
            use std::io::Write;
            // One write is one record; a full log is the kernel's to manage.
            _ = kernel_log.write_all(format!("<{WARNING}>berth: {text}\n").as_bytes());
        }
    }

    fn log(&mut self, priority: u8, text: &str) {
        if self.is_container {
            eprintln!("berth: {text}");
        }
        for line in text.lines() {
            if let Some(log) = &self.log {
                // Full, with nobody reading: the line is lost rather than PID 1.
                _ = rustix::io::write(log, format!("<{priority}>{line}\n").as_bytes());
            }
            if self.tail.len() == TAIL {
                self.tail.pop_front();
            }
            self.tail.push_back(line.to_owned());
        }
    }

    /// The last lines that were logged.
    pub fn tail(&self) -> Vec<String> {
        self.tail.iter().cloned().collect()
    }

    /// A device takes more.
    pub fn writable(&mut self, number: u32) {
        let writer = match number {
            PORT => self.port.as_mut(),
            console => self.consoles.get_mut(console as usize - 1),
        };
        if let Some(writer) = writer {
            writer.flush();
        }
    }

    /// Gives the devices a moment to take what was written.
    pub fn drain(&mut self, patience: Duration) {
        let until = sys::machine::monotonic() + patience;
        loop {
            let mut writers = self.port.iter_mut().chain(&mut self.consoles);
            writers.by_ref().for_each(Writer::flush);
            let done = self.port.iter().chain(&self.consoles).all(Writer::is_empty);
            if done || sys::machine::monotonic() >= until {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The device of the virtio-serial port with that name.
pub fn virtio_port(name: &str) -> Option<PathBuf> {
    let ports = fs::read_dir(layout::port::VIRTIO_PORTS).ok()?;
    let port = ports.flatten().find(|port| {
        let named = fs::read_to_string(port.path().join("name"));
        named.is_ok_and(|found| found.trim() == name)
    })?;
    Some(Path::new("/dev").join(port.file_name()))
}
