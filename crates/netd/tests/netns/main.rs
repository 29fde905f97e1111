//! netd as a whole, in network namespaces, against servers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail as tests do")]

mod changes;
mod harness;
mod servers;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use dhcproto::v4::{DhcpOption, Message, MessageType};
use dhcproto::v6;
use harness::{Machine, inside, ip, wait};

const US: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);
const DHCP: &str = "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\nLinkLocalAddressing=no\n[DHCPv4]\nUseDomains=yes\n";

/// Gives the address to all, for so many seconds.
fn leased(kind: MessageType, seconds: u32) -> Option<(MessageType, Ipv4Addr, Vec<DhcpOption>)> {
    let options = vec![
        DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0)),
        DhcpOption::Router(vec![ROUTER]),
        DhcpOption::DomainNameServer(vec![Ipv4Addr::new(192, 0, 2, 53)]),
        DhcpOption::DomainName("lab.example".into()),
        DhcpOption::NtpServers(vec![Ipv4Addr::new(192, 0, 2, 123)]),
        DhcpOption::Hostname("node7".into()),
        DhcpOption::AddressLeaseTime(seconds),
    ];
    let answer = if kind == MessageType::Discover { MessageType::Offer } else { MessageType::Ack };
    Some((answer, US, options))
}

fn for_an_hour(kind: MessageType, _: &Message) -> Option<(MessageType, Ipv4Addr, Vec<DhcpOption>)> {
    leased(kind, 3600)
}

/// A machine, a link and a server's address on it.
fn machine(file: &str) -> Machine {
    let machine = Machine::new().with("10-eth0.network", file);
    machine.at_servers("address add 192.0.2.1/24 dev srv");
    machine.at_servers("route add 255.255.255.255 dev srv");
    machine
}

/// Readies the servers' place for a router of IPv6; the index of the link there.
fn place_of_router(machine: &Machine) -> u32 {
    let shown = machine.at_servers("-o link show srv");
    // One address, so that all advertisements are of one router.
    machine.at_servers("link set srv addrgenmode none");
    machine.at_servers("link set srv down");
    machine.at_servers("link set srv up");
    machine.at_servers("address add fe80::1/64 dev srv nodad");
    shown.split(':').next().unwrap().trim().parse().unwrap()
}

#[test]
fn a_lease_is_taken_and_the_next_daemon_takes_it_over() {
    if !inside("a_lease_is_taken_and_the_next_daemon_takes_it_over") {
        return;
    }
    let mut machine = machine(DHCP);
    let heard = servers::dhcp4(machine.place(), for_an_hour);
    let start = Instant::now();
    machine.start("");
    assert_eq!(machine.wait_online(10), "");
    println!("online {} ms after the start", start.elapsed().as_millis());
    let status = machine.status();
    assert!(status.online && status.carrier);
    assert_eq!(
        (status.hostname.as_deref(), &status.ntp[..]),
        (Some("node7"), &["192.0.2.123".to_owned()][..])
    );
    assert!(machine.resolv_conf().ends_with("nameserver 192.0.2.53\nsearch lab.example\n"));
    assert!(ip("-4 address show eth0").contains("192.0.2.7/24"));
    assert!(ip("route").contains("default via 192.0.2.1 dev eth0 proto dhcp src 192.0.2.7"));

    machine.stop();
    assert!(ip("-4 address show eth0").contains("192.0.2.7/24"), "nothing is torn down");
    machine.start("");
    assert_eq!(machine.wait_online(10), "");
    wait(|| heard.try_iter().last());
    // The second only asked whether the lease is still good.
    machine.stop();
    machine.start("");
    let kinds = wait(|| heard.try_iter().next());
    assert_eq!(kinds, MessageType::Request);
    assert!(machine.status().online);
}

#[test]
fn a_route_and_an_mtu_that_cannot_be_keep_nothing_else_away() {
    if !inside("a_route_and_an_mtu_that_cannot_be_keep_nothing_else_away") {
        return;
    }
    let mut machine = machine(&format!("{DHCP}UseMTU=yes\n"));
    let _heard = servers::dhcp4(machine.place(), |kind, _| {
        let (answer, address, mut options) = leased(kind, 3600)?;
        let net = |text: &str| text.parse().unwrap();
        options.push(DhcpOption::ClasslessStaticRoute(vec![
            (net("10.9.0.0/16"), Ipv4Addr::LOCALHOST),
            (net("10.8.0.0/16"), Ipv4Addr::new(224, 0, 0, 1)),
            (net("0.0.0.0/0"), ROUTER),
        ]));
        options.push(DhcpOption::InterfaceMtu(576));
        Some((answer, address, options))
    });
    machine.start("");
    assert_eq!(machine.wait_online(10), "");
    let routes = wait(|| Some(ip("route")).filter(|routes| routes.contains("default")));
    assert!(routes.contains("default via 192.0.2.1 dev eth0 proto dhcp"), "{routes}");
    assert!(!routes.contains("10.9.") && !routes.contains("10.8."), "{routes}");
    let link = ip("-4 address show eth0");
    assert!(link.contains("192.0.2.7/24") && link.contains("mtu 1500"), "{link}");
}

