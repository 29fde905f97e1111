//! `.netdev` files (systemd.netdev(5)): interfaces that are made.

use std::net::{IpAddr, Ipv4Addr};

use devices::net::matching::Match;

use super::sections::{self, Fault, Section, Source, Warning};
use super::value;

pub(super) mod bond;
mod bridge;
mod vxlan;

pub use bond::Bond;
pub use bridge::Bridge;
pub use vxlan::Vxlan;

/// An interface that is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetDev {
    /// Where it was read.
    pub path: String,
    /// What must be so of the machine.
    pub matching: Match,
    /// Its name.
    pub name: String,
    /// Its MTU, in bytes.
    pub mtu: Option<u32>,
    /// Its hardware address.
    pub mac: Option<[u8; 6]>,
    /// What it is.
    pub kind: Kind,
}

/// Kinds of interfaces that can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Takes packets and loses them.
    Dummy,
    /// IEEE 802.1Q, on another interface.
    Vlan(Vlan),
    /// Several as one.
    Bond(Bond),
    /// A switch.
    Bridge(Bridge),
    /// Ethernet over UDP.
    Vxlan(Vxlan),
    /// A second address on another interface: the kernel's MACVLAN_MODE_*.
    Macvlan(u32),
}

/// `[VLAN]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vlan {
    /// The tag, 0 to 4094.
    pub id: u16,
    /// Whether it is a service tag (802.1ad).
    pub is_service: bool,
    /// The kernel's VLAN_FLAG_* and which of them are said.
    pub flags: (u32, u32),
}

/// A file that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// The interface; `None` where the file does not say enough.
    pub netdev: Option<NetDev>,
    /// What is wrong or not built.
    pub warnings: Vec<Warning>,
}

impl Kind {
    /// The name of it (`Kind=`, IFLA_INFO_KIND).
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dummy => "dummy",
            Self::Vlan(_) => "vlan",
            Self::Bond(_) => "bond",
            Self::Bridge(_) => "bridge",
            Self::Vxlan(_) => "vxlan",
            Self::Macvlan(_) => "macvlan",
        }
    }

    /// Whether it is made on top of an interface whose `.network` file names it.
    pub fn is_stacked(&self) -> bool {
        match self {
            Self::Vlan(_) | Self::Macvlan(_) => true,
            Self::Vxlan(vxlan) => !vxlan.independent,
            Self::Dummy | Self::Bond(_) | Self::Bridge(_) => false,
        }
    }
}

impl NetDev {
    /// Reads a file and its drop-ins, in the order in which they count.
    pub fn read(sources: &[Source<'_>]) -> Read {
        let mut warnings = Vec::new();
        let mut reader = Reader::default();
        let path =
            sections::each(sources, &mut warnings, |section, warnings| reader.section(section, warnings));
        let netdev = match reader.finish(path.clone()) {
            Ok(netdev) => Some(netdev),
            Err(text) => {
                warnings.push(Warning { path, line: 0, text: format!("{text}; no interface is made of it") });
                None
            }
        };
        Read { netdev, warnings }
    }
}

/// A file while it is read.
#[derive(Default)]
struct Reader {
    matching: Match,
    name: Option<String>,
    kind: Option<String>,
    mtu: Option<u32>,
    mac: Option<[u8; 6]>,
    vlan: Vlan,
    has_vlan_id: bool,
    bond: Bond,
    bridge: Bridge,
    vxlan: Vxlan,
    macvlan: Option<u32>,
}

/// `[MACVLAN]` `Mode=` (include/uapi/linux/if_link.h).
const MACVLAN_MODES: [(&str, u32); 5] =
    [("private", 1), ("vepa", 2), ("bridge", 4), ("passthru", 8), ("source", 16)];

impl Reader {
    fn section(&mut self, section: &Section, warnings: &mut Vec<Warning>) {
        match section.name.as_str() {
            "Match" => section.each(warnings, |key, value| match key {
                "Host" | "Virtualization" | "KernelCommandLine" | "KernelVersion" | "Architecture"
                | "Credential" | "Firmware" => self.matching.assign(key, value).map_err(Fault::Value),
                _ => Err(Fault::Key),
            }),
            "NetDev" => section.each(warnings, |key, value| self.netdev(key, value)),
            "VLAN" => section.each(warnings, |key, value| self.vlan(key, value)),
            "Bond" => section.each(warnings, |key, value| bond::assign(&mut self.bond, key, value)),
            "Bridge" => section.each(warnings, |key, value| bridge::assign(&mut self.bridge, key, value)),
            "VXLAN" => section.each(warnings, |key, value| vxlan::assign(&mut self.vxlan, key, value)),
            "MACVLAN" => section.each(warnings, |key, value| match key {
                "Mode" => value::word(value, &MACVLAN_MODES).map(|mode| self.macvlan = Some(mode)),
                _ => Err(Fault::Key),
            }),
            name if name.starts_with("X-") => {}
            name => section.warn(warnings, format!("{}, ignored", super::directive::section_complaint(name))),
        }
    }

