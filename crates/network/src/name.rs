//! Names of hosts and domains that came from outside.

/// Longest domain name (RFC 1035).
pub const LONGEST: usize = 253;

/// Whether a text may stand in resolv.conf as a domain, or be a host's name.
pub fn is_domain(text: &str) -> bool {
    let fits = !text.is_empty() && text.len() <= LONGEST;
    fits && text.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    })
}

/// Domain names as they are on the wire without compression (RFC 8415, section 10; RFC 8106, section 5.2, where
/// zeros fill the field up). Stops at the first that is cut off.
pub fn uncompressed(mut field: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut labels: Vec<&str> = Vec::new();
    while let Some((length, rest)) = field.split_first() {
        if *length == 0 {
            let name = labels.join(".");
            if is_domain(&name) && !names.contains(&name) {
                names.push(name);
            }
            labels.clear();
            field = rest;
            continue;
        }
        let label = rest.split_at_checked(usize::from(*length)).filter(|_| *length < 64);
        let Some((label, rest)) = label else { break };
        let Ok(label) = std::str::from_utf8(label) else { break };
        labels.push(label);
        field = rest;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_domains() {
        for (text, fits) in [
            ("example.org", true),
            ("a_b-c.1", true),
            ("", false),
            (".", false),
            ("a..b", false),
            ("-a", false),
            ("a b", false),
            ("a\nb", false),
        ] {
            assert_eq!(is_domain(text), fits, "{text:?}");
        }
        assert!(!is_domain(&"a.".repeat(200)) && !is_domain(&"a".repeat(64)));
    }

    #[test]
    fn names_on_the_wire() {
        for (field, expected) in [
            (&b"\x07example\x03org\0\x01a\0\0\0"[..], vec!["example.org", "a"]),
            (b"\x01a\x01b", vec![]),
            (b"\x01a\0\x40b", vec!["a"]),
            (b"\x01a\0\xc0\x00", vec!["a"]),
            (b"\x01\xff\0", vec![]),
            (b"", vec![]),
        ] {
            assert_eq!(uncompressed(field), expected, "{field:?}");
        }
    }
}
