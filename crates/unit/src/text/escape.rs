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

/// Escapes a path as the names of mounts have it: `/` is `-`, `/var/lib` is `var-lib`.
pub fn escape_path(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.is_empty() {
        true => "-".to_owned(),
        false => escape(&parts.join("/")),
    }
}

/// Undoes [`escape_path`].
pub fn unescape_path(text: &str) -> String {
    format!("/{}", unescape(text).trim_matches('/'))
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
    fn paths_as_names_of_mounts() {
        for (path, name) in
            [("/", "-"), ("/var/lib", "var-lib"), ("//a-b//.c/", "a\\x2db-.c"), ("/.a", "\\x2ea")]
        {
            assert_eq!(escape_path(path), name);
        }
        for (name, path) in [("-", "/"), ("var-lib", "/var/lib"), ("a\\x2db", "/a-b")] {
            assert_eq!(unescape_path(name), path);
        }
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
