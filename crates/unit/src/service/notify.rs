//! Messages of sd_notify(3).

use std::time::Duration;

/// What one message says. What it does not say is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notification {
    /// `READY=1`.
    pub ready: bool,
    /// `RELOADING=1`.
    pub reloading: bool,
    /// `STOPPING=1`.
    pub stopping: bool,
    /// `WATCHDOG=1`.
    pub watchdog: bool,
    /// `WATCHDOG=trigger`.
    pub watchdog_trigger: bool,
    /// `STATUS=`.
    pub status: Option<String>,
    /// `MAINPID=`.
    pub main_pid: Option<i32>,
    /// `WATCHDOG_USEC=`.
    pub watchdog_interval: Option<Duration>,
    /// `EXTEND_TIMEOUT_USEC=`.
    pub extend_timeout: Option<Duration>,
    /// `ERRNO=`.
    pub errno: Option<i32>,
}

/// The longest status kept, in characters: a service must not fill PID 1's memory.
const STATUS_MAX: usize = 256;

impl Notification {
    /// Reads a message. Lines that are unknown or malformed are skipped, as sd_notify(3) asks.
    pub fn parse(message: &[u8]) -> Notification {
        let mut out = Notification::default();
        for line in String::from_utf8_lossy(message).lines() {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let micros = || value.parse().ok().map(Duration::from_micros);
            match (key, value) {
                ("READY", "1") => out.ready = true,
                ("RELOADING", "1") => out.reloading = true,
                ("STOPPING", "1") => out.stopping = true,
                ("WATCHDOG", "1") => out.watchdog = true,
                ("WATCHDOG", "trigger") => out.watchdog_trigger = true,
                ("STATUS", _) => {
                    let clean = |c: &char| !c.is_control();
                    out.status = Some(value.chars().filter(clean).take(STATUS_MAX).collect());
                }
                ("MAINPID", _) => out.main_pid = value.parse().ok().filter(|pid| *pid > 1),
                ("WATCHDOG_USEC", _) => out.watchdog_interval = micros(),
                ("EXTEND_TIMEOUT_USEC", _) => out.extend_timeout = micros(),
                ("ERRNO", _) => out.errno = value.parse().ok(),
                _ => {}
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_daemons_send() {
        let message = b"READY=1\nSTATUS=serving 3\x1b[0m\nMAINPID=42\nX_OWN=1\nEXTEND_TIMEOUT_USEC=5000";
        let got = Notification::parse(message);
        assert_eq!(
            got,
            Notification {
                ready: true,
                status: Some("serving 3[0m".into()),
                main_pid: Some(42),
                extend_timeout: Some(Duration::from_millis(5)),
                ..Notification::default()
            }
        );
    }

    #[test]
    fn skips_what_makes_no_sense() {
        for message in ["", "READY", "READY=0", "MAINPID=-1", "MAINPID=1", "MAINPID=x", "\0=\0"] {
            assert_eq!(Notification::parse(message.as_bytes()), Notification::default(), "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Notification::parse(&message);
        }
    }
}
