//! Servers of DHCP for both IPs, and a router: what each does is said by the test.

use std::fs::File;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6, UdpSocket};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, Opcode};
use dhcproto::v6;
use dhcproto::{Decodable, Decoder, Encodable};
use rustix::net::sockopt::set_ipv6_multicast_hops;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// What a server of IPv4 does with a request: its type, and what it gives; nothing is said where there is none.
pub type Answer4 = fn(MessageType, &Message) -> Option<(MessageType, Ipv4Addr, Vec<DhcpOption>)>;

/// Runs a thread where the servers are.
fn there(place: PathBuf, work: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        let place = File::open(place).unwrap();
        move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        work();
    });
}

/// A DHCP server at 192.0.2.1; the types of the requests that it gets.
pub fn dhcp4(place: PathBuf, answer: Answer4) -> Receiver<MessageType> {
    let (heard, receiver) = channel();
    let (ready, is_ready) = channel();
    there(place, move || serve4(answer, &heard, &ready));
    is_ready.recv().unwrap();
    receiver
}

fn serve4(answer: Answer4, heard: &Sender<MessageType>, ready: &Sender<()>) {
    let socket = UdpSocket::bind(("0.0.0.0", 67)).unwrap();
    socket.set_broadcast(true).unwrap();
    ready.send(()).unwrap();
    let mut buffer = [0; 1500];
    while let Ok((length, _)) = socket.recv_from(&mut buffer) {
        let request = Message::decode(&mut Decoder::new(&buffer[..length])).unwrap();
        let kind = request.opts().msg_type().unwrap();
        // The test may be over.
        if heard.send(kind).is_err() {
            return;
        }
        let Some((kind, address, options)) = answer(kind, &request) else { continue };
        let mut reply = Message::default();
        reply.set_opcode(Opcode::BootReply).set_xid(request.xid()).set_yiaddr(address);
        reply.set_chaddr(request.chaddr()).set_flags(Flags::default());
        let own = [DhcpOption::MessageType(kind), DhcpOption::ServerIdentifier(Ipv4Addr::new(192, 0, 2, 1))];
        own.into_iter().chain(options).for_each(|option| drop(reply.opts_mut().insert(option)));
        // A link that has just come up may have no route yet.
        while socket.send_to(&reply.to_vec().unwrap(), ("255.255.255.255", 68)).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// A DHCP server for IPv6 that gives one address for a minute; the types of the requests that it gets.
pub fn dhcp6(place: PathBuf, address: Ipv6Addr, index: u32) -> Receiver<v6::MessageType> {
    let (heard, receiver) = channel();
    let (ready, is_ready) = channel();
    there(place, move || serve6(address, index, &heard, &ready));
    is_ready.recv().unwrap();
    receiver
}

fn serve6(address: Ipv6Addr, index: u32, heard: &Sender<v6::MessageType>, ready: &Sender<()>) {
    let socket = UdpSocket::bind("[::]:547").unwrap();
    socket.join_multicast_v6(&Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2), index).unwrap();
    ready.send(()).unwrap();
    let mut buffer = [0; 1500];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let request = v6::Message::decode(&mut Decoder::new(&buffer[..length])).unwrap();
        if heard.send(request.msg_type()).is_err() {
            return;
        }
        let kind = match request.msg_type() {
            v6::MessageType::Solicit => v6::MessageType::Advertise,
            _ => v6::MessageType::Reply,
        };
        let mut reply = v6::Message::new_with_id(kind, request.xid());
        reply.opts_mut().insert(request.opts().get(v6::OptionCode::ClientId).unwrap().clone());
        reply.opts_mut().insert(v6::DhcpOption::ServerId(vec![0, 3, 0, 1, 1, 1, 1, 1, 1, 1]));
        reply.opts_mut().insert(v6::DhcpOption::DomainNameServers(vec!["2001:db8::53".parse().unwrap()]));
        if let Some(v6::DhcpOption::IANA(ia)) = request.opts().get(v6::OptionCode::IANA) {
            let leased = v6::IAAddr {
                addr: address,
                preferred_life: 60,
                valid_life: 60,
                opts: v6::DhcpOptions::default(),
            };
            let opts = std::iter::once(v6::DhcpOption::IAAddr(leased)).collect();
            reply.opts_mut().insert(v6::DhcpOption::IANA(v6::IANA { id: ia.id, t1: 0, t2: 0, opts }));
        }
        socket.send_to(&reply.to_vec().unwrap(), from).unwrap();
    }
}

/// A router that advertises from `srv`, again and again.
pub struct Router(Arc<Mutex<Vec<u8>>>);

impl Router {
    /// Begins.
    pub fn start(place: PathBuf, index: u32) -> Self {
        let message = Arc::new(Mutex::new(Vec::new()));
        let shared = message.clone();
        there(place, move || {
            let kind = SocketFlags::CLOEXEC;
            let socket =
                rustix::net::socket_with(AddressFamily::INET6, SocketType::RAW, kind, Some(ipproto::ICMPV6))
                    .unwrap();
            set_ipv6_multicast_hops(&socket, 255).unwrap();
            let all = SocketAddrV6::new(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1), 0, 0, index);
            loop {
                let message = shared.lock().unwrap().clone();
                if !message.is_empty() {
                    // It cannot before the link's own address may be used.
                    let _ = rustix::net::sendto(&socket, &message, rustix::net::SendFlags::empty(), &all);
                }
                std::thread::sleep(std::time::Duration::from_millis(200));
            }
        });
        Self(message)
    }

    /// What it says from now on: flags, how long it is a router, in seconds, and options.
    pub fn says(&self, flags: u8, lifetime: u16, options: &[&[u8]]) {
        let mut message = vec![134, 0, 0, 0, 64, flags];
        message.extend(lifetime.to_be_bytes());
        message.extend([0; 8]);
        options.iter().for_each(|option| message.extend(*option));
        *self.0.lock().unwrap() = message;
    }
}

/// The option of a prefix, which addresses may be made of where `autonomous`.
pub fn prefix(prefix: Ipv6Addr, autonomous: bool) -> Vec<u8> {
    let mut option = vec![3, 4, 64, if autonomous { 0xc0 } else { 0x80 }];
    option.extend([0, 0, 2, 88, 0, 0, 2, 88, 0, 0, 0, 0]);
    option.extend(prefix.octets());
    option
}

/// The option of a name server.
pub fn rdnss(server: Ipv6Addr) -> Vec<u8> {
    let mut option = vec![25, 3, 0, 0, 0, 0, 2, 88];
    option.extend(server.octets());
    option
}
