//! `berthctl report`: one archive of what somebody who looks for a fault wants to see, without
//! secrets. Each part is bounded in size and time; one that cannot be had is named in the index.

mod archive;
mod mask;
mod sources;

use std::fs::{self, File};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use observe::Root;

use crate::arguments::{self, Takes, both};
use crate::time::{size, utc_date};
use archive::Archive;
use sources::{SOURCES, Source};

const USAGE: &str = "\
usage: berthctl report [-o FILE]

Writes one archive (tar.zst) for a report of a fault: versions, units, logs of this boot and the last,
file systems, memory, network, kernel. Passwords, tokens and keys are masked as far as they can be
told; configuration, environments and arguments of processes are not in it. Look through it before
you give it away.

  -o, --output FILE   where it goes; - is standard output. One whose name ends in .tar is not packed

For example:  berthctl report -o /tmp/report.tar.zst && tar -tf /tmp/report.tar.zst";

/// Where it goes where nothing is said.
const FOLDER: &str = "/var/tmp";
/// How long a part may take, and all of them.
const PART_TIME: Duration = Duration::from_secs(10);
const ALL_TIME: Duration = Duration::from_secs(60);
/// How large a part may be, in bytes.
const PART_MAX: usize = 1 << 20;

/// What became of a part.
struct Part {
    source: &'static Source,
    /// Its text, or why there is none.
    text: Result<String, String>,
    /// Whether something of it was left out.
    cut: bool,
}

/// Runs `berthctl report`.
///
/// # Errors
/// The arguments make no sense, or the archive cannot be written.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [both("output", 'o', Takes::Value)];
    let Some(parsed) = arguments::read(arguments, &known, USAGE)? else {
        return Ok(0);
    };
    if let Some(word) = parsed.words.first() {
        bail!(arguments::Usage(format!("unexpected argument {word}; -o names the file")));
    }
    let root = Root::of_machine();
    let now = sys::machine::wall_clock().as_secs();
    let host = root.text("/proc/sys/kernel/hostname").trim().replace('/', "-");
    let name = format!("berth-report-{host}-{now}");
    if parsed.value("output") == Some("-") {
        if std::io::stdout().is_terminal() {
            bail!("an archive is not for a terminal: name a file with -o");
        }
        write(std::io::stdout().lock(), &name, now, true, &gather(&root))?;
        return Ok(0);
    }
    let file = parsed.value("output").map_or_else(|| format!("{FOLDER}/{name}.tar.zst"), str::to_owned);
    let doing = || format!("cannot write {file}");
    // First of all, so that a place that cannot be written is told at once.
    let new = format!("{file}.part");
    let mut options = File::options();
    let out = options.write(true).create(true).truncate(true).mode(0o600).open(&new).with_context(doing)?;
    let done = write(out, &name, now, !file.ends_with(".tar"), &gather(&root));
    if done.is_err() {
        _ = fs::remove_file(&new);
    }
    let length = done.with_context(doing)?;
    fs::rename(&new, &file).with_context(doing)?;
    println!("{file} ({})", size(length));
    Ok(0)
}

/// Gets all parts, each in its time.
fn gather(root: &Root) -> Vec<Part> {
    let until = Instant::now() + ALL_TIME;
    SOURCES.iter().map(|source| part(root, source, until.saturating_duration_since(Instant::now()))).collect()
}

fn part(root: &Root, source: &'static Source, left: Duration) -> Part {
    let (sender, receiver) = channel();
    let root = root.clone();
    // One that hangs (a file system that does not answer) is left to itself.
    let read = move || {
        let (text, cut) = match (source.read)(&root) {
            Ok(text) => {
                let (text, cut) = bounded(text);
                (Ok(mask::text(&text)), cut)
            }
            Err(error) => (Err(mask::text(&format!("{error:#}"))), false),
        };
        _ = sender.send((text, cut));
    };
    let begun = thread::Builder::new().spawn(read);
    let (text, cut) = match begun {
        Err(error) => (Err(error.to_string()), false),
        Ok(_) => match receiver.recv_timeout(left.min(PART_TIME)) {
            Ok(done) => done,
            Err(_) => (Err("it took too long".to_owned()), false),
        },
    };
    Part { source, text, cut }
}

/// The end of a text that is too long: of logs it is what matters. Whole lines, since the beginning of one may
/// say that what follows is a secret.
fn bounded(text: String) -> (String, bool) {
    if text.len() <= PART_MAX {
        return (text, false);
    }
    let from = text.ceil_char_boundary(text.len() - PART_MAX);
    let rest = text[from..].split_once('\n').map_or("", |(_, rest)| rest);
    (rest.to_owned(), true)
}

/// Writes the archive; gives its length.
fn write(out: impl Write, name: &str, now: u64, packs: bool, parts: &[Part]) -> Result<u64> {
    let mut archive = Archive::new(out, name, now, packs)?;
    archive.add("index.txt", index(now, parts).as_bytes())?;
    for part in parts {
        if let Ok(text) = &part.text {
            archive.add(part.source.file, text.as_bytes())?;
        }
    }
    archive.finish()
}

/// What is in the archive, and what is not.
fn index(now: u64, parts: &[Part]) -> String {
    let mut text = format!("Report of {}\n\n", utc_date(Duration::from_secs(now)));
    for part in parts {
        let state = match &part.text {
            Ok(found) if part.cut => format!("{}, its beginning left out", size(found.len() as u64)),
            Ok(found) => size(found.len() as u64),
            Err(error) => format!("unavailable: {error}"),
        };
        text.push_str(&format!("{:<22} {} ({state})\n", part.source.file, part.source.what));
    }
    text.push_str(
        "\nMasked: what looks like a password, a token or a key. Not in it: cores, configuration,\n",
    );
    text.push_str("environments and arguments of processes.\n");
    text
}

#[cfg(test)]
mod tests;
