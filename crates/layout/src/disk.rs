//! The partition table of a Berth disk (design section 4).
//!
//! Type GUIDs are those of the Discoverable Partitions Specification
//! (UAPI group, UAPI.2). PARTUUIDs are constant per slot, so that an update never rewrites the
//! partition table.

use std::fmt;
use std::ops::Not;

use crate::guid::{Guid, guid};

/// One kibibyte, in bytes.
pub const KIB: u64 = 1 << 10;
/// One mebibyte, in bytes.
pub const MIB: u64 = 1 << 20;
/// One gibibyte, in bytes.
pub const GIB: u64 = 1 << 30;

/// Logical sector size of a Berth disk image, in bytes.
pub const SECTOR: u64 = 512;
/// Each partition starts, and is a whole number of, this many bytes.
pub const ALIGNMENT: u64 = MIB;
/// Space kept free after the last partition for the backup GPT, in bytes (it needs 33 sectors).
pub const TAIL: u64 = MIB;

/// Attribute bit of ROOT's entry in the table: its size is what a config gave it, and it does not grow into free
/// space. Bits 48 to 63 mean what the partition's type makes of them (UEFI specification, table 5-8), and the
/// Discoverable Partitions Specification leaves this one free.
pub const KEEP_SIZE: u64 = 1 << 48;

/// Type of a partition of which nothing says what it is for: Linux data.
pub const LINUX_DATA_TYPE: Guid = guid("0fc63daf-8483-4772-8e79-3d69d8477de4");

/// The disk's GUID in a shipped image. Stage 1 makes it anew on first boot.
pub const DISK_GUID: Guid = guid("40bcfdba-534f-4a53-94e6-15a96b69800c");
/// UUID of the ext4 file system on ROOT in a shipped image. Made anew on first boot.
pub const ROOT_FS_UUID: Guid = guid("e32ac369-8d7a-4421-91f0-a90e7d54fec7");
/// UUID of every erofs that holds `/usr`. Its contents are named by the verity root hash, so it
/// need not be unique.
pub const USR_FS_UUID: Guid = guid("e7f37fbb-057b-4b56-a3eb-3d3ef074232b");
/// Name of the device-mapper device that `/usr` is read through.
pub const USR_DEVICE: &str = "usr";
/// How far the kernel reads ahead on that device, in KiB. Its own default of 128 is less than one compressed cluster of
/// `/usr` unpacks to: nearly every read would end within one, which is then unpacked twice.
pub const USR_READ_AHEAD_KIB: u32 = 512;
/// Volume serial number of the ESP's FAT32.
pub const ESP_VOLUME_ID: u32 = 0x535332c0;

/// A partition of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Number in the table, from 1.
    pub number: u32,
    /// GPT partition name.
    pub label: &'static str,
    /// Type GUID.
    pub type_guid: Guid,
    /// PARTUUID in a shipped image. Those of [`REMADE`] change on first boot.
    pub guid: Guid,
    /// Size in bytes where the spec says nothing else.
    pub default_size: u64,
}

