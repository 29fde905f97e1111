//! Links of disks: what sysfs has of a machine, what was read from the disk, and the links that follow.
#![allow(clippy::unwrap_used)] // A test that cannot go on ends there.

use devices::block::{Facts, is_ready, names, partitions};
use devices::superblock::{Probe, probe};
use devices::sysfs::{Device, Tree};
use devices::table;

fn links(tree: &str, path: &str, facts: &Facts) -> Vec<String> {
    let tree = Tree::of(tree);
    names(&Device::at(&tree, path), facts).links.into_iter().map(|(link, _)| link).collect()
}

const VIRTIO: &str = "
    /sys/devices/pci0000:00/0000:00:09.0
      subsystem -> /sys/bus/pci
    /sys/devices/pci0000:00/0000:00:09.0/virtio3
      subsystem -> /sys/bus/virtio
    /sys/devices/pci0000:00/0000:00:09.0/virtio3/block/vda
      uevent = DEVTYPE=disk\\n
      subsystem -> /sys/class/block
      serial = vd serial-1
      diskseq = 9
      size = 983040
    /sys/devices/pci0000:00/0000:00:09.0/virtio3/block/vda/vda1
      uevent = DEVTYPE=partition\\n
      subsystem -> /sys/class/block
      partition = 1
      start = 2048
      size = 16384
";

/// The bytes that a test of superblocks keeps as rows.
fn rows(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/superblocks/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let size: usize = lines.next().unwrap().strip_prefix("size ").unwrap().parse().unwrap();
    let mut bytes = vec![0; size];
    for line in lines {
        let (at, hex) = line.split_once(' ').unwrap();
        let at = usize::from_str_radix(at, 16).unwrap();
        for (i, byte) in bytes[at..at + hex.len() / 2].iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap();
        }
    }
    bytes
}

fn contents(name: &str) -> Facts {
    let mut facts = Facts::default();
    facts.set_contents(probe(&rows(name).as_slice()));
    facts
}

#[test]
fn a_virtio_disk_and_its_partition() {
    let disk = "/sys/devices/pci0000:00/0000:00:09.0/virtio3/block/vda";
    let tree = Tree::of(VIRTIO);
    assert_eq!(partitions(&Device::at(&tree, disk)), [format!("{disk}/vda1")]);
    assert_eq!(partitions(&Device::at(&tree, format!("{disk}/vda1"))), [""; 0]);
    assert_eq!(
        links(VIRTIO, disk, &Facts::default()),
        [
            "disk/by-id/virtio-vd_serial-1",
            "disk/by-path/pci-0000:00:09.0",
            "disk/by-path/virtio-pci-0000:00:09.0",
            "disk/by-diskseq/9",
        ]
    );
    let properties = names(&Device::at(&Tree::of(VIRTIO), disk), &Facts::default()).properties;
    assert_eq!(properties["ID_SERIAL"], "vd serial-1");
    let facts = Facts { table: table::read(&rows("gpt").as_slice(), 512), ..contents("ext4") };
    assert_eq!(
        links(VIRTIO, &format!("{disk}/vda1"), &facts),
        [
            "disk/by-id/virtio-vd_serial-1-part1",
            "disk/by-path/pci-0000:00:09.0-part1",
            "disk/by-path/virtio-pci-0000:00:09.0-part1",
            "disk/by-uuid/11111111-2222-3333-4444-555555555501",
            "disk/by-label/data\\x20disk",
            "disk/by-partuuid/aaaaaaaa-0000-4000-8000-000000000001",
            "disk/by-partlabel/data\\x20part",
            "disk/by-path/pci-0000:00:09.0-part/by-partnum/1",
            "disk/by-path/pci-0000:00:09.0-part/by-uuid/11111111-2222-3333-4444-555555555501",
            "disk/by-path/pci-0000:00:09.0-part/by-label/data\\x20disk",
            "disk/by-path/pci-0000:00:09.0-part/by-partuuid/aaaaaaaa-0000-4000-8000-000000000001",
            "disk/by-path/pci-0000:00:09.0-part/by-partlabel/data\\x20part",
            "disk/by-diskseq/9-part1",
        ]
    );
}

