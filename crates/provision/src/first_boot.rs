//! The first boot, from the config to the mark that it is done. Stage 1 runs it: event::provisioning says how they
//! speak with each other.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

use event::provisioning::{Progress, ROOT_IS_MOUNTED};
use ignition::config::Config;
use layout::args::CONFIG_URL;
use layout::disk::ESP;
use layout::path::{IGNITION, PLATFORM, PROVISIONED, PROVISIONING};
use platform::{Guest, Machine, Platform, Record};
use sys::mount::{Mount, MountFlags, unmount};

use crate::acquire::Acquired;
use crate::device::Names;
use crate::failure::Failure;
use crate::fetcher::{Fetcher, into_file};
use crate::kernel_arguments::{self, Decision};
use crate::network::Network;
use crate::{acquire, disks, files, kernel_log, report};

/// Where the ESP is while it is written to.
const ESP_FOLDER: &str = "/run/berth/esp";

/// Provisions the machine whose boot disk has that kernel name, and whose ROOT stage 1 mounts at `root`.
pub fn run(boot_disk: &str, root: &Path) -> ExitCode {
    let network = Rc::new(RefCell::new(Network::new()));
    let done = provision(&network, boot_disk, root);
    network.borrow_mut().end();
    let (progress, code) = match done {
        Ok(progress) => (progress, ExitCode::SUCCESS),
        Err(failure) => (Progress::Failed(failure), ExitCode::FAILURE),
    };
    match say(&progress) {
        Ok(()) => code,
        Err(error) => {
            kernel_log::alarm(&format!("cannot tell stage 1 of the end: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// How it ended well.
fn provision(network: &Rc<RefCell<Network>>, boot_disk: &str, root: &Path) -> Result<Progress, Failure> {
    let command_line =
        fs::read_to_string("/proc/cmdline").map_err(|e| broken("read the kernel's arguments", &e))?;
    let mut fetcher = Fetcher::new(Rc::clone(network));
    let discs = Machine::at_first_boot();
    // Where the config is elsewhere, nothing is waited for.
    let is_elsewhere = layout::args::value(&command_line, CONFIG_URL).is_some_and(|url| !url.is_empty())
        || Path::new(IGNITION).join("user.ign").exists();
    let platform = match is_elsewhere {
        true => Platform::of_machine(&command_line, &discs),
        false => Platform::of_first_boot(&command_line, &discs, &mut kernel_log::note),
    };
    let platform = platform.map_err(|error| unknown(&error))?;
    let ask = |tell: &mut dyn FnMut(String)| {
        if platform.needs_network() {
            network.borrow_mut().bring_up()?;
        }
        let mut say = |text: &str| tell(text.to_owned());
        platform.config(&mut Guest::new(&mut say)).map_err(|error| unknown(&error))
    };
    let Acquired { config, is_own } =
        acquire::acquire(&mut fetcher, Path::new(IGNITION), &command_line, platform.id(), ask)?;
    // What the config makes of the disks is not to be taken for a disc of the platform.
    let record = discs.record(platform);
    let mut tell = |text: &str| kernel_log::alarm(text);
    let names = Names::new(Some(boot_disk));
    if new_arguments(&config, &command_line, &names)? {
        return Ok(Progress::Restart);
    }
    if let Some(storage) = &config.storage {
        let mut context = disks::Context { names: &names, tell: &mut tell };
        disks::apply(storage, &mut context, network.borrow_mut().daemons())?;
    }
    say(&Progress::Disks).map_err(|error| broken("tell stage 1 that the disks are done", &error))?;
    hear_that_root_is_mounted().map_err(|error| broken("hear that ROOT is mounted", &error))?;
    files::apply(root, &config, &names, &mut into_file(&fetcher), &mut |text| tell(&text))?;
    report::write(root, is_own).map_err(|error| {
        Failure::new("", error.to_string(), "check that the disk is not damaged, and has space")
    })?;
    mark(root, &config, &record).map_err(|error| broken("mark the machine as provisioned", &error))?;
    files::forget(root).map_err(|error| {
        Failure::new("", format!("cannot remove the notes of this run: {error:#}"), "check the disk")
    })?;
    Ok(Progress::Done)
}

/// Has the next start of the machine give the kernel the arguments that the config wants. True where it must come now.
fn new_arguments(config: &Config, command_line: &str, names: &Names) -> Result<bool, Failure> {
    if config.kernel_arguments.is_none() {
        return Ok(false);
    }
    let esp = names.find(&format!("/dev/disk/by-partlabel/{}", ESP.label)).ok_or_else(|| {
        let cause = "the boot disk has no ESP, where kernel arguments are kept";
        Failure::new(
            "$.kernelArguments",
            cause,
            "boot from a disk that has one, or leave kernelArguments out",
        )
    })?;
    let failed = |error: anyhow::Error| {
        Failure::new("$.kernelArguments", format!("{error:#}"), "check the ESP of the boot disk")
    };
    let folder = Path::new(ESP_FOLDER);
    let at = || -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        let (kind, flags) = ("vfat", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC);
        Ok(Mount { source: &esp.node, kind, flags, options: "" }.on(folder)?)
    };
    at().map_err(failed)?;
    let decided = kernel_arguments::of_addon(folder)
        .map_err(failed)
        .and_then(|addon| kernel_arguments::decide(config, command_line, &addon));
    let changed = decided.and_then(|decision| match decision {
        Decision::Nothing => Ok(false),
        Decision::Restart(arguments) => {
            kernel_log::alarm(&format!("the machine starts again, with the kernel arguments {arguments}"));
            kernel_arguments::write_addon(folder, &arguments).map_err(failed).map(|()| true)
        }
    });
    unmount(folder).map_err(|error| failed(error.into()))?;
    changed
}

fn unknown(error: &platform::Error) -> Failure {
    Failure::new("", error.to_string(), error.advice())
}

/// What comes last: from now on the machine is not provisioned again.
fn mark(root: &Path, config: &Config, record: &Record) -> io::Result<()> {
    let at = |path: &str| root.join(path.trim_start_matches('/'));
    let write = |path: &Path, text: &str| {
        let mut file = File::create(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    let path = at(PROVISIONED);
    write(&at(PLATFORM), &record.text())?;
    write(&path, &format!("{}\n", config.ignition.version))?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    match fs::remove_file(at(PROVISIONING)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn say(progress: &Progress) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(progress.line().as_bytes())?;
    out.flush()
}

fn hear_that_root_is_mounted() -> io::Result<()> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    if line == ROOT_IS_MOUNTED { Ok(()) } else { Err(io::Error::other("stage 1 has ended")) }
}

fn broken(doing: &str, error: &io::Error) -> Failure {
    Failure::new("", format!("cannot {doing}: {error}"), "boot another version of the system")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_has_the_platform_beside_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("var/lib/berth")).unwrap();
        let config: Config = serde_json::from_str(r#"{"ignition": {"version": "3.6.0"}}"#).unwrap();
        let record = Record { platform: Platform::NoCloud, uuid: Some("1A2B-3C4D".to_owned()), place: None };
        mark(root.path(), &config, &record).unwrap();
        let read = |path: &str| fs::read_to_string(root.path().join(path.trim_start_matches('/'))).unwrap();
        assert_eq!(read(PROVISIONED), "3.6.0\n");
        assert_eq!(Record::parse(&read(PLATFORM)), Some(record));
    }
}
