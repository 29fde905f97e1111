//! Loop devices: a piece of a file as a block device (linux/loop.h).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use crate::error::{Doing, Result};
use crate::ioctl;

const CONTROL: &str = "/dev/loop-control";
/// `LOOP_CTL_GET_FREE`.
const GET_FREE: std::ffi::c_ulong = 0x4c82;
/// `LOOP_CONFIGURE` (Linux 5.8).
const CONFIGURE: std::ffi::c_ulong = 0x4c0a;
const READ_ONLY: u32 = 1;
/// It is detached when nobody has it open any more.
const AUTO_CLEAR: u32 = 4;
/// How often a device that somebody else was faster to take is tried for.
const ATTEMPTS: usize = 16;

/// A loop device. It goes away once this is dropped and nothing else has it open.
#[derive(Debug)]
pub struct LoopDevice {
    path: PathBuf,
    _open: File,
}

/// `struct loop_config`, with the `struct loop_info64` in it.
#[repr(C)]
struct Config {
    file: u32,
    block_size: u32,
    device: u64,
    inode: u64,
    raw_device: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encryption: [u32; 2],
    flags: u32,
    names: [[u8; 64]; 2],
    key: [u8; 32],
    init: [u64; 2],
    reserved: [u64; 8],
}

impl LoopDevice {
    /// Makes a read-only device of `size` bytes of a file, from `start` on.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn read_only(file: &File, start: u64, size: u64) -> Result<Self> {
        let doing = || "make a loop device".to_owned();
        let control = OpenOptions::new().read(true).write(true).open(CONTROL).doing(doing)?;
        let mut attempts = 0;
        loop {
            let number = ioctl::without_argument(control.as_fd(), GET_FREE).doing(doing)?;
            let path = Path::new("/dev").join(format!("loop{number}"));
            let device = File::open(&path).doing_to("open", &path)?;
            let config = Config {
                file: u32::try_from(file.as_raw_fd()).unwrap_or(u32::MAX),
                block_size: 0,
                device: 0,
                inode: 0,
                raw_device: 0,
                offset: start,
                size_limit: size,
                number: 0,
                encryption: [0; 2],
                flags: READ_ONLY | AUTO_CLEAR,
                names: [[0; 64]; 2],
                key: [0; 32],
                init: [0; 2],
                reserved: [0; 8],
            };
            // SAFETY: the kernel reads the structure, which is laid out as linux/loop.h has it and holds no pointer,
            // and writes nothing to it.
            match unsafe { ioctl::with_structure(device.as_fd(), CONFIGURE, &config) } {
                Ok(()) => return Ok(Self { path, _open: device }),
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy && attempts < ATTEMPTS => {
                    attempts += 1
                }
                other => other.doing(|| format!("configure {}", path.display()))?,
            }
        }
    }

    /// Its device node.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    #[test]
    fn the_structure_is_the_kernels() {
        // linux/loop.h: loop_info64 has 232 bytes, and 64 reserved ones follow it.
        assert_eq!(size_of::<Config>(), 304);
        assert_eq!(offset_of!(Config, offset), 8 + 24);
        assert_eq!(offset_of!(Config, flags), 8 + 52);
        assert_eq!(offset_of!(Config, names), 8 + 56);
        assert_eq!(offset_of!(Config, reserved), 8 + 232);
    }
}
