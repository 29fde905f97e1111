//! On an image file: a machine is updated, blessed, rolled back and repaired.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{Cursor, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use boot_chain::{Chain, Part};
use deployment::{Content, Deployment, NoTree, Region, SlotDevice, Uki};
use layout::disk::USR_FS_UUID;
use layout::{Guid, Slot};
use manifest::{Sha256 as Sha256Digest, Version};
use sha2::{Digest, Sha256};
use slots::{Action, Health, Machine, Running};
use verity::{HashTree, RootHash};

const MIB: u64 = 1 << 20;
const SALT: &[u8] = b"salt";
const ID: Guid = USR_FS_UUID;

/// A folder with an image of the parts of a disk.
struct Disk {
    _folder: tempfile::TempDir,
    image: PathBuf,
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn data(letter: u8) -> Vec<u8> {
    (0..300 * 4096_u32).map(|i| letter ^ (i / 4096) as u8).collect()
}

fn root_hash(data: &[u8]) -> RootHash {
    HashTree::from_leaves(ID, SALT, &verity::leaves(SALT, data).unwrap()).unwrap().root_hash
}

fn uki(usrhash: RootHash) -> Vec<u8> {
    uki::fixture::smallest(&format!("usrhash={usrhash} quiet"), &[7; 70_000])
}

impl Disk {
    /// A new machine: slot A, and a good entry.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("disk.img");
        let mut fat = Cursor::new(vec![0; 40 * MIB as usize]);
        let options =
            fatfs::FormatVolumeOptions::new().fat_type(fatfs::FatType::Fat32).bytes_per_cluster(512);
        fatfs::format_volume(&mut fat, options).unwrap();
        {
            let fs = fatfs::FileSystem::new(&mut fat, fatfs::FsOptions::new()).unwrap();
            let efi = fs.root_dir().create_dir("EFI").unwrap();
            let linux = efi.create_dir("Linux").unwrap();
            for (folder, part) in [("BOOT", Part::Guard), ("systemd", Part::Loader)] {
                efi.create_dir(folder).unwrap();
                let old = if part == Part::Guard { "old guard" } else { "old loader" };
                let mut file = fs.root_dir().create_file(part.kept()).unwrap();
                file.write_all(old.as_bytes()).unwrap();
            }
            linux.create_file("berth_1.0.0.efi").unwrap().write_all(&uki(root_hash(&data(b'a')))).unwrap();
            linux.create_file("memtest.efi").unwrap().write_all(b"somebody's own").unwrap();
        }
        let file = File::create(&image).unwrap();
        file.set_len(64 * MIB).unwrap();
        file.write_all_at(fat.get_ref(), MIB).unwrap();
        let disk = Self { _folder: folder, image };
        let a = disk.deployment(None).slot(Slot::A).clone();
        file.write_all_at(&data(b'a'), a.data.offset).unwrap();
        a.seal(data(b'a').len() as u64, ID, SALT, root_hash(&data(b'a'))).unwrap();
        disk
    }

    fn deployment(&self, running: Option<Running>) -> Deployment {
        let region =
            |offset, size| Region { path: self.image.clone(), offset: offset * MIB, size: size * MIB };
        let slots = [
            SlotDevice { slot: Slot::A, data: region(42, 2), hashes: region(44, 1) },
            SlotDevice { slot: Slot::B, data: region(46, 2), hashes: region(48, 1) },
        ];
        Deployment::of_parts(slots, region(1, 40), running)
    }

    fn running(&self, slot: Slot, letter: u8) -> Deployment {
        self.deployment(Some(Running { slot, usrhash: root_hash(&data(letter)) }))
    }

    /// What the loader does to the entry that it boots.
    fn boot(&self) -> String {
        let deployment = self.deployment(None);
        let machine = deployment.state().unwrap();
        let from = machine.next_entry().unwrap().name.clone();
        let to = from.bumped();
        if from != to {
            deployment.apply(&[Action::Rename { from, to: to.clone() }]).unwrap();
        }
        to.to_string()
    }

    fn names(&self) -> Vec<String> {
        names(&self.deployment(None).state().unwrap())
    }

