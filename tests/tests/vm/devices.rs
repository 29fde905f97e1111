//! Devices have the names that people know, come and go with them, and their modules are there.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tests::bed;
use vm::Vm;

/// A machine's devices, and what systemd 257's udev calls them.
const DEVICES: &str = include_str!("../../fixtures/devices.qemu");
const NAMES: &str = include_str!("../../fixtures/devices.names");

/// Lines without comments.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Links by hardware and place, and the interfaces with their addresses and all their names.
const LOOK: &str = "cd /dev/disk; find by-id by-path -type l | grep -v 'dm-\\|-part\\|berth-system' | sort; \
    cd /sys/class/net; for i in *; do test -e $i/device || continue; echo \"net $(cat $i/address) $i\"; done | sort; \
    cd /dev; find cdrom virtio-ports -type l | sort";

#[test]
fn disks_and_interfaces_are_named_as_by_systemds_udev() -> vm::Result<()> {
    let mut setup = Vm::direct(bed()).no_nat();
    for line in lines(DEVICES) {
        let (option, value) = line.split_once(' ').unwrap();
        setup = setup.qemu_argument(option).qemu_argument(value);
    }
    let vm = setup.boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    shell.run("udevadm settle")?;
    let got: BTreeSet<String> = shell.run(LOOK)?.lines().map(str::to_owned).collect();
    for expected in lines(NAMES) {
        assert!(got.contains(expected), "{expected} is not there, but\n{got:#?}");
    }
    // Nothing more, but what is the harness's own: the system's disk and its ports.
    let known: BTreeSet<&str> = lines(NAMES).collect();
    let own = |line: &str| line.contains("org.berth.") || line.starts_with("by-path/");
    let more: Vec<_> = got.iter().filter(|line| !known.contains(line.as_str()) && !own(line)).collect();
    assert!(more.is_empty(), "{more:#?}");
    // An interface is found by each of its other names.
    assert!(shell.run("ip -o link show dev enx525400000104")?.contains("enp1s0"));
    assert_eq!(shell.run("udevadm info -q name /dev/cdrom")?, "sr0");
    let rss = shell.run("awk '/VmRSS/ {print $2}' /proc/$(pidof devd)/status")?;
    println!("devd has {rss} KiB");
    assert!(rss.parse::<u32>().unwrap() <= 2560, "devd has {rss} KiB");
    Ok(())
}

/// A disk is plugged in, written to, and pulled out.
#[test]
fn a_disk_comes_and_goes() -> vm::Result<()> {
    let vm = Vm::direct(bed())
        .qemu_argument("-device")
        .qemu_argument("pcie-root-port,id=hot,chassis=9,addr=0x10")
        .boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    let until = |what: &str| {
        let line = format!("for i in $(seq 1 100); do {what} && break; sleep 0.2; done; {what}");
        shell.run(&line).map(drop)
    };
    let disk = json!({
        "driver": "null-co", "size": 16 << 20, "read-zeroes": true, "node-name": "late",
    });
    vm.monitor("blockdev-add", disk)?;
    let device = json!({
        "driver": "virtio-blk-pci", "drive": "late", "bus": "hot", "id": "late", "serial": "come late",
    });
    vm.monitor("device_add", device)?;
    let link = "/dev/disk/by-id/virtio-come_late";
    until(&format!("test -b {link}"))?;
    assert_eq!(shell.run(&format!("stat -L -c %G:%a {link}"))?, "disk:660");
    let path = shell.run(&format!("udevadm info -q path {link}"))?;
    let record = shell.run(&format!("cat \"/run/berth/devices/$(systemd-escape --path /sys{path})\""))?;
    assert!(record.contains("DEVLINKS=") && record.contains(link), "{record}");
    assert!(record.contains("ID_SERIAL=come"), "{record}");

    // This disk forgets what is written, but a program that wrote to it has it looked at again.
    let seen =
        shell.run(&format!("readlink {link}; : > /tmp/seen; echo x > {link}; udevadm settle; echo ok"))?;
    assert!(seen.ends_with("ok"), "{seen}");

    vm.monitor("device_del", json!({"id": "late"}))?;
    until(&format!("! test -L {link}"))?;
    until(&format!("! test -e \"/run/berth/devices/$(systemd-escape --path /sys{path})\""))?;
    Ok(())
}

