//! etcd: `/health` of its client or metrics address says that it is, which takes a read that its cluster agrees on.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde::Deserialize;

/// A database that is full was so before this version came.
const PATH: &str = "/health?exclude=NOSPACE";
/// What it is asked by: an address for metrics takes no certificate, as a client's may.
const SETTINGS: [(&str, &str); 2] =
    [("listen-metrics-urls", "ETCD_LISTEN_METRICS_URLS"), ("listen-client-urls", "ETCD_LISTEN_CLIENT_URLS")];
/// The longest answer that is read, in bytes.
const ANSWER_MAX: u64 = 64 << 10;

/// Where it can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Endpoint {
    /// For its health.
    Http(String),
    /// Only whether it takes a connection: it wants a certificate.
    Tls(String),
    /// Nothing is known of it.
    Unknown,
}

/// Asks the etcd that has this process.
pub fn ask(pid: i32, patience: Duration) -> Result<(), String> {
    let strings = |file: &str| {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let strings = bytes.split(|byte| *byte == 0).filter(|string| !string.is_empty());
        strings.map(|string| String::from_utf8_lossy(string).into_owned()).collect::<Vec<_>>()
    };
    match endpoint(&strings("cmdline"), &strings("environ")) {
        Endpoint::Http(address) => judge(&get(&address, patience)?),
        Endpoint::Tls(address) => connect(&address, patience).map(drop),
        // It has said that it is ready, which it does when it serves clients.
        Endpoint::Unknown => Ok(()),
    }
}

/// The best address among what it was started with.
fn endpoint(arguments: &[String], environment: &[String]) -> Endpoint {
    let urls = SETTINGS.iter().flat_map(|(flag, variable)| {
        let list = argument(arguments, flag).or_else(|| {
            let mut values = environment.iter();
            values.find_map(|entry| entry.strip_prefix(variable)?.strip_prefix('='))
        });
        list.unwrap_or_default().split(',').map(str::trim)
    });
    let mut best = Endpoint::Unknown;
    for url in urls {
        if let Some(address) = url.strip_prefix("http://") {
            return Endpoint::Http(reachable(address));
        }
        if let Some(address) = url.strip_prefix("https://")
            && best == Endpoint::Unknown
        {
            best = Endpoint::Tls(reachable(address));
        }
    }
    best
}

/// The value of a flag, written `--flag=value` or `--flag value`, with one dash or two.
fn argument<'a>(arguments: &'a [String], flag: &str) -> Option<&'a str> {
    arguments.iter().enumerate().find_map(|(index, argument)| {
        let rest = argument.strip_prefix('-')?;
        match rest.strip_prefix('-').unwrap_or(rest).strip_prefix(flag)? {
            "" => arguments.get(index + 1).map(String::as_str),
            rest => rest.strip_prefix('='),
        }
    })
}

/// An address that is listened on, as one that can be connected to.
fn reachable(address: &str) -> String {
    let address = address.split('/').next().unwrap_or_default();
    for (any, local) in [("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")] {
        if let Some(port) = address.strip_prefix(any) {
            return format!("{local}{port}");
        }
    }
    address.to_owned()
}

fn connect(address: &str, patience: Duration) -> Result<TcpStream, String> {
    let doing = |error: std::io::Error| format!("{address} does not answer: {error}");
    let mut last = std::io::Error::other("it is no address");
    for address in address.to_socket_addrs().map_err(doing)? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(doing(last))
}

fn get(address: &str, patience: Duration) -> Result<String, String> {
    let doing = |error: std::io::Error| format!("{address} does not answer: {error}");
    let mut stream = connect(address, patience)?;
    let request = format!("GET {PATH} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    let timed = stream.set_read_timeout(Some(patience)).and(stream.set_write_timeout(Some(patience)));
    timed.and_then(|()| stream.write_all(request.as_bytes())).map_err(doing)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).map_err(doing)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[derive(Deserialize)]
struct Health {
    health: String,
    #[serde(default)]
    reason: String,
}

/// Judges an answer. One that is not well is so with its status, too.
fn judge(answer: &str) -> Result<(), String> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    match serde_json::from_str::<Health>(body) {
        Ok(health) if health.health == "true" => Ok(()),
        Ok(Health { reason, .. }) if reason.is_empty() => Err("it says that it is not healthy".to_owned()),
        Ok(Health { reason, .. }) => Err(format!("it says that it is not healthy: {reason}")),
        Err(_) => {
            let line: String = head.lines().next().unwrap_or_default().chars().take(80).collect();
            Err(format!("it answered {line:?} instead of its health"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_where_it_listens() {
        let http = |address: &str| Endpoint::Http(address.into());
        let tls = |address: &str| Endpoint::Tls(address.into());
        for (arguments, environment, expected) in [
            ("etcd", "ETCD_LISTEN_CLIENT_URLS=http://127.0.0.1:2379", http("127.0.0.1:2379")),
            ("etcd", "A=1 ETCD_LISTEN_CLIENT_URLS=http://0.0.0.0:2379", http("127.0.0.1:2379")),
            ("etcd", "ETCD_LISTEN_CLIENT_URLS=http://[::]:2379", http("[::1]:2379")),
            (
                "etcd",
                "ETCD_LISTEN_CLIENT_URLS=https://10.0.0.1:2379,http://127.0.0.1:2379",
                http("127.0.0.1:2379"),
            ),
            ("etcd", "ETCD_LISTEN_CLIENT_URLS=https://10.0.0.1:2379", tls("10.0.0.1:2379")),
            (
                "etcd",
                "ETCD_LISTEN_CLIENT_URLS=https://10.0.0.1:2379 ETCD_LISTEN_METRICS_URLS=http://127.0.0.1:2381",
                http("127.0.0.1:2381"),
            ),
            // A flag wins over the environment.
            ("etcd --listen-client-urls=http://h:1", "ETCD_LISTEN_CLIENT_URLS=http://h:2", http("h:1")),
            ("etcd -listen-client-urls http://h:1/", "", http("h:1")),
            ("etcd --listen-client-urls", "", Endpoint::Unknown),
            ("etcd --config-file=/etc/etcd.yaml", "", Endpoint::Unknown),
            ("", "", Endpoint::Unknown),
        ] {
            let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(
                endpoint(&words(arguments), &words(environment)),
                expected,
                "{arguments} {environment}"
            );
        }
    }

    #[test]
    fn it_is_as_well_as_it_says() {
        for (answer, expected) in [
            ("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{\"health\":\"true\",\"reason\":\"\"}", None),
            ("HTTP/1.0 200 OK\r\n\r\n{\"health\":\"true\"}\n", None),
            (
                "HTTP/1.0 503 Service Unavailable\r\n\r\n{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}",
                Some("it says that it is not healthy: RAFT NO LEADER"),
            ),
            ("HTTP/1.0 503 x\r\n\r\n{\"health\":\"false\"}", Some("it says that it is not healthy")),
            (
                "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
                Some("it answered \"HTTP/1.0 400 Bad Request\" instead of its health"),
            ),
            ("", Some("it answered \"\" instead of its health")),
        ] {
            assert_eq!(judge(answer).err().as_deref(), expected, "{answer}");
        }
    }
}
