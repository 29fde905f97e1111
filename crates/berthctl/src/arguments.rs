//! Command-line arguments, by tables of the options that are built and those that are known.

use anyhow::{Result, bail};

/// The command line makes no sense.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Whether an option has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// It has none.
    Nothing,
    /// It has one, joined or in the next argument.
    Value,
    /// It may have one, in the same argument; for a short option also in the next one.
    Maybe,
}

/// An option.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// Its long name, without dashes.
    pub long: &'static str,
    /// Its letter.
    pub short: Option<char>,
    /// Whether it has a value.
    pub takes: Takes,
}

/// An option without a letter.
pub const fn long(long: &'static str, takes: Takes) -> Opt {
    Opt { long, short: None, takes }
}

/// An option with a letter.
pub const fn both(long: &'static str, short: char, takes: Takes) -> Opt {
    Opt { long, short: Some(short), takes }
}

/// What every command answers with its usage.
const HELP: Opt = both("help", 'h', Takes::Nothing);

/// What a command line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Options, by long name, in order.
    pub options: Vec<(&'static str, Option<String>)>,
    /// The other arguments.
    pub words: Vec<String>,
}

impl Parsed {
    /// Whether an option was given.
    pub fn has(&self, long: &str) -> bool {
        self.options.iter().any(|(name, _)| *name == long)
    }

    /// The value of an option, the last where it was given more than once.
    pub fn value<'a>(&'a self, long: &'a str) -> Option<&'a str> {
        self.values(long).last()
    }

    /// Every value of an option.
    pub fn values<'a>(&'a self, long: &'a str) -> impl Iterator<Item = &'a str> {
        let given = self.options.iter().filter(move |(name, _)| *name == long);
        given.filter_map(|(_, value)| value.as_deref())
    }
}

/// How JSON is laid out, where it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Json {
    /// It is not.
    Off,
    /// In one line.
    Short,
    /// Over many lines.
    Pretty,
}

impl Json {
    /// What `--json=` says.
    ///
    /// # Errors
    /// It is none of these words.
    pub fn of(parsed: &Parsed) -> Result<Self> {
        Ok(match parsed.value("json").unwrap_or("off") {
            "off" => Self::Off,
            "short" => Self::Short,
            "pretty" => Self::Pretty,
            other => bail!(Usage(format!("--json={other} is not one of short, pretty, off"))),
        })
    }

    /// Prints a value, or, where no JSON is asked for, the lines for people.
    pub fn print(self, value: impl FnOnce() -> serde_json::Value, text: impl FnOnce() -> String) {
        match self {
            Self::Off => print!("{}", text()),
            Self::Short => println!("{}", value()),
            Self::Pretty => println!("{:#}", value()),
        }
    }
}

/// Sees to it that a command that takes no arguments has none. False where its usage was asked for, and is shown.
///
/// # Errors
/// There is one.
pub fn none(arguments: &[String], usage: &str) -> Result<bool> {
    match arguments.first().map(String::as_str) {
        None => Ok(true),
        Some("--help" | "-h") => {
            println!("{usage}");
            Ok(false)
        }
        Some(other) => bail!("unexpected argument {other}\n{usage}"),
    }
}

/// Reads a command line.
///
/// # Errors
/// An option is unknown, lacks its value, or has one that it does not take. Nothing is ignored.
pub fn parse(arguments: Vec<String>, known: &[Opt]) -> Result<Parsed> {
    let mut parsed = Parsed::default();
    let mut rest = arguments.into_iter().peekable();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            parsed.words.extend(rest);
            break;
        }
        if let Some(body) = argument.strip_prefix("--") {
            let (name, inline) = match body.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (body, None),
            };
            let Some(option) = known.iter().find(|option| option.long == name) else {
                bail!(Usage(format!("option --{name} is unknown or not supported yet")));
            };
            let value = match (option.takes, inline) {
                (Takes::Nothing, Some(_)) => bail!(Usage(format!("option --{name} takes no value"))),
                (Takes::Value, None) => match rest.next() {
                    Some(value) => Some(value),
                    None => bail!(Usage(format!("option --{name} needs a value"))),
                },
                (_, inline) => inline,
            };
            parsed.options.push((option.long, value));
        } else if argument.len() > 1 && argument.starts_with('-') {
            let mut letters = argument[1..].chars();
            while let Some(letter) = letters.next() {
                let Some(option) = known.iter().find(|option| option.short == Some(letter)) else {
                    bail!(Usage(format!("option -{letter} is unknown or not supported yet")));
                };
                if option.takes == Takes::Nothing {
                    parsed.options.push((option.long, None));
                    continue;
                }
                let joined = letters.as_str().to_owned();
                let is_value = |next: &String| !next.starts_with('-') || next[1..].parse::<u32>().is_ok();
                let value = match (joined.is_empty(), option.takes) {
                    (false, _) => Some(joined),
                    (true, Takes::Maybe) => rest.next_if(is_value),
                    (true, _) => match rest.next() {
                        Some(value) => Some(value),
                        None => bail!(Usage(format!("option -{letter} needs a value"))),
                    },
                };
                parsed.options.push((option.long, value));
                break;
            }
        } else {
            parsed.words.push(argument);
        }
    }
    Ok(parsed)
}

