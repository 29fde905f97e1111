//! Stage 1's count of attempts begins anew: what runs has shown that it does.
//!
//! A version that is being tried has shown it by its health. One that was good before is not asked again, and to reach
//! `multi-user.target` says little: what boot does not read may be bad, and its first use restart the machine. So it has
//! to run for a while. Stage 1 sees by itself which boots ended because somebody wanted it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use deployment::{running_usrhash, write_attempts};
use layout::path::BOOT_ATTEMPTS;
use slots::Attempts;
use sys::machine::monotonic;

/// For how long, from the kernel's start. `berth-steady.timer` says the same.
const LONG_ENOUGH: Duration = Duration::from_secs(15 * 60);

/// Runs `updater steady`.
///
/// # Errors
/// The record cannot be written.
pub fn run() -> Result<()> {
    Ok(write_attempts(Path::new(BOOT_ATTEMPTS), &Attempts::none(running_usrhash()?))?)
}

/// Where this boot was just found good: the same, if that is enough. Else it has come up so far, and the timer's moment is
/// still to come.
///
/// # Errors
/// The record cannot be written.
pub fn came_up(is_counted: bool) -> Result<()> {
    if is_shown(is_counted, monotonic()) {
        return run();
    }
    let path = Path::new(BOOT_ATTEMPTS);
    let record = fs::read(path).unwrap_or_default();
    let attempts = Attempts::came_up(&String::from_utf8_lossy(&record), running_usrhash()?);
    Ok(write_attempts(path, &attempts)?)
}

fn is_shown(is_counted: bool, up: Duration) -> bool {
    is_counted || up >= LONG_ENOUGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_was_good_before_has_to_run_for_a_while() {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        for (is_counted, up, expected) in [
            (true, Duration::ZERO, true),
            (true, minutes(20), true),
            (false, minutes(1), false),
            (false, minutes(14), false),
            (false, minutes(15), true),
        ] {
            assert_eq!(is_shown(is_counted, up), expected, "{is_counted} {up:?}");
        }
        let timer = include_str!("../../../images/rootfs/usr/lib/systemd/system/berth-steady.timer");
        assert!(timer.contains(&format!("OnBootSec={}min\n", LONG_ENOUGH.as_secs() / 60)));
    }
}
