//! `coredumpctl`: the crashes that are known of, and their cores.

mod show;

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use calendar::timestamp;
use coredump::{Place, Record, Store};
use sys::machine::wall_clock;
use zoneinfo::Zoneinfo;

use crate::arguments::{self, Json, Opt, Parsed, Takes, both, long};

const USAGE: &str = "\
usage: coredumpctl [OPTION]... COMMAND [MATCH]...

  list   the crashes that are known of (the default)
  info   each in full
  dump   the core of the last one, to a file or standard output

A MATCH is a process id, a program's name, its path, a unit, or COREDUMP_FIELD=VALUE. Of several of
one kind one must hold, of several kinds each.

  -1                    only the last
  -n, --lines N         only the last N
  -r, --reverse         the last first
  -S, --since TIME      not before
  -U, --until TIME      not after
  -o, --output FILE     where the core goes
  -F, --field FIELD     the values of a field, each once
      --json FORMAT     short, pretty or off
  -q, --quiet           nothing is said where there is none
  -D, --directory DIR   another folder of cores
      --no-legend       without the line of headings
      --no-pager        as it always is

For example:  coredumpctl dump etcd.service -o /tmp/core";

const KNOWN: [Opt; 12] = [
    both("one", '1', Takes::Nothing),
    both("lines", 'n', Takes::Value),
    both("reverse", 'r', Takes::Nothing),
    both("since", 'S', Takes::Value),
    both("until", 'U', Takes::Value),
    both("output", 'o', Takes::Value),
    both("field", 'F', Takes::Value),
    both("quiet", 'q', Takes::Nothing),
    both("directory", 'D', Takes::Value),
    long("json", Takes::Value),
    long("no-legend", Takes::Nothing),
    long("no-pager", Takes::Nothing),
];

/// Runs `coredumpctl`.
///
/// # Errors
/// The arguments make no sense, or there is no such crash.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let Some(parsed) = arguments::read(arguments, &KNOWN, USAGE)? else {
        return Ok(0);
    };
    let (command, matches) = match parsed.words.split_first() {
        None => ("list", &[][..]),
        Some((command, matches)) => (command.as_str(), matches),
    };
    match command {
        "list" | "info" | "dump" => {}
        "debug" | "gdb" => bail!(
            "{command} is not built, since the image has no debugger: take the core with `coredumpctl dump -o FILE` \
             to one that has the same build ids (`coredumpctl info`)"
        ),
        other => bail!(arguments::Usage(format!("unknown command {other}\n{USAGE}"))),
    }
    let store = Store::new(parsed.value("directory").unwrap_or(layout::path::COREDUMPS));
    let records = select(store.records()?, &matches.iter().map(|text| Match::read(text)).collect::<Vec<_>>());
    let records = within(records, &parsed)?;
    let records = cut(records, &parsed, command)?;
    if records.is_empty() {
        if !parsed.has("quiet") {
            eprintln!("No coredumps found.");
        }
        return Ok(1);
    }
    if let Some(field) = parsed.value("field") {
        let mut values: Vec<String> = records.iter().filter_map(|record| field_of(record, field)).collect();
        values.sort();
        values.dedup();
        values.iter().for_each(|value| println!("{value}"));
        return Ok(0);
    }
    let placed: Vec<(Record, Place)> = records
        .into_iter()
        .map(|record| {
            let place = store.place(&record);
            (record, place)
        })
        .collect();
    match command {
        "info" => {
            let all: Vec<String> = placed.iter().map(|crash| show::info(store.folder(), crash)).collect();
            println!("{}", all.join("\n\n"));
        }
        "dump" => return dump(placed.last(), parsed.value("output")),
        _ => Json::of(&parsed)?.print(
            || show::json(&placed),
            || show::list(&placed, !parsed.has("no-legend")).iter().map(|line| format!("{line}\n")).collect(),
        ),
    }
    Ok(0)
}

/// All that are known of, a line each.
///
/// # Errors
/// They cannot be read.
pub fn table() -> Result<String> {
    let store = Store::new(layout::path::COREDUMPS);
    let placed = |record: Record| {
        let place = store.place(&record);
        (record, place)
    };
    let placed: Vec<(Record, Place)> = store.records()?.into_iter().map(placed).collect();
    Ok(show::list(&placed, true).join("\n") + "\n")
}

/// Leaves out those of other times.
fn within(mut records: Vec<Record>, parsed: &Parsed) -> Result<Vec<Record>> {
    let zones = Zoneinfo::of_caller();
    let time = |name: &str| -> Result<Option<u64>> {
        let Some(text) = parsed.value(name) else {
            return Ok(None);
        };
        let at = timestamp::parse(text, wall_clock(), &zones).with_context(|| format!("--{name}"))?;
        Ok(Some(u64::try_from(at.as_micros()).unwrap_or(u64::MAX)))
    };
    let (since, until) = (time("since")?.unwrap_or(0), time("until")?.unwrap_or(u64::MAX));
    records.retain(|record| (since..=until).contains(&record.time_us));
    Ok(records)
}

