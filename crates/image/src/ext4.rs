//! ROOT's file system, empty, by mke2fs(8).

use std::fs::File;
use std::path::Path;

use layout::disk::{MIB, ROOT_FS_UUID};
use sandbox::Tree;

use crate::{Error, Result, tool};

/// The features, whole, so that no mke2fs.conf decides: `none` clears the defaults.
/// `metadata_csum_seed` lets the file system's UUID change while it is mounted, `resize_inode` and
/// `64bit` let it grow.
const FEATURES: &str = "none,has_journal,ext_attr,resize_inode,dir_index,orphan_file,filetype,extent,64bit,\
    flex_bg,metadata_csum_seed,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum";

/// Bytes for each inode: a machine that holds containers' layers has many small files.
const BYTES_PER_INODE: &str = "16384";

/// Makes an empty file system of `size` bytes in the file `out`, which is sparse. Every time in it
/// is `epoch` (seconds). It grows online, from hundreds of megabytes to terabytes.
///
/// # Errors
/// A failing mke2fs, or a file that cannot be written.
pub fn build(tools: &Tree, out: &Path, size: u64, epoch: u64) -> Result<()> {
    let file = File::create(out).map_err(Error::io("writing", out))?;
    file.set_len(size).map_err(Error::io("writing", out))?;
    let uuid = ROOT_FS_UUID.to_string();
    // lazy_itable_init: what is not written stays a hole here, and the kernel need not write it on
    // first boot, since the blocks of an image are known to be zero.
    let extended =
        format!("hash_seed={uuid},root_owner=0:0,nodiscard,lazy_itable_init=1,lazy_journal_init=1");
    // The journal keeps its size when the file system grows: more than its first size asks for.
    let journal = format!("size={}", (size / 8 / MIB).clamp(4, 64));
    let command = tools
        .command("mke2fs")
        .args(["-q", "-F", "-b", "4096", "-m", "1", "-I", "256", "-O", FEATURES])
        .args(["-i", BYTES_PER_INODE, "-J", &journal, "-L", layout::disk::ROOT.label])
        .args(["-U", &uuid, "-E", &extended])
        .arg(out)
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .env("E2FSPROGS_FAKE_TIME", epoch.to_string())
        .env("MKE2FS_CONFIG", "/dev/null")
        .bind(out);
    tool::run("mke2fs", command, &format!("making {}", out.display()))
}
