//! Beside another implementation: what we write it reads, what it writes we read.

use dhcproto::v6::{DhcpOption, DhcpOptions, IAAddr, IANA, Message, MessageType, OptionCode, StatusCode};
use dhcproto::{Decodable, Decoder, Encodable};
use proptest::prelude::*;

use super::*;

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const ADDRESS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

fn us() -> Identity {
    Identity::of(MAC)
}

fn read(request: &Request) -> Message {
    Message::decode(&mut Decoder::new(&request.encode(&us()))).unwrap()
}

#[test]
fn requests_are_read_as_meant() {
    let request = Request {
        kind: RequestKind::Request,
        xid: 0x0012_3456,
        elapsed: 250,
        server: Some(vec![0, 3, 0, 1, 9, 9]),
        addresses: vec![ADDRESS],
        rapid_commit: false,
    };
    let read_back = read(&request);
    assert_eq!((read_back.msg_type(), read_back.xid()), (MessageType::Request, [0x12, 0x34, 0x56]));
    let option = |code| read_back.opts().get(code);
    let duid = [vec![0, 3, 0, 1], MAC.to_vec()].concat();
    assert_eq!(option(OptionCode::ClientId), Some(&DhcpOption::ClientId(duid)));
    assert_eq!(option(OptionCode::ServerId), Some(&DhcpOption::ServerId(vec![0, 3, 0, 1, 9, 9])));
    assert_eq!(option(OptionCode::ElapsedTime), Some(&DhcpOption::ElapsedTime(250)));
    let Some(DhcpOption::IANA(ia)) = option(OptionCode::IANA) else { panic!() };
    assert_eq!(ia.id, 0x0012_3456);
    let Some(DhcpOption::IAAddr(address)) = ia.opts.get(OptionCode::IAAddr) else { panic!() };
    assert_eq!(address.addr, ADDRESS);
    assert!(option(OptionCode::ORO).is_some());

    let ask = read(&Request { kind: RequestKind::Information, server: None, ..request.clone() });
    assert!(ask.opts().get(OptionCode::IANA).is_none(), "settings only");
    let solicit = read(&Request { kind: RequestKind::Solicit, server: None, rapid_commit: true, ..request });
    assert!(solicit.opts().get(OptionCode::RapidCommit).is_some());
}

fn answer(ia_options: Vec<DhcpOption>) -> Message {
    let mut message = Message::new_with_id(MessageType::Reply, [1, 2, 3]);
    let opts: DhcpOptions = ia_options.into_iter().collect();
    message.opts_mut().insert(DhcpOption::ClientId(us().duid));
    message.opts_mut().insert(DhcpOption::ServerId(vec![0, 3, 0, 1, 9, 9]));
    message.opts_mut().insert(DhcpOption::IANA(IANA { id: us().iaid, t1: 100, t2: 160, opts }));
    message
}

fn address(preferred: u32, valid: u32) -> DhcpOption {
    DhcpOption::IAAddr(IAAddr {
        addr: ADDRESS,
        preferred_life: preferred,
        valid_life: valid,
        opts: DhcpOptions::default(),
    })
}

fn decode(message: &Message) -> Option<Reply> {
    Reply::decode(&message.to_vec().unwrap(), &us())
}

#[test]
fn answers_are_read() {
    let mut message = answer(vec![address(300, 400)]);
    message.opts_mut().insert(DhcpOption::DomainNameServers(vec![SERVER, Ipv6Addr::UNSPECIFIED]));
    let reply = decode(&message).unwrap();
    assert_eq!((reply.kind, reply.xid, reply.times), (ReplyKind::Reply, 0x01_0203, (100, 160)));
    assert_eq!(reply.addresses, [LeasedAddress { address: ADDRESS, preferred: 300, valid: 400 }]);
    assert_eq!(reply.dns, [SERVER]);
    assert_eq!(reply.status, Status::Success);

    let raw = |code: u16, value: &[u8]| {
        let mut bytes = answer(vec![]).to_vec().unwrap();
        write(&mut bytes, code, value);
        Reply::decode(&bytes, &us()).unwrap()
    };
    assert_eq!(raw(code::DOMAINS, b"\x07example\x03org\0").domains, ["example.org"]);
    assert_eq!(raw(code::NTP, b"\0\x03\0\x06\x04time\0\0\x01\0\0").ntp, ["time"]);
    assert_eq!(raw(code::SNTP, &SERVER.octets()).ntp, ["2001:db8::1"]);
    assert_eq!(
        (raw(code::SOL_MAX_RT, &[0, 0, 0, 9]).sol_max, raw(code::SOL_MAX_RT, &[0, 0, 1, 0]).sol_max),
        (None, Some(256))
    );
    assert_eq!(raw(code::REFRESH, &[0, 0, 1, 0]).refresh, Some(256));
}

#[test]
fn what_cannot_be_used_is_left_out() {
    // What stands in the association, the addresses that are used, and those that are gone.
    for (options, used, gone) in
        [(vec![address(400, 300)], 0, 0), (vec![address(0, 0)], 0, 1), (vec![address(0, 300)], 1, 0)]
    {
        let reply = decode(&answer(options)).unwrap();
        assert_eq!((reply.addresses.len(), reply.gone.len()), (used, gone));
    }
    let status =
        DhcpOption::StatusCode(StatusCode { status: dhcproto::v6::Status::NoAddrsAvail, msg: String::new() });
    assert_eq!(decode(&answer(vec![status])).unwrap().status, Status::NoAddrsAvail);
    let mut other = answer(vec![]);
    other.opts_mut().insert(DhcpOption::ClientId(vec![0, 3, 0, 1, 1]));
    let only_other = Reply::decode(&other.to_vec().unwrap(), &Identity { duid: vec![0, 9, 9], ..us() });
    assert_eq!(only_other, None, "to somebody else");
    let nobody = Message::new_with_id(MessageType::Reply, [1, 2, 3]);
    assert_eq!(decode(&nobody), None);
    assert_eq!(Reply::decode(&[1, 0, 0, 0], &us()), None, "a client's message");
}

proptest! {
    #[test]
    fn no_message_makes_it_fail(kind in prop::sample::select(vec![2u8, 7]), bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let mut message = vec![kind, 1, 2, 3];
        message.extend(bytes);
        let _ = Reply::decode(&message, &us());
    }

    #[test]
    fn no_cut_message_makes_it_fail(length in 0usize..100) {
        let bytes = answer(vec![address(300, 400)]).to_vec().unwrap();
        let _ = Reply::decode(&bytes[..length.min(bytes.len())], &us());
    }
}
