//! Which proxy a URL is asked through, by the rules that Go programs, and so Ignition, follow.

use std::net::IpAddr;

use crate::url::{Url, split_port};

/// A config's `ignition.proxy`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proxies {
    /// For `http:` URLs.
    pub http: Option<String>,
    /// For `https:` URLs.
    pub https: Option<String>,
    /// Hosts that are asked without: `*`, a domain (with what is below it), `.domain` (only what is below it), an
    /// address, `address/bits`; each, but for the first and the last, with a port if need be.
    pub no_proxy: Vec<String>,
}

impl Proxies {
    /// The proxy for a URL, if it is asked through one.
    pub(crate) fn of(&self, url: &Url) -> Option<&str> {
        let proxy = match url.scheme.as_str() {
            "http" => self.http.as_deref(),
            "https" => self.https.as_deref(),
            _ => None,
        };
        proxy.filter(|proxy| !proxy.is_empty() && self.may_proxy(url))
    }

    fn may_proxy(&self, url: &Url) -> bool {
        let address = url.host.parse::<IpAddr>().ok();
        if url.host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return false;
        }
        let rules = self.no_proxy.iter().flat_map(|item| item.split(','));
        !rules.map(|rule| rule.trim().to_ascii_lowercase()).any(|rule| excludes(&rule, url, address))
    }
}

/// Whether a rule of `no_proxy` is about a URL.
fn excludes(rule: &str, url: &Url, address: Option<IpAddr>) -> bool {
    if rule.is_empty() {
        return false;
    }
    if rule == "*" {
        return true;
    }
    if let Some((network, bits)) = rule.split_once('/') {
        let (Ok(network), Ok(bits), Some(address)) = (network.parse(), bits.parse(), address) else {
            return false;
        };
        return contains(network, bits, address);
    }
    // An IPv6 address may stand without brackets where no port follows.
    let (name, port) = match rule.parse::<IpAddr>() {
        Ok(_) => (rule, None),
        Err(_) => match split_port(rule) {
            Ok(parts) => parts,
            Err(_) => return false,
        },
    };
    if port.is_some_and(|port| port != url.port()) {
        return false;
    }
    if let Ok(excluded) = name.parse::<IpAddr>() {
        return address == Some(excluded);
    }
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    match name.strip_prefix('.') {
        Some(parent) => {
            url.host.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        }
        None => url.host == name || url.host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
    }
}

/// Whether an address is in a network of `bits` fixed bits.
fn contains(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(four) => (u128::from(four.to_bits()) << 96, 32),
        IpAddr::V6(six) => (six.to_bits(), 128),
    };
    let ((network, size), (address, other)) = (number(network), number(address));
    if size != other || bits > size {
        return false;
    }
    bits == 0 || (network ^ address) >> (128 - bits) == 0
}

#[cfg(test)]
mod tests {
    use super::Proxies;
    use crate::url::Url;

    #[test]
    fn what_no_proxy_excludes() {
        for (rules, url, is_proxied) in [
            ("", "http://a.example/", true),
            ("", "http://localhost/", false),
            ("", "http://127.1.2.3/", false),
            ("", "http://[::1]/", false),
            ("*", "http://a.example/", false),
            ("example", "http://a.example/", false),
            ("a.example", "http://A.EXAMPLE/", false),
            ("a.example", "http://b.a.example/", false),
            ("a.example", "http://ba.example/", true),
            (".a.example", "http://a.example/", true),
            (".a.example", "http://b.a.example/", false),
            ("*.a.example", "http://b.a.example/", false),
            ("*.a.example", "http://a.example/", true),
            ("a.example:81", "http://a.example/", true),
            ("a.example:80", "http://a.example/", false),
            ("a.example:443", "https://a.example/", false),
            ("b.example, a.example", "http://a.example/", false),
            ("10.0.0.1", "http://10.0.0.1/", false),
            ("10.0.0.1:8080", "http://10.0.0.1/", true),
            ("10.0.0.0/8", "http://10.200.0.1/", false),
            ("10.0.0.0/8", "http://11.0.0.1/", true),
            ("10.0.0.0/8", "http://a.example/", true),
            ("0.0.0.0/0", "http://11.0.0.1/", false),
            ("10.0.0.0/99", "http://10.0.0.1/", true),
            ("2001:db8::/32", "http://[2001:db8::7]/", false),
            ("2001:db8::7", "http://[2001:db8::7]/", false),
            ("[2001:db8::7]:80", "http://[2001:db8::7]/", false),
            ("10.0.0.0/8", "http://[2001:db8::7]/", true),
        ] {
            let proxies = Proxies {
                http: Some("http://proxy:3128".to_owned()),
                https: Some("http://proxy:3128".to_owned()),
                no_proxy: vec![rules.to_owned()],
            };
            assert_eq!(proxies.of(&Url::parse(url).unwrap()).is_some(), is_proxied, "{rules} {url}");
        }
    }

    #[test]
    fn each_scheme_has_its_own_proxy() {
        let proxies = Proxies { https: Some("http://p".to_owned()), ..Proxies::default() };
        assert_eq!(proxies.of(&Url::parse("http://a.example/").unwrap()), None);
        assert_eq!(proxies.of(&Url::parse("https://a.example/").unwrap()), Some("http://p"));
    }
}
