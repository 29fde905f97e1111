//! A mount's settings (systemd.mount(5)), and the programs that mount and unmount it.

use std::time::Duration;

use crate::name::{NameError, UnitName};
use crate::service::config::{Command, ExecList, Service};
use crate::text::escape::{escape_path, unescape_path};
use crate::text::value;

/// File systems that come over a network.
const NETWORK_TYPES: [&str; 17] = [
    "afs",
    "ceph",
    "cifs",
    "davfs",
    "fuse.davfs",
    "glusterfs",
    "gfs",
    "gfs2",
    "lustre",
    "ncpfs",
    "ncp",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "pvfs2",
    "smb3",
];
/// Options that speak to the service manager: neither the kernel nor busybox's `mount` knows them.
const OURS: [&str; 6] = ["auto", "noauto", "nofail", "fail", "_netdev", "nobootwait"];

/// How long a device is waited for that may still be found.
pub(crate) const DEVICE_PATIENCE: Duration = Duration::from_secs(90);

/// What stays mounted: PID 1 runs from there, or the kernel needs it until the end.
const KEPT: [&str; 6] = ["/", "/usr", "/proc", "/sys", "/dev", "/run"];
/// Of these all that is below stays too.
const KEPT_BELOW: [&str; 3] = ["/proc/", "/sys/", "/dev/"];

/// Whether what is mounted at a path stays until the machine's very end.
pub fn is_kept(place: &str) -> bool {
    KEPT.contains(&place) || KEPT_BELOW.iter().any(|kept| place.starts_with(kept))
}

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// `What=`: a device, a folder, or a word. A tag such as `LABEL=` is the link that stands for it.
    pub what: String,
    /// `Where=`: an absolute path without a slash at its end.
    pub place: String,
    /// `Type=`; none to have it found out.
    pub kind: Option<String>,
    /// `Options=`.
    pub options: Vec<String>,
    /// `SloppyOptions=`: options that the file system does not know are passed over.
    pub sloppy_options: bool,
    /// `LazyUnmount=`.
    pub lazy_unmount: bool,
    /// `ForceUnmount=`.
    pub force_unmount: bool,
    /// `ReadWriteOnly=`: not read-only where it cannot be written to.
    pub read_write_only: bool,
    /// `DirectoryMode=`: of folders made on the way to the mount point.
    pub directory_mode: u32,
    /// The settings of `mount` and `umount`, and how they are called.
    pub helper: Service,
}

impl Mount {
    /// A mount without settings at the place that its name says.
    pub fn unset(name: &UnitName, helper: Service) -> Mount {
        Mount {
            what: String::new(),
            place: place_of(name),
            kind: None,
            options: Vec::new(),
            sloppy_options: false,
            lazy_unmount: false,
            force_unmount: false,
            read_write_only: false,
            directory_mode: 0o755,
            helper,
        }
    }

    /// Whether an option is set: `nofail`, or `loop` for `loop=/dev/loop1`.
    pub fn has_option(&self, wanted: &str) -> bool {
        self.options.iter().any(|option| option.split('=').next() == Some(wanted))
    }

    /// Whether it needs the network.
    pub fn is_network(&self) -> bool {
        self.has_option("_netdev") || self.kind.as_deref().is_some_and(|kind| NETWORK_TYPES.contains(&kind))
    }

    /// Whether it shows a folder at another place.
    pub fn is_bind(&self) -> bool {
        self.has_option("bind") || self.has_option("rbind") || self.kind.as_deref() == Some("bind")
    }

    /// The path that must be there before it, beside its place: the folder or file that it shows.
    pub fn source_path(&self) -> Option<&str> {
        let is_file = self.is_bind() || self.has_option("loop");
        Some(self.what.as_str()).filter(|what| is_file && what.starts_with('/'))
    }

    /// Makes the command lines of `mount` and `umount` from the settings.
    pub fn call(&mut self) {
        let mut mount = vec!["mount".to_owned()];
        let flags = [("-s", self.sloppy_options), ("-w", self.read_write_only)];
        mount.extend(flags.iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| (*flag).to_owned()));
        // A bind mount is no type of the kernel's.
        let kind = self.kind.as_deref().filter(|kind| !matches!(*kind, "auto" | "bind"));
        mount.extend(kind.iter().flat_map(|kind| ["-t".to_owned(), (*kind).to_owned()]));
        let mut options = kernel_options(&self.options);
        if self.kind.as_deref() == Some("bind") && !self.has_option("bind") {
            options.push("bind");
        }
        if !options.is_empty() {
            mount.extend(["-o".to_owned(), options.join(",")]);
        }
        mount.extend([self.what.clone(), self.place.clone()]);
        let mut umount = vec!["umount".to_owned()];
        let flags = [("-l", self.lazy_unmount), ("-f", self.force_unmount)];
        umount.extend(flags.iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| (*flag).to_owned()));
        umount.push(self.place.clone());
        set_commands(&mut self.helper, mount, umount);
    }
}

/// How long a device is waited for: by `x-systemd.device-timeout=`, or for 90 s.
pub fn device_patience(options: &[String]) -> Duration {
    stated_patience(options).unwrap_or(DEVICE_PATIENCE)
}

