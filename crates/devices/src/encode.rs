//! Characters that names of device links may hold (udev(7), string escape).

pub use unit::text::link::encode;
use unit::text::link::is_plain;

/// [`encode`] for bytes: what is not UTF-8 is `\xNN` too.
pub fn encode_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(&encode(chunk.valid()));
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Blanks at the ends go, others become one `_`.
pub fn join_blanks(text: &str) -> String {
    text.split(is_blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}

/// What C's `isspace` takes for a blank.
fn is_blank(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

/// What may not stand for itself, and is not in `also`, becomes `_`.
pub fn replace_unsafe(text: &str, also: &str) -> String {
    let keep = |c: char| is_plain(c) || !c.is_ascii() || also.contains(c);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            // An encoded character stays encoded.
            '\\' if rest.as_str().starts_with('x') => {
                rest.next();
                out.push_str("\\x");
            }
            c if keep(c) => out.push(c),
            _ => out.push('_'),
        }
    }
    out
}

/// A vendor's, model's or serial number's text as a part of a name.
pub fn part(text: &str) -> String {
    replace_unsafe(&join_blanks(text), "")
}

/// An attribute's text as it is put into the name of a link: it may hold folders.
pub fn attribute(text: &str) -> String {
    let kept = replace_unsafe(text.trim_end_matches(is_blank), "/ $%?,");
    replace_unsafe(&join_blanks(&kept), "/ $%?,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_encoded() {
        assert_eq!(encode_bytes(b"a\xff b\xc3\xb6"), "a\\xff\\x20b\u{f6}");
    }

    #[test]
    fn characters_as_udev_writes_them() {
        for (text, encoded, as_part, as_attribute) in [
            ("ROOT", "ROOT", "ROOT", "ROOT"),
            ("data disk", "data\\x20disk", "data_disk", "data_disk"),
            ("  a  b ", "\\x20\\x20a\\x20\\x20b\\x20", "a_b", "a_b"),
            ("we/ird\\x", "we\\x2fird\\x5cx", "we_ird\\x", "we/ird\\x"),
            ("Größe", "Größe", "Größe", "Größe"),
            ("a\x01\"b", "a\\x01\\x22b", "a__b", "a__b"),
            ("100%", "100\\x25", "100_", "100%"),
            ("", "", "", ""),
        ] {
            assert_eq!(
                (encode(text).as_str(), part(text).as_str(), attribute(text).as_str()),
                (encoded, as_part, as_attribute),
                "{text:?}"
            );
        }
    }
}
