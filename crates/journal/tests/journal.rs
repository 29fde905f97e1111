//! The log store as its writer and its readers see it.
#![allow(clippy::unwrap_used)] // helpers of tests are outside the test functions

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use journal::{
    BootId, Cursor, Entry, Error, Fields, Filter, Limits, Origin, Priority, Query, Reader, Record, WhichBoot,
    Writer, pack, vacuum,
};
use proptest::prelude::*;

const START_US: u64 = 1_700_000_000_000_000;

fn boot(n: u8) -> BootId {
    format!("{n:032x}").parse().unwrap()
}

fn origin(n: u8) -> Origin {
    Origin { boot: boot(n), machine: "f".repeat(32), hostname: "host".to_owned() }
}

fn record(unit: &str, message: impl AsRef<[u8]>) -> Record {
    Record {
        realtime_us: START_US,
        monotonic_us: 5,
        context: Arc::new(Fields::default().with("_SYSTEMD_UNIT", unit).with("_TRANSPORT", "stdout")),
        fields: Fields::default().with("PRIORITY", "6").with("MESSAGE", message),
    }
}

fn open(dir: &Path, boot: u8, limits: Limits) -> Writer {
    Writer::open(dir, origin(boot), limits, START_US).unwrap()
}

fn append(writer: &mut Writer, records: &[Record]) -> bool {
    writer.append(records, START_US).unwrap()
}

fn read(dir: &Path, query: &Query) -> Vec<Entry> {
    Reader::new(dir).entries(query).unwrap().map(Result::unwrap).collect()
}

fn messages(dir: &Path, query: &Query) -> Vec<String> {
    read(dir, query).iter().map(|entry| entry.message().into_owned()).collect()
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|f| f.unwrap().path())
        .filter(|p| p.file_name().unwrap() != "lock")
        .collect();
    files.sort();
    files
}

fn small() -> Limits {
    Limits { segment_bytes: 1000, total_bytes: 1 << 20, ..Limits::default() }
}

#[test]
fn fields_are_read_back_as_they_were_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), 1, Limits::default());
    let mut odd = record("a.service", b"two: \"failed\"\x1b[0m\n\xff\0");
    odd.fields =
        odd.fields.with("MY_OWN_FIELD", "1").with("MY_OWN_FIELD", "").with("CODE_LINE", vec![b'x'; 70_000]);
    (odd.realtime_us, odd.monotonic_us) = (u64::MAX, 0);
    let all = [record("a.service", "one"), odd, record("b.service", "")];
    append(&mut writer, &all);
    let entries = read(dir.path(), &Query::default());
    let records: Vec<Record> = entries.iter().map(|entry| entry.record.clone()).collect();
    assert_eq!(records, all);
    assert_eq!(entries[1].text("_HOSTNAME").unwrap(), "host");
    assert_eq!(entries[1].text("_BOOT_ID").unwrap(), boot(1).as_str());
    assert_eq!(entries[1].fields().filter(|(name, _)| *name == "MY_OWN_FIELD").count(), 2);
}

#[test]
fn entries_are_selected_by_unit_priority_and_count() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), 1, Limits::default());
    let with = |context: &[(&str, &str)], fields: &[(&str, &str)]| Record {
        context: Arc::new(context.iter().copied().collect()),
        fields: fields.iter().copied().collect(),
        ..record("", "")
    };
    append(
        &mut writer,
        &[
            record("a.service", "one"),
            with(&[("_SYSTEMD_UNIT", "b.service")], &[("MESSAGE", "two"), ("PRIORITY", "3")]),
            record("a.service", ""),
            with(&[("_TRANSPORT", "kernel")], &[("MESSAGE", "kernel")]),
            with(&[("_TRANSPORT", "driver")], &[("MESSAGE", "about b"), ("UNIT", "b.service")]),
            with(&[("_TRANSPORT", "journal")], &[("MESSAGE", "forged"), ("UNIT", "b.service")]),
        ],
    );
    let of = |filters: Vec<Filter>, last| Query { filter: Filter::All(filters), last, ..Query::default() };
    let cases: [(Query, &[&str]); 9] = [
        (of(vec![Filter::unit("a.service")], None), &["one", ""]),
        (of(vec![Filter::unit("a.service")], Some(1)), &[""]),
        (of(vec![Filter::unit("b.service")], None), &["two", "about b"]),
        (
            of(vec![Filter::AnyOf(vec![Filter::unit("a.service"), Filter::unit("b.service")])], Some(3)),
            &["two", "", "about b"],
        ),
        (of(vec![Filter::kernel()], None), &["kernel"]),
        (of(vec![Filter::at_least(Priority::WARNING)], None), &["two"]),
        (of(vec![Filter::is("UNIT", "b.service"), Filter::is("_TRANSPORT", "journal")], None), &["forged"]),
        (of(vec![], Some(0)), &[]),
        (of(vec![Filter::unit("none.service")], None), &[]),
    ];
    for (query, expected) in cases {
        assert_eq!(messages(dir.path(), &query), expected, "{query:?}");
        let mut turned = messages(dir.path(), &Query { reverse: true, ..query.clone() });
        turned.reverse();
        assert_eq!(turned, expected, "reversed {query:?}");
    }
}

