//! What the kernel says of a crash: the arguments of its handler.

use anyhow::{Context, Result, bail};

/// What the kernel is to say, in `kernel.core_pattern`'s words (core(5)).
pub const ARGUMENTS: &str = "%P %u %g %s %t %c %h %d";

/// A core of at most this many bytes is unreadable: its limit means that none is wanted. The size of
/// a page.
const LEAST: u64 = 4096;

/// A process that crashed, as the kernel tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// Its id, in the first namespace.
    pub pid: u32,
    /// Its user, likewise.
    pub uid: u32,
    /// Its group, likewise.
    pub gid: u32,
    /// The signal that ended it.
    pub signal: i32,
    /// When, in seconds since 1970.
    pub time: u64,
    /// How large its core may be, in bytes; none where that is not bounded.
    pub limit: Option<u64>,
    /// The name of the machine that it saw: a container's, where it was in one.
    pub host: String,
    /// Whether its user may look into it: 1; 0 and 2 where it had more rights than its user (proc(5),
    /// suid_dumpable).
    pub dumpable: u32,
}

impl Crash {
    /// Reads the arguments.
    ///
    /// # Errors
    /// They are not those of [`ARGUMENTS`].
    pub fn parse(arguments: &[String]) -> Result<Crash> {
        let [pid, uid, gid, signal, time, limit, host, dumpable] = arguments else {
            bail!("{} arguments instead of {ARGUMENTS}: the kernel runs this", arguments.len());
        };
        let number = |name: &str, text: &String| {
            text.parse::<u64>().with_context(|| format!("{name} is a number, not {text}"))
        };
        let small = |name: &str, text: &String| {
            let value = number(name, text)?;
            u32::try_from(value).with_context(|| format!("{name} is too large: {text}"))
        };
        Ok(Crash {
            pid: small("the process id", pid)?,
            uid: small("the user id", uid)?,
            gid: small("the group id", gid)?,
            signal: i32::try_from(small("the signal", signal)?).context("the signal is too large")?,
            time: number("the time", time)?,
            limit: Some(number("the limit", limit)?).filter(|limit| *limit != u64::MAX),
            host: host.clone(),
            dumpable: small("the dump mode", dumpable)?,
        })
    }

    /// Whether no core of it is wanted (`LimitCORE=0`). The kernel itself does not look at the limit
    /// where a program takes the core.
    pub fn wants_none(&self) -> bool {
        self.limit.is_some_and(|limit| limit < LEAST)
    }

    /// Whether it is PID 1, and the kernel about to panic.
    pub fn is_init(&self) -> bool {
        self.pid == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Crash> {
        Crash::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_arguments_of_the_kernel() {
        let crash = parse("77 1000 100 11 1795543800 18446744073709551615 berth 1").unwrap();
        let expected = Crash {
            pid: 77,
            uid: 1000,
            gid: 100,
            signal: 11,
            time: 1_795_543_800,
            limit: None,
            host: "berth".into(),
            dumpable: 1,
        };
        assert_eq!(crash, expected);
        assert!(!crash.wants_none());
    }

    #[test]
    fn a_small_limit_means_no_core() {
        for (limit, none) in [("0", true), ("1", true), ("4095", true), ("4096", false), ("1000000", false)] {
            assert_eq!(parse(&format!("1 0 0 6 1 {limit} h 1")).unwrap().wants_none(), none, "{limit}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "1 0 0 6 1 0 h",
            "x 0 0 6 1 0 h 1",
            "1 0 0 6 1 0 h 1 2",
            "1 0 0 -6 1 0 h 1",
            "99999999999 0 0 6 1 0 h 1",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_image_sets_the_kernel_to_it() {
        let file = include_str!("../../../images/rootfs/usr/lib/sysctl.d/50-coredump.conf");
        let pattern = format!("kernel.core_pattern = |{} {ARGUMENTS}", layout::path::COREDUMP);
        assert!(file.lines().any(|line| line == pattern), "{pattern}");
        // What stands after the `|` is cut off there (linux/binfmts.h, CORENAME_MAX_SIZE).
        assert!(pattern.len() < 128);
    }
}
