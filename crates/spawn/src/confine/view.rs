//! A service's own view of the system: its namespaces, and what is mounted where. It is planned by PID
//! 1, and put together by the service's process before it becomes its program.

mod kernel;
mod rules;

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use sys::confine::{self, Namespaces};
use unit::service::config::ExecContext;
use unit::service::sandbox::{Access, Bind, PrivateTmp, Propagation, ProtectControlGroups, Rule};

use super::common::{Common, SHARED};
use crate::directories;

/// What a service sees.
#[derive(Debug, Clone, Default)]
pub struct View {
    namespaces: Namespaces,
    /// Files of the namespaces of others that it goes into.
    other_network: Option<PathBuf>,
    other_ipc: Option<PathBuf>,
    propagation: Propagation,
    /// Whether no program lends its identity.
    no_identity: bool,
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
    /// Plans the view of a service, `common` being what its processes share and `runtime` PID 1's folder; none
    /// where it sees everything.
    pub fn plan(exec: &ExecContext, common: &Common, runtime: &Path) -> Option<View> {
        let sandbox = &exec.sandbox;
        let named = |path: &Option<String>| path.as_ref().map(PathBuf::from);
        let other_network = named(&sandbox.network_namespace)
            .or_else(|| common.network().filter(|_| sandbox.private_network));
        let other_ipc =
            named(&sandbox.ipc_namespace).or_else(|| common.ipc().filter(|_| sandbox.private_ipc));
        let namespaces = Namespaces {
            mount: sandbox.wants_mounts(),
            network: sandbox.private_network && other_network.is_none(),
            ipc: sandbox.private_ipc && other_ipc.is_none(),
            host_name: sandbox.protect_hostname,
            control_groups: matches!(
                sandbox.protect_control_groups,
                ProtectControlGroups::Private | ProtectControlGroups::Strict
            ),
        };
        if namespaces == Namespaces::default() && other_network.is_none() && other_ipc.is_none() {
            return None;
        }
        let own: Vec<String> = exec
            .directories
            .iter()
            .flat_map(|(kind, set)| set.paths.iter().map(|path| format!("{}/{path}", kind.base())))
            .collect();
        let mut temporary = sandbox.temporary_file_systems();
        let private_folders = exec.directories.iter().filter(|(_, set)| !set.paths.is_empty());
        let mut hidden: Vec<PathBuf> = Vec::new();
        for (kind, set) in private_folders {
            if let Some(folder) = directories::private_of(exec, *kind) {
                // For others only root may enter it: here nothing of others is in it.
                temporary.push((folder.display().to_string(), "mode=0755,ro,nosuid".to_owned()));
                hidden.extend(set.paths.iter().map(|path| folder.join(path)));
            }
        }
        let mut binds = sandbox.binds.clone();
        if !temporary.is_empty() {
            // Its own folders are seen also where all beside them is hidden.
            let hidden = hidden.iter().map(|path| path.display().to_string());
            binds.extend(own.iter().filter(|_| !exec.dynamic_user).cloned().chain(hidden).map(|path| Bind {
                source: path.clone(),
                target: path,
                read_only: false,
                optional: true,
                recursive: true,
            }));
        }
        let mut rules = sandbox.path_rules(&own);
        let rule = |path: &str, read_only: bool| Rule {
            path: path.to_owned(),
            effect: if read_only { Access::ReadOnly } else { Access::Writable },
            optional: true,
        };
        let is_read_only = |options: &str| options.split(',').any(|option| option == "ro");
        rules.extend(temporary.iter().map(|(path, options)| rule(path, is_read_only(options))));
        rules.extend(binds.iter().map(|bind| rule(&bind.target, bind.read_only)));
        let own_proc = sandbox.hides_processes() || sandbox.private_pids;
        let proc = own_proc.then(|| {
            let hidden = sandbox.protect_proc.hidepid().map(|word| format!("hidepid={word}"));
            let subset = sandbox.proc_subset_pid.then(|| "subset=pid".to_owned());
            hidden.into_iter().chain(subset).collect::<Vec<_>>().join(",")
        });
        Some(View {
            namespaces,
            other_network,
            other_ipc,
            propagation: sandbox.propagation,
            no_identity: exec.no_new_privileges,
            temporary,
            private: if sandbox.private_tmp == PrivateTmp::Yes { common.folders.clone() } else { Vec::new() },
            devices: sandbox.private_devices,
            proc,
            binds,
            rules,
            exec_rules: sandbox.exec_rules(),
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

    fn has_other_network(&self) -> bool {
        self.namespaces.network || self.other_network.is_some()
    }

    fn has_other_queues(&self) -> bool {
        self.namespaces.ipc || self.other_ipc.is_some()
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
        for path in [&self.other_network, &self.other_ipc].into_iter().flatten() {
            confine::join(path)?;
        }
        confine::leave(self.namespaces)?;
        if !self.namespaces.mount {
            return Ok(());
        }
        // What is shown elsewhere is what was there before anything was hidden.
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let closed = rustix::fs::open(self.closed_file(), flags, Mode::empty())?;
        let private: Vec<OwnedFd> =
            self.private.iter().map(|path| confine::keep(path, false)).collect::<io::Result<_>>()?;
        let binds: Vec<(OwnedFd, &Bind, bool)> =
            self.binds.iter().filter_map(|bind| kept(bind).transpose()).collect::<io::Result<_>>()?;
        if self.devices {
            self.mount_devices()?;
        }
        for (path, options) in &self.temporary {
            fs::create_dir_all(path)?;
            confine::mount_tmpfs(Path::new(path), &tmpfs_options(options))?;
        }
        for (private, shared) in private.iter().zip(SHARED) {
            confine::show(private, Path::new(shared))?;
        }
        self.mount_kernel_views()?;
        for (kept, bind, is_folder) in &binds {
            let target = Path::new(&bind.target);
            make_mount_point(target, *is_folder)?;
            confine::show(kept, target)?;
        }
        self.apply_rules(&closed)?;
        if self.no_identity {
            confine::set_no_identity()?;
        }
        match self.propagation {
            Propagation::Shared => confine::set_propagation(confine::Propagation::Shared),
            Propagation::Private => confine::set_propagation(confine::Propagation::Private),
            Propagation::Slave => Ok(()),
        }
    }
}

/// What a bind shows, and whether that is a folder; none where it may be missing, and is.
fn kept(bind: &Bind) -> io::Result<Option<(OwnedFd, &Bind, bool)>> {
    let source = Path::new(&bind.source);
    match fs::metadata(source) {
        Ok(metadata) => Ok(Some((confine::keep(source, bind.recursive)?, bind, metadata.is_dir()))),
        Err(_) if bind.optional => Ok(None),
        Err(error) => Err(error),
    }
}

fn make_mount_point(target: &Path, is_folder: bool) -> io::Result<()> {
    if target.exists() {
        return Ok(());
    }
    if is_folder {
        return fs::create_dir_all(target);
    }
    fs::create_dir_all(target.parent().unwrap_or(target))?;
    fs::File::create(target).map(drop)
}

/// Options of a tmpfs, with the permissions that it has where none are said.
fn tmpfs_options(options: &str) -> String {
    match options.split(',').any(|option| option.starts_with("mode=")) {
        true => options.to_owned(),
        false => format!("mode=0755,{options}"),
    }
}

#[cfg(test)]
mod tests {
    use super::tmpfs_options;

    #[test]
    fn a_temporary_file_system_is_for_all_to_read_unless_it_says_otherwise() {
        for (options, expected) in
            [("", "mode=0755,"), ("ro", "mode=0755,ro"), ("mode=1777,ro", "mode=1777,ro")]
        {
            assert_eq!(tmpfs_options(options), expected, "{options:?}");
        }
    }
}
