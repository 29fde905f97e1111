//! `$VAR` and `${VAR}` in command lines (systemd.service(5), "Command lines").

use std::collections::BTreeMap;

use crate::text::words::{self, Backslash};

/// Expands the variables of a command's arguments, the program (the first) apart:
/// - `$VAR` as a whole argument becomes zero or more, its value split at white space;
/// - `${VAR}`, anywhere, becomes the value as it is;
/// - `$$` is a dollar sign.
///
/// A variable that is not set is empty. Their names are returned beside the arguments.
pub fn arguments(argv: &[String], environment: &BTreeMap<String, String>) -> (Vec<String>, Vec<String>) {
    let mut out = Vec::with_capacity(argv.len());
    let mut unset = Vec::new();
    for (index, argument) in argv.iter().enumerate() {
        let whole = argument.strip_prefix('$').filter(|name| is_name(name));
        match whole {
            _ if index == 0 => out.push(argument.clone()),
            Some(name) => match environment.get(name) {
                Some(value) => out.extend(
                    words::split(value, Backslash::Literal)
                        .unwrap_or_else(|_| value.split_ascii_whitespace().map(Into::into).collect()),
                ),
                None => unset.push(name.to_owned()),
            },
            None => out.push(in_place(argument, environment, &mut unset)),
        }
    }
    (out, unset)
}

/// Replaces each `${VAR}` and `$$` of one argument.
fn in_place(argument: &str, environment: &BTreeMap<String, String>, unset: &mut Vec<String>) -> String {
    let mut out = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let braced =
            tail.strip_prefix('{').and_then(|inner| inner.split_once('}')).filter(|(name, _)| is_name(name));
        if let Some((name, after)) = braced {
            match environment.get(name) {
                Some(value) => out.push_str(value),
                None => unset.push(name.to_owned()),
            }
            rest = after;
        } else {
            out.push('$');
            rest = tail.strip_prefix('$').unwrap_or(tail);
        }
    }
    out.push_str(rest);
    out
}

/// Whether `name` can name an environment variable.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(argv: &[&str]) -> (Vec<String>, Vec<String>) {
        let environment = [("ONE", "one"), ("TWO", "two words"), ("QUOTED", "'a b' c"), ("EMPTY", "")];
        let environment =
            environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        arguments(&argv, &environment)
    }

    #[test]
    fn expands_by_the_rules_of_systemd() {
        let cases: [(&[&str], &[&str]); 9] = [
            (&["p", "$ONE", "${ONE}"], &["p", "one", "one"]),
            (&["p", "$TWO"], &["p", "two", "words"]),
            (&["p", "${TWO}"], &["p", "two words"]),
            (&["p", "$QUOTED"], &["p", "a b", "c"]),
            (&["p", "$EMPTY", "${EMPTY}"], &["p", ""]),
            (&["p", "a${ONE}b$ONE"], &["p", "aoneb$ONE"]),
            (&["p", "$$ONE", "$$"], &["p", "$ONE", "$"]),
            (&["p", "${", "$", "${no name}"], &["p", "${", "$", "${no name}"]),
            (&["$ONE", "x"], &["$ONE", "x"]),
        ];
        for (argv, expanded) in cases {
            assert_eq!(expand(argv).0, expanded, "{argv:?}");
        }
    }

    #[test]
    fn an_unset_variable_is_empty_and_named() {
        let (argv, unset) = expand(&["p", "$NO", "x${NOPE}y"]);
        assert_eq!(argv, ["p", "xy"]);
        assert_eq!(unset, ["NO", "NOPE"]);
    }
}
