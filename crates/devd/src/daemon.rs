//! The loop: waits for the kernel, for programs that wrote to disks, and for `udevadm`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use devices::claims::Claims;
use devices::sysfs::Device;
use devices::uevent::{Action, Event, Properties};
use devices::{aliases, block, record};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use sys::uevent::{Next, Uevents};

use crate::control::{Control, Request};
use crate::interfaces::Interfaces;
use crate::loading::Loading;
use crate::reading::{PATIENCE, Reading};
use crate::records::Records;
use crate::watches::Watches;
use crate::{coldplug, contents, links, log, nodes};
use sysfs::{Kernel, View};

/// So many bytes of events may wait while one is dealt with; beyond it everything is looked at anew.
const HELD: usize = 2 << 20;
const DEV: &str = "/dev";

/// What is looked at for one piece of work, each thing once.
#[derive(Default)]
struct Look {
    sysfs: View,
    disks: Disks,
}

/// What is known of disks meanwhile.
struct Disks {
    last: contents::LastDisk,
    /// How long they are still waited for.
    patience: Duration,
}

impl Default for Disks {
    fn default() -> Self {
        Self { last: None, patience: PATIENCE }
    }
}

/// The daemon.
pub struct Daemon {
    uevents: Uevents,
    control: Control,
    watches: Watches,
    loading: Loading,
    reading: Reading,
    interfaces: Interfaces,
    claims: Claims,
    records: Records,
}

impl Daemon {
    /// Begins to listen, before anything is looked at.
    ///
    /// # Errors
    /// The kernel refuses a socket, or the runtime folder cannot be made.
    pub fn new() -> Result<Self> {
        let uevents = Uevents::open()?;
        uevents.hold(HELD)?;
        Ok(Self {
            uevents,
            records: Records::open(PathBuf::from(layout::path::DEVICES))?,
            control: Control::open(Path::new(layout::path::DEVD_SOCKET))?,
            watches: Watches::open()?,
            loading: Loading::new()?,
            reading: Reading::new()?,
            interfaces: Interfaces::open()?,
            claims: Claims::default(),
        })
    }

    /// Deals with all devices that there are, and with what the kernel said of them meanwhile.
    ///
    /// # Errors
    /// The kernel's socket is broken.
    pub fn start(&mut self) -> Result<()> {
        self.take_stock();
        // An earlier run may have left links to what has gone since.
        links::keep(Path::new(DEV), &self.claims.links());
        self.drain()
    }

    /// Deals with all devices that there are: at the start, and when events were lost.
    fn take_stock(&mut self) {
        // No driver is to wait for a disk to be read.
        self.loading.load_everything();
        let paths = coldplug::devices(&Kernel);
        let mut look = Look::default();
        for path in &paths {
            if let Some((subsystem, name)) = coldplug::bare(path) {
                if let Err(error) = nodes::give(subsystem, name, None) {
                    log::warning(&format!("{error:#}"));
                }
            } else if let Some(event) = coldplug::event(&look.sysfs, path, "add") {
                self.look_at(&event, &mut look);
            }
        }
        for gone in self.claims.devices().into_iter().filter(|device| !paths.contains(device)) {
            self.forget(&gone);
        }
        // An interface that was just renamed is told of when the kernel says so.
        if let Err(error) = self.records.keep(&paths) {
            log::warning(&format!("{error:#}"));
        }
    }

    /// Runs for ever.
    ///
    /// # Errors
    /// The kernel's socket is broken.
    pub fn run(mut self) -> Result<()> {
        loop {
            self.drain()?;
            for device in self.watches.take() {
                self.look_again(&device);
            }
            for disk in self.reading.take() {
                self.look_again(&disk);
            }
            for request in self.control.take() {
                match request {
                    Request::Reload => {
                        self.interfaces.reload();
                        self.loading.reload();
                    }
                }
            }
            if self.control.has_waiting() && !self.loading.is_busy() {
                // What was loaded last may have brought devices.
                self.drain()?;
                self.control.settled();
            }
            self.wait()?;
        }
    }

    /// Deals with all events that are there.
    fn drain(&mut self) -> Result<()> {
        loop {
            match self.uevents.next(Duration::ZERO)? {
                Next::Event(message) => {
                    if let Some(event) = Event::of(message.into_pairs()) {
                        self.handle(&event);
                    }
                }
                Next::Lost => {
                    log::warning("device events were lost: looking at every device anew");
                    self.take_stock();
                }
                Next::TimedOut => return Ok(()),
            }
        }
    }