#[test]
fn boots_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    for n in 1..=3 {
        append(&mut open(dir.path(), n, Limits::default()), &[record("a.service", format!("boot {n}"))]);
    }
    let ids: Vec<BootId> = Reader::new(dir.path()).boots().unwrap().into_iter().map(|b| b.id).collect();
    assert_eq!(ids, [boot(1), boot(2), boot(3)]);
    assert_eq!(Reader::new(dir.path()).newest_boot().unwrap(), Some(boot(3)));

    let cases = [
        (WhichBoot::Offset(0), "boot 3"),
        (WhichBoot::Offset(-2), "boot 1"),
        (WhichBoot::Offset(1), "boot 1"),
        (WhichBoot::Offset(2), "boot 2"),
        (WhichBoot::Id(boot(2), 0), "boot 2"),
    ];
    for (which, expected) in cases {
        let query = Query { boot: Some(which.clone()), ..Query::default() };
        assert_eq!(messages(dir.path(), &query), [expected], "{which:?}");
    }
    for which in [WhichBoot::Offset(-3), WhichBoot::Offset(4), WhichBoot::Id(boot(9), 0)] {
        let query = Query { boot: Some(which.clone()), ..Query::default() };
        let error = Reader::new(dir.path()).entries(&query).err().unwrap();
        assert!(matches!(error, Error::NoSuchBoot(_)), "{which:?}: {error}");
    }
}

#[test]
fn times_and_cursors_bound_what_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), 1, small());
    for n in 0..100 {
        let record = Record { realtime_us: START_US + n, ..record("a.service", n.to_string()) };
        append(&mut writer, &[record]);
    }
    assert!(segments(dir.path()).len() > 3);
    let all = read(dir.path(), &Query::default());
    let query = Query { since_us: Some(START_US + 10), until_us: Some(START_US + 12), ..Query::default() };
    assert_eq!(messages(dir.path(), &query), ["10", "11", "12"]);
    for at in [0, 37, 99] {
        let cursor: Cursor = all[at].cursor().to_string().parse().unwrap();
        let after = Query { after: Some(cursor.clone()), ..Query::default() };
        assert_eq!(read(dir.path(), &after).len(), 99 - at);
        let from = Query { from: Some(cursor.clone()), last: Some(200), ..Query::default() };
        assert_eq!(messages(dir.path(), &from)[0], at.to_string());
        // Of another boot: its time counts.
        let elsewhere = Query { after: Some(Cursor { boot: boot(9), ..cursor }), ..Query::default() };
        assert_eq!(read(dir.path(), &elsewhere).len(), 99 - at);
    }
    assert!("i=1;b=2".parse::<Cursor>().is_err());
}

#[test]
fn a_reader_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut entries = Reader::new(dir.path()).entries(&Query::default()).unwrap();
    assert!(entries.next().is_none());
    let mut writer = open(dir.path(), 1, small());
    let mut seen = Vec::new();
    for n in 0..60 {
        append(&mut writer, &[record("a.service", n.to_string())]);
        if n % 7 == 0 {
            pack(dir.path()).unwrap();
            entries.refresh().unwrap();
            seen.extend(entries.by_ref().map(|entry| entry.unwrap().message().into_owned()));
        }
    }
    entries.refresh().unwrap();
    seen.extend(entries.map(|entry| entry.unwrap().message().into_owned()));
    assert_eq!(seen, (0..60).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_segment_that_is_just_being_begun_is_read_when_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), 1, Limits::default());
    append(&mut writer, &[record("a.service", "old")]);
    let mut entries = Reader::new(dir.path()).entries(&Query::default()).unwrap();
    assert_eq!(entries.by_ref().count(), 1);
    writer.rotate(0).unwrap();
    append(&mut writer, &[record("a.service", "new")]);
    // As a reader may find it: made, and nothing in it yet.
    let path = segments(dir.path()).pop().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 1, 20] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        entries.refresh().unwrap();
        assert!(entries.next().is_none());
    }
    std::fs::write(&path, bytes).unwrap();
    entries.refresh().unwrap();
    assert_eq!(entries.next().unwrap().unwrap().record.fields.get("MESSAGE"), Some(&b"new"[..]));
}

