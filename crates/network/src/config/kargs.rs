//! Kernel arguments that stand for `.network` and `.netdev` files (dracut.cmdline(7), "Network").

use std::net::IpAddr;

use devices::net::matching::Match;

use super::netdev::{Bond, Bridge, Kind, Vlan, bond};
use super::network::{
    Address, Dhcp4, Gateway, Network, Required, Route, RouterAdvertisements, WithoutRouter,
};
use super::sections::{Fault, Source};
use super::value::{self, Subnet};
use super::{NetDev, Warning};
use crate::name::is_domain;

/// Path of what is made of arguments, in messages.
const PATH: &str = "kernel command line";

/// Where the files made of arguments stand in the order of names: after all but the image's default.
pub const FILE_NAME: &str = "zz-cmdline.network";

/// What the arguments ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// What interfaces are to be, those that are named first.
    pub networks: Vec<Network>,
    /// Interfaces that are made.
    pub netdevs: Vec<NetDev>,
    /// Name servers for all.
    pub dns: Vec<IpAddr>,
    /// The machine's name, as `ip=` has it.
    pub hostname: Option<String>,
    /// Whether the machine shall be online before it goes on.
    pub needs_network: bool,
    /// What is wrong or not built.
    pub warnings: Vec<Warning>,
}

impl Arguments {
    /// Reads a command line.
    pub fn read(command_line: &str) -> Self {
        let mut reader = Reader::default();
        for (name, value) in layout::args::words(command_line) {
            let value = value.unwrap_or_default();
            if let Err(text) = reader.argument(&name, &value) {
                let text = format!("{name}={value}: {text}, ignored");
                reader.read.warnings.push(Warning { path: PATH.to_owned(), line: 0, text });
            }
        }
        reader.finish()
    }
}

#[derive(Default)]
struct Reader {
    read: Arguments,
    /// For interfaces that no argument names.
    others: Vec<Network>,
    peer_dns: Option<bool>,
    routes: Vec<(Route, Option<String>)>,
}

type Done = Result<(), String>;

impl Reader {
    fn argument(&mut self, name: &str, value: &str) -> Done {
        match name {
            "ip" => {
                self.read.needs_network = true;
                self.ip(value)
            }
            "nameserver" => {
                self.read.dns.push(address(value)?);
                Ok(())
            }
            "rd.neednet" => {
                self.read.needs_network |= value.is_empty() || is_on(value)?;
                Ok(())
            }
            "rd.peerdns" => {
                self.peer_dns = Some(is_on(value)?);
                Ok(())
            }
            "rd.route" => self.route(value),
            "vlan" => self.vlan(value),
            "bond" => self.bond(value),
            "bridge" => self.bridge(value),
            "ifname" => Err("not built: a .link file names interfaces; it is".to_owned()),
            "team" | "rd.fcoe" | "rd.znet" => Err("not built; it is".to_owned()),
            _ => Ok(()),
        }
    }

    /// The settings of an interface by its name.
    fn of(&mut self, interface: &str) -> Result<&mut Network, String> {
        let name = value::interface(interface).map_err(text)?;
        let fits = |network: &Network| network.matching.names == [name.as_str()];
        let at = match self.read.networks.iter().position(fits) {
            Some(at) => at,
            None => {
                let matching = Match { names: vec![name], ..Match::default() };
                self.read.networks.push(Network { path: PATH.to_owned(), matching, ..Network::default() });
                self.read.networks.len() - 1
            }
        };
        Ok(&mut self.read.networks[at])
    }

    fn ip(&mut self, value: &str) -> Done {
        let fields = fields(value);
        let field = |at: usize| fields.get(at).map_or("", String::as_str);
        if fields.len() == 1 {
            let mut network = hardware();
            configure(&mut network, value)?;
            self.others.push(network);
            return Ok(());
        }
        // INTERFACE:METHOD[:MTU[:MAC]]
        if field(0).parse::<IpAddr>().is_err() && !field(0).is_empty() {
            let network = self.of(field(0))?;
            configure(network, field(1))?;
            return mtu_and_mac(network, field(2), &fields[fields.len().min(3)..]);
        }
        // CLIENT:PEER:GATEWAY:MASK:HOSTNAME:INTERFACE:METHOD[:DNS[:DNS]] or [:MTU[:MAC]]
        let hostname = Some(field(4)).filter(|name| !name.is_empty());
        if let Some(name) = hostname {
            if !is_domain(name) {
                return Err(format!("{name} is no host name"));
            }
            self.read.hostname = Some(name.to_owned());
        }
        let name = field(5);
        let mut network = if name.is_empty() { hardware() } else { self.of(name)?.clone() };
        fixed(&mut network, &fields)?;
        match name {
            "" => self.others.push(network),
            name => *self.of(name)? = network,
        }
        Ok(())
    }

