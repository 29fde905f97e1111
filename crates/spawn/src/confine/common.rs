//! What the processes of a service have in common, and those of the services that join it
//! (`JoinsNamespaceOf=`): folders in place of `/tmp` and `/var/tmp` (`PrivateTmp=`), a network
//! (`PrivateNetwork=`), queues and shared memory (`PrivateIPC=`).

use std::fs::{self, DirBuilder, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use litemap::LiteMap;
use sys::confine::{Namespaces, make};
use unit::UnitName;
use unit::service::config::{ExecList, Service};
use unit::service::sandbox::PrivateTmp;

use crate::removal;

/// What is replaced.
pub const SHARED: [&str; 2] = ["/tmp", "/var/tmp"];
/// Permissions of a folder for everybody's temporary files.
const STICKY: u32 = 0o1777;

/// What some services have in common.
#[derive(Debug, Default)]
pub struct Common {
    /// In the order of [`SHARED`].
    pub folders: Vec<PathBuf>,
    network: Option<OwnedFd>,
    ipc: Option<OwnedFd>,
}

impl Common {
    /// A path that leads a copy of this process to the network.
    pub fn network(&self) -> Option<PathBuf> {
        self.network.as_ref().map(own_path)
    }

    /// A path that leads a copy of this process to the queues and the shared memory.
    pub fn ipc(&self) -> Option<PathBuf> {
        self.ipc.as_ref().map(own_path)
    }
}

fn own_path(fd: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

/// A service that another one joins.
pub struct Joined {
    /// Its unit.
    pub unit: UnitName,
    /// One of its processes, where it has a network of its own.
    pub in_network: Option<i32>,
    /// The same of its queues and shared memory.
    pub in_ipc: Option<i32>,
}

/// What services that run have in common.
#[derive(Default)]
pub struct InCommon {
    /// The number of what each has.
    of: LiteMap<UnitName, u64>,
    all: LiteMap<u64, Common>,
    last: u64,
    nothing: Common,
}

impl InCommon {
    /// What a process of a service shares with others: made where nobody has it yet.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn of(&mut self, unit: &UnitName, service: &Service, joins: &[Joined]) -> Result<&Common> {
        let sandbox = &service.exec.sandbox;
        let has_folders = sandbox.private_tmp == PrivateTmp::Yes;
        // What only one process is ever in, that process makes.
        let is_shared = !joins.is_empty() || commands(service) > 1;
        let has_network = sandbox.private_network && sandbox.network_namespace.is_none() && is_shared;
        let has_ipc = sandbox.private_ipc && sandbox.ipc_namespace.is_none() && is_shared;
        if !(has_folders || has_network || has_ipc) {
            return Ok(&self.nothing);
        }
        let known = self.of.get(unit).or_else(|| joins.iter().find_map(|joined| self.of.get(&joined.unit)));
        let number = known.copied().unwrap_or(self.last + 1);
        self.last = self.last.max(number);
        self.of.insert(unit.clone(), number);
        let common = self.all.entry(number).or_default();
        if has_folders && common.folders.is_empty() {
            common.folders =
                SHARED.iter().map(|shared| make_folder(Path::new(shared), unit)).collect::<Result<_>>()?;
        }
        if has_network && common.network.is_none() {
            common.network =
                joins.iter().filter_map(|joined| joined.in_network).find_map(|pid| own(pid, "net"));
        }
        if has_ipc && common.ipc.is_none() {
            common.ipc = joins.iter().filter_map(|joined| joined.in_ipc).find_map(|pid| own(pid, "ipc"));
        }
        let network = has_network && common.network.is_none();
        let ipc = has_ipc && common.ipc.is_none();
        if network || ipc {
            let made = make(Namespaces { network, ipc, ..Namespaces::default() });
            let made = made.context("cannot make namespaces of its own")?;
            common.network = common.network.take().or(made.network);
            common.ipc = common.ipc.take().or(made.ipc);
        }
        Ok(common)
    }

    /// A service has ended: what nobody has any more goes, the folders with what is in them.
    pub fn release(&mut self, unit: &UnitName) {
        let Some(number) = self.of.remove(unit) else { return };
        if self.of.values().any(|other| *other == number) {
            return;
        }
        for folder in self.all.remove(&number).into_iter().flat_map(|common| common.folders) {
            // What is shown to the service is inside one that only root can enter.
            if let Some(parent) = folder.parent() {
                _ = removal::remove_path(parent);
            }
        }
    }
}

/// How many processes of a service there may be one after the other.
fn commands(service: &Service) -> usize {
    ExecList::ALL.iter().map(|list| service.commands.list(*list).len()).sum()
}

/// The namespace of a process, where that is not the one of PID 1.
fn own(pid: i32, kind: &str) -> Option<OwnedFd> {
    let file = File::open(format!("/proc/{pid}/ns/{kind}")).ok()?;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let is_ours = id(file.metadata().ok()?) == id(fs::metadata(format!("/proc/self/ns/{kind}")).ok()?);
    (!is_ours).then(|| file.into())
}

/// Makes a folder whose name nobody can know beforehand, and inside it the one that is shown.
fn make_folder(shared: &Path, unit: &UnitName) -> Result<PathBuf> {
    let random = sys::random::name_16()?;
    let random: String = random.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let outer = shared.join(format!("berth-private-{unit}-{random}"));
    let doing = || format!("cannot make {}", outer.display());
    DirBuilder::new().mode(0o700).create(&outer).with_context(doing)?;
    let inner = outer.join("tmp");
    fs::create_dir(&inner).with_context(doing)?;
    fs::set_permissions(&inner, fs::Permissions::from_mode(STICKY)).with_context(doing)?;
    Ok(inner)
}
