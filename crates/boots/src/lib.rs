//! Layer: pure. How the machine's last boots ended.
//!
//! The record is a text of a line for each thing that happened to a boot, the oldest first:
//!
//! ```text
//! boot 0123456789abcdef0123456789abcdef 1795543800 0.1.0
//! end 0123456789abcdef0123456789abcdef 1795547400 reboot
//! ```
//!
//! PID 1 adds a boot's first line when it begins and its last when it ends. A boot without a last
//! line broke off: the power was cut, the machine was reset, or the kernel panicked. Who finds a
//! panic's text afterwards adds `panic`. Who finds, while a boot runs, that it is not as it should be, adds `unfit` with
//! the reason.
#![forbid(unsafe_code)]

use event::ShutdownKind;
use serde::Serialize;

/// How many boots are known of.
const BOOTS_MAX: usize = 20;
/// The longest text of a panic that is kept, in characters.
const REASON_MAX: usize = 200;

/// The last boots, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct History {
    /// They.
    pub boots: Vec<Boot>,
}

/// A boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Boot {
    /// Its id, 32 hexadecimal digits.
    pub id: String,
    /// When PID 1 began, in seconds since 1970.
    pub began: u64,
    /// The image's version.
    pub version: String,
    /// How it ended; none where it still runs or broke off.
    pub end: Option<End>,
    /// Why it was not as it should be, where somebody found so.
    pub unfit: Option<String>,
}

/// How a boot ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum End {
    /// By PID 1.
    Shutdown {
        /// When, in seconds since 1970.
        at: u64,
        /// What it was asked for.
        kind: ShutdownKind,
        /// Whether it was because the boot had failed.
        emergency: bool,
    },
    /// By a panic of the kernel.
    Panic {
        /// Its first line.
        reason: String,
    },
}

impl History {
    /// Reads the record. Lines that make no sense are passed over: a power cut may have left them.
    pub fn parse(text: &str) -> History {
        let mut history = History::default();
        for line in text.lines() {
            _ = history.read(line);
        }
        history.forget();
        history
    }

