//! Reading a line (sysusers.d(5)).

use unit::text::words::{self, Backslash};

use crate::accounts::{id, is_field, is_name};
use crate::column;
use crate::path::{parts, simplify};
use crate::specifier::Specifiers;

/// Where an id is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Id {
    /// The line names it.
    Number(u32),
    /// It is that of a path's owner.
    OwnerOf(String),
}

/// A user's group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Primary {
    /// By its id; it must be there.
    Number(u32),
    /// By its name; it must be there.
    Name(String),
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// The id, where the line names one.
    pub id: Option<Id>,
    /// The group, where the line names one.
    pub group: Option<Primary>,
    /// What it is for.
    pub comment: Option<String>,
    /// Home folder.
    pub home: Option<String>,
    /// Login shell.
    pub shell: Option<String>,
    /// Whether the account is expired from the start.
    pub is_locked: bool,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// `u`
    User(String, User),
    /// `g`
    Group(String, Option<Id>),
    /// `m`: a user, a group.
    Member(String, String),
    /// `r`: the first and the last id that may be given out.
    Range(u32, u32),
}

/// Reads a line.
///
/// # Errors
/// It makes no sense; the text says why.
pub fn read(line: &str, specifiers: &Specifiers) -> Result<Line, String> {
    let mut columns = [const { None }; 6];
    let mut rest = line;
    for column in &mut columns {
        match words::next(rest, Backslash::Literal).map_err(|error| error.to_string())? {
            Some((word, tail)) => (*column, rest) = (Some(word), tail),
            None => rest = "",
        }
    }
    if !rest.trim_ascii().is_empty() {
        return Err("there is more than six columns".to_owned());
    }
    let [kind, name, id_column, comment, home, shell] = columns;
    let (Some(kind), Some(name)) = (kind, name) else {
        return Err("a line has a type and a name at least".to_owned());
    };
    let (kind, is_locked) = match kind.strip_suffix('!') {
        Some(kind) => (kind, true),
        None => (kind.as_str(), false),
    };
    if !matches!(kind, "u" | "g" | "m" | "r") {
        return Err(format!("unknown type {kind}"));
    }
    if is_locked && kind != "u" {
        return Err(format!("! does not go with {kind} lines"));
    }
    let expand = |text: Option<String>| {
        let text = column(text);
        text.map(|text| specifiers.expand_text(&text).map_err(|error| format!("{text}: {error}"))).transpose()
    };
    let name = match expand(Some(name))? {
        Some(name) if !is_name(&name) => return Err(format!("{name} is no name of an account")),
        name => name,
    };
    let id = expand(id_column)?;
    let extra = [("comment", expand(comment)?), ("home folder", expand(home)?), ("shell", expand(shell)?)];
    if let Some((what, _)) = extra.iter().find(|(_, value)| value.is_some() && kind != "u") {
        return Err(format!("{kind} lines have no {what}"));
    }
    match (kind, name) {
        ("r", None) => range(id.as_deref()),
        ("r", Some(_)) => Err("r lines have no name".to_owned()),
        (kind, None) => Err(format!("{kind} lines need a name")),
        ("m", Some(user)) => match id {
            Some(group) if is_name(&group) => Ok(Line::Member(user, group)),
            _ => Err("m lines need a group".to_owned()),
        },
        ("g", Some(name)) => Ok(Line::Group(name, id.map(|text| number_or_path(&text)).transpose()?)),
        (_, Some(name)) => Ok(Line::User(name, user(id, extra.map(|(_, value)| value), is_locked)?)),
    }
}

