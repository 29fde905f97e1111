//! `systemctl status` without a unit: the system.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::arguments::Parsed;
use crate::client;
use crate::processes::{self, CGROUPS};
use crate::table::{Paint, paint};
use crate::time::{ago, moment};

pub(super) fn run(_parsed: &Parsed) -> Result<u8> {
    let manager = client::manager()?;
    let color = match manager.state.as_str() {
        "running" => Paint::Good,
        "degraded" | "maintenance" => Paint::Bad,
        _ => Paint::Busy,
    };
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    println!("{} {}", paint("\u{25cf}", color), host.trim());
    let row = |name: &str, value: &str| println!("{name:>9}: {value}");
    row("State", &paint(&manager.state, color));
    row("Units", &format!("{} loaded", manager.units));
    row("Jobs", &format!("{} queued", manager.jobs));
    row("Failed", &format!("{} units", manager.failed));
    row("Since", &format!("{}; {}", moment(manager.userspace_us), ago(manager.userspace_us)));
    row("Version", &format!("berth {}", manager.version));
    row("CGroup", "/");
    if !manager.container {
        for line in processes::read(Path::new(CGROUPS)).lines() {
            println!("           {}", paint(&line, Paint::Dim));
        }
    }
    Ok(0)
}
