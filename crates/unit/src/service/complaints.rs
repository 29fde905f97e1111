//! Lines of the log that others can cause as often as they like.

use std::time::Duration;

/// How long nothing is said after a line.
const QUIET: Duration = Duration::from_secs(30);

/// Says one line, and then none for a while. The log takes only so many lines of a unit in a time, those of PID 1 too: who
/// could have it say more of them would keep out what else it has to say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Complaints {
    quiet_until: Option<Duration>,
    /// Lines that were not said since the last one.
    left_out: u32,
}

impl Complaints {
    /// The line as it is to be said now, with how many were left out before it; none where it is left out itself.
    pub fn say(&mut self, line: &str, now: Duration) -> Option<String> {
        if self.quiet_until.is_some_and(|until| now < until) {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.quiet_until = Some(now.saturating_add(QUIET));
        match std::mem::take(&mut self.left_out) {
            0 => Some(line.to_owned()),
            more => Some(format!("{line} (left out since the last such line: {more})")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_followed_by_quiet_and_then_by_how_many_were_left_out() {
        let mut complaints = Complaints::default();
        let mut say = |seconds| complaints.say("no", Duration::from_secs(seconds));
        assert_eq!(say(100).as_deref(), Some("no"));
        assert_eq!([say(100), say(101), say(129)], [None, None, None]);
        assert_eq!(say(130).as_deref(), Some("no (left out since the last such line: 3)"));
        assert_eq!(say(131), None);
        assert_eq!(say(1000).as_deref(), Some("no (left out since the last such line: 1)"));
        assert_eq!(say(2000).as_deref(), Some("no"));
    }
}
