//! The daemon as PID 1 sees it: descriptor 3, pipes, signals, and the journal that results.
#![allow(clippy::unwrap_used)] // helpers of tests are outside the test functions

mod connections;
mod forward;
mod harness;

use std::io::{Write, pipe};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use harness::{Logd, field, logd, of};

#[test]
fn output_is_stored_by_unit_and_also_after_a_restart() {
    let logd = logd();
    let (mut a, mut b) = (logd.unit("a.service"), logd.unit("b.service"));
    writeln!(a, "one\n<3>two").unwrap();
    writeln!(b, "three").unwrap();
    let two = logd.wait_for("two");
    assert_eq!(field(&two, "_TRANSPORT").as_deref(), Some("stdout"));
    assert_eq!(two.priority().unwrap().number(), 3);
    logd.wait_for("three");
    let (dir, _) = logd.stop();

    // PID 1 hands over the same pipe again; what was written meanwhile is in it.
    let logd = Logd::start(dir);
    let mut again = logd.unit("a.service");
    writeln!(again, "four").unwrap();
    write!(again, "five").unwrap();
    drop(again);
    logd.wait_for("five");
    let (_dir, entries) = logd.stop();
    assert_eq!(of(&entries, "a.service"), ["one", "two", "four", "five"]);
    assert_eq!(of(&entries, "b.service"), ["three"]);
}

#[test]
fn what_pid_1_says_of_a_unit_is_of_that_units_log_too() {
    let logd = logd();
    let mut init = logd.unit("init.scope");
    let mut other = logd.unit("b.service");
    for (line, about) in [
        ("a.service: start took too long", Some("a.service")),
        ("<4>a@x.service failed: timeout", Some("a@x.service")),
        ("reboot: a signal asked for it", None),
        ("nothing of a.service", None),
    ] {
        writeln!(init, "{line}").unwrap();
        let entry = logd.wait_for(line.trim_start_matches("<4>"));
        assert_eq!(field(&entry, "UNIT").as_deref(), about, "{line}");
    }
    // Nobody else speaks of units.
    writeln!(other, "a.service: I am it").unwrap();
    assert_eq!(field(&logd.wait_for("a.service: I am it"), "UNIT"), None);
}

#[test]
fn what_is_in_the_pipe_at_the_end_is_stored() {
    let logd = logd();
    let mut a = logd.unit("a.service");
    // Before it is there, the signal would end the shell that starts it.
    writeln!(a, "first words").unwrap();
    logd.wait_for("first words");
    for n in 0..2000 {
        writeln!(a, "line {n}").unwrap();
    }
    write!(a, "last words").unwrap();
    let (_dir, entries) = logd.stop();
    let messages = of(&entries, "a.service");
    assert_eq!(messages.len(), 2002);
    assert_eq!(messages[2001], "last words");
}

#[test]
fn a_flood_never_blocks_its_writer_and_is_counted() {
    let logd = logd();
    let mut loud = logd.unit("loud.service");
    let lines = 30_000;
    for n in 0..lines {
        writeln!(loud, "noise {n}").unwrap();
    }
    let mut quiet = logd.unit("quiet.service");
    writeln!(quiet, "heard").unwrap();
    logd.wait_for("heard");
    let (_dir, entries) = logd.stop();
    // A slow machine takes longer than one interval for it: then there is a report for each.
    let messages = of(&entries, "loud.service");
    let (kept, reports): (Vec<String>, Vec<String>) =
        messages.into_iter().partition(|line| line.starts_with("noise "));
    let count = |report: &String| -> usize {
        assert!(report.contains("messages of loud.service dropped: more than 10000 in 30s"), "{report}");
        report.split(' ').next().unwrap().parse().unwrap()
    };
    let dropped: usize = reports.iter().map(count).sum();
    assert!(dropped > 0, "{reports:?}");
    assert_eq!(kept.len() + dropped, lines);
}

