//! Random bytes from the kernel (getrandom(2)).

use rustix::rand::{GetRandomFlags, getrandom};

use crate::child::fork_nice;
use crate::error::{Doing, Result};

/// Has the kernel gather entropy from now on, if it has too little, in a process of its own that
/// lives on when this one becomes another program.
///
/// Without a hardware source and a seed the kernel only begins to gather (from the jitter of its
/// timer, a bit a tick: about a second) when a program waits for it. The first to wait would be etcd
/// and containerd. A processor that has nothing else to do early in the boot saves them that second.
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
        fork_nice(19, || wait(GetRandomFlags::empty()).is_err().into())
            .doing(|| "gather entropy early".to_owned())?;
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
