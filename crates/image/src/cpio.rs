//! The initramfs archive: cpio's "newc" format (Linux, Documentation/driver-api/early-userspace/
//! buffer-format.rst), packed in a way that the kernel unpacks.

use std::io::{self, Write};

use crate::files::{FileTree, Kind, Node};
use crate::{Error, Result};

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As it is.
    Plain,
    /// LZ4's legacy frame, the only one of LZ4's that the kernel reads.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Magic of LZ4's legacy frame, and the most that a block of it holds unpacked.
const LZ4_MAGIC: u32 = 0x184c_2102;
const LZ4_BLOCK: usize = 8 << 20;
/// Zstandard's level: the highest whose window the kernel's unpacker takes without question.
const ZSTD_LEVEL: i32 = 19;

const S_IFDIR: u32 = 0o040_000;
const S_IFCHR: u32 = 0o020_000;
const S_IFREG: u32 = 0o100_000;
const S_IFLNK: u32 = 0o120_000;

/// The archive of a tree, every time being `epoch` (seconds). `dev` and `dev/console` are added
/// where the tree has none: before it runs `init`, the kernel opens the console from there.
///
/// # Errors
/// A host's file that cannot be read.
pub fn build(tree: &FileTree, packing: Packing, epoch: u64) -> Result<Vec<u8>> {
    let mut tree = tree.clone();
    if tree.get("dev/console").is_none() {
        tree.device("dev/console", 0o600, 5, 1)?;
    }
    let mut archive = Vec::new();
    for (inode, (path, node)) in (1..).zip(tree.iter()) {
        let data = match &node.kind {
            Kind::File(content) => content.read()?,
            Kind::Link(target) => target.clone().into_bytes(),
            Kind::Directory | Kind::Device { .. } => Vec::new(),
        };
        record(&mut archive, path, inode, node, &data, epoch);
    }
    let trailer = Node { mode: 0, uid: 0, gid: 0, kind: Kind::Link(String::new()) };
    record(&mut archive, "TRAILER!!!", 0, &trailer, &[], 0);
    archive.resize(archive.len().next_multiple_of(512), 0);
    pack(&archive, packing).map_err(Error::io("packing", "the initramfs".as_ref()))
}

fn record(archive: &mut Vec<u8>, path: &str, inode: u32, node: &Node, data: &[u8], epoch: u64) {
    let (kind, major, minor) = match node.kind {
        Kind::Directory => (S_IFDIR, 0, 0),
        Kind::File(_) => (S_IFREG, 0, 0),
        Kind::Link(_) => (S_IFLNK, 0, 0),
        Kind::Device { major, minor } => (S_IFCHR, major, minor),
    };
    let mode = if inode == 0 { 0 } else { kind | node.mode };
    let links = if kind == S_IFDIR { 2 } else { 1 };
    let fields = [
        inode,
        mode,
        node.uid,
        node.gid,
        links,
        epoch as u32,
        data.len() as u32,
        0, // device of the file system: major and minor
        0,
        major,
        minor,
        path.len() as u32 + 1,
        0, // checksum: none in newc
    ];
    archive.extend_from_slice(b"070701");
    for field in fields {
        archive.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    archive.extend_from_slice(path.as_bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend_from_slice(data);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

fn pack(archive: &[u8], packing: Packing) -> io::Result<Vec<u8>> {
    match packing {
        Packing::Plain => Ok(archive.to_vec()),
        Packing::Lz4 => {
            let mut packed = LZ4_MAGIC.to_le_bytes().to_vec();
            for block in archive.chunks(LZ4_BLOCK) {
                let block = lz4_flex::block::compress(block);
                packed.write_all(&(block.len() as u32).to_le_bytes())?;
                packed.write_all(&block)?;
            }
            Ok(packed)
        }
        Packing::Zstd => zstd::encode_all(archive, ZSTD_LEVEL),
    }
}