    fn read(&mut self, line: &str) -> Option<()> {
        let mut words = line.splitn(4, ' ');
        let (what, id, rest) = (words.next()?, words.next()?, words.next()?);
        if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        match what {
            "boot" => {
                let version = words.next().unwrap_or_default().to_owned();
                self.boots.push(Boot {
                    id: id.to_owned(),
                    began: rest.parse().ok()?,
                    version,
                    end: None,
                    unfit: None,
                });
            }
            "end" => {
                let (kind, emergency) = match words.next()? {
                    "poweroff" => (ShutdownKind::Poweroff, false),
                    "halt" => (ShutdownKind::Halt, false),
                    "reboot" => (ShutdownKind::Reboot, false),
                    "emergency" => (ShutdownKind::Reboot, true),
                    _ => return None,
                };
                let end = End::Shutdown { at: rest.parse().ok()?, kind, emergency };
                self.find(id)?.end = Some(end);
            }
            "panic" | "unfit" => {
                let reason = line.splitn(3, ' ').nth(2)?.to_owned();
                let boot = self.find(id)?;
                match what {
                    "panic" => boot.end = Some(End::Panic { reason }),
                    _ => boot.unfit = Some(reason),
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn find(&mut self, id: &str) -> Option<&mut Boot> {
        self.boots.iter_mut().rev().find(|boot| boot.id == id)
    }

    fn forget(&mut self) {
        let surplus = self.boots.len().saturating_sub(BOOTS_MAX);
        self.boots.drain(..surplus);
    }

    /// A boot begins.
    pub fn begin(&mut self, id: &str, now: u64, version: &str) {
        // PID 1 that runs again in the same boot has said so already.
        if self.find(id).is_none() {
            let version = one_word(version);
            self.boots.push(Boot { id: one_word(id), began: now, version, end: None, unfit: None });
            self.forget();
        }
    }

    /// A boot ends.
    pub fn end(&mut self, id: &str, now: u64, kind: ShutdownKind, emergency: bool) {
        if let Some(boot) = self.find(id) {
            boot.end = Some(End::Shutdown { at: now, kind, emergency });
        }
    }

    /// The last boot before this one ended in a panic. One that ended otherwise, by its own word, did
    /// not: the panic is older.
    pub fn panicked(&mut self, this: &str, reason: &str) {
        let reason = one_line(reason);
        if let Some(boot) = self.boots.iter_mut().rev().find(|boot| boot.id != this)
            && boot.end.is_none()
        {
            boot.end = Some(End::Panic { reason });
        }
    }

    /// A boot is not as it should be. The first reason counts: what follows may be its consequence.
    pub fn unfit(&mut self, id: &str, reason: &str) {
        if let Some(boot) = self.find(id) {
            boot.unfit.get_or_insert(one_line(reason));
        }
    }

    /// The boot before this one.
    pub fn before(&self, this: &str) -> Option<&Boot> {
        self.boots.iter().rev().find(|boot| boot.id != this)
    }

    /// The id of the last boot that is known of, where it ended in good order: by PID 1, and not since it had failed.
    pub fn last_in_order(&self) -> Option<&str> {
        let last = self.boots.last()?;
        let in_order =
            last.unfit.is_none() && matches!(last.end, Some(End::Shutdown { emergency: false, .. }));
        in_order.then_some(last.id.as_str())
    }

    /// The record's text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        for Boot { id, began, version, end, unfit } in &self.boots {
            text.push_str(&format!("boot {id} {began} {version}\n"));
            if let Some(reason) = unfit {
                text.push_str(&format!("unfit {id} {reason}\n"));
            }
            match end {
                None => {}
                Some(End::Shutdown { at, emergency: true, .. }) => {
                    text.push_str(&format!("end {id} {at} emergency\n"));
                }
                Some(End::Shutdown { at, kind, .. }) => text.push_str(&format!("end {id} {at} {kind}\n")),
                Some(End::Panic { reason }) => text.push_str(&format!("panic {id} {reason}\n")),
            }
        }
        text
    }
}

impl Boot {
    /// How it ended, for people; `this` is the boot that runs.
    pub fn ending(&self, this: &str) -> String {
        match &self.end {
            _ if self.id == this => "running".to_owned(),
            Some(End::Panic { reason }) => format!("panic: {reason}"),
            // An emergency is not a second cause, and the restart that follows neither.
            _ if let Some(reason) = &self.unfit => format!("failed, and restarted itself: {reason}"),
            None => "broke off: power cut, reset or panic".to_owned(),
            Some(End::Shutdown { emergency: true, .. }) => "failed, and restarted itself".to_owned(),
            Some(End::Shutdown { kind, .. }) => kind.to_string(),
        }
    }
}

fn one_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or("-").to_owned()
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(REASON_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u32) -> String {
        format!("{number:032x}")
    }

    #[test]
    fn a_life_of_boots() {
        let mut history = History::default();
        history.begin(&id(1), 100, "0.1.0");
        history.end(&id(1), 200, ShutdownKind::Reboot, false);
        history.begin(&id(2), 210, "0.1.0");
        history.begin(&id(2), 211, "0.1.0");
        history.end(&id(2), 290, ShutdownKind::Reboot, true);
        history.begin(&id(3), 300, "");
        history.begin(&id(4), 400, "0.2.0");
        history.begin(&id(5), 500, "0.2.0");
        history.panicked(&id(5), "sysrq triggered crash\nsecond line");
        let text = format!(
            "boot {0} 100 0.1.0\nend {0} 200 reboot\nboot {1} 210 0.1.0\nend {1} 290 emergency\nboot {2} 300 -\n\
             boot {3} 400 0.2.0\npanic {3} sysrq triggered crash\nboot {4} 500 0.2.0\n",
            id(1),
            id(2),
            id(3),
            id(4),
            id(5)
        );
        assert_eq!(history.encode(), text);
        assert_eq!(History::parse(&text), history);
        let endings: Vec<String> = history.boots.iter().map(|boot| boot.ending(&id(5))).collect();
        assert_eq!(
            endings,
            [
                "reboot",
                "failed, and restarted itself",
                "broke off: power cut, reset or panic",
                "panic: sysrq triggered crash",
                "running"
            ]
        );
        assert_eq!(history.before(&id(5)).map(|boot| boot.began), Some(400));
    }

    #[test]
    fn a_panic_is_not_of_a_boot_that_ended_otherwise() {
        let mut history = History::default();
        history.begin(&id(1), 100, "1");
        history.end(&id(1), 200, ShutdownKind::Poweroff, false);
        history.begin(&id(2), 300, "1");
        let before = history.clone();
        history.panicked(&id(2), "old");
        assert_eq!(history, before);
        History::default().panicked(&id(2), "none");
    }

    #[test]
    fn why_a_boot_was_unfit_is_kept_with_it() {
        let mut history = History::default();
        history.begin(&id(1), 100, "0.2.0");
        history.unfit(&id(1), "etcd: no answer\nmore");
        history.unfit(&id(1), "a consequence");
        history.unfit(&id(7), "of nobody");
        history.end(&id(1), 200, ShutdownKind::Reboot, false);
        let text = format!("boot {0} 100 0.2.0\nunfit {0} etcd: no answer\nend {0} 200 reboot\n", id(1));
        assert_eq!(history.encode(), text);
        assert_eq!(History::parse(&text), history);
        assert_eq!(history.boots[0].ending(&id(2)), "failed, and restarted itself: etcd: no answer");
    }

    #[test]
    fn only_what_was_wanted_to_end_ended_in_good_order() {
        let mut history = History::default();
        assert_eq!(history.last_in_order(), None);
        for (number, kind, emergency, expected) in [
            (1, Some(ShutdownKind::Reboot), false, true),
            (2, None, false, false),
            (3, Some(ShutdownKind::Poweroff), false, true),
            (4, Some(ShutdownKind::Reboot), true, false),
            (5, Some(ShutdownKind::Halt), false, true),
        ] {
            history.begin(&id(number), 100, "1");
            assert_eq!(history.last_in_order(), None, "it runs");
            if let Some(kind) = kind {
                history.end(&id(number), 200, kind, emergency);
            }
            assert_eq!(history.last_in_order(), expected.then_some(id(number).as_str()), "{number}");
        }
        history.unfit(&id(5), "etcd: no answer");
        assert_eq!(history.last_in_order(), None);
        history.begin(&id(6), 300, "1");
        history.panicked(&id(7), "a panic");
        assert_eq!(history.last_in_order(), None);
    }

    #[test]
    fn twenty_are_known_of() {
        let mut history = History::default();
        for number in 0..50 {
            history.begin(&id(number), u64::from(number), "1");
        }
        assert_eq!((history.boots.len(), history.boots[0].began), (20, 30));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in ".{0,400}") {
            let history = History::parse(&text);
            prop_assert_eq!(History::parse(&history.encode()), history);
        }
    }
}
