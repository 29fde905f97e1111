//! Owners and modes of device nodes: what systemd's 50-udev-default.rules say, as data. udev's rules
//! files are not read.

use layout::user::GROUPS;
use unit::text::glob;

/// What a node is recognized by, and what it gets.
struct Rule {
    subsystem: &'static str,
    names: &'static [&'static str],
    group: &'static str,
    mode: Option<u32>,
}

const fn rule(subsystem: &'static str, names: &'static [&'static str], group: &'static str) -> Rule {
    Rule { subsystem, names, group, mode: None }
}

const fn with_mode(rule: Rule, mode: u32) -> Rule {
    Rule { mode: Some(mode), ..rule }
}

const ANY: &[&str] = &["*"];

/// An empty subsystem is any. Of two rules that fit the later one's group, and mode, counts.
const RULES: [Rule; 42] = [
    with_mode(rule("tty", &["ptmx", "tty"], "tty"), 0o666),
    with_mode(rule("tty", &["tty[0-9]*", "hvc[0-9]*"], "tty"), 0o600),
    rule("vc", &["vcs*", "vcsa*"], "tty"),
    rule("tty", &["tty[A-Z]*[0-9]"], "dialout"),
    rule("", &["pppox[0-9]*", "ircomm[0-9]*", "noz[0-9]*", "rfcomm[0-9]*"], "dialout"),
    with_mode(rule("mem", &["mem", "kmem", "port"], "kmem"), 0o640),
    rule("input", ANY, "input"),
    with_mode(rule("input", &["js[0-9]*"], "input"), 0o664),
    rule("video4linux", ANY, "video"),
    rule("graphics", ANY, "video"),
    rule("drm", ANY, "video"),
    rule("dvb", ANY, "video"),
    rule("media", ANY, "video"),
    rule("cec", ANY, "video"),
    with_mode(rule("drm", &["renderD*"], "render"), 0o660),
    with_mode(rule("kfd", ANY, "render"), 0o660),
    with_mode(rule("accel", ANY, "render"), 0o660),
    with_mode(rule("misc", &["sgx_enclave", "sgx_vepc"], "sgx"), 0o660),
    rule("sound", ANY, "audio"),
    with_mode(rule("usb", ANY, "root"), 0o664),
    rule("", &["parport[0-9]*", "lp[0-9]*", "irlpt[0-9]*"], "lp"),
    rule("ppdev", ANY, "lp"),
    rule("block", ANY, "disk"),
    rule("block", &["sr[0-9]*"], "cdrom"),
    rule("", &["sch[0-9]*", "pktcdvd[0-9]*"], "cdrom"),
    rule("scsi_tape", ANY, "tape"),
    rule("scsi_generic", ANY, "disk"),
    rule("", &["loop-control", "btrfs-control", "rawctl"], "disk"),
    rule("raw", &["raw[0-9]*"], "disk"),
    with_mode(rule("aoe", ANY, "disk"), 0o220),
    with_mode(rule("aoe", &["err"], "disk"), 0o440),
    with_mode(rule("", &["rfkill"], "root"), 0o664),
    with_mode(rule("", &["tun"], "root"), 0o666),
    with_mode(rule("", &["fuse"], "root"), 0o666),
    with_mode(rule("", &["kvm"], "kvm"), 0o660),
    with_mode(rule("", &["vfio"], "root"), 0o666),
    with_mode(rule("", &["vsock"], "root"), 0o666),
    with_mode(rule("", &["vhost-vsock", "vhost-net"], "kvm"), 0o660),
    rule("", &["udmabuf"], "kvm"),
    with_mode(rule("", &["nvram"], "kmem"), 0o640),
    with_mode(rule("", &["pktcdvd"], "cdrom"), 0o644),
    rule("", &["lirc[0-9]*"], "video"),
];

/// SCSI's device types whose generic nodes are a CD drive's or a scanner's, and a tape's.
const SCSI_OPTICAL: [&str; 2] = ["4", "5"];
const SCSI_TAPE: [&str; 2] = ["1", "8"];

/// Who may use a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The group's id; the user is always root.
    pub gid: u32,
    /// The permission bits.
    pub mode: u32,
}

/// Who may use the node of a device of this subsystem and name; None where the kernel's own choice
/// stays. `scsi_type` is the `type` of the SCSI device above, if there is one.
pub fn access(subsystem: &str, name: &str, scsi_type: Option<&str>) -> Option<Access> {
    let base = crate::sysfs::base_name(name);
    let fits = |rule: &&Rule| {
        (rule.subsystem.is_empty() || rule.subsystem == subsystem)
            && rule.names.iter().any(|pattern| glob::matches(pattern, base))
    };
    let (mut group, mut mode) = (None, None);
    for rule in RULES.iter().filter(fits) {
        group = Some(rule.group);
        mode = rule.mode.or(mode);
    }
    if let ("scsi_generic", Some(kind)) = (subsystem, scsi_type) {
        group = match kind {
            kind if SCSI_OPTICAL.contains(&kind) => Some("cdrom"),
            kind if SCSI_TAPE.contains(&kind) => Some("tape"),
            "0" => Some("disk"),
            _ => None,
        };
    }
    let gid = GROUPS.iter().find(|known| Some(known.name) == group)?.gid;
    Some(Access { gid, mode: mode.unwrap_or(0o660) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_of_the_table_exists() {
        for rule in &RULES {
            assert!(GROUPS.iter().any(|group| group.name == rule.group), "{}", rule.group);
        }
    }

    #[test]
    fn nodes_have_the_access_that_udev_gives() {
        for (subsystem, name, scsi, expected) in [
            ("block", "vda", None, Some(("disk", 0o660))),
            ("block", "sr0", None, Some(("cdrom", 0o660))),
            ("misc", "kvm", None, Some(("kvm", 0o660))),
            ("misc", "fuse", None, Some(("root", 0o666))),
            ("misc", "net/tun", None, Some(("root", 0o666))),
            ("misc", "vhost-net", None, Some(("kvm", 0o660))),
            ("vfio", "vfio/vfio", None, Some(("root", 0o666))),
            ("tty", "tty1", None, Some(("tty", 0o600))),
            ("tty", "tty", None, Some(("tty", 0o666))),
            ("tty", "ttyS0", None, Some(("dialout", 0o660))),
            ("tty", "ttyUSB12", None, Some(("dialout", 0o660))),
            ("tty", "hvc0", None, Some(("tty", 0o600))),
            ("vc", "vcsa1", None, Some(("tty", 0o660))),
            ("input", "input/event3", None, Some(("input", 0o660))),
            ("drm", "dri/card0", None, Some(("video", 0o660))),
            ("drm", "dri/renderD128", None, Some(("render", 0o660))),
            ("usb", "bus/usb/001/002", None, Some(("root", 0o664))),
            ("mem", "mem", None, Some(("kmem", 0o640))),
            ("mem", "null", None, None),
            ("misc", "watchdog", None, None),
            ("scsi_generic", "sg0", Some("0"), Some(("disk", 0o660))),
            ("scsi_generic", "sg1", Some("5"), Some(("cdrom", 0o660))),
            ("scsi_generic", "sg2", Some("8"), Some(("tape", 0o660))),
            ("scsi_generic", "sg3", Some("13"), None),
        ] {
            let got = access(subsystem, name, scsi);
            let expected = expected.map(|(group, mode)| {
                let gid = GROUPS.iter().find(|known| known.name == group).unwrap().gid;
                Access { gid, mode }
            });
            assert_eq!(got, expected, "{subsystem} {name}");
        }
    }
}
