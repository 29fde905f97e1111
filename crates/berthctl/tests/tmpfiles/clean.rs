//! What is removed and cleaned up.

use std::fs::{self, File, FileTimes};
use std::time::{Duration, SystemTime};

use crate::harness::{Bed, Case, check, fails, step};

const CLEAN: &[&str] = &["--clean"];
const REMOVE: &[&str] = &["--remove"];

const TWO_FOLDERS: &[&str] = &[
    "d 755 . /x",
    "d 755 . /x/1",
    "f 644 . /x/1/x1",
    "f 644 . /x/1/x2",
    "d 755 . /x/2",
    "f 644 . /x/2/y1",
    "f 644 . /x/z1",
    "f 644 . /x/z2",
];

#[test]
fn exceptions_of_cleaning_up() {
    check(&[
        Case {
            name: "TEST-22.11 x, dry",
            needs_root: false,
            before: TWO_FOLDERS,
            steps: &[step(&["--clean", "--dry-run"], "d @/x - - - 0\nx @/x/1\n")],
            after: TWO_FOLDERS,
        },
        Case {
            name: "TEST-22.11 x",
            needs_root: false,
            before: TWO_FOLDERS,
            steps: &[step(CLEAN, "d @/x - - - 0\nx @/x/1\n")],
            after: &["d 755 . /x", "d 755 . /x/1", "f 644 . /x/1/x1", "f 644 . /x/1/x2"],
        },
        Case {
            name: "TEST-22.11 X",
            needs_root: false,
            before: TWO_FOLDERS,
            steps: &[step(CLEAN, "d @/x - - - 0\nX @/x/1\n")],
            after: &["d 755 . /x", "d 755 . /x/1"],
        },
        Case {
            name: "TEST-22.11 x with a pattern",
            needs_root: false,
            before: TWO_FOLDERS,
            steps: &[step(CLEAN, "d @/x - - - 0\nx @/x/[1345]\nx @/x/z*\n")],
            after: &[
                "d 755 . /x",
                "d 755 . /x/1",
                "f 644 . /x/1/x1",
                "f 644 . /x/1/x2",
                "f 644 . /x/z1",
                "f 644 . /x/z2",
            ],
        },
        Case {
            name: "TEST-22.11 X with a pattern",
            needs_root: false,
            before: TWO_FOLDERS,
            steps: &[step(CLEAN, "d @/x - - - 0\nX @/x/[1345]\nX @/x/?[12]\n")],
            after: &["d 755 . /x", "d 755 . /x/1", "f 644 . /x/z1", "f 644 . /x/z2"],
        },
        Case {
            name: "TEST-22.11 x and X are nothing to r",
            needs_root: false,
            before: TWO_FOLDERS,
            steps: &[step(CLEAN, "x @/x/1/x1\nX @/x/2\nr @/x/1\nr @/x/2\n")],
            after: TWO_FOLDERS,
        },
        Case {
            name: "TEST-22.11 X is something to R",
            needs_root: false,
            before: TWO_FOLDERS,
            steps: &[step(REMOVE, "X @/x/1/x1\nX @/x/2\nR @/x/1\n")],
            after: &[
                "d 755 . /x",
                "d 755 . /x/1",
                "f 644 . /x/1/x1",
                "d 755 . /x/2",
                "f 644 . /x/2/y1",
                "f 644 . /x/z1",
                "f 644 . /x/z2",
            ],
        },
        Case {
            name: "~ keeps the first level",
            needs_root: false,
            before: TWO_FOLDERS,
            steps: &[step(CLEAN, "d @/x - - - ~0\n")],
            after: &["d 755 . /x", "d 755 . /x/1", "d 755 . /x/2", "f 644 . /x/z1", "f 644 . /x/z2"],
        },
        Case {
            name: "the sticky bit keeps a file",
            needs_root: false,
            before: &["d 755 . /x", "f 1644 . /x/a", "f 644 . /x/b"],
            steps: &[step(CLEAN, "d @/x - - - 0\n")],
            after: &["d 755 . /x", "f 1644 . /x/a"],
        },
        Case {
            name: "without an age nothing goes",
            needs_root: false,
            before: TWO_FOLDERS,
            steps: &[step(CLEAN, "d @/x\ne @/x/*\n")],
            after: TWO_FOLDERS,
        },
    ]);
}

