//! What a disk or partition is called in `/dev/disk` and beside it: what systemd's
//! 60-persistent-storage.rules and kin make of it.

pub mod ata;
pub mod hardware;
pub mod scsi;
pub mod usb;

use crate::encode::{attribute, encode, encode_bytes, part};
use crate::path_id;
use crate::superblock::{Contents, Probe};
use crate::sysfs::{Device, base_name};
use crate::table::{Entry, Table};
use crate::uevent::Properties;

/// What was read from the device, or asked of its driver.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// What is on it.
    pub contents: Option<Contents>,
    /// The partition table of the disk.
    pub table: Option<Table>,
    /// ATA's IDENTIFY data of the disk.
    pub ata: Option<Vec<u8>>,
    /// Of an MD array: what its members say.
    pub array: Option<Contents>,
}

impl Facts {
    /// Sets what a probe found: of several things none counts.
    pub fn set_contents(&mut self, probe: Probe) {
        self.contents = match probe {
            Probe::One(contents) => Some(contents),
            Probe::Nothing | Probe::Ambivalent(_) => None,
        };
    }
}

/// A device's links and what is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Links, relative to /dev, with their priorities.
    pub links: Vec<(String, i32)>,
    /// udev's properties.
    pub properties: Properties,
}

impl Names {
    fn put(&mut self, key: &str, value: impl Into<String>) {
        self.properties.insert(key.to_owned(), value.into());
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(String::as_str)
    }

    fn link(&mut self, link: String) {
        self.link_with(link, 0);
    }

    /// A link with nothing in its name that leads elsewhere, or that ends it where links are listed.
    fn link_with(&mut self, link: String, priority: i32) {
        let leads_on = |part: &str| matches!(part, "" | "." | "..");
        let ends = |c: char| c.is_whitespace() || c.is_control();
        if !link.split('/').any(leads_on) && !link.contains(ends) {
            self.links.push((link, priority));
        }
    }
}

/// How a block device is called, by the start of its kernel name.
enum Kind {
    /// A disk or a partition of one.
    Disk,
    Loop,
    Mapped,
    Array,
}

fn kind(name: &str) -> Option<Kind> {
    let disks = [
        "mmcblk", "nvme", "sd", "sr", "vd", "xvd", "bcache", "cciss", "ubd", "pmem", "nbd", "zd", "rbd",
        "zram", "ublkb", "msblk", "mspblk",
    ];
    Some(match name {
        name if name.starts_with("loop") => Kind::Loop,
        name if name.starts_with("dm-") => Kind::Mapped,
        name if name.starts_with("md") => Kind::Array,
        name if disks.iter().any(|start| name.starts_with(start)) => Kind::Disk,
        _ => return None,
    })
}

/// The disk that a partition is of, or the device itself.
pub fn disk<'a>(device: &Device<'a>) -> Device<'a> {
    match is_partition(device) {
        true => device.parent().unwrap_or_else(|| device.clone()),
        false => device.clone(),
    }
}

/// Whether a device is a partition.
pub fn is_partition(device: &Device<'_>) -> bool {
    device.has("partition")
}

/// The paths of a disk's partitions.
pub fn partitions(disk: &Device<'_>) -> Vec<String> {
    let name = base_name(disk.path());
    let names = disk.list("").into_iter().filter(|child| child.starts_with(name));
    let partitions = names.filter(|child| disk.has(&format!("{child}/partition")));
    partitions.map(|child| format!("{}/{child}", disk.path())).collect()
}

/// Whether there is something to be read: a device-mapper table that is not suspended, an array
/// that runs, a loop with a file, a drive with a medium.
pub fn is_ready(device: &Device<'_>) -> bool {
    let disk = disk(device);
    if disk.decimal::<u64>("size") == Some(0) || disk.word("hidden").as_deref() == Some("1") {
        return false;
    }
    match kind(&disk.name()) {
        Some(Kind::Loop) => disk.has("loop/backing_file"),
        Some(Kind::Mapped) => disk.word("dm/suspended").as_deref() != Some("1") && disk.has("dm/name"),
        Some(Kind::Array) => {
            let stopped = ["clear", "inactive"];
            disk.word("md/array_state").is_some_and(|state| !stopped.contains(&state.as_str()))
        }
        _ => true,
    }
}

