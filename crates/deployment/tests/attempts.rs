//! Stage 1's count of attempts is on the disk, on a full one too.
#![allow(clippy::unwrap_used)]

use std::fs;

use deployment::write_attempts;
use slots::Attempts;
use verity::RootHash;

const USR: RootHash = RootHash([1; 32]);

#[test]
fn the_record_is_written_also_where_there_is_no_room_for_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("boot-attempts");
    let next = |ended: Option<&str>| {
        let attempts = Attempts::next(&fs::read_to_string(&path).unwrap_or_default(), USR, ended);
        write_attempts(&path, &attempts).map(|()| attempts.count)
    };
    assert_eq!(next(Some("0123456789abcdef0123456789abcdef")).unwrap(), 1);
    // What a file beside it would be named: with this in its place none can be made.
    let beside = folder.path().join(".boot-attempts.new");
    fs::create_dir(&beside).unwrap();
    for count in 2..=4 {
        assert_eq!(next(None).unwrap(), count);
    }
    write_attempts(&path, &Attempts::none(USR)).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{USR} 0 0\n"), "nothing of a longer one is left");
    assert_eq!(next(None).unwrap(), 1);

    fs::remove_file(&path).unwrap();
    let error = next(None).unwrap_err().to_string();
    assert!(error.contains("boot-attempts"), "{error}");
    fs::remove_dir(&beside).unwrap();
    assert_eq!(next(None).unwrap(), 1);
}