    fn route(&mut self, value: &str) -> Done {
        let fields = fields(value);
        let (Some(destination), Some(gateway)) = (fields.first(), fields.get(1)) else {
            return Err("not NETWORK/PREFIX:GATEWAY[:INTERFACE]".to_owned());
        };
        let destination = Subnet::parse(destination).ok_or(format!("{destination} is no network"))?;
        let gateway = match gateway.as_str() {
            "" => None,
            gateway => Some(Gateway::Address(address(gateway)?)),
        };
        let route = Route { destination: Some(destination.network()), gateway, ..Route::default() };
        self.routes.push((route, fields.get(2).filter(|name| !name.is_empty()).cloned()));
        Ok(())
    }

    fn vlan(&mut self, value: &str) -> Done {
        let (name, lower) = value.split_once(':').ok_or("not NAME:INTERFACE")?;
        let digits = name.rsplit_once('.').map(|(_, id)| id).or_else(|| name.strip_prefix("vlan"));
        let id = digits.and_then(|id| id.parse().ok()).filter(|id| *id <= 4094);
        let id = id.ok_or("a name that ends in no VLAN's number; INTERFACE.5 and vlan5 do")?;
        self.netdev(name, Kind::Vlan(Vlan { id, ..Vlan::default() }), None)?;
        let network = self.of(lower)?;
        network.stacked.push(name.to_owned());
        Ok(())
    }

    fn bond(&mut self, value: &str) -> Done {
        let mut fields = value.splitn(4, ':');
        let name = fields.next().filter(|name| !name.is_empty()).unwrap_or("bond0");
        let ports = fields.next().unwrap_or("eth0,eth1");
        let mut bond = Bond::default();
        for option in
            fields.next().unwrap_or("mode=balance-rr").split(',').filter(|option| !option.is_empty())
        {
            let (key, value) = option.split_once('=').ok_or(format!("{option} is no OPTION=VALUE"))?;
            bond_option(&mut bond, key, value)?;
        }
        let mtu = match fields.next() {
            None | Some("") => None,
            Some(mtu) => Some(value::bytes(mtu).map_err(text)?),
        };
        self.netdev(name, Kind::Bond(bond), mtu)?;
        self.parts(name, ports)
    }

    fn bridge(&mut self, value: &str) -> Done {
        let (name, ports) = value.split_once(':').unwrap_or(("br0", "eth0"));
        self.netdev(name, Kind::Bridge(Bridge::default()), None)?;
        self.parts(name, ports)
    }

    fn parts(&mut self, master: &str, ports: &str) -> Done {
        for port in ports.split(',').filter(|port| !port.is_empty()) {
            let network = self.of(port)?;
            network.master = Some(master.to_owned());
        }
        Ok(())
    }

    fn netdev(&mut self, name: &str, kind: Kind, mtu: Option<u32>) -> Done {
        let name = value::interface(name).map_err(text)?;
        self.read.netdevs.retain(|known| known.name != name);
        let path = PATH.to_owned();
        self.read.netdevs.push(NetDev { path, matching: Match::default(), name, mtu, mac: None, kind });
        Ok(())
    }

    fn finish(mut self) -> Arguments {
        for (route, interface) in std::mem::take(&mut self.routes) {
            let place = match &interface {
                Some(name) => self.of(name).map_err(|_| ()),
                None => {
                    let all = self.read.networks.iter_mut().chain(&mut self.others);
                    all.into_iter().find(|network| network.gives_addresses()).ok_or(())
                }
            };
            match place {
                Ok(network) => network.routes.push(route),
                Err(()) => {
                    let text = "rd.route= is for no interface that ip= names, ignored".to_owned();
                    self.read.warnings.push(Warning { path: PATH.to_owned(), line: 0, text });
                }
            }
        }
        self.read.networks.append(&mut self.others);
        for network in &mut self.read.networks {
            if let (Some(dhcp), Some(is_on)) = (&mut network.dhcp4, self.peer_dns) {
                dhcp.use_dns = is_on;
            }
            if let (Some(ra), Some(is_on)) = (&mut network.ra, self.peer_dns) {
                (ra.use_dns, network.dhcp6.use_dns) = (is_on, is_on);
            }
        }
        self.read
    }
}

/// Every Ethernet interface that is hardware.
fn hardware() -> Network {
    let source = Source { path: PATH, text: "[Match]\nType=ether\nKind=!*\n[Network]\nIPv6AcceptRA=no" };
    Network::read(&[source]).network.unwrap_or_default()
}

/// What `dhcp`, `auto6` and so on mean.
fn configure(network: &mut Network, method: &str) -> Done {
    let dhcp4 = Dhcp4 { use_mtu: true, use_domains: true, ..Dhcp4::default() };
    let ra = RouterAdvertisements { use_domains: true, ..RouterAdvertisements::default() };
    match method {
        "dhcp" | "on" | "any" | "single-dhcp" => network.dhcp4 = Some(dhcp4),
        "dhcp6" => {
            network.ra = Some(ra);
            network.dhcp6.without_router = WithoutRouter::Solicit;
            network.dhcp6.use_domains = true;
        }
        "auto6" | "either6" => {
            network.ra = Some(ra);
            network.dhcp6.use_domains = true;
        }
        "link6" => network.link.required = Required::No,
        "none" | "off" | "" => {}
        "ibft" => return Err("addresses that the firmware used (iBFT) are not built; it is".to_owned()),
        other => return Err(format!("{other} is not one of dhcp, dhcp6, auto6, either6, link6, none")),
    }
    Ok(())
}

