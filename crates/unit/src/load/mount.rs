//! `[Mount]` (systemd.mount(5)).

use crate::device;
use crate::load::service::{self, Seen};
use crate::load::setter::{Outcome, Setter, path, text};
use crate::mount::{Mount, place_of, unit_name};
use crate::name::UnitName;
use crate::text::value;

/// Applies one directive.
pub(super) fn assign(mount: &mut Mount, seen: &mut Seen, setter: &Setter, key: &str) -> Outcome {
    let flag = || value::boolean(setter.value).map_err(text);
    match key {
        "What" => mount.what = device::source(&setter.expanded()?),
        "Where" => mount.place = path(&setter.expanded()?)?,
        "Type" => setter.option(&mut mount.kind)?,
        "Options" => mount.options = options(&setter.expanded()?),
        "SloppyOptions" => mount.sloppy_options = flag()?,
        "LazyUnmount" => mount.lazy_unmount = flag()?,
        "ForceUnmount" => mount.force_unmount = flag()?,
        "ReadWriteOnly" => mount.read_write_only = flag()?,
        "DirectoryMode" => mount.directory_mode = value::mode(setter.value).map_err(text)?,
        _ => return service::settings(&mut mount.helper, seen, setter, key),
    }
    Ok(())
}

/// Cuts options at commas, but not at one behind a backslash: overlays have such paths.
pub(super) fn options(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut is_escaped = false;
    for c in text.chars() {
        match (c, out.last_mut()) {
            (',', _) if !is_escaped => out.push(String::new()),
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    out.retain(|option| !option.is_empty());
    out
}

/// Checks that the mount can be made, and that its name is its place's.
pub(super) fn finish(mount: &mut Mount, name: &UnitName) -> Result<(), String> {
    if mount.what.is_empty() {
        return Err("it has no What=".to_owned());
    }
    if mount.place != place_of(name) {
        let right = unit_name(&mount.place).map_err(text)?;
        return Err(format!(
            "what is mounted at Where={} must be in a unit of the name {right}",
            mount.place
        ));
    }
    mount.call();
    Ok(())
}
