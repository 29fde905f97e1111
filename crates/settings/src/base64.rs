//! Base64 (RFC 4648, section 4), read.

/// Reads base64; white space in it does not count.
///
/// # Errors
/// Something that is no base64 is in it.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if !text.len().is_multiple_of(4) {
        return Err("base64 comes in groups of four letters");
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return Err("base64 ends in two = at most");
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for group in text.chunks_exact(4) {
        let is_last = out.len() + 3 == text.len() / 4 * 3;
        let bits = group.iter().enumerate().try_fold(0u32, |bits, (at, byte)| {
            let is_padding = is_last && *byte == b'=' && at >= 4 - padding;
            let value = if is_padding { Some(0) } else { value(*byte) };
            value.map(|value| bits << 6 | value).ok_or("base64 has letters, digits, + and /")
        })?;
        out.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    out.truncate(out.len() - padding);
    Ok(out)
}

fn value(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc() {
        let cases = [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9v\nYmFy", "foobar"),
            ("Zm9vYg==", "foob"),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text.as_bytes()).unwrap(), expected.as_bytes(), "{text}");
        }
        assert_eq!(decode(b"+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
        for text in ["Z", "Zg=", "Zg==Zg==", "====", "Z===", "Zm9!"] {
            assert!(decode(text.as_bytes()).is_err(), "{text}");
        }
    }
}
