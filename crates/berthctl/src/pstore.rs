//! `berthctl pstore`: takes out of firmware what it kept of a kernel's panic, so that there is room
//! for the next, and tells of it. `berth-pstore.service` runs this where there is something.

mod dump;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use boots::History;
use journal::{Priority, Sender};
use layout::path::{BOOTS, FIRMWARE_RECORDS, PSTORE};
use observe::Root;

use crate::arguments;
use dump::{Dump, Part};

const USAGE: &str = "\
usage: berthctl pstore

Moves what firmware kept of kernel panics from /sys/fs/pstore to /var/lib/systemd/pstore, and puts the
last panic's text into the log.";

/// How much of a record is read, in bytes; the kernel's are smaller.
const RECORD_MAX: u64 = 1 << 20;
/// How many of a panic's last lines are put into the log.
const LINES: usize = 200;
/// How many folders are kept.
const FOLDERS_MAX: usize = 20;
/// How long the log daemon may take for all lines; what comes later goes where it need not be waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs `berthctl pstore`.
///
/// # Errors
/// A record cannot be moved. It is then still where it was.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    if !arguments::none(&arguments, USAGE)? {
        return Ok(0);
    }
    let from = Path::new(FIRMWARE_RECORDS);
    let parts = read(from)?;
    if parts.is_empty() {
        println!("firmware has kept nothing");
        return Ok(0);
    }
    let files: Vec<(PathBuf, Vec<u8>)> =
        parts.iter().map(|part| (from.join(&part.file), part.bytes.clone())).collect();
    let now = sys::machine::wall_clock().as_secs();
    let dumps = dump::group(parts);
    let folder = keep(Path::new(PSTORE), now, &files, &dumps)?;
    for (path, _) in &files {
        // This erases it in firmware.
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    forget_old(Path::new(PSTORE));
    if let Some(last) = dump::last(&dumps) {
        tell(&Sender { patience: Some(PATIENCE), ..Sender::new("last-boot") }, last, &folder);
        note(last)?;
    }
    Ok(0)
}

/// The records that are there.
fn read(folder: &Path) -> Result<Vec<Part>> {
    let doing = || format!("cannot read {}", folder.display());
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder).with_context(doing)? {
        let entry = entry.with_context(doing)?;
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        let path = entry.path();
        let doing = || format!("cannot read {}", path.display());
        let open = File::open(&path).with_context(doing)?;
        let metadata = open.metadata().with_context(doing)?;
        let mut bytes = Vec::new();
        open.take(RECORD_MAX).read_to_end(&mut bytes).with_context(doing)?;
        parts.push(Part { file, time: metadata.mtime(), bytes });
    }
    Ok(parts)
}

/// Writes everything down, so that it survives whatever comes next. Gives the folder.
fn keep(into: &Path, now: u64, files: &[(PathBuf, Vec<u8>)], dumps: &[Dump]) -> Result<PathBuf> {
    let folder = into.join(now.to_string());
    let doing = || format!("cannot write {}", folder.display());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).with_context(doing)?;
    let write = |name: &str, bytes: &[u8]| -> Result<()> {
        let mut options = File::options();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(folder.join(name))
            .with_context(doing)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).with_context(doing)
    };
    for (path, bytes) in files {
        write(&path.file_name().unwrap_or_default().to_string_lossy(), bytes)?;
    }
    for (index, dump) in dumps.iter().enumerate() {
        write(&format!("{}-{index}.txt", dump.kind.to_ascii_lowercase()), dump.text.as_bytes())?;
    }
    for folder in [folder.as_path(), into] {
        sys::file::sync_folder(folder)?;
    }
    Ok(folder)
}

/// Removes the oldest folders. What cannot be removed stays.
fn forget_old(folder: &Path) {
    let root = Root::at(folder);
    let mut times: Vec<u64> = root.names("/").iter().filter_map(|name| name.parse().ok()).collect();
    times.sort_unstable();
    let surplus = times.len().saturating_sub(FOLDERS_MAX);
    for time in times.into_iter().take(surplus) {
        _ = fs::remove_dir_all(folder.join(time.to_string()));
    }
}

