//! Settings of systemd.exec(5), "Sandboxing", "Capabilities", "System Call Filtering".

use std::collections::{BTreeMap, BTreeSet};

use crate::load::setter::{Outcome, Setter, text};
use crate::service::sandbox::{
    Access, Bind, Denial, DeviceName, DevicePolicy, DeviceRule, Filter, ProtectHome, ProtectProc,
    ProtectSystem, Rule, Sandbox, SystemCalls,
};
use crate::text::{capability, errno, syscall, value};

/// Address families by name (linux/socket.h).
const FAMILIES: [(&str, u32); 17] = [
    ("AF_UNIX", 1),
    ("AF_LOCAL", 1),
    ("AF_INET", 2),
    ("AF_AX25", 3),
    ("AF_APPLETALK", 5),
    ("AF_INET6", 10),
    ("AF_KEY", 15),
    ("AF_NETLINK", 16),
    ("AF_PACKET", 17),
    ("AF_RDS", 21),
    ("AF_TIPC", 30),
    ("AF_BLUETOOTH", 31),
    ("AF_ALG", 38),
    ("AF_VSOCK", 40),
    ("AF_QIPCRTR", 42),
    ("AF_SMC", 43),
    ("AF_XDP", 44),
];

/// Namespaces by name, and their bits of clone(2).
const NAMESPACES: [(&str, u64); 8] = [
    ("cgroup", 0x0200_0000),
    ("ipc", 0x0800_0000),
    ("net", 0x4000_0000),
    ("mnt", 0x0002_0000),
    ("pid", 0x2000_0000),
    ("user", 0x1000_0000),
    ("uts", 0x0400_0000),
    ("time", 0x0000_0080),
];

