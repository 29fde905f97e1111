//! How many connections may be open: whoever runs on the machine can make them, and each takes a
//! descriptor, without which the output of a service that starts could not be taken.

use std::collections::{HashMap, VecDeque};

/// So many may be open, which is far below the descriptors that the daemon may have (`LimitNOFILE=` of its unit).
const MAX: usize = 1024;
/// So many of them may be one user's.
const OF_USER_MAX: usize = 256;
/// So long, in microseconds, one may be open without having said what it is.
const SILENCE_US: u64 = 5_000_000;
/// For so long, in microseconds, none is taken where one could not be: it stays waiting, and would be told of again
/// and again.
const PAUSE_US: u64 = 1_000_000;

/// The connections that are open.
#[derive(Debug, Default)]
pub struct Connections {
    of_users: HashMap<u32, usize>,
    /// Those that were new lately, and until when they have to say what they are, in that order.
    new: VecDeque<(u64, u64)>,
    paused_until_us: Option<u64>,
}

impl Connections {
    /// Whether a user may open one more, which counts then.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&mut self, uid: u32) -> Result<(), String> {
        if self.of_users.values().sum::<usize>() >= MAX {
            return Err(format!("{MAX} are open"));
        }
        let own = self.of_users.entry(uid).or_default();
        if *own >= OF_USER_MAX {
            return Err(format!("{OF_USER_MAX} of user {uid} are open"));
        }
        *own += 1;
        Ok(())
    }

    /// One of a user's is closed.
    pub fn closed(&mut self, uid: u32) {
        if let Some(own) = self.of_users.get_mut(&uid) {
            *own -= 1;
            if *own == 0 {
                self.of_users.remove(&uid);
            }
        }
    }

    /// A stream is a connection that has yet to say what it is.
    pub fn begins(&mut self, stream: u64, now_us: u64) {
        self.new.push_back((stream, now_us.saturating_add(SILENCE_US)));
    }

    /// The next one whose time for that is over, if `is_silent` says that it has not.
    pub fn overdue(&mut self, now_us: u64, is_silent: impl Fn(u64) -> bool) -> Option<u64> {
        while let Some((stream, until_us)) = self.new.front().copied() {
            let silent = is_silent(stream);
            if silent && until_us > now_us {
                return None;
            }
            self.new.pop_front();
            if silent {
                return Some(stream);
            }
        }
        None
    }

    /// None could be taken: it is tried again a moment later.
    pub fn pause(&mut self, now_us: u64) {
        self.paused_until_us = Some(now_us.saturating_add(PAUSE_US));
    }

    /// Whether that moment has come; once.
    pub fn resumes(&mut self, now_us: u64) -> bool {
        self.paused_until_us.take_if(|until_us| *until_us <= now_us).is_some()
    }

    /// When something is due, on the monotonic clock.
    pub fn deadline_us(&self) -> Option<u64> {
        self.new.front().map(|(_, until_us)| *until_us).into_iter().chain(self.paused_until_us).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_cannot_have_all_and_all_users_cannot_have_more() {
        let mut connections = Connections::default();
        for uid in 0..4 {
            (0..OF_USER_MAX).for_each(|_| connections.admit(uid).unwrap());
            let all =
                if uid == 3 { "1024 are open".to_owned() } else { format!("256 of user {uid} are open") };
            assert_eq!(connections.admit(uid), Err(all));
        }
        assert!(connections.admit(9).is_err());
        connections.closed(1);
        assert_eq!((connections.admit(9), connections.admit(1).is_err()), (Ok(()), true));
        (0..OF_USER_MAX).for_each(|_| connections.closed(0));
        assert!(!connections.of_users.contains_key(&0));
    }

    #[test]
    fn who_says_nothing_is_overdue_and_who_has_spoken_is_not() {
        let mut connections = Connections::default();
        connections.begins(1, 0);
        connections.begins(2, 1);
        connections.begins(3, 2);
        let is_silent = |stream| stream != 1;
        assert_eq!(connections.overdue(SILENCE_US, is_silent), None);
        assert_eq!(connections.deadline_us(), Some(SILENCE_US + 1), "one that has spoken wakes nobody");
        assert_eq!(connections.overdue(SILENCE_US + 1, is_silent), Some(2));
        assert_eq!(connections.overdue(SILENCE_US + 1, is_silent), None);
        connections.pause(10);
        assert_eq!(connections.deadline_us(), Some(10 + PAUSE_US));
        assert!(!connections.resumes(9 + PAUSE_US));
        assert!(connections.resumes(10 + PAUSE_US) && !connections.resumes(u64::MAX));
    }
}
