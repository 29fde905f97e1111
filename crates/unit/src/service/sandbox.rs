//! What a service is kept from (systemd.exec(5): "Sandboxing", "Capabilities", "System Call
//! Filtering"; systemd.resource-control(5): devices and addresses). What it means for the file system
//! that a service sees is in [`paths`].

pub mod paths;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub use paths::{access, may_execute};

/// `ProtectSystem=`: which parts of the system are read-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub enum ProtectSystem {
    /// None.
    #[default]
    No,
    /// `/usr` and where the system boots from.
    Yes,
    /// `/etc` too.
    Full,
    /// Everything but `/dev`, `/proc` and `/sys`.
    Strict,
}

/// `ProtectHome=`: what becomes of people's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProtectHome {
    /// They are as they are.
    #[default]
    No,
    /// They cannot be reached.
    Yes,
    /// They are read-only.
    ReadOnly,
    /// There are none to be seen.
    Tmpfs,
}

/// `PrivateTmp=`: whose the folders for temporary files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrivateTmp {
    /// Everybody's.
    #[default]
    No,
    /// Its own, kept in the shared ones where only root looks.
    Yes,
    /// Its own, in memory, of each of its processes.
    Disconnected,
}

/// `PrivateUsers=`: which users there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrivateUsers {
    /// All.
    #[default]
    No,
    /// Root and its own.
    Own,
    /// The first 65536, without power over the system.
    Identity,
}

/// `ProtectControlGroups=`: what becomes of the control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProtectControlGroups {
    /// They are as they are.
    #[default]
    No,
    /// They are read-only.
    Yes,
    /// It sees those below its own.
    Private,
    /// Both.
    Strict,
}

/// `KeyringMode=`: which keys the kernel keeps for it (session-keyring(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keyring {
    /// A session keyring of its own.
    #[default]
    Private,
    /// PID 1's.
    Inherit,
    /// Its own, with that of its user in it.
    Shared,
}

/// `MountFlags=`: whether mounts go on from its view to those that its own processes make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Propagation {
    /// They do.
    #[default]
    Shared,
    /// They come in, and do not go on.
    Slave,
    /// They do not come in.
    Private,
}

/// Addresses that share their first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// The address.
    pub address: IpAddr,
    /// How many of its bits count.
    pub length: u8,
}

/// `ProtectProc=`: which processes of others are seen in `/proc`; the words of proc(5)'s `hidepid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the values of ProtectProc=")]
pub enum ProtectProc {
    #[default]
    Default,
    NoAccess,
    Invisible,
    Ptraceable,
}

impl ProtectProc {
    /// The word for the mount option `hidepid=`; none where nothing is hidden.
    pub fn hidepid(self) -> Option<&'static str> {
        match self {
            ProtectProc::Default => None,
            ProtectProc::NoAccess => Some("noaccess"),
            ProtectProc::Invisible => Some("invisible"),
            ProtectProc::Ptraceable => Some("ptraceable"),
        }
    }
}

/// How a path may be used. Of two rules that speak of a path, the one for the longer path decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// As it is.
    Writable,
    /// Read-only.
    ReadOnly,
    /// Not at all.
    Inaccessible,
}

/// What holds for a path and what is below it: how it may be used ([`Access`]), or whether programs
/// may be executed (a boolean).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule<T> {
    /// The path, absolute.
    pub path: String,
    /// What holds.
    pub effect: T,
    /// `-`: the path may be missing.
    pub optional: bool,
}

/// `BindPaths=`, `BindReadOnlyPaths=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// What is shown.
    pub source: String,
    /// Where.
    pub target: String,
    /// Whether it is read-only there.
    pub read_only: bool,
    /// `-`: the source may be missing.
    pub optional: bool,
    /// Whether what is mounted below the source is shown too.
    pub recursive: bool,
}

/// An allow-list, or what is denied of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter<T: Ord> {
    /// Only these.
    Allow(BTreeSet<T>),
    /// All but these.
    Deny(BTreeSet<T>),
}

/// What happens at a system call that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denial {
    /// The process is killed.
    Kill,
    /// The call fails with this error.
    Errno(u16),
}

/// `SystemCallFilter=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemCalls {
    /// Whether what is named is allowed; else it is denied.
    pub is_allow_list: bool,
    /// What is named.
    pub named: CallSet,
    /// How some of what is named is denied, also in an allow-list.
    pub denials: BTreeMap<u32, Denial>,
}

