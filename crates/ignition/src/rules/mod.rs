//! What a config must keep to, beyond its shape. The rules are those of the specification that a config is
//! written for: `minor` is its version.

mod disks;
mod luks;
mod network;
mod nodes;
mod units;

use crate::config::Config;
use crate::keys::Keyed;
use crate::report::Severity;
use std::borrow::Cow;
use std::collections::HashSet;

/// A finding, whose place is a JSON path alone.
pub struct Finding {
    pub severity: Severity,
    pub path: String,
    pub message: String,
}

/// Holds a config to all rules.
pub fn check(config: &Config, minor: u32) -> Vec<Finding> {
    let mut rules = Rules { minor, found: Vec::new() };
    rules.ignition(&config.ignition);
    if let Some(arguments) = &config.kernel_arguments {
        let at = "$.kernelArguments";
        let mut seen = HashSet::new();
        rules.unique_among(&mut seen, &format!("{at}.shouldExist"), list(&arguments.should_exist));
        rules.unique_among(&mut seen, &format!("{at}.shouldNotExist"), list(&arguments.should_not_exist));
    }
    if let Some(passwd) = &config.passwd {
        rules.unique("$.passwd.groups", list(&passwd.groups));
        rules.unique("$.passwd.users", list(&passwd.users));
        for (index, user) in list(&passwd.users).iter().enumerate() {
            let at = format!("$.passwd.users.{index}");
            rules.unique(&format!("{at}.groups"), list(&user.groups));
            rules.unique(&format!("{at}.sshAuthorizedKeys"), list(&user.ssh_authorized_keys));
        }
    }
    if let Some(storage) = &config.storage {
        rules.nodes(storage);
        rules.disks(storage);
        rules.luks(list(&storage.luks));
    }
    if let Some(systemd) = &config.systemd {
        rules.units(list(&systemd.units));
    }
    rules.files_and_units(config);
    rules.found
}

/// A list of a config: one that is not there is empty.
pub fn list<T>(list: &Option<Vec<T>>) -> &[T] {
    list.as_deref().unwrap_or_default()
}

/// The text of a key, where it is there and not empty.
fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

struct Rules {
    /// The minor version that the config is written for.
    minor: u32,
    found: Vec<Finding>,
}

impl Rules {
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.found.push(Finding { severity: Severity::Error, path: path.into(), message: message.into() });
    }

    fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.found.push(Finding { severity: Severity::Warning, path: path.into(), message: message.into() });
    }

    /// Notes the error of a rule.
    fn hold(&mut self, path: String, result: Result<(), impl Into<String>>) {
        if let Err(message) = result {
            self.error(path, message);
        }
    }

    /// No two entries of a list have the same key.
    fn unique<T: Keyed>(&mut self, at: &str, list: &[T]) {
        self.unique_among(&mut HashSet::new(), at, list);
    }

    /// No two entries of lists that share their keys have the same.
    fn unique_among<'a, T: Keyed>(&mut self, seen: &mut HashSet<Cow<'a, str>>, at: &str, list: &'a [T]) {
        for (index, entry) in list.iter().enumerate() {
            let key = entry.key();
            if seen.contains(&key) {
                let message = match key.as_ref() {
                    "" => "two entries here have no name to tell them apart".to_owned(),
                    key => format!("{key:?} stands here more than once"),
                };
                self.error(format!("{at}.{index}"), message);
            } else {
                seen.insert(key);
            }
        }
    }
}

/// The longest path that the kernel takes, in bytes (path_resolution(7)).
const PATH_MAX: usize = 4095;

/// A path is absolute, and has no part that says nothing.
fn path(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("no path is given".to_owned());
    }
    if !text.starts_with('/') {
        return Err(format!(
            "the path {text} does not begin at the root: write it with a / at its beginning"
        ));
    }
    if text.len() > PATH_MAX {
        return Err(format!("the path has {} bytes, the kernel takes {PATH_MAX} at most", text.len()));
    }
    match clean(text) {
        clean if clean == text => Ok(()),
        clean => Err(format!("the path {text} is not in its shortest form: write {clean}")),
    }
}

/// The shortest path that names the same, by its letters alone.
fn clean(path: &str) -> String {
    let root = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if root => {}
            part => parts.push(part),
        }
    }
    match (root, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_short() {
        for (text, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/a/", "/a"),
            ("/a//b", "/a/b"),
            ("/a/./b/.", "/a/b"),
            ("/a/../b", "/b"),
            ("/../a", "/a"),
            ("", "."),
            (".", "."),
            ("a/..", "."),
            ("../a", "../a"),
            ("a/../../b", "../b"),
            ("/é/x", "/é/x"),
        ] {
            assert_eq!(clean(text), expected, "{text}");
        }
    }
}
