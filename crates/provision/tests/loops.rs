//! Whole configs on loop devices, as root and with the file system tools of this machine: where these are missing the
//! tests are not run, and say so.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ignition::config;
use layout::disk::MIB;
use layout::path::{MKFS_EXT4, MKSWAP, WIPEFS};
use provision::daemons::Daemons;
use provision::device::{Device, Names};
use provision::disks::{self, Context};
use provision::failure::Failure;

struct Loop {
    node: String,
    _file: tempfile::NamedTempFile,
}

impl Loop {
    /// A disk of zeros; None where there can be none.
    fn new(size: u64) -> Option<Self> {
        if [MKFS_EXT4, MKSWAP, WIPEFS].iter().any(|program| !Path::new(program).exists()) {
            eprintln!("not run: {MKFS_EXT4}, {MKSWAP} or {WIPEFS} is missing");
            return None;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(size).unwrap();
        let output =
            Command::new("losetup").args(["--find", "--show", "--partscan"]).arg(file.path()).output();
        let Some(output) = output.ok().filter(|output| output.status.success()) else {
            eprintln!("not run: there are no loop devices");
            return None;
        };
        Some(Self { node: String::from_utf8(output.stdout).unwrap().trim().to_owned(), _file: file })
    }

    fn apply(&self, storage: &str) -> Result<Vec<String>, Failure> {
        let storage: config::Storage = serde_json::from_str(&storage.replace("$disk", &self.node)).unwrap();
        let mut told = Vec::new();
        let names = Names::new(None).within(Duration::ZERO);
        let mut tell = |line: &str| told.push(line.replace(self.name(), "$disk"));
        disks::apply(&storage, &mut Context { names: &names, tell: &mut tell }, &mut Daemons::absent())?;
        Ok(told)
    }

    fn name(&self) -> &str {
        self.node.strip_prefix("/dev/").unwrap()
    }

    fn partition(&self, number: u32) -> PathBuf {
        PathBuf::from(format!("{}p{number}", self.node))
    }

    /// Number and size in MiB of the partitions that the kernel knows.
    fn partitions(&self) -> Vec<(u32, u64)> {
        let disk = sys::block::disk(self.name()).unwrap();
        disk.partitions.iter().map(|p| (p.number, p.size / MIB)).collect()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.node]).status();
    }
}

fn blkid(node: &Path, tag: &str) -> String {
    let output = Command::new("blkid").args(["-p", "-o", "value", "-s", tag]).arg(node).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

const CONFIG: &str = r#"{
    "disks": [{"device": "$disk", "partitions": [
        {"label": "data", "number": 1, "sizeMiB": 64},
        {"label": "swap", "sizeMiB": 16},
        {"label": "rest"}
    ]}],
    "filesystems": [
        {"device": "$diskp1", "format": "ext4", "label": "data", "uuid": "6C7A1D2E-0000-4000-8000-00000000000A"},
        {"device": "$diskp2", "format": "swap", "label": "pages"},
        {"device": "$diskp3", "path": "/srv"}
    ]
}"#;

#[test]
fn a_blank_disk_becomes_what_the_config_says_and_stays_so() {
    let Some(disk) = Loop::new(128 * MIB) else { return };
    let told = disk.apply(CONFIG).unwrap();
    assert_eq!(
        told,
        [
            "$.storage.disks.0.partitions.0: partition 1 of $disk is new",
            "$.storage.disks.0.partitions.1: partition 2 of $disk is new",
            "$.storage.disks.0.partitions.2: partition 3 of $disk is new",
            "$.storage.filesystems.0: /dev/$diskp1 has a new ext4",
            "$.storage.filesystems.1: /dev/$diskp2 has a new swap",
        ]
    );
    assert_eq!(disk.partitions(), [(1, 64), (2, 16), (3, 46)]);
    assert_eq!(blkid(&disk.partition(1), "TYPE"), "ext4");
    assert_eq!(blkid(&disk.partition(1), "LABEL"), "data");
    assert_eq!(blkid(&disk.partition(1), "UUID"), "6c7a1d2e-0000-4000-8000-00000000000a");
    assert_eq!(blkid(&disk.partition(1), "PART_ENTRY_NAME"), "data");
    assert_eq!(blkid(&disk.partition(2), "TYPE"), "swap");
    assert_eq!(blkid(&disk.partition(2), "LABEL"), "pages");
    let uuid = blkid(&disk.partition(2), "UUID");
    let again = disk.apply(CONFIG).unwrap();
    assert_eq!(
        again,
        [
            "$.storage.filesystems.0: /dev/$diskp1 is as it should be",
            "$.storage.filesystems.1: /dev/$diskp2 is as it should be",
        ]
    );
    assert_eq!(blkid(&disk.partition(2), "UUID"), uuid);
}

