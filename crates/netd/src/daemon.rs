//! The loop: waits for the kernel, for DHCP servers and for the time, and tells the ports.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use network::Moment;
use network::config::NetDev;
use network::ra::Advice;
use network::status::Status;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::time::{ClockId, clock_gettime};

use crate::files::{Configuration, class};
use crate::leases::Kept;
use crate::link::{Link, RouterFlags};
use crate::log;
use crate::netlink::address::Known;
use crate::netlink::{Changes, Heard, Kernel};
use crate::port::Port;
use crate::resolv::resolv_conf;
use crate::status;

/// What could not be written for others to read is tried again after so many milliseconds.
const RETRY_MS: u64 = 5000;

/// The daemon.
pub struct Daemon {
    kernel: Kernel,
    changes: Changes,
    configuration: Configuration,
    ports: BTreeMap<u32, Port>,
    run: PathBuf,
    /// What was told last.
    told: Option<(Status, String)>,
    kept: BTreeMap<u32, Kept>,
    /// Whether some of it could not be written.
    is_behind: bool,
}

impl Daemon {
    /// Brings loopback up, where PID 1 could not, makes the links of the configuration, and begins to look after
    /// those that are to be something.
    ///
    /// # Errors
    /// The kernel refuses rtnetlink, or the runtime folder cannot be made.
    pub fn new(run: PathBuf, configuration: Configuration) -> Result<Self> {
        fs::create_dir_all(&run).with_context(|| format!("cannot make {}", run.display()))?;
        let changes = Changes::open().context("cannot listen to rtnetlink")?;
        let kernel = Kernel::open().context("cannot open rtnetlink")?;
        let (ports, kept) = (BTreeMap::new(), BTreeMap::new());
        let mut daemon =
            Self { kernel, changes, configuration, ports, run, told: None, kept, is_behind: false };
        daemon.make_links(|netdev| !netdev.kind.is_stacked(), None);
        daemon.look_at_everything()?;
        daemon.tell();
        Ok(daemon)
    }

    /// Runs for ever.
    ///
    /// # Errors
    /// The kernel's sockets are broken.
    pub fn run(mut self) -> Result<()> {
        loop {
            let ready = self.wait()?;
            if ready.changes {
                let Heard { messages, advice } = self.changes.take().context("cannot read from rtnetlink")?;
                match messages {
                    Some(messages) => messages.into_iter().for_each(|message| self.hear(message)),
                    None => self.look_at_everything()?,
                }
                advice.into_iter().for_each(|advice| self.advise(&advice));
            }
            for (index, port) in &mut self.ports {
                if ready.ports.contains(index) {
                    port.receive(now(), &mut self.kernel);
                }
                let now = now();
                if port.deadline_ms().is_some_and(|due| due <= now.ms) {
                    port.timer(now, &mut self.kernel);
                }
            }
            self.tell();
        }
    }

