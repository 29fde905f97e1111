//! Devices as sysfs shows them (the kernel's Documentation/admin-guide/sysfs-rules.rst).

use std::collections::{BTreeMap, BTreeSet};

use crate::uevent;

/// Where sysfs is mounted; every path of a device begins so.
pub const ROOT: &str = "/sys";
/// The folder that every device is in.
pub const DEVICES: &str = "/sys/devices";

/// What can be asked of sysfs. Paths are absolute.
pub trait Sysfs {
    /// The bytes of a file; None where there is none or it cannot be read.
    fn read(&self, path: &str) -> Option<Vec<u8>>;
    /// Where a link leads, as an absolute path without links in it.
    fn link(&self, path: &str) -> Option<String>;
    /// The names in a folder, in order; links and folders are told by nothing.
    fn list(&self, path: &str) -> Vec<String>;
    /// Whether something is there.
    fn exists(&self, path: &str) -> bool;
}

/// One device: a folder of sysfs.
#[derive(Clone)]
pub struct Device<'a> {
    sysfs: &'a dyn Sysfs,
    path: String,
}

impl std::fmt::Debug for Device<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)
    }
}

impl<'a> Device<'a> {
    /// The device at `path`, `/sys/devices/...`, whether it is there or not.
    pub fn at(sysfs: &'a dyn Sysfs, path: impl Into<String>) -> Self {
        Self { sysfs, path: path.into() }
    }

    /// The device that a link of sysfs leads to, such as `/sys/class/net/lo`.
    pub fn by_link(sysfs: &'a dyn Sysfs, link: &str) -> Option<Self> {
        Some(Self { sysfs, path: sysfs.link(link)? })
    }

    /// Its path, `/sys/devices/...`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it is looked at through.
    pub fn sysfs(&self) -> &'a dyn Sysfs {
        self.sysfs
    }

    /// The kernel's name of it. A `/` of the name stands as `!` in sysfs.
    pub fn name(&self) -> String {
        base_name(&self.path).replace('!', "/")
    }

    /// The number at the end of its name, as text.
    pub fn number(&self) -> Option<String> {
        let name = self.name();
        let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        (digits > 0 && digits < name.len()).then(|| name[name.len() - digits..].to_owned())
    }

    /// `block`, `net`, `pci` ...
    pub fn subsystem(&self) -> Option<String> {
        self.linked_name("subsystem")
    }

    /// `disk`, `partition`, `usb_interface` ...
    pub fn devtype(&self) -> Option<String> {
        self.uevent().remove("DEVTYPE")
    }

    /// The name of the driver that it is bound to.
    pub fn driver(&self) -> Option<String> {
        self.linked_name("driver")
    }

    /// What its `uevent` file says.
    pub fn uevent(&self) -> uevent::Properties {
        self.read("uevent").map(|text| uevent::lines(&text)).unwrap_or_default()
    }

    /// The last part of where a link in its folder leads.
    pub fn linked_name(&self, link: &str) -> Option<String> {
        self.sysfs.link(&self.child(link)).map(|target| base_name(&target).to_owned())
    }

    /// The bytes of a file in its folder.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.sysfs.read(&self.child(name))
    }

    /// The text of a file in its folder, without line ends after it. None where it is not UTF-8.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let text = String::from_utf8(self.read(name)?).ok()?;
        Some(text.trim_end_matches(['\n', '\r', '\0']).to_owned())
    }

    /// The text of a file without blanks around it; None where nothing is left.
    pub fn word(&self, name: &str) -> Option<String> {
        let text = self.attribute(name)?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A file that holds a decimal number.
    pub fn decimal<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.word(name)?.parse().ok()
    }

    /// Whether something of that name is in its folder.
    pub fn has(&self, name: &str) -> bool {
        self.sysfs.exists(&self.child(name))
    }

    /// The names in its folder, or in a folder of it.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.sysfs.list(if name.is_empty() { self.path.clone() } else { self.child(name) }.as_str())
    }

    fn child(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// The device that it belongs to: the nearest folder above that is a device.
    pub fn parent(&self) -> Option<Self> {
        let mut path = self.path.as_str();
        loop {
            path = &path[..path.rfind('/')?];
            if path.len() <= DEVICES.len() {
                return None;
            }
            if self.sysfs.exists(&format!("{path}/uevent")) {
                return Some(Self { sysfs: self.sysfs, path: path.to_owned() });
            }
        }
    }

    /// It and what it belongs to, from the inside out.
    pub fn chain(&self) -> impl Iterator<Item = Self> + use<'a> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    /// The nearest device above it of a subsystem, and of a type where one is given.
    pub fn above(&self, subsystem: &str, devtype: Option<&str>) -> Option<Self> {
        let fits = |device: &Self| {
            device.subsystem().as_deref() == Some(subsystem)
                && devtype.is_none_or(|wanted| device.devtype().as_deref() == Some(wanted))
        };
        self.chain().skip(1).find(fits)
    }

    /// The text of a file in its folder or in the nearest above that has it and says something in it.
    pub fn inherited(&self, name: &str) -> Option<String> {
        self.chain().find_map(|device| device.word(name))
    }

    /// The device of a subsystem that has this name.
    pub fn of_subsystem(&self, subsystem: &str, name: &str) -> Option<Self> {
        let places =
            [format!("{ROOT}/bus/{subsystem}/devices/{name}"), format!("{ROOT}/class/{subsystem}/{name}")];
        places.iter().find_map(|place| Self::by_link(self.sysfs, place))
    }
}

