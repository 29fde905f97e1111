//! ROOT grows with its disk, whatever happens meanwhile.

use std::time::Duration;

use layout::disk::SECTOR;
use tests::bed;
use vm::{Disk, Vm};

/// The size of `/` in KiB.
fn root_kib(vm: &Vm) -> vm::Result<u64> {
    Ok(vm.shell().run("df -k / | tail -n 1 | awk '{print $2}'")?.parse().unwrap())
}

/// A large ROOT grows while the boot goes on, and the kernel cannot mount one whose journal holds
/// half a growth without being led to panic later: it is mended before it is mounted.
#[test]
fn the_power_may_go_while_a_large_root_grows() -> vm::Result<()> {
    let terabyte_in_mib = 1 << 20;
    let disk = Disk::copy(bed(), Some(terabyte_in_mib))?;
    for _ in 0..2 {
        let mut vm = Vm::direct(bed()).disk(&disk).boot()?;
        vm.wait_until_ready()?;
        vm.pull_plug()?;
    }
    let mut vm = Vm::direct(bed()).disk(&disk).boot()?;
    vm.wait_until_ready()?;
    let wanted = 1_000_000_000;
    for _ in 0..300 {
        if root_kib(&vm)? > wanted {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(root_kib(&vm)? > wanted, "ROOT has {} KiB of a disk of a tebibyte", root_kib(&vm)?);
    vm.power_off()?;
    Ok(())
}

#[test]
fn a_torn_partition_table_is_restored_from_its_backup() -> vm::Result<()> {
    let disk = Disk::copy(bed(), Some(8192))?;
    let mut vm = Vm::direct(bed()).disk(&disk).boot()?;
    vm.wait_until_ready()?;
    let size = root_kib(&vm)?;
    vm.power_off()?;
    let entries_of_the_first_copy = 2 * SECTOR;
    disk.flip_byte(entries_of_the_first_copy)?;
    let mut vm = Vm::direct(bed()).disk(&disk).boot()?;
    vm.wait_until_ready()?;
    assert_eq!(root_kib(&vm)?, size, "the same ROOT");
    vm.power_off()?;
    let verdict = bed()
        .run_tool(disk.file().parent().unwrap(), &["sgdisk", "--verify", &disk.file().to_string_lossy()])?;
    assert!(verdict.contains("No problems found"), "{verdict}");
    Ok(())
}
