//! Two configs made one. Where both say something, the child's word counts; entries of lists that have the same key
//! are made one entry, where the parent's stands, and the child's others follow.

use crate::config;
use crate::keys::Keyed;
use crate::rules::list;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Types of which two can be made one.
pub trait Merge: Clone {
    fn merge(&self, child: &Self) -> Self;
}

/// Which key is merged how, by the functions below.
macro_rules! merge {
    ($($type:ident { $($field:ident: $how:ident),* $(,)? })*) => {
        $(impl Merge for config::$type {
            fn merge(&self, child: &Self) -> Self {
                Self { $($field: $how(&self.$field, &child.$field)),* }
            }
        })*
    };
}

merge! {
    Config { ignition: both, kernel_arguments: part, passwd: part, storage: part, systemd: part }

    Ignition { config: part, proxy: part, security: part, timeouts: part, version: child }
    IgnitionConfig { merge: entries, replace: part }
    Proxy { http_proxy: word, https_proxy: word, no_proxy: entries }
    Security { tls: part }
    SecurityTls { certificate_authorities: entries }
    Timeouts { http_response_headers: word, http_total: word }
    Resource { compression: word, http_headers: headers, source: word, verification: part }
    HttpHeadersItem { name: child, value: word }
    Verification { hash: word }

    Passwd { groups: entries, users: entries }
    Group { gid: word, name: child, password_hash: word, should_exist: word, system: word }
    User {
        gecos: word, groups: entries, home_dir: word, name: child, no_create_home: word, no_log_init: word,
        no_user_group: word, password_hash: word, primary_group: word, shell: word, should_exist: word,
        ssh_authorized_keys: entries, system: word, uid: word,
    }

    Directory { group: part, mode: word, overwrite: word, path: child, user: part }
    File { append: all, contents: part, group: part, mode: word, overwrite: word, path: child, user: part }
    Link { group: part, hard: word, overwrite: word, path: child, target: word, user: part }
    NodeGroup { id: word, name: word }
    NodeUser { id: word, name: word }

    Disk { device: child, partitions: entries, wipe_table: word }
    Partition {
        guid: word, label: word, number: child, resize: word, should_exist: word, size_mib: word, start_mib: word,
        type_guid: word, wipe_partition_entry: word,
    }
    Raid { devices: entries, level: word, name: child, options: all, spares: word }
    Filesystem {
        device: child, format: word, label: word, mount_options: all, options: all, path: word, uuid: word,
        wipe_filesystem: word,
    }
    Luks {
        cex: part, clevis: part, device: word, discard: word, key_file: part, label: word, name: child,
        open_options: entries, options: all, uuid: word, wipe_volume: word,
    }
    Cex { enabled: word }
    Clevis { custom: part, tang: entries, threshold: word, tpm2: word }
    ClevisCustom { config: word, needs_network: word, pin: word }
    Tang { advertisement: word, thumbprint: word, url: child }

    Systemd { units: entries }
    Unit { contents: word, dropins: entries, enabled: word, mask: word, name: child }
    Dropin { contents: word, name: child }
}

/// Directories, files and links share one space of names: what the child puts at a path takes the place of what the
/// parent has there, of whatever kind.
impl Merge for config::Storage {
    fn merge(&self, child: &Self) -> Self {
        let (directories, files, links) = (keys(&child.directories), keys(&child.files), keys(&child.links));
        Self {
            directories: apart(&self.directories, &child.directories, &[&files, &links]),
            disks: entries(&self.disks, &child.disks),
            files: apart(&self.files, &child.files, &[&directories, &links]),
            filesystems: entries(&self.filesystems, &child.filesystems),
            links: apart(&self.links, &child.links, &[&directories, &files]),
            luks: entries(&self.luks, &child.luks),
            raid: entries(&self.raid, &child.raid),
        }
    }
}

/// An argument that the child wants gone is no longer wanted there, and the other way round.
impl Merge for config::KernelArguments {
    fn merge(&self, child: &Self) -> Self {
        let (there, gone) = (keys(&child.should_exist), keys(&child.should_not_exist));
        Self {
            should_exist: apart(&self.should_exist, &child.should_exist, &[&gone]),
            should_not_exist: apart(&self.should_not_exist, &child.should_not_exist, &[&there]),
        }
    }
}

/// An entry of a list of words, whose key is the word.
impl Merge for String {
    fn merge(&self, child: &Self) -> Self {
        child.clone()
    }
}

/// The child's word.
fn child<T: Clone>(_: &T, child: &T) -> T {
    child.clone()
}

/// The child's word, where it has one.
fn word<T: Clone>(parent: &Option<T>, child: &Option<T>) -> Option<T> {
    child.clone().or_else(|| parent.clone())
}

fn both<T: Merge>(parent: &T, child: &T) -> T {
    parent.merge(child)
}

/// A section: where both have it, its keys are merged.
fn part<T: Merge>(parent: &Option<T>, child: &Option<T>) -> Option<T> {
    match (parent, child) {
        (Some(parent), Some(child)) => Some(parent.merge(child)),
        (parent, child) => child.clone().or_else(|| parent.clone()),
    }
}

/// A list that only grows: the parent's, then the child's.
fn all<T: Clone>(parent: &Option<Vec<T>>, child: &Option<Vec<T>>) -> Option<Vec<T>> {
    some(list(parent).iter().chain(list(child)).cloned().collect())
}

/// A list whose entries have keys.
fn entries<T: Merge + Keyed>(parent: &Option<Vec<T>>, child: &Option<Vec<T>>) -> Option<Vec<T>> {
    apart(parent, child, &[])
}

/// Such a list, without those of the parent's entries whose keys the child has elsewhere.
fn apart<T: Merge + Keyed>(
    parent: &Option<Vec<T>>,
    child: &Option<Vec<T>>,
    elsewhere: &[&HashSet<Cow<'_, str>>],
) -> Option<Vec<T>> {
    let theirs: HashMap<Cow<'_, str>, &T> = list(child).iter().map(|entry| (entry.key(), entry)).collect();
    let ours: HashSet<Cow<'_, str>> = keys(parent);
    let kept = list(parent).iter().filter_map(|entry| match theirs.get(&entry.key()) {
        Some(child) => Some(entry.merge(child)),
        None if elsewhere.iter().any(|keys| keys.contains(&entry.key())) => None,
        None => Some(entry.clone()),
    });
    let new = list(child).iter().filter(|entry| !ours.contains(&entry.key())).cloned();
    some(kept.chain(new).collect())
}

/// Headers: one that the child names without a value is removed.
fn headers(
    parent: &Option<Vec<config::HttpHeadersItem>>,
    child: &Option<Vec<config::HttpHeadersItem>>,
) -> Option<Vec<config::HttpHeadersItem>> {
    let removed: HashSet<&str> =
        list(child).iter().filter(|header| header.value.is_none()).map(|header| &*header.name).collect();
    let kept = list(parent).iter().filter(|header| !removed.contains(&*header.name)).cloned().collect();
    let parents = keys(parent);
    let new = list(child).iter().filter(|header| header.value.is_some() || !parents.contains(&header.key()));
    entries(&some(kept), &some(new.cloned().collect()))
}

fn keys<T: Keyed>(entries: &Option<Vec<T>>) -> HashSet<Cow<'_, str>> {
    list(entries).iter().map(Keyed::key).collect()
}

/// A list without entries is none.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
