//! `/usr` is what was built, or the machine does not run.

use std::time::Duration;

use event::{Event, Stage};
use layout::Slot;
use tests::{bed, disk};
use vm::{Disk, Milestone, Vm};

/// For a machine that goes on where it should have stopped.
const LIMIT: Duration = Duration::from_secs(120);

/// A file that nothing reads on the way to `multi-user.target`.
const COLD_FILE: &str = "/bin/xfs_repair";

#[test]
fn usr_refuses_writes_even_to_root() -> vm::Result<()> {
    let vm = Vm::direct(bed()).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    for attempt in [
        "touch /usr/new",
        "echo changed > /usr/lib/os-release",
        "rm /usr/bin/etcd",
        "mount -o remount,rw /usr && touch /usr/new",
    ] {
        let output = shell.attempt(attempt)?;
        assert!(!output.success(), "`{attempt}` went through: {}", output.text);
    }
    // The device below it is read only too, and so is the verity device itself.
    let source = shell.run("grep ' /usr ' /proc/mounts | cut -d' ' -f1")?;
    let output =
        shell.attempt(&format!("dd if=/dev/zero of=$(readlink -f {source}) bs=4096 count=1 conv=notrunc"))?;
    assert!(!output.success(), "{source} was written to: {}", output.text);
    shell.run("cmp /usr/bin/etcd /usr/bin/etcd && etcdctl endpoint health")?;
    Ok(())
}

/// Where a file's first block lies in the erofs, by dump.erofs.
fn offset_in_usr(path: &str) -> vm::Result<u64> {
    let usr = bed().images().usr();
    let option = format!("--path={path}");
    let folder = tempfile::tempdir().unwrap();
    let text = bed().run_tool(folder.path(), &["dump.erofs", &option, "-e", &usr.to_string_lossy()])?;
    // `   0:        0..   32768 |   32768 :   12345344.. 12365824 |   20480`
    let first = text.lines().find(|line| line.trim_start().starts_with("0:"));
    let physical = first.and_then(|line| line.split('|').nth(1)?.split(':').nth(1)?.split("..").next());
    let offset = physical.and_then(|offset| offset.trim().parse().ok());
    Ok(offset.unwrap_or_else(|| panic!("dump.erofs {option} says:\n{text}")))
}

/// A copy of the disk with a byte flipped at `offset` into a partition.
fn flipped(label: &str, offset: u64) -> vm::Result<Disk> {
    let copy = Disk::copy(bed(), None)?;
    disk::flip(bed(), &copy, label, offset)?;
    Ok(copy)
}

/// Boots from a faulty disk: it never gets ready, it says why, and it restarts by itself.
fn is_noticed_at_boot(faulty: &Disk, words: &str) -> vm::Result<()> {
    let mut vm = Vm::direct(bed())
        .disk(faulty)
        .kernel_argument(format!("{}=1", layout::args::EMERGENCY_TIMEOUT))
        .stop_at_reboot()
        .boot()?;
    vm.wait_for_console(words, LIMIT)?;
    vm.wait_for_end(LIMIT)?;
    let console = vm.console();
    assert!(vm.ready_after().is_none(), "it got ready with a fault in /usr:\n{console}");
    assert!(!console.contains("reached multi-user.target"), "{console}");
    Ok(())
}

#[test]
fn a_flipped_byte_in_what_every_boot_reads_stops_the_boot() -> vm::Result<()> {
    let data = Slot::A.data().label;
    is_noticed_at_boot(&flipped(data, disk::EROFS_SUPERBLOCK)?, "corrupt")?;
    is_noticed_at_boot(&flipped(data, offset_in_usr("/lib/berth/init")?)?, "corrupt")
}

#[test]
fn a_flipped_byte_in_the_hash_tree_stops_the_boot() -> vm::Result<()> {
    // No slot has the root hash any more.
    is_noticed_at_boot(&flipped(Slot::A.verity().label, disk::TOP_OF_TREE)?, "EMERGENCY")
}

#[test]
fn a_flipped_byte_in_a_cold_file_is_never_served() -> vm::Result<()> {
    let disk = flipped(Slot::A.data().label, offset_in_usr(COLD_FILE)?)?;
    let mut vm = Vm::direct(bed()).disk(&disk).stop_at_reboot().boot()?;
    vm.wait_until_ready()?;
    let read = vm.shell().limit(Duration::from_secs(30)).run(&format!("cat /usr{COLD_FILE} | wc -c"));
    assert!(read.is_err(), "a corrupt file was served: {read:?}");
    vm.wait_for_console("Kernel panic", LIMIT)?;
    // It comes back by itself: the loader's counting of tries hangs on that.
    vm.wait_for_end(LIMIT)?;
    Ok(())
}

#[test]
fn a_root_hash_that_no_slot_has_is_a_failed_boot_that_says_so() -> vm::Result<()> {
    let images = bed().images();
    let hash = images.manifest().usr.root_hash.to_string();
    let wrong = images.kernel_arguments().replace(&hash, &"0".repeat(hash.len()));
    assert_ne!(wrong, images.kernel_arguments(), "the command line names the root hash of the manifest");
    let mut vm = Vm::direct(bed())
        .command_line(wrong)
        .kernel_argument(format!("{}=1", layout::args::EMERGENCY_TIMEOUT))
        .stop_at_reboot()
        .boot()?;
    let event = vm.wait_for(Milestone::Emergency, LIMIT)?.what;
    let Event::Emergency { stage, cause, next_step, .. } = event else { panic!("{event:?}") };
    assert_eq!(stage, Stage::Initramfs);
    assert!(cause.contains(layout::args::USRHASH) && cause.contains("0000"), "{cause}");
    assert!(!next_step.is_empty());
    vm.wait_for_console("EMERGENCY", LIMIT)?;
    vm.wait_for_end(LIMIT)?;
    Ok(())
}
