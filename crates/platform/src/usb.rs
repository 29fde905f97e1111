//! Discs on USB, which the kernel finds seconds after the boot disk: a stick, or the virtual CD of a machine's management
//! controller.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// How long a device on USB takes until it shows what it is.
const LEAST: Duration = Duration::from_secs(3);
/// How long storage is waited for that shows no disk.
const MOST: Duration = Duration::from_secs(10);
/// Mass storage (USB-IF, Defined Class Codes).
const STORAGE: &str = "08";

/// Whether a disc may still come on the USB of the machine whose `sys` is below `root`, having been waited for so long.
pub(crate) fn may_come(root: &Path, waited: Duration) -> bool {
    let folder = root.join("sys/bus/usb/devices");
    let devices = names(&folder);
    if waited >= MOST || !devices.iter().any(|name| name.starts_with("usb")) {
        return false;
    }
    let is_pending = |name: &String| {
        let interface = folder.join(name);
        let class = fs::read_to_string(interface.join("bInterfaceClass")).unwrap_or_default();
        class.trim() == STORAGE && !has_disk(&interface)
    };
    waited < LEAST || devices.iter().any(is_pending)
}

/// Whether an interface has a block device: it is below its SCSI host, target and unit.
fn has_disk(interface: &Path) -> bool {
    let mut folders = vec![interface.to_owned()];
    for kind in ["host", "target", ""] {
        let below = folders.iter().flat_map(|folder| names(folder).into_iter().map(|name| folder.join(name)));
        let is_kind = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(kind) && (!kind.is_empty() || name.matches(':').count() == 3)
        };
        folders = below.filter(is_kind).collect();
    }
    folders.iter().any(|unit| !names(&unit.join("block")).is_empty())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disc_may_come_until_all_storage_has_its_disk() {
        const HOST: &str = "usb1/bDeviceClass=09";
        const HUB: &str = "1-0:1.0/bInterfaceClass=09";
        const STORAGE: &str = "1-1:1.0/bInterfaceClass=08";
        const DISK: &str = "1-1:1.0/host2/target2:0:0/2:0:0:0/block/sr0/size=1";
        const UNIT: &str = "1-1:1.0/host2/target2:0:0/2:0:0:0/type=5";
        for (files, waited, expected) in [
            (&[][..], 0, false),
            (&[HOST, HUB], 0, true),
            (&[HOST, HUB], 2, true),
            (&[HOST, HUB], 3, false),
            (&[HOST, STORAGE], 3, true),
            (&[HOST, STORAGE, UNIT], 9, true),
            (&[HOST, STORAGE], 10, false),
            (&[HOST, STORAGE, UNIT, DISK], 2, true),
            (&[HOST, STORAGE, UNIT, DISK], 3, false),
            (&[HOST, STORAGE, DISK, "1-2:1.0/bInterfaceClass=08"], 3, true),
        ] {
            let root = tempfile::tempdir().unwrap();
            for file in files {
                let (path, text) = file.split_once('=').unwrap();
                let path = root.path().join("sys/bus/usb/devices").join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, format!("{text}\n")).unwrap();
            }
            let seen = may_come(root.path(), Duration::from_secs(waited));
            assert_eq!(seen, expected, "{files:?} after {waited} s");
        }
    }
}