/// Applies one directive; false where it is none of these.
pub(super) fn assign(sandbox: &mut Sandbox, setter: &Setter, key: &str) -> Outcome<bool> {
    let flag = || value::boolean(setter.value).map_err(text);
    match key {
        "PrivateTmp" => sandbox.private_tmp = setter.value == "disconnected" || flag()?,
        "PrivateDevices" => sandbox.private_devices = flag()?,
        "PrivateNetwork" => sandbox.private_network = flag()?,
        "PrivateIPC" => sandbox.private_ipc = flag()?,
        "PrivateUsers" => {
            // The other words map more users than these two.
            sandbox.private_users = matches!(setter.value, "self" | "identity") || flag()?;
        }
        "ExecPaths" => paths(&mut sandbox.exec_paths, setter, true)?,
        "NoExecPaths" => paths(&mut sandbox.exec_paths, setter, false)?,
        "DevicePolicy" => {
            sandbox.device_policy = setter.choice(&[
                ("auto", DevicePolicy::Auto),
                ("closed", DevicePolicy::Closed),
                ("strict", DevicePolicy::Strict),
            ])?;
        }
        "DeviceAllow" => device_allow(sandbox, setter)?,
        "PrivateMounts" => sandbox.private_mounts = flag()?,
        "ProtectSystem" => {
            sandbox.protect_system = match setter.value {
                "full" => ProtectSystem::Full,
                "strict" => ProtectSystem::Strict,
                _ if flag_or("full or strict", setter)? => ProtectSystem::Yes,
                _ => ProtectSystem::No,
            };
        }
        "ProtectHome" => {
            sandbox.protect_home = match setter.value {
                "read-only" => ProtectHome::ReadOnly,
                "tmpfs" => ProtectHome::Tmpfs,
                _ if flag_or("read-only or tmpfs", setter)? => ProtectHome::Yes,
                _ => ProtectHome::No,
            };
        }
        "ProtectProc" => {
            sandbox.protect_proc = setter.choice(&[
                ("default", ProtectProc::Default),
                ("noaccess", ProtectProc::NoAccess),
                ("invisible", ProtectProc::Invisible),
                ("ptraceable", ProtectProc::Ptraceable),
            ])?;
        }
        "ProcSubset" => sandbox.proc_subset_pid = setter.choice(&[("all", false), ("pid", true)])?,
        "ProtectKernelTunables" => sandbox.protect_kernel_tunables = flag()?,
        "ProtectKernelModules" => sandbox.protect_kernel_modules = flag()?,
        "ProtectKernelLogs" => sandbox.protect_kernel_logs = flag()?,
        "ProtectControlGroups" => {
            // With a hierarchy of its own there would be less to see, but no more to change.
            sandbox.protect_control_groups = matches!(setter.value, "private" | "strict") || flag()?;
        }
        "ProtectClock" => sandbox.protect_clock = flag()?,
        "ProtectHostname" => sandbox.protect_hostname = setter.value == "private" || flag()?,
        "ReadOnlyPaths" | "ReadOnlyDirectories" => paths(&mut sandbox.paths, setter, Access::ReadOnly)?,
        "ReadWritePaths" | "ReadWriteDirectories" => paths(&mut sandbox.paths, setter, Access::Writable)?,
        "InaccessiblePaths" | "InaccessibleDirectories" => {
            paths(&mut sandbox.paths, setter, Access::Inaccessible)?
        }
        "BindPaths" => binds(sandbox, setter, false)?,
        "BindReadOnlyPaths" => binds(sandbox, setter, true)?,
        "TemporaryFileSystem" => setter.list(&mut sandbox.temporary, |word| {
            let (path, options) = word.split_once(':').unwrap_or((&word, ""));
            absolute(path)?;
            Ok((path.to_owned(), options.to_owned()))
        })?,
        "CapabilityBoundingSet" => sandbox.bounding = Some(capabilities(setter, sandbox.bounding)?),
        "AmbientCapabilities" => {
            let before = (sandbox.ambient != 0).then_some(sandbox.ambient);
            sandbox.ambient = capabilities(setter, before)?;
        }
        "RestrictAddressFamilies" => sandbox.address_families = families(setter, sandbox)?,
        "RestrictNamespaces" => sandbox.denied_namespaces = namespaces(setter, sandbox)?,
        "RestrictRealtime" => sandbox.restrict_realtime = flag()?,
        "RestrictSUIDSGID" => sandbox.restrict_suid_sgid = flag()?,
        "LockPersonality" => sandbox.lock_personality = flag()?,
        "MemoryDenyWriteExecute" => sandbox.memory_deny_write_execute = flag()?,
        "SystemCallFilter" => system_calls(&mut sandbox.system_calls, setter)?,
        "SystemCallErrorNumber" => {
            sandbox.denial = match setter.value {
                "" => None,
                word => Some(denial(word)?),
            };
        }
        "SystemCallArchitectures" => {
            let words = setter.words()?;
            let native = |word: &String| matches!(word.as_str(), "native" | "x86-64");
            sandbox.native_only = !words.is_empty() && words.iter().all(native);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn flag_or(words: &str, setter: &Setter) -> Outcome<bool> {
    value::boolean(setter.value).map_err(|_| format!("expected a boolean, {words}"))
}

fn absolute(path: &str) -> Outcome {
    match path.starts_with('/') {
        true => Ok(()),
        false => Err(format!("{path:?} must be an absolute path")),
    }
}

/// Takes `-` (it may be missing) and `+` (of the root folder that is not built) off a path.
fn marks(word: &str) -> (bool, &str) {
    let (optional, path) = match word.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    (optional, path.strip_prefix('+').unwrap_or(path))
}

/// A path without doubled or trailing slashes.
fn normal(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", parts.join("/"))
}

/// Adds a rule for each path; an empty value takes out those to the same effect.
fn paths<T: PartialEq + Copy>(rules: &mut Vec<Rule<T>>, setter: &Setter, effect: T) -> Outcome {
    if setter.value.is_empty() {
        rules.retain(|rule| rule.effect != effect);
        return Ok(());
    }
    for word in setter.words()? {
        let (optional, path) = marks(&word);
        absolute(path)?;
        rules.push(Rule { path: normal(path), effect, optional });
    }
    Ok(())
}

fn device_allow(sandbox: &mut Sandbox, setter: &Setter) -> Outcome {
    if setter.value.is_empty() {
        sandbox.devices.clear();
        return Ok(());
    }
    let words = setter.words()?;
    let (name, access) = match words.as_slice() {
        [name] => (name, "rwm"),
        [name, access] => (name, access.as_str()),
        _ => return Err("expected a device, and r, w, m or some of them".to_owned()),
    };
    let mut bits = 0;
    for letter in access.chars() {
        bits |= match letter {
            'm' => 1,
            'r' => 2,
            'w' => 4,
            _ => return Err(format!("{access:?} is not made of r, w and m")),
        };
    }
    let which = match (name.strip_prefix("char-"), name.strip_prefix("block-")) {
        (Some(name), _) => DeviceName::Char(name.to_owned()),
        (_, Some(name)) => DeviceName::Block(name.to_owned()),
        _ if name.starts_with('/') => DeviceName::Path(name.clone()),
        _ => return Err(format!("{name:?} is neither a path nor char-NAME nor block-NAME")),
    };
    sandbox.devices.push(DeviceRule { which, access: bits });
    Ok(())
}

fn binds(sandbox: &mut Sandbox, setter: &Setter, read_only: bool) -> Outcome {
    if setter.value.is_empty() {
        sandbox.binds.clear();
        return Ok(());
    }
    for word in setter.words()? {
        let (optional, rest) = marks(&word);
        let mut parts = rest.split(':');
        let source = parts.next().unwrap_or_default();
        let target = parts.next().filter(|target| !target.is_empty()).unwrap_or(source);
        absolute(source)?;
        absolute(target)?;
        let recursive = match parts.next() {
            None | Some("" | "rbind") => true,
            Some("norbind") => false,
            Some(other) => return Err(format!("{other:?} is neither rbind nor norbind")),
        };
        sandbox.binds.push(Bind {
            source: normal(source),
            target: normal(target),
            read_only,
            optional,
            recursive,
        });
    }
    Ok(())
}

/// The value without the `~` that inverts it, and whether that was there.
fn inverted(value: &str) -> (bool, &str) {
    match value.strip_prefix('~') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, value),
    }
}

fn words_of(setter: &Setter, value: &str) -> Outcome<Vec<String>> {
    Setter { name: setter.name, host: setter.host, value }.words()
}

/// A set of capabilities after one more line of it.
fn capabilities(setter: &Setter, before: Option<u64>) -> Outcome<u64> {
    let (invert, value) = inverted(setter.value);
    let mut named = 0u64;
    for word in words_of(setter, value)? {
        let number = capability::number(&word).ok_or_else(|| format!("there is no capability {word:?}"))?;
        named |= 1 << number;
    }
    Ok(match (invert, value.is_empty()) {
        (false, true) => 0,
        (true, _) => before.unwrap_or(u64::MAX) & !named,
        (false, false) => before.unwrap_or(0) | named,
    })
}

fn families(setter: &Setter, sandbox: &Sandbox) -> Outcome<Option<Filter<u32>>> {
    if setter.value.is_empty() {
        return Ok(None);
    }
    if setter.value == "none" {
        return Ok(Some(Filter::Allow(BTreeSet::new())));
    }
    let (invert, value) = inverted(setter.value);
    let mut named = BTreeSet::new();
    for word in words_of(setter, value)? {
        let family = FAMILIES.iter().find(|(name, _)| *name == word);
        named.insert(family.ok_or_else(|| format!("there is no address family {word:?}"))?.1);
    }
    Ok(Some(match (sandbox.address_families.clone(), invert) {
        (None, false) => Filter::Allow(named),
        (None, true) => Filter::Deny(named),
        (Some(filter), _) => add_to(filter, named, invert),
    }))
}

/// Adds a line to a filter: one of its own kind names more, one of the other kind takes away.
fn add_to<T: Ord + Clone>(filter: Filter<T>, named: BTreeSet<T>, invert: bool) -> Filter<T> {
    match (filter, invert) {
        (Filter::Allow(set), false) => Filter::Allow(&set | &named),
        (Filter::Allow(set), true) => Filter::Allow(&set - &named),
        (Filter::Deny(set), true) => Filter::Deny(&set | &named),
        (Filter::Deny(set), false) => Filter::Deny(&set - &named),
    }
}

fn namespaces(setter: &Setter, sandbox: &Sandbox) -> Outcome<u64> {
    let all = NAMESPACES.iter().fold(0, |bits, (_, bit)| bits | bit);
    if let Ok(denied) = value::boolean(setter.value) {
        return Ok(if denied { all } else { 0 });
    }
    let (invert, value) = inverted(setter.value);
    let mut named = 0;
    for word in words_of(setter, value)? {
        let namespace = NAMESPACES.iter().find(|(name, _)| *name == word);
        named |= namespace.ok_or_else(|| format!("there is no namespace {word:?}"))?.1;
    }
    Ok(match (invert, sandbox.denied_namespaces) {
        (true, denied) => denied | named,
        (false, 0) => all & !named,
        (false, denied) => denied & !named,
    })
}

fn denial(word: &str) -> Outcome<Denial> {
    if word == "kill" {
        return Ok(Denial::Kill);
    }
    let number = errno::number(word).ok_or_else(|| format!("{word:?} is neither an error nor `kill`"))?;
    Ok(Denial::Errno(number))
}

fn system_calls(filter: &mut Option<SystemCalls>, setter: &Setter) -> Outcome {
    if setter.value.is_empty() {
        *filter = None;
        return Ok(());
    }
    let (invert, value) = inverted(setter.value);
    let mut named: BTreeMap<u32, Option<Denial>> = BTreeMap::new();
    for word in words_of(setter, value)? {
        let (name, denial) = match word.split_once(':') {
            Some((name, word)) => (name, Some(denial(word)?)),
            None => (word.as_str(), None),
        };
        let numbers = match name.starts_with('@') {
            true => {
                syscall::group(name).ok_or_else(|| format!("there is no group of system calls {name:?}"))?
            }
            // A call of another architecture or another kernel is none that could be made here.
            false => syscall::number(name).into_iter().collect(),
        };
        named.extend(numbers.into_iter().map(|number| (number, denial)));
    }
    if named.is_empty() {
        return Err("none of these is a system call of this architecture".to_owned());
    }
    let filter = filter.get_or_insert_with(|| SystemCalls {
        is_allow_list: !invert,
        // What every program needs to begin and to end.
        named: match invert {
            true => BTreeMap::new(),
            false => syscall::group("@default").into_iter().flatten().map(|number| (number, None)).collect(),
        },
    });
    for (number, denial) in named {
        // A line of the other kind takes away, unless it says how a call is denied.
        if filter.is_allow_list == invert && (denial.is_none() || !filter.is_allow_list) {
            filter.named.remove(&number);
        } else {
            filter.named.insert(number, denial);
        }
    }
    Ok(())
}