    fn netdev(&mut self, key: &str, value: &str) -> Result<(), Fault> {
        match key {
            "Description" => {}
            "Name" => self.name = Some(value::interface(value)?),
            "Kind" => self.kind = Some(value.to_owned()),
            "MTUBytes" => self.mtu = Some(value::bytes(value)?),
            "MACAddress" if value == "none" => self.mac = None,
            "MACAddress" => self.mac = Some(value::mac(value)?),
            _ => return Err(Fault::Key),
        }
        Ok(())
    }

    fn vlan(&mut self, key: &str, value: &str) -> Result<(), Fault> {
        let mut flag = |bit: u32| {
            let is_on = value::boolean(value)?;
            self.vlan.flags.1 |= bit;
            self.vlan.flags.0 = if is_on { self.vlan.flags.0 | bit } else { self.vlan.flags.0 & !bit };
            Ok(())
        };
        match key {
            "Id" => {
                let id: u16 = value::number(value, "a number from 0 to 4094")?;
                if id > 4094 {
                    return Err(Fault::Value("not a number from 0 to 4094".into()));
                }
                (self.vlan.id, self.has_vlan_id) = (id, true);
            }
            "Protocol" => self.vlan.is_service = value::word(value, &[("802.1q", false), ("802.1ad", true)])?,
            "ReorderHeader" => return flag(1),
            "GVRP" => return flag(2),
            "LooseBinding" => return flag(4),
            "MVRP" => return flag(8),
            _ => return Err(Fault::Key),
        }
        Ok(())
    }

    fn finish(self, path: String) -> Result<NetDev, String> {
        let name = self.name.ok_or("[NetDev] has no Name= that counts")?;
        let kind = match self.kind.as_deref() {
            None => return Err("[NetDev] has no Kind=".to_owned()),
            Some("dummy") => Kind::Dummy,
            Some("vlan") if !self.has_vlan_id => return Err("[VLAN] has no Id= that counts".to_owned()),
            Some("vlan") => Kind::Vlan(self.vlan),
            Some("bond") => Kind::Bond(self.bond),
            Some("bridge") => Kind::Bridge(self.bridge),
            Some("vxlan") if self.vxlan.vni.is_none() => {
                return Err("[VXLAN] has no VNI= that counts".to_owned());
            }
            Some("vxlan") => Kind::Vxlan(self.vxlan),
            Some("macvlan") => Kind::Macvlan(self.macvlan.unwrap_or(2)),
            Some(other) => {
                return Err(format!(
                    "Kind={other} is not built (dummy, vlan, bond, bridge, vxlan and macvlan are)"
                ));
            }
        };
        Ok(NetDev { path, matching: self.matching, name, mtu: self.mtu, mac: self.mac, kind })
    }
}

/// An IPv4 address of a list.
fn ipv4(word: &str) -> Result<Ipv4Addr, Fault> {
    value::number(word, "an IPv4 address")
}

/// An address that need not be said.
fn any(value: &str) -> Result<Option<IpAddr>, Fault> {
    if value.is_empty() || value == "any" { Ok(None) } else { value::address(value).map(Some) }
}
