//! Devices as units (systemd.device(5)): what devd tells of one, and the names that it has.

use crate::name::UnitName;
use crate::text::escape::{escape_path, unescape_path};
use crate::text::link;
use crate::text::words::{self, Backslash};

/// Where a device's path in sysfs begins.
const SYSFS: &str = "/sys/";
/// The folder that network interfaces have in unit names, and nowhere else,
const NETWORK: &str = "/sys/subsystem/net/devices/";
/// and the one that they are in.
const NETWORK_CLASS: &str = "/sys/class/net/";
/// Links that every device has: no names that a person would use.
const NUMBERED: [&str; 2] = ["/dev/block/", "/dev/char/"];

/// Tags that fstab(5) names a device by, and the folders of the links that devd makes of them.
const TAGS: [(&str, &str); 4] = [
    ("LABEL=", "/dev/disk/by-label"),
    ("UUID=", "/dev/disk/by-uuid"),
    ("PARTLABEL=", "/dev/disk/by-partlabel"),
    ("PARTUUID=", "/dev/disk/by-partuuid"),
];

/// A device unit. That it is there is all that there is to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device;

/// What devd tells of a device: lines of `KEY=value`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// `SYSPATH`: its path in sysfs.
    pub syspath: String,
    /// `DEVNAME`: its node.
    pub node: Option<String>,
    /// `DEVLINKS`: links to that.
    pub links: Vec<String>,
    /// `SYSTEMD_ALIAS`: other paths to name it by.
    pub aliases: Vec<String>,
    /// `INTERFACE`: its name, of a network interface.
    pub interface: Option<String>,
    /// `SYSTEMD_WANTS`: units to start when it comes.
    pub wants: Vec<UnitName>,
    /// What it is, for people.
    pub description: String,
}

