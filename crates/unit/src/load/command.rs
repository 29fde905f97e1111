//! Command lines of `Exec...=` (systemd.service(5), "Command lines").

use crate::load::setter::{Outcome, Setter, text};
use crate::service::config::Command;
use crate::text::words::{self, Backslash};

/// Reads the commands of one value: several may be joined by a `;` that stands alone.
pub(super) fn parse(setter: &Setter) -> Outcome<Vec<Command>> {
    let mut commands = Vec::new();
    let mut rest = setter.value.trim();
    loop {
        while let Some(after) = lone(rest, ";") {
            rest = after;
        }
        // A bad escape in a path would name another program; in an argument it may be meant so.
        let Some((program, tail)) = words::next(rest, Backslash::CEscape).map_err(text)? else {
            break;
        };
        rest = tail.trim_start();
        let mut arguments = Vec::new();
        while lone(rest, ";").is_none() {
            if let Some(after) = lone(rest, "\\;") {
                arguments.push(";".to_owned());
                rest = after;
            } else if let Some((word, tail)) = words::next(rest, Backslash::Relaxed).map_err(text)? {
                arguments.push(word);
                rest = tail.trim_start();
            } else {
                break;
            }
        }
        commands.push(command(setter, &program, &arguments)?);
    }
    if commands.is_empty() {
        return Err("expected a command".to_owned());
    }
    Ok(commands)
}

/// What follows a mark that stands as a word of its own at the start of a text.
fn lone<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(mark)?;
    (rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_whitespace())).then(|| rest.trim_start())
}

fn command(setter: &Setter, program: &str, arguments: &[String]) -> Outcome<Command> {
    let mut out = Command {
        path: String::new(),
        argv: Vec::new(),
        ignore_failure: false,
        literal: false,
        privileged: false,
        unconfined: false,
    };
    let mut own_name = false;
    let mut privilege = false;
    let mut program = program;
    while let Some(prefix) = program.chars().next() {
        // Each kind of mark stands once.
        let set = match prefix {
            '-' => &mut out.ignore_failure,
            ':' => &mut out.literal,
            '+' | '!' => &mut privilege,
            '@' => &mut own_name,
            _ => break,
        };
        if std::mem::replace(set, true) {
            return Err(format!("{prefix} stands twice before the program"));
        }
        out.unconfined |= prefix == '+';
        program = &program[prefix.len_utf8()..];
    }
    out.privileged = privilege;
    let given = setter.expand(program)?;
    if given.is_empty() {
        return Err("the command has no program".to_owned());
    }
    if given.contains('/') && !given.starts_with('/') {
        return Err(format!("{given:?} must be an absolute path, or a name without a slash"));
    }
    if given.ends_with('/') || given.chars().any(char::is_control) {
        return Err(format!("{given:?} names no program"));
    }
    out.path = simple(&given);
    let words = arguments;
    let arguments = words.iter().map(|word| setter.expand(word));
    out.argv = arguments.collect::<Result<_, _>>()?;
    if own_name {
        if out.argv.is_empty() {
            return Err("after @ the program's own name must follow its path".to_owned());
        }
    } else {
        out.argv.insert(0, given);
    }
    Ok(out)
}

/// A path without doubled slashes.
fn simple(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", parts.join("/"))
}
