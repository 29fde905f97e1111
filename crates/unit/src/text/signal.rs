//! Signals by name and by number (signal(7), x86-64 numbers).

/// Every signal with a name.
const SIGNALS: [(&str, i32); 31] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
];

/// A signal's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(pub i32);

impl Signal {
    /// Hangup.
    pub const HUP: Signal = Signal(1);
    /// Interrupt.
    pub const INT: Signal = Signal(2);
    /// Abort.
    pub const ABRT: Signal = Signal(6);
    /// Kill.
    pub const KILL: Signal = Signal(9);
    /// A pipe without reader.
    pub const PIPE: Signal = Signal(13);
    /// Termination.
    pub const TERM: Signal = Signal(15);
    /// Continue.
    pub const CONT: Signal = Signal(18);

    /// Reads `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3` or `RTMIN+3`.
    pub fn parse(text: &str) -> Option<Signal> {
        if let Ok(number) = text.parse::<i32>() {
            return (1..=64).contains(&number).then_some(Signal(number));
        }
        let name = text.strip_prefix("SIG").unwrap_or(text);
        if let Some(rest) = name.strip_prefix("RTMIN") {
            let plus = match rest.strip_prefix('+') {
                Some(digits) => digits.parse::<i32>().ok()?,
                None if rest.is_empty() => 0,
                None => return None,
            };
            return (0..=30).contains(&plus).then_some(Signal(34 + plus));
        }
        SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| Signal(*number))
    }

    /// The name without `SIG`, or the number.
    pub fn name(self) -> String {
        SIGNALS
            .iter()
            .find(|(_, number)| *number == self.0)
            .map_or_else(|| self.0.to_string(), |(name, _)| (*name).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (text, number) in [
            ("SIGTERM", Some(15)),
            ("KILL", Some(9)),
            ("9", Some(9)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMIN", Some(34)),
            ("SIGNONE", None),
            ("65", None),
            ("0", None),
            ("RTMIN+31", None),
        ] {
            assert_eq!(Signal::parse(text).map(|s| s.0), number, "{text}");
        }
        assert_eq!(Signal::TERM.name(), "TERM");
        assert_eq!(Signal(40).name(), "40");
    }
}
