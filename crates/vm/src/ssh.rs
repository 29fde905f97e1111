//! Logging in to a machine as an operator does: OpenSSH's client, with the key that the machine's
//! Ignition config names. One connection serves all commands of a boot (ssh_config(5),
//! ControlMaster): in a translated machine each handshake would cost a second.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use event::Event;

use crate::key::{KeyPair, USER};
use crate::machine::LOOK;
use crate::shell::COMMAND_LIMIT;
use crate::{BOOT_LIMIT, Error, Output, Result, Vm};
use sandbox::Command;

/// Between two attempts to get in.
const PAUSE: Duration = Duration::from_millis(250);
/// The client's exit status where there was no connection, or none any more (ssh(1)).
const NO_CONNECTION: i32 = 255;
/// What the client says where another attempt would come to the same.
const FINAL: [&str; 2] = ["Permission denied", "Host key verification failed"];

/// How a machine is logged in to.
#[derive(Debug)]
pub(crate) struct Login {
    keys: Arc<KeyPair>,
    port: u16,
    folder: PathBuf,
    connection: Mutex<Option<Connection>>,
    commands: AtomicU64,
}

/// A client that holds a connection for others. It ends with the value.
#[derive(Debug)]
struct Connection {
    client: Child,
    /// The boot that it was made in.
    boot: usize,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

impl Login {
    /// By the host's port `port`; files of the client's own go to the machine's `folder`.
    pub fn new(keys: Arc<KeyPair>, port: u16, folder: &Path) -> Self {
        let connection = Mutex::new(None);
        Self { keys, port, folder: folder.to_owned(), connection, commands: AtomicU64::new(0) }
    }

    /// Where clients find the one that holds the connection.
    fn socket(&self) -> PathBuf {
        self.folder.join("ssh")
    }

    /// The client. Of an option that is given twice the first value counts, so `options` come before
    /// the harness's. A host key is taken as it first comes, and has to stay.
    fn client(&self, options: &[&str]) -> Command {
        let known = self.folder.join("known_hosts");
        self.keys
            .program("ssh")
            .bind(&self.folder)
            .host_network(true)
            .args(options)
            .args(["-F", "none", "-l", USER, "-p", &self.port.to_string(), "-i"])
            .arg(self.keys.private())
            .args([
                "-oIdentitiesOnly=yes",
                "-oBatchMode=yes",
                "-oConnectTimeout=20",
                "-oServerAliveInterval=20",
                "-oStrictHostKeyChecking=accept-new",
                "-oHostKeyAlias=machine",
                &format!("-oUserKnownHostsFile={}", known.display()),
            ])
    }
}

/// A user in the machine, by SSH. Each command is a process of its own, with nothing on its
/// standard input.
#[derive(Debug)]
pub struct Ssh<'a> {
    vm: &'a Vm,
    limit: Duration,
    root: bool,
}

impl<'a> Ssh<'a> {
    pub(crate) fn new(vm: &'a Vm) -> Self {
        Self { vm, limit: COMMAND_LIMIT, root: false }
    }

    /// With another time after which a command counts as hung.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// As root, by sudo.
    pub fn sudo(mut self) -> Self {
        self.root = true;
        self
    }

    /// Runs `command`, which has to succeed; its output without white space at the end.
    ///
    /// # Errors
    /// It fails, hangs, or the machine cannot be logged in to.
    pub fn run(&self, command: &str) -> Result<String> {
        self.attempt(command)?.of_success(|how, text| self.error(command, how, text))
    }

    /// Runs `command`, whatever comes of it. A command in the background has to have its output
    /// elsewhere: the connection is its until then.
    ///
    /// # Errors
    /// It hangs, or the machine cannot be logged in to.
    pub fn attempt(&self, command: &str) -> Result<Output> {
        let login = self.login(command)?;
        self.connect(login, command)?;
        let control = format!("-oControlPath={}", login.socket().display());
        let options = [&*control, "-oLogLevel=ERROR"];
        let output = self.client(login, command, &options, &request(command, self.root))?;
        if output.status == NO_CONNECTION && !self.is_connected(login) {
            return Err(self.error(command, "the connection is lost", output.text));
        }
        Ok(output)
    }

    /// The client itself over a connection of its own, with `options` of ssh(1), whatever comes of
    /// it: what is refused is told there, with the exit status 255.
    ///
    /// # Errors
    /// It hangs, or the machine ends.
    pub fn alone(&self, options: &[&str], command: &str) -> Result<Output> {
        self.client(self.login(command)?, command, options, &request(command, self.root))
    }

