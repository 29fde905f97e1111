//! A segment, packed or not, of any bytes after a good header; sums are not looked at (`--cfg
//! fuzzing`), so that what is behind them is reached.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use journal::{Limits, Origin, Query, Reader, Writer};
use libfuzzer_sys::fuzz_target;

static HEADER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let origin = Origin { boot: "0".repeat(32).parse().unwrap(), machine: String::new(), hostname: String::new() };
    drop(Writer::open(dir.path(), origin, Limits::default(), 0).unwrap());
    fs::read(dir.path().join("0000000001.log")).unwrap()
});
static DIR: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir_in("/dev/shm").unwrap());

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let mut bytes = if first & 2 == 0 { HEADER.clone() } else { Vec::new() };
    bytes.extend_from_slice(rest);
    let file = DIR.path().join(if first & 1 == 0 { "0000000001.log" } else { "0000000001.log.lz4" });
    fs::write(&file, bytes).unwrap();
    for entry in Reader::new(DIR.path()).entries(&Query::default()).unwrap() {
        let entry = entry.unwrap();
        journal::export::put_entry(&mut Vec::new(), &entry);
    }
    fs::remove_file(&file).unwrap();
});
