//! The disk as qcow2, by qemu-img(1).

use std::fs::File;
use std::path::Path;

use sandbox::Tree;

use crate::{Error, Result, tool};

/// Makes `out`, a qcow2 of the raw disk `raw`.
///
/// # Errors
/// A failing qemu-img, or a file that cannot be written.
pub fn convert(tools: &Tree, raw: &Path, out: &Path) -> Result<()> {
    File::create(out).map_err(Error::io("writing", out))?;
    // One coroutine, in order: otherwise clusters lie where their turn came.
    let command = tools
        .command("qemu-img")
        .args(["convert", "-m", "1", "-f", "raw", "-O", "qcow2"])
        .args([raw, out])
        .bind_ro(raw)
        .bind(out);
    tool::run("qemu-img", command, &format!("making {}", out.display()))
}