/// The last part of a path.
pub fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A sysfs that is given as data: what tests name devices from.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    files: BTreeMap<String, Vec<u8>>,
    links: BTreeMap<String, String>,
    folders: BTreeSet<String>,
}

impl Tree {
    /// Reads a tree: a line `PATH = TEXT` is a file, `PATH -> PATH` a link, a path alone is a device without
    /// properties. A path that does not begin with `/` is below the last device or file's folder
    /// that did. `\n`, `\xNN` and `\\` in a text stand for bytes.
    pub fn of(text: &str) -> Self {
        let mut tree = Self::default();
        let mut base = String::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (left, right) = match (line.split_once(" = "), line.split_once(" -> ")) {
                (Some((path, text)), _) => (path, Some(Ok(text))),
                (None, Some((path, target))) => (path, Some(Err(target))),
                (None, None) => (line.trim_end_matches(" ="), line.ends_with(" =").then_some(Ok(""))),
            };
            let path = if left.starts_with('/') { left.to_owned() } else { format!("{base}/{left}") };
            match right {
                Some(Ok(text)) => drop(tree.files.insert(path.clone(), unescaped(text))),
                Some(Err(target)) => drop(tree.links.insert(path.clone(), target.to_owned())),
                None => {
                    base.clone_from(&path);
                    tree.files.entry(format!("{path}/uevent")).or_default();
                }
            }
            let mut folder = path.as_str();
            while let Some(at) = folder.rfind('/') {
                folder = &folder[..at];
                tree.folders.insert(folder.to_owned());
            }
        }
        tree
    }

    fn resolved(&self, path: &str) -> String {
        let mut path = path.to_owned();
        // A link in the middle of a path, such as `.../physfn/config`.
        for _ in 0..8 {
            let link = self.links.iter().find(|(link, _)| {
                path.strip_prefix(link.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            let Some((link, target)) = link else { break };
            path = format!("{target}{}", &path[link.len()..]);
        }
        path
    }
}

impl Sysfs for Tree {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.files.get(&self.resolved(path)).cloned()
    }

    fn link(&self, path: &str) -> Option<String> {
        let resolved = self.resolved(path);
        (resolved != path).then_some(resolved)
    }

    fn list(&self, path: &str) -> Vec<String> {
        let prefix = format!("{}/", self.resolved(path));
        let all = self.files.keys().chain(self.links.keys()).chain(&self.folders);
        let inside = all.filter_map(|path| path.strip_prefix(&prefix)?.split('/').next());
        inside.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn exists(&self, path: &str) -> bool {
        let path = self.resolved(path);
        self.files.contains_key(&path) || self.folders.contains(&path)
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, more)) = rest.split_first() {
        let hex = more.strip_prefix(b"x").filter(|hex| hex.len() >= 2);
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(&hex[..2]).ok()?, 16).ok());
        let (byte, after) = match (first, more.first(), byte) {
            (b'\\', Some(b'n'), _) => (b'\n', &more[1..]),
            (b'\\', Some(b'\\'), _) => (b'\\', &more[1..]),
            (b'\\', Some(b'x'), Some(byte)) => (byte, &more[3..]),
            _ => (first, more),
        };
        out.push(byte);
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: &str = "
        /sys/class/block/vda -> /sys/devices/pci0/v0/block/vda
        /sys/devices/pci0
        /sys/devices/pci0/v0
          subsystem -> /sys/bus/virtio
          driver -> /sys/bus/virtio/drivers/virtio_blk
        /sys/devices/pci0/v0/block/vda
          uevent = DEVNAME=vda\\nDEVTYPE=disk\\n
          subsystem -> /sys/class/block
          serial = a b \\n
          empty =
    ";

    #[test]
    fn a_device_is_a_folder_and_its_parents_are_devices() {
        let tree = Tree::of(DISK);
        let disk = Device::by_link(&tree, "/sys/class/block/vda").unwrap();
        assert_eq!(disk.path(), "/sys/devices/pci0/v0/block/vda");
        assert_eq!(disk.subsystem().as_deref(), Some("block"));
        assert_eq!(disk.devtype().as_deref(), Some("disk"));
        assert_eq!(disk.attribute("serial").as_deref(), Some("a b "));
        assert_eq!(disk.word("serial").as_deref(), Some("a b"));
        assert_eq!((disk.word("empty"), disk.word("none")), (None, None));
        let chain: Vec<_> = disk.chain().map(|device| device.name()).collect();
        assert_eq!(chain, ["vda", "v0", "pci0"], "the folder `block` is no device");
        assert_eq!(disk.above("virtio", None).unwrap().driver().as_deref(), Some("virtio_blk"));
        assert!(disk.above("pci", None).is_none());
        assert_eq!(disk.list(""), ["empty", "serial", "subsystem", "uevent"]);
    }

    #[test]
    fn numbers_and_slashes_of_names() {
        let tree = Tree::default();
        for (name, shown, number) in
            [("sda1", "sda1", Some("1")), ("cciss!c0d1", "cciss/c0d1", Some("1")), ("lo", "lo", None)]
        {
            let device = Device::at(&tree, format!("/sys/devices/{name}"));
            assert_eq!((device.name().as_str(), device.number().as_deref()), (shown, number));
        }
    }
}
