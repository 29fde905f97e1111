//! `data:` addresses (RFC 2397), which carry what they name. They are read strictly, as the reference reads them.

use crate::url::unescape;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

/// What a `data:` address carries; the error says what is wrong with it.
pub fn decode(text: &str) -> Result<Vec<u8>, String> {
    let rest = text.strip_prefix("data:").ok_or("the address does not begin with data:")?;
    let (base64, data) = head(rest)?;
    if base64 {
        let wrong = |error| format!("the data is not base64 of the standard alphabet, padded by =: {error}");
        return BASE64.decode(data).map_err(wrong);
    }
    // As RFC 2396 has it: neither delimiters nor what it calls unwise.
    let odd = |letter: &char| {
        !letter.is_ascii() || letter.is_ascii_control() || " <>#\"{}|\\^[]`".contains(*letter)
    };
    if let Some(letter) = data.chars().find(odd) {
        return Err(format!("the data has {letter:?}: escape it by %, or use base64"));
    }
    unescape(data).ok_or_else(|| {
        "the data has a % without two hexadecimal digits: write %25 for the character".to_owned()
    })
}

const NO_COMMA: &str = "the address has no comma before its data";

/// Reads the type and the parameters: whether the data is base64, and the data.
fn head(text: &str) -> Result<(bool, &str), String> {
    let mut rest = match text.as_bytes().first() {
        None => return Err(NO_COMMA.to_owned()),
        Some(b';' | b',') => text,
        Some(_) => media_type(text)?,
    };
    loop {
        if let Some(data) = rest.strip_prefix(',') {
            return Ok((false, data));
        }
        let parameter = rest.strip_prefix(';').ok_or(NO_COMMA)?;
        let (name, behind) = token(parameter);
        if name.is_empty() {
            return Err("the address has a ; without a parameter behind it".to_owned());
        }
        rest = match behind.as_bytes().first() {
            Some(b',') if name == "base64" => return Ok((true, &behind[1..])),
            Some(b',') => return Err(format!("the address has {name} where only base64 can stand")),
            Some(b'=') => value(&behind[1..])?,
            _ => return Err(format!("the parameter {name} of the address has no value")),
        };
    }
}

/// Skips a type such as `text/plain`.
fn media_type(text: &str) -> Result<&str, String> {
    const KINDS: [&str; 7] = ["text", "image", "audio", "video", "application", "message", "multipart"];
    let (kind, behind) = token(text);
    let Some(behind) = behind.strip_prefix('/') else {
        return Err(format!("the address has the type {kind:?}, which is none such as text/plain"));
    };
    let own = kind.starts_with("x-") || kind.starts_with("X-");
    if !own && !KINDS.iter().any(|known| kind.starts_with(known)) {
        return Err(format!("the address has the type {kind}/, which is none of RFC 2045"));
    }
    Ok(token(behind).1)
}

/// Skips the value of a parameter.
fn value(text: &str) -> Result<&str, String> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut escaped = false;
        for (index, letter) in quoted.char_indices() {
            match letter {
                '"' if !escaped => return Ok(&quoted[index + 1..]),
                letter if !letter.is_ascii() => break,
                letter if escaped && !"abfnrtv\\\"".contains(letter) => break,
                letter => escaped = letter == '\\' && !escaped,
            }
        }
        return Err("the address has a parameter whose quotation mark is not closed".to_owned());
    }
    let (value, behind) = token(text);
    if value.is_empty() || unescape(value).is_none() {
        return Err("the address has a parameter without a value".to_owned());
    }
    Ok(behind)
}

/// A token of RFC 2045, and what follows.
fn token(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| {
        !letter.is_ascii()
            || letter.is_ascii_control()
            || letter == ' '
            || "()<>@,;:\\\"/[]?=".contains(letter)
    });
    text.split_at(end.unwrap_or(text.len()))
}

/// The standard alphabet, padded. What bits the last letter has too many say nothing.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn data_is_decoded() {
        for (text, expected) in [
            ("data:,", &b""[..]),
            ("data:,a%20b%0A", b"a b\n"),
            ("data:;base64,", b""),
            ("data:;base64,YQ==", b"a"),
            ("data:;base64,YWI=", b"ab"),
            ("data:;base64,YWJj", b"abc"),
            ("data:;base64,YR==", b"a"),
            ("data:text/plain;charset=utf-8;base64,+/+/", b"\xfb\xff\xbf"),
            ("data:text/plain;charset=\"a;b,\\\"c\",x", b"x"),
            ("data:x-own/thing,x", b"x"),
            ("data:text/,x", b"x"),
            ("data:,a,b;c=d", b"a,b;c=d"),
            ("data:text/plain;x=\"a,b;c\";base64,YQ==", b"a"),
            ("data:,a?b&c=d;e", b"a?b&c=d;e"),
        ] {
            assert_eq!(decode(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_strictly_right_is_refused() {
        for text in [
            "data:",
            "data:x",
            "",
            "http://a",
            "data:,a#b",
            "data:,{}",
            "data:,a\nb",
            "data:;base64,====",
            "data:;base32,a",
            "data:text/plain;,a",
            "data:text/plain;=b,a",
            "Data:,x",
            "data:,a b",
            "data:,é",
            "data:,%",
            "data:,%4",
            "data:,#",
            "data:;base64",
            "data:;,x",
            "data:;charset,x",
            "data:;charset=,x",
            "data:;base64,YQ",
            "data:;base64,YQ=",
            "data:;base64,YQ===",
            "data:;base64,Y===",
            "data:;base64,Y Q=",
            "data:;base64,YQ-_",
            "data:;base64,=YQ=",
            "data:;base64;charset=x,YQ==",
            "data:foo/bar,x",
            "data:text,x",
            "data:;a=\"b,x",
            "data:;a=%zz,x",
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let base64 = BASE64.encode(&bytes);
            prop_assert_eq!(decode(&format!("data:;base64,{base64}")), Ok(bytes.clone()));
            let percent: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(decode(&format!("data:,{percent}")), Ok(bytes));
        }

        #[test]
        fn no_text_is_a_fault(text in "data:.{0,60}") {
            let _ = decode(&text);
        }
    }
}
