//! What comes from files beside the config: units, and keys of users.

use serde_json::Value as Json;

use super::Object;
use crate::read::{Path, Reader};

/// The contents of the local file `name`, which the value at `path` names; none, and an error,
/// where there are none to be had.
pub(crate) fn read(reader: &mut Reader<'_>, name: &str, path: &Path) -> Option<Vec<u8>> {
    let files = folder(reader, path)?;
    let read = clean(name).and_then(|name| files.read(&name));
    read.map_err(|why| reader.error(path, why)).ok()
}

/// The folder of local files.
pub(crate) fn folder<'a>(reader: &mut Reader<'a>, path: &Path) -> Option<&'a dyn crate::Files> {
    if reader.files.is_none() {
        reader.error(path, "local files are read from a folder that has to be named: use --files-dir DIR");
    }
    reader.files
}

/// A path below the folder of local files, without what goes in circles.
///
/// # Errors
/// It leads out of the folder.
pub(crate) fn clean(path: &str) -> Result<String, String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => {
                return Err(format!("`{path}` leads out of the folder of local files"));
            }
            ".." => {}
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// The `contents_local` of a unit or drop-in.
pub(super) fn contents(reader: &mut Reader<'_>, unit: &mut Object, path: &Path) {
    let Some(name) = unit.remove("contentsLocal") else { return };
    let at = path.key("contents_local");
    if unit.contains_key("contents") {
        reader.error(&at, "`contents` is here too: one of the two");
        return;
    }
    let Some(name) = name.as_str().filter(|name| !name.is_empty()) else { return };
    let Some(bytes) = read(reader, name, &at) else { return };
    match String::from_utf8(bytes) {
        Ok(text) => {
            unit.insert("contents".to_owned(), Json::from(text));
            reader.derive(&path.key("contents").json, &at);
        }
        Err(_) => reader.error(&at, format!("`{name}` is not UTF-8, as the text of a unit is")),
    }
}

/// The `ssh_authorized_keys_local` of a user: a key a line.
pub(super) fn keys(reader: &mut Reader<'_>, user: &mut Object, path: &Path) {
    let Some(Json::Array(names)) = user.remove("sshAuthorizedKeysLocal") else { return };
    let at = path.key("ssh_authorized_keys_local");
    let keys = path.key("ssh_authorized_keys");
    let mut all = match user.remove("sshAuthorizedKeys") {
        Some(Json::Array(all)) => all,
        _ => vec![],
    };
    for (index, name) in names.iter().enumerate() {
        let at = at.item(index);
        let name = name.as_str().unwrap_or_default();
        let Some(bytes) = read(reader, name, &at) else { continue };
        let Ok(text) = String::from_utf8(bytes) else {
            reader.error(&at, format!("`{name}` is not UTF-8, as SSH's public keys are"));
            continue;
        };
        for line in text.lines().filter(|line| !line.is_empty()) {
            reader.derive(&keys.item(all.len()).json, &at);
            all.push(Json::from(line));
        }
    }
    if !all.is_empty() {
        user.insert("sshAuthorizedKeys".to_owned(), Json::Array(all));
    }
}
