//! The first boot makes of an image what its operator's config says.

/// A key of SSH, as text that others can be put together with.
macro_rules! key {
    () => {
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5dnA1jzwJZ2ndPmoZAvB1MDLU+UJpw0o9EzGm6tF5Y operator"
    };
}

mod clouds;
mod cost;
mod discs;
mod failure;
mod later;
mod machine;
mod remote;

use std::fs::File;

use vm::{Disk, Setup};

/// A config as its operator writes it, in Butane's YAML, as the machine gets it.
pub fn ignition(butane: &str) -> String {
    let translation = butane::translate(butane, None);
    translation.config.unwrap_or_else(|| panic!("{}", translation.report))
}

/// A machine with empty disks besides the system's, each by its serial number, of so many MiB. They are where `disk`
/// is, and stay as long.
fn with_disks<'a>(mut setup: Setup<'a>, disk: &Disk, empty: &[(&str, u64)]) -> Setup<'a> {
    let folder = disk.file().parent().unwrap();
    for (serial, mib) in empty {
        let file = folder.join(serial);
        if !file.exists() {
            File::create(&file).and_then(|file| file.set_len(mib << 20)).unwrap();
        }
        let file = file.display();
        setup = setup
            .qemu_argument("-drive")
            .qemu_argument(format!("if=none,id={serial},format=raw,file={file}"))
            .qemu_argument("-device")
            .qemu_argument(format!("virtio-blk-pci,drive={serial},serial={serial}"));
    }
    setup.disk(disk)
}
