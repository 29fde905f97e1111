//! A PID 1 of a namespace, and what it says.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use event::{Event, ShutdownKind};
use unit::control::{JobAction, Reply, Request, UnitStatus};

/// For a test that hangs, not for the thing under test.
const PATIENCE: Duration = Duration::from_secs(60);

/// Unit files in a folder of their own, and where programs under test leave traces.
pub struct Units {
    folder: tempfile::TempDir,
}

impl Units {
    pub fn new() -> Units {
        Units { folder: tempfile::tempdir().unwrap() }
    }

    /// Adds a file: a unit, a drop-in, anything. `@` in the text stands for the folder.
    pub fn with(self, name: &str, text: &str) -> Units {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace('@', self.folder.path().to_str().unwrap())).unwrap();
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts PID 1 on `all.target`, in a user namespace.
    pub fn boot(self) -> Machine {
        self.boot_with(&["--user", "--map-root-user"])
    }

    /// Starts it as the machine's root: with all users, and with control groups where there are any.
    pub fn boot_as_root(self) -> Machine {
        self.boot_with(&[])
    }

    fn boot_with(self, namespaces: &[&str]) -> Machine {
        let runtime = self.path("run");
        let mut command = Command::new("unshare");
        command
            .args(namespaces)
            .args(["--pid", "--fork", "--kill-child", "--mount", "--mount-proc"])
            .arg(env!("CARGO_BIN_EXE_init"))
            .args(["--container", "--target", "all.target", "--unit-path"])
            .arg(self.folder.path())
            .arg("--runtime-dir")
            .arg(&runtime)
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("unshare (util-linux) runs");
        let stderr = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Machine { units: self, child, lines, heard: Vec::new(), socket: runtime.join("init.sock") }
    }
}

/// Whether this is the machine's root, with all its users: what `User=` needs.
pub fn is_root() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let has_users = map.split_whitespace().nth(2).and_then(|count| count.parse().ok()) > Some(1000u64);
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "true"]).stderr(Stdio::null());
    has_users && command.status().is_ok_and(|status| status.success())
}

/// How an event begins.
const EVENT: &str = "{\"event\"";
/// Words for a shell, which go on when the test has looked at what is there before that: see [`Machine::go`].
pub const UNTIL_GO: &str = "until [ -e @/go ]; do sleep 0.02; done";

/// A running PID 1. Dropped, it ends, and all in its namespace with it.
pub struct Machine {
    pub units: Units,
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
    socket: PathBuf,
}

