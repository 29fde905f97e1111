//! The schema of what Berth keeps on ROOT: one number, for all of it.
//!
//! A release reads what releases before it wrote, and may write what those cannot read only once it is bound to: its
//! first blessed boot raises the number. One that meets a higher number, since somebody went back to it, boots all the
//! same, says so, and leaves the number as it is. What it cannot read it takes for absent.

use std::fs;
use std::path::Path;

use anyhow::Result;
use layout::path::{SCHEMA, STATE_SCHEMA};

/// What is to become of the number.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// It is this release's.
    Keep,
    /// It becomes this release's.
    Raise,
    /// It is a newer release's.
    Newer(u32),
}

fn decide(found: Option<u32>, own: u32) -> Decision {
    match found {
        Some(found) if found > own => Decision::Newer(found),
        Some(found) if found == own => Decision::Keep,
        _ => Decision::Raise,
    }
}

/// Sees to the number; this boot is good.
///
/// # Errors
/// It cannot be written.
pub fn settle() -> Result<()> {
    // A number that is none counts as none: what it says of is read with the same doubts in any case.
    let found = fs::read_to_string(SCHEMA).ok().and_then(|text| text.trim().parse().ok());
    match decide(found, STATE_SCHEMA) {
        Decision::Keep => {}
        Decision::Raise => {
            sys::file::replace_synced(Path::new(SCHEMA), format!("{STATE_SCHEMA}\n").as_bytes(), 0o644)?;
        }
        Decision::Newer(found) => eprintln!(
            "a newer version has written on this machine (schema {found} of {SCHEMA}, this version knows \
             {STATE_SCHEMA}): what this version cannot read of it is taken for absent; update again"
        ),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_rises_and_never_falls() {
        for (found, own, expected) in [
            (None, 1, Decision::Raise),
            (Some(1), 1, Decision::Keep),
            (Some(1), 2, Decision::Raise),
            (Some(3), 2, Decision::Newer(3)),
        ] {
            assert_eq!(decide(found, own), expected);
        }
    }
}
