//! Paths inside the running system, and the tree that stage 1 makes on an empty ROOT.

/// Our programs that nobody types the name of.
pub const LIB: &str = "/usr/lib/berth";
/// PID 1.
pub const INIT: &str = "/usr/lib/berth/init";
/// Programs that every boot runs, a path a line, in the order in which it does.
pub const READ_AHEAD: &str = "/usr/lib/berth/read-ahead";
/// The log store's daemon.
pub const LOGD: &str = "/usr/lib/berth/logd";
/// The device daemon.
pub const DEVD: &str = "/usr/lib/berth/devd";
/// The network daemon.
pub const NETD: &str = "/usr/lib/berth/netd";
/// Makes a machine of an image on its first boot, and asks its platform on each.
pub const PROVISION: &str = "/usr/lib/berth/provision";
/// Takes updates, proves them healthy, or takes them back.
pub const UPDATER: &str = "/usr/lib/berth/updater";
/// Configs of the image: `user.ign`, `base.d`, `base.platform.d/<platform>`.
pub const IGNITION: &str = "/usr/lib/ignition";
/// What the kernel pipes the core of a process that crashed into; a link to [`BERTHCTL`].
pub const COREDUMP: &str = "/usr/lib/berth/coredump";
/// The operator's tool.
pub const BERTHCTL: &str = "/usr/bin/berthctl";
/// Names in `/usr/bin` that are links to [`BERTHCTL`].
pub const BERTHCTL_LINKS: [&str; 19] = [
    "coredumpctl",
    "hostnamectl",
    "systemctl",
    "journalctl",
    "networkctl",
    "systemd-analyze",
    "systemd-cat",
    "systemd-detect-virt",
    "systemd-escape",
    "systemd-notify",
    "systemd-run",
    "systemd-sysext",
    "systemd-sysusers",
    "systemd-tmpfiles",
    "timedatectl",
    "udevadm",
    "reboot",
    "poweroff",
    "halt",
];
/// Names in `/usr/lib/systemd` that are links to [`BERTHCTL`]: what units run, and few people type.
pub const BERTHCTL_LIB_LINKS: [&str; 2] = ["systemd-modules-load", "systemd-sysctl"];
/// Checks and mends an ext4; stage 1 runs it on a ROOT that was not left clean.
pub const E2FSCK: &str = "/usr/bin/e2fsck";
/// The certificate authorities that are trusted: as they are, and as the image has them, for before `/etc` is there.
pub const CA_CERTIFICATES: [&str; 2] =
    ["/etc/ssl/certs/ca-certificates.crt", "/usr/share/berth/etc/ssl/certs/ca-certificates.crt"];
/// Makes an ext4.
pub const MKFS_EXT4: &str = "/usr/sbin/mkfs.ext4";
/// Makes an XFS.
pub const MKFS_XFS: &str = "/usr/sbin/mkfs.xfs";
/// Makes a FAT.
pub const MKFS_VFAT: &str = "/usr/sbin/mkfs.vfat";
/// Makes a swap area.
pub const MKSWAP: &str = "/usr/sbin/mkswap";
/// Lists and erases what says of a device what it holds.
pub const WIPEFS: &str = "/usr/sbin/wipefs";
/// Makes RAID arrays.
pub const MDADM: &str = "/usr/sbin/mdadm";
/// The guard, as the image's disk has it on its ESP.
pub const BOOT_GUARD: &str = "/usr/lib/berth/boot/BOOTX64.EFI";
/// systemd-boot, as the image's disk has it on its ESP.
pub const BOOT_LOADER: &str = "/usr/lib/berth/boot/systemd-bootx64.efi";
/// The shell and small tools, one binary.
pub const BUSYBOX: &str = "/usr/bin/busybox";
/// The shell.
pub const SHELL: &str = "/usr/bin/sh";