impl Machine {
    /// Waits for a line that holds a text, and returns it.
    pub fn wait_for(&mut self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.heard.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => panic!("{text:?} did not come ({error}); heard:\n{}", self.heard.join("\n")),
            }
        }
    }

    /// The lines that came so far, as far as they were waited for.
    pub fn heard(&self) -> &[String] {
        &self.heard
    }

    /// Waits for an event of the kind that `pick` takes.
    pub fn wait_for_event<T>(&mut self, pick: impl Fn(Event) -> Option<T>) -> T {
        loop {
            let line = self.wait_for(EVENT);
            // On a machine with one processor the test runner has begun the line with the test's name.
            let event = &line[line.find(EVENT).unwrap()..];
            if let Some(found) = Event::decode_line(event).ok().and_then(&pick) {
                return found;
            }
        }
    }

    /// Waits until `all.target` is reached.
    pub fn reached(mut self) -> Machine {
        let target = self.wait_for_event(|event| match event {
            Event::ReachedTarget { target, .. } => Some(target),
            Event::Emergency { cause, .. } => panic!("emergency: {cause}"),
            _ => None,
        });
        assert_eq!(target, "all.target");
        self
    }

    pub fn ask(&self, request: &Request) -> Reply {
        let mut line = serde_json::to_vec(request).unwrap();
        line.push(b'\n');
        self.ask_raw(&line)
    }

    /// A new client of the control socket.
    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes to the control socket and reads one reply.
    pub fn ask_raw(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.connect();
        // Who has heard enough answers, and listens no more.
        _ = stream.write_all(bytes);
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply).unwrap();
        serde_json::from_str(&reply).unwrap()
    }

    pub fn job(&self, action: JobAction, unit: &str) -> Reply {
        self.ask(&Request::Job { action, units: vec![unit.to_owned()], wait: true })
    }

    pub fn status(&self, unit: &str) -> UnitStatus {
        match self.ask(&Request::Status { unit: unit.to_owned() }) {
            Reply::Status { unit } => *unit,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until a unit's status is as asked.
    pub fn wait_until(&self, unit: &str, holds: impl Fn(&UnitStatus) -> bool) -> UnitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.status(unit);
            if holds(&status) {
                return status;
            }
            assert!(Instant::now() < until, "still {status:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until as many units whose names begin so are loaded.
    pub fn wait_for_units(&self, beginning: &str, count: usize) {
        let until = Instant::now() + PATIENCE;
        loop {
            let Reply::List { units } = self.ask(&Request::List) else {
                panic!("no list");
            };
            let names: Vec<String> = units.into_iter().map(|unit| unit.name).collect();
            if names.iter().filter(|name| name.starts_with(beginning)).count() == count {
                return;
            }
            assert!(Instant::now() < until, "still {names:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a file that a unit writes has a content, and returns it.
    pub fn wait_for_file(&self, name: &str, holds: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = self.read(name);
            if holds(&text) {
                return text;
            }
            assert!(Instant::now() < until, "{name} holds {text:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Lets go on what runs [`UNTIL_GO`].
    pub fn go(&self) {
        fs::write(self.units.path("go"), "").unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.units.path(name)).unwrap_or_default()
    }

    /// Asks for a shutdown; returns how long it took, and PID 1's exit code.
    pub fn shut_down(&mut self) -> (Duration, Option<i32>) {
        let started = Instant::now();
        let request = Request::Shutdown { kind: ShutdownKind::Poweroff, force: false };
        assert_eq!(self.ask(&request), Reply::Done);
        let code = self.ended();
        (started.elapsed(), code)
    }

    /// Waits for PID 1's end.
    pub fn ended(&mut self) -> Option<i32> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "PID 1 does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Memory that PID 1 itself takes, in KiB.
    pub fn resident_kib(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The part of it that it has allocated, in KiB: without its code, which comes and goes.
    pub fn allocated_kib(&self) -> u64 {
        self.memory("RssAnon:")
    }

    fn memory(&self, kind: &str) -> u64 {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let pid = fs::read_to_string(children).unwrap();
        let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(kind)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // At once, but with its control groups removed; and if it does not listen, killed.
        let request = Request::Shutdown { kind: ShutdownKind::Poweroff, force: true };
        if let (Ok(mut stream), Ok(mut line)) =
            (UnixStream::connect(&self.socket), serde_json::to_vec(&request))
        {
            line.push(b'\n');
            _ = stream.write_all(&line);
            for _ in 0..200 {
                if matches!(self.child.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A target that wants units, and waits for them.
pub fn target(wants: &str) -> String {
    format!("[Unit]\nDefaultDependencies=no\nWants={wants}\nAfter={wants}\n")
}

/// A service without default dependencies.
pub fn service(lines: &str) -> String {
    format!("[Unit]\nDefaultDependencies=no\n[Service]\n{lines}\n")
}

/// A command that sends a notification (lines separated by `|`), and stays or ends: this very
/// test program, run again.
pub fn notifier(message: &str, stays: bool) -> String {
    let program = std::env::current_exe().unwrap();
    format!(
        "/usr/bin/env \"MESSAGE={message}\" STAYS={} {} --ignored --exact harness::sends_a_notification",
        u8::from(stays),
        program.display()
    )
}

#[test]
#[ignore = "not a test: a service that other tests run"]
fn sends_a_notification() {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
    let message = variable("MESSAGE").replace('|', "\n");
    socket.send_to(message.as_bytes(), variable("NOTIFY_SOCKET")).unwrap();
    if variable("STAYS") == "1" {
        std::thread::sleep(Duration::from_secs(1000));
    }
}

#[test]
#[ignore = "not a test: a service that other tests run"]
fn floods_with_notifications() {
    let path = std::env::var("NOTIFY_SOCKET").unwrap();
    std::thread::scope(|scope| {
        // One of them sends what is too long to be a message.
        for length in [100, 100, 5000] {
            let path = &path;
            scope.spawn(move || {
                let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
                // It does not wait for room, and so finds it first.
                socket.set_nonblocking(true).unwrap();
                loop {
                    _ = socket.send_to(&vec![b'x'; length], path);
                }
            });
        }
    });
}

/// A command that runs one of the programs below: this very test program, run again.
pub fn helper(name: &str) -> String {
    let program = std::env::current_exe().unwrap();
    format!("{} --ignored --exact harness::{name}", program.display())
}

/// The descriptors that were passed, by name. The libraries' way is not taken: the tests hold the
/// protocol itself.
fn passed() -> Vec<(String, i32)> {
    let variable = |name| std::env::var(name).unwrap_or_default();
    assert_eq!(variable("LISTEN_PID"), std::process::id().to_string());
    let names: Vec<String> = variable("LISTEN_FDNAMES").split(':').map(str::to_owned).collect();
    assert_eq!(variable("LISTEN_FDS"), names.len().to_string());
    names.into_iter().zip(3..).collect()
}

#[test]
#[ignore = "not a test: a service that other tests run"]
fn answers_on_a_socket() {
    let (name, number) = passed().remove(0);
    let listener = sys::listen::take_listen_fds().remove(0);
    assert_eq!(std::os::fd::AsRawFd::as_raw_fd(&listener), number);
    let listener = std::os::unix::net::UnixListener::from(listener);
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
        stream.write_all(format!("{name}: {text}").as_bytes()).unwrap();
    }
}

#[test]
#[ignore = "not a test: a service that other tests run"]
fn keeps_a_datagram() {
    let socket = std::os::unix::net::UnixDatagram::from(sys::listen::take_listen_fds().remove(0));
    let mut buffer = [0; 100];
    let read = socket.recv(&mut buffer).unwrap();
    let path = std::env::var("OUT").unwrap();
    fs::write(path, &buffer[..read]).unwrap();
}
