//! Which slot `/usr` runs from: by the disk's partition below the device that is mounted there.

use layout::Slot;

use crate::{Root, mounts};

/// The slot; none where `/usr` is not a slot's.
pub fn running(root: &Root) -> Option<Slot> {
    let mounts = mounts::parse(&root.text("/proc/self/mounts"));
    let usr = mounts.iter().find(|mount| mount.place == "/usr")?;
    let device = std::fs::canonicalize(root.path(&usr.device)).unwrap_or_else(|_| root.path(&usr.device));
    let name = device.strip_prefix(root.as_path()).ok()?.file_name()?.to_str()?.to_owned();
    let below = root.names(&format!("/sys/class/block/{name}/slaves"));
    // The device itself, and those that a device mapper's is made of.
    below.iter().chain([&name]).find_map(|device| {
        let facts = root.text(&format!("/sys/class/block/{device}/uevent"));
        let label = facts.lines().find_map(|line| line.strip_prefix("PARTNAME="))?;
        Slot::ALL.into_iter().find(|slot| slot.data().label == label)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_partition_below_the_mapped_device_tells() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let write = |path: &str, text: &str| {
            let path = root.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(running(&root), None);
        write("/proc/self/mounts", "/dev/vda7 / ext4 rw 0 0\n/dev/mapper/usr /usr erofs ro 0 0\n");
        write("/dev/dm-0", "");
        fs::create_dir_all(root.path("/dev/mapper")).unwrap();
        std::os::unix::fs::symlink("../dm-0", root.path("/dev/mapper/usr")).unwrap();
        fs::create_dir_all(root.path("/sys/class/block/dm-0/slaves/vda5")).unwrap();
        fs::create_dir_all(root.path("/sys/class/block/dm-0/slaves/vda6")).unwrap();
        write("/sys/class/block/vda6/uevent", "PARTN=6\nPARTNAME=USR-B-VERITY\n");
        assert_eq!(running(&root), None);
        write("/sys/class/block/vda5/uevent", "PARTN=5\nPARTNAME=USR-B\n");
        assert_eq!(running(&root), Some(Slot::B));
    }
}