    /// Sleeps until something happens.
    fn wait(&self) -> Result<Ready> {
        let mut listening: Vec<(u32, BorrowedFd<'_>)> = Vec::new();
        for (index, port) in &self.ports {
            let (four, six) = port.clients();
            let four = four.and_then(|client| client.socket()).map(AsFd::as_fd);
            let six = six.and_then(|client| client.socket()).map(AsFd::as_fd);
            listening.extend([four, six].into_iter().flatten().map(|socket| (*index, socket)));
        }
        let mut fds = vec![PollFd::new(&self.changes, PollFlags::IN)];
        fds.extend(listening.iter().map(|(_, socket)| PollFd::new(socket, PollFlags::IN)));
        let due = self.ports.values().filter_map(Port::deadline_ms).min();
        let left = due.map(|due| due.saturating_sub(now().ms));
        let again = self.is_behind.then_some(RETRY_MS);
        let timeout = left.into_iter().chain(again).min().map(|left| Timespec {
            tv_sec: (left / 1000).cast_signed(),
            tv_nsec: (left % 1000 * 1_000_000).cast_signed(),
        });
        match poll(&mut fds, timeout.as_ref()) {
            Err(Errno::INTR) => {}
            other => drop(other.context("cannot wait for the network")?),
        }
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let ports = listening.iter().zip(&fds[1..]).filter(|(_, fd)| is_ready(fd));
        Ok(Ready { changes: is_ready(&fds[0]), ports: ports.map(|((index, _), _)| *index).collect() })
    }

    /// Takes stock of links and addresses: at the start, and when messages were lost.
    fn look_at_everything(&mut self) -> Result<()> {
        let links = self.kernel.links().context("cannot list the links")?;
        let there: Vec<u32> = links.iter().filter_map(index_of).collect();
        self.ports.retain(|index, _| there.contains(index));
        links.into_iter().for_each(|message| self.hear(message));
        self.ports.values_mut().for_each(Port::forget_addresses);
        let addresses = self.kernel.addresses().context("cannot list the addresses")?;
        addresses.iter().for_each(|address| self.address_is(address, true));
        Ok(())
    }

    fn hear(&mut self, message: RouteNetlinkMessage) {
        match message {
            RouteNetlinkMessage::NewLink(message) => {
                if let Some(link) = Link::of(&message) {
                    self.link_is(link);
                }
                if let (Some(flags), Some(port)) =
                    (RouterFlags::of(&message), self.ports.get_mut(&message.header.index))
                {
                    port.router_says(flags, now(), &mut self.kernel);
                }
            }
            // A bridge's message is of a port of it, not of the link.
            RouteNetlinkMessage::DelLink(message)
                if message.header.interface_family == AddressFamily::Unspec =>
            {
                self.ports.remove(&message.header.index);
            }
            RouteNetlinkMessage::NewAddress(message) => {
                if let Some(address) = Known::of(&message) {
                    self.address_is(&address, true);
                }
            }
            RouteNetlinkMessage::DelAddress(message) => {
                if let Some(address) = Known::of(&message) {
                    self.address_is(&address, false);
                }
            }
            // Default routes of IPv6 come and go as routers say.
            RouteNetlinkMessage::NewRoute(message) | RouteNetlinkMessage::DelRoute(message)
                if message.header.address_family == AddressFamily::Inet6
                    && message.header.destination_prefix_length == 0 =>
            {
                self.ports.values_mut().for_each(|port| port.look_for_ipv6_route(&mut self.kernel));
            }
            _ => {}
        }
    }

    fn advise(&mut self, advice: &Advice) {
        if let Some(port) = self.ports.get_mut(&advice.index) {
            port.router_advises(advice, now());
        }
    }

    fn address_is(&mut self, address: &Known, is_there: bool) {
        if let Some(port) = self.ports.get_mut(&address.index) {
            port.address_is(address, is_there, now(), &mut self.kernel);
        }
    }

    /// Takes note of a link as it is now.
    fn link_is(&mut self, link: Link) {
        if link.is_loopback {
            if !link.is_up
                && let Err(error) = self.kernel.set_up(link.index, true)
            {
                log::warning(&format!("{}: cannot bring the link up: {error}", link.name));
            }
            return;
        }
        let known = self.ports.get(&link.index);
        // devd has renamed it meanwhile: the kernel's next message has its new name.
        if known.is_none_or(|port| port.link.name != link.name) && !class(&link.name).exists() {
            return;
        }
        let network = match known.filter(|port| port.link.name == link.name) {
            Some(port) => Some(port.network.clone()),
            None => self.configuration.of(&link),
        };
        let is_ours = |network: &network::config::Network| {
            // It may have become a part of another program's bond or bridge.
            !network.link.unmanaged && (!link.is_part || network.master.is_some())
        };
        let Some(network) = network.filter(|network| is_ours(network)) else {
            self.ports.remove(&link.index);
            return;
        };
        let index = link.index;
        let is_same = known.is_some_and(|port| port.network == network);
        if !is_same {
            if let Some(mut port) = self.ports.remove(&index) {
                port.give_up(&mut self.kernel);
            }
            let kept = Kept::read(&self.run, index, link.mac);
            let mut port = Port::new(link.clone(), network.clone(), kept, now());
            port.set_up(&mut self.kernel);
            self.ports.insert(index, port);
            self.make_links(|netdev| network.stacked.contains(&netdev.name), Some(index));
        }
        self.attach(&link);
        if let Some(port) = self.ports.get_mut(&index) {
            port.link_is(link, now(), &mut self.kernel);
        }
    }

    /// Puts parts and what they are parts of together, when the second of them comes.
    fn attach(&mut self, new: &Link) {
        for port in self.ports.values_mut().filter(|port| !port.is_attached) {
            let Some(master) = port.network.master.clone() else { continue };
            if port.link.index != new.index && master != new.name {
                continue;
            }
            if let Some(index) = link_index(&master) {
                port.attach(index, &mut self.kernel);
            }
        }
    }

    /// Makes links of the configuration that are not there.
    fn make_links(&mut self, wanted: impl Fn(&NetDev) -> bool, lower: Option<u32>) {
        for netdev in self.configuration.netdevs.iter().filter(|netdev| wanted(netdev)) {
            if class(&netdev.name).exists() {
                continue;
            }
            let mut made = self.kernel.make(netdev, lower);
            // The module of bonds makes a first one of its own, `bond0`, when it is loaded for this.
            if made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists)
                && let Some(index) = link_index(&netdev.name)
            {
                made = self.kernel.delete(index).and_then(|()| self.kernel.make(netdev, lower));
            }
            if let Err(error) = made {
                let (name, kind) = (&netdev.name, netdev.kind.name());
                log::warning(&format!("cannot make {name}, a {kind} ({}): {error}", netdev.path));
            }
        }
    }

