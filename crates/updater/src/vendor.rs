//! What the image's `/etc` holds is remembered, a version after the other: `berthctl etc diff` tells by it which files
//! the image has changed under the machine's own.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use etc_layers::{Era, Eras, Node, newest_version};
use layout::path::ETC_ERAS;
use manifest::Version;
use observe::Root;

use crate::boot;

/// How much of the record its first line is within, in bytes.
const FIRST_LINE: u64 = 128;

/// Notes that this version's time has begun, where that is not noted yet.
///
/// # Errors
/// The image's files cannot be read, or the record not be written.
pub fn note(version: &Version) -> Result<()> {
    let version = version.to_string();
    let mut begin = Vec::new();
    _ = File::open(ETC_ERAS).and_then(|file| file.take(FIRST_LINE).read_to_end(&mut begin));
    if newest_version(&String::from_utf8_lossy(&begin)) == Some(version.as_str()) {
        return Ok(());
    }
    let nodes = observe::etc::lower(&Root::of_machine()).context("look at the image's /etc")?;
    let content = |(path, node)| match node {
        Node::Content { digest, .. } => Some((path, digest)),
        Node::Folder => None,
    };
    let era = Era { version, since: boot::now(), files: nodes.into_iter().filter_map(content).collect() };
    let mut eras = Eras::parse(&fs::read_to_string(ETC_ERAS).unwrap_or_default());
    eras.begin(era);
    Ok(sys::file::replace_synced(Path::new(ETC_ERAS), eras.encode().as_bytes(), 0o644)?)
}
