//! Reading what is on a disk or partition.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use devices::block::hardware::is_ata;
use devices::block::{Facts, disk, is_partition, is_ready};
use devices::superblock::{self, Source};
use devices::sysfs::Device;
use devices::table::{self, Table};
use rustix::fs::OFlags;
use sysfs::Kernel;

use crate::reading::Reading;

/// sysfs counts in these, whatever the device's own block is.
const SYSFS_SECTOR: u64 = 512;
/// Superblocks are looked for in few places, many in each: a place is read once.
const PIECE: u64 = 8 << 10;

/// A device's bytes.
struct Node<F = File> {
    file: F,
    size: u64,
    /// What was read, each with where it begins.
    pieces: RefCell<Vec<(u64, Vec<u8>)>>,
    /// Whether a read failed: the next would, too, and each may take half a minute.
    failed: Cell<bool>,
}

impl<F: FileExt> Node<F> {
    fn exactly(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        if self.failed.get() {
            return None;
        }
        let mut bytes = vec![0; length];
        match self.file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Some(bytes),
            Err(error) => {
                self.failed.set(error.kind() != ErrorKind::UnexpectedEof);
                None
            }
        }
    }

    /// Bytes of the one piece that has all of them.
    fn of_piece(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let start = offset - offset % PIECE;
        let piece_length = usize::try_from(PIECE.min(self.size - start)).ok()?;
        let from = usize::try_from(offset - start).ok()?;
        let cut = |piece: &[u8]| piece.get(from..from.checked_add(length)?).map(<[u8]>::to_vec);
        let mut pieces = self.pieces.borrow_mut();
        match pieces.iter().find(|(at, _)| *at == start) {
            Some((_, piece)) => cut(piece),
            None if from + length > piece_length => None,
            None => {
                let piece = self.exactly(start, piece_length)?;
                let found = cut(&piece);
                pieces.push((start, piece));
                found
            }
        }
    }
}

impl<F: FileExt> Source for Node<F> {
    fn read(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        if offset.checked_add(length as u64)? > self.size {
            return None;
        }
        // A piece may end beyond what can be read.
        self.of_piece(offset, length).or_else(|| self.exactly(offset, length))
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
    Some(Node { file, size, pieces: RefCell::default(), failed: Cell::new(false) })
}

/// A whole disk, as its partitions need it too.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    table: Option<Table>,
    ata: Option<Vec<u8>>,
    /// A drive without a medium: each read of it would be an error that the kernel writes to its log.
    is_empty: bool,
}

/// The disk that was read last, by its path: its partitions come next.
pub type LastDisk = Option<(String, Disk)>;

fn look_at_disk(device: &Device<'_>, node: &Node) -> Disk {
    let ata = is_ata(device).then(|| sys::ata::identity(node.file.as_fd()).ok()).flatten();
    let has_medium =
        !device.name().starts_with("sr") || sys::cdrom::has_medium(node.file.as_fd()).unwrap_or(true);
    let sector = device.decimal("queue/logical_block_size").unwrap_or(SYSFS_SECTOR);
    let table = has_medium.then(|| table::read(node, sector)).flatten();
    Disk { table, ata, is_empty: !has_medium }
}

/// All that there is to know of a block device beyond sysfs; None where its disk does not answer.
pub fn facts(
    device: &Device<'_>,
    last: &mut LastDisk,
    reading: &mut Reading,
    patience: &mut Duration,
) -> Option<Facts> {
    if !is_ready(device) {
        return Some(Facts::default());
    }
    let whole = disk(device);
    let known = last.take().filter(|(path, _)| is_partition(device) && path == whole.path());
    let id = (whole.path().to_owned(), whole.decimal("diskseq").unwrap_or_default());
    let path = device.path().to_owned();
    let work = move || look(&Device::at(&Kernel, path), known.map(|(_, disk)| disk));
    let (facts, disk) = reading.read(&id, patience, work)?;
    *last = Some((id.0, disk));
    Some(facts)
}

/// Reads a device, and its disk where that is not known yet. Beside them: whether reading failed.
fn look(device: &Device<'_>, known: Option<Disk>) -> ((Facts, Disk), bool) {
    let mut facts = Facts::default();
    let mut failed = false;
    let whole = disk(device);
    let (disk, disk_node) = match known {
        Some(disk) => (disk, None),
        None => {
            let node = open(&whole);
            (node.as_ref().map(|node| look_at_disk(&whole, node)).unwrap_or_default(), node)
        }
    };
    (facts.table, facts.ata) = (disk.table.clone(), disk.ata.clone());
    failed |= disk_node.as_ref().is_some_and(|node| node.failed.get());
    let own = if is_partition(device) { open(device) } else { disk_node };
    if let Some(node) = own.filter(|_| !disk.is_empty) {
        facts.set_contents(superblock::probe(&node));
        failed |= node.failed.get();
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
    ((facts, disk), failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// A disk of which nothing can be read from some place on.
    #[derive(Default)]
    struct Dying {
        from: u64,
        kind: Option<ErrorKind>,
        failures: Cell<u32>,
    }

    impl FileExt for Dying {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            if offset + buffer.len() as u64 <= self.from {
                buffer.fill(0);
                return Ok(buffer.len());
            }
            self.failures.set(self.failures.get() + 1);
            self.kind.map_or(Ok(0), |kind| Err(kind.into()))
        }

        fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
            Err(ErrorKind::Unsupported.into())
        }
    }

    #[test]
    fn a_disk_is_not_read_any_more_once_a_read_failed() {
        for (from, kind, fails) in [
            (0, Some(ErrorKind::Other), true),
            (PIECE, Some(ErrorKind::Other), true),
            // A disk that is shorter than sysfs has it is not dying.
            (PIECE, None, false),
        ] {
            let file = Dying { from, kind, ..Dying::default() };
            let node = Node { file, size: 1 << 30, pieces: RefCell::default(), failed: Cell::new(false) };
            assert_eq!(superblock::probe(&node), superblock::Probe::Nothing);
            assert_eq!(table::read(&node, SYSFS_SECTOR), None);
            assert_eq!(node.failed.get(), fails, "{from} {kind:?}");
            assert_eq!(node.file.failures.get() == 1, fails, "{from} {kind:?}");
        }
    }
}
