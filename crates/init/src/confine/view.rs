//! A service's own view of the file system. It is planned by PID 1, and put together by the
//! service's process before it becomes its program.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use sys::confine::{self, Namespaces};
use unit::mount::Mounted;
use unit::service::config::ExecContext;
use unit::service::sandbox::{self, Access, Bind, Rule};

use super::private::SHARED;
use crate::tables::MOUNTS;

/// The devices that a service with `PrivateDevices=` has, and the folders of more of them.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const DEVICE_FOLDERS: [&str; 4] = ["pts", "shm", "mqueue", "hugepages"];
const DEVICE_LINKS: [(&str, &str); 6] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("/proc/kcore", "core"),
    ("pts/ptmx", "ptmx"),
];
/// Where syslog(3) sends to.
const SYSLOG: &str = "log";
/// A folder that is not to be entered: nothing in it, no permission, no room.
const CLOSED: &str = "mode=000,size=0,nr_inodes=1";

/// What a service sees.
#[derive(Debug, Clone, Default)]
pub struct View {
    namespaces: Namespaces,
    temporary: Vec<(String, String)>,
    private: Vec<PathBuf>,
    devices: bool,
    /// Options of its own `/proc`.
    proc: Option<String>,
    binds: Vec<Bind>,
    rules: Vec<Rule<Access>>,
    exec_rules: Vec<Rule<bool>>,
    /// A folder of PID 1's own, to put things together in.
    scratch: PathBuf,
}

impl View {
    /// Plans the view of a service, `private` being its folders in place of the shared ones and
    /// `runtime` PID 1's folder; none where it sees everything.
    pub fn plan(exec: &ExecContext, private: &[PathBuf], runtime: &Path) -> Option<View> {
        let sandbox = &exec.sandbox;
        let namespaces = Namespaces {
            mount: sandbox.wants_mounts(),
            network: sandbox.private_network,
            ipc: sandbox.private_ipc,
            host_name: sandbox.protect_hostname,
        };
        if namespaces == Namespaces::default() {
            return None;
        }
        let own: Vec<String> = exec
            .directories
            .iter()
            .flat_map(|(kind, set)| set.paths.iter().map(|path| format!("{}/{path}", kind.base())))
            .collect();
        let temporary = sandbox.temporary_file_systems();
        let mut rules = sandbox.path_rules(&own);
        let rule = |path: &str, read_only: bool| Rule {
            path: path.to_owned(),
            effect: if read_only { Access::ReadOnly } else { Access::Writable },
            optional: true,
        };
        rules.extend(
            temporary
                .iter()
                .map(|(path, options)| rule(path, options.split(',').any(|option| option == "ro"))),
        );
        rules.extend(sandbox.binds.iter().map(|bind| rule(&bind.target, bind.read_only)));
        let hides = sandbox.hides_processes();
        let proc = hides.then(|| {
            let hidden = sandbox.protect_proc.hidepid().map(|word| format!("hidepid={word}"));
            let subset = sandbox.proc_subset_pid.then(|| "subset=pid".to_owned());
            hidden.into_iter().chain(subset).collect::<Vec<_>>().join(",")
        });
        Some(View {
            namespaces,
            temporary,
            private: private.to_vec(),
            devices: sandbox.private_devices,
            proc,
            binds: sandbox.binds.clone(),
            rules,
            exec_rules: sandbox.exec_paths.clone(),
            scratch: runtime.join("scratch"),
        })
    }

