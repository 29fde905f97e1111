//! The loop: waits for the kernel, for DHCP servers and for the time, and tells the ports.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::time::{ClockId, clock_gettime};

use crate::link::Link;
use crate::log;
use crate::netlink::{Changes, Heard, Kernel};
use crate::port::Port;
use crate::resolv::resolv_conf;
use crate::status::{self, Status};
use network::Moment;
use network::dhcp::Event;

/// The daemon.
pub struct Daemon {
    kernel: Kernel,
    changes: Changes,
    ports: BTreeMap<u32, Port>,
    run: PathBuf,
    any_ethernet: bool,
    /// What was told last.
    told: Option<(Status, String)>,
}

impl Daemon {
    /// Brings loopback up, where PID 1 could not, and begins to look after every Ethernet link.
    ///
    /// # Errors
    /// The kernel refuses rtnetlink, or the runtime folder cannot be made.
    pub fn new(run: PathBuf, any_ethernet: bool) -> Result<Self> {
        fs::create_dir_all(&run).with_context(|| format!("cannot make {}", run.display()))?;
        let changes = Changes::open().context("cannot listen to rtnetlink")?;
        let kernel = Kernel::open().context("cannot open rtnetlink")?;
        let ports = BTreeMap::new();
        let mut daemon = Self { kernel, changes, ports, run, any_ethernet, told: None };
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
                match self.changes.take().context("cannot read from rtnetlink")? {
                    Heard::Messages(messages) => {
                        messages.into_iter().for_each(|message| self.hear(message));
                    }
                    Heard::Overflow => self.look_at_everything()?,
                }
            }
            for (index, port) in &mut self.ports {
                if ready.ports.contains(index) {
                    port.receive(now(), &mut self.kernel);
                }
                let now = now();
                if port.deadline_ms().is_some_and(|due| due <= now.ms) {
                    port.handle(Event::Timer, now, &mut self.kernel);
                }
            }
            self.tell();
        }
    }

    /// Sleeps until something happens.
    fn wait(&self) -> Result<Ready> {
        let listening: Vec<_> = self.ports.values().filter_map(|p| Some((p.index, p.packets()?))).collect();
        let mut fds = vec![PollFd::new(&self.changes, PollFlags::IN)];
        fds.extend(listening.iter().map(|(_, socket)| PollFd::new(*socket, PollFlags::IN)));
        let due = self.ports.values().filter_map(Port::deadline_ms).min();
        let timeout = due.map(|due| {
            let left = due.saturating_sub(now().ms);
            Timespec { tv_sec: (left / 1000).cast_signed(), tv_nsec: (left % 1000 * 1_000_000).cast_signed() }
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
        for port in self.ports.values_mut() {
            port.ipv6.clear();
        }
        let addresses = self.kernel.addresses().context("cannot list the addresses")?;
        addresses.into_iter().for_each(|message| self.hear(message));
        Ok(())
    }

    fn hear(&mut self, message: RouteNetlinkMessage) {
        match message {
            RouteNetlinkMessage::NewLink(message) => {
                if let Some(link) = Link::of(&message) {
                    self.new_link(link);
                }
            }
            RouteNetlinkMessage::DelLink(message) => {
                self.ports.remove(&message.header.index);
            }
            RouteNetlinkMessage::NewAddress(message) => {
                if let Some((port, address)) = self.global_ipv6(&message) {
                    port.ipv6.insert(address);
                }
            }
            RouteNetlinkMessage::DelAddress(message) => {
                if let Some((port, address)) = self.global_ipv6(&message) {
                    port.ipv6.remove(&address);
                }
            }
            _ => {}
        }
    }

    /// Takes note of a link as it is now.
    fn new_link(&mut self, link: Link) {
        if link.is_loopback {
            if !link.is_up {
                self.set_up(&link);
            }
            return;
        }
        // devd has renamed it meanwhile: the kernel's next message has its new name.
        if !class(&link.name).exists() {
            return;
        }
        let mac = link.mac.filter(|_| link.is_free_ethernet && self.is_wanted(&link.name));
        let Some(mac) = mac else {
            // It may have become a part of a bond or a bridge.
            self.ports.remove(&link.index);
            return;
        };
        let is_new = !self.ports.contains_key(&link.index);
        // Under the name that it has just got, too: the file may have been missed under the old one.
        if self.ports.get(&link.index).is_none_or(|port| port.name != link.name) {
            accept_router_advertisements(&link.name);
        }
        if is_new && !link.is_up {
            self.set_up(&link);
        }
        let event = if link.has_carrier { Event::CarrierUp } else { Event::CarrierDown };
        let Link { index, name, .. } = link;
        let port = self.ports.entry(index).or_insert_with(|| Port::new(index, name.clone(), mac));
        port.name = name;
        port.handle(event, now(), &mut self.kernel);
    }

    /// Links of containers are their runtime's: only links with a device are ours.
    fn is_wanted(&self, name: &str) -> bool {
        let class = class(name);
        let is_wireless = class.join("phy80211").exists();
        (self.any_ethernet || class.join("device").exists()) && !is_wireless
    }

    fn set_up(&mut self, link: &Link) {
        if let Err(error) = self.kernel.set_up(link.index) {
            log::warning(&format!("{}: cannot bring the link up: {error}", link.name));
        }
    }

    /// The port, and the address where it is one of IPv6 that others can reach and that is ready
    /// for use (no other machine has it).
    fn global_ipv6(&mut self, message: &AddressMessage) -> Option<(&mut Port, Ipv6Addr)> {
        let unready = AddressHeaderFlags::Tentative | AddressHeaderFlags::Dadfailed;
        let header = &message.header;
        if header.scope != AddressScope::Universe || header.flags.intersects(unready) {
            return None;
        }
        let address = message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(IpAddr::V6(address)) => Some(*address),
            _ => None,
        })?;
        Some((self.ports.get_mut(&header.index)?, address))
    }

    /// Writes what has changed for others to read.
    fn tell(&mut self) {
        let status = Status::of(self.ports.values().map(Port::status).collect());
        let resolv = resolv_conf(self.ports.values().filter_map(Port::lease));
        let now = (status, resolv);
        if self.told.as_ref() == Some(&now) {
            return;
        }
        let (status, resolv) = &now;
        // The state last: who waits for it may use the resolver at once.
        let written = status::replace(&self.run, status::RESOLV_CONF, resolv.as_bytes())
            .and_then(|()| status.write(&self.run));
        match written {
            Ok(()) => self.told = Some(now),
            Err(error) => log::warning(&format!("{error:#}")),
        }
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

/// What sysfs shows of a link.
fn class(name: &str) -> PathBuf {
    Path::new("/sys/class/net").join(name)
}

/// Has the kernel take IPv6 addresses and routes from routers, also though this machine is a
/// router itself (for its containers): value 2 (Documentation/networking/ip-sysctl.rst).
fn accept_router_advertisements(link: &str) {
    let path = Path::new("/proc/sys/net/ipv6/conf").join(link).join("accept_ra");
    // A kernel without IPv6 has no such file.
    if path.exists()
        && let Err(error) = fs::write(&path, "2")
    {
        log::warning(&format!("cannot write {}: {error}", path.display()));
    }
}

fn index_of(message: &RouteNetlinkMessage) -> Option<u32> {
    match message {
        RouteNetlinkMessage::NewLink(message) => Some(message.header.index),
        _ => None,
    }
}
