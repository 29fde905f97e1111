//! Why a version failed, by what its boots left.

use std::fs;
use std::path::Path;

use boots::{End, History};

/// What is kept of a panic: the first line that says why.
const MARK: &str = "Kernel panic - not syncing: ";

/// The reason, in a line. Its boots are those of the version since it was installed; `panic` is what firmware kept of
/// one that came before PID 1 could write its boot down.
pub fn reason(
    history: &History,
    this: &str,
    version: &str,
    installed_at: Option<u64>,
    panic: Option<&str>,
) -> String {
    let is_its = |boot: &&boots::Boot| {
        boot.id != this && boot.version == version && installed_at.is_none_or(|at| boot.began >= at)
    };
    let its: Vec<&boots::Boot> = history.boots.iter().filter(is_its).collect();
    // The last that tells more than that it came to an end.
    let tells = |boot: &&&boots::Boot| boot.unfit.is_some() || matches!(boot.end, Some(End::Panic { .. }));
    let telling = its.iter().rev().find(tells).or(its.last());
    match (telling, panic) {
        (None, Some(panic)) => format!("panic before PID 1: {panic}"),
        (None, None) => {
            "no boot of it came as far as PID 1: its kernel did not load, panicked, hung, or found no slot \
                         to boot from"
                .to_owned()
        }
        (Some(boot), Some(panic)) if boot.end.is_none() && boot.unfit.is_none() => format!("panic: {panic}"),
        (Some(boot), _) => boot.ending(this),
    }
}

/// What firmware kept of the last panic since a time, by the folders that berth-pstore.service makes, named by their
/// time.
pub fn panic_since(folder: &Path, since: Option<u64>) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let newest = entries.map(|entry| entry.path()).max()?;
    let modified = fs::metadata(&newest).and_then(|metadata| metadata.modified()).ok()?;
    let modified = modified.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    // Without a time there is no telling whose it was.
    since.filter(|since| *since <= modified)?;
    let files = fs::read_dir(&newest).ok()?.flatten().map(|entry| entry.path());
    files.filter_map(|file| first_cause(&String::from_utf8_lossy(&fs::read(file).ok()?))).next()
}

fn first_cause(text: &str) -> Option<String> {
    let (_, cause) = text.lines().find_map(|line| line.split_once(MARK))?;
    Some(cause.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::ShutdownKind;

    fn id(number: u32) -> String {
        format!("{number:032x}")
    }

    /// Boots of 0.1.0, of 0.2.0 as `ends` says, and of 0.1.0 again.
    fn history(ends: &[(&str, &str)]) -> History {
        let mut history = History::default();
        history.begin(&id(100), 50, "0.2.0");
        history.unfit(&id(100), "long ago");
        history.begin(&id(101), 60, "0.1.0");
        history.end(&id(101), 100, ShutdownKind::Reboot, false);
        for (number, (end, unfit)) in (1..).zip(ends) {
            let id = id(number);
            history.begin(&id, 110, "0.2.0");
            if !unfit.is_empty() {
                history.unfit(&id, unfit);
            }
            match *end {
                "reboot" => history.end(&id, 120, ShutdownKind::Reboot, false),
                "panic" => history.panicked("", "sysrq triggered crash"),
                _ => {}
            }
        }
        history.begin(&id(200), 200, "0.1.0");
        history
    }

    #[test]
    fn the_reason_is_the_last_that_is_known() {
        let unknown = "no boot of it came as far as PID 1: its kernel did not load, panicked, hung, or found no slot to \
                       boot from";
        for (ends, panic, expected) in [
            (&[][..], None, unknown),
            (&[], Some("dm-verity device corrupted"), "panic before PID 1: dm-verity device corrupted"),
            (&[("", "")], None, "broke off: power cut, reset or panic"),
            (&[("", "")], Some("Attempted to kill init!"), "panic: Attempted to kill init!"),
            (&[("", ""), ("panic", "")], None, "panic: sysrq triggered crash"),
            (
                &[("reboot", "etcd: no answer"), ("reboot", "network: x")],
                None,
                "failed, and restarted itself: network: x",
            ),
            // One that was cut off says less than the one before it.
            (
                &[("reboot", "etcd: no answer"), ("", "")],
                None,
                "failed, and restarted itself: etcd: no answer",
            ),
        ] {
            let history = history(ends);
            let found = reason(&history, &id(200), "0.2.0", Some(105), panic);
            assert_eq!(found, expected, "{ends:?} {panic:?}");
        }
    }

    #[test]
    fn a_panic_counts_that_is_newer_than_the_update() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(panic_since(folder.path(), Some(0)), None);
        let panic = folder.path().join("1795543800");
        fs::create_dir(&panic).unwrap();
        fs::write(
            panic.join("dmesg.txt"),
            "<6>[1.0] x\n<0>[    2.500000] Kernel panic - not syncing: device-mapper: verity: corrupted\nmore\n",
        )
        .unwrap();
        let now = sys::machine::wall_clock().as_secs();
        let found = Some("device-mapper: verity: corrupted".to_owned());
        assert_eq!(panic_since(folder.path(), Some(now - 60)), found);
        assert_eq!(panic_since(folder.path(), Some(now + 60)), None);
        assert_eq!(panic_since(folder.path(), None), None);
    }
}
