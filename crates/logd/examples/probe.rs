//! A service that says a line every 10 ms, and tells in a file how long that took: what other
//! services feel of a flood of messages (docs/logs.md).

use std::io::Write;
use std::time::{Duration, Instant};

const LINES: usize = 500;
const STEP: Duration = Duration::from_millis(10);

fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "/run/probe".to_owned());
    let mut out = std::io::stdout().lock();
    let (mut writes, mut late) = (Vec::new(), Vec::new());
    for n in 0..LINES {
        let begun = Instant::now();
        writeln!(out, "probe {n}")?;
        out.flush()?;
        let written = Instant::now();
        writes.push(written - begun);
        std::thread::sleep(STEP);
        late.push(written.elapsed().saturating_sub(STEP));
    }
    let tell = |name: &str, times: &mut Vec<Duration>| {
        times.sort();
        let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_micros();
        format!("{name}: median {} us, 99 % {} us, worst {} us\n", at(50), at(99), at(100))
    };
    std::fs::write(path, tell("writing a line", &mut writes) + &tell("waking late", &mut late))
}
