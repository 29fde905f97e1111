//! A PID 1 of a namespace, and the commands run against it.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// For a test that hangs, not for the thing under test.
const PATIENCE: Duration = Duration::from_secs(60);
const NOBODY: u32 = 65_534;

/// A running PID 1 with unit files of its own. Dropped, it ends.
pub struct System {
    folder: tempfile::TempDir,
    child: Child,
}

impl System {
    /// Starts `all.target` of some files; waits until it is reached.
    pub fn of(files: &[(&str, String)]) -> System {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join("units").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        System::boot(folder, "all.target")
    }

    /// Ends it, and starts another target of the same files.
    pub fn again(mut self, target: &str) -> System {
        self.end();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        System::boot(folder, target)
    }

    fn boot(folder: tempfile::TempDir, target: &str) -> System {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"])
            .arg(init())
            .args(["--container", "--target", target, "--unit-path"])
            .arg(folder.path().join("units"))
            .arg("--runtime-dir")
            .arg(folder.path().join("run"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("unshare (util-linux) runs");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let reached = lines.by_ref().any(|line| {
            assert!(!line.contains("\"emergency\""), "{line}");
            line.contains("\"reached-target\"")
        });
        assert!(reached, "PID 1 ended");
        std::thread::spawn(move || lines.for_each(drop));
        System { folder, child }
    }

    /// Ends it; its files stay.
    pub fn halt(&mut self) {
        self.end();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs a command.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berthctl"));
        command.arg(name).args(arguments).env("BERTH_INIT_SOCKET", self.path("run/init.sock"));
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a command as a user who is nobody in particular; only root can.
    pub fn run_as_nobody(&self, name: &str, arguments: &[&str]) -> Output {
        let program = self.path("berthctl");
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_berthctl"), &program).unwrap();
        let mut command = Command::new(program);
        command.arg(name).args(arguments).env("BERTH_INIT_SOCKET", self.path("run/init.sock"));
        command.uid(NOBODY).gid(NOBODY).stdin(Stdio::null());
        loop {
            match command.output() {
                // A child that another test began just now still holds the copy open for writing.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                other => return other.unwrap(),
            }
        }
    }

    /// What a command prints; it ends well.
    pub fn printed(&self, name: &str, arguments: &[&str]) -> String {
        let output = self.run(name, arguments);
        let ends_well = output.status.success();
        assert!(ends_well, "{name} {arguments:?}: {}", text(&output.stdout) + &text(&output.stderr));
        text(&output.stdout)
    }

    /// Waits until a property of a unit has a value.
    pub fn wait_until(&self, unit: &str, property: &str, value: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.printed("systemctl", &["show", "-P", property, unit]);
            if found.trim() == value {
                return;
            }
            assert!(Instant::now() < until, "{property} of {unit} is still {found}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl System {
    fn end(&mut self) {
        self.run("poweroff", &["-f"]);
        for _ in 0..200 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.end();
    }
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The program of PID 1, which stands beside the one under test. It is of another package, so it
/// is made anew where its source is newer.
fn init() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_berthctl")).parent().unwrap();
        let is_release = folder.file_name().is_some_and(|name| name == "release");
        let target = folder.parent().unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--offline", "-p", "init", "--manifest-path"]);
        cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        cargo.arg("--target-dir").arg(target).args(is_release.then_some("--release"));
        assert!(cargo.status().expect("cargo runs").success(), "PID 1 does not compile");
        target.join(if is_release { "release/init" } else { "debug/init" })
    })
}

/// A target that wants units, and waits for them.
pub fn target(wants: &str) -> String {
    format!("[Unit]\nDefaultDependencies=no\nWants={wants}\nAfter={wants}\n")
}

/// A service without default dependencies.
pub fn service(lines: &str) -> String {
    format!("[Unit]\nDefaultDependencies=no\n[Service]\n{lines}\n")
}