/// What is on a disk is known once it was made, and a name that is given counts.
#[test]
fn contents_and_names_of_an_operator() -> vm::Result<()> {
    let vm = Vm::direct(bed()).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell().limit(Duration::from_secs(60));
    let node = shell.run("truncate -s 16M /var/disk && losetup -f")?;
    shell.run(&format!(
        "losetup {node} /var/disk && mke2fs -q -L 'my disk' -U 11111111-2222-3333-4444-555555555501 {node} \
         && udevadm settle"
    ))?;
    for link in ["by-uuid/11111111-2222-3333-4444-555555555501", "by-label/my\\x20disk"] {
        assert_eq!(shell.run(&format!("readlink -f '/dev/disk/{link}'"))?, node, "{link}");
    }
    shell.run(&format!("losetup -d {node}; udevadm settle; ! ls '/dev/disk/by-label/my\\x20disk'"))?;

    shell.run("for i in $(seq 1 60); do ip -4 route | grep -q '^default' && break; sleep 1; done")?;
    let old = shell.run("ip -o -4 route show default | sed 's/.* dev \\([^ ]*\\).*/\\1/'")?;
    assert!(old.starts_with("en"), "{old} is predictable");
    shell.run("mkdir -p /etc/systemd/network")?;
    shell.run(&format!(
        "printf '[Match]\\nOriginalName={old}\\n[Link]\\nName=lan0\\n' > /etc/systemd/network/10-lan.link"
    ))?;
    shell.run(&format!("udevadm control --reload && udevadm trigger -w -c add /sys/class/net/{old}"))?;
    // netd keeps its lease under the new name, and says so.
    shell.run("ip -4 -o addr show dev lan0 | grep 10.0.2.15")?;
    shell.run("grep '\"name\":\"lan0\"' /run/berth/netd.json")?;

    // What was one of its further names becomes its name.
    let file = "/etc/systemd/network/10-lan.link";
    shell.run(&format!(
        "printf '[Match]\\nDriver=*\\n[Link]\\nName=lan0\\nAlternativeName=other0\\n' > {file}"
    ))?;
    shell.run("udevadm control --reload && udevadm trigger -w -c add /sys/class/net/lan0")?;
    assert!(shell.run("ip -o link show dev other0")?.contains("lan0"));
    shell.run(&format!("printf '[Match]\\nOriginalName=lan0\\n[Link]\\nName=other0\\n' > {file}"))?;
    shell.run("udevadm control --reload && udevadm trigger -w -c add /sys/class/net/lan0")?;
    shell.run("test -e /sys/class/net/other0")?;
    Ok(())
}

