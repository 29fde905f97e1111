//! Pressure: the share of time that work waited for a resource (the kernel's accounting/psi.rst).

use serde::Serialize;

/// The resources, as their files are called.
pub const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];

/// The pressure on a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// Some work waited.
    pub some: Share,
    /// All work waited.
    pub full: Share,
}

/// A share of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Share {
    /// Of the last 10 s, in per cent.
    pub avg10: f64,
    /// Of the last minute.
    pub avg60: f64,
    /// Of the last 5 minutes.
    pub avg300: f64,
    /// Since the start, in microseconds.
    pub total_us: u64,
}

impl Pressure {
    /// Reads a file of `/proc/pressure`; none where it is not one.
    pub fn parse(text: &str) -> Option<Pressure> {
        let mut pressure = Pressure::default();
        let mut found = false;
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let share = match words.next() {
                Some("some") => &mut pressure.some,
                Some("full") => &mut pressure.full,
                _ => continue,
            };
            for (name, value) in words.filter_map(|word| word.split_once('=')) {
                match name {
                    "avg10" => share.avg10 = value.parse().ok()?,
                    "avg60" => share.avg60 = value.parse().ok()?,
                    "avg300" => share.avg300 = value.parse().ok()?,
                    "total" => share.total_us = value.parse().ok()?,
                    _ => {}
                }
            }
            found = true;
        }
        found.then_some(pressure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lines() {
        let text = "some avg10=1.50 avg60=0.25 avg300=0.00 total=42\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        let pressure = Pressure::parse(text).unwrap();
        assert_eq!((pressure.some.avg10, pressure.some.avg60, pressure.some.total_us), (1.5, 0.25, 42));
        assert_eq!(pressure.full.total_us, 7);
        for text in ["", "nothing\n", "some avg10=x\n"] {
            assert_eq!(Pressure::parse(text), None, "{text:?}");
        }
    }
}
