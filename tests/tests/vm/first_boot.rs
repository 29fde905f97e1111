//! What the first boot makes of a shipped image: a machine of its own.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use layout::disk as shipped;
use tests::{bed, disk};
use vm::{Disk, Vm, copy_range};

#[test]
fn root_takes_the_whole_disk_and_every_id_is_made_anew() -> vm::Result<()> {
    let disk = Disk::copy(bed(), Some(8192))?;
    let folder = disk.file().parent().unwrap();
    let mut vm = Vm::direct(bed()).disk(&disk).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    let size_kib: u64 = shell.run("df -k / | tail -n 1 | awk '{print $2}'")?.parse().unwrap();
    assert!(size_kib > 4 << 20, "ROOT has {size_kib} KiB of an 8 GiB disk");
    let machine_id = shell.run("cat /etc/machine-id")?;
    assert!(machine_id.len() == 32 && machine_id.bytes().all(|b| b.is_ascii_hexdigit()), "{machine_id}");
    shell.run("sync")?;
    vm.reboot()?;
    assert_eq!(vm.shell().run("cat /etc/machine-id")?, machine_id, "the id stays");
    vm.power_off()?;

    // The rest is asked of tools that are not ours.
    let file = disk.file().to_string_lossy();
    let verdict = bed().run_tool(folder, &["sgdisk", "--verify", &file])?;
    assert!(verdict.contains("No problems found"), "{verdict}");
    let table = bed().run_tool(folder, &["sgdisk", "--print", &file])?.to_lowercase();
    assert!(!table.contains(&shipped::DISK_GUID.to_string()), "the disk's GUID is the shipped one:\n{table}");
    let parts = disk::partitions(bed(), folder, disk.file())?;
    for part in shipped::PARTITIONS {
        let found = &parts[part.label];
        let anew = shipped::REMADE.contains(&part);
        assert_eq!(found.guid != part.guid.to_string(), anew, "{} has {}", part.label, found.guid);
        assert_eq!(found.type_guid, part.type_guid.to_string(), "{}", part.label);
    }
    let root = folder.join("root.ext4");
    copy_range(disk.file(), parts[shipped::ROOT.label].bytes.clone(), &root).unwrap();
    let root = root.to_string_lossy();
    bed().run_tool(folder, &["e2fsck", "-f", "-n", &root])?;
    let header = bed().run_tool(folder, &["dumpe2fs", "-h", &root])?;
    // The shipped UUID is also the seed of directories' hashes, which nobody takes for an identity.
    let uuid = header.lines().find(|line| line.starts_with("Filesystem UUID:")).unwrap_or_default();
    assert!(!uuid.is_empty() && !uuid.contains(&shipped::ROOT_FS_UUID.to_string()), "{header}");
    assert!(header.contains("Filesystem state:         clean"), "{header}");
    Ok(())
}

#[test]
fn two_machines_of_one_image_reach_each_other_and_share_no_id() -> vm::Result<()> {
    let network = vm::Network::new()?;
    let machine = || Vm::direct(bed()).network(&network).boot();
    let (one, two) = (machine()?, machine()?);
    for (vm, address) in [(&one, "10.9.0.1"), (&two, "10.9.0.2")] {
        vm.wait_until_ready()?;
        // The card on the network of their own, by its address's beginning.
        let card = "$(basename $(dirname $(grep -l '^52:54:00:be:57:' /sys/class/net/*/address)))";
        vm.shell().run(&format!("ip addr add {address}/24 dev {card} && ip link set {card} up"))?;
    }
    one.shell().run("ping -c 1 -W 20 10.9.0.2")?;
    two.shell()
        .run("mkdir /tmp/www && hostname > /tmp/www/name && busybox httpd -p 10.9.0.2:8080 -h /tmp/www")?;
    one.shell().run("wget -q -T 20 -O - http://10.9.0.2:8080/name")?;

    for id in ["cat /etc/machine-id", "cat /proc/sys/kernel/random/boot_id", "blkid | grep 'LABEL=\"ROOT\"'"]
    {
        assert_ne!(one.shell().run(id)?, two.shell().run(id)?, "`{id}`");
    }
    Ok(())
}

#[test]
fn a_machine_ends_with_its_owner_also_by_a_panic() {
    let folder = std::panic::catch_unwind(|| {
        let vm = Vm::direct(bed()).boot().unwrap();
        let disk = vm.disk().file().display().to_string();
        assert!(running(&disk), "QEMU runs while its owner does");
        std::panic::resume_unwind(Box::new(disk));
    });
    let disk = *folder.unwrap_err().downcast::<String>().unwrap();
    // The kernel ends what was in the machine's namespaces, in its own time.
    let start = Instant::now();
    while running(&disk) {
        assert!(start.elapsed() < vm::BOOT_LIMIT, "QEMU still runs on {disk}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(fs::metadata(&disk).is_err(), "{disk} is left behind");
}

/// Whether any process has `word` in its command line.
fn running(word: &str) -> bool {
    let output = Command::new("sh")
        .args(["-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).contains(&format!("file={word}"))
}
