//! The disk's partitions are the contract's, and each holds what it should.

use std::fs;
use std::path::PathBuf;

use layout::Slot;
use layout::disk::{self as shipped, ESP, PARTITIONS, ROOT};
use tempfile::TempDir;
use tests::{bed, disk};
use vm::copy_range;

fn run(folder: &TempDir, command: &[&str]) -> String {
    bed().run_tool(folder.path(), command).unwrap_or_else(|error| panic!("{error}"))
}

/// A partition's content, in a file of its own.
fn content(folder: &TempDir, label: &str) -> PathBuf {
    let disk = bed().images().disk();
    let parts = disk::partitions(bed(), folder.path(), disk).unwrap();
    let file = folder.path().join(label);
    copy_range(disk, parts[label].bytes.clone(), &file).unwrap();
    file
}

#[test]
fn the_table_is_sound_and_is_the_contracts() {
    let folder = tempfile::tempdir().unwrap();
    let image = bed().images().disk();
    let verdict = run(&folder, &["sgdisk", "--verify", image.to_str().unwrap()]);
    assert!(verdict.contains("No problems found"), "{verdict}");
    let table = run(&folder, &["sgdisk", "--print", image.to_str().unwrap()]).to_lowercase();
    assert!(table.contains(&shipped::DISK_GUID.to_string()), "{table}");
    let parts = disk::partitions(bed(), folder.path(), image).unwrap();
    assert_eq!(parts.len(), PARTITIONS.len());
    for expected in PARTITIONS {
        let found = &parts[expected.label];
        assert_eq!(found.guid, expected.guid.to_string(), "{}", expected.label);
        assert_eq!(found.type_guid, expected.type_guid.to_string(), "{}", expected.label);
        assert_eq!(found.bytes.start % shipped::ALIGNMENT, 0, "{}", expected.label);
    }
}

#[test]
fn the_esp_is_a_sound_fat_with_loader_and_uki() {
    let folder = tempfile::tempdir().unwrap();
    let esp = content(&folder, ESP.label);
    let esp = esp.to_str().unwrap();
    let verdict = run(&folder, &["fsck.vfat", "-n", "-v", esp]);
    assert!(!verdict.contains("differ") && !verdict.to_lowercase().contains("bad"), "{verdict}");
    let images = bed().images();
    let name = layout::esp::uki_name(&images.manifest().version.to_string());
    let uki = format!("{}/{name}", layout::esp::UKI_DIR);
    for path in [layout::esp::GUARD, layout::esp::SYSTEMD_BOOT, layout::esp::LOADER_CONF, &uki] {
        run(&folder, &["mdir", "-i", esp, &format!("::/{path}")]);
    }
    let copy = folder.path().join("uki");
    run(&folder, &["mcopy", "-i", esp, &format!("::/{uki}"), copy.to_str().unwrap()]);
    assert!(fs::read(copy).unwrap() == fs::read(images.uki()).unwrap(), "the ESP holds another UKI");
}

#[test]
fn slot_a_holds_usr_with_its_tree_and_slot_b_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let images = bed().images();
    let slot = |slot: Slot| (content(&folder, slot.data().label), content(&folder, slot.verity().label));
    let (data, tree) = slot(Slot::A);
    for (partition, artifact) in [(&data, images.usr()), (&tree, images.usr_verity())] {
        let (partition, artifact) = (fs::read(partition).unwrap(), fs::read(artifact).unwrap());
        let (content, rest) = partition.split_at(artifact.len());
        assert!(content == artifact, "the slot holds something else than the artifact");
        assert!(rest.iter().all(|byte| *byte == 0), "the slot has a tail");
    }
    let hash = images.manifest().usr.root_hash.to_string();
    run(&folder, &["veritysetup", "verify", data.to_str().unwrap(), tree.to_str().unwrap(), &hash]);
    let (data, tree) = slot(Slot::B);
    for partition in [data, tree] {
        assert!(fs::read(&partition).unwrap().iter().all(|byte| *byte == 0), "{}", partition.display());
    }
}

#[test]
fn root_is_a_sound_and_empty_ext4() {
    let folder = tempfile::tempdir().unwrap();
    let root = content(&folder, ROOT.label);
    let root = root.to_str().unwrap();
    run(&folder, &["e2fsck", "-f", "-n", root]);
    let header = run(&folder, &["dumpe2fs", "-h", root]);
    assert!(header.contains("Filesystem state:         clean"), "{header}");
    assert!(header.contains(&shipped::ROOT_FS_UUID.to_string()), "{header}");
    let listing = run(&folder, &["debugfs", "-R", "ls -p /", root]);
    let names: Vec<&str> = listing.lines().filter_map(|line| line.split('/').nth(5)).collect();
    assert!(names.iter().all(|name| matches!(*name, "" | "." | ".." | "lost+found")), "{names:?}");
}
