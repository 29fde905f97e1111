//! What the network daemon tells others: `/run/berth/netd.json`.

use serde::{Deserialize, Serialize};

/// The state of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether every link that must be online is, and one at least.
    pub online: bool,
    /// Whether any link that the machine may become online by can carry packets.
    pub carrier: bool,
    /// The machine's name, as a server or the kernel's command line has it.
    pub hostname: Option<String>,
    /// Name servers of all links, the preferred first.
    pub dns: Vec<String>,
    /// Domains of all links, in which short names are looked up.
    pub domains: Vec<String>,
    /// Time servers of all links, by address or name.
    pub ntp: Vec<String>,
    /// The links, by index.
    pub links: Vec<LinkStatus>,
}

/// The state of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// The kernel's number of it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// `ether`, `loopback`, or the kind of one that was made, such as `bridge`.
    pub kind: String,
    /// Its hardware address.
    pub mac: Option<String>,
    /// Its MTU, in bytes.
    pub mtu: Option<u32>,
    /// The `.network` file that says what it is to be.
    pub file: Option<String>,
    /// How far that is done.
    pub setup: Setup,
    /// Whether it can carry packets.
    pub carrier: bool,
    /// Whether it has an address that others can be reached from, with its route.
    pub online: bool,
    /// Whether the machine is not online without it.
    pub required: bool,
    /// The bridge or bond that it is a part of.
    pub master: Option<String>,
    /// Addresses with their prefixes, without those of the link alone.
    pub ipv4: Vec<String>,
    /// Router of the default route.
    pub gateway: Option<String>,
    /// Global addresses that are ready for use.
    pub ipv6: Vec<String>,
    /// Whether there is a default route of IPv6.
    pub ipv6_route: bool,
    /// Name servers.
    pub dns: Vec<String>,
    /// Domains in which short names are looked up.
    pub domains: Vec<String>,
    /// Time servers, by address or name.
    pub ntp: Vec<String>,
    /// The machine's name, as a server has it.
    pub hostname: Option<String>,
    /// The lease of IPv4.
    pub dhcp4: Option<LeaseStatus>,
    /// The lease of IPv6.
    pub dhcp6: Option<LeaseStatus>,
}

/// How far a link is set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Setup {
    /// It is not the daemon's.
    #[default]
    Unmanaged,
    /// Something is still awaited.
    Configuring,
    /// All is done.
    Configured,
    /// The kernel refuses something.
    Failed,
}

impl Setup {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unmanaged => "unmanaged",
            Self::Configuring => "configuring",
            Self::Configured => "configured",
            Self::Failed => "failed",
        }
    }
}

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseStatus {
    /// Who gave it: an address, or a DUID.
    pub server: String,
    /// When it ends, in milliseconds of CLOCK_BOOTTIME; `None` is never.
    pub expires_ms: Option<u64>,
}
