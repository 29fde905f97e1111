//! The network, as text.

use std::fmt::Write;

use network::status::{LeaseStatus, LinkStatus, Setup, Status};
use rustix::time::{ClockId, clock_gettime};

use crate::table::{Paint, columns, paint};

/// The words of systemd's networkctl for what a link is good for.
fn operational(link: &LinkStatus) -> &'static str {
    match link {
        LinkStatus { carrier: false, .. } => "no-carrier",
        LinkStatus { master: Some(_), .. } => "enslaved",
        LinkStatus { online: true, .. } => "routable",
        LinkStatus { ipv4, ipv6, .. } if !ipv4.is_empty() || !ipv6.is_empty() => "degraded",
        _ => "carrier",
    }
}

/// A table of links.
pub fn list(links: &[LinkStatus], legend: bool) -> String {
    let head = ["IDX", "LINK", "TYPE", "OPERATIONAL", "SETUP"].map(str::to_owned).to_vec();
    let rows = links.iter().map(|link| {
        let setup = link.setup.word();
        [
            link.index.to_string(),
            link.name.clone(),
            link.kind.clone(),
            operational(link).to_owned(),
            setup.to_owned(),
        ]
        .to_vec()
    });
    let rows: Vec<Vec<String>> = legend.then_some(head).into_iter().chain(rows).collect();
    let mut text = columns(&rows).join("\n");
    if legend {
        let _ = write!(text, "\n\n{} links listed.", links.len());
    }
    text.push('\n');
    text
}

/// The machine's network.
pub fn overview(status: &Status) -> String {
    let state = if status.online { paint("online", Paint::Good) } else { paint("offline", Paint::Bad) };
    let addresses = status.links.iter().flat_map(|link| {
        link.ipv4.iter().chain(&link.ipv6).map(|address| format!("{address} on {}", link.name))
    });
    let gateways =
        status.links.iter().filter_map(|link| Some(format!("{} on {}", link.gateway.as_ref()?, link.name)));
    let fields = [
        ("State", vec![state]),
        ("Address", addresses.collect()),
        ("Gateway", gateways.collect()),
        ("DNS", status.dns.clone()),
        ("Search Domains", status.domains.clone()),
        ("NTP", status.ntp.clone()),
        ("Host Name", status.hostname.iter().cloned().collect()),
    ];
    render(&fields)
}

/// What is known of a link.
pub fn link(link: &LinkStatus) -> String {
    let state = format!("{} ({})", operational(link), link.setup.word());
    let good = match link.setup {
        Setup::Configured => Paint::Good,
        Setup::Failed => Paint::Bad,
        Setup::Configuring => Paint::Busy,
        Setup::Unmanaged => Paint::Dim,
    };
    let required = if link.required { "yes" } else { "no" };
    let is_managed = link.setup != Setup::Unmanaged;
    let mut text = format!("{}: {}\n", link.index, paint(&link.name, good));
    let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
    let fields = [
        ("Network File", one(&link.file)),
        ("State", vec![state]),
        ("Required For Online", if is_managed { vec![required.to_owned()] } else { vec![] }),
        ("Type", vec![link.kind.clone()]),
        ("Hardware Address", one(&link.mac)),
        ("MTU", link.mtu.map(|mtu| mtu.to_string()).into_iter().collect()),
        ("Part Of", one(&link.master)),
        ("Address", link.ipv4.iter().chain(&link.ipv6).cloned().collect()),
        ("Gateway", one(&link.gateway)),
        ("DNS", link.dns.clone()),
        ("Search Domains", link.domains.clone()),
        ("NTP", link.ntp.clone()),
        ("Host Name", one(&link.hostname)),
        ("DHCP4 Server", link.dhcp4.iter().map(lease).collect()),
        ("DHCP6 Server", link.dhcp6.iter().map(lease).collect()),
    ];
    text.push_str(&render(&fields));
    text
}

fn lease(lease: &LeaseStatus) -> String {
    let now = clock_gettime(ClockId::Boottime);
    let now_ms = u64::try_from(now.tv_sec).unwrap_or(0) * 1000;
    match lease.expires_ms {
        Some(expires) => format!("{}, for {} s", lease.server, expires.saturating_sub(now_ms) / 1000),
        None => format!("{}, for ever", lease.server),
    }
}

/// Fields that say something, their names right-aligned.
fn render(fields: &[(&str, Vec<String>)]) -> String {
    let width =
        fields.iter().filter(|(_, values)| !values.is_empty()).map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, values) in fields {
        for (n, value) in values.iter().enumerate() {
            let (name, colon) = if n == 0 { (*name, ':') } else { ("", ' ') };
            let _ = writeln!(text, "{name:>width$}{colon} {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Vec<LinkStatus> {
        let lo = LinkStatus {
            index: 1,
            name: "lo".into(),
            kind: "loopback".into(),
            carrier: true,
            ..LinkStatus::default()
        };
        let eth = LinkStatus {
            index: 2,
            name: "enp1s0".into(),
            kind: "ether".into(),
            file: Some("/usr/lib/systemd/network/zz-default.network".into()),
            setup: Setup::Configured,
            carrier: true,
            online: true,
            mtu: Some(1500),
            ipv4: vec!["192.0.2.7/24".into()],
            ipv6: vec!["2001:db8::7/64".into()],
            gateway: Some("192.0.2.1".into()),
            dns: vec!["192.0.2.2".into()],
            dhcp4: Some(LeaseStatus { server: "192.0.2.1".into(), expires_ms: None }),
            ..LinkStatus::default()
        };
        vec![lo, eth]
    }

    #[test]
    fn links_are_listed_as_systemd_lists_them() {
        let expected = "IDX LINK   TYPE     OPERATIONAL SETUP\n1   lo     loopback carrier     unmanaged\n\
                        2   enp1s0 ether    routable    configured\n\n2 links listed.\n";
        assert_eq!(list(&links(), true), expected);
        assert_eq!(list(&links()[..1], false), "1 lo loopback carrier unmanaged\n");
    }

    #[test]
    fn what_is_known_of_a_link_is_said_and_no_more() {
        let expected = "2: enp1s0\n       Network File: /usr/lib/systemd/network/zz-default.network\n              \
                        State: routable (configured)\nRequired For Online: no\n               Type: ether\n                \
                        MTU: 1500\n            Address: 192.0.2.7/24\n                     2001:db8::7/64\n            \
                        Gateway: 192.0.2.1\n                DNS: 192.0.2.2\n       DHCP4 Server: 192.0.2.1, for ever\n";
        assert_eq!(link(&links()[1]), expected);
        assert_eq!(link(&links()[0]), "1: lo\nState: carrier (unmanaged)\n Type: loopback\n");
    }

    #[test]
    fn the_machines_network_is_that_of_its_links() {
        let status = Status { links: links(), dns: vec!["192.0.2.2".into()], ..Status::default() };
        let expected = "  State: offline\nAddress: 192.0.2.7/24 on enp1s0\n         2001:db8::7/64 on enp1s0\n\
                        Gateway: 192.0.2.1 on enp1s0\n    DNS: 192.0.2.2\n";
        assert_eq!(overview(&status), expected);
    }
}
