//! The recorder of writes and flushes is honest: what an operator's program has synced is in whatever a power cut
//! leaves, and what it has not need not be.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;

use layout::disk::USR_B;
use tests::{bed, disk};
use vm::{CutDisk, Disk, Recording, Vm};
use write_log::{Cut, Policy, Record};

const BLOCK: u64 = 4096;
/// Blocks of the empty slot: the first are written and synced one by one, those after them are not.
const SYNCED: u64 = 16;
const ALL: u64 = 48;

/// Which blocks hold what was written to them.
fn written(cut: &CutDisk, start: u64) -> BTreeSet<u64> {
    let is_written = |block: &u64| {
        let mut bytes = [0; BLOCK as usize];
        cut.read_exact_at(&mut bytes, start + block * BLOCK).unwrap();
        bytes.starts_with(b"harbour ") && bytes.ends_with(b" harbour")
    };
    (0..ALL).filter(is_written).collect()
}

/// How many records there are up to the write of a block, that one included.
fn position(records: &[Record], place: u64) -> usize {
    let last = records.iter().rposition(|record| record.bytes.contains(&place));
    last.expect("the log has the write") + 1
}

#[test]
fn what_is_synced_survives_each_cut_and_what_is_not_may_be_lost() -> vm::Result<()> {
    let recording = Recording::of(&Disk::copy(bed(), None)?)?;
    let mut vm = Vm::direct(bed()).disk(&recording.disk()).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    let device = format!("/dev/disk/by-partlabel/{}", USR_B.label);
    // 8192 words of 8 bytes: each block begins and ends alike.
    shell.run("yes 'harbour' | tr '\\n' ' ' | head -c 4088 > /run/block; printf ' harbour' >> /run/block")?;
    shell.run(
        "for i in $(seq 48); do cat /run/block; done > /run/blocks; test $(stat -c %s /run/block) = 4096",
    )?;
    shell.run(&format!(
        "for i in $(seq 0 {}); do dd if=/run/block of={device} bs=4k seek=$i oflag=direct conv=fsync,notrunc; done",
        SYNCED - 1
    ))?;
    shell.run("echo kept > /var/kept; sync; etcdctl put question answer")?;
    let rest = ALL - SYNCED;
    shell.run(&format!(
        "dd if=/run/blocks of={device} bs=4k seek={SYNCED} count={rest} oflag=direct conv=notrunc"
    ))?;
    vm.pull_plug()?;

    let records = recording.records()?;
    let parts = disk::partitions(bed(), recording.end().file().parent().unwrap(), recording.end().file())?;
    let slot = parts[USR_B.label].bytes.start;
    let synced: BTreeSet<u64> = (0..SYNCED).collect();
    let at = position(&records, slot + (ALL - 1) * BLOCK);
    let cut = |after, policy| recording.cut(&records, Cut { after, policy });
    let (mut lost, mut found) = (BTreeSet::<u64>::new(), BTreeSet::<u64>::new());
    for seed in 0..20 {
        let there = written(&cut(at, Policy::Torn(seed))?, slot);
        assert!(there.is_superset(&synced), "seed {seed}: of what was synced only {there:?} is there");
        lost.extend((SYNCED..ALL).filter(|block| !there.contains(block)));
        found.extend(there.difference(&synced));
    }
    println!(
        "{} records; of {rest} blocks that were not synced, 20 cuts lost {} at least once, and left {} at least once",
        records.len(),
        lost.len(),
        found.len()
    );
    assert!(!lost.is_empty() && !found.is_empty());
    assert!(written(&cut(at, Policy::Lost)?, slot).len() < ALL as usize);
    assert_eq!(written(&cut(at, Policy::Kept)?, slot).len(), ALL as usize);
    // One write earlier than the first there is none of them.
    let first = records.iter().position(|record| record.bytes.contains(&slot)).unwrap();
    assert!(written(&cut(first, Policy::Kept)?, slot).is_empty());

    // All that was told makes the disk as it is.
    same(&cut(records.len(), Policy::Kept)?, &recording.end());

    // A machine starts from what a cut left, and has what was synced.
    let vm = Vm::direct(bed()).disk(&cut(at, Policy::Torn(7))?.to_disk()?).boot()?;
    vm.wait_until_ready()?;
    assert_eq!(vm.shell().run("cat /var/kept; etcdctl get question --print-value-only")?, "kept\nanswer");
    Ok(())
}

fn same(replayed: &CutDisk, disk: &Disk) {
    const CHUNK: u64 = 1 << 20;
    let disk = File::open(disk.file()).unwrap();
    assert_eq!(disk.metadata().unwrap().len(), replayed.size());
    let mut chunks = [vec![], vec![]];
    for start in (0..replayed.size()).step_by(CHUNK as usize) {
        let size = CHUNK.min(replayed.size() - start) as usize;
        let [ours, theirs] = &mut chunks;
        ours.resize(size, 0);
        theirs.resize(size, 0);
        replayed.read_exact_at(ours, start).unwrap();
        disk.read_exact_at(theirs, start).unwrap();
        assert!(ours == theirs, "the log and the disk differ in the MiB at {start}");
    }
}
