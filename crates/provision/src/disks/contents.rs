//! What a device holds.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use devices::superblock::{self, Probe, Source};

use crate::programs::wipefs;
use sys::partition_table::read_at;

/// What was found on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing. What was begun and not finished counts as nothing.
    Nothing,
    /// One thing.
    One(superblock::Contents),
    /// Things that we do not know well enough to tell more than what they are, or more than one.
    Others(Vec<String>),
}

struct Bytes {
    file: File,
    size: u64,
}

impl Source for Bytes {
    fn read(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        (offset.checked_add(length as u64)? <= self.size)
            .then(|| read_at(&self.file, offset, length).ok())
            .flatten()
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// Looks at a device.
///
/// # Errors
/// It cannot be read.
pub fn look(device: &Path) -> Result<Found, String> {
    let bytes = open(device)?;
    match superblock::probe(&bytes) {
        Probe::One(contents) if is_whole(contents.kind, &bytes) => Ok(Found::One(contents)),
        Probe::One(_) => Ok(Found::Nothing),
        Probe::Ambivalent(kinds) => Ok(Found::Others(kinds.into_iter().map(str::to_owned).collect())),
        // There are more kinds than those that we know, and none is to be overwritten unasked.
        Probe::Nothing => match wipefs::list(device)? {
            kinds if kinds.is_empty() => Ok(Found::Nothing),
            kinds => Ok(Found::Others(kinds)),
        },
    }
}

/// The size, in bytes, of the ext4 on a device, if there is one.
pub fn ext4_size(device: &Path) -> Option<u64> {
    superblock::ext_size(&open(device).ok()?)
}

fn open(device: &Path) -> Result<Bytes, String> {
    let open = || {
        let mut file = File::open(device)?;
        let size = file.seek(SeekFrom::End(0))?;
        Ok(Bytes { file, size })
    };
    open().map_err(|error: std::io::Error| format!("cannot read {}: {error}", device.display()))
}

/// Whether the program that made it came to its end. mkfs.ext4 writes the first superblock last, and mkswap writes
/// one page only; of the others a cut can leave the superblock and not the rest.
fn is_whole(kind: &str, source: &dyn Source) -> bool {
    let whole = || match kind {
        // sb_inprogress (Linux, fs/xfs/libxfs/xfs_format.h).
        "xfs" => Some(source.read(126, 1)? == [0]),
        // The first entry of the table repeats the medium's byte (Microsoft, FAT specification, section 4).
        "vfat" => {
            let start = source.read(0, 32)?;
            let field = |at: usize| u64::from(u16::from_le_bytes([start[at], start[at + 1]]));
            Some(source.read(field(11) * field(14), 1)? == [start[21]])
        }
        _ => Some(true),
    };
    whole().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_and_not_finished_is_told_from_what_is_whole() {
        let with = |bytes: &[(usize, u8)]| {
            let mut image = vec![0; 8192];
            bytes.iter().for_each(|(at, byte)| image[*at] = *byte);
            image
        };
        // FAT: 512 bytes a sector, 32 of them before the table, medium 0xf8.
        let fat = [(12, 2), (14, 4), (21, 0xf8)];
        for (kind, image, expected) in [
            ("xfs", with(&[]), true),
            ("xfs", with(&[(126, 1)]), false),
            ("vfat", with(&fat), false),
            ("vfat", with(&[fat.as_slice(), &[(2048, 0xf8)]].concat()), true),
            ("ext4", with(&[]), true),
            ("xfs", vec![], false),
        ] {
            assert_eq!(is_whole(kind, &image.as_slice()), expected, "{kind}");
        }
    }
}
