//! Command lines of `Exec...=` (systemd.service(5), "Command lines").

use crate::load::setter::{Outcome, Setter, text};
use crate::service::config::Command;
use crate::text::words::{self, Backslash};

/// Stands in for an escaped semicolon while the line is cut into words.
const ESCAPED_SEMICOLON: &str = "\\x3b";

/// Reads the commands of one value: several may be joined by a `;` that stands alone.
pub(super) fn parse(setter: &Setter) -> Outcome<Vec<Command>> {
    // `\;` is a semicolon that does not separate; it is no escape of C.
    let line = setter.value.replace("\\;", ESCAPED_SEMICOLON);
    let mut commands = Vec::new();
    for part in separate(&line) {
        let words = words::split(part, Backslash::CEscape).map_err(text)?;
        if !words.is_empty() {
            commands.push(command(setter, &words)?);
        }
    }
    if commands.is_empty() {
        return Err("expected a command".to_owned());
    }
    Ok(commands)
}

/// Cuts a line at each `;` that stands as a word outside quotes.
fn separate(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quote, mut escaped) = (0, None, false);
    let bytes = line.as_bytes();
    let is_space = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_none_or(u8::is_ascii_whitespace);
    for (at, c) in line.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match (c, quote) {
            ('\\', _) => escaped = true,
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (';', None) if is_space(at.checked_sub(1)) && is_space(Some(at + 1)) => {
                parts.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&line[start..]);
    parts
}

fn command(setter: &Setter, words: &[String]) -> Outcome<Command> {
    let mut out = Command {
        path: String::new(),
        argv: Vec::new(),
        ignore_failure: false,
        literal: false,
        privileged: false,
        unconfined: false,
    };
    let mut own_name = false;
    let mut program = words[0].as_str();
    while let Some(prefix) = program.chars().next() {
        match prefix {
            '-' => out.ignore_failure = true,
            ':' => out.literal = true,
            '+' => (out.privileged, out.unconfined) = (true, true),
            '!' => out.privileged = true,
            '@' => own_name = true,
            _ => break,
        }
        program = &program[prefix.len_utf8()..];
    }
    out.path = setter.expand(program)?;
    if out.path.is_empty() {
        return Err("the command has no program".to_owned());
    }
    if out.path.contains('/') && !out.path.starts_with('/') {
        return Err(format!("{:?} must be an absolute path, or a name without a slash", out.path));
    }
    let arguments = words[1..].iter().map(|word| setter.expand(word));
    out.argv = arguments.collect::<Result<_, _>>()?;
    if own_name {
        if out.argv.is_empty() {
            return Err("after @ the program's own name must follow its path".to_owned());
        }
    } else {
        out.argv.insert(0, out.path.clone());
    }
    Ok(out)
}
