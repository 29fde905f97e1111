//! The network: the links that the machine is to be online by are.

use std::fs;

use layout::path::{NETD_STATE, RUN};
use network::status::{LinkStatus, Status};

use super::units::{self, Verdict};

/// The network daemon's unit.
pub const UNIT: &str = "berth-netd.service";

/// Looks at what the network daemon says.
pub fn look() -> Result<(), String> {
    match units::judge(&units::status(UNIT)?) {
        Verdict::Off => return Ok(()),
        Verdict::Bad(why) => return Err(why),
        Verdict::Up => {}
    }
    let path = format!("{RUN}/{NETD_STATE}");
    let text = fs::read(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
    judge(&serde_json::from_slice(&text).map_err(|error| format!("{path} is no state of netd: {error}"))?)
}

/// Where no cable is in, and nothing must be online, nothing is amiss.
fn judge(status: &Status) -> Result<(), String> {
    let names = |wanted: fn(&&LinkStatus) -> bool| {
        let names: Vec<&str> = status.links.iter().filter(wanted).map(|link| link.name.as_str()).collect();
        names.join(", ")
    };
    let missing = names(|link| link.required && !link.online);
    match () {
        () if status.online || (missing.is_empty() && !status.carrier) => Ok(()),
        () if missing.is_empty() => {
            let waiting = names(|link| link.carrier && !link.online);
            Err(format!("no address and route on any of {waiting}"))
        }
        () => Err(format!("{missing} must be online, and is not")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_are_to_be_online_are() {
        let link = |name: &str, required, carrier, online| LinkStatus {
            name: name.into(),
            required,
            carrier,
            online,
            ..LinkStatus::default()
        };
        let up = || link("eth0", false, true, true);
        let waiting = || link("eth0", false, true, false);
        let unplugged = || link("eth1", false, false, false);
        let must = || link("eth2", true, false, false);
        for (online, carrier, links, expected) in [
            (true, true, vec![up(), unplugged()], None),
            (false, false, vec![], None),
            (false, false, vec![unplugged()], None),
            (false, true, vec![waiting(), unplugged()], Some("no address and route on any of eth0")),
            (false, true, vec![up(), must()], Some("eth2 must be online, and is not")),
            (false, false, vec![must()], Some("eth2 must be online, and is not")),
        ] {
            let status = Status { online, carrier, links, ..Status::default() };
            assert_eq!(judge(&status).err().as_deref(), expected, "{status:?}");
        }
    }
}
