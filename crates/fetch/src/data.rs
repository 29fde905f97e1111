//! `data:` URLs (RFC 2397), as strictly as Ignition reads them.
//!
//! `data:[type/subtype][;attribute=value]...[;base64],data`. A media type is checked and has no further
//! meaning.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The bytes that a `data:` URL holds, or what is wrong with it.
pub fn decode(url: &str) -> Result<Vec<u8>, String> {
    let rest = strip_scheme(url).ok_or("it does not begin with \"data:\"")?;
    // A URL's empty fragment is no part of it.
    let rest = rest.strip_suffix('#').unwrap_or(rest);
    let comma = comma(rest)?;
    let (head, data) = (&rest[..comma], &rest[comma + 1..]);
    match media_type(head)? {
        Encoding::Base64 => {
            if let Some(other) = data.chars().find(|&character| !is_base64(character)) {
                return Err(format!("{other:?} is not a character of base64"));
            }
            STANDARD.decode(data).map_err(|fault| format!("the data are not base64: {fault}"))
        }
        Encoding::Percent => {
            if let Some(other) = data.chars().find(|&character| !is_url_character(character)) {
                return Err(format!("{other:?} must be written as {}", escaped(other)));
            }
            percent(data)
        }
    }
}

#[derive(PartialEq)]
enum Encoding {
    Percent,
    Base64,
}

fn strip_scheme(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_at_checked(5)?;
    scheme.eq_ignore_ascii_case("data:").then_some(rest)
}

/// Where the data's comma is: the first that no quotes hold.
fn comma(text: &str) -> Result<usize, &'static str> {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b',' => return Ok(at),
            b'"' => loop {
                match bytes.next() {
                    Some((_, b'"')) => break,
                    Some((_, b'\\')) => _ = bytes.next(),
                    Some(_) => {}
                    None => return Err("a quoted value has no end"),
                }
            },
            _ => {}
        }
    }
    Err("there is no comma before the data")
}

/// Checks what stands before the comma.
fn media_type(head: &str) -> Result<Encoding, String> {
    let mut parts = parameters(head).into_iter();
    let kind = parts.next().unwrap_or_default();
    if !kind.is_empty() {
        let (top, sub) = kind.split_once('/').ok_or("the media type has no slash")?;
        const KNOWN: [&str; 7] = ["text", "image", "audio", "video", "application", "message", "multipart"];
        let is_experimental = top.starts_with("x-") || top.starts_with("X-");
        if !is_token(top) || !(is_experimental || KNOWN.iter().any(|known| top.starts_with(known))) {
            return Err(format!("{top:?} is no media type"));
        }
        if !is_token(sub) {
            return Err(format!("{sub:?} is no media subtype"));
        }
    }
    let mut encoding = Encoding::Percent;
    for part in parts {
        if encoding == Encoding::Base64 {
            return Err("\";base64\" must stand right before the comma".to_owned());
        }
        match part.split_once('=') {
            Some((name, value)) if is_token(name) && is_value(value) => {}
            None if part == "base64" => encoding = Encoding::Base64,
            _ => return Err(format!("{part:?} is not of the form attribute=value, nor base64")),
        }
    }
    Ok(encoding)
}

/// The parts between semicolons that no quotes hold.
fn parameters(head: &str) -> Vec<&str> {
    let (mut parts, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in head.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b';' if !is_quoted => {
                parts.push(&head[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&head[start..]);
    parts
}

fn is_value(value: &str) -> bool {
    match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"').is_some_and(|inner| inner.is_ascii()),
        None => is_token(value) && percent(value).is_ok(),
    }
}

/// RFC 2045's token.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte))
}

fn is_base64(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+/=".contains(character)
}

fn is_url_character(character: char) -> bool {
    character.is_ascii_graphic() && !"<>#\"{}|\\^[]`".contains(character)
}

fn escaped(character: char) -> String {
    character.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn percent(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| (byte as char).to_digit(16));
        let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
            return Err("two hexadecimal digits must follow each %".to_owned());
        };
        decoded.push((high * 16 + low) as u8);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::decode;
    use proptest::prelude::*;

    #[test]
    fn what_a_data_url_holds() {
        for (url, expected) in [
            ("data:,", ""),
            ("data:,hello", "hello"),
            ("DATA:,hello", "hello"),
            ("data:,hello%20world%0a", "hello world\n"),
            ("data:;base64,aGVsbG8=", "hello"),
            ("data:text/plain,a", "a"),
            ("data:text/plain;charset=utf-8,a", "a"),
            ("data:text/plain;charset=utf-8;base64,YQ==", "a"),
            ("data:text/plain;x=\"a,b;c\";base64,YQ==", "a"),
            ("data:;charset=US-ASCII,a,b", "a,b"),
            ("data:x-thing/x,a", "a"),
            ("data:,a?b&c=d;e", "a?b&c=d;e"),
            ("data:,a#", "a"),
            ("data:;base64,", ""),
        ] {
            assert_eq!(decode(url).as_deref(), Ok(expected.as_bytes()), "{url}");
        }
    }

    #[test]
    fn what_is_no_data_url() {
        for url in [
            "",
            "data",
            "data:",
            "data:a",
            "http://a",
            "data:,a b",
            "data:,a#b",
            "data:,%",
            "data:,%4",
            "data:,%zz",
            "data:,{}",
            "data:,ä",
            "data:,a\nb",
            "data:;base64,aGVsbG8",
            "data:;base64,aGVs bG8=",
            "data:;base64,a-_=",
            "data:;base64,====",
            "data:;base32,a",
            "data:;base64;a=b,YQ==",
            "data:text,a",
            "data:thing/x,a",
            "data:text/,a",
            "data:text/plain;,a",
            "data:text/plain;a=,a",
            "data:text/plain;=b,a",
            "data:text/plain;a=\"b,a",
        ] {
            assert!(decode(url).is_err(), "{url}: {:?}", decode(url));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            use base64::Engine as _;
            let base64 = base64::engine::general_purpose::STANDARD.encode(&bytes);
            prop_assert_eq!(decode(&format!("data:;base64,{base64}")), Ok(bytes.clone()));
            let percent: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(decode(&format!("data:,{percent}")), Ok(bytes));
        }

        #[test]
        fn no_text_is_a_panic(text in "data:.{0,60}") {
            _ = decode(&text);
        }
    }
}