#[test]
fn a_lease_is_renewed_and_a_refused_one_given_up() {
    if !inside("a_lease_is_renewed_and_a_refused_one_given_up") {
        return;
    }
    let mut machine = machine(DHCP);
    // The third request is the renewal after five seconds; it is refused.
    static REQUESTS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let heard = servers::dhcp4(machine.place(), |kind, _| {
        let is_request = kind == MessageType::Request;
        let n = REQUESTS.fetch_add(u32::from(is_request), std::sync::atomic::Ordering::Relaxed);
        if is_request && n > 0 {
            Some((MessageType::Nak, Ipv4Addr::UNSPECIFIED, vec![]))
        } else {
            leased(kind, 10)
        }
    });
    machine.start("");
    machine.until("eth0", |link| !link.ipv4.is_empty());
    machine.until("eth0", |link| link.ipv4.is_empty());
    assert!(!ip("-4 address show eth0").contains("192.0.2.7"));
    let mut kinds: Vec<MessageType> = heard.try_iter().collect();
    // A server whose own link is not up yet may have answered into the void, and is asked once more.
    kinds.dedup_by(|next, kind| next == kind && *kind == MessageType::Discover);
    assert_eq!(kinds, [MessageType::Discover, MessageType::Request, MessageType::Request]);
}

#[test]
fn a_carrier_that_goes_and_comes_back() {
    if !inside("a_carrier_that_goes_and_comes_back") {
        return;
    }
    let mut machine = machine(DHCP);
    let heard = servers::dhcp4(machine.place(), for_an_hour);
    machine.start("");
    machine.until("eth0", |link| link.online);
    machine.at_servers("link set srv down");
    machine.until("eth0", |link| !link.carrier && !link.online);
    assert!(ip("-4 address show eth0").contains("192.0.2.7/24"), "the lease is kept");
    heard.try_iter().for_each(drop);
    machine.at_servers("link set srv up");
    machine.at_servers("route add 255.255.255.255 dev srv");
    machine.until("eth0", |link| link.online);
    assert_eq!(wait(|| heard.try_iter().next()), MessageType::Request, "the same lease is asked for");
    // Taken down by the administrator, the kernel removes the routes.
    ip("link set eth0 down");
    machine.until("eth0", |link| !link.carrier);
    ip("link set eth0 up");
    wait(|| ip("route").contains("default via 192.0.2.1").then_some(()));
}

#[test]
fn routers_and_dhcp_for_ipv6_alone_make_a_machine_online() {
    if !inside("routers_and_dhcp_for_ipv6_alone_make_a_machine_online") {
        return;
    }
    let mut machine = Machine::new().with("10-eth0.network", "[Match]\nName=eth0\n[Network]\nDHCP=yes\n");
    let index = place_of_router(&machine);
    machine.start("");
    // A prefix, a name server and no DHCP: addresses are made.
    machine.until("eth0", |link| link.carrier);
    let (prefix, rdnss) = (servers::prefix(PREFIX, true), servers::rdnss("2001:db8::53".parse().unwrap()));
    let router = servers::Router::start(machine.place(), index);
    router.says(0, 600, &[&prefix, &rdnss]);
    let link = machine.until("eth0", |link| link.online);
    assert!(link.ipv6[0].starts_with("2001:db8::") && link.ipv6_route && link.ipv4.is_empty(), "{link:?}");
    assert_eq!(machine.wait_online(10), "");
    wait(|| machine.resolv_conf().contains("nameserver 2001:db8::53").then_some(()));
    // The router goes: the way out does, too.
    router.says(0, 0, &[&prefix]);
    machine.until("eth0", |link| !link.online && !link.ipv6_route);

    // It comes back and says that addresses are to be had by DHCP.
    let heard = servers::dhcp6(machine.place(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x77), index);
    router.says(0x80, 600, &[&prefix]);
    let link = machine.until("eth0", |link| link.ipv6.contains(&"2001:db8::77/128".to_owned()));
    assert!(link.dhcp6.is_some());
    let kinds: Vec<v6::MessageType> = heard.try_iter().collect();
    assert_eq!(kinds, [v6::MessageType::Solicit, v6::MessageType::Request]);
    // The next daemon asks whether the addresses are still good here.
    machine.stop();
    machine.start("");
    assert_eq!(wait(|| heard.try_iter().next()), v6::MessageType::Confirm);
}

