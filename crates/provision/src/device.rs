//! Block devices, by the names that a config gives them.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use layout::disk::{GIB, PARTITIONS, ROOT};
use layout::path::BOOT_DISK;
use sys::block::{self, device_path};
use sys::partition_table::{geometry, load};

use crate::failure::Failure;

/// How long a device may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);
/// After this long a person is told what is waited for.
const SILENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);

/// A block device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its node, by the kernel's name.
    pub node: PathBuf,
    /// The kernel's name of the disk that it is, or is a partition of.
    pub disk: String,
    /// The partition's number; None for a whole disk.
    pub number: Option<u32>,
    folder: PathBuf,
    numbers: String,
}

/// What names stand for.
#[derive(Debug, Clone)]
pub struct Names {
    boot_disk: Option<String>,
    patience: Duration,
}

impl Names {
    /// Names on a machine that was booted from the disk with this kernel name, if from one.
    pub fn new(boot_disk: Option<&str>) -> Self {
        Self { boot_disk: boot_disk.map(str::to_owned), patience: PATIENCE }
    }

    /// The same, where a device may take only so long.
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The kernel's name of the boot disk.
    pub fn boot_disk(&self) -> Option<&str> {
        self.boot_disk.as_deref()
    }

    /// The device of a name, if it is there now. Names of the boot disk and of the partitions that an image has stand
    /// for those of this machine's boot disk, whatever other disks call theirs.
    pub fn find(&self, name: &str) -> Option<Device> {
        let node = self.of_boot_disk(name).unwrap_or_else(|| PathBuf::from(name));
        Device::at(&fs::canonicalize(node).ok()?)
    }

    /// The devices of names, each with the JSON path of what names it, once all of them are there.
    ///
    /// # Errors
    /// One does not come.
    pub fn wait(
        &self,
        wanted: &[(String, &str)],
        tell: &mut dyn FnMut(&str),
    ) -> Result<Vec<Device>, Failure> {
        let begin = Instant::now();
        let mut told = false;
        loop {
            let found: Vec<Option<Device>> = wanted.iter().map(|(_, name)| self.find(name)).collect();
            let Some(missing) = found.iter().position(Option::is_none) else {
                return Ok(found.into_iter().flatten().collect());
            };
            let (path, name) = &wanted[missing];
            if begin.elapsed() >= self.patience {
                return Err(self.missing(path, name));
            }
            if !told && begin.elapsed() >= SILENCE {
                told = true;
                tell(&format!("{path}: waiting for {name}, up to {} s", self.patience.as_secs()));
            }
            sleep(PAUSE);
        }
    }

    fn missing(&self, path: &str, name: &str) -> Failure {
        let cause = match fs::metadata(name) {
            Ok(_) => format!("{name} is no block device"),
            Err(_) => format!("{name} did not appear within {} s", self.patience.as_secs()),
        };
        let disks = block::disks().unwrap_or_default();
        let disks: Vec<String> =
            disks.iter().map(|disk| format!("/dev/{} ({} GiB)", disk.name, disk.size / GIB)).collect();
        let next = format!("attach it, or name another; the disks that are there: {}", disks.join(", "));
        Failure::new(path, cause, next)
    }

    fn of_boot_disk(&self, name: &str) -> Option<PathBuf> {
        let disk = self.boot_disk.as_deref()?;
        if name == BOOT_DISK {
            return Some(device_path(disk));
        }
        let wanted = ours(name)?;
        let disk = block::disk(disk)?;
        let file = File::open(device_path(&disk.name)).ok()?;
        let loaded = load(&file, geometry(&disk)).ok()?;
        let number = loaded.table.find(wanted)?.number;
        let partition = disk.partitions.iter().find(|partition| partition.number == number)?;
        Some(device_path(&partition.name))
    }
}

/// The partition of an image that a name stands for. Other systems call ROOT `root`.
fn ours(name: &str) -> Option<&'static layout::Partition> {
    let (folder, label) = name.strip_prefix("/dev/disk/")?.split_once('/')?;
    let is_root = label.eq_ignore_ascii_case(ROOT.label);
    match folder {
        "by-partlabel" | "by-label" if is_root => PARTITIONS.iter().find(|p| p.label == ROOT.label),
        "by-partlabel" => PARTITIONS.iter().find(|p| p.label == label),
        _ => None,
    }
}

