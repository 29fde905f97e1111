//! Splitting a value into words, with quotes and C escapes (systemd.syntax(7), "Quoting").

/// Why a value could not be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// A quote is opened and not closed.
    #[error("a {0} quote is not closed")]
    Unbalanced(char),
    /// A backslash is followed by something that is no escape.
    #[error("{0:?} is not an escape sequence")]
    Escape(String),
}

/// What a backslash means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backslash {
    /// The escapes of C, and `\s` for a space.
    CEscape,
    /// The same, but what is no escape stays as it is.
    Relaxed,
    /// Itself.
    Literal,
}

/// Splits at white space. Quotes, single or double, group; they may open inside a word.
///
/// # Errors
/// A quote is left open, or an escape is not one.
pub fn split(text: &str, backslash: Backslash) -> Result<Vec<String>, WordsError> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some((word, tail)) = next(rest, backslash)? {
        words.push(word);
        rest = tail;
    }
    Ok(words)
}

/// Takes the first word off a text: the word, and what follows it. None where there is none.
///
/// # Errors
/// As [`split`].
pub fn next(text: &str, backslash: Backslash) -> Result<Option<(String, &str)>, WordsError> {
    let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace());
    if text.is_empty() {
        return Ok(None);
    }
    let mut word = Vec::new();
    let mut quote: Option<char> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('\\', _) if backslash != Backslash::Literal => match escape(rest.as_str()) {
                Ok((bytes, used)) => {
                    word.extend_from_slice(&bytes);
                    rest = rest.as_str()[used..].chars();
                }
                Err(_) if backslash == Backslash::Relaxed => word.push(b'\\'),
                Err(error) => return Err(error),
            },
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_ascii_whitespace() => break,
            (c, _) => word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    match quote {
        Some(open) => Err(WordsError::Unbalanced(open)),
        None => Ok(Some((String::from_utf8_lossy(&word).into_owned(), rest.as_str()))),
    }
}

/// Replaces the escapes of C in a text, which is not split and whose quotes stand for themselves.
///
/// # Errors
/// An escape is not one.
pub fn unescape(text: &str) -> Result<Vec<u8>, WordsError> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let (bytes, used) = escape(&rest[at + 1..])?;
        out.extend_from_slice(&bytes);
        rest = &rest[at + 1 + used..];
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// Reads the escape at the start of `tail` (what follows a backslash): its bytes, and how many
/// bytes of `tail` it took.
fn escape(tail: &str) -> Result<(Vec<u8>, usize), WordsError> {
    let bad = || WordsError::Escape(format!("\\{}", tail.chars().next().unwrap_or(' ')));
    let Some(first) = tail.chars().next() else {
        return Err(bad());
    };
    let simple = match first {
        'a' => Some(0x07),
        'b' => Some(0x08),
        'f' => Some(0x0c),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(0x0b),
        's' => Some(b' '),
        '\\' | '"' | '\'' => Some(first as u8),
        _ => None,
    };
    if let Some(byte) = simple {
        return Ok((vec![byte], 1));
    }
    // (digits to read, where they begin, their base, whether they name a character or a byte)
    let (count, start, base, is_char) = match first {
        'x' => (2, 1, 16, false),
        'u' => (4, 1, 16, true),
        'U' => (8, 1, 16, true),
        '0'..='7' => (3, 0, 8, false),
        _ => return Err(bad()),
    };
    let end = start + count;
    let digits = tail.get(start..end).ok_or_else(bad)?;
    let value = digits
        .chars()
        .try_fold(0u32, |value, digit| Some(value.checked_mul(base)? + digit.to_digit(base)?))
        .filter(|value| *value != 0)
        .ok_or_else(bad)?;
    let bytes = if is_char {
        let c = char::from_u32(value).ok_or_else(bad)?;
        c.to_string().into_bytes()
    } else {
        vec![u8::try_from(value).map_err(|_| bad())?]
    };
    Ok((bytes, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn splits_as_systemd_does() {
        let cases: [(&str, &[&str]); 14] = [
            ("", &[]),
            ("  a   b\tc ", &["a", "b", "c"]),
            (r#""a b" 'c d'"#, &["a b", "c d"]),
            (r#"a"b c"d"#, &["ab cd"]),
            (r#""" x"#, &["", "x"]),
            (r#""it's" 'say "hi"'"#, &["it's", "say \"hi\""]),
            (r"a\tb", &["a\tb"]),
            (r"\x41\102", &["AB"]),
            ("\\u00e9", &["\u{e9}"]),
            ("\\U0001f600", &["\u{1f600}"]),
            (r"\s", &[" "]),
            (r"\xc3\xa9", &["\u{e9}"]),
            (r#"'\n'"#, &["\n"]),
            (r"\\ \' \x22", &["\\", "'", "\""]),
        ];
        for (text, words) in cases {
            assert_eq!(split(text, Backslash::CEscape).unwrap(), words, "{text}");
        }
    }

    #[test]
    fn a_literal_backslash_stays() {
        assert_eq!(split(r"^\d+$ 'a\'", Backslash::Literal).unwrap(), [r"^\d+$", r"a\"]);
    }

    #[test]
    fn what_is_no_escape_may_stay() {
        assert_eq!(split(r"'\w+\K' \n \q\", Backslash::Relaxed).unwrap(), [r"\w+\K", "\n", r"\q\"]);
    }

    #[test]
    fn names_what_is_wrong() {
        let error = |text| split(text, Backslash::CEscape).unwrap_err();
        assert_eq!(error("'a"), WordsError::Unbalanced('\''));
        for text in [r"\q", r"\x4", r"\x00", "\\", r"\400", "\\ud800", r"\xzz"] {
            assert!(matches!(error(text), WordsError::Escape(_)), "{text}");
        }
    }

    #[test]
    fn unescapes_without_splitting() {
        assert_eq!(unescape(r#"a b\n\x20"c"\u00e9\xff"#).unwrap(), b"a b\n \"c\"\xc3\xa9\xff");
        assert_eq!(unescape(r"a\q"), Err(WordsError::Escape(r"\q".to_owned())));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*") {
            let _ = unescape(&text);
            let _ = split(&text, Backslash::CEscape);
            let _ = split(&text, Backslash::Literal);
            let _ = split(&text, Backslash::Relaxed);
        }

        #[test]
        fn quoted_words_come_back(words in proptest::collection::vec("[a-z \\t'\"\\\\]*", 0..5)) {
            let text: Vec<String> = words
                .iter()
                .map(|word| format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")))
                .collect();
            prop_assert_eq!(split(&text.join(" "), Backslash::CEscape).unwrap(), words);
        }
    }
}
