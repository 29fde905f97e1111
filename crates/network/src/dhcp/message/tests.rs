//! Beside another implementation: what we write it reads, what it writes we read.

use dhcproto::v4::{DhcpOption, HType, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable};
use proptest::prelude::*;

use super::*;

const MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

fn read(request: &Request) -> Message {
    let bytes = request.encode(&Identity::of(MAC));
    assert!(bytes.len() >= SHORTEST);
    Message::decode(&mut Decoder::new(&bytes)).unwrap()
}

#[test]
fn requests_are_read_as_meant() {
    let request = Request {
        kind: RequestKind::Request,
        xid: 0x1234_5678,
        seconds: 7,
        client: Ipv4Addr::UNSPECIFIED,
        requested: Some(Ipv4Addr::new(10, 0, 2, 15)),
        server: Some(Ipv4Addr::new(10, 0, 2, 2)),
    };
    let read_back = read(&request);
    assert_eq!(read_back.opcode(), Opcode::BootRequest);
    assert_eq!(read_back.htype(), HType::Eth);
    assert_eq!((read_back.xid(), read_back.secs()), (0x1234_5678, 7));
    assert_eq!(read_back.chaddr(), MAC);
    assert_eq!(read_back.ciaddr(), Ipv4Addr::UNSPECIFIED);
    let option = |code| read_back.opts().get(code).unwrap().clone();
    let expected = [
        DhcpOption::MessageType(MessageType::Request),
        DhcpOption::RequestedIpAddress(Ipv4Addr::new(10, 0, 2, 15)),
        DhcpOption::ServerIdentifier(Ipv4Addr::new(10, 0, 2, 2)),
        DhcpOption::MaxMessageSize(1472),
        DhcpOption::ClientIdentifier(vec![1, 0x52, 0x54, 0, 0x12, 0x34, 0x56]),
    ];
    for value in expected {
        assert_eq!(option(OptionCode::from(&value)), value);
    }
    assert_eq!(read_back.opts().len(), 6);

    let renewal = Request {
        kind: RequestKind::Discover,
        client: Ipv4Addr::new(10, 0, 2, 15),
        requested: None,
        server: None,
        ..request
    };
    let read_back = read(&renewal);
    assert_eq!(read_back.ciaddr(), Ipv4Addr::new(10, 0, 2, 15));
    assert!(read_back.opts().has_msg_type(MessageType::Discover));
    assert!(!read_back.opts().contains(OptionCode::RequestedIpAddress));
}

fn answer(kind: MessageType) -> Message {
    let mut message = Message::default();
    message
        .set_opcode(Opcode::BootReply)
        .set_xid(99)
        .set_yiaddr(Ipv4Addr::new(10, 0, 2, 15))
        .set_chaddr(&MAC);
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(kind));
    options.insert(DhcpOption::ServerIdentifier(Ipv4Addr::new(10, 0, 2, 2)));
    options.insert(DhcpOption::AddressLeaseTime(86400));
    options.insert(DhcpOption::Message("no \u{7}room".to_owned()));
    message
}

#[test]
fn answers_of_another_implementation_are_read() {
    let cases = [
        (MessageType::Offer, Some(ReplyKind::Offer)),
        (MessageType::Ack, Some(ReplyKind::Ack)),
        (MessageType::Nak, Some(ReplyKind::Nak)),
        (MessageType::Inform, None),
    ];
    for (kind, expected) in cases {
        let reply = Reply::decode(&answer(kind).to_vec().unwrap(), MAC);
        assert_eq!(reply.as_ref().map(|r| r.kind), expected);
        if let Some(reply) = reply {
            assert_eq!(reply.xid, 99);
            assert_eq!(reply.address, Ipv4Addr::new(10, 0, 2, 15));
            assert_eq!(reply.server, Some(Ipv4Addr::new(10, 0, 2, 2)));
            assert_eq!(reply.options.u32(code::LEASE_TIME), Some(86400));
            assert_eq!(reply.text().as_deref(), Some("no room"));
        }
    }
}

#[test]
fn what_is_for_others_is_ignored() {
    let good = answer(MessageType::Ack).to_vec().unwrap();
    assert!(Reply::decode(&good, MAC).is_some());
    assert_eq!(Reply::decode(&good, [1; 6]), None);
    for (at, value) in [(0, 1), (1, 6), (2, 8), (236, 0)] {
        let mut bytes = good.clone();
        bytes[at] = value;
        assert_eq!(Reply::decode(&bytes, MAC), None, "byte {at}");
    }
}

#[test]
fn options_in_the_name_fields_count_when_the_message_says_so() {
    let mut bytes = answer(MessageType::Ack).to_vec().unwrap();
    bytes[108..114].copy_from_slice(&[26, 2, 5, 0, 255, 0]); // file
    bytes[44..50].copy_from_slice(&[28, 1, 7, 255, 0, 0]); // sname
    let end = bytes.iter().rposition(|b| *b == 255).unwrap();
    for (overload, mtu, other) in [(0, false, false), (1, true, false), (2, false, true), (3, true, true)] {
        let mut bytes = bytes[..end].to_vec();
        bytes.extend([code::OVERLOAD, 1, overload, code::END]);
        let options = Reply::decode(&bytes, MAC).unwrap().options;
        assert_eq!(options.get(code::MTU).is_some(), mtu, "{overload}");
        assert_eq!(options.get(28).is_some(), other, "{overload}");
    }
}

proptest! {
    #[test]
    fn no_message_makes_it_fail(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        cut in 0usize..400,
    ) {
        let mut message = answer(MessageType::Ack).to_vec().unwrap();
        message.truncate(cut);
        message.extend(bytes);
        if let Some(reply) = Reply::decode(&message, MAC) {
            let _ = crate::dhcp::Lease::of(&reply);
        }
    }
}
