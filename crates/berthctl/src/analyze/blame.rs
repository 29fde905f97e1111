//! `systemd-analyze blame`: the slowest starts first.

use calendar::span::span;
use unit::control::UnitStatus;

use super::{ACCURACY, activating};

pub(super) fn run(units: &[UnitStatus]) {
    for line in lines(units) {
        println!("{line}");
    }
}

fn lines(units: &[UnitStatus]) -> Vec<String> {
    let times =
        units.iter().filter_map(|unit| Some((activating(unit).filter(|time| *time > 0)?, &unit.name)));
    let mut times: Vec<(u64, &String)> = times.collect();
    times.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let spans: Vec<String> = times.iter().map(|(time, _)| span(*time, ACCURACY)).collect();
    let width = spans.iter().map(String::len).max().unwrap_or(0);
    spans.iter().zip(times).map(|(span, (_, name))| format!("{span:>width$} {name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::unit;

    #[test]
    fn the_slowest_first() {
        let units = [
            unit("a.service", 10, 12_010),
            unit("b.service", 10, 1_500_010),
            unit("c.target", 10, 10),
            unit("d.service", 0, 0),
        ];
        assert_eq!(super::lines(&units), ["1.500s b.service", "  12ms a.service"]);
    }
}
