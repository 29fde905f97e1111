//! Memory (proc(5), meminfo).

use std::collections::BTreeMap;

/// The table, by the kernel's names; sizes in bytes, the rest as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory(pub BTreeMap<String, u64>);

impl Memory {
    /// Reads `/proc/meminfo`.
    pub fn parse(text: &str) -> Memory {
        let line = |line: &str| {
            let (name, value) = line.split_once(':')?;
            let mut words = value.split_whitespace();
            let number: u64 = words.next()?.parse().ok()?;
            let factor = if words.next() == Some("kB") { 1024 } else { 1 };
            Some((name.to_owned(), number.saturating_mul(factor)))
        };
        Memory(text.lines().filter_map(line).collect())
    }

    /// All, in bytes.
    pub fn total(&self) -> u64 {
        self.0.get("MemTotal").copied().unwrap_or(0)
    }

    /// What is in use and cannot be given back at once, in bytes.
    pub fn used(&self) -> u64 {
        self.total().saturating_sub(self.0.get("MemAvailable").copied().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let memory = Memory::parse(
            "MemTotal:        2000 kB\nMemAvailable:  500 kB\nHugePages_Total:   3\nodd\n: x\n",
        );
        assert_eq!((memory.total(), memory.used(), memory.0["HugePages_Total"]), (2_048_000, 1_536_000, 3));
        assert_eq!((Memory::parse("").total(), Memory::parse("").used()), (0, 0));
    }
}
