//! What a server leases: addresses, and settings.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use super::message::Reply;
use crate::config::network::Dhcp6;

/// Times that are for ever.
const INFINITE: u32 = u32::MAX;
/// A client asks for more time after so many seconds at the soonest: no server can make it run hot.
const SOONEST: u32 = 5;

/// A leased address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasedAddress {
    /// The address.
    pub address: Ipv6Addr,
    /// How long new connections may come from it, in seconds.
    pub preferred: u32,
    /// How long it may be used, in seconds.
    pub valid: u32,
}

/// Addresses, none where only settings were asked for, and settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The server's DUID.
    pub server: Vec<u8>,
    /// Addresses.
    pub addresses: Vec<LeasedAddress>,
    /// Name servers.
    pub dns: Vec<Ipv6Addr>,
    /// Domains in which short names are looked up.
    pub domains: Vec<String>,
    /// Time servers, by address or name.
    pub ntp: Vec<String>,
    /// When the client asks for more time, and when it asks any server, in seconds.
    pub times: (u32, u32),
}

/// A lease and its times on our clock, in milliseconds; `u64::MAX` never comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub(super) lease: Lease,
    since_ms: u64,
    pub(super) renew_ms: u64,
    pub(super) rebind_ms: u64,
    pub(super) expire_ms: u64,
}

impl Lease {
    /// The lease in an answer; `None` where it has no address.
    pub fn of(reply: &Reply) -> Option<Self> {
        (!reply.addresses.is_empty())
            .then(|| Self { addresses: reply.addresses.clone(), ..Self::settings(reply) })
    }

    /// The settings in an answer.
    pub fn settings(reply: &Reply) -> Self {
        Self {
            server: reply.server.clone(),
            addresses: Vec::new(),
            dns: reply.dns.clone(),
            domains: reply.domains.clone(),
            ntp: reply.ntp.clone(),
            times: times(reply),
        }
    }

    /// What of the lease is used, by the configuration.
    pub fn limited(mut self, dhcp: &Dhcp6) -> Self {
        if !dhcp.use_dns {
            self.dns.clear();
        }
        if !dhcp.use_domains {
            self.domains.clear();
        }
        if !dhcp.use_ntp {
            self.ntp.clear();
        }
        self
    }

    /// Its times, counted from when it came.
    pub(super) fn held(self, since_ms: u64) -> Held {
        let after = |seconds: u32| match seconds {
            INFINITE => u64::MAX,
            seconds => since_ms + u64::from(seconds) * 1000,
        };
        let longest = self.addresses.iter().map(|address| address.valid).max().unwrap_or(0);
        Held {
            since_ms,
            renew_ms: after(self.times.0),
            rebind_ms: after(self.times.1),
            expire_ms: after(longest.max(SOONEST)),
            lease: self,
        }
    }
}

impl Held {
    /// The lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The lease, with what is left of its addresses' times; without those whose time is over.
    pub(super) fn rest(&self, now_ms: u64) -> Lease {
        let gone = u32::try_from(now_ms.saturating_sub(self.since_ms) / 1000).unwrap_or(INFINITE);
        let left = |seconds: u32| if seconds == INFINITE { INFINITE } else { seconds.saturating_sub(gone) };
        let addresses = self.lease.addresses.iter().map(|own| LeasedAddress {
            address: own.address,
            preferred: left(own.preferred),
            valid: left(own.valid),
        });
        Lease { addresses: addresses.filter(|own| own.valid > 0).collect(), ..self.lease.clone() }
    }

    /// When it ends, in milliseconds; `None` is never.
    pub fn expire_ms(&self) -> Option<u64> {
        (self.expire_ms != u64::MAX).then_some(self.expire_ms)
    }
}

/// T1 and T2: the server's, and else half and four fifths of the shortest time that an address is preferred
/// (section 21.4).
fn times(reply: &Reply) -> (u32, u32) {
    let shortest = reply.addresses.iter().map(|address| address.preferred).min().unwrap_or(INFINITE);
    let (renew, rebind) = match (reply.times, shortest) {
        ((0, 0), INFINITE) => (INFINITE, INFINITE),
        ((0, 0), shortest) => (shortest / 2, shortest / 5 * 4),
        ((0, rebind), _) => (rebind / 8 * 5, rebind),
        ((renew, 0), _) => (renew, renew.saturating_mul(8) / 5),
        (times, _) => times,
    };
    (renew.max(SOONEST), rebind.max(SOONEST))
}
