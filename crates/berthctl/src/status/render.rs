//! The machine as lines that fit a screen of 80 columns and 24 lines, whatever there is to say.

use std::time::Duration;

use boots::Boot;

use super::facts::{Answer, Facts};
use crate::processes::one_line;
use crate::table::Paint;
use crate::time::{size, utc_date};

/// The screen's width.
const WIDTH: usize = 80;
/// How many of a list are shown.
const FAILED: usize = 4;
const LINKS: usize = 4;
const BOOTS: usize = 4;
const UNKNOWN: usize = 2;

/// A line, and what it is painted with.
pub type Line = (String, Option<Paint>);

/// The lines.
pub fn lines(facts: &Facts) -> Vec<Line> {
    let mut out = Lines(Vec::new());
    out.head(facts);
    out.row("Boot", &boot(facts), None);
    let failed: Vec<String> = facts.failed.iter().map(|(unit, why)| format!("{unit} ({why})")).collect();
    match failed.is_empty() {
        true if facts.state.is_some() => out.row("Failed", "none", None),
        true => {}
        false => out.list("Failed", &failed, FAILED, Some(Paint::Bad)),
    }
    if !facts.jobs.is_empty() {
        let jobs: Vec<String> = facts.jobs.iter().map(|(unit, kind)| format!("{unit} {kind}")).collect();
        out.row("Waiting", &format!("{}: {}", count(jobs.len(), "job"), jobs.join(", ")), Some(Paint::Busy));
    }
    let services: Vec<String> = facts.services.iter().map(service).collect();
    let silent = facts.services.iter().any(|service| service.answers == Some(false));
    out.row("Services", &services.join(", "), silent.then_some(Paint::Bad));
    let links: Vec<String> = facts
        .links
        .iter()
        .map(|link| {
            let addresses = match (link.up, link.addresses.is_empty()) {
                (true, true) => "no address".to_owned(),
                (false, true) => "no carrier".to_owned(),
                _ => link.addresses.join(" "),
            };
            format!("{} {addresses}", link.name)
        })
        .collect();
    if links.is_empty() {
        out.row("Network", "none", None);
    } else {
        out.list("Network", &links, LINKS, None);
    }
    let disks = facts.disks.iter().map(|(name, space)| {
        format!(
            "{name} {} of {} ({} %)",
            size(space.used()),
            size(space.size),
            percent(space.used(), space.size)
        )
    });
    out.row("Disk", &disks.collect::<Vec<_>>().join(", "), None);
    let (used, total) = facts.memory;
    out.row("Memory", &format!("{} of {} ({} %)", size(used), size(total), percent(used, total)), None);
    let pressure =
        facts.pressure.iter().map(|(name, pressure)| format!("{name} {:.1} %", pressure.some.avg60));
    out.row("Pressure", &format!("{} of the last minute", pressure.collect::<Vec<_>>().join(", ")), None);
    let boots: Vec<String> = facts.history.boots.iter().rev().map(|boot| past(boot, facts)).collect();
    if !boots.is_empty() {
        out.list("Boots", &boots[..boots.len().min(BOOTS)], BOOTS, None);
    }
    if let Some(failed) = &facts.failed_version {
        out.row("Update", failed, Some(Paint::Bad));
    }
    if facts.crashes > 0 {
        let text = format!("{} in this boot: coredumpctl", count(facts.crashes, "process"));
        out.row("Crashed", &text, Some(Paint::Busy));
    }
    out.list("Unknown", &facts.unknown, UNKNOWN, Some(Paint::Bad));
    out.0
}

struct Lines(Vec<Line>);

impl Lines {
    fn head(&mut self, facts: &Facts) {
        let slot = facts.slot.as_ref().map_or_else(String::new, |slot| format!(", slot {slot}"));
        let left = format!("{} on {}{slot}, up {}", facts.system, facts.host, uptime(facts.uptime_s));
        let state = facts.state.as_deref().unwrap_or("PID 1 does not answer");
        let color = if facts.is_well() { Paint::Good } else { Paint::Bad };
        let room = WIDTH.saturating_sub(state.chars().count() + 1);
        self.0.push((format!("{:<room$} {state}", cut(&left, room)), Some(color)));
    }

    fn row(&mut self, name: &str, text: &str, color: Option<Paint>) {
        self.0.push((cut(&format!("{name:>9}  {text}"), WIDTH), color));
    }

    /// A line each, of more than so many the number of the rest.
    fn list(&mut self, name: &str, items: &[String], most: usize, color: Option<Paint>) {
        for (index, item) in items.iter().take(most).enumerate() {
            let more = items.len() - most.min(items.len());
            let more =
                if index + 1 == most && more > 0 { format!(", and {more} more") } else { String::new() };
            let room = WIDTH - 11 - more.len();
            self.row(if index == 0 { name } else { "" }, &format!("{}{more}", cut(item, room)), color);
        }
    }
}

fn boot(facts: &Facts) -> String {
    let reached = match facts.reached_us {
        Some(micros) => format!("up in {:.2} s", micros as f64 / 1e6),
        None => "not up yet".to_owned(),
    };
    let complete = match facts.boot_complete.as_deref() {
        Some("active") => ", found good (boot-complete.target)".to_owned(),
        Some(state) => format!(", boot-complete.target is {state}"),
        None => String::new(),
    };
    match facts.state {
        Some(_) => format!("kernel {}, {reached}{complete}", facts.kernel),
        None => format!("kernel {}", facts.kernel),
    }
}

fn service(service: &Answer) -> String {
    let state = match (service.answers, service.unit.as_deref()) {
        (Some(true), _) => "answers",
        (Some(false), _) => "does not answer",
        (None, Some(state)) => state,
        (None, None) => "unknown",
    };
    format!("{} {state}", service.name)
}

fn past(boot: &Boot, facts: &Facts) -> String {
    format!("{} {} {}", utc_date(Duration::from_secs(boot.began)), boot.version, boot.ending(&facts.boot_id))
}

fn count(number: usize, what: &str) -> String {
    let plural = match (number, what.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{number} {what}{plural}")
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

fn uptime(seconds: f64) -> String {
    let minutes = seconds as u64 / 60;
    match minutes {
        0 => format!("{} s", seconds as u64),
        1..60 => format!("{minutes} min"),
        60..1440 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1440, minutes / 60 % 24),
    }
}

/// A text of one line, cut where it is too long.
fn cut(text: &str, width: usize) -> String {
    let text = one_line(text);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['\u{2026}']).collect()
}

#[cfg(test)]
mod tests;
