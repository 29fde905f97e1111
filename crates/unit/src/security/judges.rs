//! Checks that know more than yes and no.

use std::net::IpAddr;

use super::Subject;
use crate::service::config::NotifyAccess;
use crate::service::sandbox::{
    DeviceName, DevicePolicy, Filter, Keyring, Prefix, PrivateTmp, PrivateUsers, ProtectControlGroups,
    ProtectHome, ProtectProc, ProtectSystem,
};
use crate::text::{capability, syscall};

/// How bad it is, none where it does not matter, and in words.
pub(super) type Judgement = (Option<u64>, String);

fn said(badness: u64, words: &str) -> Judgement {
    (Some(badness), words.to_owned())
}

fn is_root(subject: Subject) -> bool {
    matches!(subject.service.exec.user.as_deref(), None | Some("root" | "0"))
}

pub(super) fn user(subject: Subject) -> Judgement {
    match subject.service.exec.user.as_deref() {
        _ if is_root(subject) => said(10, "It runs as root"),
        Some("nobody") => {
            said(9, "It runs as nobody, who owns what belongs to no user, and is no service's own")
        }
        _ => said(0, "It runs as a user of its own"),
    }
}

/// For what matters to ordinary users only.
pub(super) fn unless_root(subject: Subject, is_good: bool, good: &str, bad: &str) -> Judgement {
    match (is_root(subject), is_good) {
        (true, _) => (None, "It runs as root, to whom this makes no difference".to_owned()),
        (false, true) => said(0, good),
        (false, false) => said(1, bad),
    }
}

pub(super) fn groups(subject: Subject) -> Judgement {
    let has_none = subject.service.exec.supplementary_groups.is_empty();
    unless_root(subject, has_none, "It is in no further groups", "It is in further groups")
}

pub(super) fn remove_ipc(subject: Subject) -> Judgement {
    let removes = subject.service.exec.sandbox.remove_ipc;
    unless_root(subject, removes, "It leaves no objects of IPC behind", "It may leave objects of IPC behind")
}

pub(super) fn protect_home(subject: Subject) -> Judgement {
    match subject.service.exec.sandbox.protect_home {
        ProtectHome::No => said(10, "It can use people's files"),
        ProtectHome::ReadOnly => said(5, "It can read people's files"),
        ProtectHome::Tmpfs => said(1, "It sees folders for people's files, and they are empty"),
        ProtectHome::Yes => said(0, "It cannot reach people's files"),
    }
}

pub(super) fn protect_system(subject: Subject) -> Judgement {
    match subject.service.exec.sandbox.protect_system {
        ProtectSystem::No => said(10, "It can change all files of the system"),
        ProtectSystem::Yes => said(5, "It can change the system's files, but not its programs"),
        ProtectSystem::Full => said(3, "It can change data, but neither programs nor configuration"),
        ProtectSystem::Strict => said(0, "It can change no files but those that it is given"),
    }
}

pub(super) fn umask(subject: Subject) -> Judgement {
    let umask = subject.service.exec.umask;
    let has = |bit: u32| umask & bit != 0;
    match () {
        () if !has(0o002) => said(10, "Everybody may change the files that it makes"),
        () if !has(0o004) => said(5, "Everybody may read the files that it makes"),
        () if !has(0o020) => said(2, "Its group may change the files that it makes"),
        () if !has(0o040) => said(1, "Its group may read the files that it makes"),
        () => said(0, "The files that it makes are for its user alone"),
    }
}

pub(super) fn protect_proc(subject: Subject) -> Judgement {
    match subject.service.exec.sandbox.protect_proc {
        ProtectProc::Default => said(3, "It sees the processes of others"),
        ProtectProc::NoAccess => said(1, "It sees that there are processes of others, and no more"),
        ProtectProc::Invisible | ProtectProc::Ptraceable => said(0, "It sees no processes of others"),
    }
}

pub(super) fn architectures(subject: Subject) -> Judgement {
    let sandbox = &subject.service.exec.sandbox;
    match (sandbox.native_only, sandbox.other_architectures) {
        (true, _) => said(0, "It can make system calls of this architecture only"),
        (false, true) => said(8, "It can make system calls of several architectures"),
        (false, false) => said(10, "It can make system calls of every architecture"),
    }
}

