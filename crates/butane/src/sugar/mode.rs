//! Modes that were meant to be octal.

use ignition::Severity;
use serde_json::Value as Json;

use super::Object;
use crate::read::{Path, Reader};

/// Warns of a mode that is odd as it is and ordinary if its digits are octal: `644` for `0644`.
pub(super) fn check(reader: &mut Reader<'_>, node: &Object, path: &Path, directory: bool) {
    let Some(mode) = node.get("mode").and_then(Json::as_i64).and_then(|mode| u32::try_from(mode).ok()) else {
        return;
    };
    let Ok(octal) = u32::from_str_radix(&mode.to_string(), 8) else { return };
    if octal <= 0o7777 && !is_ordinary(mode, directory) && is_ordinary(octal, directory) {
        let message = format!("{mode} is decimal, and as a mode 0{mode:o}; was 0{octal:o} meant?");
        reader.say(Severity::Warning, &path.key("mode"), message);
    }
}

/// Whether people give such modes to files, or to directories.
fn is_ordinary(mode: u32, directory: bool) -> bool {
    const READ: u32 = 4;
    const WRITE: u32 = 2;
    const EXECUTE: u32 = 1;
    if mode == 0 {
        return true;
    }
    let (owner, group, others) = (mode >> 6 & 7, mode >> 3 & 7, mode & 7);
    let nobody_has_more_than_the_next = others & !group == 0 && group & !owner == 0;
    let who_reads_also_executes =
        |more: u32, less: u32| more & EXECUTE == 0 || less & READ == 0 || less & EXECUTE != 0;
    let all_who_have_any_read = [owner, group, others].iter().all(|class| *class == 0 || class & READ != 0);
    let ordinary = nobody_has_more_than_the_next
        && who_reads_also_executes(owner, group)
        && who_reads_also_executes(group, others)
        && all_who_have_any_read
        && owner & READ != 0;
    let special = |bits: u32| mode & bits != 0;
    ordinary
        && if directory {
            owner & EXECUTE != 0 && !special(0o4000) && (!special(0o3000) || owner & WRITE != 0)
        } else {
            !special(0o1000) && (!special(0o6000) || owner & EXECUTE != 0 && others & WRITE == 0)
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ordinary() {
        let files =
            [0, 0o400, 0o600, 0o640, 0o644, 0o664, 0o666, 0o700, 0o755, 0o4755, 0o2755, 0o555, 0o6755];
        let not_files =
            [644, 755, 600, 0o1644, 0o4644, 0o200, 0o100, 0o046, 0o740, 0o754, 0o4757, 0o604, 0o060];
        for mode in files {
            assert!(is_ordinary(mode, false), "{mode:o}");
        }
        for mode in not_files {
            assert!(!is_ordinary(mode, false), "{mode:o}");
        }
        for mode in [0, 0o700, 0o755, 0o1777, 0o2775, 0o750] {
            assert!(is_ordinary(mode, true), "{mode:o}");
        }
        for mode in [0o644, 0o4755, 0o1555, 755, 700] {
            assert!(!is_ordinary(mode, true), "{mode:o}");
        }
    }
}