    fn login(&self, command: &str) -> Result<&'a Login> {
        let how = "not started: this machine was set up without SSH";
        self.vm.login.as_ref().ok_or_else(|| self.error(command, how, String::new()))
    }

    fn client(&self, login: &Login, command: &str, options: &[&str], request: &str) -> Result<Output> {
        let number = login.commands.fetch_add(1, Ordering::Relaxed);
        let file = login.folder.join(format!("ssh-{number}"));
        let failed = || Error::io("run ssh with its output to", &file);
        let output = File::create(&file).map_err(failed())?;
        let errors = output.try_clone().map_err(failed())?;
        let client = login.client(options).args(["127.0.0.1", request]).stdout(output).stderr(errors);
        // A connection like the held one: it is ended where nobody waits for it any more.
        let mut client = Connection { client: client.spawn().map_err(failed())?, boot: 0 };
        let deadline = Instant::now() + self.limit;
        let text = || String::from_utf8_lossy(&fs::read(&file).unwrap_or_default()).into_owned();
        loop {
            if let Some(status) = client.client.try_wait().map_err(failed())? {
                let output = Output { status: status.code().unwrap_or(NO_CONNECTION), text: text() };
                let _ = fs::remove_file(&file);
                return Ok(output);
            }
            if self.vm.has_ended() {
                return Err(self.error(command, "the machine ended", text()));
            }
            if Instant::now() > deadline {
                return Err(self.error(command, &format!("no end after {:?}", self.limit), text()));
            }
            thread::sleep(LOOK);
        }
    }

    /// The held connection is there, and of this boot.
    fn is_connected(&self, login: &Login) -> bool {
        let boot = self.boot();
        let mut held = login.connection.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_mut().is_some_and(|held| held.boot == boot && matches!(held.client.try_wait(), Ok(None)))
    }

    /// How often PID 1 has started.
    fn boot(&self) -> usize {
        self.vm.events().iter().filter(|event| matches!(event.what, Event::InitStarted { .. })).count()
    }

    /// Sees to it that there is a connection: waits for the machine's network and sshd.
    fn connect(&self, login: &Login, command: &str) -> Result<()> {
        if self.is_connected(login) {
            return Ok(());
        }
        let (boot, socket, log) = (self.boot(), login.socket(), login.folder.join("ssh.log"));
        let mut held = login.connection.lock().unwrap_or_else(PoisonError::into_inner);
        *held = None;
        let failed = || Error::io("start ssh with its log in", &log);
        let deadline = Instant::now() + BOOT_LIMIT;
        loop {
            // One that was killed has left it.
            let _ = fs::remove_file(&socket);
            let errors = File::create(&log).map_err(failed())?;
            let client = login
                .client(&["-M", "-N", "-S", &socket.to_string_lossy()])
                .arg("127.0.0.1")
                .stdout(Stdio::null())
                .stderr(errors);
            let mut trying = Connection { client: client.spawn().map_err(failed())?, boot };
            while trying.client.try_wait().map_err(failed())?.is_none() {
                // It is made once the user is let in.
                if socket.exists() {
                    *held = Some(trying);
                    return Ok(());
                }
                if self.vm.has_ended() || Instant::now() > deadline {
                    break;
                }
                thread::sleep(LOOK);
            }
            let said = || fs::read_to_string(&log).unwrap_or_default();
            if self.vm.has_ended() {
                return Err(self.error(command, "not started: the machine ended", said()));
            }
            if Instant::now() > deadline || FINAL.iter().any(|text| said().contains(text)) {
                return Err(self.error(command, "not started: the machine lets nobody in", said()));
            }
            thread::sleep(PAUSE);
        }
    }

    fn error(&self, command: &str, how: &str, output: String) -> Error {
        Error::Shell { command: command.to_owned(), how: how.to_owned(), output, state: self.vm.describe() }
    }
}

/// What the user's login shell is given for a command.
fn request(command: &str, root: bool) -> String {
    let quoted = command.replace('\'', r"'\''");
    let sudo = if root { "sudo -n " } else { "" };
    format!("{sudo}sh -c '{quoted}' 2>&1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reaches_its_shell_as_it_was_written() {
        for (command, status, text) in [
            ("echo out; echo err >&2", 0, "out\nerr\n"),
            ("printf '%s' 'it'\"'\"'s $quoted'", 0, "it's $quoted"),
            ("for i in 1 2\ndo echo $i\ndone; exit 3", 3, "1\n2\n"),
        ] {
            let request = request(command, false);
            let output = std::process::Command::new("sh").args(["-c", &request]).output().unwrap();
            assert_eq!(output.status.code(), Some(status), "{command}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{command}");
        }
        assert_eq!(request("id -u", true), "sudo -n sh -c 'id -u' 2>&1");
    }
}