    /// Writes what has changed for others to read. What cannot be written is tried again, and complained of once.
    fn tell(&mut self) {
        let failures = self.write();
        if !self.is_behind {
            failures.iter().for_each(|failure| log::warning(failure));
        }
        self.is_behind = !failures.is_empty();
    }

    /// Writes what has changed, and says what could not be written.
    fn write(&mut self) -> Vec<String> {
        let mut failures = Vec::new();
        for (index, port) in &self.ports {
            let kept = port.kept();
            if self.kept.get(index) == Some(&kept) {
                continue;
            }
            match kept.write(&self.run, *index) {
                Ok(()) => drop(self.kept.insert(*index, kept)),
                Err(error) => failures.push(format!("{}: {error:#}", port.link.name)),
            }
        }
        let status = status::of(self.ports.values(), &self.configuration);
        let resolv = resolv_conf(&status);
        let now = (status, resolv);
        if self.told.as_ref() == Some(&now) {
            return failures;
        }
        let (status, resolv) = &now;
        // The state last: who waits for it may use the resolver at once.
        let written = status::replace(&self.run, status::RESOLV_CONF, resolv.as_bytes())
            .and_then(|()| status::write(status, &self.run));
        match written {
            Ok(()) => self.told = Some(now),
            Err(error) => failures.push(format!("{error:#}")),
        }
        failures
    }
}

/// What [`Daemon::wait`] found.
struct Ready {
    changes: bool,
    ports: Vec<u32>,
}

fn now() -> Moment {
    // Time asleep counts: a lease may have expired meanwhile.
    let time = clock_gettime(ClockId::Boottime);
    let ms = u64::try_from(time.tv_sec).unwrap_or(0) * 1000 + time.tv_nsec as u64 / 1_000_000;
    let mut random = [0; 4];
    // Early in a boot the kernel may not be sure of its randomness yet. This tells transactions
    // apart and spreads machines over time; it protects nothing.
    let _ = getrandom(&mut random, GetRandomFlags::INSECURE);
    Moment { ms, random: u32::from_ne_bytes(random) }
}

fn link_index(name: &str) -> Option<u32> {
    fs::read_to_string(Path::new(&class(name)).join("ifindex")).ok()?.trim().parse().ok()
}

fn index_of(message: &RouteNetlinkMessage) -> Option<u32> {
    match message {
        RouteNetlinkMessage::NewLink(message) => Some(message.header.index),
        _ => None,
    }
}
