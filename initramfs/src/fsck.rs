//! Mending ROOT after a power cut, by e2fsck(8) of the verified `/usr`.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use layout::disk::ROOT;
use layout::path::E2FSCK;

use crate::kernel_log;
use crate::plan::Failure;

/// Exit codes, a sum of these (e2fsck(8)): errors were corrected; and the file system must not have
/// been in use, which it is not.
const CORRECTED: i32 = 1 | 2;

/// Replays the journal of the ext4 on `device`, and mends what can be mended without asking.
///
/// # Errors
/// Where more is needed, with what e2fsck says.
pub fn mend(device: &Path) -> Result<()> {
    kernel_log::note(&format!("{} was not left clean: checking it", device.display()));
    let mut command = Command::new(E2FSCK);
    let output = command.arg("-p").arg(device).output().with_context(|| format!("run {E2FSCK}"))?;
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    for line in text.lines() {
        kernel_log::note(line);
    }
    judge(&output, text.trim(), device)
}

fn judge(output: &Output, text: &str, device: &Path) -> Result<()> {
    if output.status.code().is_some_and(|code| code & !CORRECTED == 0) {
        return Ok(());
    }
    Err(Failure {
        cause: format!("e2fsck cannot mend {} ({}), {}: {text}", device.display(), ROOT.label, output.status),
        next_step: format!(
            "boot with root=tmpfs and berth.shell=ttyS0, and run `e2fsck {}` there",
            device.display()
        ),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    #[test]
    fn what_is_mended_is_mounted_and_what_is_not_is_told() {
        for (status, mended) in
            [(0, true), (1, true), (2, true), (3, true), (4, false), (5, false), (8, false)]
        {
            let output = Output { status: ExitStatus::from_raw(status << 8), stdout: vec![], stderr: vec![] };
            let result = judge(&output, "ROOT: UNEXPECTED INCONSISTENCY", Path::new("/dev/vda7"));
            assert_eq!(result.is_ok(), mended, "{status}");
            if let Err(error) = result {
                let cause = error.to_string();
                assert!(cause.contains("/dev/vda7") && cause.contains("INCONSISTENCY"), "{cause}");
            }
        }
        let killed = Output { status: ExitStatus::from_raw(9), stdout: vec![], stderr: vec![] };
        assert!(judge(&killed, "", Path::new("/dev/vda7")).is_err());
    }
}
