//! User data that were compressed to fit.

use std::io::Read;

use crate::{Error, Result};

/// The most bytes that come out.
const MOST: u64 = 64 << 20;

/// What gzip packed.
pub(crate) fn gzip(place: &str, packed: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(packed).take(MOST + 1);
    reader
        .read_to_end(&mut bytes)
        .map_err(|fault| Error::garbage(place, format!("it is not gzip: {fault}")))?;
    if bytes.len() as u64 > MOST {
        return Err(Error::garbage(place, format!("it has more than {MOST} bytes decompressed")));
    }
    Ok(bytes)
}

/// The same where it was, else the bytes as they are.
pub(crate) fn if_packed(place: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
    if bytes.starts_with(&[0x1f, 0x8b]) { gzip(place, &bytes) } else { Ok(bytes) }
}
