//! IPv4 and UDP around a DHCP message, for packet sockets.

use std::net::Ipv4Addr;

/// UDP port of DHCP servers.
pub const SERVER_PORT: u16 = 67;
/// UDP port of DHCP clients.
pub const CLIENT_PORT: u16 = 68;

const IP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
/// UDP's number among IP protocols.
pub const UDP: u8 = 17;
/// Packets that pass through so many routers are lost; a broadcast passes none.
const TTL: u8 = 64;

/// The IPv4 packet that carries `message` from a client to all servers of the link.
pub fn encode(source: Ipv4Addr, message: &[u8]) -> Vec<u8> {
    let udp_length = (UDP_HEADER + message.len()) as u16;
    let destination = Ipv4Addr::BROADCAST;

    let mut ip = [0; IP_HEADER];
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&(IP_HEADER as u16 + udp_length).to_be_bytes());
    ip[8] = TTL;
    ip[9] = UDP;
    ip[12..16].copy_from_slice(&source.octets());
    ip[16..20].copy_from_slice(&destination.octets());
    let sum = checksum(&[&ip]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());

    let mut udp = [0; UDP_HEADER];
    udp[0..2].copy_from_slice(&CLIENT_PORT.to_be_bytes());
    udp[2..4].copy_from_slice(&SERVER_PORT.to_be_bytes());
    udp[4..6].copy_from_slice(&udp_length.to_be_bytes());
    let length = udp_length.to_be_bytes();
    let pseudo = [0, UDP, length[0], length[1]];
    let sum = match checksum(&[&source.octets(), &destination.octets(), &pseudo, &udp, message]) {
        0 => 0xffff, // 0 would say that there is no checksum (RFC 768)
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
    [&ip, &udp[..], message].concat()
}

/// The DHCP message in an IPv4 packet to the clients' port; `None` for any other packet.
///
/// The UDP checksum is not looked at: a packet that a virtual switch of this machine hands over
/// does not have it yet (it is the network card's work). The IP header's is.
pub fn decode(packet: &[u8]) -> Option<&[u8]> {
    let header = usize::from(packet.first()? & 0xf) * 4;
    if packet[0] >> 4 != 4 || header < IP_HEADER {
        return None;
    }
    let total = usize::from(u16_at(packet, 2)?);
    let (ip, rest) = packet.get(..total)?.split_at_checked(header)?;
    let (udp, message) = rest.split_at_checked(UDP_HEADER)?;
    let is_fragment = u16_at(ip, 6)? & 0x3fff != 0;
    if ip[9] != UDP || is_fragment || checksum(&[ip]) != 0 {
        return None;
    }
    if u16_at(udp, 0)? != SERVER_PORT || u16_at(udp, 2)? != CLIENT_PORT {
        return None;
    }
    let length = usize::from(u16_at(udp, 4)?).checked_sub(UDP_HEADER)?;
    message.get(..length)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([pair[0], pair[1]]))
}

/// The Internet checksum (RFC 1071). All parts but the last must be of even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum: u64 = 0;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_header_is_that_of_an_example_packet() {
        // A DHCPDISCOVER of 244 bytes as another client (udhcpc) sends it.
        let packet = encode(Ipv4Addr::UNSPECIFIED, &[0; 244]);
        let header = [
            0x45, 0x00, 0x01, 0x10, 0x00, 0x00, 0x00, 0x00, 0x40, 0x11, 0x79, 0xde, 0, 0, 0, 0, 255, 255,
            255, 255,
        ];
        assert_eq!(packet[..20], header);
        assert_eq!(packet[20..26], [0, 68, 0, 67, 0, 252]);
        assert_eq!(packet.len(), 272);
    }

    /// The answer to a request, made from its packet: the ports swapped.
    fn reply(message: &[u8]) -> Vec<u8> {
        let mut packet = encode(Ipv4Addr::new(10, 0, 2, 2), message);
        packet[20..24].copy_from_slice(&[0, 67, 0, 68]);
        packet
    }

    #[test]
    fn what_is_not_an_answer_is_refused() {
        let good = reply(b"message");
        assert_eq!(decode(&good), Some(&b"message"[..]));
        // The byte to change, its new value, and what that makes of the packet.
        let cases = [
            (0, 0x65, "IPv6"),
            (0, 0x44, "a header too short"),
            (0, 0x4f, "a header longer than the packet"),
            (2, 0xff, "a length beyond the packet"),
            (6, 0x20, "a fragment"),
            (9, 6, "TCP"),
            (12, 11, "a bad header checksum"),
            (21, 68, "from another port"),
            (23, 67, "to another port"),
            (25, 3, "a UDP length too short"),
            (24, 9, "a UDP length beyond the packet"),
        ];
        for (at, value, what) in cases {
            let mut packet = good.clone();
            packet[at] = value;
            if ![0, 2, 12].contains(&at) {
                packet[10..12].copy_from_slice(&[0, 0]);
                let sum = checksum(&[&packet[..20]]);
                packet[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            assert_eq!(decode(&packet), None, "{what}");
        }
    }

    proptest! {
        #[test]
        fn messages_come_back(message in prop::collection::vec(any::<u8>(), 0..600)) {
            let packet = reply(&message);
            prop_assert_eq!(decode(&packet), Some(&message[..]));
        }

        #[test]
        fn no_packet_makes_it_fail(packet in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&packet);
        }

        #[test]
        fn no_cut_packet_makes_it_fail(length in 0usize..300) {
            let packet = reply(&[7; 260]);
            prop_assert_eq!(decode(&packet[..length.min(packet.len() - 1)]), None);
        }
    }
}
