//! `[DHCPv4]`, `[DHCPv6]` and `[IPv6AcceptRA]`: what is taken of what others say.

use crate::config::sections::Fault;
use crate::config::value;

/// `[DHCPv4]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp4 {
    /// Whether the servers' word counts for name servers.
    pub use_dns: bool,
    /// The same for time servers.
    pub use_ntp: bool,
    /// The same for search domains.
    pub use_domains: bool,
    /// The same for the machine's name.
    pub use_hostname: bool,
    /// The same for routes.
    pub use_routes: bool,
    /// The same for the default route.
    pub use_gateway: bool,
    /// The same for the MTU.
    pub use_mtu: bool,
    /// Metric of its routes; `None`: 1024 and the interface's index, so that the first is preferred.
    pub metric: Option<u32>,
    /// Number of the routing table; `None` is the main one.
    pub table: Option<u32>,
    /// Whether the client calls itself by its DUID (RFC 4361), not by its hardware address.
    pub duid: bool,
    /// Whether servers are told the machine's name.
    pub send_hostname: bool,
    /// The name that they are told in its place.
    pub hostname: Option<String>,
    /// Option 60.
    pub vendor_class: Option<String>,
    /// Whether answers come as broadcasts.
    pub broadcast: bool,
}

impl Default for Dhcp4 {
    fn default() -> Self {
        Self {
            use_dns: true,
            use_ntp: true,
            // Where short names lead is not left to a server that nobody chose.
            use_domains: false,
            use_hostname: true,
            use_routes: true,
            use_gateway: true,
            use_mtu: false,
            metric: None,
            table: None,
            duid: false,
            send_hostname: true,
            hostname: None,
            vendor_class: None,
            broadcast: false,
        }
    }
}

/// `[DHCPv6]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp6 {
    /// Whether an address is taken.
    pub use_address: bool,
    /// Whether what is said counts for name servers.
    pub use_dns: bool,
    /// The same for time servers.
    pub use_ntp: bool,
    /// The same for search domains.
    pub use_domains: bool,
    /// Whether a server may answer by two messages in place of four.
    pub rapid_commit: bool,
    /// What is done where no router says that there is a server.
    pub without_router: WithoutRouter,
}

/// `WithoutRA=`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WithoutRouter {
    /// Nothing.
    #[default]
    No,
    /// An address is asked for.
    Solicit,
    /// Only settings are asked for.
    Information,
}

impl Default for Dhcp6 {
    fn default() -> Self {
        Self {
            use_address: true,
            use_dns: true,
            use_ntp: true,
            use_domains: false,
            rapid_commit: true,
            without_router: WithoutRouter::No,
        }
    }
}

/// `[IPv6AcceptRA]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterAdvertisements {
    /// Whether what is said counts for name servers.
    pub use_dns: bool,
    /// The same for search domains.
    pub use_domains: bool,
    /// The same for the default route.
    pub use_gateway: bool,
    /// The same for the MTU.
    pub use_mtu: bool,
    /// The same for the hop limit.
    pub use_hop_limit: bool,
    /// Whether addresses are made of the prefixes that routers tell.
    pub use_autonomous_prefix: bool,
    /// Whether routes to more than everywhere are taken (RFC 4191).
    pub use_route_prefix: bool,
    /// Metric of the default route; `None` is the kernel's, 1024.
    pub metric: Option<u32>,
    /// Whether a DHCP client is started: never, when a router says so, or in any case.
    pub dhcp6: StartDhcp6,
}

/// `DHCPv6Client=`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StartDhcp6 {
    /// Whatever routers say.
    Never,
    /// When a router says that there are addresses or settings to have.
    #[default]
    WhenTold,
    /// As soon as there is a router.
    Always,
}

impl Default for RouterAdvertisements {
    fn default() -> Self {
        Self {
            use_dns: true,
            use_domains: false,
            use_gateway: true,
            use_mtu: true,
            use_hop_limit: true,
            use_autonomous_prefix: true,
            use_route_prefix: true,
            metric: None,
            dhcp6: StartDhcp6::WhenTold,
        }
    }
}

/// `UseDomains=`: also `route`, which means that names in them alone are asked.
fn domains(value: &str) -> Result<bool, Fault> {
    match value {
        "route" => Err(Fault::Value("domains only for routing queries are not built; the line is".into())),
        _ => value::boolean(value),
    }
}

/// A key of which only one value is built.
fn only(value: &str, built: bool) -> Result<(), Fault> {
    match value::boolean(value)? == built {
        true => Ok(()),
        false => Err(Fault::Value("not built".into())),
    }
}

