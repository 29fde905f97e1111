//! Base64 (RFC 4648, section 4).

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

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes base64, padded.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= group.len() { letter.into() } else { '=' });
        }
    }
    out
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

    #[test]
    fn it_is_written_and_read_as_the_rfc_has_it() {
        let (text, plain) = ("Zm9vYmFy", b"foobar");
        for length in 0..=plain.len() {
            let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", text][length];
            assert_eq!(encode(&plain[..length]), expected);
            assert_eq!(decode(expected.as_bytes()).unwrap(), &plain[..length]);
        }
        assert_eq!(encode(&[0xff, 0xfe]), "//4=");
    }
}
