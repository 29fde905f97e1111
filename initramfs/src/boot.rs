//! The way from the kernel to PID 1.

use std::convert::Infallible;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use event::Stage;
use layout::Guid;
use layout::args::INITRAMFS_START_ENV;
use layout::path::{INIT, OS_RELEASE, SYSROOT};
use sys::machine::{End, monotonic};
use sys::mount::{Mount, MountFlags, bind, detach, move_mount};
use sys::switch_root::switch_root;

use crate::arguments::{self, Arguments, RootSource, UsrSource};
use crate::attempts::Counted;
use crate::partitions::BootDisk;
use crate::plan::Boot;
use crate::provisioning::{self, Provisioning};
use crate::{attempts, disks, firmware, kernel_log, read_ahead, root, usr};

/// Where the verified `/usr` is until ROOT is there: at its own place, so that its programs run.
const USR: &str = "/usr";
const COMMAND_LINE: &str = "/proc/cmdline";
const PANIC: &str = "/proc/sys/kernel/panic";
/// Seconds until a panicked kernel reboots, where the kernel arguments do not say.
const PANIC_TIMEOUT: &str = "10";

/// What stage 1 is at, for the report of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// The kernel's own file systems.
    Begin,
    /// Reading what the kernel and the firmware say.
    Ask,
    /// Finding disk and slot.
    Find,
    /// The partition table.
    Partition,
    /// The verified `/usr`.
    Usr,
    /// ROOT.
    Root,
    /// The first boot's part before ROOT's files.
    Disks,
    /// The overlay of `/etc`.
    Etc,
    /// The first boot's files.
    Files,
    /// What is left of looking at disks.
    Silent,
    /// Becoming PID 1.
    Leave,
}

static STEP: AtomicU8 = AtomicU8::new(Step::Begin as u8);

impl Step {
    const ALL: [Self; 11] = [
        Self::Begin,
        Self::Ask,
        Self::Find,
        Self::Partition,
        Self::Usr,
        Self::Root,
        Self::Disks,
        Self::Etc,
        Self::Files,
        Self::Silent,
        Self::Leave,
    ];

    /// The step that was begun last.
    pub fn current() -> Self {
        Self::ALL[usize::from(STEP.load(Ordering::Relaxed))]
    }

    fn begin(self) {
        STEP.store(self as u8, Ordering::Relaxed);
    }

    /// How long it may take before that is a fault. Checking a large ROOT takes long.
    pub fn limit(self) -> Duration {
        match self {
            Self::Root => Duration::from_secs(4 * 3600),
            // The longest patience, and disks that do not answer at once.
            Self::Find => Duration::from_secs(150),
            Self::Silent => Duration::from_secs(900),
            // A server that does not answer yet is asked until it does.
            Self::Disks | Self::Files => Duration::MAX,
            _ => Duration::from_secs(120),
        }
    }

    /// Completes "stage 1 failed while ...".
    pub fn doing(self) -> &'static str {
        match self {
            Self::Begin => "mounting the kernel's file systems",
            Self::Ask => "reading the kernel arguments and the firmware's variables",
            Self::Find => "finding the boot disk and its slot",
            Self::Partition => "bringing the partition table up to date",
            Self::Root => "mounting ROOT",
            Self::Disks => "provisioning the disks",
            Self::Files => "provisioning the files",
            Self::Usr => "opening the verified /usr",
            Self::Etc => "mounting /etc",
            Self::Silent => "waiting for a disk that does not answer",
            Self::Leave => "starting PID 1",
        }
    }

    /// Where a boot stands that fails now.
    pub fn stage(self) -> Stage {
        if matches!(self, Self::Disks | Self::Files) { Stage::Provisioning } else { Stage::Initramfs }
    }

    /// What a person can do where the failure itself does not say.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::Begin | Self::Ask => "check the kernel arguments; those of an image come with its UKI",
            Self::Find | Self::Partition | Self::Silent => "check that the disk works and can be written",
            Self::Root => "check the disk; boot with root=tmpfs to look at ROOT from memory",
            Self::Disks | Self::Files => {
                "mend the config; boot with ignition.firstboot=0 to look at the machine without it"
            }
            Self::Usr | Self::Etc | Self::Leave => {
                "choose another version in the boot menu, or write the image to the disk anew"
            }
        }
    }
}