#[test]
fn a_run_that_broke_off_is_finished_by_the_next() {
    let Some(disk) = Loop::new(128 * MIB) else { return };
    // The table is there, and not in the kernel; then one file system, and a second one that was only begun.
    disk.apply(&CONFIG.replace("\"ext4\"", "\"\"").replace("\"swap\", \"label\": \"pages\"", "\"\""))
        .unwrap();
    for number in [1, 2, 3] {
        sys::block::delete_partition(Path::new(&disk.node), number).unwrap();
    }
    assert_eq!(disk.partitions(), []);
    disk.apply(&CONFIG.replace("\"swap\", \"label\": \"pages\"", "\"\"")).unwrap();
    let uuid = blkid(&disk.partition(1), "UUID");
    let mut begun = vec![0; 4096];
    begun[..4].copy_from_slice(b"XFSB");
    begun[4..8].copy_from_slice(&4096u32.to_be_bytes());
    begun[126] = 1;
    fs::OpenOptions::new().write(true).open(disk.partition(2)).unwrap().write_all_at(&begun, 0).unwrap();
    let told = disk.apply(CONFIG).unwrap();
    assert_eq!(told.last().unwrap(), "$.storage.filesystems.1: /dev/$diskp2 has a new swap");
    assert_eq!(blkid(&disk.partition(1), "UUID"), uuid);
}

