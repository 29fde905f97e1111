//! The folder of cores: what is kept, how much, and what goes to make room.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use coredump::{Core, Place, Record, Settings, Store, name};

const BOOT: &str = "0123456789abcdef0123456789abcdef";

/// No room is asked of the machine that the tests run on.
fn settings() -> Settings {
    Settings { max_use: Some(1 << 40), keep_free: Some(0), ..Settings::default() }
}

fn record(pid: u32, time_us: u64) -> Record {
    Record { pid, time_us, comm: "web".into(), boot_id: BOOT.into(), ..Record::default() }
}

/// Bytes that do not pack.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

fn keep(store: &Store, core: &[u8], record: &mut Record, most: u64, settings: &Settings) {
    record.core = store.keep(core, &name::stem(record), most, settings).unwrap().core;
    store.note(record).unwrap();
}

fn unpacked(store: &Store, record: &Record) -> Vec<u8> {
    let Place::File { path, .. } = store.place(record) else {
        panic!("{:?}", store.place(record));
    };
    let mut bytes = Vec::new();
    Store::unpack(&path, &mut bytes).unwrap();
    bytes
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_core_comes_back_byte_by_byte() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().join("cores"));
    let core: Vec<u8> = noise(3 << 20).into_iter().chain(vec![0; 5 << 20]).collect();
    for (compress, pid, end) in [(true, 1, ".zst"), (false, 2, "")] {
        let mut record = record(pid, 1000);
        keep(&store, &core, &mut record, u64::MAX, &Settings { compress, ..settings() });
        let file = format!("core.web.0.{BOOT}.{pid}.1000{end}");
        let Core::Kept { size, stored, truncated, .. } = record.core else { panic!() };
        assert_eq!((size, truncated), (core.len() as u64, false));
        assert_eq!(stored < 4 << 20, compress, "{stored}");
        assert!(unpacked(&store, &record) == core);
        let mode = fs::metadata(folder.path().join("cores").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }
    assert_eq!(store.records().unwrap().len(), 2);
}

#[test]
fn of_a_core_that_is_larger_than_it_may_be_the_beginning_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let core = noise(1 << 20);
    for (pid, most) in [(1, 100_000u64), (2, 65_536), (3, 1)] {
        let mut record = record(pid, 1000);
        keep(&store, &core, &mut record, most, &settings());
        let Core::Kept { size, truncated, .. } = record.core else { panic!() };
        assert_eq!((size, truncated), (most, true));
        assert!(unpacked(&store, &record) == core[..most as usize]);
    }
    let mut whole = record(4, 1000);
    keep(&store, &core, &mut whole, core.len() as u64, &settings());
    assert!(matches!(whole.core, Core::Kept { truncated: false, .. }));
}

#[test]
fn the_oldest_cores_go_and_what_is_known_of_them_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let settings = Settings { max_use: Some(3 << 20), ..settings() };
    let mut records: Vec<Record> = (1..=4).map(|pid| record(pid, u64::from(pid) * 1000)).collect();
    for record in &mut records {
        keep(&store, &noise(1 << 20), record, u64::MAX, &settings);
    }
    let places: Vec<bool> =
        records.iter().map(|record| matches!(store.place(record), Place::File { .. })).collect();
    assert_eq!(places, [false, false, true, true], "{:?}", files(folder.path()));
    assert_eq!(store.place(&records[0]), Place::Missing);
    assert_eq!(store.records().unwrap(), records);
    // One that is larger than all together may be is cut off, and leaves what is there no worse.
    let mut large = record(5, 5000);
    keep(&store, &noise(10 << 20), &mut large, u64::MAX, &settings);
    let Core::Kept { stored, truncated, .. } = large.core else { panic!() };
    assert!(truncated && stored <= 3 << 20, "{stored}");
}

