//! Kernel arguments that programs of the image read.

/// `usrhash=<hex>`: the verity root hash of the `/usr` to boot. Written by the builder into the
/// UKI.
pub const USRHASH: &str = "usrhash";

/// `berth.shell=NAME`: PID 1 keeps a root shell on this tty (`ttyS0`) or virtio-serial port
/// ([`crate::port::SHELL`]). Nothing in an image sets it.
pub const SHELL: &str = "berth.shell";

/// `berth.disk=NAME`: stage 1 takes the disk with this kernel name (`vdb`, `/dev/vdb`) for the boot
/// disk, whatever the loader or the labels say.
pub const DISK: &str = "berth.disk";

/// `berth.usr=SOURCE`: where `/usr` comes from. `slot`, the default, is the A/B slot named by
/// [`USRHASH`].
pub const USR: &str = "berth.usr";

/// `root=tmpfs`: ROOT is in memory, and the disk is left as it is. Without it ROOT is the boot
/// disk's partition of that label.
pub const ROOT: &str = "root";

/// `berth.emergency_timeout=SECONDS`: how long a failed boot stays on the console before the
/// machine reboots.
pub const EMERGENCY_TIMEOUT: &str = "berth.emergency_timeout";

/// Start of every kernel argument of our own.
pub const PREFIX: &str = "berth.";

/// The arguments that begin with [`PREFIX`]. Stage 1 names on the console those that are not
/// here.
pub const KNOWN: [&str; 4] = [DISK, EMERGENCY_TIMEOUT, SHELL, USR];

/// SMBIOS type 11 string through which a host gives a UKI more kernel arguments
/// (systemd-stub(7)).
pub const SMBIOS_EXTRA: &str = "io.systemd.stub.kernel-cmdline-extra";

/// Environment variable that stage 1 gives PID 1: CLOCK_MONOTONIC in microseconds when stage 1
/// began.
pub const INITRAMFS_START_ENV: &str = "BERTH_INITRAMFS_START_US";
