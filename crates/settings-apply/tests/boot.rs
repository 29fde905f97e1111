//! What PID 1 does for settings, and what it leaves to a process: in a root of the test's own.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use settings_apply::{Root, boot};

/// A root with files, each with its text.
fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let own = fs::metadata("/proc/self").unwrap();
    let (user, group) = (own.uid(), own.gid());
    let accounts = [
        ("etc/passwd", format!("root:x:0:0::/root:/bin/sh\nme:x:{user}:{group}::/:/bin/sh\n")),
        ("etc/group", format!("root:x:0:\nme:x:{group}:\n")),
    ];
    for (path, text) in
        accounts.iter().map(|(path, text)| (*path, text.as_str())).chain(files.iter().copied())
    {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    for path in ["run", "var/lib", "tmp"] {
        fs::create_dir_all(folder.path().join(path)).unwrap();
    }
    folder
}

fn is_left(folder: &Path) -> bool {
    boot::ready(&Root::open(folder).unwrap()).files
}

#[test]
fn what_pid_1_can_do_leaves_nothing() {
    for text in [
        "",
        "d /run/mine 0750 me me\nd /run/mine/inner\nL /run/link - - - - mine\nv /run/v\n",
        // What is as it is to be.
        "d /var/lib 0755\nd /tmp\nL /etc/link\nr /run/none\nR! /var/none/*\nx /tmp/x\nd /var/lib - - - 10d\n",
        "z /var/none 0700\ne /var/none\nD /run/d\nC /run/c - - - - /none\nw /none - - - - x\n",
    ] {
        let folder = root(&[("usr/lib/tmpfiles.d/a.conf", text)]);
        symlink("/usr/share/factory/etc/link", folder.path().join("etc/link")).unwrap();
        assert!(!is_left(folder.path()), "{text}");
        if text.contains("mine") {
            assert_eq!(fs::metadata(folder.path().join("run/mine")).unwrap().mode() & 0o7777, 0o750);
            assert!(folder.path().join("run/mine/inner").is_dir());
            assert_eq!(fs::read_link(folder.path().join("run/link")).unwrap(), Path::new("mine"));
        }
    }
}

#[test]
fn what_it_cannot_is_left_and_not_done() {
    for (text, untouched) in [
        ("d /var/lib/mine\n", "var/lib/mine"),
        ("f /run/file\n", "run/file"),
        ("d /runner\n", "runner"),
        ("d /var/lib 0711\n", "none"),
        ("r /etc/passwd\n", "none"),
        ("d /run/mine - nobody-here\n", "run/mine"),
        ("nonsense\n", "none"),
        ("C /run/c - - - - /etc/group\n", "run/c"),
    ] {
        let folder = root(&[("etc/tmpfiles.d/a.conf", text)]);
        assert!(is_left(folder.path()), "{text}");
        assert!(!folder.path().join(untouched).exists(), "{text}");
        assert!(folder.path().join("etc/passwd").exists());
    }
    for text in ["u worker\n", "m me other\n", "u me x\n", "u a 5:5\n"] {
        let folder = root(&[("etc/sysusers.d/a.conf", text)]);
        let before = fs::read_to_string(folder.path().join("etc/passwd")).unwrap();
        assert!(is_left(folder.path()), "{text}");
        assert_eq!(fs::read_to_string(folder.path().join("etc/passwd")).unwrap(), before, "{text}");
    }
    let folder = root(&[("usr/lib/sysusers.d/a.conf", "u me 4000\ng root 7\n")]);
    assert!(!is_left(folder.path()), "those who are there already");
}

#[test]
fn lines_for_a_starting_system_are_followed_once() {
    for (text, is_first) in [("R! /var/none\n", false), ("r! /etc/passwd\n", true)] {
        let folder = root(&[("usr/lib/tmpfiles.d/a.conf", text)]);
        let root = Root::open(folder.path()).unwrap();
        assert!(boot::is_first_run(&root));
        assert_eq!(boot::ready(&root).files, is_first, "{text}");
        assert_eq!(
            boot::is_first_run(&root),
            is_first,
            "the unit that is started for the rest notes it: {text}"
        );
        boot::note_run(&root).unwrap();
        assert!(!boot::is_first_run(&root));
    }
}

#[test]
fn a_mask_leaves_nothing() {
    let folder = root(&[("usr/lib/tmpfiles.d/a.conf", "d /var/lib/mine\n"), ("etc/tmpfiles.d/b.conf", "")]);
    symlink("/dev/null", folder.path().join("etc/tmpfiles.d/a.conf")).unwrap();
    assert!(!is_left(folder.path()));
}

#[test]
fn modules_that_are_not_there_are_left() {
    // The kernel's own part is always there, whatever machine this runs on.
    let there =
        fs::read_dir("/sys/module").unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    for (text, expected) in [(there.as_str(), false), ("no-such-module", true), ("# no-such-module", false)] {
        let folder = root(&[("run/modules-load.d/a.conf", text)]);
        assert_eq!(boot::ready(&Root::open(folder.path()).unwrap()).modules, expected, "{text}");
    }
}
