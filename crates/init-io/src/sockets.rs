//! Sockets that units listen on, and connections that instances are started for.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;

use anyhow::{Context, Result, bail};
use litemap::LiteMap;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid, chownat};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, bind, getpeername, getsockname,
    listen, recv, socket_with, sockopt,
};
use unit::UnitName;
use unit::graph::Graph;
use unit::model::Relation;
use unit::socket::address::Address;
use unit::socket::config::{BindIpv6Only, Listen, ListenKind, Socket};
use unit::socket::machine::Peer;

use crate::folders;
use crate::poller::{Poller, Readiness, Source};

/// At most this much is thrown away at once: who keeps sending must not hold PID 1.
const FLUSH_MAX: usize = 1024;

/// All of them.
#[derive(Default)]
pub struct Sockets {
    open: LiteMap<UnitName, Open>,
    owners: LiteMap<u32, UnitName>,
    last: u32,
    /// Connections that were taken and whose instance has no name yet, by socket.
    taken: LiteMap<UnitName, Connection>,
    /// Connections by the instance that is to serve them.
    connections: LiteMap<UnitName, Connection>,
}

struct Open {
    listeners: Vec<(u32, OwnedFd)>,
    watched: bool,
    descriptor_name: String,
}

struct Connection {
    fd: OwnedFd,
    /// The other end's address and port.
    peer: Option<(String, String)>,
}

impl Sockets {
    /// Opens all that a socket unit listens on; nothing where one cannot be opened.
    ///
    /// # Errors
    /// Which address could not be had, and why.
    pub fn open(&mut self, unit: &UnitName, config: &Socket) -> Result<()> {
        let mut listeners = Vec::new();
        for listen in &config.listen {
            let fd = open(config, listen).with_context(|| format!("cannot listen on {}", listen.address))?;
            self.last = self.last.wrapping_add(1);
            listeners.push((self.last, fd));
        }
        if let Some(target) = config.paths().next() {
            for link in &config.symlinks {
                make_link(Path::new(target), Path::new(link))?;
            }
        }
        self.owners.extend(listeners.iter().map(|(number, _)| (*number, unit.clone())));
        let descriptor_name = config.descriptor_name.clone().unwrap_or_else(|| unit.to_string());
        self.open.insert(unit.clone(), Open { listeners, watched: false, descriptor_name });
        Ok(())
    }

    /// Closes a socket unit's sockets, and removes their files where that is asked for.
    pub fn close(&mut self, unit: &UnitName, config: &Socket, poller: &Poller) {
        self.unwatch(unit, poller);
        let Some(open) = self.open.remove(unit) else {
            return;
        };
        for (number, _) in &open.listeners {
            self.owners.remove(number);
        }
        if config.remove_on_stop {
            for path in config.paths().chain(config.symlinks.iter().map(String::as_str)) {
                // One that is gone already is as well.
                _ = fs::remove_file(path);
            }
        }
    }

    /// Waits for somebody to come.
    ///
    /// # Errors
    /// The kernel cannot wait for it.
    pub fn watch(&mut self, unit: &UnitName, config: &Socket, flush: bool, poller: &Poller) -> Result<()> {
        let Some(open) = self.open.get_mut(unit) else {
            return Ok(());
        };
        if flush {
            for ((_, fd), listen) in open.listeners.iter().zip(&config.listen) {
                throw_away(fd, listen.kind, config.accept);
            }
        }
        if !open.watched {
            for (number, fd) in &open.listeners {
                poller.add(fd, Source::Socket(*number), Readiness::Read)?;
            }
            open.watched = true;
        }
        Ok(())
    }

    /// Waits no more: the service has it.
    pub fn unwatch(&mut self, unit: &UnitName, poller: &Poller) {
        if let Some(open) = self.open.get_mut(unit).filter(|open| open.watched) {
            for (_, fd) in &open.listeners {
                poller.remove(fd);
            }
            open.watched = false;
        }
    }

