//! resolv.conf(5), from what the leases say.

use std::fmt::Write;

use network::dhcp::Lease;

/// The C library reads so many servers, and the names of so many domains.
const SERVERS: usize = 3;
const DOMAINS: usize = 6;

/// The file's text. Leases come in order of preference.
pub fn resolv_conf<'a>(leases: impl Iterator<Item = &'a Lease> + Clone) -> String {
    let mut text = "# Written by berth-netd from the leases in use; changes are lost.\n".to_owned();
    let mut servers = Vec::new();
    for server in leases.clone().flat_map(|lease| &lease.dns) {
        if servers.len() < SERVERS && !servers.contains(server) {
            servers.push(*server);
            let _ = writeln!(text, "nameserver {server}");
        }
    }
    let mut domains: Vec<&str> = Vec::new();
    for domain in leases.flat_map(|lease| &lease.domains) {
        if domains.len() < DOMAINS && !domains.contains(&domain.as_str()) {
            domains.push(domain);
        }
    }
    if !domains.is_empty() {
        let _ = writeln!(text, "search {}", domains.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use network::dhcp::lease::Times;

    fn lease(dns: &[u8], domains: &[&str]) -> Lease {
        Lease {
            address: Ipv4Addr::new(10, 0, 0, 9),
            prefix: 24,
            server: None,
            routes: vec![],
            dns: dns.iter().map(|n| Ipv4Addr::new(10, 0, 0, *n)).collect(),
            domains: domains.iter().map(|d| (*d).to_owned()).collect(),
            ntp: vec![],
            mtu: None,
            hostname: None,
            times: Times { renew: None, rebind: None, expire: None },
        }
    }

    #[test]
    fn servers_and_domains_of_all_leases_stand_once_and_in_order() {
        let cases: [(&[Lease], &[&str]); 3] = [
            (&[], &[]),
            (&[lease(&[3], &[])], &["nameserver 10.0.0.3"]),
            (
                &[lease(&[3, 4], &["b.org", "a.org"]), lease(&[4, 5, 6], &["a.org", "c.org"])],
                &[
                    "nameserver 10.0.0.3",
                    "nameserver 10.0.0.4",
                    "nameserver 10.0.0.5",
                    "search b.org a.org c.org",
                ],
            ),
        ];
        for (leases, expected) in cases {
            let text = resolv_conf(leases.iter());
            let lines: Vec<&str> = text.lines().skip(1).collect();
            assert_eq!(lines, *expected);
        }
    }
}