/// Unit files of the image.
pub const UNITS: &str = "/usr/lib/systemd/system";
/// Unit files of the machine; they win over [`UNITS`].
pub const ETC_UNITS: &str = "/etc/systemd/system";
/// Unit files until the next boot; they win over [`UNITS`]. Not `/run/systemd/system`: programs
/// that see that folder take this for systemd.
pub const RUN_UNITS: &str = "/run/berth/units";
/// Unit files of units that last until they end; they win over all others.
pub const RUN_TRANSIENT: &str = "/run/berth/transient";
/// Folders of settings, each with folders such as `tmpfiles.d` in it: of two files of one name the first
/// folder's counts.
pub const CONFIGURATION: [&str; 4] = ["/etc", "/run", "/usr/local/lib", "/usr/lib"];
/// The image's users and groups, as sysusers.d(5).
pub const SYSUSERS: &str = "/usr/lib/sysusers.d/berth.conf";
/// Lists of what is enabled by default (systemd.preset(5)), below each of [`CONFIGURATION`].
pub const PRESETS: &str = "systemd/system-preset";
/// What devd knows of the devices that there are: a file a device, whose name is the device's path in
/// sysfs, escaped as for unit names. PID 1 makes device units of them.
pub const DEVICES: &str = "/run/berth/devices";
/// When persistent timers last elapsed: a file a timer (systemd.timer(5)).
pub const TIMERS: &str = "/var/lib/systemd/timers";
/// The machine's time zone (localtime(5)): a file of [`ZONEINFO`], or a link to one. None is UTC.
pub const LOCALTIME: &str = "/etc/localtime";
/// Time zones by name (tzfile(5)).
pub const ZONEINFO: &str = "/usr/share/zoneinfo";
/// Kernel modules, a folder a kernel release.
pub const MODULES: &str = "/usr/lib/modules";
/// CNI plugins.
pub const CNI: &str = "/usr/lib/cni";
/// CNI plugins that network add-ons install. Programs that look nowhere else (`ctr run --cni`)
/// find links to those of [`CNI`] here.
pub const OPT_CNI: &str = "/opt/cni/bin";
/// What the release is (os-release(5)).
pub const OS_RELEASE: &str = "/usr/lib/os-release";

/// The image's `/etc`: the lower layer of the overlay.
pub const ETC_LOWER: &str = "/usr/share/berth/etc";
/// The machine's changes to `/etc`: the upper layer.
pub const ETC_UPPER: &str = "/var/lib/berth/etc/upper";
/// Options of an overlay whose lower layers may be others at the next boot: only with these off may they change under an
/// upper one (Linux, Documentation/filesystems/overlayfs.rst).
pub const OVERLAY_OPTIONS: &str = "metacopy=off,index=off,xino=off,redirect_dir=off";
/// The overlay's work folder.
pub const ETC_WORK: &str = "/var/lib/berth/etc/work";
/// What the image's `/etc` held, a version after the other.
pub const ETC_ERAS: &str = "/var/lib/berth/etc/eras";

/// Berth's state on ROOT.
pub const STATE: &str = "/var/lib/berth";
/// The number of the state's schema: a blessed boot raises it to that of its release, and none lowers it.
pub const SCHEMA: &str = "/var/lib/berth/schema";
/// This release's schema.
pub const STATE_SCHEMA: u32 = 1;
/// [`STATE`] as ROOT has it, also where another file system is mounted above it later, such as one for `/var`.
pub const STATE_OF_ROOT: &str = "/run/berth/state";
/// How the last boots ended: PID 1 writes it, and whoever finds out later why one broke off.
pub const BOOTS: &str = "/var/lib/berth/boots";
/// What is remembered of updates, and what proves their source; root's alone.
pub const UPDATE: &str = "/var/lib/berth/update";
/// The record of updates, in [`UPDATE`]: JSON.
pub const UPDATE_STATE: &str = "/var/lib/berth/update/state.json";
/// Whom updates are taken from: the root of trust (TUF) of the machine's own, or else of the image.
pub const UPDATE_ROOTS: [&str; 2] = ["/etc/berth/update/root.json", "/usr/share/berth/update/root.json"];
/// What is remembered of guard and loader, in [`UPDATE`]: JSON.
pub const BOOT_CHAIN_STATE: &str = "/var/lib/berth/update/boot-chain.json";
/// That an update waits for a restart: its version. For who looks whether a machine is to be restarted.
pub const RESTART_WANTED: &str = "/run/berth/restart-wanted";
/// The image's settings of updates: where they come from.
pub const UPDATE_SETTINGS: &str = "/usr/lib/berth/update.conf";
/// Where the updater takes orders: a JSON line each.
pub const UPDATER_SOCKET: &str = "/run/berth/updater.sock";
/// How often the running version was booted since a boot of it was good. Stage 1 counts; `updater` has it begin anew.
pub const BOOT_ATTEMPTS: &str = "/var/lib/berth/boot-attempts";
/// That this machine was provisioned: written last. A ROOT without it is at its first boot.
pub const PROVISIONED: &str = "/var/lib/berth/provisioned";
/// The platform that the first boot found, and its disc: what a later boot believes a disc by. Below [`STATE_OF_ROOT`], too.
pub const PLATFORM: &str = "/var/lib/berth/platform";
/// That a first boot has begun, and why the last one failed where it did.
pub const PROVISIONING: &str = "/var/lib/berth/provisioning";
/// What Ignition leaves of a first boot, for programs that look for it.
pub const IGNITION_RESULT: &str = "/etc/.ignition-result.json";
/// etcd's data.
pub const ETCD_DATA: &str = "/var/lib/etcd";
/// containerd's data.
pub const CONTAINERD_DATA: &str = "/var/lib/containerd";
/// Cores of processes that crashed, and what is known of each.
pub const COREDUMPS: &str = "/var/lib/systemd/coredump";
/// What services are handed as files of their own, a folder a unit.
pub const CREDENTIALS: &str = "/run/credentials";
/// This boot's random id, with dashes (random(4)).
pub const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// What firmware kept of kernel panics, once it has been taken out of it.
pub const PSTORE: &str = "/var/lib/systemd/pstore";
/// Where the kernel shows what firmware keeps.
pub const FIRMWARE_RECORDS: &str = "/sys/fs/pstore";
/// Where the kernel shows the firmware's variables (efivarfs).
pub const EFI_VARIABLES: &str = "/sys/firmware/efi/efivars";
/// Where the ESP is mounted when it is.
pub const ESP: &str = "/boot";

