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
use layout::args::{PLATFORM_ID, words};
use layout::path::{IGNITION, PROVISIONED, PROVISIONING};
use platform::{Guest, Platform};

use crate::device::Names;
use crate::failure::Failure;
use crate::fetcher::{Fetcher, into_file};
use crate::network::Network;
use crate::{acquire, disks, files, kernel_log};

/// Provisions the machine whose boot disk has that kernel name, and whose ROOT stage 1 mounts at `root`.
pub fn run(boot_disk: &str, root: &Path) -> ExitCode {
    let network = Rc::new(RefCell::new(Network::new()));
    let done = provision(&network, boot_disk, root);
    network.borrow_mut().end();
    let (progress, code) = match done {
        Ok(reboot) => (Progress::Done { reboot }, ExitCode::SUCCESS),
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

/// True where the machine is to start again.
fn provision(network: &Rc<RefCell<Network>>, boot_disk: &str, root: &Path) -> Result<bool, Failure> {
    let command_line =
        fs::read_to_string("/proc/cmdline").map_err(|e| broken("read the kernel's arguments", &e))?;
    let mut fetcher = Fetcher::new(Rc::clone(network));
    let platform = platform(&command_line)?;
    let ask = |tell: &mut dyn FnMut(String)| {
        if platform.needs_network() {
            network.borrow_mut().bring_up()?;
        }
        let mut say = |text: &str| tell(text.to_owned());
        platform.config(&mut Guest::new(&mut say)).map_err(|error| unknown(&error))
    };
    let config = acquire::acquire(&mut fetcher, Path::new(IGNITION), &command_line, platform.id(), ask)?;
    let mut tell = |text: &str| kernel_log::alarm(text);
    if let Some(storage) = &config.storage {
        let names = Names::new(Some(boot_disk));
        let mut context = disks::Context { names: &names, tell: &mut tell };
        disks::apply(storage, &mut context, network.borrow_mut().daemons())?;
    }
    say(&Progress::Disks).map_err(|error| broken("tell stage 1 that the disks are done", &error))?;
    hear_that_root_is_mounted().map_err(|error| broken("hear that ROOT is mounted", &error))?;
    files::apply(root, &config, &mut into_file(&mut fetcher), &mut |text| tell(&text))?;
    mark(root, &config).map_err(|error| broken("mark the machine as provisioned", &error))?;
    Ok(false)
}

fn platform(command_line: &str) -> Result<Platform, Failure> {
    let named =
        words(command_line).filter(|(name, _)| name == PLATFORM_ID).filter_map(|(_, id)| id).next_back();
    match named {
        Some(id) => Platform::from_id(&id).map_err(|error| unknown(&error)),
        None => Ok(platform::detect(Path::new("/"), &platform::Machine)),
    }
}

fn unknown(error: &platform::Error) -> Failure {
    Failure::new("", error.to_string(), error.advice())
}

/// What comes last: from now on the machine is not provisioned again.
fn mark(root: &Path, config: &Config) -> io::Result<()> {
    let at = |path: &str| root.join(path.trim_start_matches('/'));
    let path = at(PROVISIONED);
    let mut file = File::create(&path)?;
    writeln!(file, "{}", config.ignition.version)?;
    file.sync_all()?;
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
