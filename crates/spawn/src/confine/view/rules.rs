//! Which paths may be used how, as mounts.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use sys::confine;
use unit::mount::Mounted;
use unit::service::sandbox::{self, Access, Rule};

use super::View;

/// A folder that is not to be entered: nothing in it, no permission, no room.
const CLOSED: &str = "mode=000,nosuid,noexec,size=0,nr_inodes=1";

impl View {
    /// Makes a mount of each path that a rule speaks of, and read-only those that are to be.
    pub(super) fn apply_rules(&self, closed: &OwnedFd) -> io::Result<()> {
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
                Access::Inaccessible => confine::show_copy(closed, path)?,
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

/// The mount points of this process's namespace. One whose name is not text is an error: it would
/// be left as it is.
pub(super) fn mount_points() -> io::Result<Vec<String>> {
    let text = fs::read_to_string(sys::mount::MOUNTS)?;
    Ok(text.lines().filter_map(Mounted::parse).map(|mounted| mounted.place).collect())
}
