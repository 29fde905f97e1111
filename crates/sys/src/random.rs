//! Random bytes from the kernel (getrandom(2)).

use rustix::rand::{GetRandomFlags, getrandom};

use crate::error::{Doing, Result};

/// 16 random bytes, fit for an identifier or a key. Waits until the kernel has gathered enough
/// entropy.
pub fn bytes_16() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    // A request of up to 256 bytes is never cut short (getrandom(2), NOTES).
    getrandom(&mut bytes[..], GetRandomFlags::empty()).doing(|| "get random bytes".to_owned())?;
    Ok(bytes)
}
