//! `journalctl`, as an operator calls it, on a journal of three boots.
#![allow(clippy::unwrap_used)] // helpers of tests are outside the test functions

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use journal::{BootId, Limits, Origin, Record, Writer};

/// Tue 2026-11-24 18:10:00 UTC.
const START: u64 = 1_795_543_800;

fn boot(n: u8) -> BootId {
    format!("{n:032x}").parse().unwrap()
}

fn record(second: u64, context: &[(&str, &str)], fields: &[(&str, &str)]) -> Record {
    Record {
        realtime_us: (START + second) * 1_000_000 + 123_456,
        monotonic_us: second * 1_000_000 + 5,
        context: Arc::new(context.iter().copied().collect()),
        fields: fields.iter().copied().collect(),
    }
}

fn open(folder: &Path, n: u8) -> Writer {
    let origin = Origin { boot: boot(n), machine: "m".repeat(32), hostname: "host".into() };
    // A process that another test is starting holds the lock of the last writer until it runs its program.
    for _ in 0..500 {
        match Writer::open(folder, origin.clone(), Limits::default(), START * 1_000_000) {
            Err(journal::Error::Locked(_)) => std::thread::sleep(std::time::Duration::from_millis(10)),
            other => return other.unwrap(),
        }
    }
    panic!("{} stays locked", folder.display())
}

/// Three boots; the last has the entries that the tests look for.
fn journal() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let old = [("_SYSTEMD_UNIT", "old.service")];
    open(folder.path(), 1).append(&[record(0, &old, &[("MESSAGE", "first boot")])], 0).unwrap();
    open(folder.path(), 2).append(&[record(60, &old, &[("MESSAGE", "second boot")])], 0).unwrap();
    let etcd = [
        ("_TRANSPORT", "stdout"),
        ("_SYSTEMD_UNIT", "etcd.service"),
        ("SYSLOG_IDENTIFIER", "etcd"),
        ("SYSLOG_FACILITY", "3"),
    ];
    let ssh = [
        ("_TRANSPORT", "syslog"),
        ("_SYSTEMD_UNIT", "sshd@1.service"),
        ("_PID", "42"),
        ("_EXE", "/usr/bin/env"),
        ("SYSLOG_FACILITY", "4"),
    ];
    let kernel = [("_TRANSPORT", "kernel"), ("SYSLOG_IDENTIFIER", "kernel")];
    let records = [
        record(120, &kernel, &[("MESSAGE", "Linux version"), ("PRIORITY", "5")]),
        record(121, &etcd, &[("MESSAGE", "one"), ("PRIORITY", "6")]),
        record(122, &ssh, &[("MESSAGE", "Accepted key"), ("PRIORITY", "6"), ("SYSLOG_IDENTIFIER", "sshd")]),
        record(123, &etcd, &[("MESSAGE", "two\nlines"), ("PRIORITY", "3"), ("TEAM", "red")]),
        record(
            124,
            &ssh,
            &[("MESSAGE", "accepted\u{1b}[1m"), ("PRIORITY", "7"), ("TEAM", "blue"), ("TEAM", "red")],
        ),
    ];
    open(folder.path(), 3).append(&records, 0).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berthctl"));
    command.args(["journalctl", "--directory"]).arg(folder).args(arguments).env("TZ", "UTC");
    command.stdin(Stdio::null()).output().unwrap()
}