/// A part of an array, which a service of its own gives to the array.
const RAID_MEMBER: &str = "linux_raid_member";

/// The names of a device.
pub fn names(device: &Device<'_>, facts: &Facts) -> Names {
    let mut names = Names::default();
    let disk = disk(device);
    let Some(kind) = kind(&disk.name()) else { return names };
    let number = device.word("partition");
    let suffix = number.as_deref().map(|number| format!("-part{number}")).unwrap_or_default();
    if let Some(table) = &facts.table {
        names.put("ID_PART_TABLE_TYPE", table.scheme.as_str());
        if let Some(uuid) = &table.uuid {
            names.put("ID_PART_TABLE_UUID", uuid.as_str());
        }
    }
    let sequence = disk.word("diskseq");
    match kind {
        Kind::Mapped => {
            mapped(device, &mut names);
            // A suspended one is not to be read.
            if !is_ready(device) {
                return names;
            }
        }
        Kind::Array => array(facts, &suffix, &mut names),
        Kind::Disk => {
            hardware::identify(&disk, facts, &suffix, &mut names);
            place(&disk, &suffix, &mut names);
        }
        Kind::Loop => {}
    }
    let entry = number.as_deref().and_then(|number| facts.table.as_ref()?.entry(number.parse().ok()?));
    if let Some(contents) = &facts.contents {
        contents_properties(contents, &mut names);
        // One that is held is in its array already, such as after a first boot that made it.
        if contents.kind == RAID_MEMBER
            && device.list("holders").is_empty()
            && let Some(node) = unit::text::escape::escape_path(&format!("/dev/{}", device.name()))
        {
            names.put("SYSTEMD_WANTS", format!("mdadm-assemble@{node}.service"));
        }
    }
    if let Some(entry) = &entry {
        entry_properties(device, facts, entry, &mut names);
    }
    names.link_all("disk");
    if let (Some(path), Some(number)) = (names.get("ID_PATH").map(str::to_owned), number) {
        let folder = format!("disk/by-path/{path}-part");
        names.link(format!("{folder}/by-partnum/{number}"));
        names.link_all(&folder);
    }
    if let Some(sequence) = sequence.filter(|_| !matches!(kind, Kind::Array)) {
        names.link(format!("disk/by-diskseq/{sequence}{suffix}"));
    }
    // A drive's other name, which every further drive would claim too.
    if device.name() == "sr0" {
        names.link_with("cdrom".to_owned(), -100);
    }
    names
}

impl Names {
    /// The links by what is on the device, in a folder.
    fn link_all(&mut self, folder: &str) {
        let usage = self.get("ID_FS_USAGE").unwrap_or_default();
        let linked = ["filesystem", "other", "crypto"].contains(&usage);
        let is_gpt = self.get("ID_PART_ENTRY_SCHEME") == Some("gpt");
        let all = [
            ("by-uuid", "ID_FS_UUID_ENC", linked),
            ("by-label", "ID_FS_LABEL_ENC", linked),
            ("by-partuuid", "ID_PART_ENTRY_UUID", true),
            ("by-partlabel", "ID_PART_ENTRY_NAME", is_gpt),
        ];
        let links = all.into_iter().filter(|(_, _, allowed)| *allowed);
        let links = links.filter_map(|(by, key, _)| Some(format!("{folder}/{by}/{}", self.get(key)?)));
        links.collect::<Vec<_>>().into_iter().for_each(|link| self.link(link));
    }
}

