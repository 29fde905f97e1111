//! Settings in files: what `systemd-tmpfiles`, `systemd-sysusers`, `systemd-sysctl` and
//! `systemd-modules-load` have in common.

pub mod boot;
pub mod modules_load;
pub mod sysctl;
pub mod sysusers;
pub mod tmpfiles;

use std::path::Path;

use anyhow::{Result, bail};
use settings::files::{self, Found};
use settings::{Fault, Severity, Source};
use settings_apply::Root;

use crate::arguments::{Opt, Parsed, Takes, long};

/// The exit code of lines that make no sense (sysexits.h, EX_DATAERR).
pub const BAD_LINES: u8 = 65;
/// The exit code of what cannot be made (sysexits.h, EX_CANTCREAT).
pub const CANNOT_CREATE: u8 = 73;

/// Options that all of them have.
const SHARED: [Opt; 4] = [
    long("dry-run", Takes::Nothing),
    long("cat-config", Takes::Nothing),
    long("tldr", Takes::Nothing),
    long("no-pager", Takes::Nothing),
];

/// A tool's own options, and those that all have.
fn known(own: &[Opt]) -> Vec<Opt> {
    [own, &SHARED].concat()
}

/// The root that a command line names.
fn root(parsed: &Parsed) -> Result<Root> {
    Root::open(Path::new(parsed.value("root").unwrap_or("/")))
}

/// What this process makes has the permissions that lines say, whoever started it.
fn mask_nothing() {
    rustix::process::umask(rustix::fs::Mode::empty());
}

/// Tells something on standard error.
fn tell(text: String) {
    eprintln!("{text}");
}

/// Tells what is wrong with lines. Says whether one makes no sense.
fn tell_all(faults: &[Fault]) -> bool {
    faults.iter().for_each(|fault| tell(fault.to_string()));
    faults.iter().any(|fault| fault.severity == Severity::Error)
}

/// What a command line asks to be read.
struct Given {
    sources: Vec<Source>,
    /// Whether files of the system could not be read.
    has_unreadable: bool,
}

/// Reads the files that a command line names by `read`, or those of a kind that count; with `--replace`
/// those, and the named ones in the place of one of them.
fn given(
    root: &Root,
    parsed: &Parsed,
    kind: &str,
    read: impl Fn(&[String]) -> Result<Vec<Source>>,
) -> Result<Given> {
    let replaced = parsed.value("replace");
    if let Some(path) = replaced {
        if !path.starts_with('/') || !path.ends_with(".conf") {
            bail!("--replace takes an absolute path that ends in .conf, not {path}");
        }
        if parsed.words.is_empty() {
            bail!("with --replace, name what is to be read in its place");
        }
    }
    if replaced.is_none() && !parsed.words.is_empty() {
        return Ok(Given { sources: read(&parsed.words)?, has_unreadable: false });
    }
    let mut found = root.settings(kind);
    let place = match replaced {
        Some(path) => files::place(&mut found, &files::folders(kind), path).map_err(anyhow::Error::msg)?,
        None => None,
    };
    let (mut sources, mut has_unreadable) = (Vec::new(), false);
    for (at, file) in found.iter().enumerate() {
        if place == Some(at) {
            sources.extend(read(&parsed.words)?);
            continue;
        }
        match root.source(file) {
            Ok(source) => sources.push(source),
            Err(error) => {
                tell(format!("{error:#}"));
                has_unreadable = true;
            }
        }
    }
    Ok(Given { sources, has_unreadable })
}

/// Whether files are to be shown rather than followed.
fn shows(parsed: &Parsed) -> Result<bool> {
    let shows = parsed.has("cat-config") || parsed.has("tldr");
    if shows && parsed.has("replace") {
        bail!("--replace does not go with --cat-config and --tldr");
    }
    if shows && !parsed.words.is_empty() {
        bail!("--cat-config and --tldr take no files: they show those of the system");
    }
    Ok(shows)
}

/// Shows the files of a kind that count; with `--tldr` without comments.
fn show(root: &Root, parsed: &Parsed, kind: &str) -> Result<u8> {
    let found: Vec<Found> = root.settings(kind);
    let mut is_first = true;
    for file in &found {
        let source = root.source(file)?;
        let is_said = |line: &&str| !parsed.has("tldr") || !line.trim_start().starts_with(['#', ';']);
        let is_line = |line: &&str| !parsed.has("tldr") || !line.trim().is_empty();
        let lines: Vec<&str> = source.text.lines().filter(is_said).filter(is_line).collect();
        if parsed.has("tldr") && lines.is_empty() {
            continue;
        }
        let gap = if std::mem::take(&mut is_first) { "" } else { "\n" };
        println!("{gap}# {}", source.path);
        lines.iter().for_each(|line| println!("{line}"));
    }
    Ok(0)
}