#[test]
fn packed_segments_read_the_same_and_are_smaller() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { segment_bytes: 600_000, ..Limits::default() };
    let mut writer = open(dir.path(), 1, limits);
    for n in 0..20_000 {
        let unit = format!("u{}.service", n % 300);
        append(
            &mut writer,
            &[record(&unit, format!("request {n} of client {} took {} ms", n % 17, n * 7 % 100))],
        );
    }
    let (before, size) = (read(dir.path(), &Query::default()), Reader::new(dir.path()).disk_usage().unwrap());
    let packed = pack(dir.path()).unwrap();
    assert_eq!(packed, segments(dir.path()).len() - 1);
    let after = read(dir.path(), &Query::default());
    assert_eq!(before.len(), 20_000);
    assert!(before.iter().map(|e| (e.seq, &e.record)).eq(after.iter().map(|e| (e.seq, &e.record))));
    let now = Reader::new(dir.path()).disk_usage().unwrap();
    assert!(now * 2 < size, "{size} -> {now}");
    assert_eq!(pack(dir.path()).unwrap(), 0);
}

#[test]
fn the_oldest_segments_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { total_bytes: 5000, ..small() };
    let mut writer = open(dir.path(), 1, limits);
    let total = 200;
    for n in 0..total {
        append(&mut writer, &[record("a.service", format!("line {n}"))]);
        let used = Reader::new(dir.path()).disk_usage().unwrap();
        assert!(used <= limits.total_bytes, "{used} bytes after line {n}");
    }
    let kept = messages(dir.path(), &Query::default());
    assert!(kept.len() > 20 && kept.len() < total, "{}", kept.len());
    let expected: Vec<String> = (total - kept.len()..total).map(|n| format!("line {n}")).collect();
    assert_eq!(kept, expected, "the newest are kept, in order, without a gap");
    let last = Query { last: Some(15), ..Query::default() };
    assert_eq!(messages(dir.path(), &last), expected[expected.len() - 15..]);

    let removed = vacuum(dir.path(), &Limits { total_bytes: 0, ..limits }).unwrap();
    assert!(removed.segments > 0);
    assert_eq!(segments(dir.path()).len(), 1, "the one that is written stays");
}

#[test]
fn age_and_free_space_bound_it_too() {
    let fill = |dir: &Path| {
        let mut writer = open(dir, 1, small());
        for n in 0..60 {
            append(&mut writer, &[record("a.service", n.to_string())]);
        }
        segments(dir).len()
    };
    for (limits, some_stay) in [
        (Limits { keep_free: 1, ..Limits::default() }, true),
        // What is there stays, however little is free.
        (Limits { keep_free: u64::MAX, ..Limits::default() }, true),
        (Limits { retention_us: Some(3_600_000_000), ..Limits::default() }, true),
        (Limits { retention_us: Some(0), ..Limits::default() }, false),
        (Limits { segments: 1, ..Limits::default() }, false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let before = fill(dir.path());
        vacuum(dir.path(), &limits).unwrap();
        assert_eq!(segments(dir.path()).len(), if some_stay { before } else { 1 }, "{limits:?}");
    }
}

/// On a file system that others have filled a journal does not grow, but what it holds stays.
#[test]
fn who_fills_the_disk_does_not_erase_the_log() {
    const MIB: u64 = 1 << 20;
    let full = Limits { keep_free: u64::MAX, ..Limits::default() };
    let holding = |sizes: &[u64]| {
        let dir = tempfile::tempdir().unwrap();
        for (at, size) in sizes.iter().enumerate() {
            fs::File::create(dir.path().join(format!("{:010}.log", at + 1)))
                .unwrap()
                .set_len(size * MIB)
                .unwrap();
        }
        dir
    };
    let sizes = |dir: &Path| -> Vec<u64> {
        segments(dir).iter().map(|path| fs::metadata(path).unwrap().len() / MIB).collect()
    };
    // What was there when it was opened, also at a boot, which begins a segment.
    let dir = holding(&[9, 6, 6, 6]);
    let mut writer = open(dir.path(), 1, full);
    assert_eq!(sizes(dir.path()), [9, 6, 6, 6, 0]);
    // What comes then takes the place of the oldest.
    let long = record("a.service", vec![b'x'; 1_000_000]);
    for _ in 0..6 {
        append(&mut writer, std::slice::from_ref(&long));
    }
    writer.rotate(START_US).unwrap();
    assert_eq!(sizes(dir.path()), [6, 6, 6, 5, 0]);
    // Who asks for room has it, down to a floor, and but for the segment that was closed last.
    for (before, after) in
        [(&[9u64, 6, 6, 3, 0][..], &[6u64, 6, 3, 0][..]), (&[9, 30, 0], &[30, 0]), (&[8, 8, 0], &[8, 8, 0])]
    {
        let dir = holding(before);
        vacuum(dir.path(), &full).unwrap();
        assert_eq!(sizes(dir.path()), after, "{before:?}");
    }
}

#[test]
fn the_last_words_of_a_unit_are_found_in_a_time_or_left_out() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), 1, small()).append(&[record("a.service", "another boot")], START_US).unwrap();
    let mut writer = open(dir.path(), 2, small());
    for n in 0..20 {
        append(&mut writer, &[record("a.service", format!("a{n}")), record("b.service", format!("b{n}"))]);
    }
    let last = |unit: &str, count, limit| -> Vec<String> {
        let found = Reader::new(dir.path()).last_within(&Filter::unit(unit), count, limit);
        found.iter().map(|entry| entry.message().into_owned()).collect()
    };
    let hour = Duration::from_secs(3600);
    assert_eq!(last("a.service", 2, hour), ["a18", "a19"]);
    assert_eq!(last("a.service", 100, hour).len(), 20);
    assert!(last("c.service", 2, hour).is_empty() && last("a.service", 2, Duration::ZERO).is_empty());
}

