//! `journalctl`: reading the log.

mod follow;
mod matches;
mod options;
mod output;
mod upkeep;

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use calendar::Zones;
use journal::{Entries, Entry, Filter, Query, Reader, WhichBoot};

use crate::arguments;
use options::{Follow, Plan, What};
use output::{Format, Printer};
use zoneinfo::Zoneinfo;

/// What was being done where it cannot be printed. Where nobody reads on, this process has ended.
const OUTPUT: &str = "cannot write the output";

/// Runs `journalctl`.
///
/// # Errors
/// The arguments make no sense, or the journal cannot be read.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let Some(parsed) = arguments::read(arguments, &options::KNOWN, options::USAGE)? else {
        return Ok(0);
    };
    let plan = options::plan(&parsed)?;
    plan.notes.iter().filter(|_| !plan.quiet).for_each(|note| eprintln!("journalctl: {note}"));
    match &plan.what {
        What::Entries => entries(&plan),
        What::Boots => upkeep::boots(&plan).map(|()| 0),
        What::DiskUsage => upkeep::disk_usage(&plan).map(|()| 0),
        What::Values(field) => distinct(&plan, |entry, found| {
            let values = entry.fields().filter(|(name, _)| name == field);
            found.extend(values.map(|(_, value)| value.to_vec()));
        }),
        What::Names => distinct(&plan, |entry, found| {
            found.extend(entry.fields().map(|(name, _)| name.as_bytes().to_vec()));
        }),
        What::Vacuum(limits) => upkeep::vacuum(&plan, limits).map(|()| 0),
        What::Ask(request) => upkeep::ask(request).map(|()| 0),
        What::Verify => upkeep::verify(&plan),
        What::Nothing => Ok(0),
    }
}

/// Prints the last entries of a unit in this boot, as `systemctl status` does. There are none where the log
/// cannot be read.
///
/// # Errors
/// The format is unknown, or cannot be written.
pub fn last_of_unit(unit: &str, lines: usize, format: &str) -> Result<()> {
    let format = Format::named(format, Zoneinfo::of_caller().local())?;
    let query = Query {
        filter: Filter::unit(unit),
        boot: Some(WhichBoot::Offset(0)),
        last: Some(lines),
        ..Query::default()
    };
    let Ok(mut entries) = Reader::of_machine(Path::new("/")).entries(&query) else {
        return Ok(());
    };
    let Some(Ok(first)) = entries.next() else {
        return Ok(());
    };
    println!();
    let mut printer = Printer::new(format);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let rest = entries.map_while(|entry| entry.ok());
    for entry in std::iter::once(first).chain(rest) {
        printer.print(&entry, &mut out).context(OUTPUT)?;
    }
    out.flush().context(OUTPUT)
}

fn entries(plan: &Plan) -> Result<u8> {
    // Before the segments are listed: one that is begun in between is told of.
    let mut watch = match plan.follow {
        Follow::No => None,
        Follow::Yes => Some(follow::Watch::new(plan.reader.dirs())?),
    };
    let mut entries = plan.reader.entries(&plan.query)?;
    let mut printer = Printer::new(plan.format.clone());
    let mut out = BufWriter::with_capacity(64 << 10, std::io::stdout().lock());
    let mut left = plan.first.unwrap_or(usize::MAX);
    let mut last = None;
    loop {
        show(&mut entries, &mut left, &mut printer, plan, &mut last, &mut out)?;
        match &mut watch {
            Some(watch) if left > 0 => {
                if watch.wait()? {
                    entries.refresh()?;
                }
            }
            _ => break,
        }
    }
    if last.is_none() && !plan.quiet && plan.format.is_text() {
        writeln!(out, "-- No entries --").context(OUTPUT)?;
    }
    if plan.show_cursor
        && let Some(cursor) = &last
    {
        writeln!(out, "-- cursor: {cursor}").context(OUTPUT)?;
    }
    out.flush().context(OUTPUT)?;
    if let (Some(path), Some(cursor)) = (&plan.cursor_file, &last) {
        std::fs::write(path, format!("{cursor}\n")).with_context(|| format!("cannot write {path}"))?;
    }
    Ok(u8::from(last.is_none() && plan.greps))
}

/// Prints what there is now.
fn show(
    entries: &mut Entries,
    left: &mut usize,
    printer: &mut Printer,
    plan: &Plan,
    last: &mut Option<journal::Cursor>,
    out: &mut impl Write,
) -> Result<()> {
    while *left > 0 {
        let Some(entry) = entries.next() else { break };
        let entry = entry?;
        if plan.marks_boots {
            printer.mark_boot(&entry, out).context(OUTPUT)?;
        }
        printer.print(&entry, out).context(OUTPUT)?;
        *left -= 1;
        *last = Some(entry.cursor());
    }
    out.flush().context(OUTPUT)
}

/// Prints what was found once, however often it is there.
fn distinct(plan: &Plan, mut find: impl FnMut(&Entry, &mut Vec<Vec<u8>>)) -> Result<u8> {
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    let mut out = BufWriter::new(std::io::stdout().lock());
    for entry in plan.reader.entries(&plan.query)? {
        find(&entry?, &mut found);
        for value in found.drain(..) {
            if !seen.contains(&value) {
                out.write_all(&[&value[..], b"\n"].concat()).context(OUTPUT)?;
                seen.insert(value);
            }
        }
    }
    out.flush().context(OUTPUT)?;
    Ok(0)
}
