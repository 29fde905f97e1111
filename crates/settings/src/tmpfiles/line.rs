//! Reading a line (tmpfiles.d(5), "Configuration File Format").

use unit::text::words::{self, Backslash};

use super::acl::Acl;
use super::age;
use super::attributes;
use super::item::{Argument, Item, Mode, Owner};
use super::kind::Kind;
use crate::accounts::{self, Accounts};
use crate::path::{is_below, simplify};
use crate::specifier::{SpecifierError, Specifiers};
use crate::{Location, base64, column};

/// Where what a line leaves out is taken from.
const FACTORY: &str = "/usr/share/factory";

/// What the meaning of a line depends on.
pub struct Context<'a> {
    /// Whether lines with `!` are followed.
    pub boot: bool,
    /// Whether users and groups that are not there are passed over.
    pub graceful: bool,
    /// Prefixes of which a path must have one, where there are any.
    pub include: &'a [String],
    /// Prefixes that a path may not have.
    pub exclude: &'a [String],
    /// What specifiers stand for.
    pub specifiers: &'a Specifiers,
    /// Users and groups.
    pub accounts: &'a Accounts,
    /// What a credential holds; nothing where it is not given.
    pub credential: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

/// What a line came to.
pub enum Read {
    /// It is to be followed; what is told of it beside.
    Item(Box<Item>, Vec<String>),
    /// It is not for now.
    Skipped,
    /// It is not for now, which is told.
    Noted(String),
}

/// Signs behind the letter.
#[derive(Default)]
struct Signs {
    boot: bool,
    plus: bool,
    may_fail: bool,
    replaces: bool,
    base64: bool,
    credential: bool,
    purges: bool,
    needs_target: bool,
}

impl Signs {
    fn read(text: &str) -> Option<Signs> {
        let mut signs = Signs::default();
        for sign in text.chars() {
            let flag = match sign {
                '!' => &mut signs.boot,
                '+' => &mut signs.plus,
                '-' => &mut signs.may_fail,
                '=' => &mut signs.replaces,
                '~' => &mut signs.base64,
                '^' => &mut signs.credential,
                '$' => &mut signs.purges,
                '?' => &mut signs.needs_target,
                _ => return None,
            };
            if std::mem::replace(flag, true) {
                return None;
            }
        }
        Some(signs)
    }
}

/// Reads a line.
///
/// # Errors
/// It makes no sense; the text says why.
pub fn read(line: &str, at: &Location, context: &Context<'_>) -> Result<Read, String> {
    let (columns, rest) = columns(line)?;
    let [kind_and_signs, path, mode, user, group, age] = columns;
    let (Some(kind_and_signs), Some(path)) = (kind_and_signs, path) else {
        return Err("a line has a type and a path at least".to_owned());
    };
    let mut letters = kind_and_signs.chars();
    let letter = letters.next().ok_or("the type is empty")?;
    let Some(mut signs) = Signs::read(letters.as_str()) else {
        return Err(format!("unknown modifiers, or one twice, in {kind_and_signs}"));
    };
    if signs.boot && !context.boot {
        return Ok(Read::Skipped);
    }
    let mut notes = Vec::new();
    let path = match expand_text(&path, context) {
        Err(Later(note)) => return Ok(Read::Noted(note)),
        Ok(path) => absolute(&path?, &mut notes)?,
    };
    let kind = Kind::of(letter).ok_or_else(|| format!("unknown type {letter}"))?;
    signs.plus |= letter == 'F';
    let argument = Some(rest).filter(|rest| !matches!(*rest, "" | "-"));
    check(kind, &signs, argument)?;
    if argument.is_some() && !kind.takes_argument() {
        notes.push(format!("{letter} lines take no argument: it is passed over"));
    }
    if !is_wanted(&path, context) {
        return Ok(Read::Skipped);
    }
    let argument = match read_argument(kind, argument, &path, &signs, context, &mut notes) {
        Err(Later(note)) => return Ok(Read::Noted(note)),
        Ok(argument) => match argument? {
            Some(argument) => argument,
            None if notes.is_empty() => return Ok(Read::Skipped),
            None => return Ok(Read::Noted(notes.join("; "))),
        },
    };
    let mut is_unknown = false;
    let mut owner = |text: Option<String>, what: &str, known: &std::collections::BTreeMap<String, u32>| {
        let Some(text) = column(text) else {
            return Ok(None);
        };
        let name = text.strip_prefix(':').unwrap_or(&text);
        match accounts::id(name).ok().or_else(|| known.get(name).copied()) {
            Some(id) => Ok(Some(Owner { id, only_new: name != text })),
            None if context.graceful => {
                is_unknown = true;
                Ok(None)
            }
            None => Err(format!("there is no {what} {name}")),
        }
    };
    let user = owner(user, "user", &context.accounts.users)?;
    let group = owner(group, "group", &context.accounts.groups)?;
    let mut mode = column(mode).map(|text| read_mode(&text)).transpose()?;
    if let Some(mode) = mode.as_mut().filter(|mode| is_unknown && mode.bits & !0o777 != 0) {
        // Nobody else may get what the owner that is not there was to have.
        mode.bits &= 0o777;
        notes.push(format!("the mode is {:o}, since its owner is not there", mode.bits));
    }
    let age = column(age).map(|text| age::parse(&text)).transpose()?;
    let item = Item {
        kind,
        path,
        plus: signs.plus,
        may_fail: signs.may_fail,
        replaces: signs.replaces,
        purges: signs.purges,
        needs_target: signs.needs_target,
        mode,
        user,
        group,
        age,
        argument,
        at: at.clone(),
    };
    Ok(Read::Item(Box::new(item), notes))
}

