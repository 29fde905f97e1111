//! Asking the machine. Nothing is waited for longer than a moment: what does not answer is named.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use boots::History;
use coredump::Store;
use observe::memory::Memory;
use observe::pressure::{Pressure, RESOURCES};
use observe::space::Space;
use observe::{Root, processor, slot};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use unit::control::{Reply, Request, UnitStatus};

use super::facts::{Answer, Facts, Link};
use crate::banner;
use crate::client;

/// How long something has to answer.
const PATIENCE: Duration = Duration::from_secs(2);
const CONTAINERD: &str = "/run/containerd/containerd.sock";
/// Interfaces of containers, which are many and tell nothing of the machine.
const CONTAINER_LINKS: [&str; 3] = ["veth", "cali", "lxc"];

/// All of it.
pub fn gather() -> Facts {
    let root = Root::of_machine();
    let release = os_release(&root);
    let named = |name: &str| release.get(name).cloned().unwrap_or_default();
    let memory = Memory::parse(&root.text("/proc/meminfo"));
    let boot_id = root.boot_id();
    let pressure = |resource: &str| {
        let pressure = Pressure::parse(&root.text(&format!("/proc/pressure/{resource}")))?;
        Some((resource.to_owned(), pressure))
    };
    let slot = slot::running(&root).map(|slot| slot.to_string());
    let usr = slot.as_ref().map_or_else(|| "/usr".to_owned(), |slot| format!("USR-{slot}"));
    let disks = [("ROOT".to_owned(), "/"), (usr, "/usr")];
    let mut facts = Facts {
        system: format!("{} {}", named("NAME"), named("VERSION_ID")),
        kernel: root.text("/proc/sys/kernel/osrelease").trim().to_owned(),
        host: root.text("/proc/sys/kernel/hostname").trim().to_owned(),
        slot,
        uptime_s: processor::uptime(&root.text("/proc/uptime")).unwrap_or(0.0),
        disks: disks.into_iter().filter_map(|(name, path)| Some((name, Space::of(&root, path)?))).collect(),
        memory: (memory.used(), memory.total()),
        pressure: RESOURCES.iter().filter_map(|resource| pressure(resource)).collect(),
        history: History::parse(&root.text(layout::path::BOOTS)),
        failed_version: banner::update_state(&root).as_ref().and_then(banner::failed),
        boot_id,
        ..Facts::default()
    };
    match links() {
        Ok(links) => facts.links = links,
        Err(error) => facts.unknown.push(format!("addresses: {error}")),
    }
    // Who may not read the records has none; that is not worth a line.
    facts.crashes = Store::new(layout::path::COREDUMPS).count(Some(&facts.boot_id)).unwrap_or_default();
    ask_init(&mut facts);
    facts
}

/// What PID 1 knows.
fn ask_init(facts: &mut Facts) {
    match client::ask_within(&Request::Manager, PATIENCE) {
        Ok(Reply::Manager { manager }) => {
            facts.state = Some(manager.state);
            facts.reached_us = Some(manager.finished_us).filter(|micros| *micros > 0);
        }
        Ok(_) => facts.unknown.push("units: PID 1 answers something else".to_owned()),
        Err(error) => facts.unknown.push(format!("units: {error:#}")),
    }
    let units = match client::ask_within(&Request::List, PATIENCE) {
        Ok(Reply::List { units }) => units,
        _ => Vec::new(),
    };
    let find = |name: &str| units.iter().find(|unit| unit.name == name);
    let state = |name: &str| find(name).map(|unit| unit.active.clone());
    facts.boot_complete = state("boot-complete.target");
    let failed = units.iter().filter(|unit| unit.active == "failed");
    facts.failed = failed.map(|unit| (unit.name.clone(), why(unit))).collect();
    let waiting = units.iter().filter_map(|unit| Some((unit.name.clone(), unit.job.clone()?)));
    facts.jobs = waiting.collect();
    let is_up = |name: &str| find(name).is_some_and(|unit| unit.active == "active");
    let answer = |name: &str, probe: fn() -> Option<bool>| {
        let service = format!("{name}.service");
        let unit = state(&service);
        // What is not to run need not answer; of what PID 1 cannot tell it is asked.
        let answers = if is_up(&service) || units.is_empty() { probe() } else { None };
        Answer { name: name.to_owned(), unit, answers }
    };
    let mut services = vec![answer("etcd", etcd), answer("containerd", containerd)];
    services.push(Answer { name: "log".to_owned(), unit: state("berth-logd.service"), answers: log() });
    facts.services = services;
}

fn why(unit: &UnitStatus) -> String {
    if unit.result_word.is_empty() { unit.result.clone() } else { unit.result_word.clone() }
}

fn etcd() -> Option<bool> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, layout::port::ETCD_CLIENT));
    Some(TcpStream::connect_timeout(&address, PATIENCE).is_ok())
}

fn containerd() -> Option<bool> {
    reached(takes_connections(CONTAINERD))
}

fn log() -> Option<bool> {
    reached(UnixDatagram::unbound().and_then(|socket| socket.connect(layout::path::SYSLOG_SOCKET)))
}

/// Connects to a socket and hangs up. One that takes no more connections now is not waited for.
fn takes_connections(path: &str) -> std::io::Result<()> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok(connect(&socket, &SocketAddrUnix::new(path)?)?)
}

/// Whether there is somebody; that is not known to who may not ask.
fn reached(result: std::io::Result<()>) -> Option<bool> {
    match result {
        Ok(()) => Some(true),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => None,
        Err(_) => Some(false),
    }
}

/// The interfaces that reach others.
///
/// # Errors
/// The kernel does not tell.
pub fn links() -> std::io::Result<Vec<Link>> {
    let found = sys::interfaces::list()?;
    let is_own = |name: &str| !CONTAINER_LINKS.iter().any(|start| name.starts_with(start));
    let links = found.into_iter().filter(|link| !link.loopback && is_own(&link.name));
    Ok(links
        .map(|link| {
            let global = link.addresses.iter().filter(|(address, _)| reaches_others(address));
            let addresses = global.map(|(address, prefix)| format!("{address}/{prefix}")).collect();
            Link { name: link.name, up: link.running, addresses }
        })
        .collect())
}

/// Whether it is more than an address of the link alone.
fn reaches_others(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_link_local(),
        IpAddr::V6(address) => !address.is_unicast_link_local(),
    }
}

/// The names and values of os-release(5).
pub fn os_release(root: &Root) -> BTreeMap<String, String> {
    let text = root.text(Path::new(layout::path::OS_RELEASE).to_str().unwrap_or_default());
    unit::text::environment::parse(&text).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_takes_nobody_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let path = path.to_str().unwrap();
        assert_eq!(reached(takes_connections(path)), Some(false));
        let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        assert_eq!(reached(takes_connections(path)), Some(true));
        assert_eq!(reached(takes_connections(path)), Some(false));
        _ = listener.accept().unwrap();
        assert_eq!(reached(takes_connections(path)), Some(true));
    }
}