/// Boots. Returns only on failure.
pub fn run() -> Result<Infallible> {
    let start = monotonic();
    mount_kernel_file_systems()?;
    Step::Ask.begin();
    let command_line = command_line()?;
    make_panics_reboot();
    if let Err(error) = sys::random::gather_early() {
        kernel_log::alarm(&error.to_string());
    }
    for name in arguments::unknown(&command_line) {
        kernel_log::alarm(&format!("the kernel argument {name} is not known"));
    }
    let arguments = Arguments::parse(&command_line)?;
    let esp = firmware::boot_esp().unwrap_or_else(|error| {
        kernel_log::alarm(&format!(
            "the firmware does not say what was booted, and labels decide: {error:#}"
        ));
        None
    });
    for folder in [USR, SYSROOT] {
        fs::create_dir_all(folder).with_context(|| format!("make the folder {folder}"))?;
    }
    Step::Find.begin();
    let boot = disks::find(&arguments, esp).inspect_err(|_| noted_loss(&arguments, esp))?;
    disks::announce(&boot);
    Step::Partition.begin();
    let mut disk = match arguments.root {
        RootSource::Disk => BootDisk::settle(&boot.disk)?,
        RootSource::Memory => BootDisk::untouched(&boot.disk)?,
    };
    let counted = match arguments.root {
        RootSource::Disk => {
            Step::Root.begin();
            attempts::count(&boot, &disk)
        }
        RootSource::Memory => Counted::Unmounted,
    };
    Step::Usr.begin();
    usr::mount(&boot, &disk, Path::new(USR))?;
    for done in [clock_not_before_image(), read_ahead::begin()] {
        if let Err(error) = done {
            kernel_log::alarm(&format!("{error:#}"));
        }
    }
    root::link_programs()?;
    let provisioning = mount_root(&arguments, &mut disk, counted, &boot)?;
    let is_first = provisioning.is_some();
    root::fill()?;
    bind_into_root(USR)?;
    Step::Etc.begin();
    root::mount_etc()?;
    if let Some(provisioning) = provisioning {
        Step::Files.begin();
        noted(provisioning.finish())?;
    }
    Step::Silent.begin();
    disks::wait_for_silent();
    Step::Leave.begin();
    // Programs are being read ahead from it.
    detach(Path::new(USR))?;
    for path in ["/dev", "/proc", "/sys"].into_iter().chain(is_first.then_some("/run")) {
        move_into_root(path)?;
    }
    switch_root(Path::new(SYSROOT))?;
    become_init(start)
}

/// A `/usr` whose hash tree is gone from the disk is no reason to fail for ever where there is another version.
fn noted_loss(arguments: &Arguments, esp: Option<Guid>) {
    let UsrSource::Slot(wanted) = arguments.usr;
    let lost = disks::lost(arguments, esp);
    Step::Root.begin();
    let noted = lost.and_then(|disk| disk.map_or(Ok(()), |disk| attempts::count_lost(&disk, wanted)));
    // That is what failed.
    Step::Find.begin();
    if let Err(error) = noted {
        kernel_log::alarm(&format!("{error:#}"));
    }
}

/// A clock that stands before the image was built is wrong: to what is fetched from now on, no certificate would be
/// valid yet.
fn clock_not_before_image() -> Result<()> {
    let doing = || format!("look at {OS_RELEASE}");
    let built = fs::metadata(OS_RELEASE).and_then(|metadata| metadata.modified()).with_context(doing)?;
    let built = built.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(sys::machine::set_no_earlier(built)?)
}

