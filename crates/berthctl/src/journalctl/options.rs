//! The command line of `journalctl`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use calendar::{Zone, Zones};
use journal::{Cursor, Filter, Limits, Priority, Query, Reader, WhichBoot};
use unit::text::glob;
use unit::text::value::{self, Amount};
use zoneinfo::Zoneinfo;

use super::matches;
use super::output::Format;
use crate::arguments::{Opt, Parsed, Takes, both, long};
use crate::names::{is_pattern, unit_name};

pub const USAGE: &str = "\
usage: journalctl [OPTION]... [MATCH]...

What is shown:
  -u, --unit UNIT|PATTERN       of this unit; may be given more than once
  -t, --identifier NAME         of this program name; -T, --exclude-identifier NAME: of others
  -b, --boot[=ID|OFFSET|all]    of one boot: 0 or nothing is the newest, -1 the one before, or an id
  -k, --dmesg                   of the kernel, in one boot
  -p, --priority LEVEL|FROM..TO as serious, or more: 0 to 7, emerg to debug
      --facility NAME[,NAME]    of these facilities of syslog(3)
  -g, --grep PATTERN            whose message matches; --case-sensitive[=BOOL]
  -S, --since WHEN, -U, --until WHEN
      --after-cursor C, --cursor C, --cursor-file FILE
  MATCH                         FIELD=VALUE; several of a field are any of them; + between two groups is
                                either; a path is its program or device

How:
  -n, --lines[=N|+N|all]        the last N (10 where N is left out), the first N
  -r, --reverse                 the newest first
  -f, --follow                  go on with what comes; --no-tail: after all of it
  -e, --pager-end               the last 1000
  -o, --output FORMAT           short, short-precise, short-iso, short-iso-precise, short-full, short-monotonic,
                                short-unix, with-unit, verbose, export, json, json-pretty, json-sse, json-seq, cat
      --output-fields F,F...    with verbose, export, json and cat: only these fields
  -a, --all                     also what is not printable; --utc; --no-hostname; -q, --quiet
      --show-cursor             where the last entry is
  -D, --directory DIR; --root DIR

Else:
      --list-boots; --disk-usage; -F, --field FIELD; -N, --fields; --verify
      --vacuum-size SIZE; --vacuum-time SPAN; --vacuum-files N
      --rotate; --sync; --flush

No pager is run.  For example:  journalctl -u etcd -n 50";

pub const KNOWN: [Opt; 50] = [
    both("unit", 'u', Takes::Value),
    both("identifier", 't', Takes::Value),
    both("exclude-identifier", 'T', Takes::Value),
    both("boot", 'b', Takes::Maybe),
    both("dmesg", 'k', Takes::Nothing),
    both("priority", 'p', Takes::Value),
    long("facility", Takes::Value),
    both("grep", 'g', Takes::Value),
    long("case-sensitive", Takes::Maybe),
    both("since", 'S', Takes::Value),
    both("until", 'U', Takes::Value),
    both("cursor", 'c', Takes::Value),
    long("after-cursor", Takes::Value),
    long("cursor-file", Takes::Value),
    long("show-cursor", Takes::Nothing),
    both("lines", 'n', Takes::Maybe),
    both("reverse", 'r', Takes::Nothing),
    both("follow", 'f', Takes::Nothing),
    long("no-tail", Takes::Nothing),
    both("pager-end", 'e', Takes::Nothing),
    both("output", 'o', Takes::Value),
    long("output-fields", Takes::Value),
    both("all", 'a', Takes::Nothing),
    both("full", 'l', Takes::Nothing),
    long("utc", Takes::Nothing),
    long("no-hostname", Takes::Nothing),
    long("no-pager", Takes::Nothing),
    both("quiet", 'q', Takes::Nothing),
    both("directory", 'D', Takes::Value),
    long("root", Takes::Value),
    both("merge", 'm', Takes::Nothing),
    long("system", Takes::Nothing),
    both("catalog", 'x', Takes::Nothing),
    long("list-boots", Takes::Nothing),
    long("disk-usage", Takes::Nothing),
    both("field", 'F', Takes::Value),
    both("fields", 'N', Takes::Nothing),
    long("verify", Takes::Nothing),
    long("vacuum-size", Takes::Value),
    long("vacuum-time", Takes::Value),
    long("vacuum-files", Takes::Value),
    long("rotate", Takes::Nothing),
    long("sync", Takes::Nothing),
    long("flush", Takes::Nothing),
    // Known, and not for a system without users' managers and without machines below it.
    long("user", Takes::Nothing),
    long("user-unit", Takes::Value),
    both("machine", 'M', Takes::Value),
    long("namespace", Takes::Value),
    long("file", Takes::Value),
    long("invocation", Takes::Value),
];

