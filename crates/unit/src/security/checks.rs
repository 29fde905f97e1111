//! The checks: what each looks at, and how much it counts.

use super::Subject;
use super::judges::{self, Families, Judgement};

/// A check.
pub(super) struct Check {
    pub name: &'static str,
    pub field: &'static str,
    pub weight: u64,
    pub range: u64,
    rule: Rule,
    /// Whether it does not apply to what runs before the file systems are there.
    is_late: bool,
}

/// What makes a check good or bad.
enum Rule {
    /// Whether something holds; in words where it does, and where it does not.
    Flag(fn(Subject) -> bool, &'static str, &'static str),
    /// Whether it can have none of these; what it could do with them.
    Capabilities(&'static [&'static str], &'static str),
    /// The bit of clone(2) that is denied; what the namespace is of.
    Namespace(u64, &'static str),
    /// Whether sockets of these families are denied.
    Families(Families, &'static str),
    /// Whether all of a group of system calls is denied.
    Calls(&'static str),
    Other(fn(Subject) -> Judgement),
}

impl Check {
    /// How bad it is with a service, none where that does not matter, and in words.
    pub(super) fn judge(&self, subject: Subject) -> Judgement {
        if self.is_late && !subject.is_ordinary {
            return (None, "It may run before the file systems are there: this is not for it".to_owned());
        }
        let flag = |is_good: bool, good: String, bad: String| {
            if is_good { (Some(0), good) } else { (Some(1), bad) }
        };
        match &self.rule {
            Rule::Flag(holds, good, bad) => flag(holds(subject), (*good).to_owned(), (*bad).to_owned()),
            Rule::Capabilities(names, what) => {
                let cannot = judges::capabilities(subject, names);
                flag(cannot, format!("It cannot {what}"), format!("It can {what}"))
            }
            Rule::Namespace(bit, what) => {
                let denied = subject.service.exec.sandbox.denied_namespaces & bit != 0;
                flag(
                    denied,
                    format!("It can make no namespaces of {what}"),
                    format!("It can make namespaces of {what}"),
                )
            }
            Rule::Families(which, what) => {
                let denied = judges::families(subject, *which);
                flag(denied, format!("It can make no sockets {what}"), format!("It can make sockets {what}"))
            }
            Rule::Calls(group) => judges::calls(subject, group),
            Rule::Other(judge) => judge(subject),
        }
    }
}

const fn check(name: &'static str, field: &'static str, weight: u64, range: u64, rule: Rule) -> Check {
    Check { name, field, weight, range, rule, is_late: false }
}

const fn late(name: &'static str, field: &'static str, weight: u64, range: u64, rule: Rule) -> Check {
    Check { name, field, weight, range, rule, is_late: true }
}

/// All of them. Names, fields and weights: `systemd-analyze security --json=pretty` of systemd 257, with
/// `SYSTEMD_ANALYZE_DEBUG=1`.
pub(super) const CHECKS: [Check; 81] = [
    late(
        "RootDirectory=/RootImage=",
        "RootDirectoryOrRootImage",
        200,
        1,
        Rule::Flag(|_| false, "It has a root folder of its own", "It sees the system's root folder"),
    ),
    check(
        "PrivateDevices=",
        "PrivateDevices",
        1000,
        1,
        Rule::Flag(|it| it.service.exec.sandbox.private_devices, "It sees no hardware", "It sees hardware"),
    ),
    check(
        "PrivateMounts=",
        "PrivateMounts",
        1000,
        1,
        Rule::Flag(judges::has_private_mounts, "What it mounts it alone sees", "What it mounts all see"),
    ),
    check(
        "PrivateNetwork=",
        "PrivateNetwork",
        2500,
        1,
        Rule::Flag(
            |it| it.service.exec.sandbox.private_network,
            "It has no network",
            "It has the system's network",
        ),
    ),
    late(
        "PrivateTmp=",
        "PrivateTmp",
        1000,
        1,
        Rule::Flag(
            judges::has_private_tmp,
            "It has temporary files of its own",
            "It shares the folders for temporary files",
        ),
    ),
    check(
        "PrivateUsers=",
        "PrivateUsers",
        1000,
        1,
        Rule::Flag(judges::has_private_users, "It knows no other users", "It knows all users"),
    ),
    check(
        "ProtectControlGroups=",
        "ProtectControlGroups",
        1000,
        1,
        Rule::Flag(
            judges::protects_control_groups,
            "It cannot change control groups",
            "It can change control groups",
        ),
    ),
    check(
        "ProtectKernelModules=",
        "ProtectKernelModules",
        1000,
        1,
        Rule::Flag(
            |it| it.service.exec.sandbox.protect_kernel_modules,
            "It cannot load or read modules of the kernel",
            "It can load and read modules of the kernel",
        ),
    ),
    check(
        "ProtectKernelTunables=",
        "ProtectKernelTunables",
        1000,
        1,
        Rule::Flag(
            |it| it.service.exec.sandbox.protect_kernel_tunables,
            "It cannot change the kernel's settings",
            "It can change the kernel's settings",
        ),
    ),
    check(
        "ProtectKernelLogs=",
        "ProtectKernelLogs",
        1000,
        1,
        Rule::Flag(
            |it| it.service.exec.sandbox.protect_kernel_logs,
            "It cannot read or write the kernel's log",
            "It can read and write the kernel's log",
        ),
    ),
    check(
        "ProtectClock=",
        "ProtectClock",
        1000,
        1,
        Rule::Flag(|it| it.service.exec.sandbox.protect_clock, "It cannot set clocks", "It can set clocks"),
    ),
    check(
        "ProtectHostname=",
        "ProtectHostname",
        50,
        1,
        Rule::Flag(
            |it| it.service.exec.sandbox.protect_hostname,
            "It cannot change the host name",
            "It can change the host name",
        ),
    ),
    check(
        "LockPersonality=",
        "LockPersonality",
        100,
        1,
        Rule::Flag(
            |it| it.service.exec.sandbox.lock_personality,
            "Its execution domain stays as it is",
            "It can change its execution domain",
        ),
    ),
    check(
        "MemoryDenyWriteExecute=",
        "MemoryDenyWriteExecute",
        100,
        1,
        Rule::Flag(
            |it| it.service.exec.sandbox.memory_deny_write_execute,
            "It can execute no memory that it has written",
            "It can execute memory that it has written",
        ),
    ),
    check(
        "NoNewPrivileges=",
        "NoNewPrivileges",
        1000,
        1,
        Rule::Flag(
            |it| it.service.exec.no_new_privileges,
            "No program that it runs gives it privileges",
            "Programs that it runs may give it privileges",
        ),
    ),
    check(
        "RestrictRealtime=",
        "RestrictRealtime",
        500,
        1,
        Rule::Flag(
            |it| it.service.exec.sandbox.restrict_realtime,
            "It can take no processor for good",
            "It can take processors for good",
        ),
    ),
    check(
        "RestrictSUIDSGID=",
        "RestrictSUIDSGID",
        1000,
        1,
        Rule::Flag(
            |it| it.service.exec.sandbox.restrict_suid_sgid,
            "It can make no files that lend identity",
            "It can make files that lend identity",
        ),
    ),
    check(
        "KeyringMode=",
        "KeyringMode",
        1000,
        1,
        Rule::Flag(judges::has_own_keyring, "Its keys are its own", "It shares keys with other services"),
    ),
    check(
        "ProcSubset=",
        "ProcSubset",
        10,
        1,
        Rule::Flag(
            |it| it.service.exec.sandbox.proc_subset_pid,
            "Of /proc it sees processes only",
            "It sees all of /proc",
        ),
    ),
    check(
        "NotifyAccess=",
        "NotifyAccess",
        1000,
        1,
        Rule::Flag(
            judges::hears_main_process_only,
            "Its children cannot speak for it",
            "Its children can speak for it",
        ),
    ),
    check(
        "Delegate=",
        "Delegate",
        100,
        1,
        Rule::Flag(
            |it| !it.service.delegate,
            "Its control group is not its own",
            "What is below its control group is its own",
        ),
    ),
    check(
        "AmbientCapabilities=",
        "AmbientCapabilities",
        500,
        1,
        Rule::Flag(
            |it| it.service.exec.sandbox.ambient == 0,
            "It is given no capabilities",
            "It is given capabilities",
        ),
    ),
    check(
        "CapabilityBoundingSet=~CAP_SYS_ADMIN",
        "CapabilityBoundingSet_CAP_SYS_ADMIN",
        1500,
        1,
        Rule::Capabilities(&["sys_admin"], "administer the system"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_SET(UID|GID|PCAP)",
        "CapabilityBoundingSet_CAP_SET_UID_GID_PCAP",
        1500,
        1,
        Rule::Capabilities(&["setuid", "setgid", "setpcap"], "become another user, or change capabilities"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_SYS_PTRACE",
        "CapabilityBoundingSet_CAP_SYS_PTRACE",
        1500,
        1,
        Rule::Capabilities(&["sys_ptrace"], "look into the processes of others"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_SYS_TIME",
        "CapabilityBoundingSet_CAP_SYS_TIME",
        1000,
        1,
        Rule::Capabilities(&["sys_time"], "set the system's clock"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_NET_ADMIN",
        "CapabilityBoundingSet_CAP_NET_ADMIN",
        1000,
        1,
        Rule::Capabilities(&["net_admin"], "configure networks"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_SYS_RAWIO",
        "CapabilityBoundingSet_CAP_SYS_RAWIO",
        1000,
        1,
        Rule::Capabilities(&["sys_rawio"], "use ports and memory of hardware"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_SYS_MODULE",
        "CapabilityBoundingSet_CAP_SYS_MODULE",
        1000,
        1,
        Rule::Capabilities(&["sys_module"], "load modules of the kernel"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_AUDIT_*",
        "CapabilityBoundingSet_CAP_AUDIT",
        500,
        1,
        Rule::Capabilities(&["audit_control", "audit_read", "audit_write"], "use the audit log"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_SYSLOG",
        "CapabilityBoundingSet_CAP_SYSLOG",
        500,
        1,
        Rule::Capabilities(&["syslog"], "use the kernel's log"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_SYS_(NICE|RESOURCE)",
        "CapabilityBoundingSet_CAP_SYS_NICE_RESOURCE",
        500,
        1,
        Rule::Capabilities(&["sys_nice", "sys_resource"], "exceed limits and priorities"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_MKNOD",
        "CapabilityBoundingSet_CAP_MKNOD",
        500,
        1,
        Rule::Capabilities(&["mknod"], "make nodes of devices"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_(CHOWN|FSETID|SETFCAP)",
        "CapabilityBoundingSet_CAP_CHOWN_FSETID_SETFCAP",
        1000,
        1,
        Rule::Capabilities(&["chown", "fsetid", "setfcap"], "give files away, or lend identity by them"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_(DAC_*|FOWNER|IPC_OWNER)",
        "CapabilityBoundingSet_CAP_DAC_FOWNER_IPC_OWNER",
        1000,
        1,
        Rule::Capabilities(
            &["dac_override", "dac_read_search", "fowner", "ipc_owner"],
            "pass over the permissions of files",
        ),
    ),
    check(
        "CapabilityBoundingSet=~CAP_KILL",
        "CapabilityBoundingSet_CAP_KILL",
        500,
        1,
        Rule::Capabilities(&["kill"], "signal the processes of others"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_NET_(BIND_SERVICE|BROADCAST|RAW)",
        "CapabilityBoundingSet_CAP_NET_BIND_SERVICE_BROADCAST_RAW)",
        500,
        1,
        Rule::Capabilities(
            &["net_bind_service", "net_broadcast", "net_raw"],
            "take low ports, or send raw packets",
        ),
    ),
    check(
        "CapabilityBoundingSet=~CAP_SYS_BOOT",
        "CapabilityBoundingSet_CAP_SYS_BOOT",
        100,
        1,
        Rule::Capabilities(&["sys_boot"], "restart the machine"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_MAC_*",
        "CapabilityBoundingSet_CAP_MAC",
        100,
        1,
        Rule::Capabilities(&["mac_admin", "mac_override"], "pass over mandatory access control"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_LINUX_IMMUTABLE",
        "CapabilityBoundingSet_CAP_LINUX_IMMUTABLE",
        75,
        1,
        Rule::Capabilities(&["linux_immutable"], "make files immutable"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_IPC_LOCK",
        "CapabilityBoundingSet_CAP_IPC_LOCK",
        50,
        1,
        Rule::Capabilities(&["ipc_lock"], "lock memory"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_SYS_CHROOT",
        "CapabilityBoundingSet_CAP_SYS_CHROOT",
        50,
        1,
        Rule::Capabilities(&["sys_chroot"], "change its root folder"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_BLOCK_SUSPEND",
        "CapabilityBoundingSet_CAP_BLOCK_SUSPEND",
        25,
        1,
        Rule::Capabilities(&["block_suspend"], "keep the machine from sleeping"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_BPF",
        "CapabilityBoundingSet_CAP_BPF",
        25,
        1,
        Rule::Capabilities(&["bpf"], "load programs into the kernel"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_WAKE_ALARM",
        "CapabilityBoundingSet_CAP_WAKE_ALARM",
        25,
        1,
        Rule::Capabilities(&["wake_alarm"], "wake the machine"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_LEASE",
        "CapabilityBoundingSet_CAP_LEASE",
        25,
        1,
        Rule::Capabilities(&["lease"], "take leases of files"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_SYS_TTY_CONFIG",
        "CapabilityBoundingSet_CAP_SYS_TTY_CONFIG",
        25,
        1,
        Rule::Capabilities(&["sys_tty_config"], "hang up terminals"),
    ),
    check(
        "CapabilityBoundingSet=~CAP_SYS_PACCT",
        "CapabilityBoundingSet_CAP_SYS_PACCT",
        25,
        1,
        Rule::Capabilities(&["sys_pacct"], "turn accounting on and off"),
    ),
    check(
        "RestrictNamespaces=~user",
        "RestrictNamespaces_user",
        1500,
        1,
        Rule::Namespace(0x1000_0000, "users"),
    ),
    check(
        "RestrictNamespaces=~mnt",
        "RestrictNamespaces_mnt",
        500,
        1,
        Rule::Namespace(0x0002_0000, "mounts"),
    ),
    check("RestrictNamespaces=~ipc", "RestrictNamespaces_ipc", 500, 1, Rule::Namespace(0x0800_0000, "IPC")),
    check(
        "RestrictNamespaces=~pid",
        "RestrictNamespaces_pid",
        500,
        1,
        Rule::Namespace(0x2000_0000, "processes"),
    ),
    check(
        "RestrictNamespaces=~cgroup",
        "RestrictNamespaces_cgroup",
        500,
        1,
        Rule::Namespace(0x0200_0000, "control groups"),
    ),
    check(
        "RestrictNamespaces=~net",
        "RestrictNamespaces_net",
        500,
        1,
        Rule::Namespace(0x4000_0000, "networks"),
    ),
    check(
        "RestrictNamespaces=~uts",
        "RestrictNamespaces_uts",
        100,
        1,
        Rule::Namespace(0x0400_0000, "host names"),
    ),
    check(
        "RestrictAddressFamilies=~AF_(INET|INET6)",
        "RestrictAddressFamilies_AF_INET_INET6",
        1500,
        1,
        Rule::Families(Families::These(&[2, 10]), "of the Internet"),
    ),
    check(
        "RestrictAddressFamilies=~AF_UNIX",
        "RestrictAddressFamilies_AF_UNIX",
        25,
        1,
        Rule::Families(Families::These(&[1]), "within the machine"),
    ),
    check(
        "RestrictAddressFamilies=~AF_NETLINK",
        "RestrictAddressFamilies_AF_NETLINK",
        200,
        1,
        Rule::Families(Families::These(&[16]), "of netlink"),
    ),
    check(
        "RestrictAddressFamilies=~AF_PACKET",
        "RestrictAddressFamilies_AF_PACKET",
        1000,
        1,
        Rule::Families(Families::These(&[17]), "for whole packets"),
    ),
    check(
        "RestrictAddressFamilies=~\u{2026}",
        "RestrictAddressFamilies_OTHER",
        1250,
        1,
        Rule::Families(Families::Others, "of rarer families"),
    ),
    check("SystemCallFilter=~@swap", "SystemCallFilter_swap", 1000, 10, Rule::Calls("@swap")),
    check("SystemCallFilter=~@obsolete", "SystemCallFilter_obsolete", 250, 10, Rule::Calls("@obsolete")),
    check("SystemCallFilter=~@clock", "SystemCallFilter_clock", 1000, 10, Rule::Calls("@clock")),
    check(
        "SystemCallFilter=~@cpu-emulation",
        "SystemCallFilter_cpu_emulation",
        250,
        10,
        Rule::Calls("@cpu-emulation"),
    ),
    check("SystemCallFilter=~@debug", "SystemCallFilter_debug", 1000, 10, Rule::Calls("@debug")),
    check("SystemCallFilter=~@mount", "SystemCallFilter_mount", 1000, 10, Rule::Calls("@mount")),
    check("SystemCallFilter=~@module", "SystemCallFilter_module", 1000, 10, Rule::Calls("@module")),
    check("SystemCallFilter=~@raw-io", "SystemCallFilter_raw_io", 1000, 10, Rule::Calls("@raw-io")),
    check("SystemCallFilter=~@reboot", "SystemCallFilter_reboot", 1000, 10, Rule::Calls("@reboot")),
    check(
        "SystemCallFilter=~@privileged",
        "SystemCallFilter_privileged",
        700,
        10,
        Rule::Calls("@privileged"),
    ),
    check("SystemCallFilter=~@resources", "SystemCallFilter_resources", 700, 10, Rule::Calls("@resources")),
    check("User=/DynamicUser=", "UserOrDynamicUser", 2000, 10, Rule::Other(judges::user)),
    check("SupplementaryGroups=", "SupplementaryGroups", 200, 1, Rule::Other(judges::groups)),
    check("RemoveIPC=", "RemoveIPC", 100, 1, Rule::Other(judges::remove_ipc)),
    late("ProtectHome=", "ProtectHome", 1000, 10, Rule::Other(judges::protect_home)),
    late("ProtectSystem=", "ProtectSystem", 1000, 10, Rule::Other(judges::protect_system)),
    check("UMask=", "UMask", 100, 10, Rule::Other(judges::umask)),
    check("ProtectProc=", "ProtectProc", 1000, 3, Rule::Other(judges::protect_proc)),
    check(
        "SystemCallArchitectures=",
        "SystemCallArchitectures",
        1000,
        10,
        Rule::Other(judges::architectures),
    ),
    check("IPAddressDeny=", "IPAddressDeny", 1000, 10, Rule::Other(judges::addresses)),
    check("DeviceAllow=", "DeviceAllow", 1000, 10, Rule::Other(judges::devices)),
];