impl Record {
    /// Reads a record. What it says beside is passed over; none without a path in sysfs.
    pub fn parse(text: &str) -> Option<Record> {
        let value = |wanted: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            lines.find(|(key, _)| *key == wanted).map(|(_, value)| value).filter(|value| !value.is_empty())
        };
        let syspath = value("SYSPATH").filter(|path| path.starts_with(SYSFS))?.to_owned();
        let paths = |key: &str| -> Vec<String> {
            let words = value(key).unwrap_or_default().split_whitespace();
            words.filter(|path| path.starts_with('/')).map(str::to_owned).collect()
        };
        let wants = words::split(value("SYSTEMD_WANTS").unwrap_or_default(), Backslash::Literal);
        let wants = wants.unwrap_or_default().iter().filter_map(|word| wanted(word, &syspath)).collect();
        let part = ["ID_FS_LABEL", "ID_PART_ENTRY_NAME", "ID_PART_ENTRY_NUMBER"].into_iter().find_map(value);
        let model = value("ID_MODEL_FROM_DATABASE").or_else(|| value("ID_MODEL"));
        let description = match (model, part) {
            (Some(model), Some(part)) => format!("{model} {part}"),
            (Some(model), None) => model.to_owned(),
            (None, _) => syspath.clone(),
        };
        Some(Record {
            node: value("DEVNAME").filter(|path| path.starts_with('/')).map(str::to_owned),
            links: paths("DEVLINKS"),
            aliases: paths("SYSTEMD_ALIAS"),
            interface: value("INTERFACE").map(str::to_owned),
            wants,
            description,
            syspath,
        })
    }

    /// The units that it is, the first being the one that the others follow. None where its path is
    /// too long for a unit's name.
    pub fn names(&self) -> Vec<UnitName> {
        let Some(main) = unit_name(&self.syspath) else {
            return Vec::new();
        };
        let is_numbered = |path: &String| NUMBERED.iter().any(|folder| path.starts_with(folder));
        let links = self.links.iter().filter(|link| !is_numbered(link));
        let network = self.interface.iter().map(|name| format!("{NETWORK}{name}"));
        let paths = self.node.iter().chain(links).chain(&self.aliases).cloned().chain(network);
        let mut names = vec![main];
        for name in paths.filter_map(|path| unit_name(&path)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// A unit that a device wants: of a template it is the instance of the device's own path.
fn wanted(word: &str, syspath: &str) -> Option<UnitName> {
    let name = UnitName::parse(word).ok()?;
    match name.is_template() {
        true => name.with_instance(&escape_path(syspath)?).ok(),
        false => Some(name),
    }
}

/// The unit of the device at a path; none where that is no path, or too long.
pub fn unit_name(path: &str) -> Option<UnitName> {
    UnitName::parse(&format!("{}.device", escape_path(path)?)).ok()
}

/// What is to be mounted or swapped to, a tag as the link that stands for it: `LABEL=a b` is
/// `/dev/disk/by-label/a\x20b`.
pub fn source(what: &str) -> String {
    let tagged = TAGS.iter().find_map(|(tag, folder)| Some((what.strip_prefix(tag)?, folder)));
    let Some((value, folder)) = tagged else { return what.to_owned() };
    let quoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    match quoted.unwrap_or(value) {
        "" => what.to_owned(),
        value => format!("{folder}/{}", link::encode(value)),
    }
}

/// The unit of the device that something to be mounted is on.
pub fn of_source(what: &str) -> Option<UnitName> {
    what.strip_prefix("/dev/").filter(|rest| !rest.is_empty()).and_then(|_| unit_name(what))
}

/// The path that a device unit is named after, as a person has it.
pub fn path_of(unit: &UnitName) -> String {
    unescape_path(unit.stem())
}

/// The path that is there when the device is.
pub fn place_of(unit: &UnitName) -> String {
    let path = path_of(unit);
    match path.strip_prefix(NETWORK) {
        Some(name) => format!("{NETWORK_CLASS}{name}"),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_device_has_the_names_that_devd_tells() {
        let disk = "SYSPATH=/sys/devices/pci0000:00/0000:00:04.0/virtio1/block/vda\nSUBSYSTEM=block\n\
                    DEVNAME=/dev/vda\nDEVLINKS=/dev/disk/by-id/x-1 /dev/block/254:0 /dev/disk/by-label/my\\x20data\n\
                    ID_MODEL=QEMU disk\nSYSTEMD_WANTS=scan@.service log.service no-unit\n";
        let record = Record::parse(disk).unwrap();
        let names: Vec<String> = record.names().iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            [
                "sys-devices-pci0000:00-0000:00:04.0-virtio1-block-vda.device",
                "dev-vda.device",
                r"dev-disk-by\x2did-x\x2d1.device",
                r"dev-disk-by\x2dlabel-my\x5cx20data.device",
            ]
        );
        let wants: Vec<String> = record.wants.iter().map(ToString::to_string).collect();
        assert_eq!(
            wants,
            ["scan@sys-devices-pci0000:00-0000:00:04.0-virtio1-block-vda.service", "log.service"]
        );
        assert_eq!(record.description, "QEMU disk");
        let network = "SYSPATH=/sys/devices/virtual/net/br0\nINTERFACE=br0\n\
                       SYSTEMD_ALIAS=/sys/subsystem/net/devices/br0 relative\n";
        let record = Record::parse(network).unwrap();
        let names: Vec<String> = record.names().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["sys-devices-virtual-net-br0.device", "sys-subsystem-net-devices-br0.device"]);
        assert_eq!(record.description, "/sys/devices/virtual/net/br0");
        let part = "SYSPATH=/sys/x\nID_MODEL=Disk\nID_FS_LABEL=data\n";
        assert_eq!(Record::parse(part).unwrap().description, "Disk data");
    }

    #[test]
    fn what_is_no_record_is_none() {
        for text in ["", "SYSPATH=", "SYSPATH=/dev/vda", "DEVNAME=/dev/vda", "\0"] {
            assert_eq!(Record::parse(text), None, "{text:?}");
        }
        let long = format!("SYSPATH=/sys/{}\n", "x".repeat(300));
        assert!(Record::parse(&long).unwrap().names().is_empty());
    }

    #[test]
    fn a_tag_is_a_link_of_devd() {
        for (what, expected) in [
            ("LABEL=data", "/dev/disk/by-label/data"),
            ("LABEL=a b/c", r"/dev/disk/by-label/a\x20b\x2fc"),
            ("LABEL=\"my disk\"", r"/dev/disk/by-label/my\x20disk"),
            ("LABEL=größe", "/dev/disk/by-label/größe"),
            ("UUID=1234-ABCD", "/dev/disk/by-uuid/1234-ABCD"),
            ("PARTLABEL='var'", "/dev/disk/by-partlabel/var"),
            ("PARTUUID=0f-02", "/dev/disk/by-partuuid/0f-02"),
            ("LABEL=", "LABEL="),
            ("label=x", "label=x"),
            ("/dev/vda", "/dev/vda"),
            ("tmpfs", "tmpfs"),
        ] {
            assert_eq!(source(what), expected, "{what}");
        }
    }

    #[test]
    fn paths_of_units() {
        for (path, unit, place) in [
            ("/dev/vda", "dev-vda.device", "/dev/vda"),
            ("/dev/disk/by-label/a", r"dev-disk-by\x2dlabel-a.device", "/dev/disk/by-label/a"),
            ("/sys/subsystem/net/devices/e0", "sys-subsystem-net-devices-e0.device", "/sys/class/net/e0"),
        ] {
            let name = unit_name(path).unwrap();
            assert_eq!((name.as_str(), place_of(&name).as_str()), (unit, place));
            assert_eq!(path_of(&name), path);
        }
        for (what, unit) in
            [("/dev/vda", Some("dev-vda.device")), ("/dev/", None), ("tmpfs", None), ("/x", None)]
        {
            assert_eq!(of_source(what).as_ref().map(UnitName::as_str), unit, "{what}");
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in ".*", lines in "(SYSPATH=/sys/.*\n|DEVLINKS=.*\n|SYSTEMD_WANTS=.*\n|.*=.*\n){0,6}") {
            for text in [text, lines] {
                if let Some(record) = Record::parse(&text) {
                    for name in record.names() {
                        prop_assert!(name.as_str().ends_with(".device"));
                    }
                }
            }
        }
    }
}
