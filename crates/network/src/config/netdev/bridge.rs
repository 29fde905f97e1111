//! `[Bridge]`.

use crate::config::sections::Fault;
use crate::config::value;

/// A switch. `None` leaves the kernel's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the key of that name")]
pub struct Bridge {
    pub hello_ms: Option<u32>,
    pub max_age_ms: Option<u32>,
    pub forward_delay_ms: Option<u32>,
    pub ageing_ms: Option<u32>,
    pub priority: Option<u16>,
    pub group_forward_mask: Option<u16>,
    pub default_pvid: Option<u16>,
    pub multicast_querier: Option<bool>,
    pub multicast_snooping: Option<bool>,
    pub vlan_filtering: Option<bool>,
    pub is_service: Option<bool>,
    pub stp: Option<bool>,
    pub igmp_version: Option<u8>,
}

pub fn assign(bridge: &mut Bridge, key: &str, text: &str) -> Result<(), Fault> {
    match key {
        "HelloTimeSec" => bridge.hello_ms = Some(value::milliseconds(text)?),
        "MaxAgeSec" => bridge.max_age_ms = Some(value::milliseconds(text)?),
        "ForwardDelaySec" => bridge.forward_delay_ms = Some(value::milliseconds(text)?),
        "AgeingTimeSec" => bridge.ageing_ms = Some(value::milliseconds(text)?),
        "Priority" => bridge.priority = Some(value::number(text, "a number to 65535")?),
        "GroupForwardMask" => bridge.group_forward_mask = Some(value::number(text, "a number to 65535")?),
        "DefaultPVID" if text == "none" => bridge.default_pvid = Some(0),
        "DefaultPVID" => bridge.default_pvid = Some(value::number(text, "none or a number from 1 to 4094")?),
        "MulticastQuerier" => bridge.multicast_querier = Some(value::boolean(text)?),
        "MulticastSnooping" => bridge.multicast_snooping = Some(value::boolean(text)?),
        "VLANFiltering" => bridge.vlan_filtering = Some(value::boolean(text)?),
        "VLANProtocol" => {
            bridge.is_service = Some(value::word(text, &[("802.1q", false), ("802.1ad", true)])?);
        }
        "STP" => bridge.stp = Some(value::boolean(text)?),
        "MulticastIGMPVersion" => bridge.igmp_version = Some(value::word(text, &[("2", 2), ("3", 3)])?),
        _ => return Err(Fault::Key),
    }
    Ok(())
}