#[test]
fn a_segment_is_closed_by_age_by_order_and_by_a_new_name_of_the_machine() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { segment_us: Some(1000), ..Limits::default() };
    let mut writer = open(dir.path(), 1, limits);
    let one = [record("a.service", "x")];
    assert!(!writer.append(&one, START_US + 999).unwrap());
    assert!(writer.append(&one, START_US + 1000).unwrap());
    writer.rotate(START_US).unwrap();
    // An empty one is not kept.
    writer.rotate(START_US).unwrap();
    writer.append(&one, START_US).unwrap();
    writer.rename("host", START_US).unwrap();
    writer.rename("other", START_US).unwrap();
    writer.append(&one, START_US).unwrap();
    assert_eq!(segments(dir.path()).len(), 4);
    let names: Vec<String> = read(dir.path(), &Query::default())
        .iter()
        .map(|entry| entry.text("_HOSTNAME").unwrap().into_owned())
        .collect();
    assert_eq!(names, ["host", "host", "host", "other"]);
}

#[test]
fn the_number_of_boots_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { segments: 4, ..Limits::default() };
    for n in 1..=9 {
        append(&mut open(dir.path(), n, limits), &[record("a.service", "x")]);
    }
    assert_eq!(segments(dir.path()).len(), 4);
}

#[test]
fn there_is_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), 1, Limits::default());
    let second = Writer::open(dir.path(), origin(1), Limits::default(), START_US);
    assert!(matches!(second, Err(Error::Locked(_))), "{second:?}");
    drop(first);
    open(dir.path(), 1, Limits::default());
}

#[test]
fn a_missing_folder_is_an_empty_journal() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none");
    assert!(messages(&missing, &Query::default()).is_empty());
    assert_eq!(Reader::new(&missing).boots().unwrap(), []);
    assert_eq!(Reader::new(&missing).newest_boot().unwrap(), None);
}

#[test]
fn entries_of_many_senders_keep_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), 1, Limits::default());
    let unit = |n: usize| format!("u{}.service", n * n % 700);
    for n in 0..3000 {
        append(&mut writer, &[record(&unit(n), n.to_string())]);
        if n % 1000 == 999 {
            drop(writer);
            writer = open(dir.path(), 1, Limits::default());
        }
    }
    for (n, entry) in read(dir.path(), &Query::default()).iter().enumerate() {
        assert_eq!(
            (entry.unit().unwrap().into_owned(), entry.message().into_owned()),
            (unit(n), n.to_string())
        );
    }
}

