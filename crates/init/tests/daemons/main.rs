//! Daemons of others, by the unit files that Debian's packages bring: read as they are, and some of
//! them run. Needs their packages, unpacked: BERTH_TEST_DAEMONS.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail as tests do")]

mod force;
mod peer;
mod root;
mod run;

use std::path::PathBuf;

use unit::UnitName;
use unit::graph::Graph;
use unit::text::specifier::Host;
use unit_files::Catalog;

/// Where a package's unit files are.
const UNITS: &str = "usr/lib/systemd/system";

/// A unit of each of these packages' daemons.
const DAEMONS: [&str; 52] = [
    "apache2.service",
    "atd.service",
    "avahi-daemon.service",
    "bird.service",
    "chrony.service",
    "collectd.service",
    "conntrackd.service",
    "cron.service",
    "dnsmasq.service",
    "etcd.service",
    "haproxy.service",
    "haveged.service",
    "irqbalance.service",
    "keepalived.service",
    "knot.service",
    "lighttpd.service",
    "lldpd.service",
    "mariadb.service",
    "memcached.service",
    "mosquitto.service",
    "named.service",
    "nfs-server.service",
    "nfs-mountd.service",
    "nginx.service",
    "openvpn@client.service",
    "postfix.service",
    "postgresql@17-main.service",
    "privoxy.service",
    "prometheus.service",
    "prometheus-alertmanager.service",
    "prometheus-blackbox-exporter.service",
    "prometheus-node-exporter.service",
    "qemu-guest-agent.service",
    "redis-server.service",
    "rngd.service",
    "rpcbind.service",
    "rpc-statd.service",
    "rsync.service",
    "rsyslog.service",
    "smartmontools.service",
    "snmpd.service",
    "squid.service",
    "ssh.service",
    "stunnel@a.service",
    "syncthing@a.service",
    "tinyproxy.service",
    "tor@default.service",
    "unbound.service",
    "varnish.service",
    "vsftpd.service",
    "wg-quick@wg0.service",
    "zabbix-agent.service",
];

/// The tree of the packages, where there is one.
pub fn tree() -> Option<PathBuf> {
    std::env::var_os("BERTH_TEST_DAEMONS").map(PathBuf::from)
}

#[test]
fn the_units_of_debians_daemons_hold_nothing_unknown() {
    let Some(tree) = tree() else { return };
    let catalog = Catalog::list(&[tree.join(UNITS)]);
    let host = Host { hostname: "node".to_owned(), ..Host::default() };
    let mut problems = Vec::new();
    for daemon in DAEMONS {
        let name = UnitName::parse(daemon).unwrap();
        let mut graph = Graph::default();
        catalog.load_with_related(&mut graph, &name, &host);
        match graph.get(&name) {
            Some(unit) => problems.extend(
                unit.warnings
                    .iter()
                    .filter(|warning| {
                        let known = ["is not supported yet", "no D-Bus"];
                        !known.iter().any(|text| warning.text.contains(text))
                    })
                    .map(|warning| format!("{daemon}: {warning}")),
            ),
            None => problems.push(graph.failure(&name).unwrap().to_string()),
        }
    }
    assert_eq!(problems, Vec::<String>::new());
}