/// Puts the end of a panic's text into the log. The patience of the sender is that for all of it.
fn tell(sender: &Sender, dump: &Dump, folder: &Path) {
    let until = sender.patience.map(|patience| Instant::now() + patience);
    let send = |line: &str, fields: &[(&str, String)]| {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let sender = Sender { patience: left.filter(|left| !left.is_zero()), ..sender.clone() };
        sender.send(Priority::CRIT, line, fields);
    };
    let headline = format!("an earlier boot ended in a panic: {} ({})", dump.reason(), folder.display());
    send(&headline, &[("BERTH_PANIC", dump.reason())]);
    let lines: Vec<&str> = dump.text.lines().collect();
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        send(line, &[]);
    }
}

/// Writes into the record of boots that the last one ended so.
fn note(dump: &Dump) -> Result<()> {
    let path = Path::new(BOOTS);
    let root = Root::of_machine();
    let this = root.boot_id();
    let mut history = History::parse(&root.text(BOOTS));
    history.panicked(&this, &dump.reason());
    Ok(sys::file::replace(path, history.encode().as_bytes(), 0o644)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_daemon_that_hangs_is_waited_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let [journal, syslog, kernel] = ["journal", "syslog", "kmsg"].map(|name| folder.path().join(name));
        let _hangs = ["journal", "syslog"]
            .map(|name| std::os::unix::net::UnixDatagram::bind(folder.path().join(name)).unwrap());
        fs::write(&kernel, "").unwrap();
        let patience = Some(Duration::from_millis(50));
        let sender =
            Sender { journal: &journal, syslog: &syslog, kernel: &kernel, patience, ..Sender::new("x") };
        let text: String = (0..LINES * 10).map(|line| format!("{line}\n")).collect();
        let file = "dmesg-erst-1".to_owned();
        let bytes = format!("Panic#1 Part1\n{text}").into_bytes();
        let dumps = dump::group(vec![Part { file, time: 7, bytes }]);
        // The queues of this machine may take all of one panic.
        let started = Instant::now();
        for _ in 0..6 {
            tell(&sender, &dumps[0], folder.path());
        }
        assert!(started.elapsed() < Duration::from_millis(50 * LINES as u64), "{:?}", started.elapsed());
        assert!(!fs::read_to_string(&kernel).unwrap().is_empty());
    }

    #[test]
    fn what_firmware_kept_is_written_down_before_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let firmware = folder.path().join("pstore");
        fs::create_dir(&firmware).unwrap();
        fs::write(firmware.join("dmesg-erst-1"), "Panic#1 Part1\n<0>[ 1.0] Kernel panic - not syncing: x\n")
            .unwrap();
        fs::write(firmware.join("console-x"), [0xff, 0]).unwrap();
        let parts = read(&firmware).unwrap();
        assert_eq!(parts.len(), 2);
        let files: Vec<_> =
            parts.iter().map(|part| (firmware.join(&part.file), part.bytes.clone())).collect();
        let into = folder.path().join("kept");
        let kept = keep(&into, 1_795_543_800, &files, &dump::group(parts)).unwrap();
        assert_eq!(kept, into.join("1795543800"));
        assert_eq!(Root::at(&kept).names("/"), ["console-x", "dmesg-erst-1", "panic-0.txt"]);
        assert_eq!(fs::read(kept.join("console-x")).unwrap(), [0xff, 0]);
        assert_eq!(fs::metadata(kept.join("panic-0.txt")).unwrap().mode() & 0o777, 0o600);
        for time in 0..40 {
            fs::create_dir(into.join(time.to_string())).unwrap();
        }
        forget_old(&into);
        let left = Root::at(&into).names("/");
        assert_eq!(left.len(), FOLDERS_MAX);
        assert!(left.contains(&"1795543800".to_owned()));
    }
}