/// EFI system partition: loader and UKIs.
pub const ESP: Partition = Partition {
    number: 1,
    label: "ESP",
    type_guid: guid("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
    guid: guid("7516b3a3-3326-4cbf-b4a4-89ecac535c84"),
    default_size: GIB,
};

/// GRUB's core image, for firmware without UEFI.
pub const BIOS: Partition = Partition {
    number: 2,
    label: "BIOS",
    type_guid: guid("21686148-6449-6e6f-744e-656564454649"),
    guid: guid("a9f53a0f-f48b-4eeb-825d-6cb7391126d2"),
    default_size: 2 * MIB,
};

/// erofs of slot A.
pub const USR_A: Partition = Partition {
    number: 3,
    label: "USR-A",
    type_guid: USR_TYPE,
    guid: guid("5ab48726-367a-4ecb-b0de-3f23ccae69e3"),
    default_size: GIB,
};

/// dm-verity hash tree of slot A.
pub const USR_A_VERITY: Partition = Partition {
    number: 4,
    label: "USR-A-VERITY",
    type_guid: USR_VERITY_TYPE,
    guid: guid("e7ed0774-14aa-47f7-977c-fa690de0848c"),
    default_size: 16 * MIB,
};

/// erofs of slot B; empty in a new image.
pub const USR_B: Partition = Partition {
    number: 5,
    label: "USR-B",
    type_guid: USR_TYPE,
    guid: guid("c600549a-6a92-4f17-a17c-d7cbcaa61ddd"),
    default_size: GIB,
};

/// dm-verity hash tree of slot B.
pub const USR_B_VERITY: Partition = Partition {
    number: 6,
    label: "USR-B-VERITY",
    type_guid: USR_VERITY_TYPE,
    guid: guid("fcb6b009-07cd-4dce-b27d-6d31d995fd42"),
    default_size: 16 * MIB,
};

/// The machine's own state, ext4; grown to the end of the disk on first boot.
pub const ROOT: Partition = Partition {
    number: 7,
    label: "ROOT",
    type_guid: guid("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
    guid: guid("0a33a211-24e5-47b3-a860-967f34c3e4bb"),
    default_size: 256 * MIB,
};

/// The table, in order of number and of place on the disk.
pub const PARTITIONS: [Partition; 7] = [ESP, BIOS, USR_A, USR_A_VERITY, USR_B, USR_B_VERITY, ROOT];

/// How ROOT's ext4 is made (mke2fs(8)), whole, so that no mke2fs.conf decides: it begins small and grows online, to
/// terabytes. Of the features `none` clears the defaults, `metadata_csum_seed` lets the file system's UUID change while
/// it is mounted, `resize_inode` and `64bit` let it grow. 16384 bytes for each inode: a machine that holds containers'
/// layers has many small files.
pub const ROOT_EXT4: [&str; 10] = [
    "-b",
    "4096",
    "-m",
    "1",
    "-I",
    "256",
    "-O",
    "none,has_journal,ext_attr,resize_inode,dir_index,orphan_file,filetype,extent,64bit,flex_bg,metadata_csum_seed,\
     sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum",
    "-i",
    "16384",
];

/// The size of the journal of a ROOT of `size` bytes, in MiB. It keeps it when the file system grows, so it is more
/// than the first size asks for.
pub fn root_journal(size: u64) -> u64 {
    (size / 8 / MIB).clamp(4, 64)
}

/// Partitions whose PARTUUID is made anew on first boot, with the disk's GUID: a clone attached
/// to the same machine must not be taken for this disk.
pub const REMADE: [Partition; 2] = [ESP, ROOT];

const USR_TYPE: Guid = guid("8484680c-9521-48c6-9c11-b0720656f69e");
const USR_VERITY_TYPE: Guid = guid("77ff5f63-e7b6-4633-acf4-1532b864e97c");

/// One of the two places where a `/usr` lives. `!slot` is the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// The slot that a new image fills.
    A,
    /// The slot that the first update fills.
    B,
}

impl Slot {
    /// Both slots, in the order in which stage 1 tries them.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The other slot.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// The partition that holds this slot's erofs.
    pub const fn data(self) -> Partition {
        match self {
            Self::A => USR_A,
            Self::B => USR_B,
        }
    }

    /// The partition that holds this slot's hash tree.
    pub const fn verity(self) -> Partition {
        match self {
            Self::A => USR_A_VERITY,
            Self::B => USR_B_VERITY,
        }
    }
}

impl Not for Slot {
    type Output = Self;

    fn not(self) -> Self {
        self.other()
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_follow_the_order_and_nothing_is_named_twice() {
        for (i, p) in PARTITIONS.iter().enumerate() {
            assert_eq!(p.number as usize, i + 1);
            assert!(p.label.encode_utf16().count() <= 36, "{}", p.label);
            assert_eq!(p.default_size % ALIGNMENT, 0, "{}", p.label);
        }
        let guids: BTreeSet<_> = PARTITIONS.iter().map(|p| p.guid).chain([DISK_GUID]).collect();
        let labels: BTreeSet<_> = PARTITIONS.iter().map(|p| p.label).collect();
        assert_eq!(guids.len(), PARTITIONS.len() + 1);
        assert_eq!(labels.len(), PARTITIONS.len());
    }

    #[test]
    fn slots_are_each_other_and_share_no_partition() {
        for slot in Slot::ALL {
            assert_eq!(!!slot, slot);
            assert_eq!(!slot, slot.other());
            assert_eq!(slot.data().type_guid, (!slot).data().type_guid);
            assert_ne!(slot.data().guid, (!slot).data().guid);
            assert_ne!(slot.verity().guid, (!slot).verity().guid);
            assert!(slot.data().label.ends_with(&slot.to_string()));
        }
    }
}
