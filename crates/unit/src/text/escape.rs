//! Unit-name escaping (systemd-escape(1)): any string as part of a unit name, and back; paths as
//! the names of mounts and swaps.

/// Escapes a string: `/` becomes `-`, and what names cannot hold becomes `\xNN`.
pub fn escape(text: &str) -> String {
    let mut out = String::new();
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => out.push('-'),
            b'.' if index == 0 => out.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out
}

/// Escapes a path: `/` at its ends and doubled ones do not count, and the root is `-`. None where
/// the path has `..` in it, which names nothing by itself.
pub fn escape_path(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return None;
    }
    Some(if parts.is_empty() { "-".to_owned() } else { escape(&parts.join("/")) })
}

/// Undoes [`escape_path`]: gives an absolute path.
pub fn unescape_path(text: &str) -> String {
    match text {
        "-" => "/".to_owned(),
        text => format!("/{}", unescape(text)),
    }
}

/// Undoes [`escape`]. What is not a valid escape stays as it is; bytes that are not UTF-8 become
/// U+FFFD.
pub fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at..at + 4)
            .filter(|four| four.starts_with(b"\\x"))
            .and_then(|four| std::str::from_utf8(&four[2..]).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (bytes[at], hex) {
            (_, Some(byte)) => {
                out.push(byte);
                at += 4;
                continue;
            }
            (b'-', None) => out.push(b'/'),
            (byte, None) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_as_systemd_escape_does() {
        let cases = [
            ("dev/sda", "dev-sda"),
            ("a-b", "a\\x2db"),
            (".hidden", "\\x2ehidden"),
            ("h\u{e9}", "h\\xc3\\xa9"),
            ("a b", "a\\x20b"),
        ];
        for (plain, escaped) in cases {
            assert_eq!(escape(plain), escaped);
            assert_eq!(unescape(escaped), plain);
        }
    }

    #[test]
    fn paths() {
        for (path, escaped) in [
            ("/", "-"),
            ("//", "-"),
            ("/dev//sda/", "dev-sda"),
            ("/var/lib/a-b", "var-lib-a\\x2db"),
            ("/.x", "\\x2ex"),
        ] {
            assert_eq!(escape_path(path).as_deref(), Some(escaped), "{path}");
        }
        assert_eq!(escape_path("/a/../b"), None);
        assert_eq!(unescape_path("-"), "/");
        assert_eq!(unescape_path("var-lib-a\\x2db"), "/var/lib/a-b");
    }

    #[test]
    fn a_broken_escape_stays() {
        assert_eq!(unescape("a\\x2"), "a\\x2");
        assert_eq!(unescape("\\xzz"), "\\xzz");
    }

    proptest! {
        #[test]
        fn unescape_undoes_escape(text in ".*") {
            prop_assert_eq!(unescape(&escape(&text)), text);
        }
    }
}
