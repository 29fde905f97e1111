//! What a service is kept from (systemd.exec(5): "Sandboxing", "Capabilities", "System Call
//! Filtering"), and what that means for the file system that it sees.

use std::collections::{BTreeMap, BTreeSet};

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

/// `SystemCallFilter=`: by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemCalls {
    /// Whether what is named is allowed; else it is denied.
    pub is_allow_list: bool,
    /// What is named. With a denial it is denied so, also in an allow-list.
    pub named: BTreeMap<u32, Option<Denial>>,
}

/// What a service is kept from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the fields are named after their directives")]
pub struct Sandbox {
    pub private_tmp: bool,
    pub private_devices: bool,
    pub private_network: bool,
    pub private_ipc: bool,
    pub private_mounts: bool,
    pub protect_system: ProtectSystem,
    pub protect_home: ProtectHome,
    pub protect_proc: ProtectProc,
    /// `ProcSubset=pid`.
    pub proc_subset_pid: bool,
    pub protect_kernel_tunables: bool,
    pub protect_kernel_modules: bool,
    pub protect_kernel_logs: bool,
    pub protect_control_groups: bool,
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
    pub private_users: bool,
    /// `NoExecPaths=` and `ExecPaths=`.
    pub exec_paths: Vec<Rule<bool>>,
    pub device_policy: DevicePolicy,
    /// `DeviceAllow=`.
    pub devices: Vec<DeviceRule>,
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

/// What the kernel lets be set at run time.
const TUNABLES: [&str; 12] = [
    "/proc/acpi",
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/latency_stats",
    "/proc/mtrr",
    "/proc/scsi",
    "/proc/sys",
    "/proc/sysrq-trigger",
    "/proc/timer_stats",
    "/sys",
    "/sys/fs/bpf",
];

impl Sandbox {
    /// Whether the service sees a file system of its own.
    pub fn wants_mounts(&self) -> bool {
        self.private_tmp
            || self.private_devices
            || self.private_mounts
            || self.private_network
            || self.protect_system != ProtectSystem::No
            || self.protect_home != ProtectHome::No
            || self.hides_processes()
            || self.protect_kernel_tunables
            || self.protect_kernel_modules
            || self.protect_kernel_logs
            || self.protect_control_groups
            || !self.paths.is_empty()
            || !self.binds.is_empty()
            || !self.temporary.is_empty()
            || !self.exec_paths.is_empty()
    }

