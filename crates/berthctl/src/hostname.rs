//! The machine's name: what is known of it, and the best of that put to use. `berthctl hostname`, which
//! `berth-hostname.service` runs when the network or the platform have told more.

use std::fs;
use std::path::Path;

use anyhow::Result;
use identity::hosts::{HOSTS, HOSTS_MODE, with_own_name};
use identity::{HOST_NAME, HOST_NAME_ARGUMENT, MACHINE_ID, Names, Origin};
use layout::path::RUN_HOST_NAME;

use crate::arguments;
use crate::offered::Offered;

const USAGE: &str = "\
usage: berthctl hostname

Gives the machine the best name that is known, unless it has one of its own (/etc/hostname).";

/// Runs `berthctl hostname`.
///
/// # Errors
/// The name cannot be set.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    if !arguments::none(&arguments, USAGE)? {
        return Ok(0);
    }
    if let Some(name) = better(&names(), &current()) {
        set(&name)?;
        println!("the machine is called {name} now");
    }
    Ok(0)
}

/// Names the machine until the next boot, and has its programs find it by that name.
///
/// # Errors
/// The name cannot be set, or not be written into [`HOSTS`].
pub fn set(name: &str) -> Result<()> {
    sys::machine::set_host_name(name)?;
    Ok(sys::file::revise(Path::new(HOSTS), HOSTS_MODE, |text| with_own_name(text, name))?)
}

/// The name to take in the place of the current one. What nobody tells any more stays until the next boot.
fn better(names: &Names, current: &str) -> Option<String> {
    match names.best() {
        (_, Origin::File | Origin::Id) => None,
        (name, _) => Some(name).filter(|name| name != current),
    }
}

/// The name that the machine has.
pub fn current() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// All that is known of its names.
pub fn names() -> Names {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let offered = Offered::gather();
    let by_hand = Some(read(RUN_HOST_NAME).trim().to_owned()).filter(|name| !name.is_empty());
    let argument = || layout::args::value(&read("/proc/cmdline"), HOST_NAME_ARGUMENT);
    Names {
        file: read(HOST_NAME),
        argument: by_hand.or_else(argument),
        platform: offered.platform_name,
        dhcp: offered.dhcp_names,
        machine_id: read(MACHINE_ID).trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_name_is_taken_and_one_of_its_own_stays() {
        let dhcp = Names { dhcp: vec!["node-1".into()], ..Names::default() };
        let file = Names { file: "mine\n".into(), ..dhcp.clone() };
        for (names, current, taken) in [
            (&dhcp, "berth-01234567", Some("node-1")),
            (&dhcp, "node-1", None),
            (&file, "mine", None),
            (&file, "changed-by-hand", None),
            (&Names::default(), "was-leased", None),
        ] {
            assert_eq!(better(names, current).as_deref(), taken, "{current}");
        }
    }
}
