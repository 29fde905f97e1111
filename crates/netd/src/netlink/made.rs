//! Links that are made.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    BondAdSelect, BondAllPortActive, BondArpAllTargets, BondArpValidate, BondFailOverMac, BondLacpRate,
    BondMode, BondPrimaryReselect, BondXmitHashPolicy, BridgeStpState, InfoBond, InfoBridge, InfoData,
    InfoKind, InfoMacVlan, InfoVlan, InfoVxlan, LinkAttribute, LinkInfo, LinkMessage, MacVlanMode, VlanFlags,
    VlanProtocol, VxlanDf,
};
use network::config::NetDev;
use network::config::netdev::{Bond, Bridge, Kind, Vlan, Vxlan};

use super::Kernel;

impl Kernel {
    /// Makes a link, on top of another where it is of that kind.
    ///
    /// # Errors
    /// The kernel has no such kind, or refuses what it is to be.
    pub fn make(&mut self, netdev: &NetDev, lower: Option<u32>) -> io::Result<()> {
        let mut message = LinkMessage::default();
        let attributes = &mut message.attributes;
        attributes.push(LinkAttribute::IfName(netdev.name.clone()));
        attributes.extend(netdev.mtu.map(LinkAttribute::Mtu));
        attributes.extend(netdev.mac.map(|mac| LinkAttribute::Address(mac.to_vec())));
        let (kind, data) = match &netdev.kind {
            Kind::Dummy => (InfoKind::Dummy, None),
            Kind::Vlan(it) => (InfoKind::Vlan, Some(InfoData::Vlan(vlan(it)))),
            Kind::Bond(it) => (InfoKind::Bond, Some(InfoData::Bond(bond(it)))),
            Kind::Bridge(it) => (InfoKind::Bridge, Some(InfoData::Bridge(bridge(it)))),
            Kind::Vxlan(it) => (InfoKind::Vxlan, Some(InfoData::Vxlan(vxlan(it, lower)))),
            Kind::Macvlan(mode) => {
                let mode = InfoMacVlan::Mode(MacVlanMode::from(*mode));
                (InfoKind::MacVlan, Some(InfoData::MacVlan(vec![mode])))
            }
        };
        // A VXLAN names its lower link among its own settings.
        if !matches!(netdev.kind, Kind::Vxlan(_)) {
            attributes.extend(lower.map(LinkAttribute::Link));
        }
        let info = [Some(LinkInfo::Kind(kind)), data.map(LinkInfo::Data)];
        attributes.push(LinkAttribute::LinkInfo(info.into_iter().flatten().collect()));
        self.change(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
    }
}

fn protocol(is_service: bool) -> VlanProtocol {
    if is_service { VlanProtocol::Ieee8021Ad } else { VlanProtocol::Ieee8021Q }
}

fn vlan(vlan: &Vlan) -> Vec<InfoVlan> {
    let mut data = vec![InfoVlan::Id(vlan.id), InfoVlan::Protocol(protocol(vlan.is_service))];
    let (flags, mask) = vlan.flags;
    if mask != 0 {
        data.push(InfoVlan::Flags((VlanFlags::from_bits_retain(flags), VlanFlags::from_bits_retain(mask))));
    }
    data
}

fn bond(bond: &Bond) -> Vec<InfoBond> {
    let all = |is_on| if is_on { BondAllPortActive::Delivered } else { BondAllPortActive::Dropped };
    let data = [
        // The mode first: what else there is depends on it.
        Some(InfoBond::Mode(BondMode::from(bond.mode))),
        bond.mii_ms.map(InfoBond::MiiMon),
        bond.up_delay_ms.map(InfoBond::UpDelay),
        bond.down_delay_ms.map(InfoBond::DownDelay),
        bond.arp_interval_ms.map(InfoBond::ArpInterval),
        (!bond.arp_targets.is_empty()).then(|| InfoBond::ArpIpTarget(bond.arp_targets.clone())),
        bond.arp_validate.map(|it| InfoBond::ArpValidate(BondArpValidate::from(it))),
        bond.arp_all_targets.map(|it| InfoBond::ArpAllTargets(BondArpAllTargets::from(it))),
        bond.arp_missed_max.map(InfoBond::MissedMax),
        bond.primary_reselect.map(|it| InfoBond::PrimaryReselect(BondPrimaryReselect::from(it))),
        bond.fail_over_mac.map(|it| InfoBond::FailOverMac(BondFailOverMac::from(it))),
        bond.transmit_hash.map(|it| InfoBond::XmitHashPolicy(BondXmitHashPolicy::from(it))),
        bond.resend_igmp.map(InfoBond::ResendIgmp),
        bond.gratuitous_arp.map(InfoBond::NumPeerNotif),
        bond.all_active.map(|it| InfoBond::AllPortsActive(all(it))),
        bond.min_links.map(InfoBond::MinLinks),
        bond.learn_interval_s.map(InfoBond::LpInterval),
        bond.packets_per_port.map(InfoBond::PacketsPerPort),
        bond.lacp_fast
            .map(|it| InfoBond::AdLacpRate(if it { BondLacpRate::Fast } else { BondLacpRate::Slow })),
        bond.ad_select.map(|it| InfoBond::AdSelect(BondAdSelect::from(it))),
        bond.ad_priority.map(InfoBond::AdActorSysPrio),
        bond.ad_port_key.map(InfoBond::AdUserPortKey),
        bond.ad_system.map(InfoBond::AdActorSystem),
        bond.dynamic_lb.map(InfoBond::TlbDynamicLb),
        bond.peer_notify_ms.map(InfoBond::PeerNotifDelay),
    ];
    data.into_iter().flatten().collect()
}

fn bridge(bridge: &Bridge) -> Vec<InfoBridge> {
    // The kernel counts in hundredths of a second here (USER_HZ).
    let centiseconds = |ms: u32| ms / 10;
    let stp = |is_on| if is_on { BridgeStpState::KernelStp } else { BridgeStpState::Disabled };
    let data = [
        bridge.hello_ms.map(|it| InfoBridge::HelloTime(centiseconds(it))),
        bridge.max_age_ms.map(|it| InfoBridge::MaxAge(centiseconds(it))),
        bridge.forward_delay_ms.map(|it| InfoBridge::ForwardDelay(centiseconds(it))),
        bridge.ageing_ms.map(|it| InfoBridge::AgeingTime(centiseconds(it))),
        bridge.priority.map(InfoBridge::Priority),
        bridge.group_forward_mask.map(InfoBridge::GroupFwdMask),
        bridge.is_service.map(|it| InfoBridge::VlanProtocol(protocol(it))),
        bridge.default_pvid.map(InfoBridge::VlanDefaultPvid),
        bridge.vlan_filtering.map(InfoBridge::VlanFiltering),
        bridge.multicast_querier.map(InfoBridge::MulticastQuerier),
        bridge.multicast_snooping.map(InfoBridge::MulticastSnooping),
        bridge.igmp_version.map(InfoBridge::MulticastIgmpVersion),
        bridge.stp.map(|it| InfoBridge::StpState(stp(it))),
    ];
    data.into_iter().flatten().collect()
}

fn vxlan(vxlan: &Vxlan, lower: Option<u32>) -> Vec<InfoVxlan> {
    let remote = vxlan.remote.map(|remote| match remote {
        IpAddr::V4(remote) => InfoVxlan::Group(remote),
        IpAddr::V6(remote) => InfoVxlan::Group6(remote),
    });
    let local = vxlan.local.map(|local| match local {
        IpAddr::V4(local) => InfoVxlan::Local(local),
        IpAddr::V6(local) => InfoVxlan::Local6(local),
    });
    let ttl = vxlan.ttl.map(|ttl| if ttl == 0 { InfoVxlan::TtlInheritFlag } else { InfoVxlan::Ttl(ttl) });
    let dont_fragment = vxlan.dont_fragment.map(|it| match it {
        0 => VxlanDf::Unset,
        1 => VxlanDf::Set,
        _ => VxlanDf::Inherit,
    });
    let data = [
        vxlan.vni.map(InfoVxlan::Id),
        remote,
        local,
        lower.map(InfoVxlan::Link),
        vxlan.tos.map(InfoVxlan::Tos),
        ttl,
        vxlan.learning.map(InfoVxlan::Learning),
        vxlan.ageing_s.map(InfoVxlan::Ageing),
        vxlan.limit.map(InfoVxlan::Limit),
        vxlan.arp_proxy.map(InfoVxlan::Proxy),
        vxlan.l2_miss.map(InfoVxlan::L2Miss),
        vxlan.l3_miss.map(InfoVxlan::L3Miss),
        vxlan.short_circuit.map(InfoVxlan::Rsc),
        vxlan.checksum.map(InfoVxlan::UDPCsum),
        vxlan.zero_checksum_tx.map(InfoVxlan::UDPZeroCsumTX),
        vxlan.zero_checksum_rx.map(InfoVxlan::UDPZeroCsumRX),
        vxlan.remote_checksum_tx.map(InfoVxlan::RemCsumTX),
        vxlan.remote_checksum_rx.map(InfoVxlan::RemCsumRX),
        vxlan.group_policy.then_some(InfoVxlan::Gbp),
        vxlan.generic_protocol.then_some(InfoVxlan::Gpe),
        vxlan.port.map(InfoVxlan::Port),
        vxlan.port_range.map(InfoVxlan::PortRange),
        vxlan.flow_label.map(InfoVxlan::Label),
        dont_fragment.map(InfoVxlan::Df),
    ];
    data.into_iter().flatten().collect()
}