impl SystemCalls {
    /// Whether a call is allowed.
    pub fn allows(&self, number: u32) -> bool {
        self.named.contains(number) == self.is_allow_list && !self.denials.contains_key(&number)
    }
}

/// System calls, a bit each: a filter names hundreds, and every service may have one.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct CallSet([u64; 8]);

impl CallSet {
    /// One more than the highest number that it holds.
    pub const END: u32 = 512;

    /// Adds or removes a call.
    pub fn set(&mut self, number: u32, is_member: bool) {
        if let Some(word) = self.0.get_mut((number / 64) as usize) {
            let bit = 1 << (number % 64);
            *word = if is_member { *word | bit } else { *word & !bit };
        }
    }

    /// Whether a call is in it.
    pub fn contains(&self, number: u32) -> bool {
        self.0.get((number / 64) as usize).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// The calls in it, in order.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        (0..Self::END).filter(move |number| self.contains(*number))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == CallSet::default()
    }
}

impl std::fmt::Debug for CallSet {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// What a service is kept from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the fields are named after their directives")]
pub struct Sandbox {
    pub private_tmp: PrivateTmp,
    pub private_devices: bool,
    pub private_network: bool,
    pub private_ipc: bool,
    pub private_pids: bool,
    /// None where nothing is said of it.
    pub private_mounts: Option<bool>,
    /// `NetworkNamespacePath=`.
    pub network_namespace: Option<String>,
    /// `IPCNamespacePath=`.
    pub ipc_namespace: Option<String>,
    /// `MountFlags=`.
    pub propagation: Propagation,
    pub protect_system: ProtectSystem,
    pub protect_home: ProtectHome,
    pub protect_proc: ProtectProc,
    /// `ProcSubset=pid`.
    pub proc_subset_pid: bool,
    pub protect_kernel_tunables: bool,
    pub protect_kernel_modules: bool,
    pub protect_kernel_logs: bool,
    pub protect_control_groups: ProtectControlGroups,
    pub protect_clock: bool,
    pub protect_hostname: bool,
    /// `ReadOnlyPaths=`, `ReadWritePaths=`, `InaccessiblePaths=`.
    pub paths: Vec<Rule<Access>>,
    pub binds: Vec<Bind>,
    /// `TemporaryFileSystem=`: path and mount options.
    pub temporary: Vec<(String, String)>,
    /// `CapabilityBoundingSet=`, a bit each; none for all.
    pub bounding: Option<u64>,
    /// `AmbientCapabilities=`, a bit each.
    pub ambient: u64,
    /// `SecureBits=`, as prctl(2) takes them.
    pub secure_bits: u32,
    pub keyring: Keyring,
    /// `RestrictAddressFamilies=`: `AF_` numbers.
    pub address_families: Option<Filter<u32>>,
    /// `RestrictNamespaces=`: the `CLONE_NEW` bits that are denied.
    pub denied_namespaces: u64,
    pub restrict_realtime: bool,
    pub restrict_suid_sgid: bool,
    pub lock_personality: bool,
    pub memory_deny_write_execute: bool,
    pub system_calls: Option<SystemCalls>,
    /// `SystemCallErrorNumber=`: what happens where the filter says nothing itself.
    pub denial: Option<Denial>,
    /// `SystemCallArchitectures=native`.
    pub native_only: bool,
    /// Whether it names other architectures.
    pub other_architectures: bool,
    /// `SystemCallLog=`: by number.
    pub logged_calls: Option<Filter<u32>>,
    pub private_users: PrivateUsers,
    pub remove_ipc: bool,
    /// `NoExecPaths=` and `ExecPaths=`.
    pub exec_paths: Vec<Rule<bool>>,
    pub device_policy: DevicePolicy,
    /// `DeviceAllow=`.
    pub devices: Vec<DeviceRule>,
    /// `IPAddressAllow=`: these hold against those that are denied.
    pub allowed_addresses: Vec<Prefix>,
    /// `IPAddressDeny=`.
    pub denied_addresses: Vec<Prefix>,
}

/// `DevicePolicy=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DevicePolicy {
    /// All devices, unless some are named.
    #[default]
    Auto,
    /// Those of every program, and those named.
    Closed,
    /// Those named.
    Strict,
}

/// A device, or a group of devices, that a service may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRule {
    /// Which.
    pub which: DeviceName,
    /// Bits: 1 to make nodes, 2 to read, 4 to write.
    pub access: u32,
}