#[test]
fn bad_announcements_are_told_and_harm_nobody() {
    let logd = logd();
    logd.send("no json", &[]);
    logd.send("{\"log\":{}}", &[]);
    let (reader, _writer) = pipe().unwrap();
    logd.send("{\"unit\":\"b.service\"}", &[reader.as_fd(), reader.as_fd()]);
    let mut good = logd.unit("good.service");
    writeln!(good, "fine").unwrap();
    logd.wait_for("fine");
    let (_dir, entries) = logd.stop();
    let own = of(&entries, "berth-logd.service");
    assert_eq!(own.len(), 3, "{own:?}");
    assert!(own[0].contains("no json"), "{own:?}");
    assert!(own[2].contains("b.service"), "{own:?}");
}

#[test]
fn syslog_messages_are_stored_with_their_sender() {
    let logd = logd();
    let mut a = logd.unit("a.service");
    writeln!(a, "ready").unwrap();
    logd.wait_for("ready");
    let socket = UnixDatagram::unbound().unwrap();
    let message = b"<35>Nov 24 18:00:00 tester[1]: hello from syslog";
    socket.send_to(message, logd.dir.path().join("dev-log")).unwrap();
    let entry = logd.wait_for("hello from syslog");
    let own = std::process::id().to_string();
    for (name, value) in [
        ("_TRANSPORT", "syslog"),
        ("SYSLOG_IDENTIFIER", "tester"),
        ("SYSLOG_FACILITY", "4"),
        ("SYSLOG_PID", "1"),
        ("PRIORITY", "3"),
        ("_PID", &own),
    ] {
        assert_eq!(field(&entry, name).as_deref(), Some(value), "{name}");
    }
    logd.stop();
}

/// A memory file, as sd_journal_sendv(3) makes one for what is too long for a datagram.
fn sealed(bytes: &[u8], seals: rustix::fs::SealFlags) -> OwnedFd {
    let flags = rustix::fs::MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create("message", flags).unwrap();
    std::fs::File::from(file.try_clone().unwrap()).write_all(bytes).unwrap();
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    file
}

#[test]
fn native_messages_keep_their_fields_and_cannot_say_who_sent_them() {
    use rustix::fs::SealFlags;
    let logd = logd();
    writeln!(logd.unit("a.service"), "ready").unwrap();
    logd.wait_for("ready");
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect(logd.dir.path().join("socket")).unwrap();
    socket.send(b"MESSAGE=native\nPRIORITY=4\nMY_FIELD\n\x03\0\0\0\0\0\0\0a\nb\n_PID=1\n_UID=0\n_SYSTEMD_UNIT=forged.service\n").unwrap();
    let entry = logd.wait_for("native");
    let (own, uid) = (std::process::id().to_string(), rustix::process::getuid().as_raw().to_string());
    let exe = std::env::current_exe().unwrap();
    for (name, value) in [
        ("_TRANSPORT", "journal"),
        ("PRIORITY", "4"),
        ("MY_FIELD", "a\nb"),
        ("_PID", &own),
        ("_UID", &uid),
        ("_EXE", exe.to_str().unwrap()),
    ] {
        assert_eq!(field(&entry, name).as_deref(), Some(value), "{name}");
    }
    assert!(entry.fields().all(|(_, value)| value != b"forged.service"));
    assert_eq!(entry.fields().filter(|(name, _)| *name == "_PID").count(), 1);
    for name in ["_BOOT_ID", "_HOSTNAME", "_COMM", "_CMDLINE", "_GID"] {
        assert!(field(&entry, name).is_some(), "{name}");
    }

    // What does not fit in a datagram comes in a sealed memory file; another file is not read.
    let long = vec![b'x'; 600_000];
    let pass = |file: OwnedFd| {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let fds = [file.as_fd()];
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
        sendmsg(&socket, &[], &mut ancillary, SendFlags::empty()).unwrap();
    };
    let all = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    pass(sealed(&[b"MESSAGE=sealed\nLONG=", &long[..], b"\n"].concat(), all));
    assert_eq!(logd.wait_for("sealed").get("LONG"), Some(&long[..]));
    pass(sealed(b"MESSAGE=not sealed\n", SealFlags::empty()));
    let (reader, _writer) = pipe().unwrap();
    pass(reader.into());
    pass(sealed(&[b"MESSAGE=", &vec![b'y'; 2_000_000][..]].concat(), all));
    socket.send(b"MESSAGE=last\n").unwrap();
    logd.wait_for("last");
    let (_dir, entries) = logd.stop();
    let own = of(&entries, "berth-logd.service");
    assert_eq!(own.len(), 3, "{own:?}");
    for (text, reason) in own.iter().zip(["not sealed", "not a memory file", "longer than"]) {
        assert!(text.contains(reason), "{text}");
    }
}

