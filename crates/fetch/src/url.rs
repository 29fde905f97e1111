//! As much of URLs (RFC 3986) as fetching needs.

use std::net::IpAddr;

/// A URL with an authority, in its parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Url {
    /// In lower case.
    pub scheme: String,
    /// `user:password`, as written.
    pub user: Option<String>,
    /// A name in lower case, or an address without brackets.
    pub host: String,
    pub port: Option<u16>,
    /// With the leading slash and the query, without a fragment.
    pub path: String,
}

pub(crate) use ignition::scheme;

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(bad) = text.chars().find(|&character| character.is_control() || character == ' ') {
            return Err(format!("{bad:?} cannot be part of a URL"));
        }
        let scheme = scheme(text).ok_or("it has no scheme, such as https:")?;
        let rest = text[scheme.len() + 1..].strip_prefix("//").ok_or("// must follow the scheme")?;
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, authority),
        };
        let (host, port) = split_port(place)?;
        if host.is_empty() {
            return Err("it has no host".to_owned());
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { scheme, user, host: host.to_ascii_lowercase(), port, path })
    }

    /// The port, or the scheme's own.
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.scheme.as_str() {
            "https" => 443,
            "tftp" => 69,
            _ => 80,
        })
    }

    /// The host as it stands in a URL.
    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// `scheme://host:port`, without the user.
    pub(crate) fn origin(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}", self.scheme, self.bracketed())
    }

    /// The URL without the user, as it is asked for.
    pub(crate) fn plain(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }

    /// Where `location` leads from here (RFC 3986, section 5.2, without dot segments, which servers resolve).
    pub(crate) fn join(&self, location: &str) -> Result<Self, String> {
        let next = if scheme(location).is_some_and(|scheme| location[scheme.len()..].starts_with("://")) {
            Self::parse(location)?
        } else if location.starts_with("//") {
            Self::parse(&format!("{}:{location}", self.scheme))?
        } else {
            let before = self.path.split('?').next().unwrap_or_default();
            let path = match location.chars().next() {
                Some('/') => location.to_owned(),
                Some('?') => format!("{before}{location}"),
                Some('#') | None => self.path.clone(),
                _ => format!("{}/{location}", before.rsplit_once('/').map_or("", |(folder, _)| folder)),
            };
            Self::parse(&format!("{}{path}", self.origin()))?
        };
        if next.scheme != "http" && next.scheme != "https" {
            return Err(format!("a redirect to {}: is not followed", next.scheme));
        }
        Ok(next)
    }
}

/// The host and the port of `host`, `host:port`, `[address]:port`.
pub(crate) fn split_port(place: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("a bracket is not closed")?;
            host.parse::<IpAddr>().map_err(|_| format!("{host:?} is no address"))?;
            let port = match after {
                "" => None,
                _ => Some(after.strip_prefix(':').ok_or("only a port may follow the bracket")?),
            };
            (host, port)
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = match port {
        None | Some("") => None,
        Some(digits) => Some(digits.parse().map_err(|_| format!("{digits:?} is no port"))?),
    };
    Ok((host, port))
}

/// A source as messages have it: without a password or what a query holds, and of bounded length.
pub fn shown(source: &str) -> String {
    const MOST: usize = 120;
    let mut text = match Url::parse(source) {
        Ok(url) if scheme(source).as_deref() != Some("data") => {
            let (path, query) =
                url.path.split_once('?').map_or((url.path.as_str(), ""), |(path, _)| (path, "?…"));
            format!("{}{path}{query}", url.origin())
        }
        _ => source.to_owned(),
    };
    if text.chars().count() > MOST {
        text = text.chars().take(MOST).chain("…".chars()).collect();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Url, shown};

    #[test]
    fn parts() {
        let url = Url::parse("HTTPS://me:pw@[2001:DB8::1]:8443/a/b?c=d#e").unwrap();
        assert_eq!(url.plain(), "https://[2001:db8::1]:8443/a/b?c=d");
        assert_eq!((url.user.as_deref(), url.port()), (Some("me:pw"), 8443));
        assert_eq!(Url::parse("http://Host?q").unwrap().plain(), "http://host/?q");
        for bad in [
            "",
            "http",
            "http:a",
            "http://",
            "http:///a",
            "http://a:b/",
            "http://a b/",
            "http://[::1/",
            "://a",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn redirects() {
        let base = Url::parse("http://u:p@a.example:8080/x/y?z").unwrap();
        for (location, expected) in [
            ("https://b.example/c", "https://b.example/c"),
            ("//b.example/c", "http://b.example/c"),
            ("/c?d", "http://a.example:8080/c?d"),
            ("c", "http://a.example:8080/x/c"),
            ("?q", "http://a.example:8080/x/y?q"),
            ("", "http://a.example:8080/x/y?z"),
        ] {
            assert_eq!(base.join(location).unwrap().plain(), expected, "{location}");
        }
        assert_eq!(base.join("/same").unwrap().user, None, "who asks is not told to where a redirect leads");
        assert!(base.join("file:///etc/shadow").is_err());
        assert!(base.join("gopher://a/").is_err());
    }

    #[test]
    fn what_messages_show() {
        assert_eq!(shown("http://u:p@h/f?sig=secret"), "http://h/f?…");
        assert_eq!(shown("data:,a"), "data:,a");
        assert!(shown(&format!("data:,{}", "ä".repeat(1000))).chars().count() < 130);
    }
}