#[test]
fn members_of_something_larger_have_no_links_by_contents() {
    let disk = "/sys/devices/pci0000:00/0000:00:09.0/virtio3/block/vda";
    for (name, linked) in [("swap", true), ("luks2", true), ("md12", false), ("lvm", false)] {
        let links = links(VIRTIO, disk, &contents(name));
        assert_eq!(links.iter().any(|link| link.starts_with("disk/by-uuid/")), linked, "{name}: {links:?}");
    }
}

#[test]
fn a_name_does_not_lead_elsewhere() {
    let tree = VIRTIO.replace("vd serial-1", "../../../etc/x");
    let disk = "/sys/devices/pci0000:00/0000:00:09.0/virtio3/block/vda";
    let mut facts = contents("ext4");
    for label in ["..", ".", "a/../../b"] {
        facts.contents.as_mut().unwrap().label = Some(label.as_bytes().to_vec());
        for link in links(&tree, disk, &facts) {
            assert!(link.split('/').all(|part| !matches!(part, "" | "." | "..")), "{link}");
        }
    }
}

const NVME: &str = "
    /sys/class/nvme/nvme0 -> /sys/devices/pci0000:00/0000:00:0a.0/nvme/nvme0
    /sys/devices/pci0000:00/0000:00:0a.0
      subsystem -> /sys/bus/pci
    /sys/devices/pci0000:00/0000:00:0a.0/nvme/nvme0
      subsystem -> /sys/class/nvme
    /sys/devices/virtual/nvme-subsystem/nvme-subsys0
      subsystem -> /sys/class/nvme-subsystem
      serial = nvme-ser
      model = QEMU NVMe Ctrl
      firmware_rev = 10.0.3
    /sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n2
      uevent = DEVTYPE=disk\\n
      subsystem -> /sys/class/block
      wwid = nvme.1b36-6e766d652d736572-51454d55204e564d65204374726c-00000002
      nsid = 2
      size = 2048
";

#[test]
fn namespaces_of_an_nvme() {
    let disk = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n2";
    let wwid = "disk/by-id/nvme-nvme.1b36-6e766d652d736572-51454d55204e564d65204374726c-00000002";
    assert_eq!(
        links(NVME, disk, &Facts::default()),
        [wwid, "disk/by-id/nvme-QEMU_NVMe_Ctrl_nvme-ser_2", "disk/by-path/pci-0000:00:0a.0-nvme-2"]
    );
    // The first has the name of the time when there was but one.
    assert_eq!(
        links(&NVME.replace("nsid = 2", "nsid = 1"), disk, &Facts::default())[1..3],
        ["disk/by-id/nvme-QEMU_NVMe_Ctrl_nvme-ser", "disk/by-id/nvme-QEMU_NVMe_Ctrl_nvme-ser_1"]
    );
    // On a network it is nowhere.
    let remote = NVME.replace(
        "/sys/devices/pci0000:00/0000:00:0a.0/nvme/nvme0",
        "/sys/devices/virtual/nvme-fabrics/ctl/nvme0",
    );
    assert!(!links(&remote, disk, &Facts::default()).iter().any(|link| link.contains("by-path")));
}

/// A SCSI disk on virtio, with one designator in page 0x83.
fn scsi(designators: &str) -> String {
    format!(
        "/sys/devices/pci0000:00/0000:00:0c.0
           subsystem -> /sys/bus/pci
         /sys/devices/pci0000:00/0000:00:0c.0/virtio5
           subsystem -> /sys/bus/virtio
         /sys/devices/pci0000:00/0000:00:0c.0/virtio5/host6
           uevent = DEVTYPE=scsi_host\\n
           subsystem -> /sys/bus/scsi
         /sys/devices/pci0000:00/0000:00:0c.0/virtio5/host6/target6:0:1
           uevent = DEVTYPE=scsi_target\\n
           subsystem -> /sys/bus/scsi
         /sys/devices/pci0000:00/0000:00:0c.0/virtio5/host6/target6:0:1/6:0:1:0
           uevent = DEVTYPE=scsi_device\\n
           subsystem -> /sys/bus/scsi
           vendor = QEMU    \\n
           model = QEMU HARDDISK   \\n
           type = 0
           scsi_level = 6
           {designators}
         /sys/devices/pci0000:00/0000:00:0c.0/virtio5/host6/target6:0:1/6:0:1:0/block/sda
           uevent = DEVTYPE=disk\\n
           subsystem -> /sys/class/block
           size = 2048"
    )
}

