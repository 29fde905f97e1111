//! A boot that is good: its version stays.
//!
//! Only here a version is bound to: its counter goes, the security epoch rises to its own, and what this machine keeps
//! may take the form that it likes best. Each step may be done twice, so that one which a power cut came in the way of
//! is done by the next good boot.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use deployment::Deployment;
use event::Event;
use layout::path::BLESSED;
use manifest::Version;
use unit::control::{JobAction, Request};
use updater::{Store, extensions};

use crate::{banner, boot, chain, note, record, schema, steady, vendor};

/// Waits for the deadline.
const DEADLINE: &str = "berth-boot-deadline.service";

/// Runs `updater bless`.
///
/// # Errors
/// The counter cannot be taken off, or what was done cannot be remembered.
pub fn run() -> Result<()> {
    let version = boot::version()?;
    let is_counted = boot::is_counted();
    if is_counted {
        let done = Deployment::of_running()?.bless().context("take the counter off this version's entry")?;
        for action in done {
            println!("{action}");
        }
    }
    let was_blessed = Path::new(BLESSED).exists();
    fs::write(BLESSED, "").with_context(|| format!("write {BLESSED}"))?;
    // Once the counter is gone, so that none of it is in the way of that. What does not work is told.
    if !was_blessed {
        note(steady::came_up(is_counted));
    }
    note(schema::settle());
    note(vendor::note(&version));
    note(extensions::forget("/".as_ref(), &Store::system(), &version, Deployment::of_running));
    note(chain::order(&version));
    let is_news = is_counted || record::read().staged.is_some_and(|staged| staged.version == version);
    if !is_news {
        return Ok(());
    }
    note(tell(&version));
    record::change(|state| state.blessed(boot::now(), &version))
}

fn tell(version: &Version) -> Result<()> {
    let units = vec![DEADLINE.to_owned()];
    init_client::order(&Request::Job { action: JobAction::Stop, units, wait: false })?;
    init_client::tell(Event::BootBlessed { version: version.to_string() })?;
    banner::renew()
}
