//! `udevadm monitor`: the kernel's events as they come.

use std::time::Duration;

use anyhow::{Result, bail};
use sys::uevent::{Next, Uevents};

use crate::arguments::{self, Takes, both};

/// Runs `udevadm monitor`, until it is ended.
///
/// # Errors
/// The arguments make no sense, or the kernel refuses.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [
        both("kernel", 'k', Takes::Nothing),
        both("udev", 'u', Takes::Nothing),
        both("property", 'p', Takes::Nothing),
        both("subsystem-match", 's', Takes::Value),
    ];
    let parsed = arguments::parse(arguments, &known)?;
    if let Some(word) = parsed.words.first() {
        bail!("unexpected argument {word}");
    }
    if parsed.has("udev") {
        bail!("--udev is not built: devd sends no events of its own; the kernel's are shown without it");
    }
    let subsystems: Vec<&str> = parsed.values("subsystem-match").collect();
    let events = Uevents::open()?;
    println!("monitor will print the received events for:\nKERNEL - the kernel uevent\n");
    loop {
        match events.next(Duration::from_secs(3600))? {
            Next::TimedOut => {}
            Next::Lost => eprintln!("udevadm: events were lost"),
            Next::Event(event) if !subsystems.is_empty() && !subsystems.contains(&event.subsystem()) => {}
            Next::Event(event) => {
                let at = sys::machine::monotonic().as_secs_f64();
                let path = event.get("DEVPATH").unwrap_or_default();
                println!("KERNEL[{at:.6}] {:<8} {path} ({})", event.action(), event.subsystem());
                if parsed.has("property") {
                    for (key, value) in event.into_pairs() {
                        println!("{key}={value}");
                    }
                    println!();
                }
            }
        }
    }
}
