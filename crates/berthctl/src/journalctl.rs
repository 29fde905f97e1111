//! `journalctl`: reading the log.

use std::io::{BufWriter, ErrorKind, Write};

use anyhow::{Context, Result, bail};
use journal::{Entry, Filter, Priority, Query, Reader, WhichBoot};

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
    let reader = match parsed.value("directory") {
        Some(directory) => Reader::new(directory),
        None => Reader::of_machine(std::path::Path::new("/")),
    };
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
    let entries: Vec<Entry> = reader.entries(&query(&parsed)?)?.collect::<Result<_, _>>()?;
    show(&entries, parsed.value("output").unwrap_or("short"))?;
    if entries.is_empty() && !parsed.has("quiet") {
        println!("-- No entries --");
    }
    Ok(0)
}

fn query(parsed: &Parsed) -> Result<Query> {
    let mut query = Query::default();
    let mut filters = Vec::new();
    let mut units = Vec::new();
    for unit in parsed.values("unit") {
        units.push(Filter::unit(unit_name(unit)?.as_str()));
    }
    if !units.is_empty() {
        filters.push(Filter::AnyOf(units));
    }
    if parsed.has("dmesg") {
        filters.push(Filter::kernel());
    }
    if parsed.has("boot") || parsed.has("dmesg") {
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
        filters.push(Filter::at_least(priority(level)?));
    }
    query.filter = Filter::All(filters);
    Ok(query)
}

/// Reads a priority: a number or a name.
///
/// # Errors
/// It is neither.
pub fn priority(level: &str) -> Result<Priority> {
    level.parse().map_err(anyhow::Error::msg)
}

/// Prints entries in a format.
///
/// # Errors
/// The format is unknown, or what reads the output is gone for another reason than having had
/// enough.
pub fn show(entries: &[Entry], format: &str) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    let mut write = || -> std::io::Result<bool> {
        for entry in entries {
            line.clear();
            match format {
                "short" => line.extend(short(entry).into_bytes()),
                "cat" => line.extend(format!("{}\n", entry.message()).into_bytes()),
                "export" => journal::export::put_entry(&mut line, entry),
                _ => return Ok(false),
            }
            out.write_all(&line)?;
        }
        out.flush()?;
        Ok(true)
    };
    match write() {
        Ok(true) => Ok(()),
        Ok(false) => bail!("output format {format} is unknown or not supported yet: short, cat, export are"),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error).context("cannot write the output"),
    }
}

/// `Nov 24 18:10:00 etcd[12]: text`.
fn short(entry: &Entry) -> String {
    let time = Utc::since_1970(entry.record.realtime_us / 1_000_000).short();
    let name = entry.text("SYSLOG_IDENTIFIER").or_else(|| entry.text("_COMM")).unwrap_or("unknown".into());
    let pid = entry.text("_PID").or_else(|| entry.text("SYSLOG_PID"));
    let pid = pid.map_or_else(String::new, |pid| format!("[{pid}]"));
    format!("{time} {name}{pid}: {}\n", entry.message())
}
