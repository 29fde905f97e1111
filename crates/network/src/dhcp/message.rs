//! DHCP messages (RFC 2131, section 2): what a client sends, and what servers answer.

use std::net::Ipv4Addr;

use super::options::{self, Options, code};

/// An Ethernet address.
pub type Mac = [u8; 6];

const BOOTREQUEST: u8 = 1;
const BOOTREPLY: u8 = 2;
const ETHERNET: u8 = 1;
/// Marks the options field.
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Length of the fixed fields, the cookie included.
const FIXED: usize = 240;
/// A BOOTP message is at least this long; some servers and relays drop shorter ones.
const SHORTEST: usize = 300;
/// Longest DHCP message that we take: an Ethernet frame without IP and UDP headers.
const LONGEST: u16 = 1500 - 28;

/// What a client asks servers to send.
const PARAMETERS: [u8; 11] = [
    code::SUBNET_MASK,
    code::CLASSLESS_ROUTES,
    code::ROUTER,
    code::DNS,
    code::HOST_NAME,
    code::DOMAIN_NAME,
    code::DOMAIN_SEARCH,
    code::MTU,
    code::NTP,
    code::RENEWAL,
    code::REBINDING,
];

/// How a client calls itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its Ethernet address.
    pub mac: Mac,
    /// Option 61, with its type.
    pub client_id: Vec<u8>,
    /// Option 12: the machine's name.
    pub hostname: Option<String>,
    /// Option 60.
    pub vendor_class: Option<String>,
    /// Whether answers shall be broadcasts.
    pub broadcast: bool,
}

impl Identity {
    /// A client that is known by its Ethernet address.
    pub fn of(mac: Mac) -> Self {
        let client_id = std::iter::once(ETHERNET).chain(mac).collect();
        Self { mac, client_id, ..Self::default() }
    }

    /// A client that is known by its DUID (RFC 4361, section 6.1).
    pub fn by_duid(mac: Mac) -> Self {
        const DUID: u8 = 255;
        let id = crate::dhcp6::Identity::of(mac);
        let client_id = std::iter::once(DUID).chain(id.iaid.to_be_bytes()).chain(id.duid).collect();
        Self { mac, client_id, ..Self::default() }
    }
}

/// Type of a message that a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// Looks for servers.
    Discover,
    /// Takes an offer, or asks for a lease again.
    Request,
}

/// A message that a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its type.
    pub kind: RequestKind,
    /// Transaction id; answers bear it.
    pub xid: u32,
    /// Seconds since the client began.
    pub seconds: u16,
    /// The client's address where it has one and may use it; unspecified else.
    pub client: Ipv4Addr,
    /// The address that it asks for.
    pub requested: Option<Ipv4Addr>,
    /// The server whose offer it takes.
    pub server: Option<Ipv4Addr>,
}

impl Request {
    /// The message's bytes, as sent by this client.
    pub fn encode(&self, identity: &Identity) -> Vec<u8> {
        let mac = identity.mac;
        let mut m = Vec::with_capacity(SHORTEST);
        m.extend([BOOTREQUEST, ETHERNET, mac.len() as u8, 0]);
        m.extend(self.xid.to_be_bytes());
        m.extend(self.seconds.to_be_bytes());
        // Without the flag answers are unicast to an address not yet ours, which a packet socket hears.
        m.extend([if identity.broadcast { 0x80 } else { 0 }, 0]);
        m.extend(self.client.octets());
        m.extend([0; 12]); // yiaddr, siaddr, giaddr
        m.extend(mac);
        m.resize(FIXED - COOKIE.len(), 0);
        m.extend(COOKIE);
        let kind = match self.kind {
            RequestKind::Discover => 1,
            RequestKind::Request => 3,
        };
        options::write(&mut m, code::MESSAGE_TYPE, &[kind]);
        options::write(&mut m, code::CLIENT_ID, &identity.client_id);
        if let Some(name) = &identity.hostname {
            options::write(&mut m, code::HOST_NAME, name.as_bytes());
        }
        if let Some(class) = &identity.vendor_class {
            options::write(&mut m, code::VENDOR_CLASS, class.as_bytes());
        }
        if let Some(address) = self.requested {
            options::write(&mut m, code::REQUESTED_ADDRESS, &address.octets());
        }
        if let Some(server) = self.server {
            options::write(&mut m, code::SERVER, &server.octets());
        }
        options::write(&mut m, code::MAX_SIZE, &LONGEST.to_be_bytes());
        options::write(&mut m, code::PARAMETERS, &PARAMETERS);
        m.push(code::END);
        m.resize(m.len().max(SHORTEST), 0);
        m
    }
}

/// Type of a server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// An address that may be taken.
    Offer,
    /// The address is leased.
    Ack,
    /// The client may not use the address that it asked for.
    Nak,
}

/// A server's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its type.
    pub kind: ReplyKind,
    /// Transaction id of the message that it answers.
    pub xid: u32,
    /// The address offered or leased.
    pub address: Ipv4Addr,
    /// The server, where it says who it is (all but some BOOTP relics do).
    pub server: Option<Ipv4Addr>,
    /// Options by number.
    pub options: Options,
}

impl Reply {
    /// Reads an answer to the client with this Ethernet address; `None` for anything else.
    pub fn decode(bytes: &[u8], mac: Mac) -> Option<Self> {
        let (fixed, field) = bytes.split_at_checked(FIXED)?;
        let is_ours = fixed[0] == BOOTREPLY
            && fixed[1] == ETHERNET
            && usize::from(fixed[2]) == mac.len()
            && fixed[28..34] == mac
            && fixed[236..] == COOKIE;
        if !is_ours {
            return None;
        }
        let mut options = Options::default();
        options.read(field);
        // The fields for a file's and a server's name may hold options too (RFC 2132, 9.3).
        let overload = options.get(code::OVERLOAD).and_then(<[u8]>::first).copied().unwrap_or(0);
        if overload & 1 != 0 {
            options.read(&fixed[108..236]);
        }
        if overload & 2 != 0 {
            options.read(&fixed[44..108]);
        }
        let kind = match options.array(code::MESSAGE_TYPE)? {
            [2] => ReplyKind::Offer,
            [5] => ReplyKind::Ack,
            [6] => ReplyKind::Nak,
            _ => return None,
        };
        let mut xid = [0; 4];
        xid.copy_from_slice(&fixed[4..8]);
        let mut address = [0; 4];
        address.copy_from_slice(&fixed[16..20]);
        Some(Self {
            kind,
            xid: u32::from_be_bytes(xid),
            address: address.into(),
            server: options.array(code::SERVER).map(Ipv4Addr::from),
            options,
        })
    }

    /// What a server says about its refusal, for the log.
    pub fn text(&self) -> Option<String> {
        let text = self.options.get(code::TEXT)?;
        let text = String::from_utf8_lossy(text);
        Some(text.chars().filter(|c| !c.is_control()).collect())
    }
}

#[cfg(test)]
mod tests;
