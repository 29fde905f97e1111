//! Two versions on a disk: which one boots, and what becomes of a good one that turns bad.

use std::time::Duration;

use slots::EntryName;
use tests::bed;
use tests::second::Second;
use vm::{Disk, Vm};

/// For some boots in a row.
const LIMIT: Duration = Duration::from_secs(600);

/// A disk that was booted once, with a second version on it.
fn with_second(spoilt: bool) -> vm::Result<(Disk, Second)> {
    let disk = Disk::copy(bed(), None)?;
    let mut vm = Vm::uefi(bed()).disk(&disk).boot()?;
    vm.wait_until_ready()?;
    let slots = vm.shell().run("berthctl slots")?;
    assert!(slots.contains("runs, and boots next") && slots.contains("empty"), "{slots}");
    vm.power_off()?;
    let mut second = Second::of(bed().images()).unwrap();
    let name = EntryName::good(second.version.clone());
    second.install(disk.file(), bed().images(), name).unwrap();
    if spoilt {
        second.spoil(disk.file()).unwrap();
    }
    Ok((disk, second))
}

#[test]
fn a_good_version_that_turned_bad_gives_way_to_the_one_before() -> vm::Result<()> {
    let (disk, second) = with_second(true)?;
    let vm = Vm::uefi(bed()).disk(&disk).boot()?;
    vm.wait_for_console("dm-verity device corrupted", LIMIT)?;
    let words = format!("version {} was booted 4 times and did not prove itself", second.version);
    vm.wait_for_console(&words, LIMIT)?;
    vm.wait_for_console("berth: reached multi-user.target", LIMIT)?;
    let slots = vm.shell().run("berthctl slots")?;
    let given_up = format!("given up berth_{}+0.efi", second.version);
    assert!(slots.contains("runs, and boots next") && slots.contains(&given_up), "{slots}");
    Ok(())
}
