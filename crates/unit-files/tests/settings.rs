//! Which files of settings are read, and in which order.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use unit_files::settings::{of_kind, of_program};

fn root(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    root
}

fn shown(root: &Path, paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect()
}

#[test]
fn of_two_of_one_name_the_first_folders_counts() {
    let root = root(&[
        "etc/x.d/b.conf",
        "run/x.d/a.conf",
        "usr/local/lib/x.d/c.conf",
        "usr/lib/x.d/a.conf",
        "usr/lib/x.d/c.conf",
        "usr/lib/x.d/d.txt",
    ]);
    let expected = ["run/x.d/a.conf", "etc/x.d/b.conf", "usr/local/lib/x.d/c.conf"];
    assert_eq!(shown(root.path(), &of_kind(root.path(), "x.d", ".conf")), expected);
    assert_eq!(shown(root.path(), &of_kind(root.path(), "x.d", ".txt")), ["usr/lib/x.d/d.txt"]);
    assert!(of_kind(root.path(), "none.d", ".conf").is_empty());
}

#[test]
fn drop_ins_come_after_the_file() {
    let root = root(&[
        "usr/lib/systemd/x.conf",
        "etc/systemd/x.conf",
        "usr/local/lib/systemd/x.conf.d/20.conf",
        "etc/systemd/x.conf.d/20.conf",
        "run/systemd/x.conf.d/10.conf",
    ]);
    let expected = ["etc/systemd/x.conf", "run/systemd/x.conf.d/10.conf", "etc/systemd/x.conf.d/20.conf"];
    assert_eq!(shown(root.path(), &of_program(root.path(), "systemd/x.conf")), expected);
}