    /// All files of the ESP, as another implementation sees them.
    fn files(&self) -> Vec<String> {
        let mut fat = vec![0; 40 * MIB as usize];
        File::open(&self.image).unwrap().read_exact_at(&mut fat, MIB).unwrap();
        let fs = fatfs::FileSystem::new(Cursor::new(fat), fatfs::FsOptions::new()).unwrap();
        let list = |path: &str| -> Vec<String> {
            let folder = fs.root_dir().open_dir(path).unwrap();
            folder
                .iter()
                .map(|entry| entry.unwrap().file_name())
                .filter(|name| !name.starts_with('.'))
                .collect()
        };
        [list("EFI/Linux"), list("EFI/berth")].concat()
    }
}

#[test]
fn a_new_boot_chain_takes_the_place_of_the_old_one() {
    let disk = Disk::new();
    let deployment = disk.deployment(None);
    let digest = |content: &[u8]| Sha256Digest(Sha256::digest(content).into());
    let (new, other) = (vec![3; 130_000], vec![4; 5000]);
    let none = Chain { guard: None, loader: None };
    let old = Chain { guard: Some(digest(b"old guard")), loader: Some(digest(b"old loader")) };
    {
        let chain = deployment.boot_chain().unwrap();
        assert_eq!((chain.kept().unwrap(), chain.trial().unwrap()), (old, none));
        chain.remove_trial().unwrap();
        assert!(chain.keep(Part::Loader).is_err());
        for part in [(Part::Loader, &new), (Part::Guard, &other)] {
            chain.write(part.0, part.1, digest(part.1)).unwrap();
        }
        assert!(chain.write(Part::Loader, &new, digest(&new)).is_err(), "it is there");
        assert_eq!(chain.trial().unwrap(), Chain { guard: Some(digest(&other)), loader: Some(digest(&new)) });
        // What is not whole is not taken for it.
        chain.remove_trial().unwrap();
        let error = chain.write(Part::Loader, &new, digest(&other)).unwrap_err();
        assert!(error.to_string().contains("not what was written"), "{error:#}");
        chain.keep(Part::Loader).unwrap();
        let half = Chain { loader: Some(digest(&new)), ..old };
        assert_eq!((chain.kept().unwrap(), chain.trial().unwrap()), (half, Chain { guard: None, ..half }));
        chain.remove_trial().unwrap();
        assert_eq!((chain.kept().unwrap(), chain.trial().unwrap()), (half, none));
    }
    // Nothing of it is an entry, or left over.
    assert_eq!(disk.names(), ["berth_1.0.0.efi"]);
    assert!(deployment.repair().unwrap().is_empty());
    assert!(deployment.esp_partition().is_none(), "its place is not known of parts alone");
}

fn names(machine: &Machine) -> Vec<String> {
    let mut names: Vec<String> = machine.esp.entries.iter().map(|entry| entry.name.to_string()).collect();
    names.sort();
    names
}

/// A release.
struct Release {
    letter: u8,
    uki: Vec<u8>,
    sha256: [u8; 32],
}

impl Release {
    fn new(letter: u8) -> Self {
        let uki = uki(root_hash(&data(letter)));
        Self { letter, sha256: Sha256::digest(&uki).into(), uki }
    }

    fn usrhash(&self) -> RootHash {
        root_hash(&data(self.letter))
    }
}

impl Content for Release {
    fn write_slot(&mut self, slot: &SlotDevice) -> Result<()> {
        let file = File::options().write(true).open(&slot.data.path)?;
        file.write_all_at(&data(self.letter), slot.data.offset)?;
        file.sync_all()?;
        slot.seal(data(self.letter).len() as u64, ID, SALT, self.usrhash())
    }

    fn uki(&mut self) -> Result<Uki<'_>> {
        Ok(Uki { size: self.uki.len() as u64, sha256: self.sha256, content: Box::new(self.uki.as_slice()) })
    }
}

fn install(deployment: &Deployment, version: &Version, release: &mut Release) -> Result<Vec<String>> {
    deployment.repair()?;
    let plan = slots::plan_install(&deployment.state()?, version, release.usrhash())?;
    let mut told = Vec::new();
    deployment.install(&plan, release, &mut |action| told.push(action.to_string()))?;
    Ok(told)
}