/// Reads a command line that may also ask for help. `None` where it does: `usage` was printed then, and there is
/// nothing more to do.
///
/// # Errors
/// See [`parse`].
pub fn read(arguments: Vec<String>, known: &[Opt], usage: &str) -> Result<Option<Parsed>> {
    let parsed = parse(arguments, &[known, &[HELP]].concat())?;
    if parsed.has(HELP.long) {
        println!("{usage}");
        return Ok(None);
    }
    Ok(Some(parsed))
}

/// Splits a program's own arguments from the command line that follows them: at `--`, or at the
/// first word that is neither an option nor the value of one.
pub fn split_command(arguments: Vec<String>, known: &[Opt]) -> (Vec<String>, Vec<String>) {
    let mut at = 0;
    while let Some(argument) = arguments.get(at) {
        if argument == "--" {
            let command = arguments[at + 1..].to_vec();
            return (arguments[..at].to_vec(), command);
        }
        if !argument.starts_with('-') || argument == "-" {
            break;
        }
        at += 1;
        let takes_next = match argument.strip_prefix("--") {
            Some(name) => known.iter().any(|option| option.long == name && option.takes == Takes::Value),
            // Of joined letters only the last may have its value in the next argument.
            None => argument.chars().next_back().is_some_and(|letter| {
                let option = known.iter().find(|option| option.short == Some(letter));
                let is_first_valued =
                    !argument[1..argument.len() - letter.len_utf8()].chars().any(|before| {
                        known
                            .iter()
                            .any(|option| option.short == Some(before) && option.takes != Takes::Nothing)
                    });
                is_first_valued && option.is_some_and(|option| option.takes == Takes::Value)
            }),
        };
        at += usize::from(takes_next);
    }
    let at = at.min(arguments.len());
    (arguments[..at].to_vec(), arguments[at..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Opt; 4] = [
        both("unit", 'u', Takes::Value),
        both("boot", 'b', Takes::Maybe),
        both("quiet", 'q', Takes::Nothing),
        long("no-block", Takes::Nothing),
    ];

    fn read(arguments: &[&str]) -> Result<Parsed> {
        parse(arguments.iter().map(|argument| (*argument).to_owned()).collect(), &KNOWN)
    }

    #[test]
    fn options_in_every_form() {
        for arguments in [&["-u", "x", "-q"][..], &["-qux"], &["--unit=x", "-q"], &["-q", "--unit", "x"]] {
            let parsed = read(arguments).unwrap();
            assert_eq!((parsed.value("unit"), parsed.has("quiet")), (Some("x"), true), "{arguments:?}");
        }
        assert_eq!(read(&["-b", "-1"]).unwrap().value("boot"), Some("-1"));
        assert_eq!(read(&["-b", "-q"]).unwrap().options, [("boot", None), ("quiet", None)]);
        assert_eq!(read(&["a", "--", "-q"]).unwrap().words, ["a", "-q"]);
    }

    #[test]
    fn a_command_follows_the_options() {
        let split = |arguments: &[&str]| {
            let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            let (own, command) = split_command(arguments, &KNOWN);
            (own.join(" "), command.join(" "))
        };
        for (arguments, own, command) in [
            (&["-u", "x", "cmd", "-u"][..], "-u x", "cmd -u"),
            (&["-ux", "cmd"], "-ux", "cmd"),
            (&["-qu", "x", "cmd"], "-qu x", "cmd"),
            (&["--unit", "x", "--quiet", "cmd", "--", "y"], "--unit x --quiet", "cmd -- y"),
            (&["--unit=x", "cmd"], "--unit=x", "cmd"),
            (&["-q", "--", "-cmd"], "-q", "-cmd"),
            (&["-q"], "-q", ""),
            (&["-u"], "-u", ""),
        ] {
            assert_eq!(split(arguments), (own.to_owned(), command.to_owned()), "{arguments:?}");
        }
    }

    #[test]
    fn nothing_is_ignored() {
        for arguments in [&["-x"][..], &["--nope"], &["-u"], &["--unit"], &["--quiet=1"]] {
            let text = read(arguments).unwrap_err().to_string();
            assert!(text.starts_with("option "), "{text}");
        }
    }
}
