//! A machine that is switched on.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use event::{Event, ShutdownKind};
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::qmp::Qmp;
use crate::record::{Record, State, Timed};
use crate::shell::Line;
use crate::ssh::{Login, Ssh};
use crate::{Disk, Error, Milestone, Output, Result, Shell};
use sandbox::Command;

/// For a boot that hangs. A boot under TCG on a busy machine takes a tenth of this.
pub const BOOT_LIMIT: Duration = Duration::from_secs(180);
/// For a shutdown that hangs.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(120);
/// For a QEMU that starts but does not connect its sockets.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How often a process or socket without a notification is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(5);

/// Where QEMU will connect to.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    pub events: Option<UnixListener>,
    pub shell: Option<UnixListener>,
    pub monitor: Option<UnixListener>,
}

/// A machine that is switched on. It is killed when this value goes away.
#[derive(Debug)]
pub struct Vm {
    child: Child,
    /// Held open: it is what a person types on the console.
    keyboard: Option<ChildStdin>,
    record: Arc<Record>,
    shell: Option<Mutex<Line>>,
    monitor: Option<Mutex<Qmp>>,
    /// Before the folder: what it holds open is there.
    pub(crate) login: Option<Login>,
    forwards: Vec<(u16, u16)>,
    disk: Disk,
    folder: Folder,
}

impl Vm {
    pub(crate) fn start(
        command: Command,
        disk: Disk,
        folder: Folder,
        sockets: Sockets,
        forwards: Vec<(u16, u16)>,
    ) -> Result<Self> {
        let complaints = folder.path().join("qemu.log");
        let stderr = File::create(&complaints).map_err(Error::io("make", &complaints))?;
        let record = Record::starting_now();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(Error::io("start QEMU in", folder.path()))?;
        if let Some(console) = child.stdout.take() {
            record.follow_console(console);
        }
        let keyboard = child.stdin.take();
        let (shell, monitor, login) = (None, None, None);
        let mut vm = Self { child, keyboard, record, shell, monitor, login, forwards, disk, folder };
        if let Some(listener) = &sockets.events {
            let stream = vm.accept(listener, "the event port")?;
            vm.record.follow_events(stream);
        }
        if let Some(listener) = &sockets.shell {
            vm.shell = Some(Line::new(vm.accept(listener, "the shell port")?));
        }
        if let Some(listener) = &sockets.monitor {
            let stream = vm.accept(listener, "its monitor")?;
            let monitor =
                Qmp::open(stream).map_err(|error| vm.lost("QEMU's monitor to answer", &error.to_string()))?;
            vm.monitor = Some(Mutex::new(monitor));
        }
        Ok(vm)
    }

