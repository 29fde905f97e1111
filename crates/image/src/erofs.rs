//! File systems that are only read, by mkfs.erofs(1).

use std::path::Path;

use layout::Guid;
use sandbox::Tree;

use crate::files::{self, Content, FileTree, Kind};
use crate::{Error, Result, tool};

/// How files are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Quick to build and to read.
    Lz4,
    /// Small; for releases.
    Zstd,
}

impl Compression {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Lz4 => &["-zlz4hc,level=4", "-C65536"],
            Self::Zstd => &["-zzstd,level=9", "-C131072"],
        }
    }
}

/// Makes the file system of `tree` (whose paths are relative to the place where it is mounted) in the file `out`. Every
/// time in it is `epoch` (seconds).
///
/// The files go in as a tar stream on standard input (no SOURCE is given), so that owners and modes
/// are those of the tree whoever builds.
///
/// # Errors
/// A failing mkfs.erofs, or files that cannot be read or written.
pub fn build(
    tools: &Tree,
    tree: &FileTree,
    out: &Path,
    compression: Compression,
    uuid: Guid,
    epoch: u64,
) -> Result<()> {
    let file = std::fs::File::create(out).map_err(Error::io("writing", out))?;
    require_room(&file, out, tree)?;
    let command = tools
        .command("mkfs.erofs")
        .args(["--quiet", "--tar=f"])
        .args(compression.flags())
        .arg(format!("-T{epoch}"))
        .arg(format!("-U{uuid}"))
        .arg(out)
        .bind(out);
    let doing = format!("making {}", out.display());
    tool::run_with_input("mkfs.erofs", command, &doing, |input| {
        files::write_tar(tree, input, "the tar stream for mkfs.erofs".as_ref(), epoch)
    })
}

/// mkfs.erofs 1.8 with several workers waits for ever where the disk is full, so that is found out before.
/// Asked for is what the files have unpacked.
fn require_room(file: &std::fs::File, out: &Path, tree: &FileTree) -> Result<()> {
    let mut needed = 0;
    for (_, node) in tree.iter() {
        needed += match &node.kind {
            Kind::File(Content::Bytes(bytes)) => bytes.len() as u64,
            Kind::File(Content::Host(path)) => {
                path.metadata().map_err(Error::io("reading the size of", path))?.len()
            }
            _ => 0,
        };
    }
    let failed = |source: std::io::Error| Error::io("making room for", out)(source);
    let room = rustix::fs::fstatvfs(file).map_err(|errno| failed(errno.into()))?;
    match room.f_bavail.saturating_mul(room.f_frsize) < needed {
        true => Err(failed(rustix::io::Errno::NOSPC.into())),
        false => Ok(()),
    }
}
