//! What a config made has to last: later boots, and disks that go.

use std::time::Duration;

use tests::bed;
use vm::{Disk, Vm};

use super::{ignition, with_disks};

/// `/var` on a disk of its own.
const OWN_VAR: &str = r#"
variant: fcos
version: 1.5.0
storage:
  disks:
    - {device: /dev/disk/by-id/virtio-var, wipe_table: true, partitions: [{label: var, number: 1}]}
  filesystems:
    - {device: /dev/disk/by-partlabel/var, format: ext4, path: /var, with_mount_unit: true}
  files:
    - {path: /var/srv/cargo, contents: {inline: "on its own disk"}}
    - {path: /etc/hostname, mode: 0644, contents: {inline: "harbour"}}
"#;

#[test]
fn a_file_system_for_var_hides_nothing_that_the_next_boot_needs() -> vm::Result<()> {
    let disk = Disk::overlay(bed(), None)?;
    let vm = with_disks(Vm::direct(bed()), &disk, &[("var", 2048)]).ignition(ignition(OWN_VAR)).boot()?;
    vm.wait_until_ready()?;
    for boot in 1..=2 {
        for (question, answer) in [
            ("cat /var/srv/cargo", "on its own disk"),
            ("hostname", "harbour"),
            ("grep -c ' /var ext4 ' /proc/mounts", "1"),
            ("stat -c '%a' /var/tmp", "1777"),
            ("readlink /var/run; readlink /var/lock", "../run\n../run/lock"),
            // What stage 1 reads is what the running system writes.
            ("mountpoint -q /var/lib/berth && echo ROOT", "ROOT"),
            ("stat -c %d /var/lib/berth | grep -cx $(stat -c %d /home)", "1"),
            (&format!("test -s {} && echo marked", layout::path::PROVISIONED), "marked"),
            (&format!("grep -c ^boot {}", layout::path::BOOTS), &boot.to_string()),
            ("touch /etc/kept && ls /var/lib/berth/etc/upper/kept", "/var/lib/berth/etc/upper/kept"),
            ("systemctl list-units --state=failed --no-legend --no-pager", ""),
        ] {
            assert_eq!(vm.shell().run(question)?, answer, "boot {boot}: {question}");
        }
        vm.shell().run("journalctl -b -u berth-netd | grep -q .")?;
        if boot == 1 {
            vm.shell().run("sync")?;
            vm.reboot()?;
        }
    }
    Ok(())
}

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
