//! Shell patterns (glob(7)): `*`, `?`, and sets in brackets.

/// Whether the whole text matches the pattern. Most differ before its first wildcard.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (literal, pattern) = pattern.split_at(pattern.find(['*', '?', '[', '\\']).unwrap_or(pattern.len()));
    let Some(text) = text.strip_prefix(literal) else { return false };
    match pattern.contains(['?', '[', '\\']) {
        false => matches_parts(pattern, text),
        true => matches_any(pattern, text),
    }
}

/// Most patterns have stars alone: what is between them is in the text, one part after another.
fn matches_parts(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut text) = text.strip_prefix(first).and_then(|text| text.strip_suffix(last)) else {
        return false;
    };
    for part in middle.split('*') {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    true
}

fn matches_any(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on when the rest does not match: after the last star, one character further.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match one(&pattern[p..], text[t]) {
            Some(0) => {
                retry = Some((p, t));
                p += 1;
            }
            Some(used) => {
                p += used;
                t += 1;
            }
            None => match retry {
                Some((star, at)) => {
                    retry = Some((star, at + 1));
                    p = star + 1;
                    t = at + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The folder that all matches of a path's pattern are in or below, or the path itself where it
/// has no wildcard.
pub fn base(pattern: &str) -> &str {
    match pattern.find(['*', '?', '[']) {
        None => pattern,
        Some(wildcard) => match pattern[..wildcard].rfind('/') {
            Some(0) | None => "/",
            Some(slash) => &pattern[..slash],
        },
    }
}

/// Matches one character with the start of a pattern: how much of the pattern that took, none
/// where it does not match, zero for a star.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match *pattern.first()? {
        '*' => Some(0),
        '?' => Some(1),
        '[' => match set(pattern, c) {
            Some((true, used)) => Some(used),
            Some((false, _)) => None,
            None => (c == '[').then_some(1),
        },
        '\\' if pattern.len() > 1 => (pattern[1] == c).then_some(2),
        other => (other == c).then_some(1),
    }
}

/// Whether a set has a character, and how long the set is; none where it is not closed.
fn set(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negate = matches!(pattern.get(1), Some('!' | '^'));
    let start = if negate { 2 } else { 1 };
    let mut at = start;
    let mut has = false;
    loop {
        let first = *pattern.get(at)?;
        if first == ']' && at > start {
            return Some((has != negate, at + 1));
        }
        match (pattern.get(at + 1), pattern.get(at + 2)) {
            (Some('-'), Some(last)) if *last != ']' => {
                has |= (first..=*last).contains(&c);
                at += 3;
            }
            _ => {
                has |= first == c;
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        let cases = [
            ("*", "", true),
            ("*.service", "a.service", true),
            ("*.service", "a.target", false),
            ("a*b*c", "aXbYbZc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[x", "[x", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("abc", "abcd", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_star_takes_all(pattern in ".*", text in ".*") {
            let _ = matches(&pattern, &text);
            prop_assert!(matches("*", &text));
        }

        #[test]
        fn stars_alone_match_as_in_any_pattern(pattern in "[abö*]{0,8}", text in "[abö]{0,12}") {
            prop_assert_eq!(matches_parts(&pattern, &text), matches_any(&pattern, &text));
        }
    }
}
