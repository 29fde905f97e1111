//! A program of a tree, about to be run.

use crate::tree::MOUNT_POINT;
use crate::{Error, Result, Tree};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use sys::namespace::Root;

/// Device nodes that programs expect; `kvm` only where the host has it.
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty", "kvm"];
/// Directories of the tree that a program sees.
const TREE_DIRECTORIES: &[&str] = &["/etc", "/usr", "/var"];

struct Bind {
    source: PathBuf,
    destination: PathBuf,
    read_only: bool,
}

/// Runs one program of a [`Tree`]: a builder in the manner of [`std::process::Command`].
///
/// The program sees the tree (read-only), /proc, a few devices, an empty /tmp, and what is bound
/// for it; no network unless asked for; a clean environment. It is uid 0 inside, and the calling
/// user to the host. Killing the [`Child`], or the end of the calling process, ends the program
/// and all that it started.
pub struct Command {
    tree: Tree,
    program: String,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    binds: Vec<Bind>,
    directory: PathBuf,
    host_network: bool,
    stdin: Stdio,
    stdout: Stdio,
    stderr: Stdio,
}

impl Command {
    pub(crate) fn new(tree: Tree, program: &str) -> Self {
        Self {
            tree,
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            binds: Vec::new(),
            directory: PathBuf::from("/tmp"),
            host_network: false,
            stdin: Stdio::null(),
            stdout: Stdio::inherit(),
            stderr: Stdio::inherit(),
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the program's environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets the working directory, as seen inside.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    /// Shows the host's file or directory at the same path inside, writable.
    pub fn bind(self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        self.add_bind(path.clone(), path, false)
    }

    /// Shows the host's file or directory at the same path inside, read-only.
    pub fn bind_ro(self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        self.add_bind(path.clone(), path, true)
    }

    /// Shows the host's `source` at `destination`, writable.
    pub fn bind_at(self, source: impl AsRef<Path>, destination: impl AsRef<Path>) -> Self {
        self.add_bind(source.as_ref().to_owned(), destination.as_ref().to_owned(), false)
    }

    /// Shows the host's `source` at `destination`, read-only.
    pub fn bind_ro_at(self, source: impl AsRef<Path>, destination: impl AsRef<Path>) -> Self {
        self.add_bind(source.as_ref().to_owned(), destination.as_ref().to_owned(), true)
    }

    fn add_bind(mut self, source: PathBuf, destination: PathBuf, read_only: bool) -> Self {
        self.binds.push(Bind { source, destination, read_only });
        self
    }

    /// Whether the program shares the host's network.
    pub fn host_network(mut self, shared: bool) -> Self {
        self.host_network = shared;
        self
    }

    /// Sets standard input (default: nothing to read).
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// Sets standard output (default: the caller's).
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = stdout.into();
        self
    }

    /// Sets standard error (default: the caller's).
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.stderr = stderr.into();
        self
    }

    /// Starts the program.
    ///
    /// # Errors
    /// The program is not in the tree, a bound path does not exist, or the kernel refused.
    pub fn spawn(self) -> io::Result<Child> {
        let (mut command, stdio) = self.prepare().map_err(io::Error::other)?;
        command.stdin(stdio.0).stdout(stdio.1).stderr(stdio.2).spawn()
    }

    /// Runs the program to its end and collects what it printed.
    ///
    /// # Errors
    /// As [`Command::spawn`].
    pub fn output(self) -> io::Result<Output> {
        let (mut command, stdio) = self.prepare().map_err(io::Error::other)?;
        command.stdin(stdio.0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?.wait_with_output()
    }

    fn prepare(self) -> Result<(std::process::Command, (Stdio, Stdio, Stdio))> {
        let mut command = std::process::Command::new(self.tree.program(&self.program)?);
        tracing::debug!(
            program = ?self.program,
            arguments = ?self.arguments,
            environment = ?self.environment,
            directory = ?self.directory,
            "running"
        );
        command.args(&self.arguments).env_clear();
        let fixed = [("PATH", "/usr/sbin:/usr/bin"), ("HOME", "/tmp"), ("LANG", "C.UTF-8"), ("TZ", "UTC")];
        command.envs(fixed).envs(self.environment);
        let mount_point = self.tree.path(MOUNT_POINT);
        let root = build_root(&self.tree, &self.binds, &self.directory, self.host_network)
            .and_then(|root| root.apply(&mut command));
        root.map_err(Error::io("preparing a root at", mount_point))?;
        Ok((command, (self.stdin, self.stdout, self.stderr)))
    }
}

fn build_root(tree: &Tree, binds: &[Bind], directory: &Path, host_network: bool) -> io::Result<Root> {
    let mut root = Root::new(&tree.path(MOUNT_POINT))?;
    for name in TREE_DIRECTORIES {
        let source = tree.path(name);
        if source.is_dir() {
            show_directory(&mut root, &source, Path::new(name), binds)?;
        }
    }
    for (link, target) in
        [("/bin", "usr/bin"), ("/sbin", "usr/sbin"), ("/lib", "usr/lib"), ("/lib64", "usr/lib64")]
    {
        root.symlink(Path::new(target), Path::new(link))?;
    }
    root.proc(Path::new("/proc"))?.tmpfs(Path::new("/tmp"))?.devices(Path::new("/dev"))?;
    for name in DEVICES {
        let device = Path::new("/dev").join(name);
        if device.exists() {
            root.bind(&device, &device, false)?;
        }
    }
    root.tmpfs(Path::new("/dev/shm"))?;
    for (link, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        root.symlink(Path::new(target), &Path::new("/dev").join(link))?;
    }
    for bind in binds {
        if !bind.source.exists() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("{} does not exist", bind.source.display()),
            ));
        }
        root.bind(&bind.source, &bind.destination, bind.read_only)?;
    }
    root.directory(directory)?.working_directory(directory)?.host_network(host_network);
    Ok(root)
}

/// Shows a directory of the tree, read-only. One that something is to be bound in (a user's cache may be below /var) is
/// made anew, with the tree's entries one by one: in the tree itself no place for it can be made.
fn show_directory(root: &mut Root, source: &Path, inside: &Path, binds: &[Bind]) -> io::Result<()> {
    let holds_bind = |path: &Path| binds.iter().any(|bind| bind.destination.starts_with(path));
    if !holds_bind(inside) {
        root.bind(source, inside, true)?;
        return Ok(());
    }
    root.directory(inside)?;
    for entry in std::fs::read_dir(source)? {
        let entry = entry?;
        let inside = inside.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            show_directory(root, &entry.path(), &inside, binds)?;
        } else if holds_bind(&inside) {
            // What is bound takes its place. A link could lead out of the root, which is not entered yet.
        } else if kind.is_symlink() {
            root.symlink(&std::fs::read_link(entry.path())?, &inside)?;
        } else {
            root.bind(&entry.path(), &inside, true)?;
        }
    }
    Ok(())
}