/// Leaves out those that are not wanted by number, and orders the rest.
fn cut(mut records: Vec<Record>, parsed: &Parsed, command: &str) -> Result<Vec<Record>> {
    let last = match parsed.value("lines") {
        _ if parsed.has("one") || command == "dump" => Some(1),
        None => None,
        Some(number) => Some(number.parse().with_context(|| format!("-n takes a number, not {number}"))?),
    };
    if let Some(last) = last {
        let surplus = records.len().saturating_sub(last);
        records.drain(..surplus);
    }
    if parsed.has("reverse") {
        records.reverse();
    }
    Ok(records)
}

/// Writes a core to a file or to standard output.
fn dump(found: Option<&(Record, Place)>, output: Option<&str>) -> Result<u8> {
    let Some((record, place)) = found else {
        return Ok(1);
    };
    let path = match place {
        Place::File { path, truncated } => {
            if *truncated {
                eprintln!("coredumpctl: the end of this core is missing");
            }
            path
        }
        Place::None => bail!("no core of process {} is kept: {}", record.pid, show::why_none(record)),
        Place::Missing => bail!("the core of process {} has been removed to make room", record.pid),
        Place::Inaccessible => bail!("only root may read the core of process {}: run it as root", record.pid),
    };
    match output {
        None if std::io::stdout().is_terminal() => bail!("a core is not for a terminal: name a file with -o"),
        None | Some("-") => unpack(path, &mut std::io::stdout().lock())?,
        Some(file) => {
            let doing = || format!("cannot write {file}");
            let new = format!("{file}.part");
            let mut options = File::options();
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut out = options.write(true).create(true).truncate(true).open(&new).with_context(doing)?;
            if let Err(error) = unpack(path, &mut out) {
                _ = std::fs::remove_file(&new);
                return Err(error);
            }
            std::fs::rename(&new, file).with_context(doing)?;
        }
    }
    Ok(0)
}

fn unpack(path: &Path, to: &mut impl Write) -> Result<()> {
    Store::unpack(path, to)?;
    to.flush().context("cannot write the core")
}

/// What a crash must be.
#[derive(Debug, PartialEq, Eq)]
enum Match {
    Pid(u32),
    Comm(String),
    Exe(String),
    Unit(String),
    Field(String, String),
}

impl Match {
    fn read(text: &str) -> Match {
        if let Ok(pid) = text.parse() {
            return Match::Pid(pid);
        }
        if let Some((field, value)) = text.split_once('=').filter(|(field, _)| is_field(field)) {
            return Match::Field(field.to_owned(), value.to_owned());
        }
        match text {
            text if text.contains('/') => Match::Exe(text.to_owned()),
            text if unit::UnitName::parse(text).is_ok() => Match::Unit(text.to_owned()),
            text => Match::Comm(text.to_owned()),
        }
    }

    fn holds(&self, record: &Record) -> bool {
        match self {
            Match::Pid(pid) => record.pid == *pid,
            Match::Comm(comm) => unit::text::glob::matches(comm, &record.comm),
            Match::Exe(exe) => record.exe.as_ref() == Some(exe),
            Match::Unit(unit) => record.unit.as_ref() == Some(unit),
            Match::Field(field, value) => field_of(record, field).as_ref() == Some(value),
        }
    }

    /// What it is of: of one kind one must hold.
    fn kind(&self) -> &str {
        match self {
            Match::Pid(_) => "COREDUMP_PID",
            Match::Comm(_) => "COREDUMP_COMM",
            Match::Exe(_) => "COREDUMP_EXE",
            Match::Unit(_) => "COREDUMP_UNIT",
            Match::Field(field, _) => field,
        }
    }
}

fn is_field(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

fn field_of(record: &Record, field: &str) -> Option<String> {
    record.fields().into_iter().find(|(name, _)| *name == field).map(|(_, value)| value)
}

fn select(mut records: Vec<Record>, matches: &[Match]) -> Vec<Record> {
    records.retain(|record| {
        matches.iter().all(|one| {
            matches.iter().filter(|other| other.kind() == one.kind()).any(|other| other.holds(record))
        })
    });
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_kind_one_must_hold_and_each_kind() {
        let record = |pid, comm: &str, exe: &str, unit: &str| Record {
            pid,
            comm: comm.into(),
            exe: Some(exe.into()),
            unit: Some(unit.into()),
            ..Record::default()
        };
        let records = vec![
            record(1, "etcd", "/usr/bin/etcd", "etcd.service"),
            record(2, "web", "/app/web", "web.service"),
            record(3, "web", "/app/web", "other.service"),
        ];
        for (words, expected) in [
            ("", "1 2 3"),
            ("2", "2"),
            ("1 3", "1 3"),
            ("web", "2 3"),
            ("w*b", "2 3"),
            ("/app/web", "2 3"),
            ("web.service", "2"),
            ("web etcd", "1 2 3"),
            ("web other.service", "3"),
            ("etcd web.service", ""),
            ("COREDUMP_COMM=web", "2 3"),
            ("COREDUMP_COMM=web COREDUMP_UNIT=web.service", "2"),
            ("COREDUMP_NONE=x", ""),
        ] {
            let matches: Vec<Match> = words.split_whitespace().map(Match::read).collect();
            let found = select(records.clone(), &matches);
            let found: Vec<String> = found.iter().map(|record| record.pid.to_string()).collect();
            assert_eq!(found.join(" "), expected, "{words}");
        }
    }
}
