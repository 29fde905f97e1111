//! `systemd-analyze plot`: the boot as a picture.

use std::fmt::Write;

use calendar::span::span;
use unit::control::{ManagerStatus, UnitStatus};

use super::{ACCURACY, activating};

/// How many pixels a second is.
const SECOND: f64 = 200.0;
/// How high a row is.
const ROW: f64 = 20.0;
/// Room around the picture.
const MARGIN: f64 = 20.0;
/// Room for names at the right.
const NAMES: f64 = 400.0;

/// The picture: a bar for each part of the boot and each unit that came up in it.
pub(super) fn svg(manager: &ManagerStatus, units: &[UnitStatus]) -> String {
    let mut shown: Vec<&UnitStatus> = units
        .iter()
        .filter(|unit| unit.inactive_exit_us > 0 && unit.inactive_exit_us <= manager.finished_us)
        .collect();
    shown.sort_by_key(|unit| (unit.inactive_exit_us, unit.active_enter_us));
    let at = |micros: u64| MARGIN + micros as f64 / 1_000_000.0 * SECOND;
    let width = at(manager.finished_us) + NAMES;
    let height = MARGIN * 3.0 + ROW * (shown.len() + 4) as f64;
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let total = span(manager.finished_us, ACCURACY);
    let title = escape(&format!("{} in {total}, berth {}", manager.target, manager.version));
    let mut put = |text: std::fmt::Arguments| _ = out.write_fmt(text);
    put(format_args!("<text x=\"{MARGIN}\" y=\"{MARGIN}\" font-size=\"16\">{title}</text>\n"));
    let top = MARGIN * 2.0;
    for second in 0..=manager.finished_us / 1_000_000 {
        let x = at(second * 1_000_000);
        let (bottom, label) = (height - MARGIN, top - 4.0);
        put(format_args!(
            "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{bottom:.0}\" stroke=\"#ddd\"/>\n"
        ));
        put(format_args!("<text x=\"{x:.1}\" y=\"{label}\" fill=\"#666\">{second}s</text>\n"));
    }
    let mut row = 0;
    let mut bar = |from: u64, to: u64, until: u64, color: &str, name: &str| {
        let y = top + ROW * f64::from(row);
        row += 1;
        let (x, length) = (at(from), (at(to) - at(from)).max(1.0));
        let rest = (at(until) - at(to)).max(0.0);
        let (after, box_height, base) = (at(to), ROW - 4.0, y + ROW - 8.0);
        let name = escape(name);
        put(format_args!(
            "<rect x=\"{after:.1}\" y=\"{y:.1}\" width=\"{rest:.1}\" height=\"{box_height}\" fill=\"#cde\"/>\n"
        ));
        put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{box_height}\" fill=\"{color}\"/>\n"
        ));
        put(format_args!("<text x=\"{:.1}\" y=\"{base:.1}\">{name}</text>\n", x + length + 4.0));
    };
    let end = manager.finished_us;
    bar(0, manager.initramfs_us, 0, "#8a8", "kernel");
    if manager.userspace_us > manager.initramfs_us {
        bar(manager.initramfs_us, manager.userspace_us, 0, "#8aa", "initramfs");
    }
    bar(manager.userspace_us, end, 0, "#a8a", "userspace");
    for unit in shown {
        let time = activating(unit);
        let up = unit.inactive_exit_us + time.unwrap_or(end - unit.inactive_exit_us);
        let left = if unit.active_exit_us >= unit.active_enter_us && unit.active_exit_us > 0 {
            unit.active_exit_us
        } else {
            end
        };
        let until = if unit.active_enter_us > 0 { left.min(end) } else { 0 };
        let color = if unit.active == "failed" { "#d44" } else { "#48c" };
        let took = time
            .filter(|time| *time > 0)
            .map_or_else(String::new, |time| format!(" ({})", span(time, ACCURACY)));
        bar(unit.inactive_exit_us, up.min(end), until, color, &format!("{}{took}", unit.name));
    }
    out.push_str("</svg>\n");
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::unit;
    use super::*;

    #[test]
    fn a_bar_for_each_part_and_each_unit_of_the_boot() {
        let manager = ManagerStatus {
            target: "a<b.target".into(),
            initramfs_us: 500_000,
            userspace_us: 700_000,
            finished_us: 2_000_000,
            ..ManagerStatus::default()
        };
        let units = [
            unit("a.service", 800_000, 1_000_000),
            unit("later.service", 5_000_000, 6_000_000),
            unit("down.service", 0, 0),
        ];
        let picture = svg(&manager, &units);
        for part in
            ["<svg ", "kernel", "initramfs", "userspace", "a.service (200ms)", "a&lt;b.target", "</svg>"]
        {
            assert!(picture.contains(part), "{part}");
        }
        assert!(!picture.contains("later.service") && !picture.contains("down.service"));
        // A background, and two boxes for each of the four bars.
        assert_eq!(picture.matches("<rect ").count(), 1 + 2 * 4);
    }
}