#[test]
fn a_connection_is_a_stream_of_lines() {
    let logd = logd();
    writeln!(logd.unit("a.service"), "ready").unwrap();
    logd.wait_for("ready");
    let connect = || std::os::unix::net::UnixStream::connect(logd.dir.path().join("stdout")).unwrap();
    let mut stream = connect();
    stream.write_all(b"tool\nforged.service\n29\n1\n0\n0\n0\nfirst\n<3>second\nthird").unwrap();
    let second = logd.wait_for("second");
    assert_eq!(second.priority().unwrap().number(), 3);
    drop(stream);
    let third = logd.wait_for("third");
    let own = std::process::id().to_string();
    for (name, value) in [
        ("_TRANSPORT", "stdout"),
        ("SYSLOG_IDENTIFIER", "tool"),
        ("PRIORITY", "5"),
        ("SYSLOG_FACILITY", "3"),
        ("_PID", &own),
    ] {
        assert_eq!(field(&third, name).as_deref(), Some(value), "{name}");
    }
    // Nonsense ends the connection.
    let mut bad = connect();
    bad.write_all(b"GET / HTTP/1.1\r\n\r\n\n\n\n\n\n\n").unwrap();
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut bad, &mut answer).unwrap();
    assert!(answer.is_empty());
    let (_dir, entries) = logd.stop();
    assert_eq!(entries.len(), 4);
}

#[test]
fn a_unit_says_how_its_log_is_kept() {
    let logd = logd();
    let (reader, mut writer) = pipe().unwrap();
    let settings = r#"{"identifier":"app","facility":16,"level":5,"level_prefix":true,"level_max":5,
        "burst":3,"interval_us":3600000000,"extra":[["TEAM","red"]]}"#;
    logd.send(&format!("{{\"unit\":\"a.service\",\"log\":{settings}}}"), &[reader.as_fd()]);
    writeln!(writer, "one\n<6>too little\n<4>two\nthree\nfour\nfive").unwrap();
    let three = logd.wait_for("three");
    for (name, value) in
        [("SYSLOG_IDENTIFIER", "app"), ("SYSLOG_FACILITY", "16"), ("PRIORITY", "5"), ("TEAM", "red")]
    {
        assert_eq!(field(&three, name).as_deref(), Some(value), "{name}");
    }
    // The settings change while it runs.
    logd.send(r#"{"unit":"a.service","log":{"level_prefix":false,"burst":0}}"#, &[]);
    assert_eq!(logd.order("sync"), "done");
    writeln!(writer, "<6>six").unwrap();
    logd.wait_for("<6>six");
    let (_dir, entries) = logd.stop();
    let report = "2 messages of a.service dropped: more than 3 in 1h";
    assert_eq!(of(&entries, "a.service"), ["one", "two", "three", "<6>six", report]);
}