#[test]
fn where_there_is_no_room_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    for settings in
        [Settings { max_use: Some(0), ..settings() }, Settings { keep_free: Some(u64::MAX), ..settings() }]
    {
        let mut record = record(1, 1000);
        keep(&store, &noise(1 << 20), &mut record, u64::MAX, &settings);
        assert_eq!(record.core, Core::None { reason: "there is no room for it".into() });
        assert_eq!(store.place(&record), Place::None);
    }
    assert_eq!(files(folder.path()), [format!("core.web.0.{BOOT}.1.1000.json")]);
}

#[test]
fn a_core_that_breaks_off_leaves_no_file() {
    struct Broken(bool);
    impl std::io::Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(std::io::ErrorKind::BrokenPipe.into());
            }
            buffer.fill(1);
            Ok(buffer.len())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    assert!(store.keep(Broken(false), "core.x", u64::MAX, &settings()).is_err());
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_record_that_is_written_again_is_there_all_the_while() {
    use rustix::fs::inotify;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let mut crash = record(7, 1000);
    store.note(&crash).unwrap();
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    inotify::add_watch(&watch, folder.path(), inotify::WatchFlags::DELETE).unwrap();
    crash.comm = "web".into();
    crash.cmdline = "/app/web".into();
    store.note(&crash).unwrap();
    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    let removed = inotify::Reader::new(&watch, &mut buffer).next().map(|_| "something was removed");
    assert_eq!(removed.err(), Some(rustix::io::Errno::AGAIN));
    assert_eq!(store.records().unwrap(), [crash]);
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn crashes_are_counted_without_a_look_into_their_records() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    assert_eq!(store.count(None).unwrap(), 0);
    for file in
        [format!("core.a.0.{BOOT}.7.7.json"), format!("core.a.0.{BOOT}.7.7.zst"), "README.json".into()]
    {
        fs::write(folder.path().join(file), "no record").unwrap();
    }
    fs::write(folder.path().join(format!("core.a.0.{}.7.7.json", "f".repeat(32))), "").unwrap();
    assert_eq!(store.count(None).unwrap(), 2);
    assert_eq!(store.count(Some(BOOT)).unwrap(), 1);
    assert_eq!(store.count(Some("")).unwrap(), 0);
}

#[test]
fn what_is_known_of_is_bounded_and_rubbish_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    assert!(Store::new(folder.path().join("none")).records().unwrap().is_empty());
    fs::write(folder.path().join("README"), "x").unwrap();
    fs::write(folder.path().join(format!("core.web.0.{BOOT}.7.7.json")), "{").unwrap();
    for pid in 1..=510 {
        store.note(&record(pid, 1000 + u64::from(pid))).unwrap();
    }
    let records = store.records().unwrap();
    assert_eq!((records.len(), records[0].pid), (500, 11));
    // A record that names a file elsewhere leads nowhere.
    let core = Core::Kept { file: "../../etc/shadow".into(), size: 1, stored: 1, truncated: false };
    assert_eq!(store.place(&Record { core, ..record(1, 1) }), Place::Missing);
}

/// A core that comes slowly.
struct Slow<'a>(&'a [u8]);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        std::thread::sleep(Duration::from_millis(20));
        std::io::Read::read(&mut self.0, buffer)
    }
}

#[test]
fn of_a_core_that_takes_too_long_the_beginning_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().join("cores")).within(Duration::from_millis(200));
    let core = noise(8 << 20);
    let mut record = record(7, 1);
    record.core = store.keep(Slow(&core), &name::stem(&record), u64::MAX, &settings()).unwrap().core;
    let Core::Kept { size, truncated: true, .. } = record.core else { panic!("{:?}", record.core) };
    assert!(size > 0 && size < 8 << 20, "{size}");
    assert_eq!(unpacked(&store, &record), core[..size as usize]);
}

#[test]
fn who_crashes_often_does_not_have_others_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().join("cores"));
    store.note(&record(1, 1)).unwrap();
    for n in 2..=502 {
        store.note(&Record { uid: 1000, ..record(n, n.into()) }).unwrap();
    }
    let records = store.records().unwrap();
    assert_eq!((records.len(), records[0].uid, records[1].pid), (500, 0, 4));
}