/// `CLIENT:PEER:GATEWAY:MASK:HOSTNAME:INTERFACE:METHOD:...`.
fn fixed(network: &mut Network, fields: &[String]) -> Done {
    let field = |at: usize| fields.get(at).map_or("", String::as_str);
    configure(network, field(6))?;
    if let Some(dhcp) = &mut network.dhcp4
        && !field(4).is_empty()
    {
        dhcp.hostname = Some(field(4).to_owned());
    }
    if !field(0).is_empty() {
        let client = address(field(0))?;
        let subnet = match field(3) {
            "" => Subnet { address: client, prefix: if client.is_ipv4() { 32 } else { 128 } },
            mask => Subnet::parse(&format!("{client}/{mask}")).ok_or(format!("{mask} is no netmask"))?,
        };
        let peer = match field(1) {
            "" => None,
            peer => Some(Subnet::parse(peer).ok_or(format!("{peer} is no address"))?),
        };
        network.addresses.push(Address { peer, ..Address::of(subnet) });
    }
    if !field(2).is_empty() {
        let gateway = address(field(2))?;
        // Arguments know no GatewayOnLink=; a router outside of the network must be on the link.
        let near = network.addresses.iter().any(|own| own.subnet.contains(gateway));
        network.routes.push(Route { on_link: !near, ..Route::default_by(Gateway::Address(gateway)) });
    }
    let rest = &fields[fields.len().min(7)..];
    if rest.first().is_some_and(|first| first.parse::<IpAddr>().is_ok()) {
        for server in rest.iter().take(2).filter(|server| !server.is_empty()) {
            network.dns.push(address(server)?);
        }
        // systemd-network-generator(8) takes a time server after them.
        network.ntp.extend(rest.get(2).filter(|server| !server.is_empty()).cloned());
        return Ok(());
    }
    mtu_and_mac(network, field(7), &fields[fields.len().min(8)..])
}

/// `MTU:MAC`. A hardware address has colons of its own, and so is the rest.
fn mtu_and_mac(network: &mut Network, mtu: &str, mac: &[String]) -> Done {
    if !mtu.is_empty() {
        network.link.mtu = Some(value::bytes(mtu).map_err(text)?);
    }
    if mac.iter().any(|part| !part.is_empty()) {
        network.link.mac = Some(value::mac(&mac.join(":")).map_err(text)?);
    }
    Ok(())
}

fn bond_option(bond: &mut Bond, key: &str, text: &str) -> Done {
    let numbered = |words: &[(&'static str, u8)]| -> String {
        let number = text.parse().ok();
        let word = words.iter().find(|(_, known)| Some(*known) == number).map_or(text, |(word, _)| word);
        word.to_owned()
    };
    let (key, text) = match key {
        "mode" => ("Mode", numbered(&bond::MODES)),
        "xmit_hash_policy" => ("TransmitHashPolicy", numbered(&bond::HASHES)),
        "lacp_rate" => ("LACPTransmitRate", numbered(&[("slow", 0), ("fast", 1)])),
        "miimon" => ("MIIMonitorSec", format!("{text}ms")),
        "updelay" => ("UpDelaySec", format!("{text}ms")),
        "downdelay" => ("DownDelaySec", format!("{text}ms")),
        "arp_interval" => ("ARPIntervalSec", format!("{text}ms")),
        "arp_ip_target" => ("ARPIPTargets", text.replace(';', " ")),
        "fail_over_mac" => ("FailOverMACPolicy", numbered(&[("none", 0), ("active", 1), ("follow", 2)])),
        "min_links" => ("MinLinks", text.to_owned()),
        "primary_reselect" => {
            ("PrimaryReselectPolicy", numbered(&[("always", 0), ("better", 1), ("failure", 2)]))
        }
        _ => return Err(format!("the bond's option {key} is not built; all of it is")),
    };
    bond::assign(bond, key, &text).map_err(|fault| match fault {
        Fault::Value(why) => format!("{text} is {why}"),
        Fault::Key => format!("{key} is unknown"),
    })
}

/// Parts between colons; those in brackets, as IPv6 addresses are, may hold colons.
fn fields(value: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut depth = 0u32;
    for c in value.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => fields.push(String::new()),
            c => {
                if let Some(last) = fields.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    fields
}

fn address(text: &str) -> Result<IpAddr, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().map_err(|_| format!("{text} is no IP address"))
}

fn is_on(text: &str) -> Result<bool, String> {
    value::boolean(text).map_err(|_| format!("{text} is neither 0 nor 1"))
}

fn text(fault: Fault) -> String {
    match fault {
        Fault::Value(text) => text,
        Fault::Key => "unknown".to_owned(),
    }
}
