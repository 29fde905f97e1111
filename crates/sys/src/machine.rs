//! The machine as a whole: its end, its clock, its name, its entropy.

use std::fs::File;
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

/// Sets the clock to a time where it stands before that.
pub fn set_no_earlier(than: Duration) -> Result<()> {
    if wall_clock() < than { set_wall_clock(than) } else { Ok(()) }
}

/// Whether something keeps the clock right: its error is known to be less than 16 s, which the kernel lets it grow to
/// without news (adjtimex(2)).
pub fn clock_is_synchronized() -> bool {
    const MOST_US: i64 = 16_000_000;
    // SAFETY: a timex is numbers only, and all zeroes are one that asks for nothing to be changed.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills the structure, and reads nothing else.
    unsafe { libc::adjtimex(&mut state) >= 0 && state.maxerror < MOST_US }
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

/// Gives memory that was needed for a while back to the system: what was allocated (malloc_trim(3)), and what
/// of the program's file is never written to, most of which is needed once (madvise(2), MADV_DONTNEED). What of
/// that is needed again is found in the page cache, or is read.
pub fn give_back_memory() {
    // SAFETY: it works on the allocator's own state, under its lock; the number is how much to keep.
    unsafe { libc::malloc_trim(0) };
    // SAFETY: the callback has the type that is wanted, and uses what it is given while it runs only.
    unsafe { libc::dl_iterate_phdr(Some(give_back_segments), std::ptr::null_mut()) };
}

/// Gives back an object's segments that are only read and run (elf(5), dl_iterate_phdr(3)). Not those that
/// became read-only once addresses were written into them: they are part of a writable segment.
unsafe extern "C" fn give_back_segments(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut libc::c_void,
) -> libc::c_int {
    let page = rustix::param::page_size() as u64;
    // SAFETY: the C library gives a valid object, whose headers are as many as it says.
    let (base, headers) = unsafe {
        let object = &*object;
        (object.dlpi_addr, std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)))
    };
    for header in headers.iter().filter(|h| h.p_type == libc::PT_LOAD && h.p_flags & libc::PF_W == 0) {
        let start = (base + header.p_vaddr) / page * page;
        let length = base + header.p_vaddr + header.p_filesz - start;
        // SAFETY: nothing was ever written to these pages, so they are those of the file, and come back as
        // they are. (The last one may hold the file's next bytes, too; nobody's either.)
        unsafe { libc::madvise(start as *mut _, length as usize, libc::MADV_DONTNEED) };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_pages_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn code_that_has_run_is_given_back_and_runs_again() {
        let text = || format!("{:?}", std::env::vars_os());
        let said = text();
        let before = file_pages_kib();
        give_back_memory();
        let after = file_pages_kib();
        assert!(after < before, "{after} KiB after, {before} KiB before");
        assert_eq!(text(), said);
    }
}