/// The same, where it is stated.
pub fn stated_patience(options: &[String]) -> Option<Duration> {
    let stated = options.iter().find_map(|option| option.strip_prefix("x-systemd.device-timeout="));
    let stated = stated.and_then(|span| value::time_span(span).ok());
    stated.map(|span| span.finite().unwrap_or(Duration::MAX))
}

/// Options without those that are for the service manager.
fn kernel_options(options: &[String]) -> Vec<&str> {
    let is_ours = |option: &str| {
        let name = option.split('=').next().unwrap_or(option);
        OURS.contains(&name) || name == "comment" || name.starts_with("x-") || name.starts_with("X-")
    };
    options.iter().map(String::as_str).filter(|option| !is_ours(option)).collect()
}

/// Has a helper start by one program and stop by another.
pub(crate) fn set_commands(helper: &mut Service, start: Vec<String>, stop: Vec<String>) {
    for (list, argv) in [(ExecList::Start, start), (ExecList::Stop, stop)] {
        let path = argv.first().cloned().unwrap_or_default();
        let command = Command {
            path,
            argv,
            ignore_failure: false,
            literal: true,
            privileged: false,
            unconfined: false,
        };
        *helper.commands.list_mut(list) = vec![command];
    }
}

/// The name of the unit that mounts something at a path.
///
/// # Errors
/// The path is too long to be a name.
pub fn unit_name(path: &str) -> Result<UnitName, NameError> {
    UnitName::parse(&format!("{}.mount", escape_path(path).unwrap_or_default()))
}

/// The path that a mount's or swap's name stands for.
pub fn place_of(name: &UnitName) -> String {
    unescape_path(name.stem())
}

/// A path and all that it is below, the root first: `/`, `/var`, `/var/lib`.
pub fn prefixes(path: &str) -> Vec<String> {
    let mut out = vec!["/".to_owned()];
    let mut so_far = String::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        so_far.push('/');
        so_far.push_str(part);
        out.push(so_far.clone());
    }
    out
}

/// A path without doubled slashes and without one at its end; none where it is not absolute, or
/// has dots that lead elsewhere.
pub fn normal_path(path: &str) -> Option<String> {
    if !path.starts_with('/') || path.split('/').any(|part| matches!(part, "." | "..")) {
        return None;
    }
    prefixes(path).pop()
}

/// One line of /proc/self/mountinfo (proc(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Where.
    pub place: String,
    /// The file system's kind.
    pub kind: String,
    /// What is mounted.
    pub what: String,
    /// The mount's own options.
    pub options: String,
    /// Whether the file system can be written to: a mount can be read-only on a writable one.
    pub is_writable: bool,
}

impl Mounted {
    /// Reads a line.
    pub fn parse(line: &str) -> Option<Mounted> {
        let (front, back) = line.split_once(" - ")?;
        let mut front = front.split(' ').skip(4);
        let (place, options) = (front.next()?, front.next()?);
        let mut back = back.split(' ');
        let (kind, what, super_options) = (back.next()?, back.next()?, back.next()?);
        Some(Mounted {
            place: unescape_octal(place),
            kind: kind.to_owned(),
            what: unescape_octal(what),
            options: options.to_owned(),
            is_writable: super_options.split(',').any(|option| option == "rw"),
        })
    }
}

/// The kernel writes blanks and backslashes in its tables as `\ooo`.
pub fn unescape_octal(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| *first == b'\\').and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_and_what_they_are_below() {
        assert_eq!(prefixes("/"), ["/"]);
        assert_eq!(prefixes("/var//lib/"), ["/", "/var", "/var/lib"]);
        assert_eq!(normal_path("/a//b/"), Some("/a/b".to_owned()));
        assert_eq!(normal_path("/"), Some("/".to_owned()));
        assert_eq!((normal_path("a"), normal_path("/a/../b")), (None, None));
        assert_eq!(unit_name("/var/my data").unwrap().as_str(), "var-my\\x20data.mount");
    }

    #[test]
    fn keeps_what_the_end_needs() {
        for place in ["/", "/usr", "/proc/sys/fs/binfmt_misc", "/dev/pts"] {
            assert!(is_kept(place), "{place}");
        }
        for place in ["/etc", "/var/lib/x", "/tmp", "/run/user", "/devices"] {
            assert!(!is_kept(place), "{place}");
        }
    }

    #[test]
    fn reads_mountinfo() {
        let line = r"36 35 98:0 /mnt1 /mnt\0402 rw,noatime shared:1 - ext4 /dev/vda7 ro,errors=continue";
        let mounted = Mounted::parse(line).unwrap();
        assert_eq!((mounted.place.as_str(), mounted.kind.as_str()), ("/mnt 2", "ext4"));
        assert_eq!((mounted.what.as_str(), mounted.options.as_str()), ("/dev/vda7", "rw,noatime"));
        assert!(!mounted.is_writable);
        let line = r"22 1 8:1 / / ro - ext4 /dev/vda7 rw";
        assert!(Mounted::parse(line).unwrap().is_writable);
        assert_eq!(Mounted::parse("nonsense"), None);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in ".*") {
            let _ = (Mounted::parse(&line), unescape_octal(&line), normal_path(&line), unit_name(&line));
        }
    }
}
