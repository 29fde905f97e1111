//! Addresses, as far as a config is judged by them: the scheme, and whether the rest can be one (RFC 3986).

/// The parts that matter here.
pub struct Url<'t> {
    /// In small letters.
    pub scheme: String,
    /// What stands behind the scheme, without query and fragment.
    pub rest: &'t str,
    /// What stands behind `?`.
    pub query: &'t str,
}

impl<'t> Url<'t> {
    /// Reads an address; the error says what is wrong with it.
    pub fn parse(text: &'t str) -> Result<Self, String> {
        if let Some(byte) = text.bytes().find(|byte| byte.is_ascii_control()) {
            return Err(format!("the address has the control character {byte:#04x}"));
        }
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        escapes(fragment)?;
        let scheme = scheme(text).ok_or("the address has no scheme, such as https:")?;
        let rest = &text[scheme.len() + 1..];
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if let Some(behind) = rest.strip_prefix("//") {
            let (authority, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
            let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
            check_user(user)?;
            check_host(host)?;
            escapes(path)?;
        } else if rest.starts_with('/') {
            escapes(rest)?;
        }
        Ok(Url { scheme, rest, query })
    }

    /// The first value of a key of the query.
    pub fn query(&self, name: &str) -> Option<Vec<u8>> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        pairs
            .filter_map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((unescape(&key.replace('+', " "))?, unescape(&value.replace('+', " "))?))
            })
            .find(|(key, _)| key == name.as_bytes())
            .map(|(_, value)| value)
    }
}

/// The scheme of an address, in small letters.
pub fn scheme(text: &str) -> Option<String> {
    let (scheme, _) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then(|| scheme.to_ascii_lowercase())
}

/// What a text stands for whose bytes may be written as `%` and two hexadecimal digits; none where a `%` is not.
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut pieces = text.as_bytes().split(|byte| *byte == b'%');
    let mut out = pieces.next().unwrap_or_default().to_vec();
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        out.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        out.extend_from_slice(piece.get(2..)?);
    }
    Some(out)
}

fn escapes(text: &str) -> Result<(), String> {
    match unescape(text) {
        Some(_) => Ok(()),
        None => {
            Err("the address has a % without two hexadecimal digits: write %25 for the character".to_owned())
        }
    }
}

fn check_user(user: &str) -> Result<(), String> {
    match user
        .chars()
        .find(|letter| !letter.is_ascii_alphanumeric() && !"-._~!$&'()*+,;=:%@".contains(*letter))
    {
        Some(letter) => Err(format!("the address has {letter:?} in its user")),
        None => escapes(user),
    }
}

fn check_host(host: &str) -> Result<(), String> {
    let (name, port) = if let Some(behind) = host.strip_prefix('[') {
        let (address, port) = behind.rsplit_once(']').ok_or("the address has a [ without a ]")?;
        check_literal(address)?;
        ("", port)
    } else if host.contains('[') {
        return Err("the address has a [ inside its host".to_owned());
    } else {
        let colon = host.rfind(':');
        host.split_at(colon.unwrap_or(host.len()))
    };
    if !port.is_empty()
        && !port.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Err(format!("the address has the port {port:?}, which is no number"));
    }
    check_name(name)
}

/// A host's name: what is not ASCII may be escaped, what is may not, but for `%`.
fn check_name(name: &str) -> Result<(), String> {
    const ALLOWED: &str = "-._~!$&'()*+,;=:[]<>\"";
    if let Some(letter) = name.chars().find(|letter| {
        letter.is_ascii() && !letter.is_ascii_alphanumeric() && !ALLOWED.contains(*letter) && *letter != '%'
    }) {
        return Err(format!("the address has {letter:?} in its host"));
    }
    escapes(name)?;
    let plain = |piece: &&str| {
        piece.as_bytes().first().is_some_and(|digit| *digit < b'8') && !piece.starts_with("25")
    };
    match name.split('%').skip(1).find(plain) {
        Some(_) => Err("the address has an escaped ASCII character in its host".to_owned()),
        None => Ok(()),
    }
}

/// An IPv6 address between brackets, with a zone behind `%25` at most.
fn check_literal(text: &str) -> Result<(), String> {
    let (address, zone) = match text.split_once("%25") {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    if address.parse::<std::net::Ipv6Addr>().is_err()
        || zone.is_some_and(|zone| zone.is_empty() || unescape(zone).is_none())
    {
        return Err(format!("the address has [{text}], which is no IPv6 address"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_or_refused() {
        for text in [
            "http://example.com",
            "https://example.com:8443/a/b?c=%zz#d",
            "HTTP://h",
            "http:",
            "http://h:1:2/",
            "http://::1/",
            "http:opaque%zz",
            "http:///a",
            "http://user:p@ss@host/",
            "http://[::1]:80/",
            "http://[fe80::1%25eth0]/",
            "http://h:/",
            "tftp://h:69:1/x",
            "http://h%C3%A9/",
            "data:,a",
            "s3://bucket/key",
            "http://example.com/é x",
            "http://<h>",
        ] {
            assert!(Url::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "*",
            "a/b",
            "/a",
            "//h/a",
            ":x",
            "1http://h",
            "http://h\n/",
            "http://h/%",
            "http://h/%2",
            "http://h/%zz",
            "http://h/#%zz",
            "http://us er@h/",
            "http://h:80a/",
            "http://[::1/",
            "http://x[::1]/",
            "http://[1.2.3.4]/",
            "http://h h/",
            "http://%41/",
            "http://[::1]x/",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn queries_are_looked_up() {
        for (text, expected) in [
            ("s3://b/k", None),
            ("s3://b/k?versionId", Some(&b""[..])),
            ("s3://b/k?versionId=", Some(b"")),
            ("s3://b/k?a=b&version%49d=x%20y+z&versionId=2", Some(b"x y z")),
            ("s3://b/k?versionId=a;b", None),
            ("s3://b/k?versionId=%zz", None),
        ] {
            assert_eq!(Url::parse(text).unwrap().query("versionId").as_deref(), expected, "{text}");
        }
    }
}
