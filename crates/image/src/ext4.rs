//! ROOT's file system, empty, by mke2fs(8).

use std::fs::File;
use std::path::Path;

use layout::disk::{ROOT_EXT4, ROOT_FS_UUID, root_journal};
use sandbox::Tree;

use crate::{Error, Result, tool};

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
    let journal = format!("size={}", root_journal(size));
    let command = tools
        .command("mke2fs")
        .args(["-q", "-F"])
        .args(ROOT_EXT4)
        .args(["-J", &journal, "-L", layout::disk::ROOT.label])
        .args(["-U", &uuid, "-E", &extended])
        .arg(out)
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .env("E2FSPROGS_FAKE_TIME", epoch.to_string())
        .env("MKE2FS_CONFIG", "/dev/null")
        .bind(out);
    tool::run("mke2fs", command, &format!("making {}", out.display()))
}
