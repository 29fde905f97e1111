//! The machine as a whole: its end, its clock, its name, its entropy.

use std::fs::{self, File};
use std::ops::Range;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use rustix::system::RebootCommand;
use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

use crate::error::{Doing, Result};
use crate::ioctl;

/// What becomes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The power goes off.
    PowerOff,
    /// It restarts.
    Restart,
    /// It stands still.
    Halt,
}

/// Ends the system at once (reboot(2)). Returns only where the kernel refuses.
pub fn end(end: End) -> Result<()> {
    let command = match end {
        End::PowerOff => RebootCommand::PowerOff,
        End::Restart => RebootCommand::Restart,
        End::Halt => RebootCommand::Halt,
    };
    rustix::system::reboot(command).doing(|| format!("end the system ({end:?})"))
}

/// Makes Ctrl-Alt-Del send SIGINT to PID 1 rather than restart the machine at once.
pub fn catch_ctrl_alt_del() -> Result<()> {
    rustix::system::reboot(RebootCommand::CadOff).doing(|| "catch Ctrl-Alt-Del".to_owned())
}

/// The time since the machine started, without the time that it slept.
pub fn monotonic() -> Duration {
    since_zero(clock_gettime(ClockId::Monotonic))
}

/// The time since 1970.
pub fn wall_clock() -> Duration {
    since_zero(clock_gettime(ClockId::Realtime))
}

/// Sets the time since 1970.
pub fn set_wall_clock(time: Duration) -> Result<()> {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let time = Timespec { tv_sec: seconds, tv_nsec: time.subsec_nanos().into() };
    clock_settime(ClockId::Realtime, time).doing(|| "set the clock".to_owned())
}

fn since_zero(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Sets the host name.
pub fn set_host_name(name: &str) -> Result<()> {
    rustix::system::sethostname(name.as_bytes()).doing(|| format!("set the host name to {name}"))
}

/// The kernel's release, as `uname -r` gives it.
pub fn kernel_release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// Mixes bytes into the kernel's random numbers, and counts them as that many bytes of entropy
/// (random(4), RNDADDENTROPY).
pub fn add_entropy(seed: &[u8]) -> Result<()> {
    let device = Path::new("/dev/urandom");
    let file = File::options().write(true).open(device).doing_to("open", device)?;
    // struct rand_pool_info: entropy_count in bits, buf_size in bytes, the bytes.
    let size = u32::try_from(seed.len()).unwrap_or(0);
    let mut info = Vec::with_capacity(8 + seed.len());
    info.extend_from_slice(&size.saturating_mul(8).to_ne_bytes());
    info.extend_from_slice(&size.to_ne_bytes());
    info.extend_from_slice(seed);
    // SAFETY: the kernel reads the header and `buf_size` bytes, which is the whole buffer.
    unsafe { ioctl::with_buffer(file.as_fd(), ioctl::write(b'R', 3, 8), &mut info) }
        .doing(|| "add entropy from the seed".to_owned())?;
    Ok(())
}

/// Gives memory that was needed for a while back to the system: what was allocated (malloc_trim(3)), and the
/// program's code, most of which has run once (madvise(2), MADV_DONTNEED). What of that runs again is found
/// in the page cache, or is read.
pub fn give_back_memory() {
    // SAFETY: it works on the allocator's own state, under its lock; the number is how much to keep.
    unsafe { libc::malloc_trim(0) };
    for code in fs::read_to_string("/proc/self/maps").iter().flat_map(|maps| maps.lines()).filter_map(code) {
        // SAFETY: nothing was ever written to a mapping that only may be read and run, so its pages are
        // those of the file, and come back as they are.
        unsafe { libc::madvise(code.start as *mut _, code.len(), libc::MADV_DONTNEED) };
    }
}

/// Where code of a file lies, by a line of maps (proc_pid_maps(5)).
fn code(line: &str) -> Option<Range<usize>> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let is_code = fields.next()? == "r-xp";
    let is_file = fields.nth(2)? != "0";
    let address = |text| usize::from_str_radix(text, 16).ok();
    (is_code && is_file).then_some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_pages_kib() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn code_that_has_run_is_given_back_and_runs_again() {
        assert_eq!(code("1000-3000 r-xp 00001000 fd:00 17 /init"), Some(0x1000..0x3000));
        for other in [
            "1000-3000 r--p 00001000 fd:00 17 /init",
            "1000-3000 rwxp 00001000 fd:00 17 /init",
            "1000-3000 r-xp 00000000 00:00 0 [vdso]",
            "",
        ] {
            assert_eq!(code(other), None, "{other}");
        }
        let text = || format!("{:?}", std::env::vars_os());
        let said = text();
        let before = file_pages_kib();
        give_back_memory();
        let after = file_pages_kib();
        assert!(after < before, "{after} KiB after, {before} KiB before");
        assert_eq!(text(), said);
    }
}
