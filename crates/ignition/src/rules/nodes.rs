//! Files, directories and links.

use super::{PATH_MAX, Rules, clean, filled, list, path};
use crate::config::{Config, NodeGroup, NodeUser, Storage};
use std::collections::{HashMap, HashSet};

/// Where the units of a config go.
const UNITS: &str = "/etc/systemd/system";

impl Rules {
    pub fn nodes(&mut self, storage: &Storage) {
        let (directories, files, links) =
            (list(&storage.directories), list(&storage.files), list(&storage.links));
        let mut seen = HashSet::new();
        self.unique_among(&mut seen, "$.storage.directories", directories);
        self.unique_among(&mut seen, "$.storage.files", files);
        self.unique_among(&mut seen, "$.storage.links", links);

        let links_at: HashSet<&str> = links.iter().map(|link| &*link.path).collect();
        let directories_at: HashSet<&str> = directories.iter().map(|directory| &*directory.path).collect();
        for (index, directory) in directories.iter().enumerate() {
            let at = format!("$.storage.directories.{index}");
            self.node(&at, &directory.path, &directory.user, &directory.group, &links_at);
            self.mode(&at, directory.mode);
        }
        for (index, file) in files.iter().enumerate() {
            let at = format!("$.storage.files.{index}");
            self.node(&at, &file.path, &file.user, &file.group, &links_at);
            self.mode(&at, file.mode);
            let source = file.contents.as_ref().and_then(|contents| contents.source.as_ref());
            if file.overwrite == Some(true) && source.is_none() {
                let message =
                    "overwrite is true, but contents has no source: say overwrite: false, or give a source";
                self.error(format!("{at}.overwrite"), message);
            }
            if let Some(contents) = &file.contents {
                self.resource(&format!("{at}.contents"), contents);
            }
            for (index, append) in list(&file.append).iter().enumerate() {
                self.resource(&format!("{at}.append.{index}"), append);
            }
        }
        for (index, link) in links.iter().enumerate() {
            let at = format!("$.storage.links.{index}");
            self.node(&at, &link.path, &link.user, &link.group, &links_at);
            if filled(&link.target).is_none() && self.minor >= 3 {
                self.error(format!("{at}.target"), "the link has no target");
                continue;
            }
            if link.hard != Some(true) {
                continue;
            }
            let target = link.target.as_deref().unwrap_or_default();
            let target = if target.starts_with('/') {
                clean(target)
            } else {
                clean(&format!("{}/{target}", link.path))
            };
            if directories_at.contains(&*target) {
                self.error(
                    &*at,
                    format!("the hard link's target {target} is a directory: make a symbolic link"),
                );
            }
            let (user, group) = (link.user.as_ref(), link.group.as_ref());
            for (key, given) in [
                ("user.id", user.is_some_and(|user| user.id.is_some())),
                ("user.name", user.is_some_and(|user| user.name.is_some())),
                ("group.id", group.is_some_and(|group| group.id.is_some())),
                ("group.name", group.is_some_and(|group| group.name.is_some())),
            ] {
                if given {
                    self.warn(format!("{at}.{key}"), "a hard link has its target's owner; this is ignored");
                }
            }
        }
    }

    /// What all three have in common.
    fn node(
        &mut self,
        at: &str,
        text: &str,
        user: &Option<NodeUser>,
        group: &Option<NodeGroup>,
        links: &HashSet<&str>,
    ) {
        self.hold(format!("{at}.path"), path(text));
        let parents = text.match_indices('/').map(|(index, _)| &text[..index]);
        for above in parents.filter(|_| text.len() <= PATH_MAX) {
            if links.contains(above) {
                self.error(
                    at,
                    format!("{text} leads through {above}, which is a link of this config: name its target"),
                );
            }
        }
        let user = user.as_ref().is_some_and(|user| user.id.is_some() && filled(&user.name).is_some());
        let group = group.as_ref().is_some_and(|group| group.id.is_some() && filled(&group.name).is_some());
        for (key, both) in [("user", user), ("group", group)] {
            if both {
                self.error(format!("{at}.{key}"), "both an id and a name are given: give one");
            }
        }
    }

    fn mode(&mut self, at: &str, mode: Option<i64>) {
        let Some(mode) = mode else { return };
        let at = format!("{at}.mode");
        if !(0..=0o7777).contains(&mode) {
            self.error(
                &*at,
                format!("{mode} is no mode: a mode is the decimal number, from 0 to 4095 (octal 7777)"),
            );
        }
        if self.minor < 6 && mode & 0o7000 != 0 {
            self.warn(
                at,
                "the set-user-id, set-group-id and sticky bits came with version 3.6.0; they are left out",
            );
        }
    }

    /// No node stands where a unit of the config goes.
    pub fn files_and_units(&mut self, config: &Config) {
        let units = config.systemd.as_ref().map(|systemd| list(&systemd.units)).unwrap_or_default();
        let mut taken = HashMap::new();
        for unit in units {
            if filled(&unit.contents).is_some() {
                taken.insert(format!("{UNITS}/{}", unit.name), &unit.name);
            }
            for dropin in list(&unit.dropins).iter().filter(|dropin| filled(&dropin.contents).is_some()) {
                taken.insert(format!("{UNITS}/{}.d/{}", unit.name, dropin.name), &unit.name);
            }
        }
        let Some(storage) = config.storage.as_ref().filter(|_| !taken.is_empty()) else { return };
        let directories = list(&storage.directories).iter().map(|node| &node.path).enumerate();
        let files = list(&storage.files).iter().map(|node| &node.path).enumerate();
        let links = list(&storage.links).iter().map(|node| &node.path).enumerate();
        let nodes = directories.map(|node| ("directories", node)).chain(files.map(|node| ("files", node)));
        for (kind, (index, path)) in nodes.chain(links.map(|node| ("links", node))) {
            if let Some(unit) = taken.get(path) {
                let message = format!(
                    "{path} is also written for the unit {unit} in systemd.units: keep one of the two"
                );
                self.error(format!("$.storage.{kind}.{index}.path"), message);
            }
        }
    }
}
