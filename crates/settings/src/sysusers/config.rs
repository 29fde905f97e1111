//! All lines together.

use super::line::{self, Id, Line, User};
use crate::specifier::Specifiers;
use crate::{Fault, Location, Severity, Source, lines};

/// Shells that let nobody in.
const NO_SHELLS: [&str; 3] = ["nologin", "false", "true"];
/// Folders of programs, which are one or two.
const PROGRAMS: [&str; 4] = ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"];

/// What lines ask for, each account by its name and in the order of the lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// Users, each with the line that it is from, or none where a membership alone names it.
    pub(super) users: Vec<(String, User, Option<Location>)>,
    /// Groups.
    pub(super) groups: Vec<(String, Option<Id>, Option<Location>)>,
    /// Groups, each with users that are to be in it.
    pub(super) members: Vec<(String, Vec<String>)>,
    /// The ids that may be given out, where a line says so.
    pub(super) ranges: Vec<(u32, u32)>,
}

impl Config {
    /// Reads files, and tells what is wrong with them. Of two lines for one account the first counts.
    pub fn read<'a>(
        sources: impl IntoIterator<Item = &'a Source>,
        specifiers: &Specifiers,
    ) -> (Config, Vec<Fault>) {
        let mut config = Config::default();
        let mut faults = Vec::new();
        for (at, text) in sources.into_iter().flat_map(|source| lines(source, &['#'])) {
            let added = match line::read(text, specifiers) {
                Ok(line) => config.add(line, &at).map_err(|text| (Severity::Note, text)),
                Err(text) => Err((Severity::Error, text)),
            };
            if let Err((severity, text)) = added {
                faults.push(Fault { at, severity, text });
            }
        }
        config.add_implied();
        (config, faults)
    }

    fn add(&mut self, line: Line, at: &Location) -> Result<(), String> {
        let conflict = |what: &str, name: &str, other: &Option<Location>| {
            let other = other.as_ref().map_or(String::new(), Location::to_string);
            Err(format!("the line is left out: {other} says otherwise of the {what} {name}"))
        };
        match line {
            Line::Range(first, last) => self.ranges.push((first, last)),
            Line::Member(user, group) => match self.members.iter_mut().find(|(name, _)| *name == group) {
                Some((_, users)) if users.contains(&user) => {}
                Some((_, users)) => users.push(user),
                None => self.members.push((group, vec![user])),
            },
            Line::Group(name, id) => match self.groups.iter().find(|(other, ..)| *other == name) {
                Some((_, other, _)) if *other == id => {}
                Some((_, _, other)) => return conflict("group", &name, other),
                None => self.groups.push((name, id, Some(at.clone()))),
            },
            Line::User(name, user) => match self.users.iter().find(|(other, ..)| *other == name) {
                Some((_, other, _)) if are_equal(other, &user) => {}
                Some((_, _, other)) => return conflict("user", &name, other),
                None => self.users.push((name, user, Some(at.clone()))),
            },
        }
        Ok(())
    }

    /// What a membership names is made, too.
    fn add_implied(&mut self) {
        for (group, users) in &self.members {
            for user in users {
                if !self.users.iter().any(|(name, ..)| name == user) {
                    self.users.push((user.clone(), User::default(), None));
                }
            }
            let has_user = self.users.iter().any(|(name, ..)| name == group);
            if !has_user && !self.groups.iter().any(|(name, ..)| name == group) {
                self.groups.push((group.clone(), None, None));
            }
        }
    }

    /// The paths whose owners give ids.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let ids =
            self.users.iter().map(|(_, user, _)| &user.id).chain(self.groups.iter().map(|(_, id, _)| id));
        ids.filter_map(|id| match id {
            Some(Id::OwnerOf(path)) => Some(path.as_str()),
            _ => None,
        })
    }
}

/// Whether two lines ask for the same user.
fn are_equal(one: &User, other: &User) -> bool {
    let says = |user: &User| (user.id.clone(), user.group.clone(), user.comment.clone(), user.home.clone());
    let shell = |user: &User| {
        let shell = user.shell.as_deref().unwrap_or(layout::user::NOLOGIN);
        let name =
            PROGRAMS.iter().find_map(|folder| shell.strip_prefix(folder)).filter(|name| !name.contains('/'));
        match name {
            Some(name) if NO_SHELLS.contains(&name) => "none".to_owned(),
            Some(name) => name.to_owned(),
            None => shell.to_owned(),
        }
    };
    says(one) == says(other) && shell(one) == shell(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_an_account_counts() {
        let text =
            "u a 7\nu a 7 - - /sbin/nologin\nu a 8\ng g 1\ng g\ng g 1\nm x g\nm x g\nm y z\nnonsense\n";
        let source = Source { path: "/x.conf".into(), text: text.to_owned() };
        let (config, faults) = Config::read([&source], &Specifiers::default());
        let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
        let expected = [
            "/x.conf:3: the line is left out: /x.conf:1 says otherwise of the user a",
            "/x.conf:5: the line is left out: /x.conf:4 says otherwise of the group g",
            "/x.conf:10: a line has a type and a name at least",
        ];
        assert_eq!(faults, expected);
        let users: Vec<&str> = config.users.iter().map(|(name, ..)| name.as_str()).collect();
        let groups: Vec<&str> = config.groups.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!((users, groups), (vec!["a", "x", "y"], vec!["g", "z"]));
    }
}
