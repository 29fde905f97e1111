//! `udevadm info`: what is known of devices.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anyhow::{Context, Result, bail};
use devices::record;
use devices::sysfs::{DEVICES, Device, ROOT};
use devices::uevent::{self, Properties};
use sysfs::Kernel;

use crate::arguments::{self, Takes, both, long};

/// Runs `udevadm info`.
///
/// # Errors
/// The arguments make no sense, or a device is not there.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [
        both("query", 'q', Takes::Value),
        both("name", 'n', Takes::Value),
        both("path", 'p', Takes::Value),
        both("root", 'r', Takes::Nothing),
        long("property", Takes::Value),
        long("value", Takes::Nothing),
        long("no-pager", Takes::Nothing),
    ];
    let parsed = arguments::parse(arguments, &known)?;
    let mut paths = Vec::new();
    for (option, value) in &parsed.options {
        match (*option, value) {
            ("name", Some(name)) => paths.push(of_node(name)?),
            ("path", Some(path)) => paths.push(of_path(path)?),
            _ => {}
        }
    }
    for word in &parsed.words {
        paths.push(device(word)?);
    }
    if paths.is_empty() {
        bail!("name a device: /dev/NAME or /sys/PATH");
    }
    let wanted: Vec<&str> = parsed.values("property").flat_map(|list| list.split(',')).collect();
    let query = parsed.value("query").unwrap_or(if wanted.is_empty() { "all" } else { "property" });
    for path in &paths {
        let found = properties(path);
        let text = answer(query, path, &found, parsed.has("root"), &wanted, parsed.has("value"))?;
        print!("{text}");
    }
    Ok(0)
}

/// The path in sysfs of what a word names: a node, or a path.
///
/// # Errors
/// It is not there.
pub fn device(word: &str) -> Result<String> {
    if word.starts_with("/dev/") { of_node(word) } else { of_path(word) }
}

fn of_node(name: &str) -> Result<String> {
    let node = if name.starts_with('/') { name.to_owned() } else { format!("/dev/{name}") };
    let metadata = fs::metadata(&node).with_context(|| format!("cannot look at {node}"))?;
    let kind = match metadata.file_type() {
        kind if kind.is_block_device() => "block",
        kind if kind.is_char_device() => "char",
        _ => bail!("{node} is no device node"),
    };
    let (major, minor) = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
    of_path(&format!("{ROOT}/dev/{kind}/{major}:{minor}"))
}

fn of_path(path: &str) -> Result<String> {
    // Paths of events are without /sys.
    let path = if path.starts_with(ROOT) {
        path.to_owned()
    } else {
        format!("{ROOT}/{}", path.trim_start_matches('/'))
    };
    let whole = fs::canonicalize(&path).with_context(|| format!("no device is at {path}"))?;
    let whole = whole.to_string_lossy().into_owned();
    if !whole.starts_with(DEVICES) || !Path::new(&whole).join("uevent").exists() {
        bail!("{path} is no device");
    }
    Ok(whole)
}

/// What devd found out about a device; of one that it does not tell of, what the kernel says.
pub fn properties(path: &str) -> Properties {
    let mut found = record::file_name(path)
        .and_then(|name| fs::read(Path::new(layout::path::DEVICES).join(name)).ok())
        .map(|text| uevent::lines(&text))
        .unwrap_or_default();
    let device = Device::at(&Kernel, path);
    if found.is_empty() {
        found = device.uevent();
        if let Some(name) = found.get("DEVNAME").cloned() {
            found.insert("DEVNAME".to_owned(), format!("/dev/{name}"));
        }
        found.extend(device.subsystem().map(|subsystem| ("SUBSYSTEM".to_owned(), subsystem)));
    }
    found.remove("SYSPATH");
    found.insert("DEVPATH".to_owned(), path.strip_prefix(ROOT).unwrap_or(path).to_owned());
    found
}

fn answer(
    query: &str,
    path: &str,
    found: &Properties,
    root: bool,
    wanted: &[&str],
    value_only: bool,
) -> Result<String> {
    let get = |key: &str| found.get(key).map_or("", String::as_str);
    let short = |name: &'static str| {
        move |path: &str| {
            if name.is_empty() { path.to_owned() } else { path.trim_start_matches(name).to_owned() }
        }
    };
    let node = short(if root { "" } else { "/dev/" });
    let (name, links) =
        (node(get("DEVNAME")), get("DEVLINKS").split_whitespace().map(&node).collect::<Vec<_>>());
    Ok(match query {
        "path" => format!("{}\n", get("DEVPATH")),
        "name" if name.is_empty() => bail!("{path} has no node"),
        "name" => format!("{name}\n"),
        "symlink" => format!("{}\n", links.join(" ")),
        "property" => {
            let lines = found.iter().filter(|(key, _)| wanted.is_empty() || wanted.contains(&key.as_str()));
            lines
                .map(
                    |(key, value)| if value_only { format!("{value}\n") } else { format!("{key}={value}\n") },
                )
                .collect()
        }
        "all" => {
            let mut text = format!("P: {}\nM: {}\n", get("DEVPATH"), devices::sysfs::base_name(path));
            let trim = |path: &str| path.trim_start_matches("/dev/").to_owned();
            if !get("DEVNAME").is_empty() {
                text.push_str(&format!("N: {}\n", trim(get("DEVNAME"))));
            }
            text.extend(get("DEVLINKS").split_whitespace().map(|link| format!("S: {}\n", trim(link))));
            text.extend(found.iter().map(|(key, value)| format!("E: {key}={value}\n")));
            text.push('\n');
            text
        }
        other => bail!("unknown query {other}: property, name, symlink, path or all"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let found: Properties = [
            ("DEVNAME", "/dev/vda"),
            ("DEVPATH", "/devices/x/block/vda"),
            ("DEVLINKS", "/dev/disk/by-id/a /dev/disk/by-id/b"),
            ("ID_SERIAL", "s"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let path = "/sys/devices/x/block/vda";
        let ask = |query: &str, root, wanted: &[&str], value| {
            answer(query, path, &found, root, wanted, value).unwrap()
        };
        assert_eq!(ask("name", false, &[], false), "vda\n");
        assert_eq!(ask("name", true, &[], false), "/dev/vda\n");
        assert_eq!(ask("symlink", false, &[], false), "disk/by-id/a disk/by-id/b\n");
        assert_eq!(ask("symlink", true, &[], false), "/dev/disk/by-id/a /dev/disk/by-id/b\n");
        assert_eq!(ask("path", false, &[], false), "/devices/x/block/vda\n");
        assert_eq!(ask("property", false, &["ID_SERIAL"], false), "ID_SERIAL=s\n");
        assert_eq!(ask("property", false, &["ID_SERIAL"], true), "s\n");
        let all = ask("all", false, &[], false);
        assert!(all.starts_with("P: /devices/x/block/vda\nM: vda\nN: vda\nS: disk/by-id/a\nS: "), "{all}");
        assert!(all.ends_with("E: ID_SERIAL=s\n\n"), "{all}");
        assert!(answer("best", path, &found, false, &[], false).is_err());
        assert!(answer("name", path, &Properties::new(), false, &[], false).is_err());
    }
}