pub fn dhcp4(dhcp: &mut Dhcp4, key: &str, value: &str) -> Result<(), Fault> {
    match key {
        "UseDNS" => dhcp.use_dns = value::boolean(value)?,
        "UseNTP" => dhcp.use_ntp = value::boolean(value)?,
        "UseDomains" | "UseDomainName" => dhcp.use_domains = domains(value)?,
        "UseHostname" => dhcp.use_hostname = value::boolean(value)?,
        "UseRoutes" => dhcp.use_routes = value::boolean(value)?,
        "UseGateway" => dhcp.use_gateway = value::boolean(value)?,
        "UseMTU" => dhcp.use_mtu = value::boolean(value)?,
        "RouteMetric" => dhcp.metric = Some(value::number(value, "a number")?),
        "RouteTable" => dhcp.table = Some(value::table(value)?),
        "ClientIdentifier" => {
            dhcp.duid = value::word(value, &[("mac", false), ("duid", true)])?;
        }
        "SendHostname" => dhcp.send_hostname = value::boolean(value)?,
        "Hostname" => match crate::name::is_domain(value) {
            true => dhcp.hostname = Some(value.to_owned()),
            false => return Err(Fault::Value("no host name".into())),
        },
        "VendorClassIdentifier" => match value.len() {
            1..=255 => dhcp.vendor_class = Some(value.to_owned()),
            _ => return Err(Fault::Value("no text of 1 to 255 bytes".into())),
        },
        "RequestBroadcast" => dhcp.broadcast = value::boolean(value)?,
        "SendRelease" | "SendDecline" | "Anonymize" | "UseSIP" | "UseTimezone" | "Use6RD"
        | "UseCaptivePortal" | "UseDNR" | "RoutesToDNS" | "RoutesToNTP" | "QuickAck" | "RapidCommit"
        | "IPv6OnlyMode" | "CriticalConnection" => return only(value, false),
        _ => return Err(Fault::Key),
    }
    Ok(())
}

pub fn dhcp6(dhcp: &mut Dhcp6, key: &str, value: &str) -> Result<(), Fault> {
    match key {
        "UseAddress" => dhcp.use_address = value::boolean(value)?,
        "UseDNS" => dhcp.use_dns = value::boolean(value)?,
        "UseNTP" => dhcp.use_ntp = value::boolean(value)?,
        "UseDomains" => dhcp.use_domains = domains(value)?,
        "RapidCommit" => dhcp.rapid_commit = value::boolean(value)?,
        "WithoutRA" => {
            let words = [
                ("no", WithoutRouter::No),
                ("solicit", WithoutRouter::Solicit),
                ("information-request", WithoutRouter::Information),
            ];
            dhcp.without_router = value::word(value, &words)?;
        }
        "UseDelegatedPrefix" | "UseHostname" | "SendHostname" | "SendRelease" | "UseDNR"
        | "UseCaptivePortal" => {
            return only(value, false);
        }
        _ => return Err(Fault::Key),
    }
    Ok(())
}

pub fn ra(ra: &mut RouterAdvertisements, key: &str, value: &str) -> Result<(), Fault> {
    match key {
        "UseDNS" => ra.use_dns = value::boolean(value)?,
        "UseDomains" => ra.use_domains = domains(value)?,
        "UseGateway" => ra.use_gateway = value::boolean(value)?,
        "UseMTU" => ra.use_mtu = value::boolean(value)?,
        "UseHopLimit" => ra.use_hop_limit = value::boolean(value)?,
        "UseAutonomousPrefix" => ra.use_autonomous_prefix = value::boolean(value)?,
        "UseRoutePrefix" => ra.use_route_prefix = value::boolean(value)?,
        "RouteMetric" => ra.metric = Some(value::number(value, "a number")?),
        "DHCPv6Client" => {
            ra.dhcp6 = match (value, value::boolean(value)) {
                ("always", _) => StartDhcp6::Always,
                (_, Ok(true)) => StartDhcp6::WhenTold,
                (_, Ok(false)) => StartDhcp6::Never,
                _ => return Err(Fault::Value("not one of yes, no, always".into())),
            };
        }
        "UseOnLinkPrefix" | "UseRedirect" | "UseReachableTime" | "UseRetransmissionTime" => {
            return only(value, true);
        }
        "UsePREF64" | "UseDNR" | "UseCaptivePortal" | "QuickAck" => return only(value, false),
        _ => return Err(Fault::Key),
    }
    Ok(())
}
