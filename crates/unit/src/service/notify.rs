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
    /// Why that is not believed; who takes the message in finds out ([`refusal`]).
    pub main_refused: Option<&'static str>,
    /// `WATCHDOG_USEC=`.
    pub watchdog_interval: Option<Duration>,
    /// `EXTEND_TIMEOUT_USEC=`.
    pub extend_timeout: Option<Duration>,
    /// `ERRNO=`.
    pub errno: Option<i32>,
}

/// What a process is that a service names as its main one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// It is of the service.
    Own,
    /// It is there, and none of the service's.
    Foreign,
    /// There is none, or it has ended.
    Gone,
}

/// Why a process that `MAINPID=` names is not taken for the main one; none where it is. PID 1 signals as root who is, so
/// only a sender who could do that itself may name what is not the service's own.
pub fn refusal(named: Named, sender_uid: u32) -> Option<&'static str> {
    match named {
        Named::Own => None,
        Named::Foreign if sender_uid == 0 => None,
        Named::Foreign => Some("it is none of the service's, and the sender is not root"),
        Named::Gone => Some("there is no such process"),
    }
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
    fn only_root_may_name_a_main_process_that_is_none_of_the_services() {
        for (named, uid, taken) in [
            (Named::Own, 1000, true),
            (Named::Own, 0, true),
            (Named::Foreign, 1000, false),
            (Named::Foreign, 0, true),
            (Named::Gone, 1000, false),
            (Named::Gone, 0, false),
        ] {
            assert_eq!(refusal(named, uid).is_none(), taken, "{named:?} by {uid}");
        }
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