/// Takes the six columns before the argument off a line.
fn columns(line: &str) -> Result<([Option<String>; 6], &str), String> {
    let mut columns = [const { None }; 6];
    let mut rest = line;
    for column in &mut columns {
        let Some((word, tail)) = words::next(rest, Backslash::CEscape).map_err(|error| error.to_string())?
        else {
            rest = "";
            break;
        };
        *column = Some(word);
        rest = tail;
    }
    Ok((columns, rest.trim_ascii_start()))
}

/// What is not known yet: the line is for a later time.
struct Later(String);

/// The outcome of expanding, apart from what is not known yet.
type Expanded<T> = Result<Result<T, String>, Later>;

fn expanded<T>(result: Result<T, SpecifierError>) -> Expanded<T> {
    match result {
        Err(error @ SpecifierError::Unresolved(_)) => Err(Later(format!("passed over: {error}"))),
        other => Ok(other.map_err(|error| error.to_string())),
    }
}

fn expand_text(text: &str, context: &Context<'_>) -> Expanded<String> {
    expanded(context.specifiers.expand_text(text))
}

/// A path as it is followed.
fn absolute(path: &str, notes: &mut Vec<String>) -> Result<String, String> {
    if !path.starts_with('/') {
        return Err(format!("the path {path} is not absolute"));
    }
    if path.contains(['\0', char::REPLACEMENT_CHARACTER]) {
        return Err(format!("the path {path:?} is not UTF-8 text"));
    }
    let path = simplify(path);
    // The one place with two names that every system has: two lines for it could not be told apart.
    Ok(match path.strip_prefix("/var/run/") {
        Some(rest) => {
            notes.push(format!("{path} is taken for /run/{rest}"));
            format!("/run/{rest}")
        }
        None => path,
    })
}

/// Whether the signs fit the type, and the argument that it must have is there.
fn check(kind: Kind, signs: &Signs, argument: Option<&str>) -> Result<(), String> {
    let letter = kind.letter();
    if signs.base64 && !kind.writes() {
        return Err(format!("~ (base64) does not go with {letter} lines"));
    }
    if argument.is_none() && kind.takes_argument() && !matches!(kind, Kind::File | Kind::Link | Kind::Copy) {
        return Err(format!("{letter} lines need an argument"));
    }
    if signs.purges && !kind.can_purge() {
        return Err(format!("$ (purge) does not go with {letter} lines"));
    }
    if signs.needs_target && kind != Kind::Link {
        return Err(format!("? does not go with {letter} lines"));
    }
    if signs.credential && !kind.writes() {
        return Err(format!("^ (credential) does not go with {letter} lines"));
    }
    Ok(())
}

fn is_wanted(path: &str, context: &Context<'_>) -> bool {
    let has = |prefixes: &[String]| prefixes.iter().any(|prefix| is_below(path, prefix));
    !has(context.exclude) && (context.include.is_empty() || has(context.include))
}