/// Runtime folder of our programs.
pub const RUN: &str = "/run/berth";
/// Options of the tmpfs that is mounted on /run.
pub const RUN_OPTIONS: &str = "mode=0755,size=20%";
/// That lines of settings which are only for a starting system were followed in this one.
pub const SETTINGS_DONE: &str = "/run/berth/settings-done";
/// That this boot was found good.
pub const BLESSED: &str = "/run/berth/boot-blessed";
/// What of this machine is not well, while a version is being tried: JSON.
pub const HEALTH: &str = "/run/berth/health.json";
/// PID 1's control socket.
pub const INIT_SOCKET: &str = "/run/berth/init.sock";
/// The socket of syslog(3).
pub const SYSLOG_SOCKET: &str = "/dev/log";
/// Where the log daemon takes messages with fields (sd_journal_send(3)).
pub const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";
/// Where the log daemon takes orders of root, by datagrams.
pub const LOGD_SOCKET: &str = "/run/berth/logd.sock";
/// What a login on a console is told before it, and after it (motd(5)).
pub const ISSUE: &str = "/run/issue";
/// See [`ISSUE`].
pub const MOTD: &str = "/run/motd";
/// Where metrics are scraped; `berth-metrics.socket` makes it.
pub const METRICS_SOCKET: &str = "/run/berth/metrics.sock";
/// The sd_notify socket.
pub const NOTIFY_SOCKET: &str = "/run/berth/notify";

/// What the network daemon says of its links, in a folder of its choice; usually in [`RUN`]. Others read of it whether
/// the machine is `online`, and its `hostname` and servers of time (`ntp`), of all and of each of `links`.
pub const NETD_STATE: &str = "netd.json";
/// The name servers that it was given, as resolv.conf(5), beside it.
pub const NETD_RESOLV: &str = "resolv.conf";

/// What the platform says of this machine: a JSON object with its `hostname` and `ntp_servers` (names or addresses), as
/// far as it knows any.
pub const METADATA: &str = "/run/berth/metadata.json";

/// What Fedora CoreOS calls the disk that a machine was booted from: configs name it so.
pub const BOOT_DISK: &str = "/dev/disk/by-id/coreos-boot-disk";
/// The machine's name until the next boot, where somebody has given it one for so long.
pub const RUN_HOST_NAME: &str = "/run/berth/hostname";
/// What time is taken from, and how (ntp.toml(5)), where the machine has no file of its own.
pub const NTP: &str = "/usr/lib/ntpd-rs/ntp.toml";
/// The same of this machine; where it is there, nothing else counts.
pub const ETC_NTP: &str = "/etc/ntpd-rs/ntp.toml";
/// What ntp-daemon reads.
pub const RUN_NTP: &str = "/run/ntpd-rs/ntp.toml";

