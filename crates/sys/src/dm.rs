//! Device-mapper devices (linux/dm-ioctl.h, interface version 4).

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Error, Result};
use crate::ioctl;

const CONTROL: &str = "/dev/mapper/control";

/// Bytes of `struct dm_ioctl`.
const HEADER: usize = 312;
/// Bytes of `struct dm_target_spec`.
const TARGET: usize = 40;
const NAME: usize = 128;
const UUID: usize = 129;

const READ_ONLY: u32 = 1 << 0;
/// `DM_SECURE_DATA_FLAG` is not needed: no table of ours holds a secret.
const NO_FLAGS: u32 = 0;

#[derive(Clone, Copy)]
#[repr(u8)]
enum Command {
    Create = 3,
    Remove = 4,
    /// Without `DM_SUSPEND_FLAG` it resumes: the loaded table becomes the live one.
    Resume = 6,
    LoadTable = 9,
}

/// A device of one read-only target.
#[derive(Debug, Clone, Copy)]
pub struct ReadOnlyDevice<'a> {
    /// Name; the device is `/dev/mapper/<name>` to those who make that link.
    pub name: &'a str,
    /// UUID by which tools know who made it; may be empty.
    pub uuid: &'a str,
    /// Size in sectors of 512 bytes.
    pub sectors: u64,
    /// Kind of the target, for example `verity`.
    pub target: &'a str,
    /// The target's parameters, as its document under Documentation/admin-guide/device-mapper
    /// has them.
    pub parameters: &'a str,
}

impl ReadOnlyDevice<'_> {
    /// Makes the device live and gives its node (`/dev/dm-<minor>`). On error no device is left.
    pub fn create(&self) -> Result<PathBuf> {
        let path = Path::new(CONTROL);
        let control = OpenOptions::new().read(true).write(true).open(path).doing_to("open", path)?;
        let answer = self.call(&control, Command::Create, NO_FLAGS, &[])?;
        let live = self
            .call(&control, Command::LoadTable, READ_ONLY, &self.target_spec())
            .and_then(|_| self.call(&control, Command::Resume, NO_FLAGS, &[]));
        if let Err(error) = live {
            _ = self.call(&control, Command::Remove, NO_FLAGS, &[]);
            return Err(error);
        }
        let device = u64::from_ne_bytes(field(&answer, 40));
        Ok(format!("/dev/dm-{}", minor(device)).into())
    }

    fn call(&self, control: &File, command: Command, flags: u32, data: &[u8]) -> Result<Vec<u8>> {
        let doing = |what: &str| format!("{what} device-mapper device '{}' ({})", self.name, self.target);
        let (verb, uuid, targets) = match command {
            Command::Create => ("create", self.uuid, 0),
            Command::LoadTable => ("load the table of", "", 1),
            Command::Resume => ("activate", "", 0),
            Command::Remove => ("remove", "", 0),
        };
        if self.name.len() >= NAME || uuid.len() >= UUID || self.target.len() >= 16 {
            let refusal = std::io::Error::from(std::io::ErrorKind::InvalidInput);
            return Err(Error::new(doing("name"), refusal));
        }
        // struct dm_ioctl: version[3], data_size, data_start, target_count, open_count, flags,
        // event_nr, padding, dev (u64), name, uuid, data[7].
        let mut buffer = vec![0; HEADER + data.len()];
        let size = buffer.len() as u32;
        let words = [4, 0, 0, size, HEADER as u32, targets, 0, flags];
        for (place, word) in buffer.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        buffer[48..48 + self.name.len()].copy_from_slice(self.name.as_bytes());
        buffer[48 + NAME..48 + NAME + uuid.len()].copy_from_slice(uuid.as_bytes());
        buffer[HEADER..].copy_from_slice(data);
        let request = ioctl::read_write(0xfd, command as u8, HEADER);
        // SAFETY: the kernel reads and writes the header's 312 bytes and at most `data_size`
        // bytes in all, which is the buffer's length.
        unsafe { ioctl::with_buffer(control.as_fd(), request, &mut buffer) }.doing(|| doing(verb))?;
        Ok(buffer)
    }

    /// struct dm_target_spec (sector_start, length, status, next, target_type[16]) and the
    /// parameters, ended by a NUL and padded to 8 bytes.
    fn target_spec(&self) -> Vec<u8> {
        let length = (TARGET + self.parameters.len() + 1).next_multiple_of(8);
        let mut spec = vec![0; length];
        spec[8..16].copy_from_slice(&self.sectors.to_ne_bytes());
        spec[20..24].copy_from_slice(&(length as u32).to_ne_bytes());
        spec[24..24 + self.target.len()].copy_from_slice(self.target.as_bytes());
        spec[TARGET..TARGET + self.parameters.len()].copy_from_slice(self.parameters.as_bytes());
        spec
    }
}

/// Removes the device of that name, if nobody uses it.
pub fn remove(name: &str) -> Result<()> {
    let path = Path::new(CONTROL);
    let control = OpenOptions::new().read(true).write(true).open(path).doing_to("open", path)?;
    let device = ReadOnlyDevice { name, uuid: "", sectors: 0, target: "", parameters: "" };
    device.call(&control, Command::Remove, NO_FLAGS, &[]).map(|_| ())
}

fn field(buffer: &[u8], at: usize) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&buffer[at..at + 8]);
    bytes
}

/// The minor number in the kernel's `huge_encode_dev` form (linux/kdev_t.h).
fn minor(device: u64) -> u64 {
    (device & 0xff) | (device >> 12 & 0xfff00)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_numbers_past_255_keep_their_upper_bits() {
        // 253:0, 253:5 and 253:300 (0x12c) as new_encode_dev writes them.
        for (device, expected) in [(0xfd00, 0), (0xfd05, 5), (0x0010_fd2c, 300)] {
            assert_eq!(minor(device), expected, "{device:#x}");
        }
    }

    #[test]
    fn a_target_spec_is_padded_and_says_where_the_next_one_is() {
        let device =
            ReadOnlyDevice { name: "usr", uuid: "", sectors: 8, target: "verity", parameters: "1 a b" };
        let spec = device.target_spec();
        assert_eq!(spec.len(), 48);
        assert_eq!(spec[8..16], 8u64.to_ne_bytes());
        assert_eq!(spec[20..24], 48u32.to_ne_bytes());
        assert_eq!(&spec[24..31], b"verity\0");
        assert_eq!(&spec[40..46], b"1 a b\0");
    }
}
