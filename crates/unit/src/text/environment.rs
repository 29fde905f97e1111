//! Environment files (systemd.exec(5), `EnvironmentFile=`): assignments, one a line.

use crate::text::expand::is_name;

/// Reads the assignments of an environment file. Lines that are none are skipped. Quotes group
/// and are taken off; a backslash at a line's end joins the next one.
pub fn parse(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut rest = text.chars().peekable();
    while rest.peek().is_some() {
        // One logical line: quotes may hold line feeds.
        let line = logical_line(&mut rest);
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        if let Some((name, value)) = line.split_once('=') {
            let name = name.trim();
            if is_name(name) {
                out.push((name.to_owned(), unquote(value.trim())));
            }
        }
    }
    out
}

/// Takes a line off the text, with the lines that it is continued on.
fn logical_line(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut line = String::new();
    let mut quote = None;
    while let Some(c) = rest.next() {
        let comment = line.trim_start().starts_with(['#', ';']);
        match c {
            '\n' if quote.is_none() || comment => break,
            '\\' if !comment && quote != Some('\'') => match rest.next() {
                Some('\n') => {}
                Some(next) => line.extend(['\\', next]),
                None => {}
            },
            '"' | '\'' if !comment => {
                match quote {
                    None => quote = Some(c),
                    Some(open) if open == c => quote = None,
                    Some(_) => {}
                }
                line.push(c);
            }
            _ => line.push(c),
        }
    }
    line
}

/// Takes quotes and backslashes off a value.
fn unquote(value: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('\\', Some('"')) => match rest.next() {
                // Inside double quotes only these lose their backslash, as in a shell.
                Some(next @ ('"' | '\\' | '`' | '$')) => out.push(next),
                Some(next) => out.extend(['\\', next]),
                None => {}
            },
            ('\\', None) => out.extend(rest.next()),
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, _) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        let text = "# comment \\\nA=1\n; B=no\n  C = spaced out \nD=\"two words\"\nE='$A \"x\"'\n\
                    F=one\\\ntwo\nG=\"line\nfeed\"\nexport H=1\nI=a\\ b\nJ=\nK=\"a\\\"b\\n\"\n#'\nL=x";
        let got = parse(text);
        let expected = [
            ("A", "1"),
            ("C", "spaced out"),
            ("D", "two words"),
            ("E", "$A \"x\""),
            ("F", "onetwo"),
            ("G", "line\nfeed"),
            ("I", "a b"),
            ("J", ""),
            ("K", "a\"b\\n"),
            ("L", "x"),
        ];
        let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(got, expected);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*") {
            let _ = parse(&text);
        }
    }
}
