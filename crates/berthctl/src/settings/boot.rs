//! What a starting system does for its settings, in one process: users first, then files.

use anyhow::{Result, bail};
use settings_apply::{Root, boot, host};

use super::{BAD_LINES, CANNOT_CREATE, mask_nothing, sysusers, tell};
use crate::arguments;

const USAGE: &str = "\
usage: berthctl settings

Makes the users and groups of sysusers.d(5), and then the files and folders of tmpfiles.d(5), as
systemd-tmpfiles-setup.service. While the system starts, what tmpfiles.d(5) says is to go is removed, too.";

/// Runs `berthctl settings`.
///
/// # Errors
/// The arguments make no sense, or accounts cannot be written.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let Some(parsed) = arguments::read(arguments, &[], USAGE)? else {
        return Ok(0);
    };
    if let [word, ..] = parsed.words.as_slice() {
        bail!("unexpected argument {word}");
    }
    let root = Root::system()?;
    let specifiers = host::specifiers(&root);
    let (config, faults) = boot::accounts(&root, &specifiers, &mut tell);
    let mut has_bad_lines = super::tell_all(&faults);
    let has_accounts = sysusers::make(&root, &config, false)?;
    let is_first = boot::is_first_run(&root);
    let (plan, faults) = boot::files(&root, &specifiers, is_first, &mut tell);
    has_bad_lines |= super::tell_all(&faults);
    mask_nothing();
    let is_well = boot::run(&root, &plan, is_first, &mut tell);
    boot::note_run(&root)?;
    Ok(match (has_accounts && !has_bad_lines, is_well) {
        (false, _) => BAD_LINES,
        (true, false) => CANNOT_CREATE,
        (true, true) => 0,
    })
}