    /// The unit that a number is of.
    pub fn owner(&self, number: u32) -> Option<&UnitName> {
        self.owners.get(&number)
    }

    /// The descriptors of a socket unit, with the name that services get them under.
    fn descriptors(&self, unit: &UnitName) -> impl Iterator<Item = (BorrowedFd<'_>, &str)> {
        let open = self.open.get(unit).into_iter();
        open.flat_map(|open| open.listeners.iter().map(|(_, fd)| (fd.as_fd(), open.descriptor_name.as_str())))
    }

    /// The open sockets of the units that start a service.
    pub fn of_service<'a>(
        &'a self,
        service: &UnitName,
        graph: &'a Graph,
    ) -> impl Iterator<Item = (BorrowedFd<'a>, &'a str)> + use<'a> {
        graph.related(service, Relation::TriggeredBy).flat_map(|unit| self.descriptors(unit))
    }

    /// Takes one connection; none where nobody is there any more.
    pub fn accept(&mut self, unit: &UnitName) -> Option<Peer> {
        let open = self.open.get(unit)?;
        let mut taken = open.listeners.iter();
        let fd = taken.find_map(|(_, fd)| rustix::net::accept_with(fd, SocketFlags::CLOEXEC).ok())?;
        let (peer, address) = peer(&fd);
        self.taken.insert(unit.clone(), Connection { fd, peer: address });
        Some(peer)
    }

    /// The connection that was taken last is for this instance.
    pub fn assign(&mut self, unit: &UnitName, instance: &UnitName) {
        if let Some(connection) = self.taken.remove(unit) {
            self.connections.insert(instance.clone(), connection);
        }
    }

    /// Closes the connection that was taken last.
    pub fn refuse(&mut self, unit: &UnitName) {
        self.taken.remove(unit);
    }

    /// The connection that an instance is to serve, and who is at its other end.
    pub fn connection(&self, instance: &UnitName) -> Option<(BorrowedFd<'_>, Option<&(String, String)>)> {
        self.connections.get(instance).map(|connection| (connection.fd.as_fd(), connection.peer.as_ref()))
    }

    /// The instance has its connection, or is gone: the other end must see when it closes it.
    pub fn hand_over(&mut self, instance: &UnitName) {
        self.connections.remove(instance);
    }
}

fn open(config: &Socket, listen: &Listen) -> Result<OwnedFd> {
    match (&listen.address, listen.kind) {
        (Address::Path(path), ListenKind::Fifo) => fifo(config, path),
        (Address::Path(path), _) => at_path(config, listen, Path::new(path)),
        (Address::Abstract(name), _) => {
            let fd = socket(config, listen.kind, AddressFamily::UNIX)?;
            bind(&fd, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
            begin(config, listen.kind, fd)
        }
        (Address::Port(port), _) => {
            let any = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), *port);
            match at_ip(config, listen.kind, any) {
                // A kernel without IPv6.
                Err(error) if error.downcast_ref() == Some(&Errno::AFNOSUPPORT) => {
                    at_ip(config, listen.kind, SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), *port))
                }
                other => other,
            }
        }
        (Address::Ip(address), _) => at_ip(config, listen.kind, *address),
    }
}

