//! What a machine has shown so far: its events and its console, filled by reader threads and
//! waited on by tests.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use event::{Decoder, Event};

use crate::Milestone;

/// Lines of the console that an error shows.
const TAIL_LINES: usize = 40;

/// A thing and when it came, counted from power-on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed<T> {
    /// Since power-on.
    pub at: Duration,
    /// What came.
    pub what: T,
}

/// What a machine has shown so far.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Events, oldest first.
    pub events: Vec<Timed<Event>>,
    /// Lines of the event port that are no events.
    pub garbage: Vec<String>,
    /// The console's bytes.
    pub console: Vec<u8>,
    /// QEMU has closed the console: it has ended.
    pub ended: bool,
    /// How many events earlier waits have used up.
    events_seen: usize,
    /// How much of the console earlier waits have used up.
    console_seen: usize,
}

impl State {
    /// The first event from `milestone` on that no earlier wait has used up; uses it up.
    pub fn take(&mut self, milestone: Milestone<'_>) -> Option<Timed<Event>> {
        let found = self.events[self.events_seen..].iter().position(|event| milestone.is(&event.what))?;
        self.events_seen += found + 1;
        self.events.get(self.events_seen - 1).cloned()
    }

    /// An emergency or a kernel panic that no earlier wait has used up.
    pub fn calamity(&self) -> Option<String> {
        let emergency = self.events[self.events_seen..].iter().find_map(|event| {
            Milestone::Emergency.is(&event.what).then(|| event.what.console_line().unwrap_or_default())
        });
        emergency.or_else(|| {
            find(&self.console[self.console_seen..], b"Kernel panic")
                .map(|_| "the kernel panicked".to_owned())
        })
    }

    /// The first console line with `text` that no earlier wait has used up; uses it up.
    pub fn take_line(&mut self, text: &str) -> Option<String> {
        let unseen = &self.console[self.console_seen..];
        let at = find(unseen, text.as_bytes())?;
        let end = at + unseen[at..].iter().position(|byte| *byte == b'\n')?;
        let start = unseen[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |feed| feed + 1);
        let line = String::from_utf8_lossy(&unseen[start..end]).trim().to_owned();
        self.console_seen += end + 1;
        Some(line)
    }

    /// Looks for `text`, in a whole line or not, that no earlier wait has used up; uses it up.
    pub fn take_prompt(&mut self, text: &str) -> Option<()> {
        let at = find(&self.console[self.console_seen..], text.as_bytes())?;
        self.console_seen += at + text.len();
        Some(())
    }

    /// Events and the last console lines, for an error.
    pub fn describe(&self) -> String {
        let mut text = String::from("--- events:\n");
        for event in &self.events {
            text += &format!("{:8.2}s {:?}\n", event.at.as_secs_f64(), event.what);
        }
        for line in &self.garbage {
            text += &format!("   (no event) {line}\n");
        }
        let console = String::from_utf8_lossy(&self.console);
        let lines: Vec<&str> = console.lines().collect();
        text += "--- console, its end:\n";
        for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
            text += line.trim_end();
            text.push('\n');
        }
        text + "---"
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// [`State`] shared between the readers and who waits.
#[derive(Debug)]
pub(crate) struct Record {
    power_on: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

impl Record {
    /// An empty record of a machine that is switched on now.
    pub fn starting_now() -> Arc<Self> {
        Arc::new(Self { power_on: Instant::now(), state: Mutex::default(), changed: Condvar::new() })
    }

    /// Time since power-on.
    pub fn age(&self) -> Duration {
        self.power_on.elapsed()
    }

    /// The state as it is.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready` gives something, for `limit` at most.
    pub fn wait<T>(&self, limit: Duration, mut ready: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut state = self.state();
        loop {
            if let Some(found) = ready(&mut state) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Follows the console until it is closed.
    pub fn follow_console(self: &Arc<Self>, from: impl Read + Send + 'static) {
        self.follow(from, |state, _, bytes| state.console.extend(bytes), true);
    }

    /// Follows the event port until it is closed.
    pub fn follow_events(self: &Arc<Self>, from: impl Read + Send + 'static) {
        let mut decoder = Decoder::default();
        let take = move |state: &mut State, at, bytes: &[u8]| {
            for event in decoder.feed(bytes) {
                match event {
                    Ok(what) => state.events.push(Timed { at, what }),
                    Err(error) => state.garbage.push(error.line),
                }
            }
        };
        self.follow(from, take, false);
    }

    fn follow(
        self: &Arc<Self>,
        mut from: impl Read + Send + 'static,
        mut take: impl FnMut(&mut State, Duration, &[u8]) + Send + 'static,
        ends_machine: bool,
    ) {
        let record = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                let count = match from.read(&mut buffer) {
                    Ok(count) => count,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(_) => 0,
                };
                let at = record.age();
                let mut state = record.state();
                take(&mut state, at, &buffer[..count]);
                state.ended |= count == 0 && ends_machine;
                drop(state);
                record.changed.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(console: &str) -> State {
        State { console: console.as_bytes().to_vec(), ..State::default() }
    }

    #[test]
    fn a_console_line_is_given_whole_and_once() {
        let mut seen = state("a ready b\r\nready again\nready, but cut o");
        assert_eq!(seen.take_line("ready").as_deref(), Some("a ready b"));
        assert_eq!(seen.take_line("ready").as_deref(), Some("ready again"));
        assert_eq!(seen.take_line("ready"), None, "the line is not whole yet");
    }

    #[test]
    fn an_event_is_given_once_so_that_a_reboot_waits_for_its_own() {
        let reached = |at| Timed {
            at: Duration::from_secs(at),
            what: Event::ReachedTarget {
                target: "multi-user.target".to_owned(),
                total_us: 0,
                kernel_us: 0,
                initramfs_us: 0,
                userspace_us: 0,
            },
        };
        let mut seen = State::default();
        let wanted = Milestone::Target("multi-user.target");
        seen.events.push(reached(5));
        assert_eq!(seen.take(wanted), Some(reached(5)));
        assert_eq!(seen.take(wanted), None);
        seen.events.push(reached(11));
        assert_eq!(seen.take(wanted), Some(reached(11)));
    }

    #[test]
    fn events_and_garbage_of_the_port_are_told_apart() {
        let record = Record::starting_now();
        let stream: &[u8] = b"{\"event\":\"shutdown\",\"kind\":\"reboot\"}\nnoise\n";
        record.follow_events(stream);
        let found = record.wait(Duration::from_secs(5), |state| {
            (!state.garbage.is_empty()).then(|| (state.events.len(), state.garbage.clone()))
        });
        assert_eq!(found, Some((1, vec!["noise".to_owned()])));
    }

    #[test]
    fn a_panic_on_the_console_is_a_calamity_until_it_is_seen() {
        let mut seen = state("x\n[ 1.0] Kernel panic - not syncing: dm-verity\n");
        assert!(seen.calamity().is_some());
        seen.take_line("Kernel panic");
        assert_eq!(seen.calamity(), None);
    }

    #[test]
    fn waiting_ends_with_the_console() {
        let record = Record::starting_now();
        record.follow_console(&b"bye\n"[..]);
        let ended = record.wait(Duration::from_secs(5), |state| state.ended.then_some(()));
        assert_eq!(ended, Some(()));
        assert_eq!(record.state().console, b"bye\n");
    }
}
