//! Formats that say all in one block at a fixed place.

use super::{Contents, Source, Usage, le32, le64};

/// XFS (Linux, fs/xfs/libxfs/xfs_format.h: struct xfs_dsb).
pub fn xfs(source: &dyn Source) -> Option<Contents> {
    let block = source.read(0, 512)?;
    let size = u32::from_be_bytes(block[4..8].try_into().ok()?);
    let is_xfs = block.starts_with(b"XFSB") && size.is_power_of_two() && (512..=65536).contains(&size);
    is_xfs.then(|| Contents::new("xfs", Usage::Filesystem).uuid(&block[32..48]).label(&block[108..120]))
}

/// btrfs (Linux, include/uapi/linux/btrfs_tree.h: struct btrfs_super_block).
pub fn btrfs(source: &dyn Source) -> Option<Contents> {
    let block = source.read(64 << 10, 1024)?;
    if block[64..72] != *b"_BHRfS_M" {
        return None;
    }
    let mut contents = Contents::new("btrfs", Usage::Filesystem).uuid(&block[32..48]).label(&block[299..555]);
    contents.uuid_sub = super::uuid_text(&block[267..283]);
    Some(contents)
}

/// EROFS (Linux, fs/erofs/erofs_fs.h: struct erofs_super_block).
pub fn erofs(source: &dyn Source) -> Option<Contents> {
    let block = source.read(1024, 128)?;
    let is_erofs = le32(&block, 0)? == 0xe0f5_e1e2;
    is_erofs.then(|| Contents::new("erofs", Usage::Filesystem).uuid(&block[48..64]).label(&block[64..80]))
}

/// squashfs, which has neither UUID nor label (Linux, fs/squashfs/squashfs_fs.h).
pub fn squashfs(source: &dyn Source) -> Option<Contents> {
    let block = source.read(0, 96)?;
    let [major, minor] = [28, 30].map(|at| u16::from_le_bytes([block[at], block[at + 1]]));
    let is_known = block.starts_with(b"hsqs") && major >= 4;
    is_known.then(|| Contents::new("squashfs", Usage::Filesystem).version(format!("{major}.{minor}")))
}

/// NTFS: the serial number only; the label is a file of it.
pub fn ntfs(source: &dyn Source) -> Option<Contents> {
    let block = source.read(0, 512)?;
    if block[3..11] != *b"NTFS    " {
        return None;
    }
    let mut contents = Contents::new("ntfs", Usage::Filesystem);
    contents.uuid = Some(format!("{:016X}", le64(&block, 72)?));
    Some(contents)
}

/// LUKS 1 and 2 (LUKS2 On-Disk Format Specification).
pub fn luks(source: &dyn Source) -> Option<Contents> {
    let block = source.read(0, 512)?;
    if !block.starts_with(b"LUKS\xba\xbe") {
        return None;
    }
    let version = u16::from_be_bytes([block[6], block[7]]);
    let mut contents = Contents::new("crypto_LUKS", Usage::Crypto).version(version);
    let uuid = super::trimmed(&block[168..208]);
    contents.uuid = uuid.and_then(|uuid| String::from_utf8(uuid).ok());
    Some(if version == 2 { contents.label(&block[24..72]) } else { contents })
}
