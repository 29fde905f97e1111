//! resolv.conf(5), from what the links say.

use std::fmt::Write;

use network::status::Status;

/// The C library reads so many servers, and the names of so many domains.
const SERVERS: usize = 3;
const DOMAINS: usize = 6;

/// The file's text.
pub fn resolv_conf(status: &Status) -> String {
    let mut text =
        "# Written by berth-netd from its configuration and the leases in use; changes are lost.\n"
            .to_owned();
    for server in status.dns.iter().take(SERVERS) {
        let _ = writeln!(text, "nameserver {server}");
    }
    if !status.domains.is_empty() {
        let domains: Vec<&str> = status.domains.iter().take(DOMAINS).map(String::as_str).collect();
        let _ = writeln!(text, "search {}", domains.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_written_than_is_read() {
        let list = |items: &str| items.split_whitespace().map(str::to_owned).collect();
        for (dns, domains, expected) in [
            ("", "", vec![]),
            ("10.0.0.3", "", vec!["nameserver 10.0.0.3"]),
            (
                "10.0.0.3 fe80::1%eth0 10.0.0.5 10.0.0.6",
                "a b c d e f g",
                vec![
                    "nameserver 10.0.0.3",
                    "nameserver fe80::1%eth0",
                    "nameserver 10.0.0.5",
                    "search a b c d e f",
                ],
            ),
        ] {
            let text = resolv_conf(&Status { dns: list(dns), domains: list(domains), ..Status::default() });
            assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), expected);
        }
    }
}
