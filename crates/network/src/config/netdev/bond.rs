//! `[Bond]`.

use std::net::Ipv4Addr;

use super::ipv4;
use crate::config::sections::Fault;
use crate::config::value;

/// Several interfaces as one. Numbers are the kernel's (Documentation/networking/bonding.rst); `None` leaves
/// its default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the key of that name")]
pub struct Bond {
    pub mode: u8,
    pub transmit_hash: Option<u8>,
    pub lacp_fast: Option<bool>,
    pub mii_ms: Option<u32>,
    pub up_delay_ms: Option<u32>,
    pub down_delay_ms: Option<u32>,
    pub learn_interval_s: Option<u32>,
    pub peer_notify_ms: Option<u32>,
    pub ad_select: Option<u8>,
    pub ad_priority: Option<u16>,
    pub ad_port_key: Option<u16>,
    pub ad_system: Option<[u8; 6]>,
    pub fail_over_mac: Option<u8>,
    pub arp_validate: Option<u32>,
    pub arp_interval_ms: Option<u32>,
    pub arp_targets: Vec<Ipv4Addr>,
    pub arp_all_targets: Option<u32>,
    pub arp_missed_max: Option<u8>,
    pub primary_reselect: Option<u8>,
    pub resend_igmp: Option<u32>,
    pub packets_per_port: Option<u32>,
    pub gratuitous_arp: Option<u8>,
    pub all_active: Option<bool>,
    pub dynamic_lb: Option<bool>,
    pub min_links: Option<u32>,
}

/// Names of modes, in the kernel's order.
pub const MODES: [(&str, u8); 7] = [
    ("balance-rr", 0),
    ("active-backup", 1),
    ("balance-xor", 2),
    ("broadcast", 3),
    ("802.3ad", 4),
    ("balance-tlb", 5),
    ("balance-alb", 6),
];

/// Names of `xmit_hash_policy`, in the kernel's order.
pub const HASHES: [(&str, u8); 6] =
    [("layer2", 0), ("layer3+4", 1), ("layer2+3", 2), ("encap2+3", 3), ("encap3+4", 4), ("vlan+srcmac", 5)];

pub fn assign(bond: &mut Bond, key: &str, text: &str) -> Result<(), Fault> {
    match key {
        "Mode" => bond.mode = value::word(text, &MODES)?,
        "TransmitHashPolicy" => bond.transmit_hash = Some(value::word(text, &HASHES)?),
        "LACPTransmitRate" => bond.lacp_fast = Some(value::word(text, &[("slow", false), ("fast", true)])?),
        "MIIMonitorSec" => bond.mii_ms = Some(value::milliseconds(text)?),
        "UpDelaySec" => bond.up_delay_ms = Some(value::milliseconds(text)?),
        "DownDelaySec" => bond.down_delay_ms = Some(value::milliseconds(text)?),
        "PeerNotifyDelaySec" => bond.peer_notify_ms = Some(value::milliseconds(text)?),
        "LearnPacketIntervalSec" => bond.learn_interval_s = Some((value::milliseconds(text)? / 1000).max(1)),
        "AdSelect" => {
            bond.ad_select = Some(value::word(text, &[("stable", 0), ("bandwidth", 1), ("count", 2)])?);
        }
        "AdActorSystemPriority" => bond.ad_priority = Some(value::number(text, "a number from 1 to 65535")?),
        "AdUserPortKey" => bond.ad_port_key = Some(value::number(text, "a number to 1023")?),
        "AdActorSystem" => bond.ad_system = Some(value::mac(text)?),
        "FailOverMACPolicy" => {
            bond.fail_over_mac = Some(value::word(text, &[("none", 0), ("active", 1), ("follow", 2)])?);
        }
        "ARPValidate" => {
            let words = [("none", 0), ("active", 1), ("backup", 2), ("all", 3)];
            bond.arp_validate = Some(value::word(text, &words)?);
        }
        "ARPIntervalSec" => bond.arp_interval_ms = Some(value::milliseconds(text)?),
        "ARPIPTargets" => return value::extend(&mut bond.arp_targets, text, ipv4),
        "ARPAllTargets" => bond.arp_all_targets = Some(value::word(text, &[("any", 0), ("all", 1)])?),
        "ARPMissedMax" => bond.arp_missed_max = Some(value::number(text, "a number from 1 to 255")?),
        "PrimaryReselectPolicy" => {
            let words = [("always", 0), ("better", 1), ("failure", 2)];
            bond.primary_reselect = Some(value::word(text, &words)?);
        }
        "ResendIGMP" => bond.resend_igmp = Some(value::number(text, "a number to 255")?),
        "PacketsPerSlave" => bond.packets_per_port = Some(value::number(text, "a number to 65535")?),
        "GratuitousARP" => bond.gratuitous_arp = Some(value::number(text, "a number to 255")?),
        "AllSlavesActive" => bond.all_active = Some(value::boolean(text)?),
        "DynamicTransmitLoadBalancing" => bond.dynamic_lb = Some(value::boolean(text)?),
        "MinLinks" => bond.min_links = Some(value::number(text, "a number")?),
        _ => return Err(Fault::Key),
    }
    Ok(())
}
