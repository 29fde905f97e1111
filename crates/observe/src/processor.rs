//! Processors and load (proc(5), stat and loadavg).

/// What the columns of a processor's line count.
pub const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
/// So many of the kernel's ticks are a second (time(7), USER_HZ).
const TICKS: f64 = 100.0;

/// The processors' work.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Processors {
    /// Each processor's number, and its seconds by [`MODES`].
    pub each: Vec<(u32, Vec<f64>)>,
    /// When the kernel started, in seconds since 1970.
    pub boot_time: u64,
    /// Switches from one process to another.
    pub context_switches: u64,
    /// Interrupts.
    pub interrupts: u64,
    /// Processes made.
    pub forks: u64,
    /// Processes that run.
    pub running: u64,
    /// Processes that wait for a device.
    pub blocked: u64,
}

impl Processors {
    /// Reads `/proc/stat`.
    pub fn parse(text: &str) -> Processors {
        let mut found = Processors::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let Some(name) = words.next() else {
                continue;
            };
            if let Some(number) = name.strip_prefix("cpu").and_then(|number| number.parse().ok()) {
                let seconds = words.take(MODES.len()).map_while(|ticks| ticks.parse::<u64>().ok());
                let seconds: Vec<f64> = seconds.map(|ticks| ticks as f64 / TICKS).collect();
                found.each.push((number, seconds));
                continue;
            }
            let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
            match name {
                "btime" => found.boot_time = number,
                "ctxt" => found.context_switches = number,
                "intr" => found.interrupts = number,
                "processes" => found.forks = number,
                "procs_running" => found.running = number,
                "procs_blocked" => found.blocked = number,
                _ => {}
            }
        }
        found
    }
}

/// The load over 1, 5 and 15 minutes, from `/proc/loadavg`.
pub fn load(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split_whitespace().map(str::parse);
    Some([words.next()?.ok()?, words.next()?.ok()?, words.next()?.ok()?])
}

/// Seconds since the start, from `/proc/uptime`.
pub fn uptime(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables() {
        let text = "cpu  1 2 3\ncpu0 100 0 50 1000 5 0 2 0 0 0\ncpu12 1\nintr 99 1 2\nctxt 7\nbtime 1795543800\n\
                    processes 8\nprocs_running 2\nprocs_blocked 1\nother x\n\n";
        let found = Processors::parse(text);
        assert_eq!(found.each[0], (0, vec![1.0, 0.0, 0.5, 10.0, 0.05, 0.0, 0.02, 0.0]));
        assert_eq!(found.each[1], (12, vec![0.01]));
        assert_eq!((found.boot_time, found.interrupts, found.context_switches), (1_795_543_800, 99, 7));
        assert_eq!((found.forks, found.running, found.blocked), (8, 2, 1));
        assert_eq!(load("0.10 0.20 1.50 1/100 7\n"), Some([0.1, 0.2, 1.5]));
        assert_eq!((load("0.1"), uptime("12.50 3.0\n"), uptime("")), (None, Some(12.5), None));
    }
}
