//! Short questions: is it active, failed, enabled; what do its files hold.

use std::time::Duration;

use anyhow::{Result, bail};
use unit::install::Place;

use super::{NO_UNIT, NOT_ACTIVE, units};
use crate::arguments::Parsed;
use crate::client;
use crate::files::Files;
use crate::names::unit_name;

/// How often it is looked whether the boot has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

pub(super) fn is_active(parsed: &Parsed) -> Result<u8> {
    let mut code = NO_UNIT;
    for unit in units(parsed)? {
        let status = client::status(&unit)?;
        if !parsed.has("quiet") {
            println!("{}", status.active);
        }
        // One that is active is enough; one that is there tells more than one that is not.
        code = match status.active.as_str() {
            "active" | "reloading" => 0,
            _ if status.load == "not-found" => code,
            _ => code.min(NOT_ACTIVE),
        };
    }
    Ok(code)
}

/// Of units, whether one has failed; without one, whether any has.
pub(super) fn is_failed(parsed: &Parsed) -> Result<u8> {
    if parsed.words.is_empty() {
        let manager = client::manager()?;
        if !parsed.has("quiet") {
            println!("{}", manager.state);
        }
        return Ok(u8::from(manager.failed == 0));
    }
    let mut code = 1;
    for unit in units(parsed)? {
        let status = client::status(&unit)?;
        if !parsed.has("quiet") {
            println!("{}", status.active);
        }
        if status.active == "failed" {
            code = 0;
        }
    }
    Ok(code)
}

pub(super) fn is_enabled(parsed: &Parsed) -> Result<u8> {
    if parsed.words.is_empty() {
        bail!("name a unit");
    }
    let files = Files::open(parsed.value("root"))?;
    let mut code = 1;
    let mut found = false;
    for word in &parsed.words {
        let state = files.state(&unit_name(word)?);
        found |= state.is_some();
        if state.is_some_and(|state| state.is_enabled()) {
            code = 0;
        }
        if !parsed.has("quiet") {
            println!("{}", state.map_or("not-found", |state| state.name()));
        }
    }
    Ok(if found { code } else { NO_UNIT })
}

pub(super) fn is_system_running(parsed: &Parsed) -> Result<u8> {
    let mut manager = client::manager();
    while parsed.has("wait")
        && manager.as_ref().is_ok_and(|manager| matches!(manager.state.as_str(), "initializing" | "starting"))
    {
        std::thread::sleep(LOOK_AGAIN);
        manager = client::manager();
    }
    // Where there is no PID 1 of ours the system is offline, as systemd says.
    let state = manager.map_or_else(|_| "offline".to_owned(), |manager| manager.state);
    if !parsed.has("quiet") {
        println!("{state}");
    }
    Ok(u8::from(state != "running"))
}

/// A unit's files, each under its name.
pub(super) fn cat(parsed: &Parsed) -> Result<u8> {
    if parsed.words.is_empty() {
        bail!("name a unit");
    }
    let files = Files::open(parsed.value("root"))?;
    let mut first = true;
    for word in &parsed.words {
        let unit = unit_name(word)?;
        let paths: Vec<String> = match parsed.value("root") {
            Some(_) => files.view.file(&unit).into_iter().chain(files.drop_ins(&unit)).collect(),
            None => {
                let status = client::status(&unit)?;
                status.fragment.into_iter().chain(status.drop_ins).collect()
            }
        };
        if paths.is_empty() {
            if let Place::Masked { path, .. } = files.view.place(&unit) {
                println!("# Unit {unit} is masked ({path}).");
                continue;
            }
            bail!("No files found for {unit}.");
        }
        for path in paths {
            if !std::mem::take(&mut first) {
                println!();
            }
            println!("# {path}");
            print!("{}", files.read(&path)?);
        }
    }
    Ok(0)
}