/// How a device is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceName {
    /// By the path of its node.
    Path(String),
    /// Block devices by the name of their driver in /proc/devices, a pattern.
    Block(String),
    /// Character devices, likewise.
    Char(String),
}

/// Capabilities by number (capabilities(7)) that settings take away.
const MKNOD: u32 = 27;
const SYS_RAWIO: u32 = 17;
const SYS_MODULE: u32 = 16;
const SYSLOG: u32 = 34;
const SYS_TIME: u32 = 25;
const WAKE_ALARM: u32 = 35;

/// The driver of real-time clocks, in /proc/devices, and the bit to read.
const CLOCKS: &str = "rtc";
const READ: u32 = 2;

impl Sandbox {
    /// Whether the service sees a file system of its own.
    pub fn wants_mounts(&self) -> bool {
        let network = self.private_network || self.network_namespace.is_some();
        self.private_mounts == Some(true)
            || (network && self.private_mounts.is_none())
            || self.private_tmp != PrivateTmp::No
            || self.private_devices
            || self.private_ipc
            || self.ipc_namespace.is_some()
            || self.private_pids
            || self.propagation != Propagation::Shared
            || self.protect_system != ProtectSystem::No
            || self.protect_home != ProtectHome::No
            || self.hides_processes()
            || self.protect_kernel_tunables
            || self.protect_kernel_modules
            || self.protect_kernel_logs
            || self.protect_control_groups != ProtectControlGroups::No
            || !self.paths.is_empty()
            || !self.binds.is_empty()
            || !self.temporary.is_empty()
            || !self.exec_paths.is_empty()
    }

    /// Which devices it may use, beside those that it names.
    pub fn device_policy(&self) -> DevicePolicy {
        match self.device_policy {
            DevicePolicy::Auto if self.private_devices => DevicePolicy::Closed,
            policy => policy,
        }
    }

    /// Whether it may use only some devices.
    pub fn limits_devices(&self) -> bool {
        self.device_policy() != DevicePolicy::Auto || !self.devices.is_empty()
    }

    /// The devices that it names. A clock that it may not set may be read.
    pub fn device_rules(&self) -> Vec<DeviceRule> {
        let clock = DeviceRule { which: DeviceName::Char(CLOCKS.to_owned()), access: READ };
        self.devices.iter().cloned().chain(self.protect_clock.then_some(clock)).collect()
    }

    /// Whether it gets a `/proc` of its own.
    pub fn hides_processes(&self) -> bool {
        self.protect_proc != ProtectProc::Default || self.proc_subset_pid
    }

    /// The capabilities that it may ever have, a bit each; none where none is taken away.
    pub fn bounding_set(&self) -> Option<u64> {
        let taken: u64 = [
            (self.private_devices, [MKNOD, SYS_RAWIO].as_slice()),
            (self.protect_kernel_modules, &[SYS_MODULE]),
            (self.protect_kernel_logs, &[SYSLOG]),
            (self.protect_clock, &[SYS_TIME, WAKE_ALARM]),
        ]
        .into_iter()
        .filter(|(asked, _)| *asked)
        .flat_map(|(_, numbers)| numbers)
        .map(|number| 1 << number)
        .sum();
        match (self.bounding, taken) {
            (None, 0) => None,
            (bounding, taken) => Some(bounding.unwrap_or(u64::MAX) & !taken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_take_capabilities_away() {
        let has = |sandbox: &Sandbox, number: u32| sandbox.bounding_set().map(|set| set & (1 << number) != 0);
        assert_eq!(Sandbox::default().bounding_set(), None);
        let modules = Sandbox { protect_kernel_modules: true, ..Sandbox::default() };
        assert_eq!((has(&modules, SYS_MODULE), has(&modules, MKNOD)), (Some(false), Some(true)));
        let both = Sandbox { bounding: Some(1 << SYS_TIME | 1), protect_clock: true, ..Sandbox::default() };
        assert_eq!(both.bounding_set(), Some(1));
    }

    #[test]
    fn a_sandbox_that_closes_dev_closes_the_devices() {
        let private = Sandbox { private_devices: true, protect_clock: true, ..Sandbox::default() };
        assert!(private.limits_devices());
        assert_eq!(private.device_policy(), DevicePolicy::Closed);
        assert_eq!(private.device_rules().len(), 1, "clocks can be read");
        // What it may not set is taken away by other means; all other devices stay.
        let clock = Sandbox { protect_clock: true, ..Sandbox::default() };
        assert!(!clock.limits_devices());
    }
}
