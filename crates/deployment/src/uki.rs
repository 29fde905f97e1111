//! What a UKI is for.

use layout::args;
use uki::read::{HEAD, outline};
use verity::RootHash;

/// The longest command line that is read, in bytes.
const CMDLINE_MAX: usize = 64 << 10;

/// The `/usr` that a UKI of so many bytes is for. None where it is not a whole UKI, or names none. `read` gives bytes of
/// it from an offset on, fewer where it ends before; none where what should be there is not.
///
/// # Errors
/// Those of `read`.
pub fn usrhash<E>(
    size: u64,
    read: impl Fn(u64, usize) -> Result<Option<Vec<u8>>, E>,
) -> Result<Option<RootHash>, E> {
    let Some(head) = read(0, HEAD)? else { return Ok(None) };
    let outline = outline(&head).filter(|outline| outline.end <= size);
    let Some(outline) = outline.filter(|outline| outline.cmdline_size <= CMDLINE_MAX) else {
        return Ok(None);
    };
    let Some(line) = read(outline.cmdline, outline.cmdline_size)? else { return Ok(None) };
    let line = String::from_utf8_lossy(&line);
    let value = args::words(&line).find(|(name, _)| name == args::USRHASH).and_then(|(_, value)| value);
    Ok(value.and_then(|value| value.trim_matches('\0').parse().ok()))
}
