//! Two versions on a disk: which one boots, and what becomes of a good one that turns bad.

use std::time::Duration;

use deployment::Deployment;
use slots::{Action, EntryName};
use tests::version::Version;
use tests::{bed, disk};
use vm::{Disk, Vm};

/// For some boots in a row.
const LIMIT: Duration = Duration::from_secs(600);

/// A disk that was booted once, with a later version on it that is good, and of which a byte of a partition went bad.
fn with_one_that_turned_bad(partition: &layout::Partition, offset: u64) -> vm::Result<Disk> {
    let disk = Disk::copy(bed(), None)?;
    let mut vm = Vm::uefi(bed()).disk(&disk).boot()?;
    vm.wait_until_ready()?;
    let slots = vm.shell().run("berthctl slots")?;
    assert!(slots.contains("runs, and boots next") && slots.contains("empty"), "{slots}");
    vm.power_off()?;
    let next = Version::next();
    next.install(&disk).unwrap();
    let version = &next.manifest.version;
    let (from, to) = (EntryName::fresh(version.clone()), EntryName::good(version.clone()));
    let deployment = Deployment::of_image(disk.file(), None).unwrap();
    deployment.apply(&[Action::Rename { from, to }]).unwrap();
    disk::flip(bed(), &disk, partition.label, offset)?;
    Ok(disk)
}

/// Starts a disk with a version that turned bad: each boot says `sign`, until the version before is started. What
/// `berthctl slots` says then.
fn slots_after_giving_way(disk: &Disk, sign: &str) -> vm::Result<String> {
    let vm = Vm::uefi(bed()).disk(disk).boot()?;
    vm.wait_for_console(sign, LIMIT)?;
    let version = &Version::next().manifest.version;
    let words = format!("version {version} was booted 4 times and did not prove itself");
    vm.wait_for_console(&words, LIMIT)?;
    vm.wait_for_console("berth: reached multi-user.target", LIMIT)?;
    vm.shell().run("berthctl slots")
}

#[test]
fn a_good_version_that_turned_bad_gives_way_to_the_one_before() -> vm::Result<()> {
    let disk = with_one_that_turned_bad(&layout::disk::USR_B, disk::EROFS_SUPERBLOCK)?;
    let slots = slots_after_giving_way(&disk, "dm-verity device corrupted")?;
    let given_up = format!("given up berth_{}+0.efi", Version::next().manifest.version);
    assert!(slots.contains("runs, and boots next") && slots.contains(&given_up), "{slots}");
    Ok(())
}

#[test]
fn a_good_version_whose_hash_tree_is_gone_gives_way_to_the_one_before() -> vm::Result<()> {
    let disk = with_one_that_turned_bad(&layout::disk::USR_B_VERITY, 0)?;
    let slots = slots_after_giving_way(&disk, "no slot holds the /usr that this kernel was made for")?;
    let version = Version::next().manifest.version.to_string();
    assert!(slots.contains("runs, and boots next") && !slots.contains(&version), "{slots}");
    Ok(())
}