#[test]
fn a_machine_is_updated_blessed_and_updated_again() {
    let disk = Disk::new();
    let on_a = disk.running(Slot::A, b'a');
    let told = install(&on_a, &version("2.0.0"), &mut Release::new(b'b')).unwrap();
    assert_eq!(
        told,
        [
            "give slot B up",
            "write slot B",
            "verify slot B",
            "write EFI/berth/2.0.0.new",
            "verify EFI/berth/2.0.0.new",
            "publish berth_2.0.0+3.efi"
        ]
    );
    assert_eq!(disk.names(), ["berth_1.0.0.efi", "berth_2.0.0+3.efi"]);
    assert_eq!(disk.boot(), "berth_2.0.0+2-1.efi");
    let on_b = disk.running(Slot::B, b'b');
    let machine = on_b.state().unwrap();
    assert_eq!(machine.health(machine.running_entry().unwrap()), Health::Trying { left: 2 });
    let refusal = install(&on_b, &version("3.0.0"), &mut Release::new(b'c')).unwrap_err().to_string();
    assert!(refusal.contains("2.0.0 is not proven good yet"), "{refusal}");

    on_b.bless().unwrap();
    assert_eq!(on_b.bless().unwrap(), []);
    assert_eq!(disk.names(), ["berth_1.0.0.efi", "berth_2.0.0.efi"]);
    install(&on_b, &version("3.0.0"), &mut Release::new(b'c')).unwrap();
    assert_eq!(disk.names(), ["berth_2.0.0.efi", "berth_3.0.0+3.efi"]);
    assert_eq!(disk.files(), ["berth_3.0.0+3.efi", "memtest.efi", "berth_2.0.0.efi"]);
    assert_eq!(on_b.uki(&"berth_3.0.0+3.efi".parse().unwrap()).unwrap(), Release::new(b'c').uki);
}

#[test]
fn a_version_that_fails_gives_way_and_can_be_tried_again() {
    let disk = Disk::new();
    let on_a = disk.running(Slot::A, b'a');
    install(&on_a, &version("2.0.0"), &mut Release::new(b'b')).unwrap();
    let boots: Vec<String> = (0..4).map(|_| disk.boot()).collect();
    assert_eq!(
        boots,
        ["berth_2.0.0+2-1.efi", "berth_2.0.0+1-2.efi", "berth_2.0.0+0-3.efi", "berth_1.0.0.efi"]
    );
    assert!(on_a.rollback().unwrap_err().to_string().contains("2.0.0 failed"));
    on_a.give_tries(&version("2.0.0")).unwrap();
    assert_eq!(disk.boot(), "berth_2.0.0+2-1.efi");
    let on_b = disk.running(Slot::B, b'b');
    on_b.bless().unwrap();
    on_b.rollback().unwrap();
    assert_eq!(disk.names(), ["berth_1.0.0.efi", "berth_2.0.0+0.efi"]);
    // It was given up while it ran: its own blessing does not bring it back.
    assert!(on_b.bless().unwrap_err().to_string().contains("2.0.0 was given up"));
    assert_eq!(disk.boot(), "berth_1.0.0.efi");
}

#[test]
fn what_is_on_the_disk_must_be_what_was_to_be_installed() {
    let disk = Disk::new();
    let before = disk.names();
    let on_a = disk.running(Slot::A, b'a');
    let mut wrong_uki = Release { sha256: [1; 32], ..Release::new(b'b') };
    let error = format!("{:#}", install(&on_a, &version("2.0.0"), &mut wrong_uki).unwrap_err());
    assert_eq!(
        error,
        "verify EFI/berth/2.0.0.new: what is on the disk is not what was written: the disk may be failing"
    );
    assert_eq!(disk.names(), before);
    // The file that was staged is tidied up.
    assert_eq!(on_a.repair().unwrap(), [Action::RemoveFile("EFI/berth/2.0.0.new".into())]);

    struct WrongSlot(Release);
    impl Content for WrongSlot {
        fn write_slot(&mut self, slot: &SlotDevice) -> Result<()> {
            self.0.write_slot(slot)?;
            let file = File::options().write(true).open(&slot.data.path)?;
            Ok(file.write_all_at(b"rotten", slot.data.offset + 100_000)?)
        }
        fn uki(&mut self) -> Result<Uki<'_>> {
            self.0.uki()
        }
    }
    let plan =
        slots::plan_install(&on_a.state().unwrap(), &version("2.0.0"), Release::new(b'b').usrhash()).unwrap();
    let error = on_a.install(&plan, &mut WrongSlot(Release::new(b'b')), &mut |_| {}).unwrap_err();
    assert!(format!("{error:#}").starts_with("verify slot B: slot B has root hash "), "{error:#}");
    assert_eq!(on_a.state().unwrap().content(Slot::B), None);
    assert_eq!(disk.names(), before);
}