/// Whether a group of system calls is kept from it.
pub(super) fn calls(subject: Subject, group: &str) -> Judgement {
    let Some(filter) = &subject.service.exec.sandbox.system_calls else {
        return said(10, "It can make every system call");
    };
    if !filter.is_allow_list && filter.named.is_empty() {
        return said(10, "It can make every system call");
    }
    let members = syscall::group(group).unwrap_or_default();
    let allowed = members.iter().find(|number| filter.allows(**number));
    match allowed.and_then(|number| syscall::name(*number)) {
        None => said(0, &format!("It can make none of {group}")),
        Some(call) => {
            let badness = if filter.is_allow_list { 9 } else { 10 };
            said(badness, &format!("It can make some of {group}, such as {call}"))
        }
    }
}

/// Which of the families a check is about.
#[derive(Clone, Copy)]
pub(super) enum Families {
    These(&'static [u32]),
    /// All that have no check of their own.
    Others,
}

/// `AF_UNIX`, `AF_INET`, `AF_INET6`, `AF_NETLINK`, `AF_PACKET`.
const WITH_CHECKS: [u32; 5] = [1, 2, 10, 16, 17];

/// Whether sockets of some families are kept from it, as far as one of them is named.
pub(super) fn families(subject: Subject, which: Families) -> bool {
    let (set, is_allow_list) = match &subject.service.exec.sandbox.address_families {
        None => return false,
        Some(Filter::Allow(set)) => (set, true),
        Some(Filter::Deny(set)) => (set, false),
    };
    let is_meant = |family: &u32| match which {
        Families::These(families) => families.contains(family),
        Families::Others => !WITH_CHECKS.contains(family),
    };
    set.iter().any(is_meant) != is_allow_list
}

pub(super) fn addresses(subject: Subject) -> Judgement {
    let sandbox = &subject.service.exec.sandbox;
    let denies_all = |is_four: bool| {
        let mut denied = sandbox.denied_addresses.iter();
        denied.any(|prefix| prefix.length == 0 && prefix.address.is_ipv4() == is_four)
    };
    if !(denies_all(true) && denies_all(false)) {
        return said(10, "It can exchange packets with every address");
    }
    let is_local = |prefix: &Prefix| match prefix.address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => address.is_loopback(),
    };
    match sandbox.allowed_addresses.iter().all(is_local) {
        false => said(5, "It can exchange packets with some other machines"),
        true if sandbox.allowed_addresses.is_empty() => said(0, "It can exchange packets with nobody"),
        true => said(2, "It can exchange packets within this machine"),
    }
}

pub(super) fn devices(subject: Subject) -> Judgement {
    let sandbox = &subject.service.exec.sandbox;
    if sandbox.device_policy() == DevicePolicy::Auto {
        return said(10, "It can use every device that its user may");
    }
    let names = sandbox.device_rules().into_iter().map(|rule| match rule.which {
        DeviceName::Path(path) => path,
        DeviceName::Block(name) => format!("block-{name}"),
        DeviceName::Char(name) => format!("char-{name}"),
    });
    match names.collect::<Vec<_>>().as_slice() {
        [] => said(0, "It can use the devices of every program only"),
        some => said(5, &format!("It can use, beside the devices of every program, {}", some.join(" "))),
    }
}

/// Whether it can have none of these capabilities.
pub(super) fn capabilities(subject: Subject, names: &[&str]) -> bool {
    let set = subject.service.exec.sandbox.bounding_set().unwrap_or(u64::MAX);
    names.iter().filter_map(|name| capability::number(name)).all(|number| set & (1 << number) == 0)
}

pub(super) fn has_private_mounts(subject: Subject) -> bool {
    let sandbox = &subject.service.exec.sandbox;
    sandbox.private_mounts == Some(true)
        || sandbox.private_devices
        || sandbox.private_tmp != PrivateTmp::No
        || sandbox.protect_control_groups != ProtectControlGroups::No
        || sandbox.protect_kernel_tunables
        || sandbox.protect_kernel_modules
        || sandbox.protect_kernel_logs
        || sandbox.protect_home != ProtectHome::No
        || sandbox.protect_system != ProtectSystem::No
}

pub(super) fn has_private_tmp(subject: Subject) -> bool {
    subject.service.exec.sandbox.private_tmp != PrivateTmp::No
}

pub(super) fn has_private_users(subject: Subject) -> bool {
    subject.service.exec.sandbox.private_users != PrivateUsers::No
}

pub(super) fn protects_control_groups(subject: Subject) -> bool {
    subject.service.exec.sandbox.protect_control_groups != ProtectControlGroups::No
}

pub(super) fn has_own_keyring(subject: Subject) -> bool {
    subject.service.exec.sandbox.keyring == Keyring::Private
}

pub(super) fn hears_main_process_only(subject: Subject) -> bool {
    subject.service.notify_access != NotifyAccess::All
}