    fn accept(&mut self, listener: &UnixListener, what: &str) -> Result<UnixStream> {
        let what = format!("QEMU to connect {what}");
        let failed = || Error::io("accept QEMU's connection in", self.folder.path());
        listener.set_nonblocking(true).map_err(failed())?;
        let deadline = Instant::now() + START_LIMIT;
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).map_err(failed())?;
                    return Ok(stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(failed()(error)),
            }
            if self.record.state().ended {
                return Err(self.lost(&what, "QEMU ended"));
            }
            if Instant::now() > deadline {
                return Err(self.timed_out(&what, START_LIMIT));
            }
            thread::sleep(LOOK);
        }
    }

    /// Waits for the next `milestone`; milestones that were waited for are behind.
    ///
    /// # Errors
    /// It does not come within `limit`, or it cannot come any more: the machine ended, panicked
    /// or went into an emergency.
    pub fn wait_for(&self, milestone: Milestone<'_>, limit: Duration) -> Result<Timed<Event>> {
        self.wait_until(&milestone.to_string(), limit, |state| state.take(milestone), State::calamity)
    }

    /// Waits until `multi-user.target` is reached.
    ///
    /// # Errors
    /// As [`Vm::wait_for`].
    pub fn wait_until_ready(&self) -> Result<Timed<Event>> {
        self.wait_for(Milestone::Target("multi-user.target"), BOOT_LIMIT)
    }

    /// Waits for the next whole console line that has `text` in it. A panic or an emergency does
    /// not end the wait: it may be what is waited for.
    ///
    /// # Errors
    /// It does not come within `limit`, or the machine ends.
    pub fn wait_for_console(&self, text: &str, limit: Duration) -> Result<String> {
        self.wait_on_console(text, limit, |state| state.take_line(text))
    }

    /// Types a line on the serial console, once that shows `prompt`.
    ///
    /// # Errors
    /// The prompt does not come within `limit`, or the machine ends.
    pub fn answer_console(&mut self, prompt: &str, answer: &str, limit: Duration) -> Result<()> {
        self.wait_on_console(prompt, limit, |state| state.take_prompt(prompt))?;
        let typed = self.keyboard.as_mut().map(|keyboard| writeln!(keyboard, "{answer}"));
        typed.unwrap_or(Ok(())).map_err(Error::io("type on the console of", self.folder.path()))
    }

    /// Waits for `text`; a panic or an emergency may come before it.
    fn wait_on_console<T>(
        &self,
        text: &str,
        limit: Duration,
        ready: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T> {
        self.wait_until(&format!("{text:?} on the console"), limit, ready, |_| None)
    }

    /// Waits until it is `ready`, the machine ends, or there is a reason to `despair` of it.
    fn wait_until<T>(
        &self,
        what: &str,
        limit: Duration,
        mut ready: impl FnMut(&mut State) -> Option<T>,
        despair: impl Fn(&State) -> Option<String>,
    ) -> Result<T> {
        let found = self.record.wait(limit, |state| {
            if let Some(found) = ready(state) {
                return Some(Ok(found));
            }
            if let Some(calamity) = despair(state) {
                return Some(Err(calamity));
            }
            state.ended.then(|| Err("the machine ended".to_owned()))
        });
        match found {
            Some(Ok(found)) => Ok(found),
            Some(Err(how)) => Err(self.lost(what, &how)),
            None => Err(self.timed_out(what, limit)),
        }
    }

    /// The user `core`, by SSH, where the machine was set up for it ([`crate::Setup::ssh`]).
    pub fn ssh(&self) -> Ssh<'_> {
        Ssh::new(self)
    }

    /// The root shell on a port of its own, which needs no network and no sshd.
    pub fn shell(&self) -> Shell<'_> {
        Shell::new(self.shell.as_ref(), &self.record)
    }

    /// Presses the power button and waits for the machine's end; how long it took.
    ///
    /// # Errors
    /// The machine does not go off.
    pub fn power_off(&mut self) -> Result<Duration> {
        self.press_power_button()?;
        let pressed = Instant::now();
        self.wait_for_end(SHUTDOWN_LIMIT)?;
        Ok(pressed.elapsed())
    }

    /// Presses the power button.
    ///
    /// # Errors
    /// QEMU does not take the command.
    pub fn press_power_button(&self) -> Result<()> {
        self.monitor("system_powerdown", json!({})).map(drop)
    }

    /// Presses Ctrl, Alt and Delete.
    ///
    /// # Errors
    /// QEMU does not take the command.
    pub fn press_ctrl_alt_delete(&self) -> Result<()> {
        let keys = ["ctrl", "alt", "delete"].map(|key| json!({"type": "qcode", "data": key}));
        self.monitor("send-key", json!({"keys": keys})).map(drop)
    }

    /// Presses the reset button: no warning to the guest.
    ///
    /// # Errors
    /// QEMU does not take the command.
    pub fn reset(&self) -> Result<()> {
        self.monitor("system_reset", json!({})).map(drop)
    }

    /// Pulls the plug: the guest gets no warning, what it wrote is on the disk image.
    ///
    /// # Errors
    /// QEMU does not take the command, or does not end.
    pub fn pull_plug(&mut self) -> Result<()> {
        self.monitor("quit", json!({}))?;
        self.wait_for_end(SHUTDOWN_LIMIT).map(drop)
    }

    /// Runs a command of QEMU's monitor (QMP); its `return`.
    ///
    /// # Errors
    /// QEMU does not take it, or the machine was set up without a monitor.
    pub fn monitor(&self, command: &str, arguments: Value) -> Result<Value> {
        match &self.monitor {
            Some(qmp) => qmp.lock().unwrap_or_else(PoisonError::into_inner).command(command, arguments),
            None => Err(Error::Monitor {
                command: command.to_owned(),
                why: "this machine was set up without a monitor".to_owned(),
            }),
        }
    }

    /// Has the machine restart by itself and waits until it is ready again.
    ///
    /// # Errors
    /// It does not come back.
    pub fn reboot(&self) -> Result<Timed<Event>> {
        // A moment later: what runs it must be able to answer before it is stopped.
        self.run("(sleep 1; reboot) >/dev/null 2>&1 &")?;
        self.wait_for(Milestone::Shutdown(ShutdownKind::Reboot), SHUTDOWN_LIMIT)?;
        self.wait_until_ready()
    }

    /// Runs `command` as root, which has to succeed, by the way in that the machine has: SSH where
    /// it was set up for it, else the shell.
    ///
    /// # Errors
    /// It fails, hangs, or the machine ends.
    pub fn run(&self, command: &str) -> Result<String> {
        if self.login.is_some() { self.ssh().sudo().run(command) } else { self.shell().run(command) }
    }

    /// [`Vm::run`], whatever comes of it.
    ///
    /// # Errors
    /// It hangs, or the machine ends.
    pub fn attempt(&self, command: &str) -> Result<Output> {
        if self.login.is_some() { self.ssh().sudo().attempt(command) } else { self.shell().attempt(command) }
    }

    /// Whether QEMU has closed the console.
    pub(crate) fn has_ended(&self) -> bool {
        self.record.state().ended
    }

    /// Waits for the machine's own end.
    ///
    /// # Errors
    /// It does not come within `limit`.
    pub fn wait_for_end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.child.try_wait();
            if let Some(status) = status.map_err(Error::io("wait for QEMU in", self.folder.path()))? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(self.timed_out("the machine to go off", limit));
            }
            thread::sleep(LOOK);
        }
    }

    /// The events so far, oldest first.
    pub fn events(&self) -> Vec<Timed<Event>> {
        self.record.state().events.clone()
    }

    /// What the console has shown so far.
    pub fn console(&self) -> String {
        String::from_utf8_lossy(&self.record.state().console).into_owned()
    }

    /// Lines of the event port that are no events. There should be none.
    pub fn not_events(&self) -> Vec<String> {
        self.record.state().garbage.clone()
    }

    /// The disk: for another boot from it, or to look at it.
    pub fn disk(&self) -> Disk {
        self.disk.clone()
    }

    /// Where the machine's TCP port `guest` is reached from the host, if it is forwarded.
    pub fn forwarded(&self, guest: u16) -> Option<SocketAddr> {
        self.forwards
            .iter()
            .find(|(_, to)| *to == guest)
            .map(|(host, _)| SocketAddr::from((Ipv4Addr::LOCALHOST, *host)))
    }

    /// Events, console and QEMU's own complaints, for an error.
    pub(crate) fn describe(&self) -> String {
        let mut text = self.record.state().describe();
        let log = fs::read_to_string(self.folder.path().join("qemu.log")).unwrap_or_default();
        if !log.trim().is_empty() {
            text += &format!("\n--- QEMU says:\n{}\n---", log.trim());
        }
        text
    }

    fn lost(&self, what: &str, how: &str) -> Error {
        Error::Lost { what: what.to_owned(), how: how.to_owned(), state: self.describe() }
    }

    fn timed_out(&self, what: &str, limit: Duration) -> Error {
        Error::TimedOut { what: what.to_owned(), limit, state: self.describe() }
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill and nothing to report.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