    fn wait(&self) -> Result<()> {
        let mut fds = [
            PollFd::new(&self.uevents, PollFlags::IN),
            PollFd::new(&self.control, PollFlags::IN),
            PollFd::new(&self.watches, PollFlags::IN),
            PollFd::new(&self.loading, PollFlags::IN),
            PollFd::new(&self.reading, PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Err(Errno::INTR) => {}
            other => drop(other.context("cannot wait for devices")?),
        }
        if !fds[3].revents().is_empty() {
            self.loading.acknowledge();
        }
        Ok(())
    }

    fn handle(&mut self, event: &Event) {
        match event.action {
            Action::Remove => self.forget(&event.path),
            Action::Add | Action::Change | Action::Move | Action::Other => {
                if let Some(old) = &event.old_path {
                    self.forget(old);
                }
                self.look_at(event, &mut Look::default());
            }
        }
    }

    /// A program wrote to a block device. What was written to a disk may be its partitions' own.
    fn look_again(&mut self, device: &str) {
        let mut look = Look::default();
        let mut devices = vec![device.to_owned()];
        devices.extend(block::partitions(&Device::at(&Kernel, device)));
        for device in devices {
            if let Some(event) = coldplug::event(&look.sysfs, &device, "change") {
                self.look_at(&event, &mut look);
            }
        }
    }

    fn look_at(&mut self, event: &Event, look: &mut Look) {
        let device = Device::at(&look.sysfs, event.path.clone());
        let is_new = event.action == Action::Add;
        if is_new {
            if let Some(alias) = event.get("MODALIAS") {
                self.loading.load(alias);
            }
            if let Err(error) = nodes::hand_over(event, &device) {
                log::warning(&format!("{error:#}"));
            }
        }
        match event.subsystem() {
            "block" => self.look_at_block(event, &device, &mut look.disks),
            "net" => {
                let found = self.interfaces.properties(&device);
                // A renamed one comes again, under its new path.
                if !(is_new && self.interfaces.set_up(&device, &found)) {
                    self.tell(event, &[], &found);
                }
            }
            subsystem => {
                let links = aliases::links(subsystem, &device);
                self.link(event, &links);
                if record::is_told(subsystem, &device.name(), !links.is_empty()) {
                    self.tell(event, &links, &Properties::new());
                }
            }
        }
    }

    fn look_at_block(&mut self, event: &Event, device: &Device<'_>, disks: &mut Disks) {
        let Some(node) = event.get("DEVNAME") else { return };
        let ready = block::is_ready(device);
        let facts = contents::facts(device, &mut disks.last, &mut self.reading, &mut disks.patience);
        if facts.is_none() && self.claims.devices().contains(&event.path) {
            // What is known of a disk that does not answer stays: it may be in use.
            return;
        }
        let names = block::names(device, &facts.unwrap_or_default());
        self.link(event, &names.links);
        match ready {
            true => self.tell(event, &names.links, &names.properties),
            false => self.untell(&event.path),
        }
        self.watches.watch(&event.path, node);
    }

    fn link(&mut self, event: &Event, links: &[(String, i32)]) {
        let node = event.get("DEVNAME").unwrap_or_default();
        let changes = self.claims.set(&event.path, node, if node.is_empty() { &[] } else { links });
        for change in changes {
            if let Err(error) = links::apply(Path::new(DEV), &change) {
                log::warning(&format!("{error:#}"));
            }
        }
    }

    fn tell(&self, event: &Event, links: &[(String, i32)], found: &Properties) {
        let links: Vec<String> = links.iter().map(|(link, _)| link.clone()).collect();
        if let Err(error) = self.records.put(&event.path, &record::text(event, &links, found)) {
            log::warning(&format!("{error:#}"));
        }
    }

    fn untell(&self, device: &str) {
        if let Err(error) = self.records.remove(device) {
            log::warning(&format!("{error:#}"));
        }
    }

    fn forget(&mut self, device: &str) {
        for change in self.claims.remove(device) {
            if let Err(error) = links::apply(Path::new(DEV), &change) {
                log::warning(&format!("{error:#}"));
            }
        }
        self.watches.forget(device);
        self.reading.forget(device);
        self.untell(device);
    }
}
