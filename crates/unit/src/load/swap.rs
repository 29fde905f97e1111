//! `[Swap]` (systemd.swap(5)).

use crate::device;
use crate::load::mount::options;
use crate::load::service::{self, Seen};
use crate::load::setter::{Outcome, Setter, path};
use crate::mount::place_of;
use crate::name::UnitName;
use crate::swap::Swap;
use crate::text::escape::escape_path;

/// Priorities that the kernel takes (swapon(2)); -1 leaves the choice to it.
const PRIORITIES: std::ops::RangeInclusive<i32> = -1..=32767;

/// Applies one directive.
pub(super) fn assign(swap: &mut Swap, seen: &mut Seen, setter: &Setter, key: &str) -> Outcome {
    match key {
        "What" => swap.what = path(&device::source(&setter.expanded()?))?,
        "Priority" => {
            let priority = setter.value.parse().ok().filter(|priority| PRIORITIES.contains(priority));
            let priority = priority.ok_or_else(|| "expected a number from -1 to 32767".to_owned())?;
            swap.priority = Some(priority).filter(|priority| *priority >= 0);
        }
        "Options" => swap.options = options(&setter.expanded()?),
        _ => return service::settings(&mut swap.helper, seen, setter, key),
    }
    Ok(())
}

/// Checks that the unit's name is its device's or file's.
pub(super) fn finish(swap: &mut Swap, name: &UnitName) -> Result<(), String> {
    if swap.what != place_of(name) {
        let right = format!("{}.swap", escape_path(&swap.what).unwrap_or_default());
        return Err(format!("What={} must be in a unit of the name {right}", swap.what));
    }
    swap.call();
    Ok(())
}
