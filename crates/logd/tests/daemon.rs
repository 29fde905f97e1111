//! The daemon as PID 1 sees it: descriptor 3, pipes, signals, and the journal that results.
#![allow(clippy::unwrap_used)] // helpers of tests are outside the test functions

use std::io::{IoSlice, Write, pipe};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use journal::{Entry, Query, Reader, Source};
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
            .arg("--syslog")
            .arg(dir.path().join("log"))
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
        let entries = Reader::new(self.journal()).entries(&Query::default()).unwrap();
        entries.into_iter().map(|(_, e)| e).collect()
    }

    /// Waits until the journal has an entry of this text.
    fn wait_for(&self, message: &str) -> Entry {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = self.entries().into_iter().find(|e| e.message == message) {
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

fn of<'a>(entries: &'a [Entry], unit: &str) -> Vec<&'a str> {
    entries.iter().filter(|e| e.unit.as_deref() == Some(unit)).map(|e| e.message.as_str()).collect()
}

#[test]
fn output_is_stored_by_unit_and_also_after_a_restart() {
    let logd = logd();
    let (mut a, mut b) = (logd.unit("a.service"), logd.unit("b.service"));
    writeln!(a, "one\n<3>two").unwrap();
    writeln!(b, "three").unwrap();
    let two = logd.wait_for("two");
    assert_eq!((two.source, two.priority.number()), (Source::Output, 3));
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
    let (kept, reports): (Vec<&str>, Vec<&str>) =
        messages.into_iter().partition(|line| line.starts_with("noise "));
    let count = |report: &&str| -> usize {
        assert!(report.contains("lines of loud.service dropped"), "{report}");
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
    logd.send("{\"unit\":\"a.service\"}", &[]);
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
    socket.send_to(message, logd.dir.path().join("log")).unwrap();
    let entry = logd.wait_for("hello from syslog");
    assert_eq!(entry.source, Source::Syslog);
    assert_eq!(entry.identifier.as_deref(), Some("tester"));
    assert_eq!(entry.priority.number(), 3);
    assert_eq!(entry.pid, Some(std::process::id()));
    logd.stop();
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
