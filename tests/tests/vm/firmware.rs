//! The command line that a person types, with nothing of ours in it: the ready line comes on the
//! serial console, whatever the disk hangs on.

use tests::bed;
use vm::{BOOT_LIMIT, Disk, Vm};

/// Boots by the plain command line. `disk_options` is what follows the file in `-drive`.
fn boots(disk_options: &str, more: &[&str]) -> vm::Result<()> {
    let disk = Disk::copy(bed(), None)?;
    let vm = Vm::plain(bed(), &disk, disk_options, more)?;
    let ready = vm.wait_for_console("berth: reached multi-user.target in ", BOOT_LIMIT)?;
    println!("{disk_options} {more:?}: {ready}");
    let console = vm.console();
    assert!(!console.contains("EMERGENCY"), "{console}");
    Ok(())
}

#[test]
fn a_plain_command_line_boots_from_virtio() -> vm::Result<()> {
    boots("if=virtio", &[])
}

#[test]
fn a_plain_command_line_boots_from_nvme() -> vm::Result<()> {
    boots("if=none,id=disk", &["-device", "nvme,drive=disk,serial=1"])
}

#[test]
fn a_plain_command_line_boots_from_ahci() -> vm::Result<()> {
    boots("if=none,id=disk", &["-device", "ahci,id=ahci", "-device", "ide-hd,drive=disk,bus=ahci.0"])
}

#[test]
fn a_plain_command_line_boots_from_virtio_scsi() -> vm::Result<()> {
    boots("if=none,id=disk", &["-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=disk"])
}