/// devd's control socket.
pub const DEVD_SOCKET: &str = "/run/berth/devd.sock";

/// Where stage 1 puts the new root before it becomes `/`.
pub const SYSROOT: &str = "/sysroot";

/// A folder of ROOT that stage 1 makes where it is missing. One that is there is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dir {
    /// Absolute path in the running system.
    pub path: &'static str,
    /// Permission bits.
    pub mode: u32,
    /// Whose it is, and its group's.
    pub owner: u32,
}

/// A link of ROOT that stage 1 makes where nothing of its name is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Absolute path of the link.
    pub path: &'static str,
    /// What it holds.
    pub target: &'static str,
}

/// Folders of ROOT, each after its parent.
pub const ROOT_DIRS: [Dir; 29] = [
    dir("/boot", 0o700),
    dir("/dev", 0o755),
    dir("/etc", 0o755),
    dir("/home", 0o755),
    Dir { owner: crate::user::CORE.uid, ..dir(crate::user::CORE.home, 0o700) },
    dir("/mnt", 0o755),
    dir("/opt", 0o755),
    dir("/opt/cni", 0o755),
    dir(OPT_CNI, 0o755),
    dir("/proc", 0o555),
    dir("/root", 0o700),
    dir("/run", 0o755),
    dir("/srv", 0o755),
    dir("/sys", 0o555),
    dir("/tmp", 0o1777),
    dir("/usr", 0o755),
    dir("/var", 0o755),
    dir("/var/cache", 0o755),
    dir("/var/lib", 0o755),
    dir(STATE, 0o755),
    dir("/var/lib/berth/etc", 0o755),
    dir(ETC_UPPER, 0o755),
    dir(ETC_WORK, 0o700),
    // The updater may make nothing beside these.
    dir(crate::extension::RECORDS, 0o755),
    dir(crate::extension::STAGED, 0o755),
    dir("/var/log", 0o755),
    dir("/var/spool", 0o755),
    dir("/var/tmp", 0o1777),
    dir("/var/usrlocal", 0o755),
];

/// Links of ROOT.
pub const ROOT_LINKS: [Link; 13] = [
    link("/bin", "usr/bin"),
    link("/lib", "usr/lib"),
    link("/lib64", "usr/lib64"),
    link("/opt/cni/bin/bandwidth", "/usr/lib/cni/bandwidth"),
    link("/opt/cni/bin/bridge", "/usr/lib/cni/bridge"),
    link("/opt/cni/bin/firewall", "/usr/lib/cni/firewall"),
    link("/opt/cni/bin/host-local", "/usr/lib/cni/host-local"),
    link("/opt/cni/bin/loopback", "/usr/lib/cni/loopback"),
    link("/opt/cni/bin/portmap", "/usr/lib/cni/portmap"),
    link("/opt/cni/bin/ptp", "/usr/lib/cni/ptp"),
    link("/sbin", "usr/sbin"),
    link("/var/lock", "../run/lock"),
    link("/var/run", "../run"),
];

/// Links of `/usr` that the builder makes; `/usr/sbin` is `/usr/bin`, and `/usr/local` is the machine's own.
pub const USR_LINKS: [Link; 3] =
    [link("/usr/local", "../var/usrlocal"), link("/usr/sbin", "bin"), link(COREDUMP, "../../bin/berthctl")];

const fn dir(path: &'static str, mode: u32) -> Dir {
    Dir { path, mode, owner: 0 }
}

const fn link(path: &'static str, target: &'static str) -> Link {
    Link { path, target }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_comes_after_its_parent() {
        for (i, d) in ROOT_DIRS.iter().enumerate() {
            let parent = d.path.rsplit_once('/').unwrap().0;
            let before = &ROOT_DIRS[..i];
            assert!(parent.is_empty() || before.iter().any(|b| b.path == parent), "{}", d.path);
        }
    }

    #[test]
    fn nothing_is_both_a_folder_and_a_link() {
        for l in ROOT_LINKS {
            assert!(ROOT_DIRS.iter().all(|d| d.path != l.path), "{}", l.path);
        }
    }

    #[test]
    fn the_overlay_of_etc_has_its_folders() {
        for path in [ETC_UPPER, ETC_WORK] {
            assert!(ROOT_DIRS.iter().any(|d| d.path == path), "{path}");
        }
    }
}
