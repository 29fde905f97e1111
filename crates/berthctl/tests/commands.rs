//! The commands as an operator types them.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use journal::{BootId, Entry, Limits, Priority, Source, Writer};

/// Runs `berthctl` under a name of its own, with a control socket that is not there.
fn run(name: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join(name);
    symlink(env!("CARGO_BIN_EXE_berthctl"), &link).unwrap();
    let mut command = Command::new(link);
    command.args(arguments).env("BERTH_INIT_SOCKET", folder.path().join("none.sock"));
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    for (name, arguments, refused) in [
        ("systemctl", &["enable", "x"][..], "enable is not supported yet"),
        ("systemctl", &["fly"], "unknown command fly"),
        ("systemctl", &["--user", "status"], "option --user is unknown or not supported yet"),
        ("systemctl", &["start"], "name a unit"),
        ("systemctl", &["start", "a b"], "cannot stand in one"),
        ("journalctl", &["-f"], "option -f is unknown or not supported yet"),
        ("journalctl", &["_PID=1"], "matching by field (_PID=1) is not supported yet"),
        ("journalctl", &["-n", "many"], "-n takes a number, not many"),
        ("poweroff", &["now"], "unexpected argument now"),
        ("berthctl", &["dance"], "unknown command dance"),
    ] {
        let output = run(name, arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name} {arguments:?}: {stderr}");
        assert!(stderr.contains(refused), "{name} {arguments:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn without_pid_1_the_socket_is_named() {
    for (name, arguments) in
        [("systemctl", &["status", "a"][..]), ("reboot", &[]), ("systemctl", &["daemon-reload"])]
    {
        let output = run(name, arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("none.sock; is this a Berth machine?"), "{output:?}");
    }
}

#[test]
fn every_name_explains_itself() {
    for name in ["systemctl", "journalctl", "reboot", "poweroff", "halt", "berthctl"] {
        let output = run(name, &["--help"]);
        assert!(output.status.success());
        assert!(text(&output.stdout).starts_with("usage: "), "{name}");
    }
}

fn entry(unit: &str, second: u64, message: &str) -> Entry {
    Entry {
        realtime_us: second * 1_000_000,
        monotonic_us: 1,
        unit: Some(unit.into()),
        source: Source::Output,
        priority: Priority::INFO,
        identifier: None,
        pid: None,
        message: message.into(),
    }
}

fn write_journal(folder: &Path) {
    let boot: BootId = "0123456789abcdef0123456789abcdef".parse().unwrap();
    let mut writer = Writer::open(folder, boot, Limits::default()).unwrap();
    let mut lines = Vec::new();
    for entry in [
        entry("etcd.service", 1_795_543_800, "one"),
        entry("containerd.service", 1_795_543_801, "two"),
        entry("etcd.service", 1_795_543_802, "three"),
    ] {
        entry.encode_into(&mut lines);
    }
    writer.append(&lines).unwrap();
}

#[test]
fn the_log_of_a_unit() {
    let folder = tempfile::tempdir().unwrap();
    write_journal(folder.path());
    let read = |arguments: &[&str]| {
        let mut all = vec!["--directory", folder.path().to_str().unwrap()];
        all.extend(arguments);
        text(&run("journalctl", &all).stdout)
    };
    assert_eq!(read(&["-u", "etcd"]), "Nov 24 18:10:00 etcd: one\nNov 24 18:10:02 etcd: three\n");
    assert_eq!(read(&["-u", "etcd.service", "-n", "1", "-o", "cat"]), "three\n");
    assert_eq!(read(&["-b", "-o", "cat", "-u", "etcd", "-u", "containerd"]), "one\ntwo\nthree\n");
    assert_eq!(read(&["-u", "none"]), "-- No entries --\n");
    assert!(read(&["--list-boots"]).contains("0123456789abcdef0123456789abcdef"));
}