#[test]
fn what_is_there_goes_only_where_the_config_says_so() {
    let Some(disk) = Loop::new(64 * MIB) else { return };
    let check = |storage: &str, path: &str, cause: &str, next: &str| {
        let failure = disk.apply(storage).unwrap_err();
        let cause_of_it = failure.cause.replace(disk.name(), "$disk");
        assert!(failure.path == path && cause_of_it.contains(cause), "{storage}: {failure}");
        assert!(failure.next_step.contains(next), "{storage}: {failure}");
    };
    // File systems on a whole disk, and a table in their place.
    disk.apply(r#"{"filesystems": [{"device": "$disk", "format": "ext4", "label": "one"}]}"#).unwrap();
    let table = r#"{"disks": [{"device": "$disk", "partitions": [{"number": 1, "sizeMiB": 8}]}]}"#;
    check(
        table,
        "$.storage.disks.0",
        "/dev/$disk has no partition table that can be used: it holds ext4",
        "wipeTable",
    );
    for (filesystem, cause) in [
        (r#""format": "swap""#, "/dev/$disk holds ext4, not swap"),
        (r#""format": "ext4", "label": "two""#, "with label 'one', not 'two'"),
        (
            r#""format": "ext4", "uuid": "6c7a1d2e-0000-4000-8000-00000000000a""#,
            "not 6c7a1d2e-0000-4000-8000-00000000000a",
        ),
        (r#""format": "none""#, "/dev/$disk holds ext4"),
    ] {
        let storage = format!(r#"{{"filesystems": [{{"device": "$disk", {filesystem}}}]}}"#);
        check(&storage, "$.storage.filesystems.0", cause, "wipeFilesystem: true");
        assert_eq!(blkid(Path::new(&disk.node), "LABEL"), "one");
    }
    let erase = r#"{"filesystems": [{"device": "$disk", "format": "none", "wipeFilesystem": true}]}"#;
    assert_eq!(disk.apply(erase).unwrap(), ["$.storage.filesystems.0: /dev/$disk is erased"]);
    assert_eq!(
        disk.apply(&erase.replace(", \"wipeFilesystem\": true", "")).unwrap(),
        ["$.storage.filesystems.0: /dev/$disk is as it should be"]
    );
    disk.apply(table).unwrap();
    let whole = r#"{"filesystems": [{"device": "$disk", "format": "ext4", "wipeFilesystem": true}]}"#;
    check(
        whole,
        "$.storage.filesystems.0",
        "/dev/$disk cannot be made anew: it has 1 partitions",
        "wipeTable",
    );
    let on_partition = r#"{"disks": [{"device": "$diskp1"}]}"#;
    check(on_partition, "$.storage.disks.0", "/dev/$diskp1 is a partition, and not a disk", "the disk that");
    // Wiped, with partitions and without.
    let told = disk.apply(&table.replace("\"partitions\"", "\"wipeTable\": true, \"partitions\"")).unwrap();
    assert_eq!(
        told,
        [
            "$.storage.disks.0: the table of /dev/$disk is new",
            "$.storage.disks.0.partitions.0: partition 1 of $disk is new"
        ]
    );
    disk.apply(r#"{"disks": [{"device": "$disk", "wipeTable": true}]}"#).unwrap();
    assert_eq!((disk.partitions(), blkid(Path::new(&disk.node), "PTTYPE")), (vec![], String::new()));
    // Both copies of a table torn.
    disk.apply(table).unwrap();
    let file = File::options().write(true).open(&disk.node).unwrap();
    for block in [1, 64 * MIB / 512 - 1] {
        file.write_all_at(&[0xa5; 512], block * 512).unwrap();
    }
    check(
        table,
        "$.storage.disks.0",
        "it has no signature; its backup: it has no signature",
        "wipeTable: true",
    );
    disk.apply(&table.replace("\"partitions\"", "\"wipeTable\": true, \"partitions\"")).unwrap();
    assert_eq!(disk.partitions(), [(1, 8)]);
}

#[test]
fn what_is_in_use_is_not_touched_and_what_is_beside_it_may_change() {
    let Some(disk) = Loop::new(64 * MIB) else { return };
    let two = r#"{"disks": [{"device": "$disk", "partitions": [{"number": 1, "sizeMiB": 16}, {"number": 2, "sizeMiB": 8}]}],
        "filesystems": [{"device": "$diskp1", "format": "ext4"}]}"#;
    disk.apply(two).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mount = Command::new("mount").arg(disk.partition(1)).arg(folder.path()).status();
    if !mount.is_ok_and(|status| status.success()) {
        eprintln!("not run: nothing can be mounted here");
        return;
    }
    let user = Device::at(&disk.partition(1)).unwrap().in_use().unwrap();
    let partitions = |text: &str| disk.apply(&format!(r#"{{"disks": [{{"device": "$disk", {text}}}]}}"#));
    let wiped = partitions(r#""wipeTable": true"#);
    let changed =
        partitions(r#""partitions": [{"number": 1, "shouldExist": false, "wipePartitionEntry": true}]"#);
    let beside = partitions(
        r#""partitions": [{"number": 2, "sizeMiB": 12, "resize": true}, {"number": 3, "sizeMiB": 8}]"#,
    );
    let made =
        disk.apply(r#"{"filesystems": [{"device": "$diskp1", "format": "ext4", "wipeFilesystem": true}]}"#);
    assert!(Command::new("umount").arg(folder.path()).status().unwrap().success());
    assert_eq!(user, format!("mounted on {}", folder.path().display()));
    for (result, path) in [
        (wiped, "$.storage.disks.0"),
        (changed, "$.storage.disks.0.partitions.0"),
        (made, "$.storage.filesystems.0"),
    ] {
        let failure = result.unwrap_err();
        assert!(failure.path == path && failure.cause.contains("mounted on"), "{failure}");
    }
    beside.unwrap();
    assert_eq!(disk.partitions(), [(1, 16), (2, 12), (3, 8)]);
}

#[test]
fn what_is_not_built_is_refused_by_name_before_anything_is_done() {
    let names = Names::new(None).within(Duration::ZERO);
    for (storage, path, cause) in [
        (r#"{"luks": [{"name": "data", "device": "/dev/vdb"}]}"#, "$.storage.luks.0", "no cryptsetup"),
        (
            r#"{"filesystems": [{"device": "/dev/vdb", "format": "btrfs"}]}"#,
            "$.storage.filesystems.0.format",
            "format btrfs are not made",
        ),
        (
            r#"{"raid": [{"name": "data", "level": "raid7", "devices": ["/dev/vdb"]}]}"#,
            "$.storage.raid.0.level",
            "no RAID of level raid7",
        ),
        (
            r#"{"disks": [{"device": "/dev/disk/by-id/none"}]}"#,
            "$.storage.disks.0.device",
            "/dev/disk/by-id/none did not appear",
        ),
    ] {
        let storage: config::Storage = serde_json::from_str(storage).unwrap();
        let mut context = Context { names: &names, tell: &mut |_| () };
        let failure = disks::apply(&storage, &mut context, &mut Daemons::absent()).unwrap_err();
        assert!(failure.path == path && failure.cause.contains(cause), "{failure}");
    }
}
