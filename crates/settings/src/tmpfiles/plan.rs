//! What all lines together come to: which is done, before which other.

use std::collections::BTreeMap;

use super::item::Item;
use super::kind::Kind;
use super::line::{self, Context, Read};
use crate::path::{braces, is_below, matches, parent};
use crate::{Fault, Severity, Source, lines};

/// What is done for lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// What lines with `$` make is removed.
    Purge,
    /// What lines say is to go is removed.
    Remove,
    /// What is too old is removed.
    Clean,
    /// What lines say is to be there is made.
    Create,
}

/// The lines of one path, those that say whose it is first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The path, or the pattern.
    pub path: String,
    /// Whether it is a pattern.
    pub is_pattern: bool,
    /// The lines.
    pub items: Vec<Item>,
    /// The group of the nearest path above.
    parent: Option<usize>,
    /// The groups that this one is the parent of.
    children: Vec<usize>,
}

/// All lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Paths, in the order of their lines, and then patterns.
    groups: Vec<Group>,
    /// Where a path's group is.
    paths: BTreeMap<String, usize>,
    /// Where a pattern's group is.
    patterns: BTreeMap<String, usize>,
}

impl Plan {
    /// Reads lines. What is wrong with them is told.
    pub fn read<'a>(
        sources: impl IntoIterator<Item = &'a Source>,
        context: &Context<'_>,
    ) -> (Plan, Vec<Fault>) {
        let mut plan = Plan::default();
        let mut faults = Vec::new();
        for (at, text) in sources.into_iter().flat_map(|source| lines(source, &['#'])) {
            let mut tell = |severity, text| faults.push(Fault { at: at.clone(), severity, text });
            match line::read(text, &at, context) {
                Err(text) => tell(Severity::Error, text),
                Ok(Read::Skipped) => {}
                Ok(Read::Noted(note)) => tell(Severity::Note, note),
                Ok(Read::Item(item, notes)) => {
                    notes.into_iter().for_each(|note| tell(Severity::Note, note));
                    if let Err(note) = plan.add(*item) {
                        tell(Severity::Note, note);
                    }
                }
            }
        }
        plan.link();
        (plan, faults)
    }

    /// Adds a line, unless an earlier one for its path contradicts it.
    fn add(&mut self, item: Item) -> Result<(), String> {
        let is_pattern = item.kind.takes_pattern();
        let index = if is_pattern { &mut self.patterns } else { &mut self.paths };
        let Some(at) = index.get(&item.path) else {
            index.insert(item.path.clone(), self.groups.len());
            let path = item.path.clone();
            let group = Group { path, is_pattern, items: vec![item], parent: None, children: Vec::new() };
            self.groups.push(group);
            return Ok(());
        };
        let group = &mut self.groups[*at];
        let appends = |item: &Item| item.kind == Kind::Write && item.plus;
        let goes_with = |other: &Item| other.agrees_with(&item) || (appends(other) && appends(&item));
        if let Some(other) = group.items.iter().find(|other| !goes_with(other)) {
            return Err(format!(
                "{} is left out: {} says otherwise of {}",
                item.kind.letter(),
                other.at,
                item.path
            ));
        }
        group.items.push(item);
        // What makes a path comes before what adjusts it.
        group.items.sort_by_key(|item| (!item.kind.owns(), item.kind.letter()));
        Ok(())
    }

    /// Finds each group's parent, and what the folders are kept by that are kept only themselves.
    fn link(&mut self) {
        for at in 0..self.groups.len() {
            let mut above = self.groups[at].path.as_str();
            let mut found = None;
            while let (None, Some(path)) = (found, parent(above)) {
                found = self.paths.get(path).or_else(|| self.patterns.get(path)).copied();
                above = path;
            }
            self.groups[at].parent = found;
            if let Some(parent) = found {
                self.groups[parent].children.push(at);
            }
        }
        let is_kept = |item: &Item| item.kind == Kind::KeepFolder;
        for at in 0..self.groups.len() {
            if !self.groups[at].items.iter().any(is_kept) {
                continue;
            }
            let age = self.age_around(&self.groups[at].path);
            for item in self.groups[at].items.iter_mut().filter(|item| is_kept(item)) {
                item.age = age.or(item.age);
            }
        }
    }

    /// The age of the folder that a pattern is in, or of the folder that it stands for.
    fn age_around(&self, pattern: &str) -> Option<super::age::Age> {
        let mut best: Option<&Item> = None;
        let folders = self.groups.iter().filter(|group| !group.is_pattern).flat_map(|group| &group.items);
        for item in folders.filter(|item| item.kind.is_folder()) {
            let is_better = match best {
                _ if item.path == pattern => return item.age,
                Some(best) => is_below(&item.path, &best.path) && matches(pattern, &item.path),
                None => is_below(pattern, &item.path),
            };
            if is_better {
                best = Some(item);
            }
        }
        best?.age
    }

    /// The groups.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The lines in the order in which an operation is done for them: what is made comes after what it is
    /// in, what is removed before it. Patterns come last.
    pub fn order(&self, operation: Operation) -> Vec<&Item> {
        let mut order = Vec::new();
        let mut done = vec![false; self.groups.len()];
        for is_pattern in [false, true] {
            for at in (0..self.groups.len()).filter(|at| self.groups[*at].is_pattern == is_pattern) {
                self.visit(at, operation == Operation::Create, &mut done, &mut order);
            }
        }
        order.into_iter().flat_map(|at| &self.groups[at].items).collect()
    }

    fn visit(&self, at: usize, from_above: bool, done: &mut [bool], order: &mut Vec<usize>) {
        let mut todo = vec![(at, false)];
        while let Some((at, is_ready)) = todo.pop() {
            let group = &self.groups[at];
            if is_ready && !done[at] {
                done[at] = true;
                order.push(at);
            } else if !done[at] {
                todo.push((at, true));
                match from_above {
                    true => todo.extend(group.parent.map(|parent| (parent, false))),
                    false => todo.extend(group.children.iter().rev().map(|child| (*child, false))),
                }
            }
        }
    }

    /// Whether some line is about a path, so that cleaning up what it is in leaves it.
    pub fn names(&self, path: &str) -> bool {
        self.paths.contains_key(path)
            || self.patterns.keys().flat_map(|pattern| braces(pattern)).any(|p| matches(&p, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::Accounts;
    use crate::specifier::Specifiers;
    use crate::tmpfiles::Argument;
    use proptest::prelude::*;

    fn read_with(text: &str, boot: bool) -> (Plan, Vec<String>) {
        let accounts = Accounts::read(["daemon:x:1:1:::"], ["daemon:x:1:"]);
        let specifiers = Specifiers::new([('H', Some("node".to_owned())), ('m', None)]);
        let none: [String; 0] = [];
        let credential = |name: &str| (name == "c").then(|| b"Zm9v".to_vec());
        let context = Context {
            boot,
            graceful: false,
            include: &none,
            exclude: &none,
            specifiers: &specifiers,
            accounts: &accounts,
            credential: &credential,
        };
        let source = Source { path: "/x.conf".into(), text: text.to_owned() };
        let (plan, faults) = Plan::read([&source], &context);
        (plan, faults.iter().map(Fault::to_string).collect())
    }

    fn one(text: &str) -> Item {
        let (plan, faults) = read_with(text, true);
        assert!(faults.is_empty(), "{text}: {faults:?}");
        plan.groups[0].items[0].clone()
    }

    fn order(text: &str, operation: Operation) -> Vec<String> {
        let (plan, _) = read_with(text, true);
        plan.order(operation).iter().map(|item| format!("{} {}", item.kind.letter(), item.path)).collect()
    }

    #[test]
    fn columns() {
        let item = one("f+-=$ \"/a b/\\x63\"  :~0644 :daemon 7 ~am:10d  one  two\\n");
        assert_eq!((item.kind, item.path.as_str()), (Kind::File, "/a b/c"));
        assert!(item.plus && item.may_fail && item.replaces && item.purges);
        assert_eq!(item.mode, Some(Mode { bits: 0o644, only_new: true, masked: true }));
        assert_eq!(item.user, Some(Owner { id: 1, only_new: true }));
        assert_eq!(item.group, Some(Owner { id: 7, only_new: false }));
        assert!(item.age.unwrap().keep_first_level);
        assert_eq!(item.argument, Argument::Bytes(b"one  two\n".to_vec()));
    }

    use crate::tmpfiles::{Mode, Owner};

    #[test]
    fn arguments() {
        let bytes = |text: &str| Argument::Bytes(text.as_bytes().to_vec());
        for (line, expected) in [
            ("f /a 0644 - - - foo", bytes("foo")),
            ("f /a 0644 - - - foo bar", bytes("foo bar")),
            ("f /a 0644 - - - foo\\x20bar", bytes("foo bar")),
            ("f /a 0644 - - - \\x20foobar", bytes(" foobar")),
            ("f /a 0644 - - -  foo bar \\n", bytes("foo bar \n")),
            ("f /a 0644 - - - \" foo bar \"", bytes("\" foo bar \"")),
            ("f /a - - - - %H %%", bytes("node %")),
            ("f /a", Argument::None),
            ("f /a - - - - -", Argument::None),
            ("f~ /a - - - - Zm9v", bytes("foo")),
            ("f~ /a - - - - %H==", Argument::None),
            ("f^ /a - - - - c", bytes("Zm9v")),
            ("f^~ /a - - - - c", bytes("foo")),
            ("F /a - - - - x", bytes("x")),
            ("L /a/b", Argument::Path("/usr/share/factory/a/b".to_owned())),
            ("L /a - - - - ../%H", Argument::Path("../node".to_owned())),
            ("C /a - - - - /x//y/", Argument::Path("/x/y".to_owned())),
            ("c /a - - - - 1:3", Argument::Device { major: 1, minor: 3 }),
            ("t /a - - - - user.a=\"b c\" user.%H=%H", {
                Argument::Xattrs(vec![
                    ("user.a".into(), b"b c".to_vec()),
                    ("user.node".into(), b"node".to_vec()),
                ])
            }),
        ] {
            let (plan, faults) = read_with(line, false);
            match plan.groups.first() {
                Some(group) => assert_eq!(group.items[0].argument, expected, "{line}"),
                None => assert_eq!(faults, ["/x.conf:1: base64 has letters, digits, + and /"], "{line}"),
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for line in [
            "asdfa",
            "f \"open quote",
            "f closed quote\"\"",
            "Y /unknown/letter",
            "w non/absolute/path",
            "s",
            "f!! /too/many/bangs",
            "f++ /too/many/plusses",
            "f+!+ /x",
            "f!+! /x",
            "f== /x",
            "w /unresolved/argument - - - - \"%Y\"",
            "w /x - - - - \"%v%Y%v\"",
            "w /unresolved/%Y - - - - x",
            "w - - - - - \"no file specified\"",
            "C - - - - - \"no file specified\"",
            "C non/absolute - - - - -",
            "b - - - - - -",
            "b 1234 - - - - -",
            "c - - - - - -",
            "c 1234 - - - - -",
            "t - - -",
            "T - - -",
            "a - - -",
            "A - - -",
            "h - - -",
            "H - - -",
            "w /x",
            "c /x",
            "c /x - - - - 4096:1",
            "b /x - - - - 1",
            "d /x 0888",
            "d /x 77777",
            "d /x +755",
            "d /x - nobody",
            "d /x - - nobody",
            "d /x - - - 1fortnight",
            "d~ /x",
            "L~ /x - - - - y",
            "d^ /x",
            "f^ /x - - - - a/b",
            "x$ /x",
            "d? /x",
            "C /x - - - - y",
            "h /x - - - - q",
            "t /x - - - - user.a",
            "f~ /x - - - - !",
            "f /x - - - - \\q",
            "f /\\xff",
        ] {
            let (plan, faults) = read_with(line, true);
            assert!(plan.groups.is_empty() && faults.len() == 1, "{line}: {faults:?}");
        }
    }

    #[test]
    fn what_is_not_for_now_is_passed_over() {
        for (text, boot, expected) in [
            ("r! /x", false, &[][..]),
            ("r! /x", true, &[]),
            ("f^ /x - - - - other", true, &[]),
            (
                "f /x - - - - %m",
                true,
                &["/x.conf:1: passed over: what %m stands for is not known on this system yet"],
            ),
            ("d /var/run/x", true, &["/x.conf:1: /var/run/x is taken for /run/x"]),
            ("d /x - - - - y", true, &["/x.conf:1: d lines take no argument: it is passed over"]),
            (
                "a /x - - - - u:nobody:r",
                true,
                &["/x.conf:1: the access control list is passed over: there is no user nobody"],
            ),
        ] {
            assert_eq!(read_with(text, boot).1, expected, "{text}");
        }
    }

    #[test]
    fn the_first_line_of_a_path_counts() {
        let (plan, faults) = read_with(
            "d /a 0755\n\nd /a 0700\nz /a 0711\nt /a - - - - user.x=1\nd /a 0755\nw+ /b - - - - 1\nw+ /b - - - - 2\nw /b - - - - 3\n",
            true,
        );
        let expected = [
            "/x.conf:3: d is left out: /x.conf:1 says otherwise of /a",
            "/x.conf:9: w is left out: /x.conf:7 says otherwise of /b",
        ];
        assert_eq!(faults, expected);
        let letters: Vec<String> = plan
            .groups
            .iter()
            .map(|group| group.items.iter().map(|item| item.kind.letter()).collect())
            .collect();
        assert_eq!(letters, ["dd", "tz", "ww"]);
    }

    #[test]
    fn parents_are_made_first_and_removed_last() {
        let text = "r /a/b/c\nd /a/b\nz /a/*\nd /a\nR /a/b\n";
        let made = ["d /a", "d /a/b", "r /a/b/c", "z /a/*", "R /a/b"];
        assert_eq!(order(text, Operation::Create), made);
        assert_eq!(order("r /p\nr /p/f", Operation::Remove), ["r /p/f", "r /p"]);
        assert_eq!(order("r /p/f\nr /p", Operation::Remove), ["r /p/f", "r /p"]);
        assert_eq!(order("D /a\nd /a/b\nr /a/b/*", Operation::Remove), ["r /a/b/*", "d /a/b", "D /a"]);
    }

    #[test]
    fn cleaning_up_leaves_what_a_line_is_about() {
        let (plan, _) = read_with("d /tmp - - - 1d\nx /tmp/[ab]\nx /tmp/{c,d}x\nd /tmp/y\nX /tmp/z\n", true);
        for (path, expected) in
            [("/tmp/a", true), ("/tmp/c", false), ("/tmp/dx", true), ("/tmp/y", true), ("/tmp/y/a", false)]
        {
            assert_eq!(plan.names(path), expected, "{path}");
        }
        let kept = plan.groups.iter().find(|group| group.path == "/tmp/z").unwrap();
        let day = std::time::Duration::from_secs(86_400);
        assert_eq!(kept.items[0].age.unwrap().span, Some(day));
    }

    proptest! {
        #[test]
        fn never_panics(text in "([a-zA-Z+!=~^$?-]{1,3} /?[a-z%/*{},]{0,9}( [-~:a-z0-9%\\\\\"]{1,6}){0,6}\n){0,4}|.*") {
            let (plan, _) = read_with(&text, true);
            for operation in [Operation::Create, Operation::Remove] {
                let all: usize = plan.groups().iter().map(|group| group.items.len()).sum();
                prop_assert_eq!(plan.order(operation).len(), all);
            }
        }
    }
}