/// Reads the argument. None where the line is not for now.
fn read_argument(
    kind: Kind,
    text: Option<&str>,
    path: &str,
    signs: &Signs,
    context: &Context<'_>,
    notes: &mut Vec<String>,
) -> Expanded<Option<Argument>> {
    let text_or_empty = text.unwrap_or_default();
    let bytes = || -> Expanded<Vec<u8>> {
        match words::unescape(text_or_empty) {
            Ok(bytes) => expanded(context.specifiers.expand(&bytes)),
            Err(error) => Ok(Err(error.to_string())),
        }
    };
    let argument = match kind {
        Kind::File | Kind::Write if text.is_none() && !signs.credential => Ok(Argument::None),
        Kind::File | Kind::Write => {
            let bytes = if signs.base64 { Ok(text_or_empty.as_bytes().to_vec()) } else { bytes()? };
            return Ok(bytes.and_then(|bytes| content(bytes, signs, context)));
        }
        Kind::Link | Kind::Copy => bytes()?.and_then(|bytes| {
            let to = String::from_utf8(bytes).map_err(|_| "the argument is not UTF-8 text".to_owned())?;
            target(kind, to, text.is_none(), path).map(Argument::Path)
        }),
        Kind::CharDevice | Kind::BlockDevice => device(text_or_empty),
        Kind::Xattrs | Kind::XattrsAll => xattrs(text_or_empty, context)?.map(Argument::Xattrs),
        Kind::Attributes | Kind::AttributesAll => attributes::parse(text_or_empty).map(Argument::Attributes),
        Kind::Acl | Kind::AclAll => match Acl::parse(text_or_empty, context.accounts) {
            Ok(acl) => Ok(Argument::Acl(acl)),
            Err(error) => {
                if !context.graceful {
                    notes.push(format!("the access control list is passed over: {error}"));
                }
                return Ok(Ok(None));
            }
        },
        _ => Ok(Argument::None),
    };
    Ok(argument.map(Some))
}

/// What a file gets, read from a credential and from base64 where the line says so.
fn content(bytes: Vec<u8>, signs: &Signs, context: &Context<'_>) -> Result<Option<Argument>, String> {
    let bytes = match signs.credential {
        false => bytes,
        true => {
            let name = String::from_utf8_lossy(&bytes).into_owned();
            if name.is_empty() || name.contains(['/', '\0']) || matches!(name.as_str(), "." | "..") {
                return Err(format!("{name:?} is no name of a credential"));
            }
            match (context.credential)(&name) {
                Some(bytes) => bytes,
                None => return Ok(None),
            }
        }
    };
    let bytes = if signs.base64 { base64::decode(&bytes)? } else { bytes };
    Ok(Some(Argument::Bytes(bytes)))
}

/// Where a link leads, or what is copied.
fn target(kind: Kind, to: String, is_default: bool, path: &str) -> Result<String, String> {
    match (is_default, kind) {
        (true, _) => Ok(format!("{FACTORY}{path}")),
        (false, Kind::Copy) if !to.starts_with('/') => Err(format!("the source {to} is not absolute")),
        (false, Kind::Copy) => Ok(simplify(&to)),
        (false, _) => Ok(to),
    }
}

fn device(text: &str) -> Result<Argument, String> {
    let number = |text: &str, bits: u32| text.parse::<u32>().ok().filter(|number| number >> bits == 0);
    let numbers =
        text.split_once(':').and_then(|(major, minor)| Some((number(major, 12)?, number(minor, 20)?)));
    let (major, minor) = numbers.ok_or_else(|| format!("{text} is no MAJOR:MINOR of a device"))?;
    Ok(Argument::Device { major, minor })
}

fn xattrs(text: &str, context: &Context<'_>) -> Expanded<Vec<(String, Vec<u8>)>> {
    let words = match words::split(text, Backslash::CEscape) {
        Ok(words) => words,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let mut xattrs = Vec::new();
    for word in words {
        let Some((name, value)) =
            word.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty())
        else {
            return Ok(Err(format!("{word} is no NAME=VALUE of an extended attribute")));
        };
        match (expand_text(name, context)?, expanded(context.specifiers.expand(value.as_bytes()))?) {
            (Ok(name), Ok(value)) => xattrs.push((name, value)),
            (Err(error), _) | (_, Err(error)) => return Ok(Err(error)),
        }
    }
    Ok(Ok(xattrs))
}

fn read_mode(text: &str) -> Result<Mode, String> {
    let digits = text.trim_start_matches(['~', ':']);
    let signs = &text[..text.len() - digits.len()];
    let is_octal = !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let bits = is_octal.then(|| u32::from_str_radix(digits, 8).ok()).flatten().filter(|bits| *bits <= 0o7777);
    let bits = bits.ok_or_else(|| format!("{text} is no octal mode"))?;
    Ok(Mode { bits, only_new: signs.contains(':'), masked: signs.contains('~') })
}
