//! Figures of a running machine.

use std::time::Duration;

use event::Event;

use crate::{Error, Result, Vm};

/// Memory of a machine, in KiB, from its `/proc/meminfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// `MemTotal`.
    pub total_kib: u64,
    /// `MemAvailable`.
    pub available_kib: u64,
}

impl Memory {
    /// What is used and could not be given to a program, in MB (10^6 bytes).
    pub fn used_mb(&self) -> f64 {
        self.total_kib.saturating_sub(self.available_kib) as f64 * 1024.0 / 1e6
    }

    /// Reads the text of `/proc/meminfo` (proc_meminfo(5)).
    fn parse(text: &str) -> Option<Self> {
        Some(Self { total_kib: kib(text, "MemTotal:")?, available_kib: kib(text, "MemAvailable:")? })
    }
}

/// The figure of the line that starts with `name`, as `<name> <figure> kB`.
fn kib(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix("kB"))
        .and_then(|figure| figure.trim().parse().ok())
}

impl Vm {
    /// Memory in use now.
    ///
    /// # Errors
    /// The machine does not answer.
    pub fn memory(&self) -> Result<Memory> {
        let command = "cat /proc/meminfo";
        let text = self.run(command)?;
        Memory::parse(&text).ok_or_else(|| self.unreadable(command, text))
    }

    /// Resident memory of PID 1, in KiB.
    ///
    /// # Errors
    /// The machine does not answer.
    pub fn pid1_rss_kib(&self) -> Result<u64> {
        let command = "cat /proc/1/status";
        let text = self.run(command)?;
        kib(&text, "VmRSS:").ok_or_else(|| self.unreadable(command, text))
    }

    /// From power-on to the last target reached, by the host's clock.
    pub fn ready_after(&self) -> Option<Duration> {
        self.events()
            .iter()
            .rev()
            .find_map(|event| matches!(event.what, Event::ReachedTarget { .. }).then_some(event.at))
    }

    fn unreadable(&self, command: &str, output: String) -> Error {
        Error::Shell {
            command: command.to_owned(),
            how: "the figure is missing".to_owned(),
            output,
            state: self.describe(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_memory_is_what_is_not_available() {
        let text = "MemTotal:        2015432 kB\nMemFree:  1 kB\nMemAvailable:    1940000 kB\n";
        let memory = Memory::parse(text).unwrap();
        assert_eq!(memory.total_kib, 2_015_432);
        assert!((memory.used_mb() - 77.24).abs() < 0.01, "{}", memory.used_mb());
        assert_eq!(Memory::parse("MemTotal: 5 kB\n"), None);
        assert_eq!(Memory::parse("MemTotal: many kB\nMemAvailable: 1 kB\n"), None);
    }
}
