//! The EFI system partition.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use image::esp::Esp;
use layout::disk::{GIB, MIB};

use crate::{EPOCH, check, noise, tools};

fn esp() -> Esp {
    let mut esp =
        Esp::standard(noise(5000), noise(120_000), noise(3_000_001), &"1.2.3.dev4".parse().unwrap());
    // Enough entries that a folder takes more than one cluster.
    for i in 0..140 {
        esp.files.insert(format!("loader/addons/a-long-name-for-an-addon-{i}.addon.efi"), vec![i as u8; i]);
    }
    esp
}

#[test]
fn fsck_is_silent_and_the_files_are_there() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    for size in [34 * MIB, 260 * MIB, GIB] {
        let path = dir.path().join("esp");
        let file = File::create_new(&path).unwrap();
        file.set_len(size).unwrap();
        drop(file);
        let file = File::options().read(true).write(true).open(&path).unwrap();
        esp().write(&file, &path, 0, size, EPOCH).unwrap();
        let said = check(&tools, "fsck.vfat", &["-n", "-v"], &[&path]);
        for complaint in ["Bad", "bad", "Long", "orphan", "differ", "not", "Dirty", "uninitialized", "wrong"]
        {
            assert!(!said.contains(complaint), "{size}: {said}");
        }
        let listed = check(&tools, "mdir", &["-/", "-b", "-i"], &[&path]);
        for path in esp().files.keys() {
            assert!(listed.contains(&format!("::/{path}\n")), "{path} in\n{listed}");
        }
        let read = tools
            .command("mcopy")
            .arg("-i")
            .arg(&path)
            .args(["::/EFI/Linux/berth_1.2.3.dev4.efi", "-"])
            .bind_ro(&path)
            .output()
            .unwrap();
        assert!(read.stdout == noise(3_000_001));
        let used = fs::metadata(&path).unwrap().blocks() * 512;
        assert!(used < 8 * MIB, "{size}: {used} bytes on disk");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn times_are_the_epochs_and_the_bytes_are_the_same_twice() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let path = dir.path().join(name);
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true).open(&path).unwrap();
        file.set_len(64 * MIB).unwrap();
        esp().write(&file, &path, 0, 64 * MIB, EPOCH).unwrap();
        path
    };
    let (a, b) = (make("a"), make("b"));
    assert!(fs::read(&a).unwrap() == fs::read(&b).unwrap());
    let listed = check(&tools, "mdir", &["-/", "-i"], &[&a]);
    assert!(listed.contains("BOOTX64  EFI      5000 2026-11-24  18:04"), "{listed}");
    let other = listed
        .lines()
        .filter(|l| l.contains("EFI") || l.contains("DIR"))
        .filter(|l| !l.contains("2026-11-24  18:04"));
    let other: Vec<_> = other.filter(|l| !l.contains("::/")).collect();
    assert_eq!(other, Vec::<&str>::new());
}
