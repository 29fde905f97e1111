//! Reading what is on a disk or partition.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use devices::block::hardware::is_ata;
use devices::block::{Facts, disk, is_partition, is_ready};
use devices::superblock::{self, Source};
use devices::sysfs::Device;
use devices::table;
use rustix::fs::OFlags;

/// sysfs counts in these, whatever the device's own block is.
const SYSFS_SECTOR: u64 = 512;

/// A device's bytes.
struct Node {
    file: File,
    size: u64,
}

impl Source for Node {
    fn read(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        if offset.checked_add(length as u64)? > self.size {
            return None;
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

fn open(device: &Device<'_>) -> Option<Node> {
    let name = device.uevent().remove("DEVNAME")?;
    // A drive without a medium, or with its door open, is opened so, and not waited for.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(Path::new("/dev").join(name)).ok()?;
    let size = device.decimal::<u64>("size")? * SYSFS_SECTOR;
    Some(Node { file, size })
}

/// All that there is to know of a block device beyond sysfs.
pub fn facts(device: &Device<'_>) -> Facts {
    let mut facts = Facts::default();
    if !is_ready(device) {
        return facts;
    }
    let whole = disk(device);
    let disk_node = open(&whole);
    // Each read of a drive without a medium is an error that the kernel writes to its log.
    let is_empty = |node: &Node| {
        whole.name().starts_with("sr") && sys::cdrom::has_medium(node.file.as_fd()).is_ok_and(|has| !has)
    };
    if let Some(node) = &disk_node {
        if is_ata(&whole) {
            facts.ata = sys::ata::identity(node.file.as_fd()).ok();
        }
        if is_empty(node) {
            return facts;
        }
        let sector = whole.decimal("queue/logical_block_size").unwrap_or(SYSFS_SECTOR);
        facts.table = table::read(node, sector);
    }
    let own = if is_partition(device) { open(device) } else { disk_node };
    if let Some(node) = &own {
        facts.set_contents(superblock::probe(node));
    }
    if whole.name().starts_with("md") {
        // What the array is called is in its members.
        let members = whole.list("slaves");
        facts.array = members.iter().find_map(|member| {
            let member = Device::by_link(device.sysfs(), &format!("{}/slaves/{member}", whole.path()))?;
            match superblock::probe(&open(&member)?) {
                superblock::Probe::One(contents) => Some(contents),
                _ => None,
            }
        });
    }
    facts
}
