//! The first boot: what ROOT says of it, and the program of the verified `/usr` that does it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use event::provisioning::{Progress, ROOT_IS_MOUNTED};
use layout::args::FIRST_BOOT;
use layout::path::{
    ETC_UPPER, IGNITION_RESULT, PLATFORM, PROVISION, PROVISIONED, PROVISIONING, RUN_OPTIONS, STATE, SYSROOT,
};
use sys::mount::{Mount, MountFlags};

use crate::arguments::Arguments;
use crate::kernel_log;
use crate::plan::{self, Failure, Traces, Unmarked};
use crate::root::in_sysroot;

/// What stands in the note of a first boot that was to start again.
const RESTART: &str = "restart";

/// Whether this boot is to make a machine of the image. ROOT is mounted.
///
/// # Errors
/// ROOT cannot be read: what cannot be told apart from a first boot must not become one.
pub fn is_due(arguments: &Arguments) -> Result<bool> {
    if is_there(PROVISIONED)? {
        return Ok(false);
    }
    let report = format!("{ETC_UPPER}{}", IGNITION_RESULT.trim_start_matches("/etc"));
    let finished = is_there(PLATFORM)? || is_there(&report)?;
    let unmarked = plan::unmarked(arguments, Traces { begun: is_there(PROVISIONING)?, finished });
    if unmarked == Unmarked::Lost {
        kernel_log::alarm(&format!(
            "{PROVISIONED} is gone from a machine that was provisioned: it stays as it is. To provision it again, which \
             may wipe disks, boot with {FIRST_BOOT}=1"
        ));
    }
    Ok(unmarked == Unmarked::First)
}

fn is_there(path: &str) -> Result<bool> {
    let path = in_sysroot(path);
    path.try_exists().with_context(|| format!("look for {}", path.display()))
}

/// Notes on ROOT that a first boot has begun, so that the next one knows of it if this one breaks off, and says what
/// became of the one before.
pub fn note_begin() -> Result<()> {
    let before = fs::read_to_string(in_sysroot(PROVISIONING)).ok();
    if let Some(cause) = before.filter(|cause| cause != RESTART) {
        let cause = if cause.is_empty() { "the machine went off meanwhile" } else { &cause };
        kernel_log::alarm(&format!(
            "the last try to provision this machine broke off: {cause}; trying again"
        ));
    }
    keep("")
}

/// Keeps that the machine starts again because a config wants it so.
pub fn note_restart() {
    _ = keep(RESTART);
}

/// Keeps why provisioning failed. ROOT need not be there.
pub fn note_failure(cause: &str) {
    _ = keep(cause);
}

fn keep(text: &str) -> Result<()> {
    let path = in_sysroot(PROVISIONING);
    fs::create_dir_all(in_sysroot(STATE))
        .and_then(|()| fs::write(&path, text))
        .with_context(|| format!("write {}", path.display()))
}

/// Mounts a /run, which goes over to the running system: what was learned of the network is in it.
pub fn mount_run() -> Result<()> {
    let run = Path::new("/run");
    fs::create_dir_all(run).context("make the folder /run")?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    Ok(Mount { source: Path::new("tmpfs"), kind: "tmpfs", flags, options: RUN_OPTIONS }.on(run)?)
}

/// The program, while it runs.
#[derive(Debug)]
pub struct Provisioning {
    program: Child,
    said: BufReader<ChildStdout>,
    told: ChildStdin,
}

impl Provisioning {
    /// Starts it, and waits until the disks are as the config wants them; None where the machine is to start again
    /// first. `boot_disk` is the kernel name of the disk that was booted from.
    pub fn begin(boot_disk: &str) -> Result<Option<Self>> {
        let mut command = Command::new(PROVISION);
        command.args(["first-boot", "--boot-disk", boot_disk, "--root", SYSROOT]);
        let mut program = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("run {PROVISION}"))?;
        let (Some(told), Some(said)) = (program.stdin.take(), program.stdout.take()) else {
            bail!("{PROVISION} has no standard streams");
        };
        let mut provisioning = Self { program, said: BufReader::new(said), told };
        match provisioning.next()? {
            Progress::Disks => Ok(Some(provisioning)),
            Progress::Restart => Ok(None),
            other => bail!("{PROVISION} said {other:?} instead of doing the disks"),
        }
    }

    /// Says that ROOT is mounted, and waits for the end.
    pub fn finish(mut self) -> Result<()> {
        self.told
            .write_all(ROOT_IS_MOUNTED.as_bytes())
            .with_context(|| format!("tell {PROVISION} that ROOT is mounted"))?;
        match self.next()? {
            Progress::Done => {}
            other => bail!("{PROVISION} said {other:?} instead of ending"),
        }
        let status = self.program.wait().with_context(|| format!("wait for {PROVISION}"))?;
        if !status.success() {
            bail!("{PROVISION} ended with {status}");
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Progress> {
        let mut line = String::new();
        self.said.read_line(&mut line).with_context(|| format!("hear what {PROVISION} says"))?;
        match Progress::read(&line) {
            Some(Progress::Failed(cause)) => {
                Err(Failure { cause: cause.whole_cause(), next_step: cause.next_step }.into())
            }
            Some(progress) => Ok(progress),
            None if line.is_empty() => {
                let status = self.program.wait().with_context(|| format!("wait for {PROVISION}"))?;
                bail!("{PROVISION} ended with {status}, and said nothing of why")
            }
            None => bail!("{PROVISION} said {line:?}"),
        }
    }
}