fn socket(config: &Socket, kind: ListenKind, family: AddressFamily) -> Result<OwnedFd> {
    let socket_type = match kind {
        ListenKind::Datagram => SocketType::DGRAM,
        ListenKind::SequentialPacket => SocketType::SEQPACKET,
        ListenKind::Stream | ListenKind::Fifo => SocketType::STREAM,
    };
    // What PID 1 itself reads must not hold it; what a service gets is to wait, as programs expect.
    let flags =
        if config.accept { SocketFlags::CLOEXEC | SocketFlags::NONBLOCK } else { SocketFlags::CLOEXEC };
    let fd = socket_with(family, socket_type, flags, None)?;
    if let Some(size) = config.receive_buffer.and_then(|size| usize::try_from(size).ok()) {
        // More than everybody may have needs a privilege that PID 1 has, but not everywhere.
        sockopt::set_socket_recv_buffer_size_force(&fd, size)
            .or_else(|_| sockopt::set_socket_recv_buffer_size(&fd, size))
            .context("ReceiveBuffer=")?;
    }
    if let Some(size) = config.send_buffer.and_then(|size| usize::try_from(size).ok()) {
        sockopt::set_socket_send_buffer_size_force(&fd, size)
            .or_else(|_| sockopt::set_socket_send_buffer_size(&fd, size))
            .context("SendBuffer=")?;
    }
    if family == AddressFamily::UNIX && config.pass_credentials {
        sockopt::set_socket_passcred(&fd, true).context("PassCredentials=")?;
    }
    if let Some(device) = config.device.as_deref().filter(|_| family != AddressFamily::UNIX) {
        sys::socket::bind_to_device(&fd, device).with_context(|| format!("BindToDevice={device}"))?;
    }
    Ok(fd)
}

/// Sets the rest and listens, where there are connections to listen for.
fn begin(config: &Socket, kind: ListenKind, fd: OwnedFd) -> Result<OwnedFd> {
    if kind.has_connections() {
        // The kernel has a bound of its own.
        let backlog = config.backlog.and_then(|backlog| i32::try_from(backlog).ok()).unwrap_or(i32::MAX);
        listen(&fd, backlog)?;
    }
    Ok(fd)
}

fn at_ip(config: &Socket, kind: ListenKind, address: SocketAddr) -> Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = socket(config, kind, family)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    if address.is_ipv6() && config.bind_ipv6_only != BindIpv6Only::Default {
        let only = config.bind_ipv6_only == BindIpv6Only::Ipv6Only;
        sockopt::set_ipv6_v6only(&fd, only).context("BindIPv6Only=")?;
    }
    if config.free_bind {
        match address.is_ipv4() {
            true => sockopt::set_ip_freebind(&fd, true),
            false => sockopt::set_ipv6_freebind(&fd, true),
        }
        .context("FreeBind=")?;
    }
    if config.reuse_port {
        sockopt::set_socket_reuseport(&fd, true).context("ReusePort=")?;
    }
    if config.broadcast && kind == ListenKind::Datagram {
        sockopt::set_socket_broadcast(&fd, true).context("Broadcast=")?;
    }
    if kind == ListenKind::Stream {
        if config.no_delay {
            sockopt::set_tcp_nodelay(&fd, true).context("NoDelay=")?;
        }
        if config.keep_alive {
            sockopt::set_socket_keepalive(&fd, true).context("KeepAlive=")?;
        }
        if let Some(time) = config.keep_alive_time {
            sockopt::set_tcp_keepidle(&fd, time).context("KeepAliveTimeSec=")?;
        }
        if let Some(time) = config.keep_alive_interval {
            sockopt::set_tcp_keepintvl(&fd, time).context("KeepAliveIntervalSec=")?;
        }
        if let Some(count) = config.keep_alive_probes {
            sockopt::set_tcp_keepcnt(&fd, count).context("KeepAliveProbes=")?;
        }
    }
    bind(&fd, &address)?;
    begin(config, kind, fd)
}

fn at_path(config: &Socket, listen: &Listen, path: &Path) -> Result<OwnedFd> {
    let fd = socket(config, listen.kind, AddressFamily::UNIX)?;
    folders::make_above(path, config.directory_mode)?;
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket {
        // Left by an earlier run: a new one cannot take its place otherwise.
        fs::remove_file(path)?;
    }
    bind(&fd, &SocketAddrUnix::new(path)?)?;
    // Before it listens nobody can connect by the wrong permissions.
    set_owner(config, path)?;
    begin(config, listen.kind, fd)
}

