//! Kernel arguments that programs of the image read.

/// `usrhash=<hex>`: the verity root hash of the `/usr` to boot. Written by the builder into the
/// UKI.
pub const USRHASH: &str = "usrhash";

/// `berth.shell=NAME`: PID 1 keeps a root shell on this tty (`ttyS0`) or virtio-serial port
/// ([`crate::port::SHELL`]). Nothing in an image sets it.
pub const SHELL: &str = "berth.shell";

/// SMBIOS type 11 string through which a host gives a UKI more kernel arguments
/// (systemd-stub(7)).
pub const SMBIOS_EXTRA: &str = "io.systemd.stub.kernel-cmdline-extra";

/// Environment variable that stage 1 gives PID 1: CLOCK_MONOTONIC in microseconds when stage 1
/// began.
pub const INITRAMFS_START_ENV: &str = "BERTH_INITRAMFS_START_US";
