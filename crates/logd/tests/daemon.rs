//! The daemon as PID 1 sees it: descriptor 3, pipes, signals, and the journal that results.
#![allow(clippy::unwrap_used)] // helpers of tests are outside the test functions

use std::io::{IoSlice, Write, pipe};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use journal::{Entry, Query, Reader};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
    socketpair,
};
use tempfile::TempDir;

struct Logd {
    dir: TempDir,
    child: Child,
    socket: OwnedFd,
}

impl Logd {
    fn start(dir: TempDir) -> Self {
        let (socket, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        // The shell puts the socket where the protocol wants it; exec keeps its process id.
        let child = Command::new("/bin/sh")
            .args(["-c", "exec 3<&0; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_logd"))
            .arg("--journal")
            .arg(dir.path().join("journal"))
            .arg("--sockets")
            .arg(dir.path())
            .args(["--kmsg", "/nonexistent/kmsg"])
            .stdin(theirs)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { dir, child, socket }
    }

    fn send(&self, message: &str, fds: &[BorrowedFd<'_>]) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(fds)));
        }
        let slices = [IoSlice::new(message.as_bytes())];
        sendmsg(&self.socket, &slices, &mut ancillary, SendFlags::empty()).unwrap();
    }

    /// The write end of a new pipe that the daemon reads for `unit`.
    fn unit(&self, unit: &str) -> std::io::PipeWriter {
        let (reader, writer) = pipe().unwrap();
        self.send(&format!("{{\"unit\":\"{unit}\",\"x\":1}}"), &[reader.as_fd()]);
        writer
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    fn entries(&self) -> Vec<Entry> {
        Reader::new(self.journal()).entries(&Query::default()).unwrap().map(Result::unwrap).collect()
    }

    /// Waits until the journal has an entry of this text.
    fn wait_for(&self, message: &str) -> Entry {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = self.entries().into_iter().find(|e| e.message() == message) {
                return found;
            }
            assert!(Instant::now() < deadline, "{message:?} is not in the journal");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn stop(mut self) -> (TempDir, Vec<Entry>) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        let entries = self.entries();
        (self.dir, entries)
    }
}

fn logd() -> Logd {
    Logd::start(tempfile::tempdir().unwrap())
}

fn of(entries: &[Entry], unit: &str) -> Vec<String> {
    let of_unit = entries.iter().filter(|e| e.unit().as_deref() == Some(unit));
    of_unit.map(|e| e.message().into_owned()).collect()
}

fn field(entry: &Entry, name: &str) -> Option<String> {
    entry.text(name).map(std::borrow::Cow::into_owned)
}

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
    std::thread::sleep(Duration::from_millis(100));
    writeln!(writer, "<6>six").unwrap();
    logd.wait_for("<6>six");
    let (_dir, entries) = logd.stop();
    let report = "2 messages of a.service dropped: more than 3 in 1h";
    assert_eq!(of(&entries, "a.service"), ["one", "two", "three", "<6>six", report]);
}

#[test]
fn an_order_is_done_before_it_is_answered() {
    use std::os::linux::net::SocketAddrExt;
    let logd = logd();
    let mut a = logd.unit("a.service");
    writeln!(a, "ready").unwrap();
    logd.wait_for("ready");
    let name = format!("logd-test-{}", std::process::id());
    let own = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
    let socket = UnixDatagram::bind_addr(&own).unwrap();
    socket.connect(logd.dir.path().join("control")).unwrap();
    let ask = |word: &str| {
        socket.send(word.as_bytes()).unwrap();
        let mut answer = [0; 100];
        let length = socket.recv(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    for n in 0..500 {
        writeln!(a, "line {n}").unwrap();
    }
    assert_eq!(ask("sync"), "done");
    assert_eq!(of(&logd.entries(), "a.service").len(), 501);
    assert_eq!(ask("rotate"), "done");
    assert_eq!(ask("dance"), "dance is no order");
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