#[test]
fn scsi_disks_by_their_best_designator() {
    let disk = "/sys/devices/pci0000:00/0000:00:0c.0/virtio5/host6/target6:0:1/6:0:1:0/block/sda";
    let page83 = |designators: &str| {
        let length =
            designators.matches("\\x").count() + designators.len() - 4 * designators.matches("\\x").count();
        format!("vpd_pg83 = \\x00\\x83\\x00\\x{length:02x}{designators}")
    };
    let naa5 = "\\x01\\x03\\x00\\x08\\x50\\x00\\xc5\\x00\\x15\\xea\\x71\\xcd";
    let naa6 = "\\x01\\x03\\x00\\x10\\x60\\x00\\xc5\\x00\\x15\\xea\\x71\\xcd\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\x07";
    let vendor = "\\x02\\x00\\x00\\x06dev id";
    let t10 = "\\x02\\x01\\x00\\x0cQEMU    x 12";
    let as_text = "\\x02\\x03\\x00\\x11aaaaaaaaaaaaaaa\\xc3\\xb6";
    let of_port = "\\x01\\x13\\x00\\x08\\x50\\x00\\xc5\\x00\\x15\\xea\\x71\\xff";
    let page80 = "vpd_pg80 = \\x00\\x80\\x00\\x05 s e1";
    for (pages, expected) in [
        (page83(&[vendor, naa5].concat()), vec!["scsi-35000c50015ea71cd", "wwn-0x5000c50015ea71cd"]),
        (
            page83(&[naa5, naa6].concat()),
            vec!["scsi-36000c50015ea71cd0001020304050607", "wwn-0x6000c50015ea71cd0001020304050607"],
        ),
        (page83(&[of_port, vendor].concat()), vec!["scsi-0QEMU_QEMU_HARDDISK_dev_id"]),
        (page83(t10), vec!["scsi-1QEMU_x_12"]),
        (page80.to_owned(), vec!["scsi-SQEMU_QEMU_HARDDISK_s_e1"]),
        (format!("{}\n{page80}", page83(of_port)), vec!["scsi-SQEMU_QEMU_HARDDISK_s_e1"]),
        (String::new(), vec![]),
        // A world-wide name as text is no number: the disk is called so, but not found by it.
        (page83(as_text), vec!["scsi-3aaaaaaaaaaaaaaaö"]),
        (page83("\\x02\\x03\\x00\\x06x\\n/dev"), vec!["scsi-3x__dev"]),
        ("vpd_pg83 = \\x00\\x83\\x00\\xff\\x01\\x03\\x00\\x08\\x50".to_owned(), vec![]),
    ] {
        let links = links(&scsi(&pages), disk, &Facts::default());
        let mut expected: Vec<String> = expected.iter().map(|name| format!("disk/by-id/{name}")).collect();
        expected.push("disk/by-path/pci-0000:00:0c.0-scsi-0:0:1:0".to_owned());
        assert_eq!(links, expected, "{pages}");
    }
}

