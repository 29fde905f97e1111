//! Units' names as people type them.

use anyhow::{Result, bail};
use unit::control::{Reply, Request, UnitStatus};
use unit::text::escape::escape_path;
use unit::text::glob;
use unit::{UnitName, UnitType};

use crate::client;

/// A unit's name: without a type it is a service, a path is the mount or device that is there.
///
/// # Errors
/// It is no name.
pub fn unit_name(text: &str) -> Result<UnitName> {
    with_suffix(text, "service")
}

/// A unit's name that without a type has the given one.
///
/// # Errors
/// It is no name.
pub fn with_suffix(text: &str, suffix: &str) -> Result<UnitName> {
    if text.starts_with('/') {
        let kind = if text.starts_with("/dev/") || text.starts_with("/sys/") { "device" } else { "mount" };
        match escape_path(text) {
            Some(path) => return Ok(UnitName::parse(&format!("{path}.{kind}"))?),
            None => bail!("{text} has .. in it, so it names no unit"),
        }
    }
    let has_type =
        text.rsplit_once('.').is_some_and(|(_, end)| UnitType::suffixes().any(|known| known == end));
    match has_type {
        true => Ok(UnitName::parse(text)?),
        false => Ok(UnitName::parse(&format!("{text}.{suffix}"))?),
    }
}

/// Whether a word stands for all that it matches.
pub fn is_pattern(word: &str) -> bool {
    word.contains(['*', '?', '['])
}

/// The units that words name; patterns stand for the loaded units that they match.
///
/// # Errors
/// A word is no name, or PID 1 cannot be asked.
pub fn units(words: &[String]) -> Result<Vec<UnitName>> {
    if !words.iter().any(|word| is_pattern(word)) {
        return words.iter().map(|word| unit_name(word)).collect();
    }
    let loaded = loaded()?;
    let mut units = Vec::new();
    for word in words {
        if !is_pattern(word) {
            units.push(unit_name(word)?);
            continue;
        }
        let names = loaded.iter().filter(|unit| unit.load == "loaded" && matches(word, &unit.name));
        units.extend(names.filter_map(|unit| UnitName::parse(&unit.name).ok()));
    }
    Ok(units)
}

/// Whether a pattern, which without a type is one of services, matches a name.
pub fn matches(pattern: &str, name: &str) -> bool {
    glob::matches(pattern, name) || glob::matches(&format!("{pattern}.service"), name)
}

/// Every unit that is loaded.
///
/// # Errors
/// PID 1 cannot be asked.
pub fn loaded() -> Result<Vec<UnitStatus>> {
    match client::ask(&Request::List)? {
        Reply::List { units } => Ok(units),
        other => client::unexpected(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_people_type_them() {
        for (text, name) in [
            ("etcd", "etcd.service"),
            ("etcd.service", "etcd.service"),
            ("a.b", "a.b.service"),
            ("x.target", "x.target"),
            ("getty@tty1", "getty@tty1.service"),
            ("/var/lib/etcd/", "var-lib-etcd.mount"),
            ("/dev/sda", "dev-sda.device"),
            ("/", "-.mount"),
        ] {
            assert_eq!(unit_name(text).unwrap().as_str(), name, "{text}");
        }
        assert_eq!(with_suffix("rescue", "target").unwrap().as_str(), "rescue.target");
        for text in ["", "a b", "/a/../b", ".service"] {
            assert!(unit_name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("etcd*", "etcd.service", true),
            ("etc?", "etcd.service", true),
            ("*.target", "a.target", true),
            ("etc?", "etcd.target", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
