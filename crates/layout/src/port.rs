//! Names of virtio-serial ports and numbers of TCP ports.

/// virtio-serial port on which PID 1 writes events, a JSON object a line.
pub const EVENTS: &str = "org.berth.events";
/// virtio-serial port for a root shell, when [`crate::args::SHELL`] names it.
pub const SHELL: &str = "org.berth.shell";
/// Name in QEMU's fw_cfg under which the Ignition config is.
pub const IGNITION_CONFIG: &str = "opt/com.coreos/config";
/// Where the kernel shows the names of virtio-serial ports: `<port>/name` in this folder, the
/// device being `/dev/<port>`.
pub const VIRTIO_PORTS: &str = "/sys/class/virtio-ports";

/// TCP port of etcd for clients.
pub const ETCD_CLIENT: u16 = 2379;
/// TCP port of etcd for its peers.
pub const ETCD_PEER: u16 = 2380;
/// TCP port of sshd.
pub const SSH: u16 = 22;
