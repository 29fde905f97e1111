//! The kernel's settings for a link, in `/proc/sys/net`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use network::config::Network;

use crate::log;

/// Has the kernel do with addresses, routes and routers what the configuration says. Before the link is up.
pub fn apply(link: &str, network: &Network, is_part: bool) {
    // Else all other addresses of a subnet go with the one that came first, such as a lease that has ended.
    write("ipv4", link, "promote_secondaries", "1");
    // Else packets take the way of a link without a carrier, though another link has one as well.
    for family in ["ipv4", "ipv6"] {
        let is_ignored = if network.without_carrier { "0" } else { "1" };
        write(family, link, "ignore_routes_with_linkdown", is_ignored);
    }
    let ipv6 = |name: &str, value: &str| write("ipv6", link, name, value);
    let has_link_local = network.ipv6_link_local.unwrap_or(!is_part);
    // 1 is none (include/uapi/linux/if_link.h: IN6_ADDR_GEN_MODE_NONE).
    ipv6("addr_gen_mode", if has_link_local { "0" } else { "1" });
    match network.ra.as_ref().filter(|_| !is_part) {
        // Value 2: also though this machine is a router itself, for its containers
        // (Documentation/networking/ip-sysctl.rst).
        Some(ra) => {
            let bit = |is_on| if is_on { "1" } else { "0" };
            ipv6("accept_ra_defrtr", bit(ra.use_gateway));
            ipv6("accept_ra_pinfo", "1");
            ipv6("autoconf", bit(ra.use_autonomous_prefix));
            ipv6("accept_ra_mtu", bit(ra.use_mtu));
            if !ra.use_hop_limit {
                ipv6("accept_ra_min_hop_limit", "256");
            }
            ipv6("accept_ra_rt_info_max_plen", if ra.use_route_prefix { "128" } else { "0" });
            if let Some(metric) = ra.metric {
                ipv6("ra_defrtr_metric", &metric.to_string());
            }
            ipv6("accept_ra", "2");
        }
        None => ipv6("accept_ra", "0"),
    }
    for (family, name, value) in &network.sysctls {
        write(family, link, name, value);
    }
    for family in &network.forwarding {
        let path = if *family == "ipv4" { "ipv4/ip_forward" } else { "ipv6/conf/all/forwarding" };
        put(&Path::new("/proc/sys/net").join(path), "1");
    }
}

fn write(family: &str, link: &str, name: &str, value: &str) {
    let path: PathBuf = ["/proc/sys/net", family, "conf", link, name].iter().collect();
    put(&path, value);
}

fn put(path: &Path, value: &str) {
    // Writing what is there already costs more than a look, and may have the kernel start anew.
    if fs::read_to_string(path).is_ok_and(|text| text.trim_end() == value) {
        return;
    }
    match fs::write(path, value) {
        // A kernel without IPv6 has no such file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => log::warning(&format!("cannot write {value} to {}: {error}", path.display())),
        Ok(()) => {}
    }
}
