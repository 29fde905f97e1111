//! Which network interfaces are ours, and what they are doing.

use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};

use network::dhcp::Mac;

/// A link as the kernel tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    /// Its address, if it is an Ethernet one.
    pub mac: Option<Mac>,
    /// Whether it speaks Ethernet, and is nobody's part (of a bond, a bridge, a failover pair).
    pub is_free_ethernet: bool,
    pub is_loopback: bool,
    /// Whether it was brought up.
    pub is_up: bool,
    /// Whether it can carry packets.
    pub has_carrier: bool,
}

impl Link {
    /// Reads the kernel's message; `None` where it has no name.
    pub fn of(message: &LinkMessage) -> Option<Self> {
        let (mut name, mut mac, mut is_part) = (None, None, false);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(value) => name = Some(value.clone()),
                LinkAttribute::Address(value) => mac = value.as_slice().try_into().ok(),
                LinkAttribute::Controller(index) => is_part |= *index != 0,
                _ => {}
            }
        }
        let header = &message.header;
        // `Port` is the kernel's IFF_SLAVE: Hyper-V marks a card so that another stands for.
        is_part |= header.flags.contains(LinkFlags::Port);
        Some(Self {
            index: header.index,
            name: name?,
            mac,
            is_free_ethernet: header.link_layer_type == LinkLayerType::Ether && !is_part,
            is_loopback: header.flags.contains(LinkFlags::Loopback),
            is_up: header.flags.contains(LinkFlags::Up),
            has_carrier: header.flags.contains(LinkFlags::Up | LinkFlags::LowerUp),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: LinkLayerType, flags: LinkFlags, more: Option<LinkAttribute>) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = 2;
        message.header.link_layer_type = kind;
        message.header.flags = flags;
        message.attributes.push(LinkAttribute::IfName("eth0".to_owned()));
        message.attributes.push(LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]));
        message.attributes.extend(more);
        message
    }

    #[test]
    fn parts_of_other_links_are_not_free() {
        let (up, lower) = (LinkFlags::Up, LinkFlags::LowerUp);
        let ether = LinkLayerType::Ether;
        let cases = [
            (message(ether, up | lower, None), true, true),
            (message(ether, up, None), true, false),
            (message(ether, lower, None), true, false),
            (message(ether, up, Some(LinkAttribute::Controller(7))), false, false),
            (message(ether, up | LinkFlags::Port, None), false, false),
            (message(LinkLayerType::Infiniband, up, None), false, false),
        ];
        for (message, free, carrier) in cases {
            let link = Link::of(&message).unwrap();
            assert_eq!((link.is_free_ethernet, link.has_carrier), (free, carrier), "{message:?}");
            assert_eq!(link.mac, Some([2, 0, 0, 0, 0, 1]));
        }
        assert_eq!(Link::of(&LinkMessage::default()), None);
    }
}
