//! Settings of systemd.exec(5), "Sandboxing", "Capabilities", "System Call Filtering".

mod addresses;
mod lists;
mod paths;

use crate::load::setter::{Outcome, Setter, text};
use crate::service::sandbox::{
    Access, DevicePolicy, Keyring, PrivateTmp, PrivateUsers, Propagation, ProtectControlGroups, ProtectHome,
    ProtectProc, ProtectSystem, Sandbox,
};
use crate::text::value;

/// Applies one directive; false where it is none of these.
pub(super) fn assign(sandbox: &mut Sandbox, setter: &Setter, key: &str) -> Outcome<bool> {
    let flag = || value::boolean(setter.value).map_err(text);
    match key {
        "PrivateTmp" => {
            sandbox.private_tmp = match setter.value {
                "disconnected" => PrivateTmp::Disconnected,
                _ if flag_or("disconnected", setter)? => PrivateTmp::Yes,
                _ => PrivateTmp::No,
            };
        }
        "PrivateDevices" => sandbox.private_devices = flag()?,
        "PrivateNetwork" => sandbox.private_network = flag()?,
        "PrivateIPC" => sandbox.private_ipc = flag()?,
        "PrivatePIDs" => sandbox.private_pids = flag()?,
        "NetworkNamespacePath" => optional_path(&mut sandbox.network_namespace, setter)?,
        "IPCNamespacePath" => optional_path(&mut sandbox.ipc_namespace, setter)?,
        "MountFlags" => {
            sandbox.propagation = setter.choice(&[
                ("", Propagation::Shared),
                ("shared", Propagation::Shared),
                ("slave", Propagation::Slave),
                ("private", Propagation::Private),
            ])?;
        }
        "PrivateUsers" => {
            sandbox.private_users = match setter.value {
                "self" => PrivateUsers::Own,
                "identity" => PrivateUsers::Identity,
                _ if flag_or("self or identity", setter)? => PrivateUsers::Own,
                _ => PrivateUsers::No,
            };
        }
        "ExecPaths" => paths::paths(&mut sandbox.exec_paths, setter, true)?,
        "NoExecPaths" => paths::paths(&mut sandbox.exec_paths, setter, false)?,
        "DevicePolicy" => {
            sandbox.device_policy = setter.choice(&[
                ("auto", DevicePolicy::Auto),
                ("closed", DevicePolicy::Closed),
                ("strict", DevicePolicy::Strict),
            ])?;
        }
        "DeviceAllow" => paths::device_allow(sandbox, setter)?,
        "PrivateMounts" => sandbox.private_mounts = Some(flag()?),
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
            sandbox.protect_control_groups = match setter.value {
                "private" => ProtectControlGroups::Private,
                "strict" => ProtectControlGroups::Strict,
                _ if flag_or("private or strict", setter)? => ProtectControlGroups::Yes,
                _ => ProtectControlGroups::No,
            };
        }
        "ProtectClock" => sandbox.protect_clock = flag()?,
        "ProtectHostname" => sandbox.protect_hostname = setter.value == "private" || flag()?,
        "ReadOnlyPaths" | "ReadOnlyDirectories" => {
            paths::paths(&mut sandbox.paths, setter, Access::ReadOnly)?;
        }
        "ReadWritePaths" | "ReadWriteDirectories" => {
            paths::paths(&mut sandbox.paths, setter, Access::Writable)?;
        }
        "InaccessiblePaths" | "InaccessibleDirectories" => {
            paths::paths(&mut sandbox.paths, setter, Access::Inaccessible)?;
        }
        "BindPaths" => paths::binds(sandbox, setter, false)?,
        "BindReadOnlyPaths" => paths::binds(sandbox, setter, true)?,
        "TemporaryFileSystem" => setter.list(&mut sandbox.temporary, |word| {
            let (path, options) = word.split_once(':').unwrap_or((&word, ""));
            paths::absolute(path)?;
            Ok((path.to_owned(), options.to_owned()))
        })?,
        "CapabilityBoundingSet" => lists::bounding(&mut sandbox.bounding, setter)?,
        "AmbientCapabilities" => lists::ambient(&mut sandbox.ambient, setter)?,
        "SecureBits" => lists::secure_bits(&mut sandbox.secure_bits, setter)?,
        "KeyringMode" => {
            sandbox.keyring = setter.choice(&[
                ("private", Keyring::Private),
                ("inherit", Keyring::Inherit),
                ("shared", Keyring::Shared),
            ])?;
        }
        "RemoveIPC" => sandbox.remove_ipc = flag()?,
        "IPAddressAllow" => addresses::add(&mut sandbox.allowed_addresses, setter)?,
        "IPAddressDeny" => addresses::add(&mut sandbox.denied_addresses, setter)?,
        "RestrictAddressFamilies" => lists::families(&mut sandbox.address_families, setter)?,
        "RestrictNamespaces" => lists::namespaces(sandbox, setter)?,
        "RestrictRealtime" => sandbox.restrict_realtime = flag()?,
        "RestrictSUIDSGID" => sandbox.restrict_suid_sgid = flag()?,
        "LockPersonality" => sandbox.lock_personality = flag()?,
        "MemoryDenyWriteExecute" => sandbox.memory_deny_write_execute = flag()?,
        "SystemCallFilter" => lists::system_calls(&mut sandbox.system_calls, setter)?,
        "SystemCallLog" => lists::logged_calls(&mut sandbox.logged_calls, setter)?,
        "SystemCallErrorNumber" => {
            sandbox.denial = match setter.value {
                "" => None,
                word => Some(lists::denial(word)?),
            };
        }
        "SystemCallArchitectures" => {
            let words = setter.words()?;
            let native = |word: &String| matches!(word.as_str(), "native" | "x86-64");
            sandbox.other_architectures = !words.iter().all(native);
            sandbox.native_only = !words.is_empty() && !sandbox.other_architectures;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn flag_or(words: &str, setter: &Setter) -> Outcome<bool> {
    value::boolean(setter.value).map_err(|_| format!("expected a boolean, {words}"))
}

fn optional_path(option: &mut Option<String>, setter: &Setter) -> Outcome {
    let path = setter.expanded()?;
    if !path.is_empty() {
        paths::absolute(&path)?;
    }
    *option = Some(path).filter(|path| !path.is_empty());
    Ok(())
}
