//! `journalctl`: reading the log.

use std::io::{BufWriter, ErrorKind, Write};

use anyhow::{Context, Result, bail};
use journal::{Entry, Priority, Query, Reader, WhichBoot};

use crate::arguments::{self, Opt, Parsed, Takes, both, long};
use crate::names::unit_name;
use crate::time::{Utc, size};

const USAGE: &str = "\
usage: journalctl [OPTION]...

  -u, --unit UNIT        only this unit; may be given more than once
  -b, --boot[=ID]        only this boot: 0 or nothing is the newest, -1 the one before, or an id
  -k, --dmesg            only the kernel
  -p, --priority LEVEL   only this serious or more: 0 to 7, emerg to debug
  -n, --lines N          the last N lines (10 where N is left out)
  -o, --output FORMAT    short, cat or json
      --list-boots       the boots in the journal
      --disk-usage       how much the journal takes
      --directory DIR    another journal

For example:  journalctl -u etcd -n 50";

const KNOWN: [Opt; 12] = [
    both("unit", 'u', Takes::Value),
    both("boot", 'b', Takes::Maybe),
    both("dmesg", 'k', Takes::Nothing),
    both("priority", 'p', Takes::Value),
    both("lines", 'n', Takes::Maybe),
    both("output", 'o', Takes::Value),
    both("help", 'h', Takes::Nothing),
    both("quiet", 'q', Takes::Nothing),
    long("no-pager", Takes::Nothing),
    long("list-boots", Takes::Nothing),
    long("disk-usage", Takes::Nothing),
    long("directory", Takes::Value),
];

const PRIORITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// Runs `journalctl`.
///
/// # Errors
/// The arguments make no sense, or the journal cannot be read.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let parsed = arguments::parse(arguments, &KNOWN)?;
    if parsed.has("help") {
        println!("{USAGE}");
        return Ok(0);
    }
    if let Some(word) = parsed.words.first() {
        bail!("matching by field ({word}) is not supported yet");
    }
    let reader = Reader::new(parsed.value("directory").unwrap_or(journal::DIR));
    if parsed.has("disk-usage") {
        println!("The journal takes {} on disk.", size(reader.disk_usage()?));
        return Ok(0);
    }
    if parsed.has("list-boots") {
        let boots = reader.boots()?;
        for (index, boot) in boots.iter().enumerate() {
            let offset = index as i64 + 1 - boots.len() as i64;
            let time = |micros: u64| Utc::since_1970(micros / 1_000_000).long();
            println!("{offset:>3} {} {} - {}", boot.id.as_str(), time(boot.first_us), time(boot.last_us));
        }
        return Ok(0);
    }
    let entries = reader.entries(&query(&parsed)?)?;
    print(entries.iter().map(|(_, entry)| entry), parsed.value("output").unwrap_or("short"))?;
    if entries.is_empty() && !parsed.has("quiet") {
        println!("-- No entries --");
    }
    Ok(0)
}

fn query(parsed: &Parsed) -> Result<Query> {
    let mut query = Query { kernel: parsed.has("dmesg"), ..Query::default() };
    for unit in parsed.values("unit") {
        query.units.push(unit_name(unit)?.to_string());
    }
    if parsed.has("boot") || query.kernel {
        query.boot = Some(match parsed.value("boot") {
            None => WhichBoot::Offset(0),
            Some(which) => match which.parse() {
                Ok(offset) => WhichBoot::Offset(offset),
                Err(_) => WhichBoot::Id(which.parse().context("-b takes 0, -1, ... or a boot's id")?),
            },
        });
    }
    if parsed.has("lines") {
        query.last = match parsed.value("lines") {
            None => Some(10),
            Some("all") => None,
            Some(number) => Some(number.parse().with_context(|| format!("-n takes a number, not {number}"))?),
        };
    }
    if let Some(level) = parsed.value("priority") {
        query.priority = Some(priority(level)?);
    }
    Ok(query)
}

/// Reads a priority: a number or a name.
///
/// # Errors
/// It is neither.
pub fn priority(level: &str) -> Result<Priority> {
    let named = PRIORITIES.iter().position(|name| *name == level).map(|number| number as u8);
    let number = named.or_else(|| level.parse().ok());
    let priority = number.and_then(|number| Priority::try_from(number).ok());
    priority.with_context(|| format!("-p takes 0 to 7 or a name, not {level}"))
}

/// Prints entries in a format.
///
/// # Errors
/// The format is unknown, or what reads the output is gone for another reason than having had
/// enough.
pub fn print<'a>(entries: impl Iterator<Item = &'a Entry>, format: &str) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    let write = || -> std::io::Result<bool> {
        for entry in entries {
            line.clear();
            match format {
                "short" => line.extend(short(entry).into_bytes()),
                "cat" => line.extend(format!("{}\n", entry.message).into_bytes()),
                "json" => entry.encode_into(&mut line),
                _ => return Ok(false),
            }
            out.write_all(&line)?;
        }
        out.flush()?;
        Ok(true)
    };
    match write() {
        Ok(true) => Ok(()),
        Ok(false) => bail!("output format {format} is unknown or not supported yet: short, cat, json are"),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error).context("cannot write the output"),
    }
}

/// `Nov 24 18:10:00 etcd[12]: text`.
fn short(entry: &Entry) -> String {
    let time = Utc::since_1970(entry.realtime_us / 1_000_000).short();
    let unit = entry.unit.as_deref().map(|unit| unit.strip_suffix(".service").unwrap_or(unit));
    let source = match entry.source {
        journal::Source::Kernel => "kernel",
        _ => entry.identifier.as_deref().or(unit).unwrap_or("unknown"),
    };
    let pid = entry.pid.map_or_else(String::new, |pid| format!("[{pid}]"));
    format!("{time} {source}{pid}: {}\n", entry.message)
}
