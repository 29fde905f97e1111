//! Matches: the words of the command line that are no options.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anyhow::{Context, Result, bail};
use journal::{Filter, is_field_name};

/// Groups of matches, one of which must hold. In a group, matches of one field are any of them,
/// and each field must match.
///
/// # Errors
/// A word is neither a match nor a file, or a `+` has nothing beside it.
pub fn groups(words: &[String], root: &Path) -> Result<Vec<Filter>> {
    let mut groups = Vec::new();
    if words.is_empty() {
        return Ok(groups);
    }
    for group in words.split(|word| word == "+") {
        if group.is_empty() {
            bail!("+ stands between two matches");
        }
        let mut fields: Vec<(String, Vec<Filter>)> = Vec::new();
        for word in group {
            let (field, filter) = one(word, root)?;
            match fields.iter_mut().find(|(known, _)| *known == field) {
                Some((_, filters)) => filters.push(filter),
                None => fields.push((field, vec![filter])),
            }
        }
        groups.push(Filter::All(fields.into_iter().map(|(_, filters)| Filter::AnyOf(filters)).collect()));
    }
    Ok(groups)
}

fn one(word: &str, root: &Path) -> Result<(String, Filter)> {
    if word.starts_with('/') {
        return path(&root.join(word.trim_start_matches('/')));
    }
    match word.split_once('=') {
        Some((field, value)) if is_field_name(field.as_bytes()) => {
            Ok((field.to_owned(), Filter::is(field, value)))
        }
        _ => bail!("{word:?} is no match: FIELD=VALUE, a path or + was expected"),
    }
}

/// A program's messages, or those of the kernel about a device.
fn path(path: &Path) -> Result<(String, Filter)> {
    let path = fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()))?;
    let meta = fs::metadata(&path).with_context(|| format!("cannot look at {}", path.display()))?;
    let kind = meta.file_type();
    if kind.is_block_device() || kind.is_char_device() {
        let class = if kind.is_block_device() { "block" } else { "char" };
        let (major, minor) = (rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
        let names = devices(Path::new(&format!("/sys/dev/{class}/{major}:{minor}")));
        let mut filters = vec![Filter::is("_KERNEL_DEVICE", format!("{}{major}:{minor}", &class[..1]))];
        filters.extend(names.iter().map(|name| Filter::is("_KERNEL_DEVICE", name)));
        return Ok(("_KERNEL_DEVICE".to_owned(), Filter::AnyOf(filters)));
    }
    if !kind.is_file() {
        bail!("{} is neither a program nor a device", path.display());
    }
    // The kernel runs a script's interpreter: the script is known by its name alone.
    let is_script = fs::read(&path).is_ok_and(|bytes| bytes.starts_with(b"#!"));
    Ok(match is_script {
        false => ("_EXE".to_owned(), Filter::is("_EXE", path.as_os_str().as_encoded_bytes())),
        true => {
            let name = path.file_name().map(|name| name.as_encoded_bytes().to_vec()).unwrap_or_default();
            ("_COMM".to_owned(), Filter::is("_COMM", &name[..name.len().min(15)]))
        }
    })
}

/// The names that the kernel has for a device and those it hangs on: `+pci:0000:00:02.0`, `b8:0`.
fn devices(link: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let Ok(start) = fs::canonicalize(link) else {
        return names;
    };
    for place in start.ancestors().take_while(|place| place.starts_with("/sys/devices")) {
        let Some(subsystem) = fs::read_link(place.join("subsystem")).ok() else {
            continue;
        };
        let (Some(subsystem), Some(name)) = (subsystem.file_name(), place.file_name()) else {
            continue;
        };
        let subsystem = subsystem.to_string_lossy();
        names.push(match fs::read_to_string(place.join("dev")) {
            Ok(number) if subsystem == "block" => format!("b{}", number.trim()),
            Ok(number) => format!("c{}", number.trim()),
            Err(_) => format!("+{subsystem}:{}", name.to_string_lossy()),
        });
    }
    names
}