fn user(id: Option<String>, extra: [Option<String>; 3], is_locked: bool) -> Result<User, String> {
    let [comment, home, shell] = extra;
    if let Some(comment) = comment.as_deref().filter(|comment| !is_field(comment)) {
        return Err(format!("{comment:?} cannot stand in passwd(5)"));
    }
    let path = |path: Option<String>| match path {
        Some(path) if !path.starts_with('/') || !is_field(&path) || parts(&path).any(|part| part == "..") => {
            Err(format!("{path:?} is no path for passwd(5)"))
        }
        other => Ok(other.map(|path| simplify(&path))),
    };
    let mut user = User { comment, home: path(home)?, shell: path(shell)?, is_locked, ..User::default() };
    let Some(text) = id else {
        return Ok(user);
    };
    let own = match text.split_once(':').filter(|_| !text.starts_with('/')) {
        None => text.as_str(),
        Some((own, group)) => {
            user.group = Some(match crate::accounts::id(group) {
                Ok(number) => Primary::Number(number),
                Err(_) if is_name(group) => Primary::Name(group.to_owned()),
                Err(error) => return Err(format!("Failed to parse GID: {group}: {error}")),
            });
            own
        }
    };
    if own != "-" {
        user.id = Some(number_or_path(own)?);
    }
    Ok(user)
}

fn number_or_path(text: &str) -> Result<Id, String> {
    if text.starts_with('/') {
        return Ok(Id::OwnerOf(simplify(text)));
    }
    id(text).map(Id::Number).map_err(|error| format!("Failed to parse id {text}: {error}"))
}

fn range(text: Option<&str>) -> Result<Line, String> {
    let text = text.ok_or("r lines need a range of ids")?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (id(first), id(last)) {
        (Ok(first), Ok(last)) if first <= last => Ok(Line::Range(first, last)),
        _ => Err(format!("{text} is no range of ids")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Result<Line, String> {
        super::read(line, &Specifiers::new([('H', Some("node".to_owned()))]))
    }

    #[test]
    fn users() {
        let plain = User::default();
        for (line, expected) in [
            ("u a", plain.clone()),
            ("u a -", plain.clone()),
            ("u! a -", User { is_locked: true, ..plain.clone() }),
            ("u a 7", User { id: Some(Id::Number(7)), ..plain.clone() }),
            ("u a /var//x/", User { id: Some(Id::OwnerOf("/var/x".into())), ..plain.clone() }),
            ("u a -:7", User { group: Some(Primary::Number(7)), ..plain.clone() }),
            (
                "u a 8:x",
                User { id: Some(Id::Number(8)), group: Some(Primary::Name("x".into())), ..plain.clone() },
            ),
            ("u a - \"of %H\" /h/ /bin/zsh", {
                User {
                    comment: Some("of node".into()),
                    home: Some("/h".into()),
                    shell: Some("/bin/zsh".into()),
                    ..plain
                }
            }),
        ] {
            assert_eq!(read(line), Ok(Line::User("a".into(), expected)), "{line}");
        }
    }

    #[test]
    fn other_lines() {
        for (line, expected) in [
            ("g x", Line::Group("x".into(), None)),
            ("g x 5 - -", Line::Group("x".into(), Some(Id::Number(5)))),
            ("m a b", Line::Member("a".into(), "b".into())),
            ("r - 500-900", Line::Range(500, 900)),
            ("r - 500", Line::Range(500, 500)),
        ] {
            assert_eq!(read(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        for (line, expected) in [
            ("u", "a type and a name"),
            ("u a 1 b / /x y", "more than six columns"),
            ("u \"a", "not closed"),
            ("v a", "unknown type v"),
            ("u!! a", "unknown type u!"),
            ("g! a", "! does not go with g lines"),
            ("u 1a", "no name of an account"),
            ("u -", "u lines need a name"),
            ("u %Y", "no specifier %Y"),
            ("u a 9999999999", "Failed to parse id 9999999999: it is a number that no account can have"),
            ("u a 1:+", "Failed to parse GID: +"),
            ("u a - a:b", "cannot stand in passwd(5)"),
            ("u a - - home", "no path"),
            ("u a - - /a/../b", "no path"),
            ("g a - x", "g lines have no comment"),
            ("g a - - - /x", "g lines have no shell"),
            ("m a", "m lines need a group"),
            ("m a 1", "m lines need a group"),
            ("m - b", "m lines need a name"),
            ("r a 1", "r lines have no name"),
            ("r -", "need a range"),
            ("r - 9-1", "no range"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(line in ".*") {
            let _ = read(&line);
        }
    }
}
