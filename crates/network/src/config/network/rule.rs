//! `[RoutingPolicyRule]`.

use super::address::is_same_family;
use crate::config::sections::{Fault, Section, Warning};
use crate::config::value::{self, Subnet};

/// Which packets look at which routing table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Packets from here.
    pub from: Option<Subnet>,
    /// Packets to there.
    pub to: Option<Subnet>,
    /// Number of the routing table; `None` is the main one.
    pub table: Option<u32>,
    /// Rules with lower numbers come first.
    pub priority: Option<u32>,
    /// Packets with this mark, and the bits of it that count.
    pub mark: Option<(u32, u32)>,
    /// Packets that come in here.
    pub incoming: Option<String>,
    /// Packets that go out there.
    pub outgoing: Option<String>,
    /// Packets of this protocol.
    pub protocol: Option<u8>,
    /// Packets from these ports.
    pub source_port: Option<(u16, u16)>,
    /// Packets to these ports.
    pub destination_port: Option<(u16, u16)>,
    /// Packets of these users.
    pub users: Option<(u32, u32)>,
    /// Packets with this type of service.
    pub tos: u8,
    /// All other packets.
    pub inverted: bool,
    /// Routes with shorter prefixes than this plus one do not count.
    pub suppress_prefix: Option<u32>,
    /// Routes of interfaces of this group do not count.
    pub suppress_group: Option<u32>,
    /// What becomes of the packets, where not a table is looked at: the kernel's number (FR_ACT_*).
    pub action: Option<u8>,
    /// Whether it is there for IPv4, and for IPv6.
    pub families: (bool, bool),
}

pub fn read(section: &Section, warnings: &mut Vec<Warning>, list: &mut Vec<Rule>) {
    let mut rule = Rule::default();
    let mut said = None;
    section.each(warnings, |key, value| match key {
        "Family" => {
            let words = [("ipv4", (true, false)), ("ipv6", (false, true)), ("both", (true, true))];
            said = Some(value::word(value, &words)?);
            Ok(())
        }
        _ => assign(&mut rule, key, value),
    });
    let mut ends = [rule.from, rule.to].into_iter().flatten();
    let first = ends.next();
    if first.is_some_and(|first| !ends.all(|other| is_same_family(first.address, other.address))) {
        return section.warn(warnings, "From= and To= are of two families; the section is ignored");
    }
    let own = first.map(|end| (end.address.is_ipv4(), end.address.is_ipv6()));
    rule.families = own.or(said).unwrap_or((true, false));
    list.push(rule);
}

fn assign(rule: &mut Rule, key: &str, value: &str) -> Result<(), Fault> {
    match key {
        "From" => rule.from = Some(value::subnet(value)?.network()),
        "To" => rule.to = Some(value::subnet(value)?.network()),
        "Table" => rule.table = Some(value::table(value)?),
        "Priority" => rule.priority = Some(value::number(value, "a number")?),
        "FirewallMark" => {
            let (mark, mask) = value.split_once('/').unwrap_or((value, "0xffffffff"));
            rule.mark = Some((hexadecimal(mark)?, hexadecimal(mask)?));
        }
        "IncomingInterface" => rule.incoming = Some(value::interface(value)?),
        "OutgoingInterface" => rule.outgoing = Some(value::interface(value)?),
        "IPProtocol" => {
            rule.protocol = Some(match value {
                "icmp" => 1,
                "tcp" => 6,
                "udp" => 17,
                "ipv6-icmp" => 58,
                "sctp" => 132,
                _ => value::number(value, "one of icmp, tcp, udp, ipv6-icmp, sctp, or a number to 255")?,
            });
        }
        "SourcePort" => rule.source_port = Some(range(value)?),
        "DestinationPort" => rule.destination_port = Some(range(value)?),
        "User" => rule.users = Some(range(value)?),
        "TypeOfService" => rule.tos = value::number(value, "a number to 255")?,
        "InvertRule" => rule.inverted = value::boolean(value)?,
        "SuppressPrefixLength" => rule.suppress_prefix = Some(value::number(value, "a length in bits")?),
        "SuppressInterfaceGroup" => rule.suppress_group = Some(value::number(value, "a number")?),
        "Type" => {
            let words =
                [("table", None), ("blackhole", Some(6)), ("unreachable", Some(7)), ("prohibit", Some(8))];
            rule.action = value::word(value, &words)?;
        }
        _ => return Err(Fault::Key),
    }
    Ok(())
}

fn hexadecimal(text: &str) -> Result<u32, Fault> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    number.ok_or_else(|| Fault::Value("not a number of 32 bits".into()))
}

fn range<T: std::str::FromStr + Copy + PartialOrd>(value: &str) -> Result<(T, T), Fault> {
    let (first, last) = value.split_once('-').unwrap_or((value, value));
    let (first, last) = (
        value::number(first, "a number or a range of them")?,
        value::number(last, "a number or a range of them")?,
    );
    if first > last {
        return Err(Fault::Value("a range whose end is before its start".into()));
    }
    Ok((first, last))
}
