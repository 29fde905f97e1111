//! Users and groups, made in a root of the test's own.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::fs::{self, File};

use settings::Source;
use settings::specifier::Specifiers;
use settings::sysusers::Config;
use settings_apply::{Root, host, sysusers};

const FILES: [(&str, &[u8]); 4] = [
    ("etc/passwd", b"root:x:0:0::/root:/bin/sh\nj:x:1000:1000:J\xf6rg:/home/j:/bin/sh\n# \xff\n"),
    ("etc/group", b"root:x:0:\nj:x:1000:\nwheel:x:10:\xf6\n"),
    ("etc/shadow", b"root:*:::::::\nj:$y$\xff:::::::\n"),
    ("etc/gshadow", b"root:*::\nj:!::\nwheel:!::\xf6\n"),
];

/// A root with accounts.
fn root() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("etc")).unwrap();
    FILES.iter().for_each(|(path, bytes)| fs::write(folder.path().join(path), bytes).unwrap());
    folder
}

/// Makes what lines say; what could not be made.
fn make(folder: &tempfile::TempDir, lines: &str) -> Vec<String> {
    let root = Root::open(folder.path()).unwrap();
    let source = Source { path: "/x.conf".into(), text: lines.to_owned() };
    let (config, faults) = Config::read([&source], &Specifiers::new([]));
    assert!(faults.is_empty(), "{faults:?}");
    let plan = sysusers::plan(&root, &config);
    sysusers::write(&root, &plan.changes).unwrap();
    plan.errors
}

#[test]
fn lines_that_are_no_utf_8_stay_byte_for_byte() {
    let folder = root();
    assert_eq!(make(&folder, "u worker 500 J\u{f6}rg\nm worker wheel\n"), [""; 0]);
    let day = sysusers::today();
    for (index, added) in [
        "worker:x:500:500:J\u{f6}rg:/:/usr/bin/nologin\n",
        "worker:x:500:\n",
        &format!("worker:!*:{day}::::::\n"),
        "worker:!*::\n",
    ]
    .into_iter()
    .enumerate()
    {
        let (path, old) = FILES[index];
        let mut expected = [old, added.as_bytes()].concat();
        if path.ends_with("group") || path.ends_with("gshadow") {
            // The new member is in the line beside the one that is no UTF-8.
            let at = expected.iter().position(|byte| *byte == 0xf6).unwrap();
            expected.splice(at..at, *b"worker,");
        }
        let is = fs::read(folder.path().join(path)).unwrap();
        assert_eq!(is, expected, "{path}: {}", String::from_utf8_lossy(&is));
    }
    let known = host::accounts(&Root::open(folder.path()).unwrap()).unwrap();
    assert_eq!((known.users["j"], known.groups["wheel"]), (1000, 10));
}

#[test]
fn what_cannot_be_read_is_told_and_nothing_is_written() {
    for (path, _) in FILES {
        for (is_folder, expected) in
            [(false, "it is larger than 16 MiB"), (true, "Is a directory (os error 21)")]
        {
            let folder = root();
            let broken = folder.path().join(path);
            match is_folder {
                false => File::create(&broken).unwrap().set_len((16 << 20) + 1).unwrap(),
                true => fs::remove_file(&broken).and_then(|()| fs::create_dir(&broken)).unwrap(),
            }
            assert_eq!(make(&folder, "u worker\n"), [format!("cannot read /{path}: {expected}")]);
            for (other, bytes) in FILES.into_iter().filter(|(other, _)| *other != path) {
                assert_eq!(fs::read(folder.path().join(other)).unwrap(), bytes, "{other}, {path}");
            }
            let root = Root::open(folder.path()).unwrap();
            assert_eq!(host::accounts(&root).is_err(), !path.ends_with("shadow"), "{path}");
        }
    }
}

#[test]
fn a_file_that_is_missing_is_made() {
    let folder = root();
    for (path, _) in FILES {
        fs::remove_file(folder.path().join(path)).unwrap();
    }
    assert_eq!(make(&folder, "u worker 500\n"), [""; 0]);
    assert_eq!(fs::read(folder.path().join("etc/group")).unwrap(), b"worker:x:500:\n");
}