#[test]
fn removing() {
    check(&[
        Case {
            name: "TEST-22.06 remove, then create",
            needs_root: false,
            before: &["d 755 . /a", "d 755 . /a/b", "f 644 . /a/else"],
            steps: &[step(&["--create", "--remove"], "d @/a\nd @/a/b\nR @/a\n")],
            after: &["d 755 . /a", "d 755 . /a/b"],
        },
        Case {
            name: "TEST-22.06 create alone",
            needs_root: false,
            before: &[],
            steps: &[step(&["--create"], "d @/a\nd @/a/b\nR @/a\n")],
            after: &["d 755 . /a", "d 755 . /a/b"],
        },
        Case {
            name: "TEST-22.07 a folder and what is in it, in any order",
            needs_root: false,
            before: &["d 755 . /p", "f 644 . /p/file", "d 755 . /q", "f 644 . /q/file"],
            steps: &[step(REMOVE, "r @/p\nr @/p/file\nr @/q/file\nr @/q\n")],
            after: &[],
        },
        Case {
            name: "TEST-22.11 r, R and D and what is no folder",
            needs_root: false,
            before: &["f 644 . /11", "f 644 . /22", "f 644 . /33"],
            steps: &[
                step(&["--remove", "--dry-run"], "r @/11\nR @/22\nD @/33\n"),
                step(REMOVE, "r @/11\nR @/22\nD @/33\n"),
            ],
            after: &["f 644 . /33"],
        },
        Case {
            name: "r does not remove what is full",
            needs_root: false,
            before: &["d 755 . /p", "f 644 . /p/file"],
            steps: &[fails(REMOVE, "r @/p\n", 73)],
            after: &["d 755 . /p", "f 644 . /p/file"],
        },
        Case {
            name: "R goes into no links",
            needs_root: false,
            before: &[
                "d 755 . /kept",
                "f 644 . /kept/file",
                "d 755 . /p",
                "l . /p/link @/kept",
                "l . /out @/kept",
            ],
            steps: &[step(REMOVE, "R @/p\nR @/out\n")],
            after: &["d 755 . /kept", "f 644 . /kept/file"],
        },
        Case {
            name: "TEST-22.19 purge",
            needs_root: false,
            before: &[],
            steps: &[
                step(&["--create"], "d$ @/d\nf$ @/d/f - - - - baz\nf @/o - - - - qux"),
                step(&["--purge", "--dry-run"], "d$ @/d\nf$ @/d/f - - - - baz\nf @/o - - - - qux"),
                step(&["--purge"], "d$ @/d\nf$ @/d/f - - - - baz\nf @/o - - - - qux"),
            ],
            after: &["f 644 . /o qux"],
        },
        Case {
            name: "TEST-22.19 purge, then create",
            needs_root: false,
            before: &["d 755 . /d", "f 644 . /d/f old", "f 644 . /d/x"],
            steps: &[step(&["--create", "--purge"], "d$ @/d\nf$ @/d/f - - - - baz")],
            after: &["d 755 . /d", "f 644 . /d/f baz"],
        },
    ]);
}

/// Files of an age: the last access and the last change of their content.
fn aged(bed: &Bed, path: &str, access: u64, modify: u64) {
    let ago = |seconds| SystemTime::now() - Duration::from_secs(seconds);
    let times = FileTimes::new().set_accessed(ago(access)).set_modified(ago(modify));
    File::open(bed.path(path)).unwrap().set_times(times).unwrap();
}

