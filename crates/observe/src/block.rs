//! Block devices (the kernel's admin-guide/iostats.rst).

/// A line of the table. Sectors there have 512 bytes, whatever the device's have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The kernel's name.
    pub name: String,
    /// Reads that were completed.
    pub reads: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Milliseconds that reads took.
    pub read_ms: u64,
    /// Writes that were completed.
    pub writes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Milliseconds that writes took.
    pub write_ms: u64,
    /// What is under way.
    pub in_flight: u64,
    /// Milliseconds during which something was under way.
    pub busy_ms: u64,
}

/// Reads `/proc/diskstats`: devices that did something. What only stands for memory or a file (ram,
/// loop) is left out.
pub fn parse(text: &str) -> Vec<Disk> {
    let line = |line: &str| {
        let mut words = line.split_whitespace().skip(2);
        let name = words.next()?.to_owned();
        let numbers: Vec<u64> = words.map_while(|word| word.parse().ok()).collect();
        let at = |index: usize| numbers.get(index).copied();
        let disk = Disk {
            reads: at(0)?,
            read_bytes: at(2)?.saturating_mul(512),
            read_ms: at(3)?,
            writes: at(4)?,
            written_bytes: at(6)?.saturating_mul(512),
            write_ms: at(7)?,
            in_flight: at(8)?,
            busy_ms: at(9)?,
            name,
        };
        let is_real = !["ram", "loop"].iter().any(|start| disk.name.starts_with(start));
        (is_real && disk.reads + disk.writes > 0).then_some(disk)
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let text = " 254       0 vda 10 1 20 30 40 5 60 70 1 80 100 0 0 0 0\n   1  0 ram0 0 0 0 0 0 0 0 0 0 0 0\n\
                    7 0 loop0 5 0 1 1 0 0 0 0 0 1 1\n 254 1 vdb 0 0 0 0 0 0 0 0 0 0 0\n8 0 short 1\n";
        let disk = Disk {
            name: "vda".into(),
            reads: 10,
            read_bytes: 10_240,
            read_ms: 30,
            writes: 40,
            written_bytes: 30_720,
            write_ms: 70,
            in_flight: 1,
            busy_ms: 80,
        };
        assert_eq!(parse(text), [disk]);
    }
}