fn fifo(config: &Socket, path: &str) -> Result<OwnedFd> {
    let place = Path::new(path);
    folders::make_above(place, config.directory_mode)?;
    match rustix::fs::mkfifoat(rustix::fs::CWD, place, Mode::from_raw_mode(config.mode)) {
        Err(Errno::EXIST) => {
            let is_fifo = fs::symlink_metadata(place).is_ok_and(|found| found.file_type().is_fifo());
            if !is_fifo {
                bail!("{path} is there, and no FIFO");
            }
        }
        other => other?,
    }
    set_owner(config, place)?;
    // Open for writing too, it has no end when a writer goes.
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    Ok(rustix::fs::open(place, flags, Mode::empty())?)
}

fn set_owner(config: &Socket, path: &Path) -> Result<()> {
    // By a handle: its folder may be a service's, and what that puts in its place is not followed.
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let node = rustix::fs::open(path, flags, Mode::empty())?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&node)?.st_mode);
    if !matches!(kind, FileType::Socket | FileType::Fifo) {
        bail!("{} was taken away while it was made", path.display());
    }
    let handle = format!("/proc/self/fd/{}", node.as_raw_fd());
    rustix::fs::chmod(handle, Mode::from_raw_mode(config.mode)).context("SocketMode=")?;
    if config.user.is_none() && config.group.is_none() {
        return Ok(());
    }
    let users = spawn::Database::read(Path::new("/"));
    let user = config.user.as_deref().map(|user| users.user(user)).transpose().context("SocketUser=")?;
    let group =
        config.group.as_deref().map(|group| users.group(group)).transpose().context("SocketGroup=")?;
    let gid = group.or_else(|| user.as_ref().map(|user| user.gid));
    let (uid, gid) = (user.map(|user| Uid::from_raw(user.uid)), gid.map(Gid::from_raw));
    chownat(&node, "", uid, gid, AtFlags::EMPTY_PATH).context("SocketUser=, SocketGroup=")
}

fn make_link(target: &Path, link: &Path) -> Result<()> {
    folders::make_above(link, 0o755)?;
    if link.is_symlink() {
        fs::remove_file(link).with_context(|| format!("cannot replace the link {}", link.display()))?;
    }
    symlink(target, link).with_context(|| format!("cannot make the link {}", link.display()))
}

/// Who is at the other end of a connection, and from where.
fn peer(fd: &OwnedFd) -> (Peer, Option<(String, String)>) {
    let address = |found: rustix::net::SocketAddrAny| SocketAddr::try_from(found).ok();
    let local = getsockname(fd).ok().and_then(address);
    let remote = getpeername(fd).ok().flatten().and_then(address);
    match (local, remote) {
        (Some(local), Some(remote)) => {
            let (from, to) = (remote.ip().to_canonical(), local.ip().to_canonical());
            let label = format!("{to}:{}-{from}:{}", local.port(), remote.port());
            let parts = (from.to_string(), remote.port().to_string());
            (Peer { source: from.to_string(), label }, Some(parts))
        }
        _ => {
            let peer = sys::credentials::peer(fd).ok();
            let (pid, uid) = peer.map_or((0, 0), |peer| (peer.pid, peer.uid));
            (Peer { source: format!("user {uid}"), label: format!("{pid}-{uid}") }, None)
        }
    }
}

/// Throws away what has come so far.
fn throw_away(fd: &OwnedFd, kind: ListenKind, is_nonblocking: bool) {
    let Ok(flags) = rustix::fs::fcntl_getfl(fd) else {
        return;
    };
    if rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK).is_err() {
        return;
    }
    for _ in 0..FLUSH_MAX {
        let mut buffer = [0; 1024];
        let done = match kind {
            ListenKind::Stream | ListenKind::SequentialPacket => rustix::net::accept(fd).is_err(),
            ListenKind::Datagram => recv(fd, &mut buffer, RecvFlags::DONTWAIT).is_err(),
            ListenKind::Fifo => rustix::io::read(fd, &mut buffer).is_ok_and(|read| read == 0),
        };
        let empty_fifo = kind == ListenKind::Fifo && done;
        if done || empty_fifo {
            break;
        }
    }
    if !is_nonblocking {
        _ = rustix::fs::fcntl_setfl(fd, flags);
    }
}
