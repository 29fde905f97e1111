//! A machine with a network of its own: netd in namespaces, a link to a place where servers are.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use network::status::{LinkStatus, Status};

/// For a test that hangs, not for the thing under test.
const PATIENCE: Duration = Duration::from_secs(30);
/// Set in the namespaces.
const INSIDE: &str = "BERTH_NETD_INSIDE";

/// Whether this is the inside. On the outside the test of this name runs there, and is over.
pub fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let status = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare (util-linux) runs");
    assert!(status.success(), "{test} failed in its namespaces");
    false
}

/// Runs a command of `ip` (iproute2).
pub fn ip(line: &str) -> String {
    run(Command::new("ip").args(line.split_whitespace()))
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("ip and nsenter (iproute2, util-linux) run");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The machine, with `eth0` linked to `srv` at the servers' place.
pub struct Machine {
    folder: tempfile::TempDir,
    servers: Child,
    netd: Option<Child>,
}

impl Machine {
    pub fn new() -> Self {
        run(Command::new("mount").args(["-t", "sysfs", "sysfs", "/sys"]));
        let servers = Command::new("unshare").args(["--net", "sleep", "600"]).spawn().unwrap();
        let machine = Self { folder: tempfile::tempdir().unwrap(), servers, netd: None };
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        wait(|| fs::read_link(machine.place()).ok().filter(|theirs| *theirs != own));
        ip("link set lo up");
        ip(&format!("link add eth0 type veth peer name srv netns {}", machine.servers.id()));
        machine.at_servers("link set srv up");
        machine
    }

    /// Adds a file of configuration.
    pub fn with(self, name: &str, text: &str) -> Self {
        let folder = self.folder.path().join("etc/systemd/network");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
        self
    }

    /// The namespace of the servers.
    pub fn place(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.servers.id()).into()
    }

    /// Runs a command of `ip` where the servers are.
    pub fn at_servers(&self, line: &str) -> String {
        let place = format!("--net={}", self.place().display());
        run(Command::new("nsenter").arg(place).arg("ip").args(line.split_whitespace()))
    }

    /// Where netd writes.
    pub fn run_folder(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn netd(&self) -> Command {
        Command::new(env!("CARGO_BIN_EXE_netd"))
    }

    /// Starts netd, in place of one that runs.
    pub fn start(&mut self, command_line: &str) {
        self.stop();
        let mut command = self.netd();
        command.arg("--run").arg(self.run_folder()).arg("--root").arg(self.folder.path());
        self.netd = Some(command.args(["--cmdline", command_line]).spawn().unwrap());
    }

    /// Ends netd.
    pub fn stop(&mut self) {
        if let Some(mut netd) = self.netd.take() {
            netd.kill().unwrap();
            netd.wait().unwrap();
        }
    }

    /// Runs many commands of `ip` at once.
    pub fn batch(&self, lines: &str) {
        let path = self.folder.path().join("batch");
        fs::write(&path, lines).unwrap();
        ip(&format!("-batch {}", path.display()));
    }

    /// Does something while netd does not run on.
    pub fn while_stopped(&self, act: impl FnOnce()) {
        let netd = self.netd.as_ref().unwrap().id().to_string();
        run(Command::new("kill").args(["-STOP", &netd]));
        act();
        run(Command::new("kill").args(["-CONT", &netd]));
    }

    /// Waits as a boot does; what that says.
    pub fn wait_online(&self, seconds: u64) -> String {
        wait(|| self.run_folder().exists().then_some(()));
        let mut command = self.netd();
        command.arg("wait-online").arg("--run").arg(self.run_folder());
        let output =
            command.args(["--timeout", &seconds.to_string()]).stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    pub fn status(&self) -> Status {
        let text = fs::read(self.run_folder().join("netd.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    pub fn resolv_conf(&self) -> String {
        fs::read_to_string(self.run_folder().join("resolv.conf")).unwrap()
    }

    /// Waits until a link is as it should be.
    pub fn until(&self, link: &str, is_so: impl Fn(&LinkStatus) -> bool) -> LinkStatus {
        let mut last = None;
        let found = within(|| {
            let text = fs::read(self.run_folder().join("netd.json")).ok()?;
            let status: Status = serde_json::from_slice(&text).ok()?;
            last = status.links.into_iter().find(|known| known.name == link);
            last.clone().filter(&is_so)
        });
        found.unwrap_or_else(|| panic!("waited in vain, with {last:?}; {}{}", ip("address"), ip("-6 route")))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.stop();
        let _ = self.servers.kill();
        let _ = self.servers.wait();
    }
}

/// Waits until there is something.
pub fn wait<T>(look: impl FnMut() -> Option<T>) -> T {
    within(look).expect("what is waited for comes in time")
}

fn within<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