/// Mounts ROOT, grown into what there is. On a first boot the config has its say on the disks before that: all of it.
fn mount_root(
    arguments: &Arguments,
    disk: &mut BootDisk,
    counted: Counted,
    boot: &Boot,
) -> Result<Option<Provisioning>> {
    Step::Root.begin();
    let is_on_disk = arguments.root == RootSource::Disk;
    match (is_on_disk, counted) {
        (true, Counted::Mounted) => {}
        (true, Counted::Unmounted) => root::mount_disk(disk)?,
        (true, Counted::Later) => {
            root::mount_disk(disk)?;
            attempts::count_late(boot);
        }
        (false, _) => root::mount_memory()?,
    }
    if !provisioning::is_due(arguments)? {
        if is_on_disk {
            disk.grow_root()?;
            root::grow(disk)?;
        }
        return Ok(None);
    }
    provisioning::note_begin()?;
    provisioning::mount_run()?;
    Step::Disks.begin();
    if !is_on_disk {
        return started(Provisioning::begin(&boot.disk.name)?);
    }
    root::unmount()?;
    let provisioning = Provisioning::begin(&boot.disk.name);
    Step::Root.begin();
    // Also where it failed, for that is noted there; and where the machine starts again first. But then the config may
    // still want for itself what ROOT would grow into, and a file system is not made smaller.
    let mounted = match provisioning {
        Ok(Some(_)) => disk.grow_root().and_then(|()| root::mount_disk(disk)).and_then(|()| root::grow(disk)),
        _ => disk.refresh().and_then(|()| root::mount_disk(disk)),
    };
    if provisioning.is_err() {
        Step::Disks.begin();
    }
    let provisioning = noted(provisioning)?;
    mounted.and_then(|()| started(provisioning))
}

/// What goes on with the files; the machine starts again where the kernel is to have other arguments first.
fn started(provisioning: Option<Provisioning>) -> Result<Option<Provisioning>> {
    if provisioning.is_none() {
        provisioning::note_restart();
        root::unmount()?;
        rustix::fs::sync();
        sys::machine::end(End::Restart)?;
    }
    Ok(provisioning)
}

/// Keeps why provisioning failed, for the next boot and for who looks at the disk.
fn noted<T>(result: Result<T>) -> Result<T> {
    if let Err(error) = &result {
        provisioning::note_failure(&format!("{error:#}"));
    }
    result
}

fn bind_into_root(path: &str) -> Result<()> {
    Ok(bind(Path::new(path), &root::mount_point(path)?)?)
}

fn move_into_root(path: &str) -> Result<()> {
    Ok(move_mount(Path::new(path), &root::mount_point(path)?)?)
}

/// The kernel arguments as one line.
pub fn command_line() -> Result<String> {
    fs::read_to_string(COMMAND_LINE).with_context(|| format!("read {COMMAND_LINE}"))
}

fn mount_kernel_file_systems() -> Result<()> {
    let none = MountFlags::NOSUID | MountFlags::NOEXEC;
    for (kind, target, flags, options) in [
        ("devtmpfs", "/dev", none, "mode=0755"),
        ("proc", "/proc", none | MountFlags::NODEV, ""),
        ("sysfs", "/sys", none | MountFlags::NODEV, ""),
    ] {
        fs::create_dir_all(target).with_context(|| format!("make the folder {target}"))?;
        Mount { source: Path::new(kind), kind, flags, options }.on(Path::new(target))?;
    }
    Ok(())
}

/// A panic without a reboot would leave a machine that nobody watches hanging for ever. Faults are
/// passed over: the kernel argument `panic=` is the usual way.
fn make_panics_reboot() {
    if fs::read_to_string(PANIC).is_ok_and(|timeout| timeout.trim() == "0") {
        _ = fs::write(PANIC, PANIC_TIMEOUT);
    }
}

fn become_init(start: Duration) -> Result<Infallible> {
    // The kernel makes variables of the arguments that it does not know; they are no business of
    // PID 1, which reads the command line itself.
    let terminal = std::env::var_os("TERM").unwrap_or_else(|| "linux".into());
    let error = Command::new(INIT)
        .env_clear()
        .env("TERM", terminal)
        .env(INITRAMFS_START_ENV, start.as_micros().to_string())
        .exec();
    Err(error).with_context(|| format!("start {INIT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_that_was_begun_last_is_the_current_one() {
        for step in Step::ALL {
            step.begin();
            assert_eq!(Step::current(), step);
        }
    }
}