/// What a sender logs does not become an entry of its own where a reader passes over damage.
#[test]
fn a_frame_inside_a_message_is_no_frame() {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(&dir.path().join("other"), 1, Limits::default()), &[record("root.service", "forged")]);
    let forged = fs::read(&segments(&dir.path().join("other"))[0]).unwrap();
    let victim = dir.path().join("victim");
    append(&mut open(&victim, 1, Limits::default()), &[record("a.service", forged)]);
    let file = &segments(&victim)[0];
    let bytes = fs::read(file).unwrap();
    OpenOptions::new().write(true).open(file).unwrap().set_len(bytes.len() as u64 - 1).unwrap();
    assert!(messages(&victim, &Query::default()).is_empty());
}

/// A journal of one segment, and where its frames end.
fn written(dir: &Path, texts: &[String]) -> (PathBuf, Vec<usize>) {
    let mut writer = open(dir, 1, Limits::default());
    let file = segments(dir)[0].clone();
    let length = || fs::metadata(&file).unwrap().len() as usize;
    // The context stands before the first entry, and is written with it.
    let mut ends = vec![length()];
    for text in texts {
        append(&mut writer, &[record("a.service", text)]);
        ends.push(length());
    }
    (file, ends)
}

/// At every byte: all whole entries are read, none is invented, and the writer goes on after them.
#[test]
fn a_torn_end_costs_only_the_torn_entry() {
    let texts: Vec<String> = (0..6).map(|n| format!("text {n}")).collect();
    let dir = tempfile::tempdir().unwrap();
    let (file, ends) = written(&dir.path().join("original"), &texts);
    let bytes = fs::read(&file).unwrap();
    for cut in ends[0]..=bytes.len() {
        // What follows the cut is missing, or is zeros: a size that reached the disk before its data.
        for tail in [0, 1, 100, 5000] {
            let copy = dir.path().join("copy");
            let _ = fs::remove_dir_all(&copy);
            fs::create_dir(&copy).unwrap();
            let mut torn = bytes[..cut].to_vec();
            torn.resize(cut + tail, 0);
            fs::write(copy.join(file.file_name().unwrap()), torn).unwrap();
            let whole = ends.iter().skip(1).filter(|end| **end <= cut).count();
            assert_eq!(messages(&copy, &Query::default()), texts[..whole], "cut at {cut}, {tail} zeros");
            for boot in [1, 2] {
                append(&mut open(&copy, boot, Limits::default()), &[record("b.service", "after")]);
                let found = messages(&copy, &Query::default());
                assert_eq!(found[..whole], texts[..whole], "cut at {cut}, boot {boot}");
                assert!(found[whole..].iter().all(|text| text == "after"));
                assert_eq!(found.len(), whole + usize::from(boot));
            }
        }
    }
}

proptest! {
    /// Bytes that the disk lost cost the entries that they were in, and no others.
    #[test]
    fn damage_costs_only_what_it_hit(
        texts in prop::collection::vec(".{0,40}", 1..12),
        at in any::<prop::sample::Index>(),
        length in 1usize..80,
        byte in any::<u8>(),
        packs in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (file, ends) = written(dir.path(), &texts);
        let mut bytes = fs::read(&file).unwrap();
        let context = ends[0] + 60;
        prop_assume!(context < bytes.len());
        let at = context + at.index(bytes.len() - context);
        let to = (at + length).min(bytes.len());
        let before = bytes.clone();
        bytes[at..to].fill(byte);
        fs::write(&file, &bytes).unwrap();
        if packs {
            append(&mut open(dir.path(), 2, Limits::default()), &[]);
            pack(dir.path()).unwrap();
        }
        let expected: Vec<String> = (0..texts.len())
            .filter(|n| before[ends[*n]..ends[n + 1]] == bytes[ends[*n]..ends[n + 1]])
            .map(|n| texts[n].clone())
            .collect();
        prop_assert_eq!(messages(dir.path(), &Query::default()), expected);
    }

    #[test]
    fn any_bytes_are_a_segment_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200), keep in any::<bool>(), packed in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let (file, ends) = written(dir.path(), &["x".to_owned()]);
        let mut all = if keep { fs::read(&file).unwrap()[..ends[0]].to_vec() } else { Vec::new() };
        all.extend(bytes);
        let name = if packed { "0000000001.log.lz4" } else { "0000000001.log" };
        fs::remove_file(&file).unwrap();
        fs::write(dir.path().join(name), all).unwrap();
        prop_assert!(messages(dir.path(), &Query::default()).is_empty());
        append(&mut open(dir.path(), 1, Limits::default()), &[record("a.service", "after")]);
        prop_assert_eq!(messages(dir.path(), &Query::default()), ["after"]);
    }
}
