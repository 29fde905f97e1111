//! Messages (RFC 8415, sections 8 and 21): what a client sends, and what servers answer.

use std::net::Ipv6Addr;

use super::lease::LeasedAddress;
use crate::name::uncompressed;

/// Numbers of options (IANA's registry of DHCPv6 parameters).
mod code {
    pub const CLIENT_ID: u16 = 1;
    pub const SERVER_ID: u16 = 2;
    pub const IA_NA: u16 = 3;
    pub const IA_ADDRESS: u16 = 5;
    pub const REQUEST: u16 = 6;
    pub const PREFERENCE: u16 = 7;
    pub const ELAPSED: u16 = 8;
    pub const STATUS: u16 = 13;
    pub const RAPID_COMMIT: u16 = 14;
    pub const DNS: u16 = 23;
    pub const DOMAINS: u16 = 24;
    pub const SNTP: u16 = 31;
    pub const REFRESH: u16 = 32;
    pub const NTP: u16 = 56;
    pub const SOL_MAX_RT: u16 = 82;
    pub const INF_MAX_RT: u16 = 83;
}

/// Parts of the NTP option (RFC 5908).
const NTP_ADDRESS: u16 = 1;
const NTP_NAME: u16 = 3;
/// A server sends no more of anything than this.
const MOST: usize = 16;
/// A DUID is at most this long (RFC 8415, section 11.1), in bytes.
const LONGEST_DUID: usize = 130;

/// How a client calls itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The machine's DUID.
    pub duid: Vec<u8>,
    /// The number of the interface's addresses.
    pub iaid: u32,
}

impl Identity {
    /// What is made of an Ethernet address (DUID-LL, section 11.4): the same in stage 1, where no machine id
    /// is known, as later.
    pub fn of(mac: [u8; 6]) -> Self {
        let duid = [0, 3, 0, 1].into_iter().chain(mac).collect();
        Self { duid, iaid: u32::from_be_bytes([mac[2], mac[3], mac[4], mac[5]]) }
    }
}

/// Type of a message that a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of RFC 8415, section 7.3")]
pub enum RequestKind {
    Solicit = 1,
    Request = 3,
    Confirm = 4,
    Renew = 5,
    Rebind = 6,
    Decline = 9,
    Information = 11,
}

/// A message that a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its type.
    pub kind: RequestKind,
    /// Transaction id, of 24 bits; answers bear it.
    pub xid: u32,
    /// Time since the exchange began, in hundredths of a second.
    pub elapsed: u16,
    /// The server that it is for.
    pub server: Option<Vec<u8>>,
    /// The addresses that it is about.
    pub addresses: Vec<Ipv6Addr>,
    /// Whether a server may answer a Solicit by a Reply.
    pub rapid_commit: bool,
}

impl Request {
    /// The message's bytes.
    pub fn encode(&self, identity: &Identity) -> Vec<u8> {
        let mut m = vec![self.kind as u8];
        m.extend(&self.xid.to_be_bytes()[1..]);
        write(&mut m, code::CLIENT_ID, &identity.duid);
        if let Some(server) = &self.server {
            write(&mut m, code::SERVER_ID, server);
        }
        write(&mut m, code::ELAPSED, &self.elapsed.to_be_bytes());
        if self.kind != RequestKind::Information {
            // Times of zero: the server chooses.
            let mut ia = identity.iaid.to_be_bytes().to_vec();
            ia.extend([0; 8]);
            for address in &self.addresses {
                let mut field = address.octets().to_vec();
                field.extend([0; 8]);
                write(&mut ia, code::IA_ADDRESS, &field);
            }
            write(&mut m, code::IA_NA, &ia);
        }
        if self.rapid_commit {
            write(&mut m, code::RAPID_COMMIT, &[]);
        }
        if !matches!(self.kind, RequestKind::Confirm | RequestKind::Decline) {
            let mut wanted = vec![code::DNS, code::DOMAINS, code::NTP, code::SNTP];
            wanted.extend(match self.kind {
                RequestKind::Information => [code::REFRESH, code::INF_MAX_RT].as_slice(),
                RequestKind::Solicit => &[code::SOL_MAX_RT],
                _ => &[],
            });
            let wanted: Vec<u8> = wanted.into_iter().flat_map(u16::to_be_bytes).collect();
            write(&mut m, code::REQUEST, &wanted);
        }
        m
    }
}

fn write(message: &mut Vec<u8>, code: u16, value: &[u8]) {
    message.extend(code.to_be_bytes());
    message.extend((value.len() as u16).to_be_bytes());
    message.extend(value);
}

/// Type of a server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// What may be had.
    Advertise,
    /// What is given.
    Reply,
}

/// Status codes (section 21.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of RFC 8415")]
pub enum Status {
    Success,
    UnspecFail,
    NoAddrsAvail,
    NoBinding,
    NotOnLink,
    UseMulticast,
    Other,
}

/// A server's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its type.
    pub kind: ReplyKind,
    /// Transaction id of the message that it answers.
    pub xid: u32,
    /// The server.
    pub server: Vec<u8>,
    /// Servers with more are preferred; 255 is to be taken at once.
    pub preference: u8,
    /// Whether it answers a Solicit by two messages in place of four.
    pub rapid_commit: bool,
    /// The worse of the message's status and that of the addresses.
    pub status: Status,
    /// When to renew, and when to ask any server, in seconds; 0 leaves it to the client.
    pub times: (u32, u32),
    /// Addresses.
    pub addresses: Vec<LeasedAddress>,
    /// Addresses that may not be used any more.
    pub gone: Vec<Ipv6Addr>,
    /// Name servers.
    pub dns: Vec<Ipv6Addr>,
    /// Domains in which short names are looked up.
    pub domains: Vec<String>,
    /// Time servers, by address or name.
    pub ntp: Vec<String>,
    /// When settings are to be asked for again, in seconds.
    pub refresh: Option<u32>,
    /// Longest pause between two Solicits, in seconds.
    pub sol_max: Option<u32>,
    /// Longest pause between two Information-requests, in seconds.
    pub inf_max: Option<u32>,
}

