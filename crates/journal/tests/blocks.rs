//! Segments of many blocks: the end is read, and gone on with, without what is before it.
#![allow(clippy::unwrap_used)] // helpers of tests are outside the test functions

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::{Entry, Fields, Limits, Origin, Query, Reader, Record, Writer, pack};
use proptest::prelude::*;

const BLOCK: usize = 128 << 10;

fn open(dir: &Path) -> Writer {
    let origin =
        Origin { boot: "1".repeat(32).parse().unwrap(), machine: String::new(), hostname: "h".into() };
    Writer::open(dir, origin, Limits { segment_bytes: 64 << 20, ..Limits::default() }, 0).unwrap()
}

/// An entry of one of many units, whose context is of that unit's own length.
fn record(unit: usize, n: usize, length: usize) -> Record {
    let context = Fields::default()
        .with("_SYSTEMD_UNIT", format!("u{unit}.service"))
        .with("PAD", "p".repeat(unit * 40));
    let fields = Fields::default().with("N", n.to_string()).with("MESSAGE", vec![b'm'; length]);
    Record { realtime_us: 1 + n as u64, monotonic_us: 0, context: Arc::new(context), fields }
}

fn read(dir: &Path, query: &Query) -> Vec<Record> {
    let records = |entry: Result<Entry, _>| entry.unwrap().record;
    Reader::new(dir).entries(query).unwrap().map(records).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_last_are_the_same_from_either_end(
        sizes in prop::collection::vec((0usize..60, prop_oneof![60 => 0usize..400, 1 => 60_000usize..300_000]), 1..700),
        last in prop_oneof![0usize..30, 0usize..700],
        packs in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let written: Vec<Record> = sizes.iter().enumerate().map(|(n, (unit, length))| record(*unit, n, *length)).collect();
        let (first, second) = written.split_at(written.len() / 2);
        open(dir.path()).append(first, 0).unwrap();
        // A writer that comes later goes on in the same segment.
        let mut writer = open(dir.path());
        second.iter().for_each(|record| {
            writer.append(std::slice::from_ref(record), 0).unwrap();
        });
        if packs {
            writer.rotate(0).unwrap();
            prop_assert_eq!(pack(dir.path()).unwrap(), 1);
        }
        prop_assert_eq!(&read(dir.path(), &Query::default()), &written);
        let tail = &written[written.len().saturating_sub(last)..];
        prop_assert_eq!(read(dir.path(), &Query { last: Some(last), ..Query::default() }), tail);
        let mut back = read(dir.path(), &Query { last: Some(last), reverse: true, ..Query::default() });
        back.reverse();
        prop_assert_eq!(back, tail);
        let boots = Reader::new(dir.path()).boots().unwrap();
        prop_assert_eq!((boots[0].first_us, boots[0].last_us), (1, written.len() as u64));
        let verdict = &Reader::new(dir.path()).verify().unwrap()[0];
        prop_assert_eq!((verdict.entries, verdict.damaged), (written.len() as u64, 0));
    }
}

/// What is before the last block is not needed, and is not looked at: here it is gone.
#[test]
fn the_last_block_stands_by_itself() {
    for packs in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let written: Vec<Record> = (0..20_000).map(|n| record(n % 50, n, 20)).collect();
        let mut writer = open(dir.path());
        writer.append(&written, 0).unwrap();
        let file = dir.path().join(if packs { "0000000001.log.lz4" } else { "0000000001.log" });
        if packs {
            writer.rotate(0).unwrap();
            pack(dir.path()).unwrap();
        }
        let mut bytes = std::fs::read(&file).unwrap();
        // Of a packed one the heads of the blocks, which tell where the next begins, are still there.
        let header = 8 + u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
        let (mut at, mut blocks) = (header, Vec::new());
        while packs && at < bytes.len() {
            let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
            blocks.push(at + 12..at + 12 + length);
            at += 12 + length;
        }
        if !packs {
            blocks = vec![at..bytes.len() / BLOCK * BLOCK, 0..0];
        }
        blocks.pop();
        assert!(blocks.iter().map(|block| block.len()).sum::<usize>() > bytes.len() / 2);
        blocks.into_iter().for_each(|block| bytes[block].fill(0xff));
        std::fs::write(&file, bytes).unwrap();
        let last = Query { last: Some(10), ..Query::default() };
        assert_eq!(read(dir.path(), &last), written[written.len() - 10..], "packed: {packs}");
        let back = Query { reverse: true, ..last };
        assert_eq!(read(dir.path(), &back).last(), written.get(written.len() - 10));
    }
}

/// Bytes that could be the beginning of a long frame wherever one looks cost a reader no more than others.
#[test]
fn who_looks_for_the_next_frame_among_false_ones_finds_it_soon() {
    const FALSE: usize = 900 << 10;
    let patterns: [&[u8]; 4] = [
        b"\x07\x00",
        &[0x00, 0x00, 0x0d, 0x00, 0, 0, 0, 0, b'E', 0, 0, 0, 0, 0, 0, 0],
        &[0x0c, 0x0c, 0x0c, 0, 0, 0, 0, 0, b'E', b'E', b'E', b'E'],
        b"\x00\x00\x0c\x00",
    ];
    for pattern in patterns {
        for packs in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let mut long = record(0, 0, 0);
            long.fields = Fields::default().with("MESSAGE", pattern.repeat(FALSE / pattern.len()));
            let written: Vec<Record> =
                [record(1, 1, 9), long.clone(), record(2, 2, 9), long, record(1, 3, 9)].into();
            let mut writer = open(dir.path());
            writer.append(&written, 0).unwrap();
            if packs {
                writer.rotate(0).unwrap();
                pack(dir.path()).unwrap();
            }
            let begun = Instant::now();
            let mut back = read(dir.path(), &Query { reverse: true, ..Query::default() });
            back.reverse();
            assert_eq!(back, written);
            assert_eq!(read(dir.path(), &Query { last: Some(2), ..Query::default() }), written[3..]);
            // Without the bound it is hours for the most of them.
            let took = begun.elapsed();
            assert!(took < Duration::from_secs(20), "{pattern:?}: {took:?}");
        }
    }
}