#[test]
fn both_names_of_a_cut_rename_are_repaired_and_the_file_stays_whole() {
    let disk = Disk::new();
    let on_a = disk.running(Slot::A, b'a');
    install(&on_a, &version("2.0.0"), &mut Release::new(b'b')).unwrap();
    // As the loader's rename leaves it.
    link(&disk.image, "berth_2.0.0+3.efi", "berth_2.0.0+2-1.efi");
    let machine = on_a.state().unwrap();
    assert_eq!(names(&machine), ["berth_1.0.0.efi", "berth_2.0.0+2-1.efi", "berth_2.0.0+3.efi"]);
    assert_eq!(machine.next_entry().unwrap().name.to_string(), "berth_2.0.0+3.efi");
    assert_eq!(on_a.repair().unwrap(), [Action::Unlink("EFI/Linux/berth_2.0.0+3.efi".into())]);
    assert_eq!(on_a.repair().unwrap(), []);
    // Another file gets the clusters that are free.
    on_a.apply(&[Action::Rename {
        from: "berth_1.0.0.efi".parse().unwrap(),
        to: "berth_1.0.0+0.efi".parse().unwrap(),
    }])
    .unwrap();
    assert_eq!(on_a.uki(&"berth_2.0.0+2-1.efi".parse().unwrap()).unwrap(), Release::new(b'b').uki);
}

fn link(image: &Path, from: &str, to: &str) {
    struct Part(File);
    impl fat::Disk for Part {
        fn read(&self, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
            self.0.read_exact_at(bytes, MIB + offset)
        }
        fn write(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
            self.0.write_all_at(bytes, MIB + offset)
        }
        fn flush(&self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let file = File::options().read(true).write(true).open(image).unwrap();
    let volume = fat::Volume::open(Part(file)).unwrap();
    let entry = volume.find(&format!("EFI/Linux/{from}")).unwrap();
    volume.link(&entry, &format!("EFI/Linux/{to}")).unwrap();
}

#[test]
fn a_uki_that_is_cut_short_is_no_entry_that_boots() {
    let disk = Disk::new();
    let on_a = disk.running(Slot::A, b'a');
    let short = &uki(root_hash(&data(b'b')))[..50_000];
    let mut release =
        Release { uki: short.to_vec(), sha256: Sha256::digest(short).into(), ..Release::new(b'b') };
    install(&on_a, &version("2.0.0"), &mut release).unwrap();
    let machine = on_a.state().unwrap();
    let entry = machine.entry(&version("2.0.0"));
    assert_eq!(entry, None);
    assert_eq!(machine.next_entry().unwrap().name.to_string(), "berth_1.0.0.efi");
    on_a.repair().unwrap();
    assert_eq!(disk.names(), ["berth_1.0.0.efi"]);
}

#[test]
fn nothing_goes_because_a_disk_did_not_answer() {
    let disk = Disk::new();
    install(&disk.running(Slot::A, b'a'), &version("2.0.0"), &mut Release::new(b'b')).unwrap();
    disk.running(Slot::B, b'b').bless().unwrap();
    let both = ["berth_1.0.0.efi", "berth_2.0.0.efi"];
    // A folder opens, and gives no bytes.
    let sick = |slot: Slot| {
        let whole = disk.running(Slot::A, b'a');
        let mut slots = Slot::ALL.map(|slot| whole.slot(slot).clone());
        slots[slot as usize].hashes.path = disk.image.parent().unwrap().to_owned();
        let region = Region { path: disk.image.clone(), offset: MIB, size: 40 * MIB };
        Deployment::of_parts(slots, region, whole.running())
    };
    for slot in Slot::ALL {
        let sick = sick(slot);
        let machine = sick.state().unwrap();
        assert_eq!(machine.content(slot), None);
        assert!(matches!(sick.slot(slot).tree(), Err(NoTree::Unreadable(_))));
        assert_eq!(sick.repair().unwrap(), []);
        assert_eq!(disk.names(), both, "slot {slot}");
    }
    // What runs is blessed all the same, and what is not there is tidied away as ever.
    assert_eq!(sick(Slot::B).bless().unwrap(), []);
    disk.deployment(None).slot(Slot::B).invalidate().unwrap();
    let gone = [Action::RemoveEntry("berth_2.0.0.efi".parse().unwrap())];
    assert_eq!(disk.running(Slot::A, b'a').repair().unwrap(), gone);
}