    /// Whether it may use only some devices.
    pub fn limits_devices(&self) -> bool {
        self.device_policy != DevicePolicy::Auto || !self.devices.is_empty()
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

    /// The rules for paths, `own` being folders that the service may always write to. The later of
    /// two for one path holds.
    pub fn path_rules(&self, own: &[String]) -> Vec<Rule<Access>> {
        let mut rules = Vec::new();
        let mut add = |effect: Access, paths: &[&str]| {
            rules.extend(paths.iter().map(|path| Rule { path: (*path).to_owned(), effect, optional: true }));
        };
        match self.protect_system {
            ProtectSystem::No => {}
            ProtectSystem::Yes => add(Access::ReadOnly, &["/usr", "/boot", "/efi"]),
            ProtectSystem::Full => add(Access::ReadOnly, &["/usr", "/boot", "/efi", "/etc"]),
            ProtectSystem::Strict => {
                add(Access::ReadOnly, &["/"]);
                add(Access::Writable, &["/dev", "/proc", "/sys"]);
            }
        }
        match self.protect_home {
            ProtectHome::No | ProtectHome::Tmpfs => {}
            ProtectHome::Yes => add(Access::Inaccessible, &HOMES),
            ProtectHome::ReadOnly => add(Access::ReadOnly, &HOMES),
        }
        if self.protect_kernel_tunables {
            add(Access::ReadOnly, &TUNABLES);
            add(Access::Inaccessible, &["/proc/kallsyms", "/proc/kcore"]);
            // Its own setting speaks of it.
            add(Access::Writable, &["/sys/fs/cgroup"]);
        }
        if self.protect_control_groups {
            add(Access::ReadOnly, &["/sys/fs/cgroup"]);
        }
        if self.protect_kernel_modules {
            add(Access::Inaccessible, &["/usr/lib/modules"]);
        }
        if self.protect_kernel_logs {
            add(Access::Inaccessible, &["/dev/kmsg", "/proc/kmsg"]);
        }
        if self.private_tmp {
            add(Access::Writable, &["/tmp", "/var/tmp"]);
        }
        add(Access::Writable, &own.iter().map(String::as_str).collect::<Vec<_>>());
        rules.extend(self.paths.iter().cloned());
        // A mount that hides everything comes with rules for all that is below it.
        let mut last: BTreeMap<String, Rule<Access>> = BTreeMap::new();
        for rule in rules {
            last.insert(rule.path.clone(), rule);
        }
        last.into_values().collect()
    }

    /// Empty file systems in memory: path and mount options.
    pub fn temporary_file_systems(&self) -> Vec<(String, String)> {
        let mut all = self.temporary.clone();
        if self.protect_home == ProtectHome::Tmpfs {
            all.extend(HOMES.map(|path| (path.to_owned(), "mode=0755,ro".to_owned())));
        }
        all
    }
}

/// Where people's files are.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// How a path may be used by these rules.
pub fn access(rules: &[Rule<Access>], path: &str) -> Access {
    deciding(rules, path).copied().unwrap_or(Access::Writable)
}

/// Whether what is at a path may be executed by these rules.
pub fn may_execute(rules: &[Rule<bool>], path: &str) -> bool {
    deciding(rules, path).copied().unwrap_or(true)
}

/// What the rule for the longest path above a path, or for it itself, says.
fn deciding<'a, T>(rules: &'a [Rule<T>], path: &str) -> Option<&'a T> {
    let rules = rules.iter().filter(|rule| is_at_or_below(path, &rule.path));
    rules.max_by_key(|rule| rule.path.len()).map(|rule| &rule.effect)
}

fn is_at_or_below(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str, effect: Access) -> Rule<Access> {
        Rule { path: path.to_owned(), effect, optional: false }
    }

    #[test]
    fn the_longest_path_decides() {
        let rules = [
            rule("/", Access::ReadOnly),
            rule("/var/lib/x", Access::Writable),
            rule("/var/lib/x/secret", Access::Inaccessible),
        ];
        for (path, expected) in [
            ("/", Access::ReadOnly),
            ("/etc/passwd", Access::ReadOnly),
            ("/var/lib/x", Access::Writable),
            ("/var/lib/xy", Access::ReadOnly),
            ("/var/lib/x/data", Access::Writable),
            ("/var/lib/x/secret/key", Access::Inaccessible),
        ] {
            assert_eq!(access(&rules, path), expected, "{path}");
        }
        assert_eq!(access(&[], "/"), Access::Writable);
    }

    #[test]
    fn a_strict_system_leaves_what_the_service_owns() {
        let sandbox = Sandbox {
            protect_system: ProtectSystem::Strict,
            protect_home: ProtectHome::Yes,
            paths: vec![rule("/srv", Access::Writable)],
            ..Sandbox::default()
        };
        let rules = sandbox.path_rules(&["/var/lib/own".to_owned()]);
        for (path, expected) in [
            ("/usr/bin/x", Access::ReadOnly),
            ("/dev/null", Access::Writable),
            ("/proc/self", Access::Writable),
            ("/home/a", Access::Inaccessible),
            ("/var/lib/own/file", Access::Writable),
            ("/var/lib/other", Access::ReadOnly),
            ("/srv/www", Access::Writable),
        ] {
            assert_eq!(access(&rules, path), expected, "{path}");
        }
    }

    #[test]
    fn settings_take_capabilities_away() {
        let has = |sandbox: &Sandbox, number: u32| sandbox.bounding_set().map(|set| set & (1 << number) != 0);
        assert_eq!(Sandbox::default().bounding_set(), None);
        let modules = Sandbox { protect_kernel_modules: true, ..Sandbox::default() };
        assert_eq!((has(&modules, SYS_MODULE), has(&modules, MKNOD)), (Some(false), Some(true)));
        let both = Sandbox { bounding: Some(1 << SYS_TIME | 1), protect_clock: true, ..Sandbox::default() };
        assert_eq!(both.bounding_set(), Some(1));
    }
}
