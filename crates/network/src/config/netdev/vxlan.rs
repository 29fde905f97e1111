//! `[VXLAN]`.

use std::net::IpAddr;

use super::any;
use crate::config::sections::Fault;
use crate::config::value;

/// Ethernet over UDP (RFC 7348). `None` leaves the kernel's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the key of that name")]
pub struct Vxlan {
    pub vni: Option<u32>,
    /// Where packets to unknown stations go: `Remote=` or `Group=`.
    pub remote: Option<IpAddr>,
    pub local: Option<IpAddr>,
    pub tos: Option<u8>,
    /// 0 is `inherit`.
    pub ttl: Option<u8>,
    pub learning: Option<bool>,
    pub ageing_s: Option<u32>,
    pub limit: Option<u32>,
    pub arp_proxy: Option<bool>,
    pub l2_miss: Option<bool>,
    pub l3_miss: Option<bool>,
    pub short_circuit: Option<bool>,
    pub checksum: Option<bool>,
    pub zero_checksum_tx: Option<bool>,
    pub zero_checksum_rx: Option<bool>,
    pub remote_checksum_tx: Option<bool>,
    pub remote_checksum_rx: Option<bool>,
    pub group_policy: bool,
    pub generic_protocol: bool,
    pub port: Option<u16>,
    pub port_range: Option<(u16, u16)>,
    pub flow_label: Option<u32>,
    /// The kernel's VXLAN_DF_*: 0 unset, 1 set, 2 as the packet inside.
    pub dont_fragment: Option<u8>,
    pub independent: bool,
}

pub fn assign(vxlan: &mut Vxlan, key: &str, text: &str) -> Result<(), Fault> {
    let boolean = || value::boolean(text).map(Some);
    match key {
        "VNI" | "Id" => match value::number::<u32>(text, "a number from 0 to 16777215")? {
            vni if vni < 1 << 24 => vxlan.vni = Some(vni),
            _ => return Err(Fault::Value("not a number from 0 to 16777215".into())),
        },
        "Remote" => vxlan.remote = any(text)?,
        "Group" => match any(text)? {
            Some(group) if !group.is_multicast() => {
                return Err(Fault::Value("not a multicast address".into()));
            }
            group => vxlan.remote = group,
        },
        "Local" => vxlan.local = any(text)?,
        "TOS" => vxlan.tos = Some(value::number(text, "a number to 255")?),
        "TTL" if text == "inherit" => vxlan.ttl = Some(0),
        "TTL" => vxlan.ttl = Some(value::number(text, "inherit or a number to 255")?),
        "MacLearning" => vxlan.learning = boolean()?,
        "FDBAgeingSec" => vxlan.ageing_s = Some(value::milliseconds(text)? / 1000),
        "MaximumFDBEntries" => vxlan.limit = Some(value::number(text, "a number")?),
        "ReduceARPProxy" | "ARPProxy" => vxlan.arp_proxy = boolean()?,
        "L2MissNotification" => vxlan.l2_miss = boolean()?,
        "L3MissNotification" => vxlan.l3_miss = boolean()?,
        "RouteShortCircuit" => vxlan.short_circuit = boolean()?,
        "UDPChecksum" | "UDPCheckSum" => vxlan.checksum = boolean()?,
        "UDP6ZeroChecksumTx" | "UDP6ZeroCheckSumTx" => vxlan.zero_checksum_tx = boolean()?,
        "UDP6ZeroChecksumRx" | "UDP6ZeroCheckSumRx" => vxlan.zero_checksum_rx = boolean()?,
        "RemoteChecksumTx" => vxlan.remote_checksum_tx = boolean()?,
        "RemoteChecksumRx" => vxlan.remote_checksum_rx = boolean()?,
        "GroupPolicyExtension" => vxlan.group_policy = value::boolean(text)?,
        "GenericProtocolExtension" => vxlan.generic_protocol = value::boolean(text)?,
        "DestinationPort" => vxlan.port = Some(value::number(text, "a port")?),
        "PortRange" => {
            let bad = || Fault::Value("not a range of ports, such as 4000-4100".into());
            let (first, last) = text.split_once('-').ok_or_else(bad)?;
            vxlan.port_range = Some((first.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?));
        }
        "FlowLabel" => vxlan.flow_label = Some(value::number(text, "a number to 1048575")?),
        "IPDoNotFragment" => {
            vxlan.dont_fragment = Some(match (text, value::boolean(text)) {
                ("inherit", _) => 2,
                (_, Ok(is_on)) => u8::from(is_on),
                _ => return Err(Fault::Value("not one of yes, no, inherit".into())),
            });
        }
        "Independent" => vxlan.independent = value::boolean(text)?,
        _ => return Err(Fault::Key),
    }
    Ok(())
}