    /// Makes the folder and the file that views are put together with.
    ///
    /// # Errors
    /// They cannot be made.
    pub fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(&self.scratch)?;
        let closed = self.closed_file();
        if !closed.exists() {
            fs::File::create(&closed)?
                .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o000))?;
        }
        Ok(())
    }

    /// A file that is not to be opened.
    fn closed_file(&self) -> PathBuf {
        self.scratch.with_file_name("inaccessible")
    }

    /// Enters the view. Only in a process that is about to become its program.
    ///
    /// # Errors
    /// The kernel refuses, or a path that must be there is not.
    pub fn enter(&self) -> io::Result<()> {
        confine::leave(self.namespaces)?;
        if !self.namespaces.mount {
            return Ok(());
        }
        for (path, options) in &self.temporary {
            fs::create_dir_all(path)?;
            confine::mount_tmpfs(Path::new(path), &tmpfs_options(options))?;
        }
        for (private, shared) in self.private.iter().zip(SHARED) {
            confine::bind(private, Path::new(shared), false)?;
        }
        if self.devices {
            self.mount_devices()?;
        }
        if let Some(options) = &self.proc {
            confine::mount_proc(Path::new("/proc"), options)?;
        }
        for bind in &self.binds {
            mount_bind(bind)?;
        }
        self.apply_rules()
    }

    fn mount_devices(&self) -> io::Result<()> {
        let new = &self.scratch;
        confine::mount_tmpfs(new, "mode=0755,size=4m")?;
        let host = Path::new("/dev");
        for name in DEVICES {
            fs::File::create(new.join(name))?;
            confine::bind(&host.join(name), &new.join(name), false)?;
        }
        for name in DEVICE_FOLDERS {
            if host.join(name).is_dir() {
                fs::create_dir(new.join(name))?;
                confine::bind(&host.join(name), &new.join(name), true)?;
            }
        }
        for (target, name) in DEVICE_LINKS {
            symlink(target, new.join(name))?;
        }
        let syslog = host.join(SYSLOG);
        match fs::read_link(&syslog) {
            Ok(target) => symlink(target, new.join(SYSLOG))?,
            Err(_) if syslog.exists() => {
                fs::File::create(new.join(SYSLOG))?;
                confine::bind(&syslog, &new.join(SYSLOG), false)?;
            }
            Err(_) => {}
        }
        confine::move_mount(new, host)
    }

    /// Makes a mount of each path that a rule speaks of, and read-only those that are to be.
    fn apply_rules(&self) -> io::Result<()> {
        let mut rules = resolved(&self.rules)?;
        let exec_rules = resolved(&self.exec_rules)?;
        // Each of these paths, too, is to be a mount of its own.
        for rule in &exec_rules {
            let effect = sandbox::access(&rules, &rule.path);
            if !rules.iter().any(|known| known.path == rule.path) {
                rules.push(Rule { path: rule.path.clone(), effect, optional: true });
            }
        }
        rules.sort_by_key(|rule| rule.path.len());
        let mut mounted = mount_points()?;
        for rule in &rules {
            let path = Path::new(&rule.path);
            // What is below a folder that was closed cannot be reached, and need not be.
            if !path.exists() {
                continue;
            }
            match rule.effect {
                Access::Inaccessible if path.is_dir() => confine::mount_tmpfs(path, CLOSED)?,
                Access::Inaccessible => confine::bind(&self.closed_file(), path, false)?,
                Access::ReadOnly | Access::Writable if !mounted.contains(&rule.path) => {
                    confine::bind(path, path, true)?;
                }
                Access::ReadOnly | Access::Writable => {}
            }
        }
        mounted = mount_points()?;
        mounted.sort();
        mounted.dedup();
        for path in mounted {
            let read_only = sandbox::access(&rules, &path) != Access::Writable;
            let no_exec = !sandbox::may_execute(&exec_rules, &path);
            let path = Path::new(&path);
            // One under another mount, or closed, cannot be reached.
            if read_only && path.exists() {
                confine::set_read_only(path)?;
            }
            if no_exec && path.exists() {
                confine::set_no_exec(path)?;
            }
        }
        Ok(())
    }
}

/// The rules for what their paths lead to; those for paths that may be missing, and are, drop out.
fn resolved<T: Copy>(rules: &[Rule<T>]) -> io::Result<Vec<Rule<T>>> {
    let mut out = Vec::new();
    for rule in rules {
        match fs::canonicalize(&rule.path) {
            Ok(path) => out.push(Rule { path: path.display().to_string(), ..*rule }),
            Err(_) if rule.optional => {}
            Err(error) => return Err(error),
        }
    }
    Ok(out)
}

/// A tmpfs without `ro`, which comes last, when what goes into it is there.
fn tmpfs_options(options: &str) -> String {
    let own = options.split(',').filter(|option| !matches!(*option, "" | "ro" | "rw" | "nodev" | "nosuid"));
    let own: Vec<&str> = own.collect();
    match own.iter().any(|option| option.starts_with("mode=")) {
        true => own.join(","),
        false => own.into_iter().chain(["mode=0755"]).collect::<Vec<_>>().join(","),
    }
}

fn mount_bind(bind: &Bind) -> io::Result<()> {
    let (source, target) = (Path::new(&bind.source), Path::new(&bind.target));
    if !source.exists() {
        return if bind.optional { Ok(()) } else { Err(Errno::NOENT.into()) };
    }
    if !target.exists() {
        if source.is_dir() {
            fs::create_dir_all(target)?;
        } else {
            fs::create_dir_all(target.parent().unwrap_or(target))?;
            fs::File::create(target)?;
        }
    }
    confine::bind(source, target, bind.recursive)
}

/// The mount points of this process's namespace. One whose name is not text is an error: it would
/// be left as it is.
fn mount_points() -> io::Result<Vec<String>> {
    let text = fs::read_to_string(MOUNTS)?;
    Ok(text.lines().filter_map(Mounted::parse).map(|mounted| mounted.place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_temporary_file_system() {
        for (options, expected) in [
            ("", "mode=0755"),
            ("ro", "mode=0755"),
            ("ro,size=10M,nodev", "size=10M,mode=0755"),
            ("mode=1777,ro", "mode=1777"),
        ] {
            assert_eq!(tmpfs_options(options), expected, "{options:?}");
        }
    }
}
