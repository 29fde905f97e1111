//! Random bytes from the kernel (getrandom(2)).

use rustix::rand::{GetRandomFlags, getrandom};

use crate::error::{Doing, Result};

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
