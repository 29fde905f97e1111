//! What changes while netd runs, and between one netd and the next.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use dhcproto::v4::{DhcpOption, Message, MessageType};
use dhcproto::v6;

use crate::harness::{Machine, inside, ip, wait};
use crate::{DHCP, PREFIX, US, leased, machine, place_of_router, servers};

/// What the server of IPv6 gives.
const LEASED: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x77);

/// A file of one link with fixed addresses alone.
fn fixed(link: &str, network: &str) -> String {
    format!("[Match]\nName={link}\n[Network]\nIPv6AcceptRA=no\n{network}\n")
}

/// Servers' place with a router of IPv6 that says that addresses are to be had by DHCP, and a server of those.
fn with_ipv6(
    machine: &Machine,
    own: Ipv6Addr,
) -> (servers::Router, std::sync::mpsc::Receiver<v6::MessageType>) {
    let index = place_of_router(machine);
    let heard = servers::dhcp6(machine.place(), own, index);
    let router = servers::Router::start(machine.place(), index);
    router.says(0x80, 600, &[&servers::prefix(PREFIX, true)]);
    (router, heard)
}

#[test]
fn the_hardware_address_that_a_link_has_now_asks_for_its_lease() {
    if !inside("changes::the_hardware_address_that_a_link_has_now_asks_for_its_lease") {
        return;
    }
    static ASKED: Mutex<Vec<(MessageType, Vec<u8>)>> = Mutex::new(Vec::new());
    let mut machine = machine(&format!("{DHCP}[Link]\nMACAddress=02:00:00:00:00:77\n"));
    let _heard = servers::dhcp4(machine.place(), |kind, message: &Message| {
        ASKED.lock().unwrap().push((kind, message.chaddr().to_vec()));
        // What the link had at first is not answered.
        leased(kind, 3600).filter(|_| message.chaddr().starts_with(&[2, 0, 0, 0, 0]))
    });
    machine.start("");
    assert_eq!(machine.wait_online(10), "");
    assert_eq!(ASKED.lock().unwrap().last().unwrap().1, [2, 0, 0, 0, 0, 0x77]);
    // As a bridge has it when it gets its first part.
    ip("link set eth0 address 02:00:00:00:00:78");
    let asked = wait(|| ASKED.lock().unwrap().last().filter(|(_, mac)| mac.ends_with(&[0x78])).cloned());
    assert_eq!(asked.0, MessageType::Request, "for the lease that it has");
    let link = machine.until("eth0", |link| link.mac.as_deref() == Some("02:00:00:00:00:78"));
    assert!(link.online && link.dhcp4.is_some(), "{link:?}");
}

#[test]
fn a_lease_of_ipv6_survives_that_the_link_is_taken_down() {
    if !inside("changes::a_lease_of_ipv6_survives_that_the_link_is_taken_down") {
        return;
    }
    let mut machine = Machine::new().with("10-eth0.network", "[Match]\nName=eth0\n[Network]\nDHCP=ipv6\n");
    let (_router, heard) = with_ipv6(&machine, LEASED);
    machine.start("");
    let is_there = |link: &network::status::LinkStatus| link.ipv6.contains(&format!("{LEASED}/128"));
    machine.until("eth0", is_there);
    ip("link set eth0 down");
    machine.until("eth0", |link| !is_there(link));
    heard.try_iter().for_each(drop);
    ip("link set eth0 up");
    machine.until("eth0", is_there);
    assert_eq!(heard.try_iter().next(), Some(v6::MessageType::Confirm));
}

#[test]
fn an_address_of_ipv6_that_another_machine_has_is_declined() {
    if !inside("changes::an_address_of_ipv6_that_another_machine_has_is_declined") {
        return;
    }
    let mut machine = Machine::new().with("10-eth0.network", "[Match]\nName=eth0\n[Network]\nDHCP=ipv6\n");
    let (_router, heard) = with_ipv6(&machine, LEASED);
    machine.at_servers(&format!("address add {LEASED}/128 dev srv nodad"));
    machine.start("");
    wait(|| heard.try_iter().find(|kind| *kind == v6::MessageType::Decline));
    machine.until("eth0", |link| link.dhcp6.is_none());
    assert!(!ip("address").contains(&LEASED.to_string()));
}

