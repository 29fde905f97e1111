//! A version that failed here: told once, and not taken again by itself.
//!
//! It is found by its entry on the ESP, which has no try left. That is only looked for where something speaks for it:
//! an update that was installed and does not run, or a boot before this one that was another version's.

mod why;

use std::fs;

use anyhow::{Context, Result};
use boots::History;
use deployment::Deployment;
use event::Event;
use layout::path::{BOOTS, PSTORE};
use manifest::Version;
use slots::EntryName;

use crate::{boot, note, record};

/// Runs `updater report`.
///
/// # Errors
/// The ESP cannot be read, or what was found cannot be remembered.
pub fn run() -> Result<()> {
    let running = boot::version()?;
    let state = record::read();
    let history = History::parse(&fs::read_to_string(BOOTS).unwrap_or_default());
    let this = boot::id();
    let last = history.before(&this).map(|boot| boot.version.as_str());
    let staged = state.staged.as_ref().map(|staged| &staged.version);
    if !may_have_failed(&running, staged, last) {
        return Ok(());
    }
    let machine = Deployment::of_running()?.state().context("look for versions that failed")?;
    let entries: Vec<EntryName> = machine.esp.entries.into_iter().map(|entry| entry.name).collect();
    for version in failed(&entries, &running, &state.refused_versions()) {
        let installed_at =
            state.staged.as_ref().filter(|staged| staged.version == version).map(|staged| staged.at);
        let panic = why::panic_since(PSTORE.as_ref(), installed_at);
        let reason = why::reason(&history, &this, &version.to_string(), installed_at, panic.as_deref());
        record::change(|state| state.failed(boot::now(), &version, &running, &reason))?;
        let event = Event::FellBack { from: version.to_string(), to: running.to_string(), reason };
        note(init_client::tell(event));
    }
    Ok(())
}

/// Whether it is worth mounting the ESP.
fn may_have_failed(running: &Version, staged: Option<&Version>, last: Option<&str>) -> bool {
    staged.is_some_and(|staged| staged != running) || last.is_some_and(|last| last != running.to_string())
}

/// The versions that have no try left, and are not known to have failed.
fn failed(entries: &[EntryName], running: &Version, refused: &[Version]) -> Vec<Version> {
    let is_new = |version: &Version| version != running && !refused.contains(version);
    let bad = entries.iter().filter(|entry| entry.is_bad()).map(|entry| entry.version.clone());
    let mut failed: Vec<Version> = bad.filter(is_new).collect();
    failed.dedup();
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn the_esp_is_looked_at_only_where_something_speaks_for_it() {
        let running = version("0.1.0");
        for (staged, last, expected) in [
            (None, None, false),
            (None, Some("0.1.0"), false),
            (Some("0.1.0"), Some("0.1.0"), false),
            // Its kernel never came so far that a boot of it was written down.
            (Some("0.2.0"), Some("0.1.0"), true),
            (Some("0.2.0"), Some("0.2.0"), true),
            // A good one that turned bad, or one that somebody went back from.
            (None, Some("0.2.0"), true),
        ] {
            let staged = staged.map(version);
            assert_eq!(may_have_failed(&running, staged.as_ref(), last), expected, "{staged:?} {last:?}");
        }
    }

    #[test]
    fn what_has_no_try_left_failed_and_is_told_once() {
        for (entries, refused, expected) in [
            (&["berth_0.1.0.efi", "berth_0.2.0+0-3.efi"][..], &[][..], &["0.2.0"][..]),
            (&["berth_0.1.0.efi", "berth_0.2.0+0.efi"], &[], &["0.2.0"]),
            (&["berth_0.1.0.efi", "berth_0.2.0+0-3.efi"], &["0.2.0"], &[]),
            // A try is left.
            (&["berth_0.1.0.efi", "berth_0.2.0+1-2.efi"], &[], &[]),
            (&["berth_0.1.0.efi", "berth_0.2.0.efi"], &[], &[]),
            // The one that runs has failed elsewhere, or is the last that is left.
            (&["berth_0.1.0+0-3.efi", "berth_0.2.0+0-3.efi"], &[], &["0.2.0"]),
        ] {
            let names: Vec<EntryName> = entries.iter().map(|name| name.parse().unwrap()).collect();
            let refused: Vec<Version> = refused.iter().map(|text| version(text)).collect();
            let found: Vec<String> =
                failed(&names, &version("0.1.0"), &refused).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{entries:?}");
        }
    }
}
