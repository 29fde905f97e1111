//! Who has crashed too often: what crashes in a loop must not take the machine.
//!
//! Crashes are counted by user, in a window of a minute, in a file of a line each: `window SECONDS`,
//! `others COUNT`, then `UID COUNT`.

use std::collections::BTreeMap;

/// How long a window is, in seconds.
pub const WINDOW_S: u64 = 60;
/// How many crashes of one user are kept in a window.
pub const PER_USER: u32 = 10;
/// How many crashes of all users.
pub const IN_ALL: u32 = 40;
/// The line of those after that.
const OTHERS: &str = "others";

/// The crashes of a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    began: u64,
    /// Crashes after so many that none is kept any more, whoever's.
    others: u32,
    crashes: BTreeMap<u32, u32>,
}

/// What becomes of a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is kept. So many crashes of the last window were not.
    Keep(u32),
    /// It is the first of its user that is not: this is told.
    Last,
    /// It is the first of all that is not: this is told.
    Full,
    /// It is not kept.
    Drop,
}

impl Window {
    /// Reads the file's text; what makes no sense is none.
    pub fn parse(text: &str) -> Window {
        let mut lines = text.lines();
        let began = lines.next().and_then(|line| line.strip_prefix("window ")?.parse().ok()).unwrap_or(0);
        let counts: Vec<(&str, u32)> = lines
            .filter_map(|line| {
                let (name, count) = line.split_once(' ')?;
                Some((name, count.parse().ok()?))
            })
            .collect();
        let others = counts.iter().find(|(name, _)| *name == OTHERS).map_or(0, |(_, count)| *count);
        let crashes = counts.iter().filter_map(|(uid, count)| Some((uid.parse().ok()?, *count)));
        // Who has many user ids must not make the file grow.
        Window { began, others, crashes: crashes.take(IN_ALL as usize + 1).collect() }
    }

    /// The file's text.
    pub fn encode(&self) -> String {
        let mut text = format!("window {}\n{OTHERS} {}\n", self.began, self.others);
        for (uid, count) in &self.crashes {
            text.push_str(&format!("{uid} {count}\n"));
        }
        text
    }

    /// Counts a crash of a user at a time, in seconds of a clock that does not go back.
    pub fn count(&mut self, uid: u32, now: u64) -> Verdict {
        let mut dropped = 0;
        // A time before the window is one of another boot.
        if now < self.began || now - self.began >= WINDOW_S {
            dropped = self.dropped();
            *self = Window { began: now, ..Window::default() };
        }
        let kept: u32 = self.crashes.values().map(|count| (*count).min(PER_USER)).sum();
        if kept >= IN_ALL {
            self.others = self.others.saturating_add(1);
            return if self.others == 1 { Verdict::Full } else { Verdict::Drop };
        }
        let count = self.crashes.entry(uid).or_insert(0);
        *count = count.saturating_add(1);
        match *count {
            n if n <= PER_USER => Verdict::Keep(dropped),
            n if n == PER_USER + 1 => Verdict::Last,
            _ => Verdict::Drop,
        }
    }

    fn dropped(&self) -> u32 {
        let of_users: u32 = self.crashes.values().map(|count| count.saturating_sub(PER_USER)).sum();
        of_users.saturating_add(self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_of_crashes_is_cut_off_and_told_of_once() {
        let mut window = Window::default();
        for _ in 0..PER_USER {
            assert_eq!(window.count(0, 100), Verdict::Keep(0));
        }
        assert_eq!(window.count(0, 101), Verdict::Last);
        for _ in 0..50 {
            assert_eq!(window.count(0, 159), Verdict::Drop);
        }
        // Another user's crash is kept.
        assert_eq!(window.count(1000, 159), Verdict::Keep(0));
        assert_eq!(window.count(0, 160), Verdict::Keep(51));
        assert_eq!(window.count(0, 160), Verdict::Keep(0));
    }

    #[test]
    fn many_users_are_cut_off_together() {
        let mut window = Window::default();
        let verdicts: Vec<Verdict> = (0..1000).map(|uid| window.count(uid, 5)).collect();
        let kept = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Keep(_))).count();
        assert_eq!(kept, IN_ALL as usize);
        assert_eq!(
            verdicts.iter().filter(|verdict| **verdict == Verdict::Full).count(),
            1,
            "it is told, once"
        );
        assert!(window.encode().len() < 1000);
        // And those that are not known of are counted, also across runs.
        let mut later = Window::parse(&window.encode());
        assert_eq!(later.count(1, 5 + WINDOW_S), Verdict::Keep(1000 - IN_ALL));
    }

    #[test]
    fn the_file_is_read_as_it_was_written_and_of_another_boot_it_is_none() {
        let mut window = Window::default();
        for uid in [0, 0, 7] {
            window.count(uid, 1000);
        }
        assert_eq!(window.encode(), "window 1000\nothers 0\n0 2\n7 1\n");
        assert_eq!(Window::parse(&window.encode()), window);
        assert_eq!(Window::parse("window x\n0 a\n\u{0}"), Window::default());
        let mut old = Window::parse("window 1000\n0 99\n");
        assert!(matches!(old.count(0, 3), Verdict::Keep(_)));
    }
}