impl Reply {
    /// Reads an answer to this client; `None` for anything else.
    pub fn decode(bytes: &[u8], identity: &Identity) -> Option<Self> {
        let (header, field) = bytes.split_at_checked(4)?;
        let kind = match header[0] {
            2 => ReplyKind::Advertise,
            7 => ReplyKind::Reply,
            _ => return None,
        };
        let mut reply = Self {
            kind,
            xid: u32::from_be_bytes([0, header[1], header[2], header[3]]),
            server: Vec::new(),
            preference: 0,
            rapid_commit: false,
            status: Status::Success,
            times: (0, 0),
            addresses: Vec::new(),
            gone: Vec::new(),
            dns: Vec::new(),
            domains: Vec::new(),
            ntp: Vec::new(),
            refresh: None,
            sol_max: None,
            inf_max: None,
        };
        let mut is_ours = false;
        for (code, value) in options(field) {
            match code {
                code::CLIENT_ID => is_ours = value == identity.duid,
                code::SERVER_ID if (3..=LONGEST_DUID).contains(&value.len()) => reply.server = value.to_vec(),
                code::IA_NA => reply.addresses(value, identity.iaid),
                code::PREFERENCE => reply.preference = value.first().copied().unwrap_or(0),
                code::STATUS => reply.worsen(value),
                code::RAPID_COMMIT => reply.rapid_commit = true,
                code::DNS => reply.dns.extend(hosts(value)),
                code::DOMAINS => reply.domains.extend(uncompressed(value)),
                code::SNTP => reply.ntp.extend(hosts(value).map(|host| host.to_string())),
                code::NTP => reply.ntp.extend(time_servers(value)),
                code::REFRESH => reply.refresh = number(value),
                // Others are to be ignored (sections 21.24 and 21.25).
                code::SOL_MAX_RT => reply.sol_max = number(value).filter(|s| (60..=86400).contains(s)),
                code::INF_MAX_RT => reply.inf_max = number(value).filter(|s| (60..=86400).contains(s)),
                _ => {}
            }
        }
        reply.dns.truncate(MOST);
        reply.domains.truncate(MOST);
        reply.ntp.dedup();
        reply.ntp.truncate(MOST);
        (is_ours && !reply.server.is_empty()).then_some(reply)
    }

    /// An identity association: its id, two times, and options.
    fn addresses(&mut self, value: &[u8], iaid: u32) {
        let Some((head, field)) = value.split_at_checked(12) else { return };
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let times = (word(4), word(8));
        // One whose times are not in order is to be ignored (section 21.4).
        if word(0) != iaid || (times.0 > times.1 && times.1 > 0) {
            return;
        }
        self.times = times;
        for (code, value) in options(field) {
            match code {
                code::STATUS => self.worsen(value),
                code::IA_ADDRESS => {
                    let Some((address, times)) = value.split_at_checked(16) else { continue };
                    let (Ok(address), Some(preferred), Some(valid)) =
                        (<[u8; 16]>::try_from(address), number(times), times.get(4..).and_then(number))
                    else {
                        continue;
                    };
                    let address = Ipv6Addr::from(address);
                    let is_host =
                        !address.is_multicast() && !address.is_unspecified() && !address.is_loopback();
                    // The same rule for its own times (section 21.6).
                    if !is_host || preferred > valid || self.addresses.len() >= MOST {
                        continue;
                    }
                    match valid {
                        0 => self.gone.push(address),
                        _ => self.addresses.push(LeasedAddress { address, preferred, valid }),
                    }
                }
                _ => {}
            }
        }
        self.gone.truncate(MOST);
    }

    fn worsen(&mut self, value: &[u8]) {
        let status = match value {
            [0, 0, ..] => return,
            [0, 1, ..] => Status::UnspecFail,
            [0, 2, ..] => Status::NoAddrsAvail,
            [0, 3, ..] => Status::NoBinding,
            [0, 4, ..] => Status::NotOnLink,
            [0, 5, ..] => Status::UseMulticast,
            _ => Status::Other,
        };
        self.status = status;
    }
}

/// Options up to the first that is cut off.
fn options(mut field: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = field.split_at_checked(4)?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let (value, rest) = rest.split_at_checked(length)?;
        field = rest;
        Some((u16::from_be_bytes([head[0], head[1]]), value))
    })
}

fn number(value: &[u8]) -> Option<u32> {
    value.get(..4)?.try_into().ok().map(u32::from_be_bytes)
}

fn hosts(value: &[u8]) -> impl Iterator<Item = Ipv6Addr> {
    let all = value.chunks_exact(16).filter_map(|bytes| <[u8; 16]>::try_from(bytes).ok());
    all.map(Ipv6Addr::from).filter(|a| !a.is_unspecified() && !a.is_multicast() && !a.is_loopback())
}

fn time_servers(value: &[u8]) -> Vec<String> {
    options(value)
        .flat_map(|(code, value)| match code {
            NTP_ADDRESS => hosts(value).map(|host| host.to_string()).collect(),
            NTP_NAME => uncompressed(value),
            _ => Vec::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
