//! `berthctl status`: the machine at a glance, on one screen.

mod facts;
mod gather;
mod render;

use anyhow::{Context, Result, bail};

use crate::arguments::{self, Takes, long};
use crate::table::paint;

pub use facts::Link;
pub use gather::{gather, links, os_release};

const USAGE: &str = "\
usage: berthctl status [--json]

The machine at a glance: version and slot, health, failed units, addresses, space, memory, pressure,
and how the last boots ended. Anybody may ask; what cannot be asked is named.

      --json   as one JSON object

Exit code: 0 where all is well, 3 where something is not.";

/// Runs `berthctl status`.
///
/// # Errors
/// The arguments make no sense.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [long("json", Takes::Nothing), long("no-pager", Takes::Nothing)];
    let Some(parsed) = arguments::read(arguments, &known, USAGE)? else {
        return Ok(0);
    };
    if let Some(word) = parsed.words.first() {
        bail!(arguments::Usage(format!(
            "unexpected argument {word}; of a unit tells `systemctl status {word}`"
        )));
    }
    let facts = gather();
    if parsed.has("json") {
        println!("{}", serde_json::to_string(&facts).context("cannot write JSON")?);
    } else {
        for (line, color) in render::lines(&facts) {
            println!("{}", color.map_or_else(|| line.clone(), |color| paint(&line, color)));
        }
    }
    Ok(if facts.is_well() { 0 } else { 3 })
}

/// The screen as text.
pub fn screen() -> String {
    render::lines(&gather()).into_iter().map(|(line, _)| format!("{line}\n")).collect()
}
