//! The log store as its writer and its readers see it.
#![allow(clippy::unwrap_used)] // helpers of tests are outside the test functions

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use journal::{BootId, Entry, Error, Limits, Priority, Query, Reader, Source, WhichBoot, Writer};
use proptest::prelude::*;

fn boot(n: u8) -> BootId {
    format!("{n:032x}").parse().unwrap()
}

fn entry(unit: &str, message: &str) -> Entry {
    Entry {
        realtime_us: 1_700_000_000_000_000,
        monotonic_us: 5,
        unit: Some(unit.to_owned()),
        source: Source::Output,
        priority: Priority::INFO,
        identifier: None,
        pid: None,
        message: message.to_owned(),
    }
}

fn append(writer: &mut Writer, entries: &[Entry]) {
    let mut lines = Vec::new();
    entries.iter().for_each(|e| e.encode_into(&mut lines));
    writer.append(&lines).unwrap();
}

fn messages(dir: &Path, query: &Query) -> Vec<String> {
    let entries = Reader::new(dir).entries(query).unwrap();
    entries.into_iter().map(|(_, e)| e.message).collect()
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|f| f.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    files
}

#[test]
fn what_is_written_is_read_back_by_unit_priority_and_count() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), boot(1), Limits::default()).unwrap();
    let mut failed = entry("b.service", "two: \"failed\"\u{1b}[0m");
    failed.priority = Priority::ERR;
    let mut kernel = entry("x", "kernel");
    (kernel.unit, kernel.source) = (None, Source::Kernel);
    let all = [entry("a.service", "one"), failed.clone(), entry("a.service", ""), kernel];
    append(&mut writer, &all);

    let read = Reader::new(dir.path()).entries(&Query::default()).unwrap();
    let read: Vec<Entry> = read.into_iter().map(|(_, e)| e).collect();
    assert_eq!(read, all);

    let of = |units: &[&str], last, kernel, priority| Query {
        units: units.iter().map(|u| (*u).to_owned()).collect(),
        last,
        kernel,
        priority,
        ..Query::default()
    };
    let two = failed.message.as_str();
    let cases: [(Query, &[&str]); 7] = [
        (of(&["a.service"], None, false, None), &["one", ""]),
        (of(&["a.service"], Some(1), false, None), &[""]),
        (of(&["a.service", "b.service"], Some(2), false, None), &[two, ""]),
        (of(&[], None, true, None), &["kernel"]),
        (of(&[], None, false, Some(Priority::WARNING)), &[two]),
        (of(&[], Some(0), false, None), &[]),
        (of(&["none.service"], None, false, None), &[]),
    ];
    for (query, expected) in cases {
        assert_eq!(messages(dir.path(), &query), expected, "{query:?}");
    }
}

#[test]
fn boots_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    for n in 1..=3 {
        let mut writer = Writer::open(dir.path(), boot(n), Limits::default()).unwrap();
        append(&mut writer, &[entry("a.service", &format!("boot {n}"))]);
    }
    let ids: Vec<BootId> = Reader::new(dir.path()).boots().unwrap().into_iter().map(|b| b.id).collect();
    assert_eq!(ids, [boot(1), boot(2), boot(3)]);

    let cases = [
        (WhichBoot::Offset(0), "boot 3"),
        (WhichBoot::Offset(-2), "boot 1"),
        (WhichBoot::Offset(1), "boot 1"),
        (WhichBoot::Offset(2), "boot 2"),
        (WhichBoot::Id(boot(2)), "boot 2"),
    ];
    for (which, expected) in cases {
        let query = Query { boot: Some(which.clone()), ..Query::default() };
        assert_eq!(messages(dir.path(), &query), [expected], "{which:?}");
    }
    for which in [WhichBoot::Offset(-3), WhichBoot::Offset(4), WhichBoot::Id(boot(9))] {
        let query = Query { boot: Some(which.clone()), ..Query::default() };
        let error = Reader::new(dir.path()).entries(&query).unwrap_err();
        assert!(matches!(error, Error::NoSuchBoot(_)), "{which:?}: {error}");
    }
}

#[test]
fn the_oldest_segments_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { segment_bytes: 1000, total_bytes: 5000, segments: 512 };
    let mut writer = Writer::open(dir.path(), boot(1), limits).unwrap();
    let total = 200;
    for n in 0..total {
        append(&mut writer, &[entry("a.service", &format!("line {n}"))]);
        let used = Reader::new(dir.path()).disk_usage().unwrap();
        assert!(used <= limits.total_bytes, "{used} bytes after line {n}");
    }
    let kept = messages(dir.path(), &Query::default());
    assert!(kept.len() > 20 && kept.len() < total, "{}", kept.len());
    let expected: Vec<String> = (total - kept.len()..total).map(|n| format!("line {n}")).collect();
    assert_eq!(kept, expected, "the newest are kept, in order, without a gap");
    let last = Query { last: Some(15), ..Query::default() };
    assert_eq!(messages(dir.path(), &last), expected[expected.len() - 15..]);
}

#[test]
fn the_number_of_boots_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { segments: 4, ..Limits::default() };
    for n in 1..=9 {
        drop(Writer::open(dir.path(), boot(n), limits).unwrap());
    }
    assert_eq!(segments(dir.path()).len(), 4);
}

#[test]
fn there_is_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let first = Writer::open(dir.path(), boot(1), Limits::default()).unwrap();
    let second = Writer::open(dir.path(), boot(1), Limits::default());
    assert!(matches!(second, Err(Error::Locked(_))), "{second:?}");
    drop(first);
    Writer::open(dir.path(), boot(1), Limits::default()).unwrap();
}

#[test]
fn a_missing_folder_is_an_empty_journal() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none");
    assert!(messages(&missing, &Query::default()).is_empty());
    assert_eq!(Reader::new(&missing).boots().unwrap(), []);
}

proptest! {
    /// A power cut leaves any beginning of the file. All whole lines are read, none is invented,
    /// and the writer goes on after them.
    #[test]
    fn a_torn_end_costs_only_the_torn_line(
        texts in prop::collection::vec(".{0,40}", 1..12),
        cut in any::<prop::sample::Index>(),
        same_boot in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path(), boot(1), Limits::default()).unwrap();
        let header = fs::metadata(&segments(dir.path())[0]).unwrap().len() as usize;
        let mut ends = vec![header];
        for text in &texts {
            append(&mut writer, &[entry("a.service", text)]);
            ends.push(fs::metadata(&segments(dir.path())[0]).unwrap().len() as usize);
        }
        drop(writer);
        let file = &segments(dir.path())[0];
        let length = header + cut.index(ends[texts.len()] - header + 1);
        OpenOptions::new().write(true).open(file).unwrap().set_len(length as u64).unwrap();
        // Without its line feed the last line is still whole JSON, and a reader may take it.
        let whole = ends.iter().skip(1).filter(|end| **end <= length).count();
        let readable = ends.iter().skip(1).filter(|end| **end - 1 <= length).count();
        prop_assert_eq!(messages(dir.path(), &Query::default()), &texts[..readable]);

        let next = boot(if same_boot { 1 } else { 2 });
        let mut writer = Writer::open(dir.path(), next, Limits::default()).unwrap();
        append(&mut writer, &[entry("a.service", "after")]);
        let mut expected = texts[..if same_boot { whole } else { readable }].to_vec();
        expected.push("after".to_owned());
        prop_assert_eq!(messages(dir.path(), &Query::default()), expected);
    }

    #[test]
    fn any_bytes_are_an_entry_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Entry::decode(&bytes);
    }
}
