//! The whole disk, and its qcow2.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use image::disk::{self, Disk, Sizes};
use image::erofs::{self, Compression};
use image::esp::Esp;
use image::{Error, ext4, qcow2, verity};
use layout::disk::{MIB, PARTITIONS, USR_FS_UUID};
use sandbox::Tree;

use crate::{EPOCH, check, noise, tools, usr};

const SIZES: Sizes = Sizes { esp: 40 * MIB, bios: 2 * MIB, usr: 8 * MIB, usr_verity: MIB, root: 64 * MIB };

struct Parts {
    dir: PathBuf,
    esp: Esp,
}

impl Parts {
    fn make(tools: &Tree, dir: &Path) -> Self {
        let esp = Esp::standard(noise(5000), noise(9000), noise(100_000), &"1.2.3".parse().unwrap());
        let parts = Self { dir: dir.to_owned(), esp };
        erofs::build(tools, &usr(), &parts.path("usr"), Compression::Lz4, USR_FS_UUID, EPOCH).unwrap();
        verity::format(&parts.path("usr"), &parts.path("verity"), &[7; 32], USR_FS_UUID).unwrap();
        ext4::build(tools, &parts.path("root"), SIZES.root, EPOCH).unwrap();
        parts
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn write(&self, out: &Path, sizes: Sizes) -> Result<(), Error> {
        let (usr, usr_verity, root) = (&self.path("usr"), &self.path("verity"), &self.path("root"));
        disk::write(out, &Disk { sizes, esp: &self.esp, bios: None, usr, usr_verity, root, epoch: EPOCH })
    }
}

#[test]
fn sgdisk_finds_the_table_of_the_design() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::make(&tools, dir.path());
    let (disk, again) = (dir.path().join("disk"), dir.path().join("again"));
    parts.write(&disk, SIZES).unwrap();
    parts.write(&again, SIZES).unwrap();
    assert!(fs::read(&disk).unwrap() == fs::read(&again).unwrap());

    let said = check(&tools, "sgdisk", &["-v"], &[&disk]);
    assert!(said.contains("No problems found"), "{said}");
    let mut table = check(&tools, "sgdisk", &["-p"], &[&disk]).replace(&disk.display().to_string(), "DISK");
    for partition in PARTITIONS {
        let info = check(&tools, "sgdisk", &[&format!("-i{}", partition.number)], &[&disk]);
        table += &format!("\n{info}");
        for text in [partition.guid.to_string(), partition.type_guid.to_string()] {
            assert!(info.contains(&text.to_uppercase()), "{text} in\n{info}");
        }
    }
    golden("gpt.txt", &table);
    let mbr = &fs::read(&disk).unwrap()[446..512];
    assert_eq!(mbr[4], 0xee);
    assert_eq!(mbr[64..], [0x55, 0xaa]);
    let sectors = u32::from_le_bytes(mbr[12..16].try_into().unwrap());
    assert_eq!(u64::from(sectors) + 1, SIZES.disk_size() / 512);
}

#[test]
fn each_partition_holds_what_it_should_and_zeros_take_no_space() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::make(&tools, dir.path());
    let disk = dir.path().join("disk");
    parts.write(&disk, SIZES).unwrap();
    let bytes = fs::read(&disk).unwrap();
    for place in SIZES.places() {
        let there = &bytes[place.start as usize..][..place.size as usize];
        let content = match place.partition.label {
            "USR-A" => fs::read(parts.path("usr")).unwrap(),
            "USR-A-VERITY" => fs::read(parts.path("verity")).unwrap(),
            "ROOT" => fs::read(parts.path("root")).unwrap(),
            "ESP" => {
                let esp = dir.path().join("esp");
                fs::write(&esp, there).unwrap();
                check(&tools, "fsck.vfat", &["-n"], &[&esp]);
                continue;
            }
            _ => vec![],
        };
        assert!(there.starts_with(&content), "{}", place.partition.label);
        assert!(there[content.len()..].iter().all(|&b| b == 0), "{}", place.partition.label);
    }
    let used = fs::metadata(&disk).unwrap().blocks() * 512;
    assert!(used < 4 * MIB, "{used} bytes on disk");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::make(&tools, dir.path());
    let disk = dir.path().join("disk");
    for (sizes, says) in [
        (Sizes { root: 32 * MIB, ..SIZES }, "ROOT, is 32.0 MiB"),
        (Sizes { esp: 32 * MIB, ..SIZES }, "ESP, is 32.0 MiB"),
        (Sizes { usr: MIB + 512, ..SIZES }, "partition USR-A, 1049088 bytes"),
        (Sizes { bios: 0, ..SIZES }, "partition BIOS, 0 bytes"),
    ] {
        let error = parts.write(&disk, sizes).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(!disk.exists(), "a disk that is no disk was left behind");
    }
}

#[test]
fn qemu_takes_the_qcow2() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::make(&tools, dir.path());
    let (disk, a, b) = (dir.path().join("disk"), dir.path().join("a"), dir.path().join("b"));
    parts.write(&disk, SIZES).unwrap();
    qcow2::convert(&tools, &disk, &a).unwrap();
    qcow2::convert(&tools, &disk, &b).unwrap();
    assert!(fs::read(&a).unwrap() == fs::read(&b).unwrap());
    let said = check(&tools, "qemu-img", &["check"], &[&a]);
    assert!(said.contains("No errors were found"), "{said}");
    check(&tools, "qemu-img", &["compare"], &[&disk, &a]);
    assert!(fs::metadata(&a).unwrap().len() < 5 * MIB);
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("BERTH_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let wanted = fs::read_to_string(&path).unwrap();
    assert_eq!(text, wanted, "{name}; BERTH_BLESS=1 rewrites it");
}
