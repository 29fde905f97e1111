//! Guard and loader follow the versions, and what does not start the machine does not take their place.

use std::fs;
use std::time::Duration;

use boot_chain::{Chain, Part, Record};
use deployment::Deployment;
use layout::path::{BOOT_CHAIN_STATE, EFI_VARIABLES};
use manifest::Sha256;
use sha2::Digest;
use tests::bed;
use tests::version::Version;
use vm::{Disk, Milestone, Vm};

use super::{is_intact, lived_in, machine, next, soak, version_of};

/// For a boot that hangs.
const LIMIT: Duration = Duration::from_secs(300);
/// The loader that images have.
const SYSTEMD_BOOT: &str = "usr/lib/systemd/boot/efi/systemd-bootx64.efi";
/// Our service's log.
const LOG: &str = "journalctl -q -b -o cat -u berth-boot-chain";
/// Numbers of firmware's entries.
const ENTRIES: &str = "ls /sys/firmware/efi/efivars | grep '^Boot[0-9A-F][0-9A-F][0-9A-F][0-9A-F]-' || true";

fn sha256(content: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(content).into())
}

fn shipped_loader() -> Vec<u8> {
    fs::read(bed().tools().path(SYSTEMD_BOOT)).unwrap()
}

/// What boots a machine that is off.
fn kept(disk: &Disk) -> Chain<Option<Sha256>> {
    Deployment::of_image(disk.file(), None).unwrap().boot_chain().unwrap().kept().unwrap()
}

/// The disk of a machine that is off, whose loader is another one than that of the version which is to be tried.
fn outdated() -> vm::Result<(Disk, Chain<Option<Sha256>>)> {
    let disk = lived_in()?;
    let shipped = kept(&disk);
    assert_eq!(shipped.loader, Some(sha256(&shipped_loader())), "a new disk has what /usr has");
    // What is behind a program's last section means nothing.
    let old = [shipped_loader(), vec![0]].concat();
    let chain = Deployment::of_image(disk.file(), None).unwrap().boot_chain().unwrap();
    chain.write(Part::Loader, &old, sha256(&old)).unwrap();
    chain.keep(Part::Loader).unwrap();
    chain.remove_trial().unwrap();
    // The ESP is its own until then.
    drop(chain);
    Version::next().install(&disk).unwrap();
    Ok((disk, Chain { loader: Some(sha256(&old)), ..shipped }))
}

/// Boots into a version that brings another loader than the ESP has, and waits until that is to be tried.
fn on_trial(disk: &Disk) -> vm::Result<Vm> {
    let vm = machine(disk).boot()?;
    vm.wait_until_ready()?;
    vm.wait_for(Milestone::Blessed, LIMIT)?;
    assert_eq!(version_of(&vm)?, next());
    vm.run(&format!(
        "for i in $(seq 100); do grep -q '\"armed\"' {BOOT_CHAIN_STATE} && break; sleep 0.3; done"
    ))?;
    let said = vm.run(LOG)?;
    assert!(said.contains("the machine tries it at the next start"), "{said}");
    let slots = vm.run("berthctl slots")?;
    assert!(slots.contains("is tried at the next start"), "{slots}");
    Ok(vm)
}

/// Waits until nothing is on trial any more.
fn settled(vm: &Vm) -> vm::Result<Record> {
    vm.run(&format!(
        "for i in $(seq 100); do grep -q '\"trial\":' {BOOT_CHAIN_STATE} || break; sleep 0.3; done"
    ))?;
    let record = Record::from_json(&vm.run(&format!("cat {BOOT_CHAIN_STATE}"))?).unwrap();
    assert_eq!((&record.trial, &record.seen), (&None, &Some(next().parse().unwrap())));
    assert_eq!(vm.run(&format!("ls {EFI_VARIABLES} | grep -c '^BootNext-' || true"))?, "0");
    Ok(record)
}

/// Which loader says that it has started the machine.
fn loader(vm: &Vm) -> vm::Result<String> {
    vm.run(&format!("tail -c +5 {EFI_VARIABLES}/LoaderImageIdentifier-* | tr -d '\\0'"))
}

#[test]
fn a_loader_that_a_version_brings_is_tried_and_kept() -> vm::Result<()> {
    let (disk, old) = outdated()?;
    let mut vm = on_trial(&disk)?;
    assert_eq!(loader(&vm)?, "\\EFI\\systemd\\systemd-bootx64.efi");
    let entries = vm.run(ENTRIES)?;
    vm.reboot()?;
    assert_eq!(loader(&vm)?, "\\EFI\\berth-trial\\systemd-bootx64.efi");
    assert_eq!(settled(&vm)?.summary(), None);
    let said = vm.run(LOG)?;
    assert!(said.contains("started this machine, and is its own from now on"), "{said}");
    assert_eq!(vm.run(ENTRIES)?.lines().count() + 1, entries.lines().count(), "its entry is gone");
    assert!(!vm.run("berthctl slots")?.contains("loader"));

    vm.reboot()?;
    assert_eq!((loader(&vm)?, version_of(&vm)?), ("\\EFI\\systemd\\systemd-bootx64.efi".to_owned(), next()));
    is_intact(&vm)?;
    vm.run("until systemctl is-active -q berth-bless; do sleep 0.2; done")?;
    assert_eq!(vm.run(LOG)?, "", "there was nothing to do, and nothing was started for it");
    vm.power_off()?;
    assert_eq!(kept(&vm.disk()), Chain { loader: Some(sha256(&shipped_loader())), ..old });
    Ok(())
}

#[test]
fn a_boot_chain_that_does_not_start_the_machine_is_refused() -> vm::Result<()> {
    for part in if soak() { &[Part::Loader, Part::Guard][..] } else { &[Part::Loader] } {
        let (disk, old) = outdated()?;
        let mut vm = on_trial(&disk)?;
        // As a file is that this firmware cannot load.
        vm.run(&format!(
            "mount -t vfat /dev/disk/by-partlabel/ESP /boot && \
             printf nonsense | dd of=/boot/{} conv=notrunc && umount /boot",
            part.trial()
        ))?;
        vm.reboot()?;
        assert_eq!(loader(&vm)?, "\\EFI\\systemd\\systemd-bootx64.efi", "{part:?}");
        let record = settled(&vm)?;
        assert_eq!(record.refused.len(), 1, "{part:?}: {record:?}");
        let said = vm.run("berthctl slots")?;
        assert!(said.contains("did not get good"), "{part:?}: {said}");
        vm.reboot()?;
        assert_eq!(settled(&vm)?, record, "it is not tried again");
        assert_eq!(version_of(&vm)?, next());
        is_intact(&vm)?;
        vm.power_off()?;
        assert_eq!(kept(&vm.disk()), old);
    }
    Ok(())
}

#[test]
fn firmware_that_forgets_changes_nothing() -> vm::Result<()> {
    let (disk, old) = outdated()?;
    let mut vm = on_trial(&disk)?;
    vm.power_off()?;
    // Another board: its variables are those of a new machine.
    let mut vm = machine(&vm.disk()).boot()?;
    vm.wait_until_ready()?;
    let record = settled(&vm)?;
    assert!(record.note.as_ref().is_some_and(|note| note.contains("has forgotten")), "{record:?}");
    assert!(record.refused.is_empty());
    vm.power_off()?;
    assert_eq!(kept(&vm.disk()), old);
    Ok(())
}
