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

/// Gives memory that was needed for a while back to the system (malloc_trim(3)).
pub fn give_back_memory() {
    // SAFETY: it works on the allocator's own state, under its lock; the number is how much to keep.
    unsafe { libc::malloc_trim(0) };
}
