//! Where messages are forwarded to.

use std::fmt;

/// A target, by its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What is spoken.
    pub protocol: Protocol,
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, with HTTP.
    pub path: String,
}

/// What is spoken with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A syslog message a datagram (RFC 5426).
    Udp,
    /// Syslog messages with their length before them (RFC 6587, octet counting).
    Tcp,
    /// JSON lines by POST.
    Http,
}

impl Target {
    /// `udp://HOST[:PORT]`, `tcp://HOST[:PORT]`.
    ///
    /// # Errors
    /// It is none.
    pub fn syslog(url: &str) -> Result<Self, String> {
        let (protocol, rest) = match (url.strip_prefix("udp://"), url.strip_prefix("tcp://")) {
            (Some(rest), _) => (Protocol::Udp, rest),
            (_, Some(rest)) => (Protocol::Tcp, rest),
            _ => return Err(format!("Syslog={url} does not begin with udp:// or tcp://")),
        };
        let default = if protocol == Protocol::Udp { 514 } else { 601 };
        let (host, port) = address(rest.trim_end_matches('/'), default)
            .ok_or_else(|| format!("Syslog={url} names no host and port"))?;
        Ok(Self { protocol, host, port, path: String::new() })
    }

    /// `http://HOST[:PORT]/PATH`.
    ///
    /// # Errors
    /// It is none, or asks for TLS.
    pub fn http(url: &str) -> Result<Self, String> {
        if url.starts_with("https://") {
            return Err(format!(
                "Http={url}: https is not built: http:// to a collector or a proxy on the machine or its network is"
            ));
        }
        let rest =
            url.strip_prefix("http://").ok_or_else(|| format!("Http={url} does not begin with http://"))?;
        let (place, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let wrong = || format!("Http={url} names no host and port");
        let (host, port) = address(place, 80).ok_or_else(wrong)?;
        if !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!("Http={url}: its path has letters that must be escaped"));
        }
        Ok(Self { protocol: Protocol::Http, host, port, path: path.to_owned() })
    }

    /// Whether HTTP is spoken with it.
    pub fn is_http(&self) -> bool {
        self.protocol == Protocol::Http
    }

    /// Host and port as a URL has them.
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
            Protocol::Http => "http",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`.
fn address(text: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest)
        }
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None => Some(default).filter(|_| port.is_empty())?,
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    (!host.is_empty() && host.chars().all(is_host)).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (url, text) in [
            ("udp://logs", "udp://logs:514"),
            ("tcp://10.0.0.1", "tcp://10.0.0.1:601"),
            ("tcp://[::1]:5140/", "tcp://[::1]:5140"),
            ("http://logs.example", "http://logs.example:80/"),
            ("http://logs:9428/insert/jsonline?x=1", "http://logs:9428/insert/jsonline?x=1"),
        ] {
            let target = if url.starts_with("http") { Target::http(url) } else { Target::syslog(url) };
            assert_eq!(target.unwrap().to_string(), text);
        }
        for url in [
            "udp://",
            "udp://:5",
            "udp://a:b",
            "udp://a:0",
            "tcp://[x]:1",
            "tcp://a/b",
            "tcp://a b",
            "tls://x",
        ] {
            assert!(Target::syslog(url).is_err(), "{url}");
        }
        for url in ["http://", "http:///x", "https://x/", "http://a/b c", "http://a\r\nX: y/"] {
            assert!(Target::http(url).is_err(), "{url}");
        }
    }
}
