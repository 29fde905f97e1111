//! Files and arguments, and what becomes of them.

use std::net::IpAddr;

use proptest::prelude::*;

use super::kargs::Arguments;
use super::netdev::Kind;
use super::network::{Activation, Family, Gateway, Network, Required, RouteKind, StartDhcp6, WithoutRouter};
use super::sections::Source;
use super::{NetDev, Subnet, table};

fn read(text: &str) -> Network {
    let read = Network::read(&[Source { path: "/x.network", text }]);
    assert_eq!(read.warnings, [], "{text}");
    read.network.unwrap()
}

fn warnings(text: &str) -> Vec<String> {
    let read = Network::read(&[Source { path: "/x.network", text }]);
    read.warnings.iter().map(ToString::to_string).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn subnet(text: &str) -> Subnet {
    Subnet::parse(text).unwrap()
}

#[test]
fn a_file_of_the_kind_that_configs_carry() {
    let network = read(
        "[Match]\nName=eth0 en*\nMACAddress=52:54:00:00:00:01\n\n[Link]\nMTUBytes=9000\nRequiredForOnline=no\n\
         [Network]\nDHCP=ipv4\nAddress=192.0.2.7/24\nAddress=2001:db8::7/64\nGateway=192.0.2.1\nDNS=192.0.2.2 2001:db8::2\n\
         Domains=example.org lab.example.org.\nNTP=time.example.org\nVLAN=vlan5\nIPForward=ipv4\n\
         [Address]\nAddress=192.0.2.8/24\nLabel=eth0:1\nPreferredLifetime=0\n[Address]\nAddress=10.0.0.1/32\nPeer=10.0.0.2/32\n\
         [Route]\nDestination=198.51.100.9/24\nGateway=192.0.2.9\nMetric=5\nTable=100\n[Route]\nDestination=203.0.113.0/24\nType=blackhole\n\
         [RoutingPolicyRule]\nFrom=192.0.2.0/24\nTable=100\nPriority=50\nFirewallMark=0x10/0xff\nSourcePort=80-90\n\
         [DHCPv4]\nUseDNS=no\nRouteMetric=77\nClientIdentifier=duid\nHostname=node1\n\
         [IPv6AcceptRA]\nDHCPv6Client=always\nUseDNS=no\n[DHCPv6]\nWithoutRA=solicit\n[X-Mine]\na=b\n",
    );
    assert_eq!(network.matching.names, ["eth0", "en*"]);
    assert_eq!((network.link.mtu, network.link.required), (Some(9000), Required::No));
    let dhcp = network.dhcp4.as_ref().unwrap();
    assert!(!dhcp.use_dns && dhcp.use_routes && dhcp.duid);
    assert_eq!((dhcp.metric, dhcp.hostname.as_deref()), (Some(77), Some("node1")));
    let addresses: Vec<String> = network.addresses.iter().map(|a| a.subnet.to_string()).collect();
    assert_eq!(addresses, ["192.0.2.7/24", "2001:db8::7/64", "192.0.2.8/24", "10.0.0.1/32"]);
    assert_eq!(
        (network.addresses[2].label.as_deref(), network.addresses[2].preferred),
        (Some("eth0:1"), false)
    );
    assert_eq!(network.addresses[3].peer, Some(subnet("10.0.0.2/32")));
    assert!(network.routes[0].is_default());
    assert_eq!(network.routes[0].gateway, Some(Gateway::Address(ip("192.0.2.1"))));
    assert_eq!(
        network.routes[1].destination,
        Some(subnet("198.51.100.0/24")),
        "its host's part does not count"
    );
    assert_eq!((network.routes[1].metric, network.routes[1].table), (Some(5), Some(100)));
    assert_eq!(network.routes[2].kind, RouteKind::Blackhole);
    let rule = &network.rules[0];
    assert_eq!(
        (rule.mark, rule.source_port, rule.families),
        (Some((16, 255)), Some((80, 90)), (true, false))
    );
    assert_eq!(network.dns, [ip("192.0.2.2"), ip("2001:db8::2")]);
    assert_eq!((network.domains.len(), network.domains[1].as_str()), (2, "lab.example.org"));
    assert_eq!((&network.ntp[0][..], &network.stacked[0][..]), ("time.example.org", "vlan5"));
    assert_eq!(network.forwarding, ["ipv4"]);
    assert_eq!(network.ra.as_ref().unwrap().dhcp6, StartDhcp6::Always);
    assert_eq!(network.dhcp6.without_router, WithoutRouter::Solicit);
}

#[test]
fn what_runs_on_an_interface() {
    // What stands in [Network], whether DHCP for IPv4 runs, whether routers are listened to.
    for (text, dhcp4, ra) in [
        ("", false, true),
        ("DHCP=yes", true, true),
        ("DHCP=ipv6", false, true),
        ("DHCP=both", true, true),
        ("DHCP=no\nIPv6AcceptRA=no", false, false),
        ("LinkLocalAddressing=no", false, false),
        ("LinkLocalAddressing=no\nIPv6AcceptRA=yes", false, true),
    ] {
        let network = read(&format!("[Match]\nName=a\n[Network]\n{text}"));
        assert_eq!((network.dhcp4.is_some(), network.ra.is_some()), (dhcp4, ra), "{text}");
    }
}

#[test]
fn keys_of_link() {
    let link = |text: &str| read(&format!("[Match]\nName=a\n[Link]\n{text}")).link;
    assert!(link("Unmanaged=yes").unmanaged);
    assert_eq!(link("ActivationPolicy=always-up").activation, Activation::AlwaysUp);
    assert_eq!(link("RequiredForOnline=routable").required, Required::Yes);
    assert_eq!(link("").required, Required::OneOf);
    assert_eq!(link("RequiredFamilyForOnline=both").required_family, Some(Family::Both));
    assert_eq!(link("MACAddress=02-00-00-00-00-01").mac, Some([2, 0, 0, 0, 0, 1]));
}

#[test]
fn drop_ins_change_and_add() {
    let main = Source {
        path: "/a.network",
        text: "[Match]\nName=a\n[Network]\nDHCP=yes\nDNS=192.0.2.1\nDNS=192.0.2.2",
    };
    let more = Source {
        path: "/a.network.d/x.conf",
        text: "[Network]\nDHCP=no\nDNS=\nDNS=192.0.2.3\n[Address]\nAddress=192.0.2.9/24",
    };
    let network = Network::read(&[main, more]).network.unwrap();
    assert!(network.dhcp4.is_none());
    assert_eq!(network.dns, [ip("192.0.2.3")]);
    assert_eq!(network.addresses.len(), 1);
    assert_eq!(network.path, "/a.network");
}

#[test]
fn what_is_not_followed_is_named_with_its_place() {
    // A file after its [Match], and what is said of it.
    for (text, expected) in [
        (
            "[Network]\nDHPC=yes",
            vec!["/x.network:4: unknown key DHPC= in [Network]; is DHCP= meant?, ignored"],
        ),
        ("[Network]\nLLDP=yes", vec!["/x.network:4: LLDP= is not built, ignored"]),
        (
            "[Netwrok]\nDHCP=yes",
            vec!["/x.network:3: unknown section [Netwrok]; is [Network] meant?, ignored"],
        ),
        ("[DHCPServer]\nPoolSize=9", vec!["/x.network:3: section [DHCPServer] is not built, ignored"]),
        (
            "[Network]\nAddress=192.0.2.300/24",
            vec![
                "/x.network:4: Address=192.0.2.300/24: not an address with a prefix, such as 192.0.2.7/24, ignored",
            ],
        ),
        (
            "[Address]\nLabel=x",
            vec!["/x.network:3: [Address] has no Address= that counts; the section is ignored"],
        ),
        (
            "[Route]\nGateway=192.0.2.1\nDestination=2001:db8::/32",
            vec!["/x.network:3: [Route] mixes IPv4 and IPv6; the section is ignored"],
        ),
        (
            "[Network]\nDNS=192.0.2.1:53 192.0.2.2",
            vec![
                "/x.network:4: DNS=192.0.2.1:53 192.0.2.2: 192.0.2.1:53 is no plain address (a port, an interface or a name with it is not built), ignored",
            ],
        ),
        ("[DHCPv4]\nUseTimezone=yes", vec!["/x.network:4: UseTimezone=yes: not built, ignored"]),
        ("[DHCPv4]\nUseTimezone=no", vec![]),
        (
            "[Match\nName=b",
            vec![
                "/x.network:3: section \"[Match\" has no closing bracket; what is below it is left out",
                "/x.network:4: \"Name\" stands outside any section, ignored",
            ],
        ),
        ("DHCP", vec!["/x.network:3: \"DHCP\" is neither a section nor an assignment, ignored"]),
    ] {
        assert_eq!(warnings(&format!("[Match]\nName=a\n{text}")), expected, "{text}");
    }
    let read = Network::read(&[Source { path: "/x.network", text: "[Network]\nDHCP=yes" }]);
    assert_eq!(read.network, None);
    assert_eq!(
        read.warnings[0].to_string(),
        "/x.network: it has no [Match] and is for no interface; say Name=*"
    );
}

#[test]
fn other_programs_interfaces_are_matched_only_by_those_who_say_so() {
    for (text, expected) in [
        ("Name=*", false),
        ("Name=!eth0", false),
        ("Type=ether", false),
        ("Kind=!*", false),
        ("Name=veth*", true),
        ("Kind=veth", true),
    ] {
        assert_eq!(read(&format!("[Match]\n{text}")).names_virtual(), expected, "{text}");
    }
}

#[test]
fn interfaces_that_are_made() {
    let netdev = |text: &str| NetDev::read(&[Source { path: "/x.netdev", text }]);
    // A file, what is made, and whether on top of another interface.
    for (text, kind, stacked) in [
        ("[NetDev]\nName=d\nKind=dummy", "dummy", false),
        ("[NetDev]\nName=v\nKind=vlan\n[VLAN]\nId=5\nProtocol=802.1ad\nGVRP=yes", "vlan", true),
        (
            "[NetDev]\nName=b\nKind=bond\nMTUBytes=9K\n[Bond]\nMode=802.3ad\nMIIMonitorSec=100ms\nTransmitHashPolicy=layer3+4\nLACPTransmitRate=fast",
            "bond",
            false,
        ),
        (
            "[NetDev]\nName=br\nKind=bridge\n[Bridge]\nSTP=no\nForwardDelaySec=2\nDefaultPVID=none",
            "bridge",
            false,
        ),
        (
            "[NetDev]\nName=x\nKind=vxlan\n[VXLAN]\nVNI=7\nRemote=192.0.2.1\nDestinationPort=4789\nIndependent=yes",
            "vxlan",
            false,
        ),
        ("[NetDev]\nName=x\nKind=vxlan\n[VXLAN]\nVNI=7\nGroup=239.0.0.1", "vxlan", true),
        ("[NetDev]\nName=m\nKind=macvlan\n[MACVLAN]\nMode=bridge", "macvlan", true),
    ] {
        let read = netdev(text);
        assert_eq!(read.warnings, [], "{text}");
        let made = read.netdev.unwrap();
        assert_eq!((made.kind.name(), made.kind.is_stacked()), (kind, stacked), "{text}");
    }
    for (text, expected) in [
        (
            "[NetDev]\nName=v\nKind=vlan\n[VLAN]\nId=4095",
            "/x.netdev: [VLAN] has no Id= that counts; no interface is made of it",
        ),
        (
            "[NetDev]\nName=v\nKind=wireguard",
            "/x.netdev: Kind=wireguard is not built (dummy, vlan, bond, bridge, vxlan and macvlan are); no interface is made of it",
        ),
        ("[NetDev]\nKind=dummy", "/x.netdev: [NetDev] has no Name= that counts; no interface is made of it"),
    ] {
        let read = netdev(text);
        assert_eq!(read.netdev, None, "{text}");
        assert_eq!(read.warnings.last().unwrap().to_string(), expected);
    }
}

#[test]
fn every_key_of_the_tables_is_read() {
    for (sections, is_network) in [(&table::NETWORK[..], true), (&table::NETDEV[..], false)] {
        for section in sections {
            for key in section.built.split_whitespace() {
                // Whatever becomes of the value, the key is known.
                let text = format!("[Match]\nHost=a\n[{}]\n{key}=\u{1}", section.name);
                let source = [Source { path: "/x", text: &text }];
                let said = match is_network {
                    true => Network::read(&source).warnings,
                    false => NetDev::read(&source).warnings,
                };
                let unknown = said
                    .iter()
                    .find(|w| w.text.contains("unknown") || w.text.contains("is not built, ignored"));
                assert!(unknown.is_none(), "[{}] {key}: {unknown:?}", section.name);
            }
        }
    }
}

/// What an argument says, in words.
fn describe(network: &Network) -> String {
    let mut words = network.matching.names.clone();
    words.extend(network.dhcp4.as_ref().map(|_| "dhcp".to_owned()));
    words.extend(network.ra.as_ref().map(|_| "ra".to_owned()));
    words.extend((network.dhcp6.without_router == WithoutRouter::Solicit).then(|| "dhcp6".to_owned()));
    words.extend(network.addresses.iter().map(|address| address.subnet.to_string()));
    words.extend(network.routes.iter().map(|route| {
        let to = route.destination.map_or("default".to_owned(), |to| to.to_string());
        match route.gateway {
            Some(Gateway::Address(by)) => format!("{to}>{by}"),
            _ => to,
        }
    }));
    words.extend(network.dns.iter().map(|dns| format!("dns:{dns}")));
    words.extend(network.link.mtu.map(|mtu| format!("mtu:{mtu}")));
    words.extend(network.link.mac.map(|mac| format!("mac:{:02x}", mac[5])));
    words.extend(network.master.as_ref().map(|master| format!("in:{master}")));
    words.extend(network.stacked.iter().map(|name| format!("on:{name}")));
    words.join(" ")
}

#[test]
fn kernel_arguments() {
    for (line, expected) in [
        ("ip=dhcp", vec!["dhcp"]),
        ("ip=on ip=dhcp6", vec!["dhcp", "ra dhcp6"]),
        ("ip=auto6", vec!["ra"]),
        ("ip=eth0:dhcp", vec!["eth0 dhcp"]),
        ("ip=eth0:dhcp:9000:52:54:00:12:34:56", vec!["eth0 dhcp mtu:9000 mac:56"]),
        ("ip=eth0:dhcp::52:54:00:12:34:56", vec!["eth0 dhcp mac:56"]),
        (
            "ip=192.0.2.7::192.0.2.1:255.255.255.0:node1:eth0:none",
            vec!["eth0 192.0.2.7/24 default>192.0.2.1"],
        ),
        (
            "ip=192.0.2.7::192.0.2.1:24::eth0:none:192.0.2.2:192.0.2.3",
            vec!["eth0 192.0.2.7/24 default>192.0.2.1 dns:192.0.2.2 dns:192.0.2.3"],
        ),
        (
            "ip=192.0.2.7::192.0.2.1:255.255.255.0::eth0:off:1400",
            vec!["eth0 192.0.2.7/24 default>192.0.2.1 mtu:1400"],
        ),
        (
            "ip=[2001:db8::7]::[2001:db8::1]:64::eth0:none:[2001:db8::2]",
            vec!["eth0 2001:db8::7/64 default>2001:db8::1 dns:2001:db8::2"],
        ),
        (
            "ip=192.0.2.7:::255.255.255.0::eth0:none rd.route=198.51.100.0/24:192.0.2.9:eth0",
            vec!["eth0 192.0.2.7/24 198.51.100.0/24>192.0.2.9"],
        ),
        ("ip=::::node1:eth0:dhcp", vec!["eth0 dhcp"]),
        ("ip=dhcp ip=eth1:dhcp", vec!["eth1 dhcp", "dhcp"]),
        ("vlan=eth0.5:eth0 ip=eth0.5:dhcp", vec!["eth0 on:eth0.5", "eth0.5 dhcp"]),
        (
            "bond=bond0:eth0,eth1:mode=802.3ad,miimon=100 ip=bond0:dhcp",
            vec!["eth0 in:bond0", "eth1 in:bond0", "bond0 dhcp"],
        ),
        ("bridge=br0:eth0 ip=br0:dhcp", vec!["eth0 in:br0", "br0 dhcp"]),
        ("rd.neednet=1", vec![]),
    ] {
        let read = Arguments::read(line);
        assert_eq!(read.warnings, [], "{line}");
        assert_eq!(read.networks.iter().map(describe).collect::<Vec<_>>(), expected, "{line}");
        assert!(read.needs_network, "{line}");
    }
    let read = Arguments::read(
        "quiet ip=192.0.2.7::::node1:eth0:none nameserver=192.0.2.5 nameserver=[2001:db8::5]",
    );
    assert_eq!(
        (read.hostname.as_deref(), read.dns),
        (Some("node1"), vec![ip("192.0.2.5"), ip("2001:db8::5")])
    );
    let read = Arguments::read("ip=eth0:dhcp rd.peerdns=0");
    assert!(!read.networks[0].dhcp4.as_ref().unwrap().use_dns);
    let Kind::Bond(bond) = &Arguments::read("bond=b:a:mode=1,miimon=100").netdevs[0].kind else { panic!() };
    assert_eq!((bond.mode, bond.mii_ms), (1, Some(100)));
    assert!(!Arguments::read("quiet ipv6.disable=1 nameserver=192.0.2.5").needs_network);
}

#[test]
fn arguments_that_make_no_sense_are_named() {
    for (line, expected) in [
        (
            "ip=dchp",
            "kernel command line: ip=dchp: dchp is not one of dhcp, dhcp6, auto6, either6, link6, none, ignored",
        ),
        (
            "ip=192.0.2.7:::255.0.255.0::eth0:none",
            "kernel command line: ip=192.0.2.7:::255.0.255.0::eth0:none: 255.0.255.0 is no netmask, ignored",
        ),
        (
            "ip=ibft",
            "kernel command line: ip=ibft: addresses that the firmware used (iBFT) are not built; it is, ignored",
        ),
        ("nameserver=x", "kernel command line: nameserver=x: x is no IP address, ignored"),
        (
            "vlan=lan:eth0",
            "kernel command line: vlan=lan:eth0: a name that ends in no VLAN's number; INTERFACE.5 and vlan5 do, ignored",
        ),
        (
            "rd.route=198.51.100.0/24:192.0.2.9",
            "kernel command line: rd.route= is for no interface that ip= names, ignored",
        ),
    ] {
        let read = Arguments::read(line);
        assert_eq!(read.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected], "{line}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_fail(section in "(Match|Link|Network|Address|Route|RoutingPolicyRule|DHCPv4|DHCPv6|IPv6AcceptRA|Bond|VXLAN|VLAN|NetDev)", key in "[A-Za-z0-9]{0,12}", value in ".{0,40}") {
        let text = format!("[Match]\nName=a\n[{section}]\n{key}={value}");
        let _ = Network::read(&[Source { path: "/x", text: &text }]);
        let _ = NetDev::read(&[Source { path: "/x", text: &text }]);
    }

    #[test]
    fn no_command_line_makes_it_fail(name in "(ip|vlan|bond|bridge|rd.route|nameserver)", value in "[0-9a-f.:,/\\[\\]=a-z]{0,60}") {
        let _ = Arguments::read(&format!("{name}={value}"));
    }
}