fn read(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_selected() {
    let journal = journal();
    let (all, one) = (
        "first boot|second boot|Linux version|one|Accepted key|two|lines|accepted\u{1b}[1m",
        "one|two|lines",
    );
    let here = "Linux version|one|Accepted key|two|lines|accepted\u{1b}[1m";
    let ssh = "Accepted key|accepted\u{1b}[1m";
    let second = format!("{}-1", boot(3));
    for (arguments, expected) in [
        (&[][..], all),
        (&["-u", "etcd"], one),
        (&["-u", "etcd.service", "-u", "old"], "first boot|second boot|one|two|lines"),
        (&["-u", "sshd@*"], ssh),
        (&["-u", "*"], "first boot|second boot|one|Accepted key|two|lines|accepted\u{1b}[1m"),
        (&["-u", "none"], ""),
        (&["-b"], here),
        (&["-b0"], here),
        (&["-b", "-1"], "second boot"),
        (&["-b", "1"], "first boot"),
        (&["-b", boot(2).as_str()], "second boot"),
        (&["-b", &second], "second boot"),
        (&["-b", "all", "-n", "all"], all),
        (&["-k"], "Linux version"),
        (&["-p", "err"], "two|lines"),
        (&["-p", "5"], "Linux version|two|lines"),
        (&["-p", "info..notice"], "Linux version|one|Accepted key"),
        (&["-p", "7..7"], "accepted\u{1b}[1m"),
        (&["-n", "2"], "two|lines|accepted\u{1b}[1m"),
        (&["-n", "+2"], "first boot|second boot"),
        (&["-n", "1", "-u", "etcd"], "two|lines"),
        (&["-r", "-n", "2", "-u", "etcd"], "two|lines|one"),
        (&["-e", "-u", "etcd"], one),
        (&["-t", "sshd"], "Accepted key"),
        (&["-T", "etcd", "-T", "kernel", "-b"], ssh),
        (&["--facility", "auth,kern"], ssh),
        (&["--facility", "3"], one),
        (&["-g", "accepted"], ssh),
        (&["-g", "Accepted"], "Accepted key"),
        (&["-g", "ACCEPTED", "--case-sensitive=no"], ssh),
        (&["-g", "accepted", "--case-sensitive"], "accepted\u{1b}[1m"),
        (&["-g", "^(one|two)"], one),
        (&["--since", "2026-11-24 18:12:02", "--until", "2026-11-24 18:12:03.5"], "Accepted key|two|lines"),
        (&["--until", "@1795543830"], "first boot"),
        (&["--since", "2026-11-24 20:12:04", "--utc"], ""),
        (&["TEAM=red"], "two|lines|accepted\u{1b}[1m"),
        (&["TEAM=red", "TEAM=blue", "_PID=42"], "accepted\u{1b}[1m"),
        (&["TEAM=blue", "+", "_TRANSPORT=kernel"], "Linux version|accepted\u{1b}[1m"),
        (&["-u", "etcd", "TEAM=red"], "two|lines"),
        (&["/usr/bin/env"], ssh),
    ] {
        let arguments = [&["-o", "cat", "-q"], arguments].concat();
        assert_eq!(read(journal.path(), &arguments).trim_end().replace('\n', "|"), expected, "{arguments:?}");
    }
}

#[test]
fn how_it_looks() {
    let journal = journal();
    let cursor = "i=300000003;b=00000000000000000000000000000003;t=";
    for (format, expected) in [
        ("short", "Nov 24 18:12:03 host etcd: two\n                           lines\n"),
        ("short-precise", "Nov 24 18:12:03.123456 host etcd: two\n                                  lines\n"),
        (
            "short-iso",
            "2026-11-24T18:12:03+00:00 host etcd: two\n                                     lines\n",
        ),
        (
            "short-iso-precise",
            "2026-11-24T18:12:03.123456+00:00 host etcd: two\n                                            lines\n",
        ),
        (
            "short-full",
            "Tue 2026-11-24 18:12:03 UTC host etcd: two\n                                       lines\n",
        ),
        ("short-monotonic", "[  123.000005] host etcd: two\n                          lines\n"),
        ("short-unix", "1795543923.123456 host etcd: two\n                             lines\n"),
        (
            "with-unit",
            "Tue 2026-11-24 18:12:03 UTC host etcd.service: two\n                                               lines\n",
        ),
        ("cat", "two\nlines\n"),
    ] {
        assert_eq!(
            read(journal.path(), &["-n1", "TEAM=red", "-u", "etcd", "-o", format]),
            expected,
            "{format}"
        );
    }
    let verbose = read(journal.path(), &["TEAM=red", "-u", "etcd", "-o", "verbose"]);
    assert!(verbose.starts_with(&format!("Tue 2026-11-24 18:12:03.123456 UTC [{cursor}")), "{verbose}");
    assert!(verbose.contains("\n    TEAM=red\n") && verbose.contains("\n    _HOSTNAME=host\n"), "{verbose}");
    assert!(verbose.contains("\n    MESSAGE=two\n            lines\n"), "{verbose}");
    let export = read(journal.path(), &["TEAM=red", "-u", "etcd", "-o", "export"]);
    assert!(export.starts_with(&format!("__CURSOR={cursor}")), "{export}");
    assert!(export.contains("\nMESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\n"), "{export:?}");
    assert!(export.ends_with("\n\n"));

    // What would upset a terminal.
    let read = |arguments: &[&str]| read(journal.path(), &[&["-n1", "--no-hostname"], arguments].concat());
    assert_eq!(read(&[]), "Nov 24 18:12:04 unknown[42]: [12B blob data]\n");
    assert_eq!(read(&["-a"]), "Nov 24 18:12:04 unknown[42]: accepted\u{1b}[1m\n");

    let json: serde_json::Value = serde_json::from_str(&read(&["-o", "json"])).unwrap();
    assert_eq!(json["MESSAGE"][8], 27);
    assert_eq!(json["TEAM"], serde_json::json!(["blue", "red"]));
    assert_eq!(json["__REALTIME_TIMESTAMP"], "1795543924123456");
    let json = read(&["-o", "json-pretty", "--output-fields", "TEAM,_PID", "-q"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let names: Vec<&String> =
        json.as_object().unwrap().keys().filter(|name| !name.starts_with("__")).collect();
    assert_eq!(names, ["TEAM", "_PID"]);
    assert_eq!(read(&["-o", "cat", "--output-fields=_PID"]), "42\n");
}

/// What a sender says of itself cannot look like another line, or like another unit.
#[test]
fn who_speaks_is_one_word_of_text() {
    for (context, fields, short, with_unit) in [
        (
            &[("_COMM", "sh"), ("_PID", "7")][..],
            &[("SYSLOG_IDENTIFIER", "a\n<forged>")][..],
            "sh[7]",
            "sh[7]",
        ),
        (
            &[("_COMM", "s\x1b[2Jh")],
            &[("SYSLOG_IDENTIFIER", "\x1b]0;x\x07"), ("SYSLOG_PID", "1\n2")],
            "unknown",
            "unknown",
        ),
        (
            &[("_SYSTEMD_UNIT", "own.service")],
            &[("UNIT", "etcd.service"), ("SYSLOG_IDENTIFIER", "x")],
            "x",
            "own.service",
        ),
        (
            &[("_SYSTEMD_UNIT", "init.scope")],
            &[("UNIT", "etcd.service"), ("SYSLOG_IDENTIFIER", "init")],
            "init",
            "etcd.service",
        ),
        (
            &[("_TRANSPORT", "driver")],
            &[("UNIT", "etcd.service"), ("SYSLOG_IDENTIFIER", "logd")],
            "logd",
            "etcd.service",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let fields = [fields, &[("MESSAGE", "m")]].concat();
        open(folder.path(), 1).append(&[record(0, context, &fields)], 0).unwrap();
        assert_eq!(read(folder.path(), &["--no-hostname"]), format!("Nov 24 18:10:00 {short}: m\n"));
        let line = read(folder.path(), &["--no-hostname", "-o", "with-unit"]);
        assert_eq!(line, format!("Tue 2026-11-24 18:10:00 UTC {with_unit}: m\n"));
    }
}

#[test]
fn other_zones() {
    let journal = journal();
    let mut command = Command::new(env!("CARGO_BIN_EXE_berthctl"));
    command.args(["journalctl", "-n1", "-o", "short-iso", "-D"]).arg(journal.path()).env("TZ", "XYZ+3:30");
    let output = command.output().unwrap();
    assert!(output.stdout.starts_with(b"2026-11-24T14:42:04-03:30 "), "{output:?}");
}

#[test]
fn boots_are_marked_and_listed() {
    let journal = journal();
    let text = read(journal.path(), &["-n", "6"]);
    assert_eq!(text.matches("-- Boot ").count(), 1, "{text}");
    assert!(text.contains(&format!("-- Boot {} --\n", boot(3))), "{text}");
    let boots = read(journal.path(), &["--list-boots"]);
    let lines: Vec<&str> = boots.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[3].starts_with(&format!("  0 {} Tue 2026-11-24 18:12:00 UTC ", boot(3))), "{boots}");
}

#[test]
fn fields_and_their_values() {
    let journal = journal();
    assert_eq!(read(journal.path(), &["-F", "TEAM"]), "red\nblue\n");
    assert_eq!(read(journal.path(), &["-F", "_SYSTEMD_UNIT"]), "old.service\netcd.service\nsshd@1.service\n");
    let names = read(journal.path(), &["-N"]);
    assert!(
        ["MESSAGE", "TEAM", "_BOOT_ID"].iter().all(|name| names.lines().any(|line| line == *name)),
        "{names}"
    );
    assert_eq!(names.lines().filter(|line| *line == "MESSAGE").count(), 1);
}

#[test]
fn nothing_found() {
    let journal = journal();
    let found = |arguments| {
        let output = run(journal.path(), arguments);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(found(&["-u", "none"]), (Some(0), "-- No entries --\n".into()));
    assert_eq!(found(&["-u", "none", "-q"]), (Some(0), String::new()));
    assert_eq!(found(&["-u", "none", "-o", "json"]), (Some(0), String::new()));
    assert_eq!(found(&["-g", "nowhere"]), (Some(1), "-- No entries --\n".into()));
    assert_eq!(found(&["-b", "-7"]).0, Some(1));
}

#[test]
fn reading_on_from_a_cursor() {
    let journal = journal();
    let text = read(journal.path(), &["-n", "+2", "-b", "--show-cursor", "-o", "cat"]);
    let cursor = text.lines().find_map(|line| line.strip_prefix("-- cursor: ")).unwrap();
    let rest = read(journal.path(), &["-o", "cat", "-q", "--after-cursor", cursor]);
    assert!(rest.starts_with("Accepted key\n"), "{rest}");
    let rest = read(journal.path(), &["-o", "cat", "-q", "--cursor", cursor]);
    assert!(rest.starts_with("one\nAccepted"), "{rest}");

    let file = journal.path().join("cursor");
    let on = ["-o", "cat", "-q", "--cursor-file", file.to_str().unwrap()];
    assert_eq!(read(journal.path(), &on).lines().count(), 8);
    assert_eq!(read(journal.path(), &on), "");
}

#[test]
fn following_goes_on_with_what_comes() {
    let journal = journal();
    let mut command = Command::new(env!("CARGO_BIN_EXE_berthctl"));
    command.args(["journalctl", "-f", "-n", "1", "-o", "cat", "-u", "etcd", "-D"]).arg(journal.path());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "two");
    assert_eq!(lines.next().unwrap(), "lines");
    let mut writer = open(journal.path(), 3);
    let unit = [("_SYSTEMD_UNIT", "etcd.service")];
    for n in 0..5 {
        let text = format!("new {n}");
        writer.append(&[record(200, &unit, &[("MESSAGE", &text)])], 0).unwrap();
        assert_eq!(lines.next().unwrap(), text);
        writer.rotate(0).unwrap();
        journal::pack(journal.path()).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What `journalctl -f` prints in the end, where a line comes after it has begun.
fn followed(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berthctl"));
    command.args(["journalctl", "-f", "-o", "cat", "-D"]).arg(folder).args(arguments).env("TZ", "UTC");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // It may not have begun yet when a line is written: it sees one of those that come again and again.
    let (folder, (ended, end)) = (folder.to_owned(), std::sync::mpsc::channel::<()>());
    let writing = std::thread::spawn(move || {
        let mut writer = open(&folder, 3);
        while end.recv_timeout(std::time::Duration::from_millis(50)).is_err() {
            writer.append(&[record(200, &[], &[("MESSAGE", "new")])], 0).unwrap();
        }
    });
    let before = lines.take_while(|line| line != "new").collect();
    ended.send(()).unwrap();
    writing.join().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    before
}

#[test]
fn following_begins_where_it_is_told_to() {
    let journal = journal();
    let mut writer = open(journal.path(), 3);
    let lines: Vec<String> = (0..12).map(|n| format!("line {n}")).collect();
    for line in &lines {
        writer.append(&[record(130, &[], &[("MESSAGE", line)])], 0).unwrap();
    }
    drop(writer);
    assert_eq!(followed(journal.path(), &["-n", "0"]), [""; 0], "nothing of what was there");
    assert_eq!(followed(journal.path(), &["--since", "2026-11-24 18:12:10"]), lines, "all since then");
}

#[test]
fn old_segments_are_removed_and_damage_is_told() {
    let journal = journal();
    let usage = read(journal.path(), &["--disk-usage"]);
    assert!(usage.starts_with("The journal takes "), "{usage}");
    assert!(read(journal.path(), &["--vacuum-files", "2"]).contains(": 1 segments removed, "));
    assert_eq!(read(journal.path(), &["--list-boots", "-q"]).lines().count(), 2);
    assert!(read(journal.path(), &["--vacuum-time", "1h"]).contains(": 0 segments removed"));
    assert!(read(journal.path(), &["--vacuum-size", "0"]).contains(": 1 segments removed"));
    assert!(read(journal.path(), &["--verify"]).ends_with("5 entries, whole\n"));

    let file = journal.path().join("0000000003.log");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let output = run(journal.path(), &["--verify"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("bytes are damaged and passed over"), "{text}");
}

#[test]
fn the_log_daemon_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logd.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    let ask = |option: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berthctl"));
        command.args(["journalctl", option]).env("BERTH_LOGD_SOCKET", &path);
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    for (option, answer, code) in
        [("--sync", "done", 0), ("--rotate", "done", 0), ("--rotate", "the disk is full", 1)]
    {
        let child = ask(option);
        let mut request = [0; 64];
        let (length, from) = socket.recv_from(&mut request).unwrap();
        assert_eq!(&request[..length], option.trim_start_matches('-').as_bytes());
        socket.send_to_addr(answer.as_bytes(), &from).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(code == 0 || String::from_utf8_lossy(&output.stderr).contains(answer));
    }
    // There is nothing to flush, and it is said.
    let output = ask("--flush").wait_with_output().unwrap();
    assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).contains("nothing to flush"));
}