#[test]
fn ages() {
    // TEST-22.12; what is changed or made just now is kept by its other times unless the line names one.
    for (age, access, modify, goes) in [
        ("a:1m", 120, 0, true),
        ("a:3m", 120, 0, false),
        ("m:3m", 0, 240, true),
        ("am:3m", 240, 240, true),
        ("am:3m", 240, 0, false),
        ("mc:7m", 480, 480, false),
        ("1m", 480, 480, false),
        ("abc:0", 480, 480, true),
        ("cmb:0", 0, 0, true),
        ("0s", 0, 0, true),
        ("infinity", 480, 480, false),
    ] {
        for below_root in [true, false] {
            for kind in ["d", "e", "D"] {
                let bed = Bed::new(&["d 755 . /x", "f 644 . /x/f", "d 755 . /x/d"], below_root);
                aged(&bed, "/x/f", access, modify);
                let output = bed.run(CLEAN, &format!("{kind} @/x - - - {age}\n"));
                assert!(output.status.success(), "{kind} {age}: {output:?}");
                assert_eq!(!bed.path("/x/f").exists(), goes, "{kind} {age}");
            }
        }
    }
    // Folders have letters of their own, and their changes of status do not count.
    for (age, goes) in [("AM:4s", true), ("A:4s", true), ("AMC:4s", false), ("B:8s", false)] {
        let bed = Bed::new(&["d 755 . /x", "d 755 . /x/d"], true);
        aged(&bed, "/x/d", 5, 5);
        assert!(bed.run(CLEAN, &format!("d /x - - - {age}\n")).status.success());
        assert_eq!(!bed.path("/x/d").exists(), goes, "{age}");
    }
}

#[test]
fn a_folder_that_is_cleaned_up_keeps_its_age_and_a_lock_keeps_all() {
    let bed = Bed::new(
        &["d 755 . /x", "d 755 . /x/d", "f 644 . /x/d/f", "d 755 . /x/locked", "f 644 . /x/locked/f"],
        true,
    );
    aged(&bed, "/x/d", 5, 500);
    let lock = File::open(bed.path("/x/locked")).unwrap();
    lock.lock().unwrap();
    assert!(bed.run(CLEAN, "d /x - - - AM:400s\nd /y\n").status.success());
    assert!(bed.run(CLEAN, "d /x - - - abcmB:0\n").status.success());
    assert!(bed.path("/x/locked/f").exists() && !bed.path("/x/d/f").exists());
    let bed = Bed::new(&["d 755 . /x", "d 755 . /x/d", "f 644 . /x/d/f", "f 600 . /x/d/g"], true);
    aged(&bed, "/x/d/f", 500, 500);
    aged(&bed, "/x/d", 400, 450);
    let before = fs::metadata(bed.path("/x/d")).unwrap().modified().unwrap();
    assert!(bed.run(CLEAN, "d /x - - - amAM:475s\n").status.success());
    assert!(!bed.path("/x/d/f").exists());
    assert_eq!(fs::metadata(bed.path("/x/d")).unwrap().modified().unwrap(), before);
}

#[test]
fn what_is_no_age_is_told() {
    for age in [":", ":1s", "2:1h", "nope:42h", "\"  :7m\"", "m:", "::", "\"+r^w-x:2/h\"", "b ar::64"] {
        let bed = Bed::new(&["d 755 . /x", "f 644 . /x/f"], true);
        let output = bed.run(CLEAN, &format!("d /x - - - {age} -\n"));
        assert_eq!(output.status.code(), Some(65), "{age}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("Invalid age"), "{age}: {output:?}");
        assert!(bed.path("/x/f").exists());
    }
    for age in ["\"  a:24h\"", "cccaab:2h", "\" aa : 4h\"", "\" a A B C c:1h\""] {
        let bed = Bed::new(&["d 755 . /x", "f 644 . /x/f"], true);
        assert!(bed.run(CLEAN, &format!("d /x - - - {age} -\n")).status.success(), "{age}");
        assert!(bed.path("/x/f").exists());
    }
}