#[test]
fn an_ata_disk_by_what_it_says_of_itself() {
    let tree = "
        /sys/class/ata_port/ata7 -> /sys/devices/pci0000:00/0000:00:0b.0/ata7/ata_port/ata7
        /sys/devices/pci0000:00/0000:00:0b.0
          subsystem -> /sys/bus/pci
        /sys/devices/pci0000:00/0000:00:0b.0/ata7
        /sys/devices/pci0000:00/0000:00:0b.0/ata7/ata_port/ata7
          subsystem -> /sys/class/ata_port
          port_no = 1
        /sys/devices/pci0000:00/0000:00:0b.0/ata7/host6
          uevent = DEVTYPE=scsi_host\\n
          subsystem -> /sys/bus/scsi
        /sys/devices/pci0000:00/0000:00:0b.0/ata7/host6/target6:0:0/6:0:0:0
          uevent = DEVTYPE=scsi_device\\n
          subsystem -> /sys/bus/scsi
          vendor = ATA
          type = 0
        /sys/devices/pci0000:00/0000:00:0b.0/ata7/host6/target6:0:0/6:0:0:0/block/sdd
          uevent = DEVTYPE=disk\\n
          subsystem -> /sys/class/block
          size = 2048
    ";
    let mut data = vec![0; 512];
    data[20..40].copy_from_slice(b"ata ser             ");
    data[54..94].copy_from_slice(b"QEMU HARDDISK                           ");
    data[174..176].copy_from_slice(&0x4100u16.to_le_bytes());
    data[216..224].copy_from_slice(&[0x00, 0x50, 0x00, 0xc5, 0xea, 0x15, 0xab, 0x71]);
    let disk = "/sys/devices/pci0000:00/0000:00:0b.0/ata7/host6/target6:0:0/6:0:0:0/block/sdd";
    assert_eq!(
        links(tree, disk, &Facts { ata: Some(data), ..Facts::default() }),
        [
            "disk/by-id/ata-QEMU_HARDDISK_ata_ser",
            "disk/by-id/wwn-0x5000c50015ea71ab",
            "disk/by-path/pci-0000:00:0b.0-ata-1.0",
            "disk/by-path/pci-0000:00:0b.0-ata-1",
        ]
    );
}

#[test]
fn a_stick_on_usb() {
    let usb = "/sys/devices/pci0000:00/0000:00:08.0/usb2/2-2/2-2.1/2-2.1:1.0";
    let tree = format!(
        "/sys/devices/pci0000:00/0000:00:08.0
           subsystem -> /sys/bus/pci
         /sys/devices/pci0000:00/0000:00:08.0/usb2
           uevent = DEVTYPE=usb_device\\n
           subsystem -> /sys/bus/usb
           bDeviceProtocol = 03
           speed = 5000
         /sys/devices/pci0000:00/0000:00:08.0/usb2/2-2
           uevent = DEVTYPE=usb_device\\n
           subsystem -> /sys/bus/usb
         /sys/devices/pci0000:00/0000:00:08.0/usb2/2-2/2-2.1
           uevent = DEVTYPE=usb_device\\n
           subsystem -> /sys/bus/usb
           idVendor = 46f4
           idProduct = 0001
           manufacturer = QEMU
           serial = usb/SER 1
         {usb}
           uevent = DEVTYPE=usb_interface\\n
           subsystem -> /sys/bus/usb
           bInterfaceClass = 08
           bInterfaceSubClass = 06
         {usb}/host8
           uevent = DEVTYPE=scsi_host\\n
           subsystem -> /sys/bus/scsi
         {usb}/host8/target8:0:0/8:0:0:0
           uevent = DEVTYPE=scsi_device\\n
           subsystem -> /sys/bus/scsi
           vendor = QEMU    \\n
           model = QEMU HARDDISK   \\n
           type = 0
         {usb}/host8/target8:0:0/8:0:0:0/block/sde
           uevent = DEVTYPE=disk\\n
           subsystem -> /sys/class/block
           size = 2048"
    );
    let path = format!("{usb}/host8/target8:0:0/8:0:0:0/block/sde");
    let found = Tree::of(&tree);
    let properties = names(&Device::at(&found, path.clone()), &Facts::default()).properties;
    assert_eq!((properties["ID_TYPE"].as_str(), properties["ID_BUS"].as_str()), ("disk", "usb"));
    assert_eq!(
        links(&tree, &path, &Facts::default()),
        [
            "disk/by-id/usb-QEMU_QEMU_HARDDISK_usb_SER_1-0:0",
            "disk/by-path/pci-0000:00:08.0-usb-0:2.1:1.0-scsi-0:0:0:0",
            "disk/by-path/pci-0000:00:08.0-usbv3-0:2.1:1.0-scsi-0:0:0:0",
        ]
    );
}