impl Device {
    /// The device of a node.
    pub fn at(node: &Path) -> Option<Self> {
        let metadata = fs::metadata(node).ok()?;
        if !metadata.file_type().is_block_device() {
            return None;
        }
        let device = metadata.rdev();
        let numbers = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
        let folder = fs::canonicalize(Path::new("/sys/dev/block").join(&numbers)).ok()?;
        let number =
            fs::read_to_string(folder.join("partition")).ok().and_then(|text| text.trim().parse().ok());
        let whole = if number.is_some() { folder.parent()? } else { &folder };
        let disk = whole.file_name()?.to_str()?.to_owned();
        Some(Self { node: node.to_owned(), disk, number, folder, numbers })
    }

    /// Whether there is anything on the disk that keeps it from being used otherwise: who uses it.
    pub fn in_use(&self) -> Option<String> {
        let holders = fs::read_dir(self.folder.join("holders")).into_iter().flatten().flatten();
        if let Some(holder) = holders.map(|entry| entry.file_name()).next() {
            return Some(format!("a part of {}", holder.display()));
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mounted = mounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            (fields.get(2) == Some(&self.numbers.as_str()))
                .then(|| fields.get(4).copied().unwrap_or_default())
        });
        mounted.map(|place| format!("mounted on {place}"))
    }

    /// The partitions of a whole disk that the kernel knows.
    pub fn partitions(&self) -> Vec<Device> {
        let disk = self.number.is_none().then(|| block::disk(&self.disk)).flatten();
        let partitions = disk.map(|disk| disk.partitions).unwrap_or_default();
        partitions.iter().filter_map(|partition| Self::at(&device_path(&partition.name))).collect()
    }

    /// Which of an image's partitions it is, where it is one of the boot disk's.
    pub fn label_of_image(&self, names: &Names) -> Option<&'static str> {
        let is = |p: &&layout::Partition| {
            let name = format!("/dev/disk/by-partlabel/{}", p.label);
            names.find(&name).is_some_and(|device| device.node == self.node)
        };
        let is_on_boot_disk = names.boot_disk() == Some(&self.disk) && self.number.is_some();
        is_on_boot_disk.then(|| PARTITIONS.iter().find(is)).flatten().map(|p| p.label)
    }
}

/// The kernel's name of the disk whose slot is mounted as `/usr`.
pub fn boot_disk() -> Option<String> {
    let entries = fs::read_dir("/sys/block").ok()?.flatten();
    let usr = entries.map(|entry| entry.path()).find(|folder| {
        fs::read_to_string(folder.join("dm/name")).is_ok_and(|name| name.trim() == layout::disk::USR_DEVICE)
    })?;
    let slot = fs::read_dir(usr.join("slaves")).ok()?.flatten().next()?;
    let slot = fs::canonicalize(slot.path()).ok()?;
    Some(slot.parent()?.file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_an_image_s_partitions_are_known() {
        for (name, expected) in [
            ("/dev/disk/by-partlabel/ROOT", Some("ROOT")),
            ("/dev/disk/by-partlabel/root", Some("ROOT")),
            ("/dev/disk/by-label/ROOT", Some("ROOT")),
            ("/dev/disk/by-partlabel/USR-A", Some("USR-A")),
            ("/dev/disk/by-label/USR-A", None),
            ("/dev/disk/by-partlabel/usr-a", None),
            ("/dev/disk/by-partlabel/data", None),
            ("/dev/ROOT", None),
        ] {
            assert_eq!(ours(name).map(|p| p.label), expected, "{name}");
        }
    }

    #[test]
    fn what_does_not_come_is_told_with_what_is_there() {
        let names = Names::new(None).within(Duration::ZERO);
        for (name, says) in
            [("/dev/nothing", "did not appear within 0 s"), ("/dev/null", "is no block device")]
        {
            let wanted = [("$.storage.disks.0.device".to_owned(), name)];
            let failure = names.wait(&wanted, &mut |_| ()).unwrap_err();
            assert_eq!(failure.path, "$.storage.disks.0.device");
            assert_eq!(failure.cause, format!("{name} {says}"));
            assert!(failure.next_step.contains("the disks that are there: "), "{}", failure.next_step);
        }
    }
}
