//! `with_mount_unit`: a filesystem of the config, mounted by a unit at each boot.

use serde_json::{Value as Json, json};
use unit::text::escape::escape_path;

use super::{Object, is_set, items, list, section, text};
use crate::Variant;
use crate::read::{Path, Reader};

/// The first version with units for swap.
const SWAPS: u8 = 4;
/// The first version of fcos that mounts only below /etc and /var.
const NARROW: u8 = 6;

pub(super) fn check(reader: &mut Reader<'_>, filesystem: &Object, path: &Path) {
    let filesystem = Json::Object(filesystem.clone());
    if !is_set(&filesystem, "withMountUnit") {
        return;
    }
    let unit = path.key("with_mount_unit");
    let Some(format) = text(&filesystem, "format") else {
        reader.error(&unit, "a mount unit needs the filesystem's `format`");
        return;
    };
    let swap = format == "swap" && reader.format.version >= SWAPS;
    let narrow = reader.format.variant == Variant::Fcos && reader.format.version >= NARROW;
    let place = text(&filesystem, "path");
    let below = |place: &str, parents: &[&str]| {
        parents.iter().any(|parent| std::path::Path::new(place).starts_with(parent))
    };
    match place {
        None if !swap => reader.error(&unit, "a mount unit needs the filesystem's `path`"),
        Some(place) if escape_path(place).is_none() => {
            reader.error(&path.key("path"), "a path with `..` in it names no mount unit");
        }
        Some(place) if narrow && !below(place, &["/etc", "/var"]) => {
            reader.error(&path.key("path"), "with a mount unit, the path has to be in /etc or /var");
        }
        Some(place) if reader.format.variant == Variant::Berth && below(place, &["/usr"]) => {
            reader.error(&path.key("path"), "/usr is read only and verified: nothing is mounted below it");
        }
        _ => {}
    }
    if text(&filesystem, "device").is_some_and(|device| escape_path(device).is_none()) {
        reader.error(&path.key("device"), "a path with `..` in it names no unit");
    }
}

/// Puts the units before those of the config. Where the config has one of the same name, what it
/// says goes.
pub(super) fn add_units(reader: &mut Reader<'_>, config: &mut Object) {
    let all = Path::root().key("storage").key("filesystems");
    let mut made: Vec<(Json, Path)> = Vec::new();
    for (index, filesystem) in items(config, "storage", "filesystems").iter().enumerate() {
        if is_set(filesystem, "withMountUnit")
            && let Some(unit) = unit(reader, filesystem, is_remote(reader, config, filesystem))
        {
            made.push((unit, all.item(index).key("with_mount_unit")));
        }
    }
    if let Some(Json::Array(filesystems)) =
        config.get_mut("storage").and_then(|storage| storage.get_mut("filesystems"))
    {
        for filesystem in filesystems.iter_mut().filter_map(Json::as_object_mut) {
            filesystem.remove("withMountUnit");
        }
    }
    if made.is_empty() {
        return;
    }
    let own = std::mem::take(list(section(config, "systemd"), "units"));
    let units = Path::root().key("systemd").key("units");
    let (mut result, mut origins) = (Vec::new(), Vec::new());
    for (mut unit, from) in made {
        let same = own.iter().position(|other| other.get("name") == unit.get("name"));
        if let (Some(Json::Object(more)), Json::Object(unit)) =
            (same.and_then(|same| own.get(same)), &mut unit)
        {
            unit.extend(more.clone());
        }
        origins.push(same.map_or(from, |same| units.item(same)));
        result.push(unit);
    }
    for (index, unit) in own.into_iter().enumerate() {
        if !result.iter().any(|made| made.get("name") == unit.get("name")) {
            origins.push(units.item(index));
            result.push(unit);
        }
    }
    move_origins(reader, &units.json, &origins);
    *list(section(config, "systemd"), "units") = result;
}

/// What is known of the places of the list's items goes along with them.
fn move_origins(reader: &mut Reader<'_>, list: &str, from: &[Path]) {
    let mut moved = Vec::new();
    for (index, from) in from.iter().enumerate() {
        let to = format!("{list}.{index}");
        let inner = format!("{}.", from.json);
        for (path, origin) in &reader.origins {
            if *path == from.json {
                moved.push((to.clone(), origin.clone()));
            } else if let Some(rest) = path.strip_prefix(&inner) {
                moved.push((format!("{to}.{rest}"), origin.clone()));
            }
        }
    }
    let items = format!("{list}.");
    reader.origins.retain(|path, _| !path.starts_with(&items));
    reader.origins.extend(moved);
}

/// Whether the device is unlocked by a server on the network.
fn is_remote(reader: &Reader<'_>, config: &Object, filesystem: &Json) -> bool {
    let device = text(filesystem, "device").unwrap_or_default();
    let name =
        ["/dev/mapper/", "/dev/disk/by-id/dm-name-"].iter().find_map(|prefix| device.strip_prefix(prefix));
    let tang = |luks: &&Json| {
        luks.pointer("/clevis/tang").and_then(Json::as_array).is_some_and(|tang| !tang.is_empty())
    };
    reader.format.version >= 2
        && name.is_some()
        && items(config, "storage", "luks").iter().filter(tang).any(|luks| text(luks, "name") == name)
}

/// The unit of a filesystem. (Keys: systemd.mount(5), systemd.swap(5).)
fn unit(reader: &Reader<'_>, filesystem: &Json, remote: bool) -> Option<Json> {
    let device = text(filesystem, "device")?;
    let format = text(filesystem, "format")?;
    let escaped = escape_path(device)?;
    let mut options: Vec<&str> = filesystem
        .get("mountOptions")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    if remote {
        options.push("_netdev");
    }
    let options = if options.is_empty() { String::new() } else { format!("Options={}\n", options.join(",")) };
    let (name, contents) = if format == "swap" && reader.format.version >= SWAPS {
        (
            format!("{escaped}.swap"),
            format!("[Swap]\nWhat={device}\n{options}\n[Install]\nRequiredBy=swap.target\n"),
        )
    } else {
        let place = text(filesystem, "path")?;
        let fsck = format!("systemd-fsck@{escaped}.service");
        let target = if remote { "remote-fs.target" } else { "local-fs.target" };
        (
            format!("{}.mount", escape_path(place)?),
            format!(
                "[Unit]\nRequires={fsck}\nAfter={fsck}\n\n\
                 [Mount]\nWhere={place}\nWhat={device}\nType={format}\n{options}\n\
                 [Install]\nRequiredBy={target}\n"
            ),
        )
    };
    Some(
        json!({"name": name, "enabled": true, "contents": format!("# Of a filesystem with_mount_unit\n{contents}")}),
    )
}