#[test]
fn what_routers_and_servers_gave_goes_where_the_next_file_wants_neither() {
    if !inside("changes::what_routers_and_servers_gave_goes_where_the_next_file_wants_neither") {
        return;
    }
    // First boot has the default alone; then there is a file.
    let mut machine = Machine::new().with("zz-default.network", "[Match]\nName=eth0\n[Network]\nDHCP=yes\n");
    let (_router, _heard) = with_ipv6(&machine, LEASED);
    machine.start("");
    machine.until("eth0", |link| link.ipv6.len() == 2 && link.ipv6_route && link.dhcp6.is_some());
    let mut machine =
        machine.with("10-eth0.network", &fixed("eth0", "Address=2001:db8:1::7/64\nDNS=192.0.2.53"));
    machine.start("");
    let link = machine.until("eth0", |link| link.ipv6 == ["2001:db8:1::7/64"]);
    assert!(!link.ipv6_route && link.dhcp6.is_none() && link.dns == ["192.0.2.53"], "{link:?}");
    assert!(!ip("-6 route").contains("default"));
}

#[test]
fn a_lease_has_its_routes_again_though_no_server_answers() {
    if !inside("changes::a_lease_has_its_routes_again_though_no_server_answers") {
        return;
    }
    static IS_GONE: AtomicBool = AtomicBool::new(false);
    let mut machine = machine(DHCP);
    let _heard =
        servers::dhcp4(machine.place(), |kind, _| leased(kind, 3600).filter(|_| !IS_GONE.load(Relaxed)));
    machine.start("");
    machine.until("eth0", |link| link.online);
    IS_GONE.store(true, Relaxed);
    ip("link set eth0 down");
    machine.until("eth0", |link| !link.carrier);
    assert!(!ip("route").contains("default"));
    ip("link set eth0 up");
    wait(|| ip("route").contains("default via 192.0.2.1 dev eth0 proto dhcp src 192.0.2.7").then_some(()));
}

#[test]
fn an_address_of_a_file_stays_when_a_lease_of_its_subnet_ends() {
    if !inside("changes::an_address_of_a_file_stays_when_a_lease_of_its_subnet_ends") {
        return;
    }
    static IS_REFUSED: AtomicBool = AtomicBool::new(false);
    let mut machine = machine(DHCP);
    let _heard = servers::dhcp4(machine.place(), |kind, _| match IS_REFUSED.load(Relaxed) {
        true if kind == MessageType::Request => Some((MessageType::Nak, Ipv4Addr::UNSPECIFIED, vec![])),
        true => None,
        false => leased(kind, 3600),
    });
    machine.start("");
    machine.until("eth0", |link| link.online);
    machine.stop();
    IS_REFUSED.store(true, Relaxed);
    let file = DHCP.replace("[DHCPv4]", "Address=192.0.2.9/24\n[DHCPv4]");
    let mut machine = machine.with("10-eth0.network", &file);
    machine.start("");
    wait(|| (!ip("address").contains(&US.to_string())).then_some(()));
    assert!(ip("address").contains("192.0.2.9/24"));
}

#[test]
fn of_two_ways_out_that_with_a_carrier_is_taken() {
    if !inside("changes::of_two_ways_out_that_with_a_carrier_is_taken") {
        return;
    }
    let own = "Address=192.0.2.7/24\nAddress=2001:db8:1::7/64\nDNS=192.0.2.53";
    let both = format!("{own}\nGateway=192.0.2.1\nGateway=2001:db8:1::1");
    let other = "Address=198.51.100.7/24\nAddress=2001:db8:2::7/64\nDNS=198.51.100.53\n\
                 Gateway=198.51.100.1\nGateway=2001:db8:2::1";
    let mut machine = Machine::new()
        .with("10-eth0.network", &fixed("eth0", &both))
        .with("20-eth1.network", &fixed("eth1", other));
    ip("link add eth1 type veth peer name other");
    ip("link set other up");
    machine.start("");
    machine.until("eth0", |link| link.ipv6_route && !link.ipv6.is_empty());
    machine.until("eth1", |link| link.ipv6_route && !link.ipv6.is_empty());
    let has = |line: &str, what: &str| ip(line).contains(what);
    let is_so = |is_so: bool| is_so.then_some(());
    assert!(has("route", "via 192.0.2.1 dev eth0") && has("route", "via 198.51.100.1 dev eth1"));
    assert!(has("-6 route", "via 2001:db8:1::1 dev eth0") && has("-6 route", "via 2001:db8:2::1 dev eth1"));

    machine.at_servers("link set srv down");
    wait(|| is_so(has("route get 203.0.113.9", "dev eth1") && has("-6 route get 2001:db8:9::9", "dev eth1")));
    wait(|| is_so(machine.resolv_conf().ends_with("\nnameserver 198.51.100.53\n")));
    assert!(!machine.resolv_conf().contains("192.0.2.53"));
    machine.at_servers("link set srv up");
    wait(|| is_so(machine.resolv_conf().contains("nameserver 192.0.2.53\nnameserver 198.51.100.53\n")));

    // Another router takes the place of the one before, and only of that.
    let mut machine = machine.with("10-eth0.network", &fixed("eth0", &format!("{own}\nGateway=192.0.2.2")));
    machine.start("");
    wait(|| is_so(has("route", "via 192.0.2.2 dev eth0") && !has("route", "via 192.0.2.1 ")));
    wait(|| is_so(!has("-6 route", "via 2001:db8:1::1")));
    assert!(has("route", "via 198.51.100.1 dev eth1") && has("-6 route", "via 2001:db8:2::1 dev eth1"));
}

