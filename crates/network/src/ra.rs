//! What routers say of name servers (RFC 8106). The kernel makes addresses and routes of their advertisements,
//! and hands these options on by rtnetlink (`RTM_NEWNDUSEROPT`, include/uapi/linux/rtnetlink.h).

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use crate::name::uncompressed;

/// Types of options (IANA's registry of IPv6 Neighbor Discovery options).
const RDNSS: u8 = 25;
const DNSSL: u8 = 31;
/// So many servers and domains of one link are kept: a router may say more than anybody can use.
const MOST: usize = 16;
/// A lifetime that means for ever.
const INFINITE: u32 = u32::MAX;

/// What one option says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The link's index.
    pub index: u32,
    /// Name servers.
    pub servers: Vec<Ipv6Addr>,
    /// Domains in which short names are looked up.
    pub domains: Vec<String>,
    /// How long that holds, in seconds; 0 takes it back.
    pub lifetime: u32,
}

impl Advice {
    /// Reads the kernel's message, after its netlink header; `None` where it is another option.
    pub fn decode(message: &[u8]) -> Option<Self> {
        // struct nduseroptmsg: family, pad, length of the options, link, ICMP type and code, pads.
        let (header, options) = message.split_at_checked(16)?;
        let length = usize::from(u16::from_ne_bytes([header[2], header[3]]));
        let index = i32::from_ne_bytes([header[4], header[5], header[6], header[7]]);
        let option = options.get(..length)?;
        Self::option(u32::try_from(index).ok()?, option)
    }

    /// Reads an option of Neighbor Discovery.
    pub fn option(index: u32, option: &[u8]) -> Option<Self> {
        let (head, _) = option.split_at_checked(8)?;
        let body = option.get(8..usize::from(head[1]) * 8)?;
        let lifetime = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let mut advice = Self { index, servers: Vec::new(), domains: Vec::new(), lifetime };
        match head[0] {
            RDNSS => advice.servers = servers(body),
            DNSSL => advice.domains = uncompressed(body),
            _ => return None,
        }
        (!advice.servers.is_empty() || !advice.domains.is_empty()).then_some(advice)
    }
}

fn servers(body: &[u8]) -> Vec<Ipv6Addr> {
    let all = body.chunks_exact(16).filter_map(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(Ipv6Addr::from);
    all.filter(|server| !server.is_unspecified() && !server.is_multicast() && !server.is_loopback()).collect()
}

/// What the routers of a link have said and not taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    servers: Vec<(Ipv6Addr, u64)>,
    domains: Vec<(String, u64)>,
}

impl Known {
    /// Takes note.
    pub fn learn(&mut self, advice: &Advice, now_ms: u64) {
        let until = match advice.lifetime {
            INFINITE => u64::MAX,
            seconds => now_ms + u64::from(seconds) * 1000,
        };
        note(&mut self.servers, &advice.servers, until, now_ms);
        note(&mut self.domains, &advice.domains, until, now_ms);
    }

    /// Forgets what does not hold any more. Whether that was something.
    pub fn expire(&mut self, now_ms: u64) -> bool {
        let before = (self.servers.len(), self.domains.len());
        self.servers.retain(|(_, until)| *until > now_ms);
        self.domains.retain(|(_, until)| *until > now_ms);
        before != (self.servers.len(), self.domains.len())
    }

    /// When [`Known::expire`] is due, in milliseconds; `None` is never.
    pub fn deadline_ms(&self) -> Option<u64> {
        let times =
            self.servers.iter().map(|(_, until)| *until).chain(self.domains.iter().map(|(_, until)| *until));
        times.filter(|until| *until != u64::MAX).min()
    }

    /// The servers.
    pub fn servers(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.servers.iter().map(|(server, _)| *server)
    }

    /// The domains.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.iter().map(|(domain, _)| domain.as_str())
    }
}

fn note<T: Clone + PartialEq>(known: &mut Vec<(T, u64)>, said: &[T], until: u64, now_ms: u64) {
    for item in said {
        if let Some((_, time)) = known.iter_mut().find(|(known, _)| known == item) {
            *time = until;
        } else if known.len() < MOST {
            known.push((item.clone(), until));
        }
    }
    known.retain(|(_, until)| *until > now_ms);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

    fn rdnss(lifetime: u32, servers: &[Ipv6Addr]) -> Vec<u8> {
        let mut option = vec![RDNSS, 1 + 2 * servers.len() as u8, 0, 0];
        option.extend(lifetime.to_be_bytes());
        servers.iter().for_each(|server| option.extend(server.octets()));
        option
    }

    fn message(option: &[u8]) -> Vec<u8> {
        let mut message = vec![10, 0];
        message.extend((option.len() as u16).to_ne_bytes());
        message.extend(7i32.to_ne_bytes());
        message.extend([134, 0, 0, 0, 0, 0, 0, 0]);
        message.extend(option);
        message
    }

    #[test]
    fn options_are_read() {
        let advice = Advice::decode(&message(&rdnss(600, &[SERVER, Ipv6Addr::UNSPECIFIED]))).unwrap();
        assert_eq!((advice.index, advice.lifetime, &advice.servers[..]), (7, 600, &[SERVER][..]));
        let dnssl = b"\x1f\x03\0\0\0\0\x02\x58\x07example\x03org\0\0\0\0";
        assert_eq!(Advice::option(7, dnssl).unwrap().domains, ["example.org"]);
        for (option, what) in [
            (&[][..], "nothing"),
            (b"\x19\x01\0\0\0\0\0\x01", "no server"),
            (b"\x19\x09\0\0\0\0\0\x01", "longer than it is"),
            (b"\x19\0\0\0\0\0\0\x01", "no length"),
            (b"\x05\x01\0\0\0\0\x05\xdc", "an MTU"),
        ] {
            assert_eq!(Advice::option(7, option), None, "{what}");
        }
    }

    #[test]
    fn what_is_known_holds_for_its_time_or_until_it_is_taken_back() {
        let advice = |lifetime| Advice::option(7, &rdnss(lifetime, &[SERVER])).unwrap();
        let mut known = Known::default();
        known.learn(&advice(10), 1000);
        assert_eq!((known.servers().count(), known.deadline_ms()), (1, Some(11_000)));
        known.learn(&advice(INFINITE), 2000);
        assert_eq!((known.servers().count(), known.deadline_ms(), known.expire(1 << 40)), (1, None, false));
        known.learn(&advice(0), 3000);
        assert_eq!(known.servers().count(), 0);
        known.learn(&advice(1), 4000);
        assert!(known.expire(5000));
        for n in 0..100 {
            let server = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n);
            known.learn(&Advice { index: 7, servers: vec![server], domains: vec![], lifetime: 9 }, 6000);
        }
        assert_eq!(known.servers().count(), MOST);
    }

    proptest! {
        #[test]
        fn no_message_makes_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Advice::decode(&bytes);
            let _ = Advice::option(1, &bytes);
        }
    }
}