#[test]
fn an_order_is_done_before_it_is_answered() {
    let logd = logd();
    let mut a = logd.unit("a.service");
    writeln!(a, "ready").unwrap();
    logd.wait_for("ready");
    for n in 0..500 {
        writeln!(a, "line {n}").unwrap();
    }
    assert_eq!(logd.order("sync"), "done");
    assert_eq!(of(&logd.entries(), "a.service").len(), 501);
    assert_eq!(logd.order("rotate"), "done");
    assert_eq!(logd.order("dance"), "dance is no order");
    writeln!(a, "after").unwrap();
    logd.wait_for("after");
    let deadline = Instant::now() + Duration::from_secs(10);
    let packed = logd.journal().join("0000000001.log.lz4");
    while !packed.exists() || logd.journal().join("0000000001.log").exists() {
        assert!(Instant::now() < deadline, "the full segment is not packed");
        std::thread::sleep(Duration::from_millis(10));
    }
    let (_dir, entries) = logd.stop();
    assert_eq!(of(&entries, "a.service").len(), 502);
}

#[test]
fn an_unusable_journal_is_used_as_soon_as_it_can_be() {
    let dir = tempfile::tempdir().unwrap();
    let obstacle = dir.path().join("journal");
    std::fs::write(&obstacle, "a file in the way").unwrap();
    let logd = Logd::start(dir);
    let mut a = logd.unit("a.service");
    writeln!(a, "kept in memory").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    std::fs::remove_file(&obstacle).unwrap();
    logd.wait_for("kept in memory");
    logd.stop();
}

#[test]
fn a_full_disk_is_told_once_and_not_again_by_each_retry() {
    let logd = Logd::bounded(tempfile::tempdir().unwrap(), "", "-f 4");
    let mut a = logd.unit("a.service");
    writeln!(a, "{}", "x".repeat(10_000)).unwrap();
    // The first, and two that are five seconds apart.
    std::thread::sleep(Duration::from_secs(11));
    let told = std::fs::read_to_string(logd.dir.path().join("stderr")).unwrap();
    assert_eq!(told.matches("unusable").count(), 1, "{told}");
}

#[test]
fn at_the_end_all_that_was_announced_is_read() {
    use rustix::process::Signal;
    let logd = logd();
    writeln!(logd.unit("a.service"), "ready").unwrap();
    logd.wait_for("ready");
    logd.room_for_announcements();
    logd.signal(Signal::STOP);
    // More than two turns.
    let units = 700;
    let pipes: Vec<_> = (0..units).map(|n| logd.unit(&format!("u{n}.service"))).collect();
    pipes.iter().for_each(|mut pipe| writeln!(pipe, "last words").unwrap());
    logd.signal(Signal::TERM);
    logd.signal(Signal::CONT);
    let (_dir, entries) = logd.stop();
    assert_eq!(entries.iter().filter(|entry| entry.message() == "last words").count(), units);
}

#[test]
fn the_configuration_is_followed_and_what_is_unknown_in_it_is_told() {
    let config = "[Journal]\nRateLimitBurst=3\nMaxLevelStore=warning\nLineMax=100\nSeal=yes\n";
    let logd = Logd::with(tempfile::tempdir().unwrap(), config);
    let mut a = logd.unit("a.service");
    writeln!(a, "<6>too little\n<4>one\n<4>{}\n<4>last", "x".repeat(150)).unwrap();
    logd.wait_for(&"x".repeat(97));
    let (_dir, entries) = logd.stop();
    assert_eq!(of(&entries, "a.service")[..2], ["one".to_owned(), "x".repeat(97)]);
    let own = of(&entries, "berth-logd.service");
    assert!(own.iter().any(|text| text.ends_with("journald.conf:5: Seal= is not built")), "{own:?}");
}

#[test]
fn nothing_is_stored_where_nothing_is_to_be() {
    let logd = Logd::with(tempfile::tempdir().unwrap(), "[Journal]\nStorage=none\n");
    let mut a = logd.unit("a.service");
    writeln!(a, "gone").unwrap();
    assert_eq!(logd.order("sync"), "done");
    assert!(!logd.journal().exists());
    logd.stop();
}
