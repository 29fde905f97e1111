//! A socket's settings (systemd.socket(5)).

use std::time::Duration;

use crate::model::StartLimit;
use crate::name::UnitName;
use crate::service::config::Service;
use crate::socket::address::Address;

/// How what comes in is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenKind {
    /// `ListenStream=`.
    Stream,
    /// `ListenDatagram=`.
    Datagram,
    /// `ListenSequentialPacket=`.
    SequentialPacket,
    /// `ListenFIFO=`.
    Fifo,
}

impl ListenKind {
    /// Whether there are connections, which can be accepted.
    pub fn has_connections(self) -> bool {
        matches!(self, ListenKind::Stream | ListenKind::SequentialPacket)
    }
}

/// One thing to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// How.
    pub kind: ListenKind,
    /// Where; of a FIFO a path.
    pub address: Address,
}

/// `BindIPv6Only=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BindIpv6Only {
    /// As the kernel is set.
    #[default]
    Default,
    /// An IPv6 socket takes IPv4 too.
    Both,
    /// It does not.
    Ipv6Only,
}

/// A socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// `Listen...=`, in order: so the service gets them.
    pub listen: Vec<Listen>,
    /// `Accept=`: a service instance a connection.
    pub accept: bool,
    /// `Service=`: what it starts; with [`Socket::accept`] a template.
    pub service: UnitName,
    /// `Backlog=`.
    pub backlog: Option<u32>,
    /// `BindIPv6Only=`.
    pub bind_ipv6_only: BindIpv6Only,
    /// `BindToDevice=`.
    pub device: Option<String>,
    /// `SocketUser=`: a name or a number.
    pub user: Option<String>,
    /// `SocketGroup=`: a name or a number.
    pub group: Option<String>,
    /// `SocketMode=`.
    pub mode: u32,
    /// `DirectoryMode=`: of folders made on the way to a path.
    pub directory_mode: u32,
    /// `MaxConnections=`: how many instances there may be at once.
    pub max_connections: usize,
    /// `MaxConnectionsPerSource=`: how many for one address or user; none for no limit.
    pub max_per_source: Option<usize>,
    /// `KeepAlive=`.
    pub keep_alive: bool,
    /// `KeepAliveTimeSec=`.
    pub keep_alive_time: Option<Duration>,
    /// `KeepAliveIntervalSec=`.
    pub keep_alive_interval: Option<Duration>,
    /// `KeepAliveProbes=`.
    pub keep_alive_probes: Option<u32>,
    /// `NoDelay=`.
    pub no_delay: bool,
    /// `FreeBind=`.
    pub free_bind: bool,
    /// `ReusePort=`.
    pub reuse_port: bool,
    /// `Broadcast=`.
    pub broadcast: bool,
    /// `PassCredentials=`.
    pub pass_credentials: bool,
    /// `ReceiveBuffer=`, in bytes.
    pub receive_buffer: Option<u64>,
    /// `SendBuffer=`, in bytes.
    pub send_buffer: Option<u64>,
    /// `RemoveOnStop=`.
    pub remove_on_stop: bool,
    /// `Symlinks=`: links to the one path that it listens on.
    pub symlinks: Vec<String>,
    /// `FlushPending=`: what came while the service ended is thrown away.
    pub flush_pending: bool,
    /// `FileDescriptorName=`: under this name the service gets them.
    pub descriptor_name: Option<String>,
    /// `TriggerLimitIntervalSec=`, `TriggerLimitBurst=`.
    pub trigger_limit: StartLimit,
    /// The settings of the commands beside it: `ExecStopPre=` are its `Stop` commands.
    pub helper: Service,
}

impl Socket {
    /// A socket before its files are read.
    pub fn unset(service: UnitName, helper: Service) -> Socket {
        Socket {
            listen: Vec::new(),
            accept: false,
            service,
            backlog: None,
            bind_ipv6_only: BindIpv6Only::default(),
            device: None,
            user: None,
            group: None,
            mode: 0o666,
            directory_mode: 0o755,
            max_connections: 64,
            max_per_source: None,
            keep_alive: false,
            keep_alive_time: None,
            keep_alive_interval: None,
            keep_alive_probes: None,
            no_delay: false,
            free_bind: false,
            reuse_port: false,
            broadcast: false,
            pass_credentials: false,
            receive_buffer: None,
            send_buffer: None,
            remove_on_stop: false,
            symlinks: Vec::new(),
            flush_pending: false,
            descriptor_name: None,
            trigger_limit: StartLimit { interval: Duration::from_secs(2), burst: 20 },
            helper,
        }
    }

    /// The paths of its sockets and FIFOs.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.listen.iter().filter_map(|listen| listen.address.path())
    }
}
