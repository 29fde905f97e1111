//! The handler that the kernel starts: as root, outside every unit, once for each crash, with the
//! core on its standard input. The process is kept as it is until this ends.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use journal::{Priority, Sender};
use unit::text::file::Source;

use crate::crash::Crash;
use crate::gather;
use crate::limiter::{IN_ALL, PER_USER, Verdict, WINDOW_S, Window};
use crate::message::{IDENTIFIER, tell};
use crate::name;
use crate::record::{Core, Record};
use crate::settings::{self, Settings};
use crate::store::Store;

/// Crashes of the last minute, by user.
const WINDOW_FILE: &str = "/run/berth/crashes";
/// Other work goes first (nice(2)), and in want of memory this goes (proc(5), oom_score_adj).
const NICE: i32 = 9;
const OOM_SCORE: &str = "500";
/// How long it may take. Then the core is cut off, and its part is kept.
const TIME: Duration = Duration::from_secs(240);
/// When the kernel ends a handler that has not ended then, in seconds.
const LAST_S: u32 = 360;

/// Handles a crash.
///
/// # Errors
/// The arguments are not the kernel's, or the crash cannot be kept. It is told in the log.
pub fn run(arguments: &[String]) -> Result<()> {
    let log = Sender::new(IDENTIFIER);
    let done = Crash::parse(arguments).and_then(|crash| {
        step_back(&crash);
        let store = Store::new(layout::path::COREDUMPS).within(TIME);
        handle(&crash, std::io::stdin().lock(), &store, &log)
    });
    if let Err(error) = &done {
        warn(&log, &format!("{error:#}"));
    }
    done
}

/// Tells of something that somebody should look at.
fn warn(log: &Sender, message: &str) {
    log.send(Priority::WARNING, message, &[]);
}

/// Takes less than what runs.
fn step_back(crash: &Crash) {
    // The machine is about to panic: nothing else matters.
    if crash.is_init() {
        return;
    }
    _ = rustix::process::nice(NICE);
    _ = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    sys::signal::alarm(LAST_S);
}

fn handle(crash: &Crash, core: impl Read, store: &Store, log: &Sender) -> Result<()> {
    match count(crash) {
        Verdict::Keep(0) => {}
        Verdict::Keep(dropped) => {
            warn(log, &format!("{dropped} more crashes of the last minute are not known of"));
        }
        Verdict::Last => {
            warn(
                log,
                &format!(
                    "user {} has crashed more than {PER_USER} times in {WINDOW_S} s: the next ones are not kept",
                    crash.uid
                ),
            );
            return Ok(());
        }
        Verdict::Full => {
            let text =
                format!("{IN_ALL} crashes in {WINDOW_S} s are kept: the next ones, of any user, are not");
            warn(log, &text);
            return Ok(());
        }
        Verdict::Drop => return Ok(()),
    }
    let (settings, warnings) = settings();
    for warning in &warnings {
        warn(log, warning);
    }
    let mut record = gather::record(crash, Path::new("/proc"));
    // First what is known: this may be cut off.
    record.core = Core::None { reason: "what kept it was cut off".to_owned() };
    let noted = store.note(&record);
    let kept = keep(crash, core, store, &settings, &mut record);
    if let Err(error) = &kept {
        record.core = Core::None { reason: format!("{error:#}") };
    }
    let noted = noted.and_then(|()| store.note(&record));
    tell(log, &record);
    noted
}

/// Keeps the core, where one is wanted.
fn keep(
    crash: &Crash,
    core: impl Read,
    store: &Store,
    settings: &Settings,
    record: &mut Record,
) -> Result<()> {
    let none = |reason: &str| Core::None { reason: reason.to_owned() };
    if !settings.keeps {
        record.core = none("Storage=none");
        return Ok(());
    }
    if crash.wants_none() {
        record.core = none("its limit is 0 (LimitCORE=)");
        return Ok(());
    }
    let most = settings.external_size_max.min(crash.limit.unwrap_or(u64::MAX));
    let written = store.keep(core, &name::stem(record), most, settings)?;
    record.core = written.core;
    if written.reader.size().is_none_or(|size| size <= settings.process_size_max) {
        record.modules = written.reader.modules();
    }
    Ok(())
}

/// Counts the crash. Where that cannot be done, it is kept.
fn count(crash: &Crash) -> Verdict {
    if crash.is_init() {
        return Verdict::Keep(0);
    }
    counted(crash.uid, Path::new(WINDOW_FILE)).unwrap_or(Verdict::Keep(0))
}

fn counted(uid: u32, path: &Path) -> Result<Verdict> {
    let doing = || format!("cannot write {}", path.display());
    let mut options = File::options();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .with_context(doing)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).with_context(doing)?;
    let mut text = String::new();
    file.read_to_string(&mut text).with_context(doing)?;
    let mut window = Window::parse(&text);
    let verdict = window.count(uid, sys::machine::monotonic().as_secs());
    rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0)).with_context(doing)?;
    file.set_len(0).with_context(doing)?;
    file.write_all(window.encode().as_bytes()).with_context(doing)?;
    Ok(verdict)
}

/// The settings, and what is wrong with their files.
fn settings() -> (Settings, Vec<String>) {
    let paths = unit_files::settings::of_program(Path::new("/"), settings::FILE);
    let sources = paths.into_iter().filter_map(|path| {
        let text = fs::read_to_string(&path).ok()?;
        Some(Source { path: path.to_string_lossy().into(), text })
    });
    Settings::read(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crashes_are_counted_across_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crashes");
        for _ in 0..PER_USER {
            assert!(matches!(counted(7, &path).unwrap(), Verdict::Keep(0)));
        }
        assert_eq!(counted(7, &path).unwrap(), Verdict::Last);
        assert_eq!(counted(7, &path).unwrap(), Verdict::Drop);
    }
}
