//! The record of stage 1's count of attempts ([`Attempts`]), on ROOT.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use slots::Attempts;

/// Everybody may read it.
const MODE: u32 = 0o644;

/// Writes the record. When this returns it is on the disk, its name too: what follows may end in a panic. On a disk that
/// has no room for a new file it is overwritten: it is shorter than a sector, so a power cut leaves one or the other.
///
/// # Errors
/// The folder cannot be written to, and there is none to overwrite.
pub fn write_attempts(path: &Path, attempts: &Attempts) -> sys::Result<()> {
    let text = attempts.encode();
    let folder = path.parent().unwrap_or(Path::new("/"));
    let replaced =
        sys::file::replace_synced(path, text.as_bytes(), MODE).and_then(|()| sys::file::sync_folder(folder));
    replaced.or_else(|error| overwrite(path, text.as_bytes()).map_err(|_| error))
}

fn overwrite(path: &Path, text: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.write_all_at(text, 0)?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}
