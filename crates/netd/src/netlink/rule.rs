//! Rules of policy routing.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::route::RouteProtocol;
use netlink_packet_route::rule::{
    RuleAction, RuleAttribute, RuleFlags, RuleMessage, RulePortRange, RuleUidRange,
};
use netlink_packet_route::{AddressFamily, IpProtocol, RouteNetlinkMessage};
use network::config::Subnet;
use network::config::network::Rule;
use rustix::io::Errno;

use super::{Kernel, PROTOCOL_STATIC};

/// The main table.
const MAIN: u32 = 254;

impl Kernel {
    /// Adds a rule, for each family that it is for. One that is there already is no error.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn set_rule(&mut self, rule: &Rule) -> io::Result<()> {
        let families = [(rule.families.0, AddressFamily::Inet), (rule.families.1, AddressFamily::Inet6)];
        for (_, family) in families.into_iter().filter(|(is_on, _)| *is_on) {
            let message = RouteNetlinkMessage::NewRule(message(rule, family));
            match self.change(message, NLM_F_CREATE | NLM_F_EXCL) {
                Err(error) if error.raw_os_error() == Some(Errno::EXIST.raw_os_error()) => {}
                other => other?,
            }
        }
        Ok(())
    }
}

fn message(rule: &Rule, family: AddressFamily) -> RuleMessage {
    let mut message = RuleMessage::default();
    let table = rule.table.unwrap_or(MAIN);
    let header = &mut message.header;
    header.family = family;
    header.tos = rule.tos;
    header.action = match rule.action {
        None => RuleAction::ToTable,
        Some(action) => RuleAction::from(action),
    };
    header.table = u8::try_from(table).unwrap_or(0);
    header.flags.set(RuleFlags::Invert, rule.inverted);
    let prefix = |end: Option<Subnet>| end.map_or(0, |end| end.prefix);
    (header.src_len, header.dst_len) = (prefix(rule.from), prefix(rule.to));
    let address =
        |end: Option<Subnet>| -> Option<IpAddr> { end.filter(|end| end.prefix > 0).map(|end| end.address) };
    let ports = |(start, end): (u16, u16)| RulePortRange { start, end };
    let attributes = [
        address(rule.from).map(RuleAttribute::Source),
        address(rule.to).map(RuleAttribute::Destination),
        rule.action.is_none().then_some(RuleAttribute::Table(table)),
        rule.priority.map(RuleAttribute::Priority),
        rule.mark.map(|(mark, _)| RuleAttribute::FwMark(mark)),
        rule.mark.map(|(_, mask)| RuleAttribute::FwMask(mask)),
        rule.incoming.clone().map(RuleAttribute::Iifname),
        rule.outgoing.clone().map(RuleAttribute::Oifname),
        rule.protocol.map(|protocol| RuleAttribute::IpProtocol(IpProtocol::from(protocol))),
        rule.source_port.map(|range| RuleAttribute::SourcePortRange(ports(range))),
        rule.destination_port.map(|range| RuleAttribute::DestinationPortRange(ports(range))),
        rule.users.map(|(start, end)| RuleAttribute::UidRange(RuleUidRange { start, end })),
        rule.suppress_prefix.map(RuleAttribute::SuppressPrefixLen),
        rule.suppress_group.map(RuleAttribute::SuppressIfGroup),
        Some(RuleAttribute::Protocol(RouteProtocol::from(PROTOCOL_STATIC))),
    ];
    message.attributes = attributes.into_iter().flatten().collect();
    message
}
