//! Two versions on a disk: which one boots, and what becomes of a good one that turns bad.

use std::time::Duration;

use deployment::Deployment;
use slots::{Action, EntryName};
use tests::version::Version;
use tests::{bed, disk};
use vm::{Disk, Vm};

/// For some boots in a row.
const LIMIT: Duration = Duration::from_secs(600);

/// A file of `/usr` that boot does not read.
const COLD_FILE: &str = "/bin/xfs_repair";

/// A command, once the boot is found good.
fn blessed(command: &str) -> String {
    format!("until systemctl is-active -q berth-bless; do sleep 0.2; done; {command}")
}

/// A disk that was booted once, and `command` run then, with a later version on it that is good.
fn with_two_that_are_good(command: &str) -> vm::Result<Disk> {
    let disk = Disk::copy(bed(), None)?;
    let mut vm = Vm::uefi(bed()).disk(&disk).boot()?;
    vm.wait_until_ready()?;
    let slots = vm.shell().run("berthctl slots")?;
    assert!(slots.contains("runs, and boots next") && slots.contains("empty"), "{slots}");
    vm.shell().run(command)?;
    vm.power_off()?;
    let next = Version::next();
    next.install(&disk).unwrap();
    let version = &next.manifest.version;
    let (from, to) = (EntryName::fresh(version.clone()), EntryName::good(version.clone()));
    let deployment = Deployment::of_image(disk.file(), None).unwrap();
    deployment.apply(&[Action::Rename { from, to }]).unwrap();
    Ok(disk)
}

/// The same, and of the later version a byte of a partition went bad.
fn with_one_that_turned_bad(partition: &layout::Partition, offset: u64) -> vm::Result<Disk> {
    let disk = with_two_that_are_good("true")?;
    disk::flip(bed(), &disk, partition.label, offset)?;
    Ok(disk)
}

/// Where the first block of a file lies in the later version's `/usr`, by dump.erofs.
fn offset_in_next(path: &str) -> vm::Result<u64> {
    let next = Version::next();
    let usr = next.directory().join(&next.manifest.artifact("usr").expect("an erofs").name);
    let option = format!("--path={path}");
    let text = bed().run_tool(next.directory(), &["dump.erofs", &option, "-e", &usr.to_string_lossy()])?;
    // `   0:        0..   32768 |   32768 :   12345344.. 12365824 |   20480`
    let first = text.lines().find(|line| line.trim_start().starts_with("0:"));
    let physical = first.and_then(|line| line.split('|').nth(1)?.split(':').nth(1)?.split("..").next());
    let offset = physical.and_then(|offset| offset.trim().parse().ok());
    Ok(offset.unwrap_or_else(|| panic!("dump.erofs {option} says:\n{text}")))
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
fn a_good_version_that_comes_up_and_panics_at_its_first_use_gives_way_to_the_one_before() -> vm::Result<()> {
    const PANICS: u32 = 2;
    // Work that is done once the machine is up, and found good. All but the last panics have been, says the record.
    let usrhash = Version::next().manifest.usr.root_hash;
    let work = format!(
        "printf '[Unit]\\nAfter=berth-bless.service\\n\
         [Service]\\nType=oneshot\\nExecStart=/usr/bin/xfs_repair -V\\n\
         [Install]\\nWantedBy=berth-bless.service\\n' > /etc/systemd/system/work.service && \
         systemctl enable work && \
         echo {usrhash} 0 {} $(tr -d - < /proc/sys/kernel/random/boot_id) > {} && sync",
        slots::MOST_SHORT - PANICS,
        layout::path::BOOT_ATTEMPTS
    );
    let disk = with_two_that_are_good(&blessed(&work))?;
    disk::flip(bed(), &disk, layout::disk::USR_B.label, offset_in_next(COLD_FILE)?)?;
    let vm = Vm::uefi(bed()).disk(&disk).boot()?;
    for _ in 0..PANICS {
        vm.wait_for_console("berth: reached multi-user.target", LIMIT)?;
        vm.wait_for_console("dm-verity device corrupted", LIMIT)?;
    }
    let version = &Version::next().manifest.version;
    let words = format!("version {version} came up {} times and broke off", slots::MOST_SHORT);
    vm.wait_for_console(&words, LIMIT)?;
    vm.wait_for_console("berth: reached multi-user.target", LIMIT)?;
    // The version before does the work.
    vm.shell().run(&blessed("systemctl start work"))?;
    let slots = vm.shell().run("berthctl slots")?;
    let given_up = format!("given up berth_{version}+0.efi");
    assert!(slots.contains("runs, and boots next") && slots.contains(&given_up), "{slots}");
    Ok(())
}

#[test]
fn a_machine_that_is_restarted_again_and_again_keeps_its_version() -> vm::Result<()> {
    let disk = with_two_that_are_good("true")?;
    let vm = Vm::uefi(bed()).disk(&disk).boot()?;
    vm.wait_until_ready()?;
    let version = Version::next().manifest.version.to_string();
    for restart in 0..=slots::MOST_ATTEMPTS + 1 {
        let slots = vm.shell().run("berthctl slots | grep 'runs, and boots next'")?;
        assert!(slots.contains(&version), "after {restart} restarts: {slots}");
        // One boot is counted, and no more: it has come up, and may yet break off.
        let attempts =
            vm.shell().run(&blessed(&format!("cut -d ' ' -f 2,3 {}", layout::path::BOOT_ATTEMPTS)))?;
        assert_eq!(attempts, "0 1", "after {restart} restarts");
        vm.reboot()?;
    }
    // Once it has run for long enough nothing is counted any more: what the timer starts then.
    vm.shell().run(&blessed("systemctl start berth-steady"))?;
    let attempts = vm.shell().run(&format!("cut -d ' ' -f 2,3 {}", layout::path::BOOT_ATTEMPTS))?;
    assert_eq!(attempts, "0 0");
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