#[test]
fn a_lease_with_another_router_leaves_no_route_by_the_one_before() {
    if !inside("changes::a_lease_with_another_router_leaves_no_route_by_the_one_before") {
        return;
    }
    static ROUTER: AtomicU8 = AtomicU8::new(1);
    let file = format!("{DHCP}[Route]\nDestination=198.51.100.0/24\nGateway=_dhcp4\n");
    let mut machine = machine(&file);
    let _heard = servers::dhcp4(machine.place(), |kind, _| {
        let (answer, address, mut options) = leased(kind, 3600)?;
        options.push(DhcpOption::Router(vec![Ipv4Addr::new(192, 0, 2, ROUTER.load(Relaxed))]));
        Some((answer, address, options))
    });
    machine.start("");
    wait(|| ip("route").contains("198.51.100.0/24 via 192.0.2.1 dev eth0").then_some(()));
    ROUTER.store(2, Relaxed);
    machine.start("");
    let routes =
        wait(|| Some(ip("route")).filter(|routes| routes.contains("198.51.100.0/24 via 192.0.2.2 ")));
    assert!(routes.contains("default via 192.0.2.2 dev eth0") && !routes.contains("192.0.2.1 "), "{routes}");
}

#[test]
fn more_changes_than_can_be_heard_leave_no_old_state_behind() {
    if !inside("changes::more_changes_than_can_be_heard_leave_no_old_state_behind") {
        return;
    }
    let mut machine = Machine::new().with("10-eth0.network", &fixed("eth0", "Address=192.0.2.7/24"));
    ip("link add veth9 type veth peer name veth8");
    machine.start("");
    machine.until("eth0", |link| link.online);
    machine.while_stopped(|| {
        ip("link set eth0 mtu 1400");
        machine.batch(&"link set veth9 mtu 1300\nlink set veth9 mtu 1500\n".repeat(4000));
        machine.at_servers("link set srv down");
        ip("link set eth0 mtu 1300");
    });
    machine.until("eth0", |link| link.mtu == Some(1300));
    std::thread::sleep(Duration::from_millis(500));
    let link = machine.until("eth0", |_| true);
    assert!(!link.carrier && link.mtu == Some(1300), "{link:?}");
    // And what happens from then on is heard.
    machine.at_servers("link set srv up");
    machine.until("eth0", |link| link.carrier);
}

#[test]
fn what_could_not_be_written_is_written_when_it_can() {
    if !inside("changes::what_could_not_be_written_is_written_when_it_can") {
        return;
    }
    let network = "LinkLocalAddressing=no\nAddress=192.0.2.7/24\nDNS=192.0.2.53";
    let mut machine = Machine::new().with("10-eth0.network", &fixed("eth0", network));
    // As on a full /run: the resolver's file cannot be put there.
    let in_the_way = machine.run_folder().join("resolv.conf");
    fs::create_dir_all(&in_the_way).unwrap();
    machine.start("");
    wait(|| ip("address").contains("192.0.2.7/24").then_some(()));
    std::thread::sleep(Duration::from_secs(1));
    fs::remove_dir(&in_the_way).unwrap();
    // Nothing happens on the network meanwhile.
    machine.until("eth0", |link| link.online);
    assert!(machine.resolv_conf().contains("nameserver 192.0.2.53"));
}
