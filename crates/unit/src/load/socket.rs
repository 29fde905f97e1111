//! `[Socket]` (systemd.socket(5)).

use std::time::Duration;

use crate::load::LoadError;
use crate::load::service::{self, Seen};
use crate::load::setter::{Outcome, Setter, path, text, unit_name};
use crate::name::{UnitName, UnitType};
use crate::socket::address::Address;
use crate::socket::config::{BindIpv6Only, Listen, ListenKind, Socket};
use crate::text::value::{self, Bound};

/// Connections in the trigger limit's window, where each has an instance of its own.
const ACCEPT_BURST: u32 = 200;
/// The longest name of a descriptor (sd_listen_fds(3)).
const NAME_MAX: usize = 255;

const KINDS: [(&str, ListenKind); 4] = [
    ("ListenStream", ListenKind::Stream),
    ("ListenDatagram", ListenKind::Datagram),
    ("ListenSequentialPacket", ListenKind::SequentialPacket),
    ("ListenFIFO", ListenKind::Fifo),
];

/// A socket before its files are read: it starts the service of its own name.
pub(super) fn unset(name: &UnitName) -> Result<Socket, LoadError> {
    let own = UnitName::parse(&format!("{}.service", name.stem()));
    let own = own.map_err(|error| LoadError::Bad { name: name.clone(), reason: error.to_string() })?;
    Ok(Socket::unset(own, service::unset(name)))
}

/// Applies one directive.
pub(super) fn assign(socket: &mut Socket, seen: &mut Seen, setter: &Setter, key: &str) -> Outcome {
    if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == key) {
        return listen(socket, setter, *kind);
    }
    let flag = || value::boolean(setter.value).map_err(text);
    let span = || value::time_span(setter.value).map(Bound::finite).map_err(text);
    let mode = || value::mode(setter.value).map_err(text);
    let number = || setter.value.parse::<u32>().map_err(|_| "expected a number".to_owned());
    let size = || value::bytes(setter.value).ok_or_else(|| "expected a size (such as 64K)".to_owned());
    match key {
        "Accept" => socket.accept = flag()?,
        "Service" => {
            let name = unit_name(&setter.expanded()?)?;
            if name.kind() != UnitType::Service {
                return Err("expected the name of a service".to_owned());
            }
            socket.service = name;
            seen.note("Service");
        }
        "Backlog" => socket.backlog = Some(number()?),
        "BindIPv6Only" => {
            socket.bind_ipv6_only = setter.choice(&[
                ("default", BindIpv6Only::Default),
                ("both", BindIpv6Only::Both),
                ("ipv6-only", BindIpv6Only::Ipv6Only),
            ])?;
        }
        "BindToDevice" => {
            setter.option(&mut socket.device)?;
            socket.device.take_if(|device| device == "*");
        }
        "SocketUser" => setter.option(&mut socket.user)?,
        "SocketGroup" => setter.option(&mut socket.group)?,
        "SocketMode" => socket.mode = mode()?,
        "DirectoryMode" => socket.directory_mode = mode()?,
        "MaxConnections" => socket.max_connections = number()? as usize,
        "MaxConnectionsPerSource" => {
            socket.max_per_source = Some(number()? as usize).filter(|most| *most > 0);
        }
        "KeepAlive" => socket.keep_alive = flag()?,
        "KeepAliveTimeSec" => socket.keep_alive_time = span()?,
        "KeepAliveIntervalSec" => socket.keep_alive_interval = span()?,
        "KeepAliveProbes" => socket.keep_alive_probes = Some(number()?),
        "NoDelay" => socket.no_delay = flag()?,
        "FreeBind" => socket.free_bind = flag()?,
        "ReusePort" => socket.reuse_port = flag()?,
        "Broadcast" => socket.broadcast = flag()?,
        "PassCredentials" => socket.pass_credentials = flag()?,
        "ReceiveBuffer" => socket.receive_buffer = Some(size()?),
        "SendBuffer" => socket.send_buffer = Some(size()?),
        "RemoveOnStop" => socket.remove_on_stop = flag()?,
        "Symlinks" => setter.list(&mut socket.symlinks, |word| path(&word))?,
        "FlushPending" => socket.flush_pending = flag()?,
        "FileDescriptorName" => {
            let is_name = |name: &str| {
                name.len() <= NAME_MAX && name.chars().all(|c| !c.is_control() && c != ':' && c.is_ascii())
            };
            setter.option(&mut socket.descriptor_name)?;
            if socket.descriptor_name.take_if(|name| !is_name(name)).is_some() {
                return Err("expected at most 255 ASCII characters and no colon".to_owned());
            }
        }
        "TriggerLimitIntervalSec" => {
            socket.trigger_limit.interval = span()?.unwrap_or(Duration::MAX);
        }
        "TriggerLimitBurst" => {
            socket.trigger_limit.burst = number()?;
            seen.note("TriggerLimitBurst");
        }
        // The helper's list for what runs before it goes down.
        "ExecStopPre" => return service::settings(&mut socket.helper, seen, setter, "ExecStop"),
        _ => return service::settings(&mut socket.helper, seen, setter, key),
    }
    Ok(())
}

fn listen(socket: &mut Socket, setter: &Setter, kind: ListenKind) -> Outcome {
    // An empty value resets all kinds.
    if setter.value.is_empty() {
        socket.listen.clear();
        return Ok(());
    }
    let address = Address::parse(&setter.expanded()?).map_err(text)?;
    match kind {
        ListenKind::Fifo if address.path().is_none() => return Err("expected an absolute path".to_owned()),
        ListenKind::SequentialPacket if !address.is_unix() => {
            return Err("expected a path or a name with an @".to_owned());
        }
        _ => {}
    }
    socket.listen.push(Listen { kind, address });
    Ok(())
}

/// Sets the defaults that depend on other settings, and checks that the socket can be opened.
pub(super) fn finish(socket: &mut Socket, name: &UnitName, seen: &Seen) -> Result<(), String> {
    if socket.listen.is_empty() {
        return Err("it has nothing to listen on (ListenStream=, ListenDatagram=, ...)".to_owned());
    }
    if !socket.symlinks.is_empty() && socket.paths().count() != 1 {
        return Err("Symlinks= needs exactly one path to listen on".to_owned());
    }
    if socket.accept {
        if let Some(other) = socket.listen.iter().find(|listen| !listen.kind.has_connections()) {
            return Err(format!("Accept=yes needs connections, and there are none on {}", other.address));
        }
        if seen.has("Service") {
            return Err("Service= has no place beside Accept=yes: each connection gets an instance of the \
                        template of the socket's own name"
                .to_owned());
        }
        let template = format!("{}@.service", name.prefix());
        socket.service = UnitName::parse(&template).map_err(text)?;
        if !seen.has("TriggerLimitBurst") {
            socket.trigger_limit.burst = ACCEPT_BURST;
        }
    }
    Ok(())
}