/// A disk is mounted by its label when it comes, and what waits for another is told which.
#[test]
fn a_disk_is_mounted_by_its_label() -> vm::Result<()> {
    let vm = Vm::direct(bed()).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell().limit(Duration::from_secs(60));
    let units = "/etc/systemd/system";
    let write = |unit: &str, text: &str| shell.run(&format!("printf '{text}' > {units}/{unit}")).map(drop);
    // Two disks that are not there yet, one that never comes, and a partition that is there at each boot.
    shell.run("truncate -s 16M /var/one /var/two && mke2fs -q -L 'my data' /var/one")?;
    shell.run("mke2fs -q -U 11111111-2222-3333-4444-555555555502 /var/two")?;
    write(
        "srv-one.mount",
        "[Mount]\\nWhat=LABEL=my data\\nWhere=/srv/one\\nOptions=nofail\\n[Install]\\n\
        WantedBy=dev-disk-by\\\\x2dlabel-my\\\\x5cx20data.device\\n",
    )?;
    write("srv-two.mount", "[Mount]\\nWhat=UUID=11111111-2222-3333-4444-555555555502\\nWhere=/srv/two\\n")?;
    write(
        "srv-three.mount",
        "[Mount]\\nWhat=PARTLABEL=none\\nWhere=/srv/three\\n\
        Options=x-systemd.device-timeout=1s\\n",
    )?;
    write(
        "srv-esp.mount",
        "[Mount]\\nWhat=PARTLABEL=ESP\\nWhere=/srv/esp\\nOptions=ro\\n[Install]\\n\
        WantedBy=multi-user.target\\n",
    )?;
    shell.run("systemctl daemon-reload && systemctl enable srv-one.mount srv-esp.mount")?;
    let refused = shell
        .run("systemctl start srv-three.mount 2>&1 || true; systemctl is-active srv-three.mount || true")?;
    assert!(refused.contains("partlabel-none.device") && refused.ends_with("inactive"), "{refused}");
    shell.run("systemctl start --no-block srv-two.mount; ! grep ' /srv/' /proc/mounts")?;
    shell.run("losetup -f /var/one && losetup -f /var/two")?;
    for place in ["one", "two"] {
        shell.run(&format!(
            "for i in $(seq 1 100); do grep ' /srv/{place} ' /proc/mounts && break; sleep 0.2; done; \
            grep ' /srv/{place} ' /proc/mounts"
        ))?;
    }
    vm.reboot()?;
    vm.shell().run("grep ' /srv/esp vfat ' /proc/mounts && systemctl is-active srv-esp.mount")?;
    Ok(())
}

/// A mount unit as Butane's `with_mount_unit` makes it: the file system is checked before, and one
/// that is broken is not mounted.
#[test]
fn a_file_system_is_checked_before_it_is_mounted() -> vm::Result<()> {
    let vm = Vm::direct(bed()).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell().limit(Duration::from_secs(60));
    let disk = shell.run("truncate -s 320M /var/disk && losetup -f")?;
    let name = disk.trim_start_matches("/dev/");
    let check = format!("systemd-fsck@dev-{name}.service");
    shell.run(&format!("losetup {disk} /var/disk"))?;
    let mount = |format: &str| {
        let unit = format!(
            "[Unit]\\nRequires={check}\\nAfter={check}\\n[Mount]\\nWhat={disk}\\nWhere=/srv/data\\nType={format}\\n"
        );
        shell.run(&format!(
            "printf '{unit}' > /etc/systemd/system/srv-data.mount && systemctl daemon-reload; \
             systemctl start srv-data.mount 2>&1; grep ' /srv/data ' /proc/mounts || true"
        ))
    };
    let unmount = || shell.run(&format!("systemctl stop srv-data.mount {check}")).map(drop);

    shell.run(&format!("mkfs.ext4 -q {disk} && udevadm settle"))?;
    assert!(mount("ext4")?.contains(" ext4 "));
    assert_eq!(shell.run(&format!("systemctl is-active {check}"))?, "active");
    unmount()?;

    // For xfs there is nothing to do before.
    shell.run(&format!("mkfs.xfs -q -f {disk} && udevadm settle"))?;
    assert!(mount("xfs")?.contains(" xfs "));
    unmount()?;

    let destroy = format!("dd if=/dev/zero of={disk} bs=4k seek=1 count=4 conv=notrunc");
    shell.run(&format!("mkfs.ext4 -q -F {disk} && {destroy} 2>&1 && udevadm settle"))?;
    let refused = mount("ext4")?;
    assert!(refused.contains(&check) && !refused.contains(" ext4 "), "{refused}");
    assert!(shell.run(&format!("journalctl -o cat -u {check}"))?.contains("RUN fsck MANUALLY"));
    Ok(())
}
