//! Random bytes from the kernel (getrandom(2)).

use rustix::rand::{GetRandomFlags, getrandom};

use crate::child::fork;
use crate::error::{Doing, Result};

/// Has the kernel gather entropy from now on, if it has too little, in a process of its own that
/// lives on when this one becomes another program.
///
/// Without a hardware source and a seed the kernel only begins to gather when a program waits for it, from
/// the jitter of that program's timer: a bit a tick at most, 256 of them, so a second and more. The first to
/// wait would be etcd and containerd. It is not nice to others: what is not done when the services start is
/// what those then wait for. Two processes would take half the time, and make stage 1 wait.
///
/// # Errors
/// The process could not be made.
pub fn gather_early() -> Result<()> {
    let wait = |flags| {
        let mut byte = [0; 1];
        getrandom(&mut byte[..], flags)
    };
    if wait(GetRandomFlags::NONBLOCK) == Err(rustix::io::Errno::AGAIN) {
        // A system call: nothing that another thread's lock could stop.
        fork(|| wait(GetRandomFlags::empty()).is_err().into()).doing(|| "gather entropy early".to_owned())?;
    }
    Ok(())
}

/// 16 random bytes for a name, not for a secret: does not wait until the kernel has gathered enough
/// entropy, which takes a machine without a hardware source a second or more of its first boot.
/// Before that the kernel answers from what it has mixed in so far: the clock, cycle counts of
/// interrupts, the machine's own DMI data.
pub fn name_16() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    // A request of up to 256 bytes is never cut short (getrandom(2), NOTES).
    getrandom(&mut bytes[..], GetRandomFlags::INSECURE).doing(|| "get random bytes".to_owned())?;
    Ok(bytes)
}
