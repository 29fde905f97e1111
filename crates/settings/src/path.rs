//! Paths as text: their parts, their patterns.

use unit::text::glob;

/// Whether a path has wildcards in it.
pub fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

/// A path without doubled slashes, `.` and a slash at its end. `..` stays.
pub fn simplify(path: &str) -> String {
    let parts: Vec<&str> = parts(path).collect();
    match (path.starts_with('/'), parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// The parts of a path that say something.
pub fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !matches!(*part, "" | "."))
}

/// Whether a path is another, or below it.
pub fn is_below(path: &str, folder: &str) -> bool {
    let mut own = parts(path);
    path.starts_with('/') == folder.starts_with('/') && parts(folder).all(|part| own.next() == Some(part))
}

/// A path's parent; none of the root.
pub fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        (_, "") => None,
        ("", _) => Some("/"),
        (parent, _) => Some(parent),
    }
}

/// Whether one part of a path matches one of a pattern. A dot at the start is matched by a dot only.
pub fn part_matches(pattern: &str, name: &str) -> bool {
    (!name.starts_with('.') || pattern.starts_with('.')) && glob::matches(pattern, name)
}

/// Whether a whole path matches a pattern; wildcards stand for no slash. The pattern's braces must have
/// been expanded.
pub fn matches(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut own) = (parts(pattern), parts(path));
    loop {
        match (wanted.next(), own.next()) {
            (None, None) => return true,
            (Some(pattern), Some(name)) if part_matches(pattern, name) => {}
            _ => return false,
        }
    }
}

/// As many alternatives as one pattern may stand for; what would be more is left as it is.
const BRACES_MAX: usize = 1024;

/// The patterns that one with braces stands for: `a{b,c}` is `ab` and `ac`.
pub fn braces(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut todo = vec![pattern.to_owned()];
    while let Some(next) = todo.pop() {
        match (alternatives(&next), done.len() + todo.len() < BRACES_MAX) {
            (Some((before, choices, after)), true) => {
                let expanded = choices.iter().rev().map(|choice| format!("{before}{choice}{after}"));
                todo.extend(expanded.collect::<Vec<_>>());
            }
            _ => done.push(next),
        }
    }
    done
}

/// The first pair of braces with a comma in it: what is before, its parts, what is after.
fn alternatives(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    for (open, _) in pattern.match_indices('{') {
        let (mut depth, mut start, mut choices) = (0usize, open + 1, Vec::new());
        for (at, c) in pattern[open..].char_indices().map(|(at, c)| (open + at, c)) {
            match c {
                '{' => depth += 1,
                ',' if depth == 1 => {
                    choices.push(&pattern[start..at]);
                    start = at + 1;
                }
                '}' if depth == 1 => {
                    if choices.is_empty() {
                        break;
                    }
                    choices.push(&pattern[start..at]);
                    return Some((&pattern[..open], choices, &pattern[at + 1..]));
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn simple_paths() {
        let cases =
            [("/", "/"), ("//a///b/", "/a/b"), ("/./a/.", "/a"), ("a//b", "a/b"), ("/a/../b", "/a/../b")];
        for (path, expected) in cases {
            assert_eq!(simplify(path), expected, "{path}");
        }
        let parents = [("/", None), ("/a", Some("/")), ("/a/b", Some("/a"))];
        for (path, expected) in parents {
            assert_eq!(parent(path), expected, "{path}");
        }
    }

    #[test]
    fn below() {
        for (path, folder, expected) in [
            ("/run/x", "/run", true),
            ("/run", "/run/", true),
            ("/running", "/run", false),
            ("/x", "/", true),
            ("/", "/x", false),
        ] {
            assert_eq!(is_below(path, folder), expected, "{path} {folder}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, path, expected) in [
            ("/tmp/*", "/tmp/a", true),
            ("/tmp/*", "/tmp/.a", false),
            ("/tmp/.*", "/tmp/.a", true),
            ("/tmp/*", "/tmp/a/b", false),
            ("/*/a?", "/tmp/ab", true),
            ("/tmp/[1-3]", "/tmp/2", true),
            ("/tmp/[!.]x", "/tmp/.x", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn braces_stand_for_each_choice() {
        for (pattern, expected) in [
            ("/a", &["/a"][..]),
            ("/a{b,c}", &["/ab", "/ac"]),
            ("/{a,b{1,2}}x", &["/ax", "/b1x", "/b2x"]),
            ("/{,x}", &["/", "/x"]),
            ("/{a}", &["/{a}"]),
            ("/{a,b", &["/{a,b"]),
            ("/{a}{b,c}", &["/{a}b", "/{a}c"]),
        ] {
            assert_eq!(braces(pattern), expected, "{pattern}");
        }
        assert!(braces(&"{a,b}".repeat(40)).len() <= BRACES_MAX + 1);
    }

    proptest! {
        #[test]
        fn never_panics(pattern in ".*", path in ".*") {
            let _ = (matches(&pattern, &path), is_below(&pattern, &path), simplify(&path), parent(&path));
            prop_assert!(!braces(&pattern).is_empty());
        }
    }
}