const REFUSED: [(&str, &str); 6] = [
    ("user", "there are no service managers of users here"),
    ("user-unit", "there are no service managers of users here; -u is for units"),
    ("machine", "containers have no journal here; look in their runtime"),
    ("namespace", "there is one journal"),
    ("file", "segments are read by folder: -D DIR"),
    ("invocation", "entries do not hold the invocation"),
];

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "12", "13", "14", "15", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

/// So many lines are shown where a number is left out.
const LINES: usize = 10;
/// What `-e` shows.
const END: usize = 1000;

/// Whether to go on with what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    No,
    Yes,
}

/// What to do.
#[derive(Debug)]
pub enum What {
    Entries,
    Boots,
    DiskUsage,
    Values(String),
    Names,
    Verify,
    Vacuum(Limits),
    /// Have the log daemon do something: `sync`, `rotate`.
    Ask(&'static str),
    Nothing,
}

/// What a command line asks for.
#[derive(Debug)]
pub struct Plan {
    pub what: What,
    pub reader: Reader,
    pub query: Query,
    /// Only the first so many.
    pub first: Option<usize>,
    pub follow: Follow,
    pub format: Format,
    pub quiet: bool,
    pub show_cursor: bool,
    pub cursor_file: Option<String>,
    /// Nothing found is a failure.
    pub greps: bool,
    /// A line stands between entries of two boots.
    pub marks_boots: bool,
    /// To be told first.
    pub notes: Vec<&'static str>,
}

/// Reads the command line.
///
/// # Errors
/// It makes no sense, or asks for what is not built.
pub fn plan(parsed: &Parsed) -> Result<Plan> {
    for (name, why) in REFUSED {
        ensure!(!parsed.has(name), "--{name} is not built: {why}");
    }
    let mut notes = Vec::new();
    if parsed.has("catalog") {
        notes.push("there is no catalog of explanations: -x adds nothing");
    }
    let reader = match (parsed.value("directory"), parsed.value("root")) {
        (Some(directory), _) => Reader::new(folder(directory)?),
        (None, root) => Reader::of_machine(folder(root.unwrap_or("/"))?),
    };
    let what = what(parsed, &mut notes)?;
    let zones = Zoneinfo::of_caller();
    let (mut query, first) = lines(parsed)?;
    query.filter = Filter::All(filters(parsed, &zones_root(parsed))?);
    query.boot = boot(parsed)?;
    times(parsed, &zones, &mut query)?;
    cursors(parsed, &mut query)?;
    query.reverse = parsed.has("reverse");
    let follow = if parsed.has("follow") { Follow::Yes } else { Follow::No };
    ensure!(follow == Follow::No || !query.reverse, "-f and -r do not go together");
    ensure!(follow == Follow::No || query.until_us.is_none(), "-f and --until do not go together");
    let format = format(parsed, zones.local())?;
    let quiet = parsed.has("quiet");
    let marks_boots = format.is_text() && !quiet && follow == Follow::No;
    Ok(Plan {
        what,
        reader,
        query,
        first,
        follow,
        format,
        quiet,
        show_cursor: parsed.has("show-cursor"),
        cursor_file: parsed.value("cursor-file").map(str::to_owned),
        greps: parsed.has("grep"),
        marks_boots,
        notes,
    })
}

/// A folder that was named: one that is not there is a mistake, not an empty journal.
fn folder(path: &str) -> Result<&Path> {
    let is_folder = fs::metadata(path).with_context(|| format!("cannot read {path}"))?.is_dir();
    ensure!(is_folder, "{path} is not a folder with a journal");
    Ok(Path::new(path))
}

fn zones_root(parsed: &Parsed) -> PathBuf {
    PathBuf::from(parsed.value("root").unwrap_or("/"))
}

fn what(parsed: &Parsed, notes: &mut Vec<&'static str>) -> Result<What> {
    let mut limits = Limits {
        total_bytes: u64::MAX,
        segments: usize::MAX,
        segment_bytes: 0,
        keep_free: 0,
        retention_us: None,
        segment_us: None,
    };
    let mut vacuums = false;
    for value in parsed.values("vacuum-size") {
        limits.total_bytes = match value::amount(value)? {
            Amount::Absolute(bytes) => bytes,
            _ => bail!("--vacuum-size takes a size such as 100M, not {value}"),
        };
        vacuums = true;
    }
    for value in parsed.values("vacuum-time") {
        let span = calendar::span::parse(value).map_err(anyhow::Error::msg)?;
        limits.retention_us = span.map(|span| span.as_micros() as u64);
        vacuums = true;
    }
    for value in parsed.values("vacuum-files") {
        let number: usize =
            value.parse().with_context(|| format!("--vacuum-files takes a number, not {value}"))?;
        limits.segments = if number == 0 { usize::MAX } else { number };
        vacuums = true;
    }
    Ok(if vacuums {
        What::Vacuum(limits)
    } else if parsed.has("rotate") {
        What::Ask("rotate")
    } else if parsed.has("sync") {
        What::Ask("sync")
    } else if parsed.has("flush") {
        notes.push("nothing to flush: the journal is written where it stays from the start");
        What::Nothing
    } else if parsed.has("list-boots") {
        What::Boots
    } else if parsed.has("disk-usage") {
        What::DiskUsage
    } else if parsed.has("verify") {
        What::Verify
    } else if parsed.has("fields") {
        What::Names
    } else if let Some(field) = parsed.value("field") {
        What::Values(field.to_owned())
    } else {
        What::Entries
    })
}

/// How many entries, from which end.
fn lines(parsed: &Parsed) -> Result<(Query, Option<usize>)> {
    let mut query = Query::default();
    let mut first = None;
    let wrong = |number: &str| format!("-n takes a number, not {number}");
    match parsed.value("lines") {
        Some("all") => {}
        Some(number) => match number.strip_prefix('+') {
            Some(number) => first = Some(number.parse().with_context(|| wrong(number))?),
            None => query.last = Some(number.parse().with_context(|| wrong(number))?),
        },
        None if parsed.has("lines") => query.last = Some(LINES),
        None if parsed.has("pager-end") => query.last = Some(END),
        // A time to begin at says how many.
        None if parsed.has("follow") && !parsed.has("no-tail") && !parsed.has("since") => {
            query.last = Some(LINES);
        }
        None => {}
    }
    Ok((query, first))
}

fn filters(parsed: &Parsed, root: &Path) -> Result<Vec<Filter>> {
    let mut filters = Vec::new();
    let mut any = |some: Vec<Filter>| {
        if !some.is_empty() {
            filters.push(Filter::AnyOf(some));
        }
    };
    let unit = |text: &str| -> Result<Filter> {
        if !is_pattern(text) {
            return Ok(Filter::unit(unit_name(text)?.as_str()));
        }
        let pattern = text.to_owned();
        Ok(Filter::units(move |name| {
            std::str::from_utf8(name).is_ok_and(|name| crate::names::matches(&pattern, name))
        }))
    };
    any(parsed.values("unit").map(unit).collect::<Result<_>>()?);
    let named = |name: &str| match is_pattern(name) {
        false => Filter::is("SYSLOG_IDENTIFIER", name),
        true => {
            let pattern = name.to_owned();
            Filter::test("SYSLOG_IDENTIFIER", move |value| {
                std::str::from_utf8(value).is_ok_and(|value| glob::matches(&pattern, value))
            })
        }
    };
    any(parsed.values("identifier").map(named).collect());
    any(facilities(parsed)?);
    any(matches::groups(&parsed.words, root)?);
    filters.extend(parsed.values("exclude-identifier").map(|name| Filter::Not(Box::new(named(name)))));
    if parsed.has("dmesg") {
        filters.push(Filter::kernel());
    }
    if let Some(level) = parsed.value("priority") {
        filters.push(priorities(level)?);
    }
    if let Some(pattern) = parsed.value("grep") {
        filters.push(grep(pattern, parsed)?);
    }
    Ok(filters)
}

fn priorities(text: &str) -> Result<Filter> {
    let one = |text: &str| text.parse::<Priority>().map_err(anyhow::Error::msg);
    Ok(match text.split_once("..") {
        None => Filter::at_least(one(text)?),
        Some((from, to)) => {
            let (from, to) = (one(from)?, one(to)?);
            Filter::between(from.min(to), from.max(to))
        }
    })
}

fn facilities(parsed: &Parsed) -> Result<Vec<Filter>> {
    let names = parsed.values("facility").flat_map(|list| list.split(','));
    let number = |name: &str| -> Result<Filter> {
        let known = FACILITIES.iter().position(|known| *known == name);
        let number = known.or_else(|| name.parse().ok().filter(|number| *number < FACILITIES.len()));
        let number = number.with_context(|| format!("--facility takes names such as daemon, not {name}"))?;
        Ok(Filter::is("SYSLOG_FACILITY", number.to_string()))
    };
    names.map(number).collect()
}

/// A pattern of small letters matches large ones too, unless the command line says otherwise.
fn grep(pattern: &str, parsed: &Parsed) -> Result<Filter> {
    let sensitive = match parsed.value("case-sensitive") {
        Some(word) => value::boolean(word)?,
        None => parsed.has("case-sensitive") || pattern.chars().any(char::is_uppercase),
    };
    let regex = regex_lite::RegexBuilder::new(pattern).case_insensitive(!sensitive).build();
    let regex = regex.with_context(|| format!("-g {pattern:?} is not a pattern"))?;
    Ok(Filter::test("MESSAGE", move |message| regex.is_match(&String::from_utf8_lossy(message))))
}

/// `-b` and `-k` ask for the newest boot, where nothing says which.
fn boot(parsed: &Parsed) -> Result<Option<WhichBoot>> {
    let Some(text) = parsed.value("boot").filter(|text| !text.is_empty()) else {
        let newest = parsed.has("boot") || parsed.has("dmesg");
        return Ok(newest.then_some(WhichBoot::Offset(0)));
    };
    if text == "all" {
        return Ok(None);
    }
    if let Ok(offset) = text.parse() {
        return Ok(Some(WhichBoot::Offset(offset)));
    }
    let wrong = || format!("-b takes 0, -1, ..., a boot's id or `all`, not {text}");
    let (id, offset) = match text.get(32..).filter(|rest| !rest.is_empty() && text.is_ascii()) {
        Some(rest) => (&text[..32], rest.parse().with_context(wrong)?),
        None => (text, 0),
    };
    Ok(Some(WhichBoot::Id(id.parse().with_context(wrong)?, offset)))
}

fn times(parsed: &Parsed, zones: &dyn Zones, query: &mut Query) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = |name| -> Result<Option<u64>> {
        let Some(text) = parsed.value(name) else {
            return Ok(None);
        };
        let at = calendar::timestamp::parse(text, now, zones).with_context(|| format!("--{name}"))?;
        Ok(Some(at.as_micros() as u64))
    };
    (query.since_us, query.until_us) = (time("since")?, time("until")?);
    Ok(())
}

fn cursors(parsed: &Parsed, query: &mut Query) -> Result<()> {
    let read = |text: &str| text.trim().parse::<Cursor>().map_err(anyhow::Error::msg);
    query.from = parsed.value("cursor").map(read).transpose()?;
    query.after = parsed.value("after-cursor").map(read).transpose()?;
    if let Some(path) = parsed.value("cursor-file") {
        match std::fs::read_to_string(path) {
            Ok(text) => query.after = Some(read(&text).with_context(|| format!("in {path}"))?),
            // The first time there is none.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
        }
    }
    ensure!(query.from.is_none() || query.after.is_none(), "--cursor and --after-cursor do not go together");
    Ok(())
}

fn format(parsed: &Parsed, local: Zone) -> Result<Format> {
    let zone = if parsed.has("utc") { Zone::utc() } else { local };
    let mut format = Format::named(parsed.value("output").unwrap_or("short"), zone)?;
    format.shows_host = !parsed.has("no-hostname");
    format.shows_all = parsed.has("all");
    let lists = parsed.values("output-fields").flat_map(|list| list.split(','));
    let fields: Vec<String> = lists.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    format.fields = parsed.has("output-fields").then_some(fields);
    Ok(format)
}
