//! Addresses of hosts: as they are written, by /etc/hosts, or by the name servers of
//! /etc/resolv.conf.

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::dns;

const HOSTS: &str = "/etc/hosts";
const SERVERS: &str = "/etc/resolv.conf";
/// How long a name server may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest answer by datagram.
const ANSWER: usize = 4096;

/// A host's addresses, in the order in which to try them.
///
/// # Errors
/// It has none, or nobody can say.
pub fn addresses(host: &str) -> Result<Vec<IpAddr>, String> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let found = in_hosts(&fs::read_to_string(HOSTS).unwrap_or_default(), host);
    if !found.is_empty() {
        return Ok(found);
    }
    let servers = servers(&fs::read_to_string(SERVERS).unwrap_or_default());
    if servers.is_empty() {
        return Err(format!("{host} is not in {HOSTS}, and {SERVERS} names no server"));
    }
    let mut answered = false;
    for server in servers {
        let mut found = Vec::new();
        for kind in dns::TYPES {
            if let Some(addresses) = ask(server, host, kind) {
                answered = true;
                found.extend(addresses);
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(match answered {
        true => format!("{host} has no address"),
        false => format!("no name server answers for {host}"),
    })
}

fn ask(server: IpAddr, host: &str, kind: u16) -> Option<Vec<IpAddr>> {
    let id = sys::random::name_16().ok().map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))?;
    let question = dns::query(id, host, kind)?;
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    // From the server alone.
    socket.connect((server, 53)).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut message = [0; ANSWER];
    for _ in 0..2 {
        socket.send(&question).ok()?;
        if let Ok(length) = socket.recv(&mut message)
            && let Some(found) = dns::answers(&question, &message[..length])
        {
            return Some(found);
        }
    }
    None
}

/// hosts(5).
fn in_hosts(text: &str, host: &str) -> Vec<IpAddr> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let found = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|name| name.eq_ignore_ascii_case(host)).then_some(address)
    });
    found.collect()
}

/// resolv.conf(5).
fn servers(text: &str) -> Vec<IpAddr> {
    let found = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == "nameserver").then(|| words.next()?.parse().ok()).flatten()
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        let hosts = "127.0.0.1 localhost # me\n::1\tlocalhost\n# 10.0.0.9 logs\n10.0.0.1 a Logs\nbad logs\n";
        let local: Vec<IpAddr> = vec![[127, 0, 0, 1].into(), "::1".parse().unwrap()];
        assert_eq!(in_hosts(hosts, "localhost"), local);
        assert_eq!(in_hosts(hosts, "logs"), [IpAddr::from([10, 0, 0, 1])]);
        assert_eq!(in_hosts(hosts, "me"), Vec::<IpAddr>::new());
        let conf = "search x\nnameserver 10.0.2.3\n#nameserver 1.1.1.1\nnameserver x\nnameserver ::1\n";
        let expected: Vec<IpAddr> = vec![[10, 0, 2, 3].into(), "::1".parse().unwrap()];
        assert_eq!(servers(conf), expected);
        assert_eq!(addresses("::1"), Ok(vec!["::1".parse().unwrap()]));
    }
}