#[test]
fn mapped_devices_and_arrays() {
    let mapped = "
        /sys/devices/virtual/block/dm-0
          uevent = DEVTYPE=disk\\n
          dm/name = vg-lv
          dm/uuid = LVM-abc
          dm/suspended = 0
          size = 8
          diskseq = 3
    ";
    let path = "/sys/devices/virtual/block/dm-0";
    let expected =
        ["mapper/vg-lv", "disk/by-id/dm-name-vg-lv", "disk/by-id/dm-uuid-LVM-abc", "disk/by-diskseq/3"];
    assert_eq!(links(mapped, path, &Facts::default()), expected);
    let suspended = mapped.replace("suspended = 0", "suspended = 1");
    assert!(!is_ready(&Device::at(&Tree::of(&suspended), path)));
    assert_eq!(links(&suspended, path, &contents("ext4")), expected[..3], "what is on it is not asked");

    let Probe::One(member) = probe(&rows("md12").as_slice()) else { panic!("no member") };
    let facts = Facts { array: Some(member), ..contents("ext4") };
    let array = "/sys/devices/virtual/block/md127\nuevent = DEVTYPE=disk\\n\nmd/array_state = clean\nsize = 8\ndiskseq = 4";
    assert_eq!(
        links(array, "/sys/devices/virtual/block/md127", &facts),
        [
            "disk/by-id/md-name-host:data",
            "disk/by-id/md-uuid-00112233:44556677:8899aabb:ccddeeff",
            "disk/by-uuid/11111111-2222-3333-4444-555555555501",
            "disk/by-label/data\\x20disk",
        ]
    );
    let Some(mut member) = facts.array.clone() else { panic!("no member") };
    member.label = Some(b"any:data".to_vec());
    let of_any_host = Facts { array: Some(member), ..Facts::default() };
    let links = links(array, "/sys/devices/virtual/block/md127", &of_any_host);
    assert_eq!(links[..2], ["disk/by-id/md-name-any:data", "md/data"]);
    for state in ["clear", "inactive"] {
        let stopped = array.replace("clean", state);
        assert!(!is_ready(&Device::at(&Tree::of(&stopped), "/sys/devices/virtual/block/md127")), "{state}");
    }
}

#[test]
fn a_part_of_an_array_wants_to_be_given_to_it_unless_it_is() {
    let disk = "/sys/devices/virtual/block/loop0/loop0p1";
    let service = Some("mdadm-assemble@dev-loop0p1.service");
    let held = "holders/md127/dev = 9:127\n";
    for (image, holders, expected) in [("md12", "", service), ("md12", held, None), ("ext4", "", None)] {
        let tree = Tree::of(&format!(
            "{disk}\nsize = 8\npartition = 1\n{holders}/sys/devices/virtual/block/loop0\nloop/backing_file = /x\nsize = 8"
        ));
        let Probe::One(found) = probe(&rows(image).as_slice()) else { panic!("{image}") };
        let facts = Facts { contents: Some(found), ..Facts::default() };
        let names = devices::block::names(&Device::at(&tree, disk), &facts);
        assert_eq!(names.properties.get("SYSTEMD_WANTS").map(String::as_str), expected, "{image} {holders}");
    }
}

#[test]
fn a_drive_a_loop_and_what_has_no_medium() {
    for (name, more, ready) in [
        ("sr0", "size = 2048", true),
        ("sr0", "size = 0", false),
        ("loop0", "size = 8", false),
        ("loop0", "size = 8\nloop/backing_file = /x", true),
        ("nvme0c0n1", "size = 8\nhidden = 1", false),
    ] {
        let path = format!("/sys/devices/virtual/block/{name}");
        let tree = Tree::of(&format!("{path}\n{more}"));
        assert_eq!(is_ready(&Device::at(&tree, &path)), ready, "{name} {more}");
    }
    let drive = links("/sys/devices/x/block/sr0\nsize = 0", "/sys/devices/x/block/sr0", &Facts::default());
    assert_eq!(drive, ["cdrom"]);
}
