//! Kernel arguments that programs of the image read, and how a command line is read.

use std::time::Duration;

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

/// `ignition.firstboot=0`: the machine is not provisioned, whatever its ROOT says, and the next boot is still its first.
/// `=1`: also where ROOT is in memory, which is not provisioned otherwise.
pub const FIRST_BOOT: &str = "ignition.firstboot";

/// `ignition.config.url=URL`: where the config is.
pub const CONFIG_URL: &str = "ignition.config.url";

/// `ignition.platform.id=NAME`: the platform, where it is not to be found out.
pub const PLATFORM_ID: &str = "ignition.platform.id";

/// `berth.emergency_timeout=SECONDS`: how long a failed boot stays on the console before the
/// machine reboots.
pub const EMERGENCY_TIMEOUT: &str = "berth.emergency_timeout";

/// How long that is where nothing says so.
const DEFAULT_EMERGENCY_TIMEOUT: Duration = Duration::from_secs(60);
const LONGEST_EMERGENCY_TIMEOUT: u64 = 86_400;

/// `berth.target=NAME`: what PID 1 starts instead of `default.target`; `systemd.unit=` is the same.
pub const TARGET: &str = "berth.target";

/// Start of every kernel argument of our own.
pub const PREFIX: &str = "berth.";

/// The arguments that begin with [`PREFIX`]. Stage 1 names on the console those that are not
/// here.
pub const KNOWN: [&str; 5] = [DISK, EMERGENCY_TIMEOUT, SHELL, TARGET, USR];

/// SMBIOS type 11 string through which a host gives a UKI more kernel arguments
/// (systemd-stub(7)).
pub const SMBIOS_EXTRA: &str = "io.systemd.stub.kernel-cmdline-extra";

/// Environment variable that stage 1 gives PID 1: CLOCK_MONOTONIC in microseconds when stage 1
/// began.
pub const INITRAMFS_START_ENV: &str = "BERTH_INITRAMFS_START_US";

/// The words of a command line up to `--`, as name and value. Blanks between double quotes do not
/// part words; the quotes themselves are dropped (Linux, lib/cmdline.c: next_arg).
pub fn words(command_line: &str) -> impl DoubleEndedIterator<Item = (String, Option<String>)> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in command_line.chars().chain([' ']) {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.truncate(end);
    words.into_iter().filter(|word| !word.is_empty()).map(|word| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word, None),
    })
}

/// The value of an argument; the last where it is given more than once.
pub fn value(command_line: &str, name: &str) -> Option<String> {
    words(command_line).filter(|(word, _)| word == name).filter_map(|(_, value)| value).next_back()
}

/// How long a failed boot stays on the console. A value that is no number of seconds counts as
/// none, and a day is the most: this is asked when something has failed already.
pub fn emergency_timeout(command_line: &str) -> Duration {
    words(command_line)
        .filter(|(name, _)| name == EMERGENCY_TIMEOUT)
        .filter_map(|(_, value)| value?.parse::<u64>().ok())
        .next_back()
        .map_or(DEFAULT_EMERGENCY_TIMEOUT, |seconds| {
            Duration::from_secs(seconds.min(LONGEST_EMERGENCY_TIMEOUT))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emergency_timeout_has_a_default_and_a_limit() {
        for (command_line, seconds) in [
            ("", 60),
            ("berth.emergency_timeout=5", 5),
            ("berth.emergency_timeout=0", 0),
            ("berth.emergency_timeout=5 berth.emergency_timeout=7", 7),
            ("berth.emergency_timeout=soon", 60),
            ("berth.emergency_timeout=-1", 60),
            ("berth.emergency_timeout=99999999999", 86_400),
        ] {
            assert_eq!(emergency_timeout(command_line).as_secs(), seconds, "{command_line}");
        }
    }

    #[test]
    fn the_last_value_of_an_argument_counts() {
        for (command_line, expected) in
            [("", None), ("a", None), ("a=1 b=2 a=3", Some("3")), ("a=1 a", Some("1")), ("a= b", Some(""))]
        {
            assert_eq!(value(command_line, "a").as_deref(), expected, "{command_line}");
        }
    }

    #[test]
    fn words_end_at_blanks_outside_quotes_and_at_two_dashes() {
        for (command_line, expected) in [
            ("", vec![]),
            ("quiet root=tmpfs\n", vec![("quiet", None), ("root", Some("tmpfs"))]),
            ("a=\"b c\" d", vec![("a", Some("b c")), ("d", None)]),
            ("\"a=b c\"", vec![("a", Some("b c"))]),
            ("a= b==c", vec![("a", Some("")), ("b", Some("=c"))]),
            ("a -- b=c", vec![("a", None)]),
        ] {
            let read: Vec<_> = words(command_line).collect();
            let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
            assert_eq!(read, expected, "{command_line}");
        }
    }
}
