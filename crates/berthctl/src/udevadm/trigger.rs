//! `udevadm trigger`: has the kernel announce devices again.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Result, bail};
use devices::sysfs::{DEVICES, Device, Sysfs, base_name};
use sysfs::Kernel;
use unit::text::glob;

use crate::arguments::{self, Parsed, Takes, both};

/// What the kernel takes (lib/kobject_uevent.c).
const ACTIONS: [&str; 8] = ["add", "remove", "change", "move", "online", "offline", "bind", "unbind"];

/// Runs `udevadm trigger`.
///
/// # Errors
/// The arguments make no sense, or the kernel refuses one of the devices.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [
        both("verbose", 'v', Takes::Nothing),
        both("dry-run", 'n', Takes::Nothing),
        both("type", 't', Takes::Value),
        both("action", 'c', Takes::Value),
        both("subsystem-match", 's', Takes::Value),
        both("subsystem-nomatch", 'S', Takes::Value),
        both("attr-match", 'a', Takes::Value),
        both("sysname-match", 'y', Takes::Value),
        both("settle", 'w', Takes::Nothing),
    ];
    let parsed = arguments::parse(arguments, &known)?;
    if let Some(kind) = parsed.value("type").filter(|kind| *kind != "devices") {
        bail!("--type={kind} is not built: only devices are announced");
    }
    let action = parsed.value("action").unwrap_or("change");
    if !ACTIONS.contains(&action) {
        bail!("unknown action {action}: {}", ACTIONS.join(", "));
    }
    let paths = match parsed.words.is_empty() {
        true => all().into_iter().filter(|path| fits(&Device::at(&Kernel, path.clone()), &parsed)).collect(),
        false => {
            parsed.words.iter().map(|word| super::info::device(word)).collect::<Result<BTreeSet<_>>>()?
        }
    };
    let mut refused = 0;
    for path in &paths {
        if parsed.has("verbose") {
            println!("{path}");
        }
        if parsed.has("dry-run") {
            continue;
        }
        match fs::write(format!("{path}/uevent"), action) {
            // It went meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                eprintln!("udevadm: cannot have {path} announced: {error}");
                refused += 1;
            }
            Ok(()) => {}
        }
    }
    if parsed.has("settle") {
        super::wait_until_settled(Duration::from_secs(120))?;
    }
    Ok(u8::from(refused > 0))
}

/// Every device: on a bus, of a class.
fn all() -> BTreeSet<String> {
    let buses = Kernel.list("/sys/bus").into_iter().map(|bus| format!("/sys/bus/{bus}/devices"));
    let classes = Kernel.list("/sys/class").into_iter().map(|class| format!("/sys/class/{class}"));
    let folders: Vec<String> = buses.chain(classes).collect();
    let links = folders
        .iter()
        .flat_map(|folder| Kernel.list(folder).into_iter().map(move |name| format!("{folder}/{name}")));
    links.filter_map(|link| Kernel.link(&link)).filter(|path| path.starts_with(DEVICES)).collect()
}

fn fits(device: &Device<'_>, parsed: &Parsed) -> bool {
    let subsystem = device.subsystem().unwrap_or_default();
    let one = |option, text: &str| {
        let mut patterns = parsed.values(option).peekable();
        patterns.peek().is_none() || patterns.any(|pattern| glob::matches(pattern, text))
    };
    let has = |wanted: &str| match wanted.split_once('=') {
        Some((name, pattern)) => device.word(name).is_some_and(|value| glob::matches(pattern, &value)),
        None => device.has(wanted),
    };
    one("subsystem-match", &subsystem)
        && !parsed.values("subsystem-nomatch").any(|pattern| glob::matches(pattern, &subsystem))
        && one("sysname-match", base_name(device.path()))
        && parsed.values("attr-match").all(has)
}