#[test]
fn files_make_links_addresses_routes_and_rules() {
    if !inside("files_make_links_addresses_routes_and_rules") {
        return;
    }
    let mut machine = Machine::new()
        .with("10-br0.netdev", "[NetDev]\nName=br0\nKind=bridge\n[Bridge]\nSTP=no\nForwardDelaySec=0\n")
        .with("20-eth0.network", "[Match]\nName=eth0\n[Link]\nMTUBytes=1400\nMACAddress=02:00:00:00:00:77\n[Network]\nBridge=br0\n")
        .with(
            "20-br0.network",
            "[Match]\nName=br0\n[Network]\nAddress=192.0.2.7/24\nAddress=2001:db8::7/64\nGateway=192.0.2.1\nGateway=2001:db8::1\nIPv6AcceptRA=no\n\
             DNS=192.0.2.53\nDomains=lab.example\n[Route]\nDestination=198.51.100.0/24\nGateway=192.0.2.9\nMetric=50\nMTUBytes=1300\n\
             [Route]\nDestination=203.0.113.0/24\nType=blackhole\n[RoutingPolicyRule]\nFrom=192.0.2.7\nTable=100\nPriority=1000\n",
        )
        // What matches everything is not for other programs' links.
        .with("90-all.network", "[Match]\nName=*\n[Network]\nAddress=192.0.2.66/24\n");
    ip("link add veth9 type veth peer name veth8");
    machine.start("");
    assert_eq!(machine.wait_online(10), "");
    let link = machine.until("br0", |link| link.ipv6_route && !link.ipv6.is_empty());
    assert_eq!((link.ipv4, link.gateway.as_deref()), (vec!["192.0.2.7/24".to_owned()], Some("192.0.2.1")));
    let eth0 = ip("link show eth0");
    assert!(
        eth0.contains("mtu 1400") && eth0.contains("master br0") && eth0.contains("02:00:00:00:00:77"),
        "{eth0}"
    );
    let routes = ip("route");
    for route in [
        "default via 192.0.2.1 dev br0 proto static",
        "198.51.100.0/24 via 192.0.2.9 dev br0 proto static metric 50 mtu 1300",
        "blackhole 203.0.113.0/24 proto static",
    ] {
        assert!(routes.contains(route), "{route}: {routes}");
    }
    assert!(ip("-6 route").contains("default via 2001:db8::1 dev br0 proto static"));
    assert!(ip("rule").contains("1000:\tfrom 192.0.2.7 lookup 100 proto static"));
    assert!(!ip("address").contains("192.0.2.66") && ip("link show veth9").contains("DOWN"));

    // What is taken out of a file goes when the daemon reads it again.
    machine = machine
        .with("20-br0.network", "[Match]\nName=br0\n[Network]\nAddress=192.0.2.8/24\nIPv6AcceptRA=no\n");
    machine.start("");
    machine.until("br0", |link| link.ipv4 == ["192.0.2.8/24"]);
    assert!(!ip("address").contains("192.0.2.7/") && !ip("route").contains("198.51.100.0"));
}

#[test]
fn kernel_arguments_hold_where_no_file_does() {
    if !inside("kernel_arguments_hold_where_no_file_does") {
        return;
    }
    let mut machine = Machine::new();
    machine.start("ip=192.0.2.7::192.0.2.1:255.255.255.0:node1:eth0:none nameserver=192.0.2.53");
    assert_eq!(machine.wait_online(10), "");
    assert_eq!(machine.status().hostname.as_deref(), Some("node1"));
    assert!(machine.resolv_conf().contains("nameserver 192.0.2.53"));
    assert!(ip("route").contains("default via 192.0.2.1 dev eth0 proto static"));

    let mut machine = machine
        .with("10-eth0.network", "[Match]\nName=eth0\n[Network]\nAddress=192.0.2.9/24\nIPv6AcceptRA=no\n");
    machine.start("ip=192.0.2.7:::255.255.255.0::eth0:none");
    machine.until("eth0", |link| link.ipv4 == ["192.0.2.9/24"]);
}

#[test]
fn a_machine_without_a_cable_does_not_wait_for_long() {
    if !inside("a_machine_without_a_cable_does_not_wait_for_long") {
        return;
    }
    let mut machine = machine(DHCP);
    machine.at_servers("link set srv down");
    machine.start("");
    let start = Instant::now();
    let said = machine.wait_online(30);
    assert_eq!(said, "<4>no network link has a carrier after 5 s; going on without a network\n");
    assert!(start.elapsed() < Duration::from_secs(20));
    machine.at_servers("link set srv up");
    machine.until("eth0", |link| link.carrier);
    // With a cable and no server the time-out ends it.
    assert_eq!(
        machine.wait_online(1),
        "<4>no address and route within 1 s on eth0; going on without a network\n"
    );
}

#[test]
fn a_link_that_must_be_online_is_waited_for() {
    if !inside("a_link_that_must_be_online_is_waited_for") {
        return;
    }
    let mut machine = machine(DHCP)
        .with("10-eth0.network", &format!("{DHCP}[Link]\nRequiredForOnline=yes\n"))
        .with("20-eth1.network", "[Match]\nName=eth1\n[Network]\nAddress=198.51.100.7/24\nIPv6AcceptRA=no\n");
    ip("link add eth1 type veth peer name other");
    ip("link set other up");
    machine.start("");
    machine.until("eth1", |link| link.online);
    let said = machine.wait_online(1);
    assert_eq!(said, "<4>eth0 must be online, and is not after 1 s; going on without a network\n");
    let _heard = servers::dhcp4(machine.place(), for_an_hour);
    assert_eq!(machine.wait_online(30), "");
}
