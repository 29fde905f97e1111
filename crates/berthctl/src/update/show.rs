//! What the updater says, for people.

use std::time::Duration;

use update_state::protocol::{Progress, Status};
use update_state::{Record, What};

use crate::table::{columns, facts};
use crate::time::{size, utc};

/// Characters of the bar.
const BAR: u64 = 30;

/// How things are.
pub fn status(status: &Status) -> String {
    let at = |seconds: u64| utc(Duration::from_secs(seconds));
    let slot = status.slot.as_ref().map(|slot| format!(", slot {slot}")).unwrap_or_default();
    let next = match &status.next {
        Some(next) if status.restart_wanted => Some(match status.restart_at {
            Some(then) => format!("{next}, at {}", at(then)),
            None => format!("{next}: restart to use it"),
        }),
        _ => None,
    };
    let source = match (status.enabled, status.urls.as_slice()) {
        (_, []) => "nowhere: set Url= in /etc/berth/update.conf".to_owned(),
        (enabled, urls) => {
            let by_hand = if enabled { "" } else { " (only when asked)" };
            format!("{}, channel {}{by_hand}", urls.join(" "), status.channel)
        }
    };
    let mut text = facts(&[
        ("runs", Some(format!("{} {}{slot}", status.product, status.version))),
        ("boots next", next),
        ("now", status.activity.as_ref().map(progress)),
        ("updates from", Some(source)),
        ("restarts", Some(status.strategy.clone())),
        ("pinned to", status.pinned.as_ref().map(ToString::to_string)),
        (
            "last check",
            status.last_check.as_ref().map(|check| {
                let failed = if check.ok { "" } else { "failed: " };
                format!("{}: {failed}{}", at(check.at), check.outcome)
            }),
        ),
    ]);
    for refused in &status.refused {
        text.push_str(&format!("not taken: {} ({})\n", refused.version, refused.reason));
    }
    for warning in &status.warnings {
        text.push_str(&format!("wrong: {warning}\n"));
    }
    text
}

/// What happened.
pub fn history(records: &[Record]) -> String {
    let row = |record: &Record| {
        let from = record.from.as_ref().map(|from| format!("from {from}")).unwrap_or_default();
        let at = utc(Duration::from_secs(record.at));
        vec![at, word(record.what).to_owned(), record.version.to_string(), from, record.detail.clone()]
    };
    let rows: Vec<Vec<String>> = records.iter().map(row).collect();
    columns(&rows).iter().map(|line| format!("{line}\n")).collect()
}

fn word(what: What) -> &'static str {
    match what {
        What::Installed => "installed",
        What::InstallFailed => "not installed",
        What::Blessed => "good",
        What::Failed => "failed",
        What::RolledBack => "went back to",
        What::Pinned => "pinned to",
        What::Unpinned => "unpinned from",
        What::Other => "?",
    }
}

/// How far it is.
pub fn progress(progress: &Progress) -> String {
    let version = progress.version.as_ref().map(|version| format!("{version}: ")).unwrap_or_default();
    let text = progress.stage.text();
    if progress.total == 0 {
        return format!("{version}{text}");
    }
    let part = |whole: u64| progress.done.min(progress.total) * whole / progress.total;
    let bar = "#".repeat(part(BAR) as usize);
    let width = BAR as usize;
    format!("{version}{text} [{bar:<width$}] {:>3} % of {}", part(100), size(progress.total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use update_state::protocol::Stage;

    #[test]
    fn a_bar_grows() {
        let at = |done, total| {
            let version = Some("0.2.0".parse().unwrap());
            progress(&Progress { stage: Stage::Downloading, version, done, total })
        };
        assert_eq!(at(0, 0), "0.2.0: downloading");
        assert!(at(0, 100).starts_with("0.2.0: downloading [                              ]   0 % of"));
        assert!(at(50, 100).starts_with("0.2.0: downloading [###############               ]  50 % of"));
        assert!(at(200, 100).starts_with("0.2.0: downloading [##############################] 100 % of"));
    }

    #[test]
    fn a_status_says_what_is_to_be_done() {
        let version = |text: &str| text.parse().unwrap();
        let mut it = Status {
            product: "berth".into(),
            version: version("0.1.0"),
            slot: Some("A".into()),
            next: Some(version("0.1.0")),
            restart_wanted: false,
            restart_at: None,
            enabled: true,
            channel: "stable".into(),
            strategy: "window".into(),
            urls: vec!["https://updates.example.org/berth".into()],
            pinned: None,
            last_check: None,
            staged: None,
            refused: vec![],
            activity: None,
            warnings: vec![],
        };
        let lines = "        runs: berth 0.1.0, slot A\nupdates from: https://updates.example.org/berth, channel stable\n    restarts: window\n";
        assert_eq!(status(&it), lines);
        it.next = Some(version("0.2.0"));
        it.restart_wanted = true;
        assert!(status(&it).contains("  boots next: 0.2.0: restart to use it\n"));
        it.urls.clear();
        it.warnings.push("no good".into());
        let text = status(&it);
        assert!(
            text.contains("updates from: nowhere: set Url=") && text.ends_with("wrong: no good\n"),
            "{text}"
        );
    }
}
