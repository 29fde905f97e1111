//! Testing `Condition...=` and `Assert...=`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use unit::condition::{self, Condition, Test, unmet};
use unit::manager::Verdict;
use unit::text::specifier::Host;
use unit::text::value::boolean;
use unit::{Unit, text, virt};

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
        Test::Virtualization => {
            let found = virt::detect(|path| fs::read_to_string(path).ok());
            virt::matches(argument, found)
        }
        Test::Architecture => matches!(argument, "x86-64" | "native"),
        Test::Host => {
            text::glob::matches(argument, &facts.host.hostname) || argument == facts.host.machine_id
        }
        Test::Capability => has_capability(argument),
        Test::User => matches!(argument, "0" | "root" | "@system"),
        Test::Group => matches!(argument, "0" | "root"),
        Test::KernelVersion => {
            argument.split_whitespace().all(|word| version_holds(word, &facts.host.kernel_release))
        }
        Test::Memory => amount_holds(argument, crate::cgroups::total_memory()),
        Test::CPUs => {
            amount_holds(argument, std::thread::available_parallelism().map_or(1, |count| count.get() as u64))
        }
        Test::CPUFeature => has_processor_flag(argument),
        Test::OSRelease => argument.split_whitespace().all(os_release_holds),
        Test::Firmware if argument == "uefi" => Path::new("/sys/firmware/efi").exists(),
        Test::Firmware => condition::smbios_field(argument).is_some_and(|(field, rest)| {
            let value = fs::read_to_string(Path::new("/sys/class/dmi/id").join(field)).unwrap_or_default();
            field_holds(rest, value.trim())
        }),
        Test::ControlGroupController => has_controllers(argument),
        Test::Environment => match argument.split_once('=') {
            Some((name, value)) => std::env::var(name).is_ok_and(|set| set == value),
            None => std::env::var_os(argument).is_some(),
        },
        Test::NeedsUpdate | Test::Credential => false,
        Test::ACPower => boolean(argument).is_ok_and(|wanted| wanted == on_mains()),
        Test::Security => has_security(argument),
        Test::PathIsEncrypted => is_encrypted(path),
    }
}

/// A comparison with a version, or a pattern for it.
fn version_holds(text: &str, version: &str) -> bool {
    match condition::comparison(text) {
        ("$=", pattern) => text::glob::matches(pattern, version),
        ("=" | "!=", pattern) if pattern.contains(['*', '?', '[']) => {
            text::glob::matches(pattern, version) != text.starts_with('!')
        }
        (operator, wanted) => condition::satisfies(operator, condition::compare_versions(version, wanted)),
    }
}

/// A comparison with a number, `>=` where none is written.
fn amount_holds(text: &str, actual: u64) -> bool {
    let is_bare = text.starts_with(|c: char| c.is_ascii_digit());
    let (operator, number) = condition::comparison(text);
    let operator = if is_bare { ">=" } else { operator };
    text::value::bytes(number).is_some_and(|wanted| condition::satisfies(operator, actual.cmp(&wanted)))
}

fn has_processor_flag(flag: &str) -> bool {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = info.lines().find(|line| line.starts_with("flags")).and_then(|line| line.split_once(':'));
    flags.is_some_and(|(_, flags)| flags.split_whitespace().any(|known| known == flag))
}

/// One word of `ConditionOSRelease=`: a field, an operator, a value.
fn os_release_holds(word: &str) -> bool {
    let Some(at) = word.find(['=', '<', '>', '!', '$']) else {
        return false;
    };
    let (field, rest) = word.split_at(at);
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let fields = text::environment::parse(&release);
    let value = fields.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value.as_str());
    field_holds(rest, value)
}

/// A comparison with a word, in quotes or not, or with a version.
fn field_holds(text: &str, value: &str) -> bool {
    match condition::comparison(text) {
        ("=", wanted) => value == wanted.trim_matches('"'),
        ("!=", wanted) => value != wanted.trim_matches('"'),
        ("$=", pattern) => text::glob::matches(pattern.trim_matches('"'), value),
        _ => version_holds(text, value),
    }
}

fn has_controllers(names: &str) -> bool {
    let path = Path::new(crate::cgroups::MOUNT_POINT).join("cgroup.controllers");
    let controllers = fs::read_to_string(path).unwrap_or_default();
    let has = |name: &str| name == "v2" || controllers.split_whitespace().any(|known| known == name);
    names.split_whitespace().all(has)
}

/// Without a battery it is mains power.
fn on_mains() -> bool {
    let supplies = fs::read_dir("/sys/class/power_supply").into_iter().flatten().flatten();
    let read = |path: std::path::PathBuf| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let mains: Vec<String> = supplies
        .map(|supply| supply.path())
        .filter(|path| read(path.join("type")) == "Mains")
        .map(|path| read(path.join("online")))
        .collect();
    mains.is_empty() || mains.iter().any(|online| online == "1")
}

fn has_security(name: &str) -> bool {
    match name {
        "audit" => Path::new("/proc/self/loginuid").exists(),
        "tpm2" => Path::new("/sys/class/tpm/tpm0").exists(),
        "uefi-secureboot" => {
            let variable = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
            fs::read(variable).is_ok_and(|bytes| bytes.last() == Some(&1))
        }
        "measured-uki" => false,
        module => {
            let modules = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
            modules.trim().split(',').any(|known| known == module)
        }
    }
}

/// Whether the block device that a path is on is a dm-crypt mapping.
fn is_encrypted(path: &Path) -> bool {
    let Ok(metadata) = fs::metadata(path) else {
        return false;
    };
    let (major, minor) = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
    let uuid = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/dm/uuid")).unwrap_or_default();
    uuid.starts_with("CRYPT-")
}

/// Whether a path is a folder with something in it.
pub fn has_entries(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some())
}

/// A word alone matches itself and any assignment to it.
fn on_command_line(command_line: &str, argument: &str) -> bool {
    let (wanted, assigned) = match argument.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (argument, None),
    };
    layout::args::words(command_line)
        .any(|(name, value)| name == wanted && (assigned.is_none() || value.as_deref() == assigned))
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