fn contents_properties(contents: &Contents, names: &mut Names) {
    names.put("ID_FS_TYPE", contents.kind);
    names.put("ID_FS_USAGE", contents.usage.as_str());
    if let Some(version) = &contents.version {
        names.put("ID_FS_VERSION", part(version));
    }
    if let Some(uuid) = &contents.uuid {
        names.put("ID_FS_UUID", part(uuid));
        names.put("ID_FS_UUID_ENC", encode(uuid));
    }
    if let Some(uuid) = &contents.uuid_sub {
        names.put("ID_FS_UUID_SUB", uuid.as_str());
    }
    if let Some(label) = &contents.label {
        names.put("ID_FS_LABEL", part(&String::from_utf8_lossy(label)));
        names.put("ID_FS_LABEL_ENC", encode_bytes(label));
    }
}

fn entry_properties(device: &Device<'_>, facts: &Facts, entry: &Entry, names: &mut Names) {
    if let Some(table) = &facts.table {
        names.put("ID_PART_ENTRY_SCHEME", table.scheme.as_str());
    }
    let given = [("UUID", &entry.uuid), ("NAME", &entry.name), ("TYPE", &entry.kind)];
    for (key, value) in given.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
        names.put(&format!("ID_PART_ENTRY_{key}"), encode(value));
    }
    for (key, file) in [("NUMBER", "partition"), ("OFFSET", "start"), ("SIZE", "size")] {
        if let Some(value) = device.word(file) {
            names.put(&format!("ID_PART_ENTRY_{key}"), value);
        }
    }
}

fn mapped(device: &Device<'_>, names: &mut Names) {
    if let Some(name) = device.word("dm/name") {
        names.put("DM_NAME", name.as_str());
        names.link(format!("mapper/{name}"));
        names.link(format!("disk/by-id/dm-name-{}", attribute(&name)));
    }
    if let Some(uuid) = device.word("dm/uuid") {
        names.put("DM_UUID", uuid.as_str());
        names.link(format!("disk/by-id/dm-uuid-{}", attribute(&uuid)));
    }
}

fn array(facts: &Facts, suffix: &str, names: &mut Names) {
    let Some(array) = &facts.array else { return };
    if let Some(label) = array.label.as_ref().and_then(|label| std::str::from_utf8(label).ok()) {
        names.put("MD_NAME", label);
        names.link(format!("disk/by-id/md-name-{}{suffix}", attribute(label)));
        // As mdadm itself calls it: by its name alone, where that is no certain host's.
        if let Some(name) = label.strip_prefix("any:").filter(|_| suffix.is_empty()) {
            names.link(format!("md/{}", attribute(name)));
        }
    }
    if let Some(uuid) = &array.uuid {
        // mdadm writes four words.
        let digits = uuid.replace('-', "");
        let words = [0..8, 8..16, 16..24, 24..32].map(|word| digits.get(word).unwrap_or_default());
        names.put("MD_UUID", words.join(":"));
        names.link(format!("disk/by-id/md-uuid-{}{suffix}", words.join(":")));
    }
}

fn place(disk: &Device<'_>, suffix: &str, names: &mut Names) {
    let is_nowhere = disk.path().contains("/virtual/");
    let is_nvme = disk.parent().and_then(|parent| parent.subsystem()).as_deref() == Some("nvme-subsystem");
    if is_nowhere && !is_nvme {
        return;
    }
    let Some(place) = path_id::place(disk) else { return };
    let name = disk.name();
    // A card's boot areas are devices of their own at the same place.
    let end = match name.strip_prefix("mmcblk").and_then(|rest| rest.split_once("boot")) {
        Some((_, number)) => format!("-boot{number}"),
        None => suffix.to_owned(),
    };
    let paths = [Some(&place.path), place.ata_compat.as_ref(), place.with_usb_revision.as_ref()];
    for path in paths.into_iter().flatten() {
        names.link(format!("disk/by-path/{path}{end}"));
    }
    // The name that older rules gave.
    if name.starts_with("vd") && place.path.starts_with("pci-") {
        names.link(format!("disk/by-path/virtio-{}{suffix}", place.path));
    }
    names.put("ID_PATH", place.path);
    if let Some(path) = place.with_usb_revision {
        names.put("ID_PATH_WITH_USB_REVISION", path);
    }
    if let Some(path) = place.ata_compat {
        names.put("ID_PATH_ATA_COMPAT", path);
    }
}
