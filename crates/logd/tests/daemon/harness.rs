//! A daemon with a PID 1 that is this test.

use std::io::{IoSlice, pipe};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use journal::{Entry, Query, Reader};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
    socketpair,
};
use tempfile::TempDir;

pub struct Logd {
    pub dir: TempDir,
    child: Running,
    socket: OwnedFd,
}

/// A daemon that ends with its test, also where that fails: whoever reads the test's output would wait for it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Logd {
    pub fn start(dir: TempDir) -> Self {
        Self::with(dir, "")
    }

    /// With a configuration.
    pub fn with(dir: TempDir, config: &str) -> Self {
        Self::bounded(dir, config, "-n 1024")
    }

    /// With a configuration, and a limit as ulimit of the shell has it. Beyond that of a file's size writing fails.
    pub fn bounded(dir: TempDir, config: &str, limit: &str) -> Self {
        std::fs::write(dir.path().join("journald.conf"), config).unwrap();
        let (socket, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        // The shell puts the socket where the protocol wants it; exec keeps its process id.
        let child = Command::new("/bin/sh")
            .arg("-c")
            .arg(format!(
                "trap '' XFSZ; ulimit {limit}; exec 3<&0; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\""
            ))
            .arg(env!("CARGO_BIN_EXE_logd"))
            .arg("--journal")
            .arg(dir.path().join("journal"))
            .arg("--sockets")
            .arg(dir.path())
            .arg("--config")
            .arg(dir.path().join("journald.conf"))
            .args(["--kmsg", "/nonexistent/kmsg"])
            .stdin(theirs)
            .stderr(std::fs::File::create(dir.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        Self { dir, child: Running(child), socket }
    }

    pub fn send(&self, message: &str, fds: &[BorrowedFd<'_>]) {
        assert!(self.try_send(message, fds));
    }

    /// Whether it could be sent.
    pub fn try_send(&self, message: &str, fds: &[BorrowedFd<'_>]) -> bool {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(fds)));
        }
        let slices = [IoSlice::new(message.as_bytes())];
        sendmsg(&self.socket, &slices, &mut ancillary, SendFlags::NOSIGNAL).is_ok()
    }

    /// The write end of a new pipe that the daemon reads for `unit`.
    pub fn unit(&self, unit: &str) -> std::io::PipeWriter {
        let (reader, writer) = pipe().unwrap();
        self.send(&format!("{{\"unit\":\"{unit}\",\"x\":1}}"), &[reader.as_fd()]);
        writer
    }

    pub fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    pub fn entries(&self) -> Vec<Entry> {
        Reader::new(self.journal()).entries(&Query::default()).unwrap().map(Result::unwrap).collect()
    }

    /// Waits until the journal has an entry of this text.
    pub fn wait_for(&self, message: &str) -> Entry {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = self.entries().into_iter().find(|e| e.message() == message) {
                return found;
            }
            assert!(Instant::now() < deadline, "{message:?} is not in the journal");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the journal has an entry of this text.
    pub fn has(&self, message: &str) -> bool {
        self.entries().iter().any(|entry| entry.message() == message)
    }

    /// Gives an order on the socket of orders, once that is there; the answer.
    pub fn order(&self, word: &str) -> String {
        static ORDERS: AtomicU32 = AtomicU32::new(0);
        let number = ORDERS.fetch_add(1, Ordering::Relaxed);
        let own =
            SocketAddr::from_abstract_name(format!("logd-test-{}-{number}", std::process::id())).unwrap();
        let socket = UnixDatagram::bind_addr(&own).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(error) = socket.connect(self.dir.path().join("control")) {
            assert!(Instant::now() < deadline, "{error}");
            std::thread::sleep(Duration::from_millis(10));
        }
        socket.send(word.as_bytes()).unwrap();
        let mut answer = [0; 100];
        let length = socket.recv(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    /// Waits until the journal has an entry with this in its text.
    pub fn wait_for_text(&self, part: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.entries().iter().any(|entry| entry.message().contains(part)) {
            assert!(Instant::now() < deadline, "{part:?} is not in the journal");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until it has ended by itself; whether as it should.
    pub fn ended(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.0.try_wait().unwrap() {
                return status.success();
            }
            assert!(Instant::now() < deadline, "it goes on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Processor time that it has taken, in ticks of 10 ms.
    pub fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// The socket of announcements takes thousands without a reader.
    pub fn room_for_announcements(&self) {
        rustix::net::sockopt::set_socket_send_buffer_size(&self.socket, 4 << 20).unwrap();
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub fn stop(mut self) -> (TempDir, Vec<Entry>) {
        self.signal(rustix::process::Signal::TERM);
        assert!(self.child.0.wait().unwrap().success());
        let entries = self.entries();
        (self.dir, entries)
    }
}

pub fn logd() -> Logd {
    Logd::start(tempfile::tempdir().unwrap())
}

pub fn of(entries: &[Entry], unit: &str) -> Vec<String> {
    let of_unit = entries.iter().filter(|e| e.unit().as_deref() == Some(unit));
    of_unit.map(|e| e.message().into_owned()).collect()
}

pub fn field(entry: &Entry, name: &str) -> Option<String> {
    entry.text(name).map(std::borrow::Cow::into_owned)
}
