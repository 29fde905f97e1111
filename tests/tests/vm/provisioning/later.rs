//! What a config made has to last: later boots, and disks that go.

use std::time::Duration;

use tests::bed;
use vm::{Disk, Vm};

use super::{ignition, with_disks};

/// A mirror of two disks.
const MIRROR: &str = r#"
variant: fcos
version: 1.5.0
storage:
  raid:
    - name: safe
      level: raid1
      devices: [/dev/disk/by-id/virtio-left, /dev/disk/by-id/virtio-right]
  filesystems:
    - {device: /dev/md/safe, format: ext4, path: /srv/safe, with_mount_unit: true}
  files:
    - {path: /srv/safe/hello, contents: {inline: "on two disks"}}
"#;

#[test]
fn a_mirror_that_lost_a_disk_is_mounted_after_half_a_minute() -> vm::Result<()> {
    let disk = Disk::overlay(bed(), None)?;
    let mut vm = with_disks(Vm::direct(bed()), &disk, &[("left", 96), ("right", 96)])
        .ignition(ignition(MIRROR))
        .boot()?;
    vm.wait_until_ready()?;
    assert_eq!(vm.shell().run("cat /srv/safe/hello")?, "on two disks");
    vm.power_off()?;

    let vm = with_disks(Vm::direct(bed()), &disk, &[("left", 96)]).boot()?;
    // The mount is of local-fs.target, which waits for the array, and that for its other part.
    let ready = vm.wait_until_ready()?;
    println!("with a disk gone ready after {:?} from power-on", ready.at);
    assert!(ready.at > Duration::from_secs(30), "{:?}", ready.at);
    let shell = vm.shell();
    assert_eq!(shell.run("cat /srv/safe/hello")?, "on two disks");
    assert!(shell.run("mdadm --detail /dev/md/safe")?.contains("degraded"));
    assert_eq!(shell.run("systemctl list-units --state=failed --no-legend --no-pager")?, "");
    Ok(())
}
