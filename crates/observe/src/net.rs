//! What went over network interfaces (proc(5), net/dev).

/// An interface and its counters, in the kernel's order: bytes, packets, errs, drop, fifo, frame,
/// compressed, multicast received; bytes, packets, errs, drop, fifo, colls, carrier, compressed sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// Its name.
    pub name: String,
    /// They.
    pub counters: [u64; 16],
}

/// Reads `/proc/net/dev`.
pub fn parse(text: &str) -> Vec<Traffic> {
    let line = |line: &str| {
        let (name, rest) = line.rsplit_once(':')?;
        let numbers: Vec<u64> = rest.split_whitespace().map_while(|word| word.parse().ok()).collect();
        Some(Traffic { name: name.trim().to_owned(), counters: numbers.try_into().ok()? })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let text = "Inter-|   Receive\n face |bytes    packets\n    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\neth0:9\n";
        let expected =
            Traffic { name: "lo".into(), counters: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16] };
        assert_eq!(parse(text), [expected]);
    }
}
