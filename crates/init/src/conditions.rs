//! Testing `Condition...=` and `Assert...=`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use unit::condition::{Condition, Test, unmet};
use unit::manager::Verdict;
use unit::text::specifier::Host;
use unit::text::value::boolean;
use unit::{Unit, text};

/// What conditions ask about, beside the file system.
pub struct Facts {
    /// The kernel command line.
    pub command_line: String,
    /// Whether this is the machine's first boot.
    pub first_boot: bool,
    /// Machine id and host name.
    pub host: Host,
}

/// Judges a unit's conditions and assertions.
pub fn judge(unit: &Unit, facts: &Facts) -> Verdict {
    let holds = |condition: &Condition| holds(condition, facts);
    if let Some(condition) = unmet(&unit.conditions, holds) {
        return Verdict::Unmet(format!("Condition{}", condition.describe()));
    }
    match unmet(&unit.asserts, holds) {
        Some(condition) => Verdict::Refused(format!("Assert{}", condition.describe())),
        None => Verdict::Met,
    }
}

fn holds(condition: &Condition, facts: &Facts) -> bool {
    let argument = condition.argument.as_str();
    let path = Path::new(argument);
    let metadata = || fs::metadata(path).ok();
    match condition.test {
        Test::PathExists => path.exists(),
        Test::PathExistsGlob => glob_find(path).is_some(),
        Test::PathIsDirectory => path.is_dir(),
        Test::PathIsSymbolicLink => path.is_symlink(),
        Test::PathIsMountPoint => is_mount_point(path),
        Test::PathIsReadWrite => is_writable(path),
        Test::DirectoryNotEmpty => has_entries(path),
        Test::FileNotEmpty => metadata().is_some_and(|m| m.is_file() && m.len() > 0),
        Test::FileIsExecutable => {
            metadata().is_some_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
        }
        Test::KernelCommandLine => on_command_line(&facts.command_line, argument),
        Test::FirstBoot => boolean(argument).is_ok_and(|wanted| wanted == facts.first_boot),
        Test::Virtualization => virtualization(argument),
        Test::Architecture => matches!(argument, "x86-64" | "native"),
        Test::Host => {
            text::glob::matches(argument, &facts.host.hostname) || argument == facts.host.machine_id
        }
        Test::Capability => has_capability(argument),
        Test::User => matches!(argument, "0" | "root" | "@system"),
    }
}

/// Whether a path is a folder with something in it.
pub fn has_entries(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some())
}

/// A word alone matches itself and any assignment to it.
fn on_command_line(command_line: &str, argument: &str) -> bool {
    let mut words = command_line.split_whitespace();
    match argument.contains('=') {
        true => words.any(|word| word == argument),
        false => words.any(|word| word.split('=').next() == Some(argument)),
    }
}

/// A path that matches the pattern, whose wildcards stand in its components.
pub fn glob_find(pattern: &Path) -> Option<PathBuf> {
    let mut found = vec![Path::new("/").to_path_buf()];
    for component in pattern.components().skip(1) {
        let component = component.as_os_str().to_string_lossy();
        let mut next = Vec::new();
        for folder in found {
            if !component.contains(['*', '?', '[']) {
                next.push(folder.join(&*component));
                continue;
            }
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            let names = entries.map(|entry| entry.file_name());
            let matching = names.filter(|name| text::glob::matches(&component, &name.to_string_lossy()));
            next.extend(matching.map(|name| folder.join(name)));
        }
        found = next;
    }
    found.into_iter().find(|path| path.exists())
}

fn is_mount_point(path: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev());
    match path.parent() {
        None => true,
        Some(parent) => matches!((device(path), device(parent)), (Ok(own), Ok(above)) if own != above),
    }
}

fn is_writable(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|info| !info.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// The kernel names the hypervisor in /sys; without one, the processor's flag says that there is
/// one.
fn virtualization(wanted: &str) -> bool {
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let is_vm = flags.lines().any(|line| line.starts_with("flags") && line.contains(" hypervisor"));
    match wanted {
        "vm" => is_vm,
        "container" => false,
        name => match boolean(name) {
            Ok(wanted) => wanted == is_vm,
            Err(_) => {
                let vendor = fs::read_to_string("/sys/class/dmi/id/sys_vendor").unwrap_or_default();
                is_vm && vendor.to_ascii_lowercase().contains(&name.to_ascii_lowercase())
            }
        },
    }
}

/// Looks in the bounding set of this process.
fn has_capability(name: &str) -> bool {
    let Some(number) = text::capability::number(name) else {
        return false;
    };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bounding = bounding.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    bounding.is_some_and(|bits| bits & (1 << number) != 0)
}
