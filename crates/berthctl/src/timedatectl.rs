//! `timedatectl`: the clock, the time zone, and who keeps the clock right.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use calendar::timestamp::{self, Style, format};
use calendar::{Zone, Zones, is_zone_name};
use layout::path::{LOCALTIME, ZONEINFO};
use observe::Root;
use sys::machine::{clock_is_synchronized, set_wall_clock, wall_clock};
use unit::UnitName;
use zoneinfo::Zoneinfo;

use crate::arguments::{self, Parsed, Takes, both, long};
use crate::{client, systemctl};

const USAGE: &str = "\
usage: timedatectl [OPTION]... [COMMAND]

  status              clock, time zone, and whether the clock is kept right (without a command, too)
  show                the same as properties (-p NAME, --value)
  set-timezone ZONE   the machine's time zone, such as Europe/Berlin
  list-timezones      every zone that there is
  set-time TIME       sets the clock, where nothing keeps it right
  set-ntp BOOL        has ntpd-rs.service keep the clock right, now and at every boot, or not

  -p, --property NAME
      --value
      --no-ask-password, --no-pager

What time is taken from: ntp-ctl status

For example:  timedatectl set-timezone Europe/Berlin";

/// What keeps the clock right.
const SERVICE: &str = "ntpd-rs.service";
/// What starts that when the network comes.
const STARTER: &str = "ntpd-rs.path";

/// Runs `timedatectl`.
///
/// # Errors
/// The arguments make no sense, or what they ask for cannot be done.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [
        both("property", 'p', Takes::Value),
        long("value", Takes::Nothing),
        long("no-ask-password", Takes::Nothing),
        long("no-pager", Takes::Nothing),
    ];
    let Some(parsed) = arguments::read(arguments, &known, USAGE)? else {
        return Ok(0);
    };
    let words: Vec<&str> = parsed.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["status"] => print!("{}", as_text(&gather())),
        ["show"] => show(&parsed),
        ["set-timezone", zone] => {
            set_zone(zone, Path::new(LOCALTIME), Path::new(ZONEINFO))?;
        }
        ["list-timezones"] => zones(Path::new(ZONEINFO))?.iter().for_each(|zone| println!("{zone}")),
        ["set-time", time] => set_time(time)?,
        ["set-ntp", on] => return set_ntp(on),
        [command @ ("set-timezone" | "set-time" | "set-ntp"), ..] => {
            bail!("{command} takes one value\n{USAGE}")
        }
        [other, ..] => bail!("command {other} is unknown or not supported yet\n{USAGE}"),
    }
    Ok(0)
}

/// What is shown.
#[derive(Debug, Clone)]
struct Clock {
    now: Duration,
    /// What the clock that runs without power shows, in UTC: `2026-11-24 18:10:00`.
    hardware: Option<String>,
    zone: Zone,
    zone_name: String,
    synchronized: bool,
    /// The state of [`SERVICE`]; none where there is none.
    service: Option<String>,
}

fn gather() -> Clock {
    let root = Root::of_machine();
    let rtc = |name: &str| root.text(&format!("/sys/class/rtc/rtc0/{name}")).trim().to_owned();
    let hardware = format!("{} {}", rtc("date"), rtc("time"));
    let service = UnitName::parse(SERVICE).ok().and_then(|unit| client::status(&unit).ok());
    Clock {
        now: wall_clock(),
        hardware: Some(hardware).filter(|time| time.trim() != ""),
        zone: Zoneinfo::of_machine().local(),
        zone_name: zone_name(Path::new(LOCALTIME)),
        synchronized: clock_is_synchronized(),
        service: service.filter(|unit| unit.load == "loaded").map(|unit| unit.active),
    }
}

/// The name of the zone that a link leads to (localtime(5)).
fn zone_name(localtime: &Path) -> String {
    let target = fs::read_link(localtime).unwrap_or_default();
    let target = target.to_string_lossy();
    let name = target.split_once("/zoneinfo/").map_or("", |(_, name)| name);
    if name.is_empty() { "UTC".to_owned() } else { name.to_owned() }
}

fn as_text(clock: &Clock) -> String {
    let yes = |yes: bool| Some(if yes { "yes" } else { "no" }.to_owned());
    let universal = format(clock.now, &Zone::utc(), Style::Seconds);
    let hardware = clock.hardware.as_ref().map(|time| {
        let day = universal.split_once(' ').filter(|(_, rest)| time.get(..10) == rest.get(..10));
        day.map_or_else(|| time.clone(), |(day, _)| format!("{day} {time}"))
    });
    let service = clock.service.clone().unwrap_or_else(|| "n/a".to_owned());
    crate::table::facts(&[
        ("Local time", Some(format(clock.now, &clock.zone, Style::Seconds))),
        ("Universal time", Some(universal.clone())),
        ("RTC time", Some(hardware.unwrap_or_else(|| "n/a".to_owned()))),
        ("Time zone", Some(format!("{} ({})", clock.zone_name, offset(clock)))),
        ("System clock synchronized", yes(clock.synchronized)),
        ("NTP service", Some(service)),
        ("RTC in local TZ", yes(false)),
    ])
}

/// A zone as of now: `CET, +0100`.
fn offset(clock: &Clock) -> String {
    let ahead = clock.zone.ahead_of_utc(clock.now);
    let minutes = ahead.unsigned_abs() / 60;
    let sign = if ahead < 0 { '-' } else { '+' };
    format!("{}, {sign}{:02}{:02}", clock.zone.abbreviation(clock.now), minutes / 60, minutes % 60)
}

fn show(parsed: &Parsed) {
    let wanted: Vec<&str> = parsed.values("property").flat_map(|names| names.split(',')).collect();
    for (name, value) in properties(&gather()) {
        if wanted.is_empty() || wanted.contains(&name) {
            match parsed.has("value") {
                true => println!("{value}"),
                false => println!("{name}={value}"),
            }
        }
    }
}

fn properties(clock: &Clock) -> Vec<(&'static str, String)> {
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let is_on = clock.service.as_deref().is_some_and(|state| state != "inactive" && state != "failed");
    vec![
        ("Timezone", clock.zone_name.clone()),
        ("LocalRTC", yes(false)),
        ("CanNTP", yes(clock.service.is_some())),
        ("NTP", yes(is_on)),
        ("NTPSynchronized", yes(clock.synchronized)),
        ("TimeUSec", format(clock.now, &clock.zone, Style::Seconds)),
        (
            "RTCTimeUSec",
            clock.hardware.clone().map_or_else(|| "n/a".to_owned(), |time| format!("{time} UTC")),
        ),
    ]
}

/// Makes the link of the machine's zone. PID 1 and its timers see it at once.
fn set_zone(name: &str, localtime: &Path, folder: &Path) -> Result<()> {
    let zone = folder.join(name);
    if !is_zone_name(name) || Zoneinfo::at(localtime, folder).named(name).is_none() {
        bail!("there is no time zone {name:?}: see timedatectl list-timezones");
    }
    let target = Path::new("..").join(zone.strip_prefix("/").unwrap_or(&zone));
    let new = localtime.with_extension("new");
    let replace = || {
        // What an end in the middle has left.
        _ = fs::remove_file(&new);
        symlink(&target, &new)?;
        fs::rename(&new, localtime)
    };
    replace().with_context(|| format!("cannot make the link {}", localtime.display()))
}

/// The names of all zones in a folder, in order.
fn zones(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut queue = vec![String::new()];
    while let Some(below) = queue.pop() {
        let path = folder.join(&below);
        let reading = || format!("cannot list {}", path.display());
        for entry in fs::read_dir(&path).with_context(reading)? {
            let entry = entry.with_context(reading)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = if below.is_empty() { name } else { format!("{below}/{name}") };
            // The same zones once more, with leap seconds and without.
            if matches!(name.as_str(), "right" | "posix") {
                continue;
            }
            match entry.path().is_dir() {
                true => queue.push(name),
                false if is_zone(&entry.path()) => names.push(name),
                false => {}
            }
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a file holds a zone (tzfile(5)).
fn is_zone(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"TZif"))
}

fn set_time(text: &str) -> Result<()> {
    let clock = gather();
    if properties(&clock).contains(&("NTP", "yes".to_owned())) {
        bail!("{SERVICE} keeps the clock right: timedatectl set-ntp false ends that");
    }
    let time = timestamp::parse(text, clock.now, &Zoneinfo::of_caller())?;
    Ok(set_wall_clock(time)?)
}

fn set_ntp(on: &str) -> Result<u8> {
    let verb = match on {
        "true" | "yes" | "1" | "on" => "enable",
        "false" | "no" | "0" | "off" => "disable",
        other => bail!("set-ntp {other}: true or false"),
    };
    systemctl::run(["--quiet", "--now", verb, SERVICE, STARTER].map(str::to_owned).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock {
            now: Duration::from_secs(1_795_543_800),
            hardware: Some("2026-11-24 18:10:00".into()),
            zone: Zone::rule("CET-1").unwrap(),
            zone_name: "Europe/Berlin".into(),
            synchronized: true,
            service: Some("active".into()),
        }
    }

    #[test]
    fn the_clock_is_shown_as_people_know_it() {
        let text = "               Local time: Tue 2026-11-24 19:10:00 CET\n           \
                    Universal time: Tue 2026-11-24 18:10:00 UTC\n                 \
                    RTC time: Tue 2026-11-24 18:10:00\n                \
                    Time zone: Europe/Berlin (CET, +0100)\n\
                    System clock synchronized: yes\n              \
                    NTP service: active\n          \
                    RTC in local TZ: no\n";
        assert_eq!(as_text(&clock()), text);
        let bare = Clock { hardware: None, service: None, synchronized: false, ..clock() };
        let text = as_text(&bare);
        for line in ["RTC time: n/a\n", "NTP service: n/a\n", "synchronized: no\n"] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn properties_have_the_names_that_programs_know() {
        let shown: Vec<String> =
            properties(&clock()).iter().map(|(name, value)| format!("{name}={value}")).collect();
        for line in ["Timezone=Europe/Berlin", "NTP=yes", "NTPSynchronized=yes", "CanNTP=yes", "LocalRTC=no"]
        {
            assert!(shown.iter().any(|shown| shown == line), "{shown:?}");
        }
    }

    #[test]
    fn a_zone_is_a_link_to_its_file() {
        let root = tempfile::tempdir().unwrap();
        let (localtime, folder) = (root.path().join("localtime"), root.path().join("zoneinfo"));
        fs::create_dir_all(folder.join("Europe")).unwrap();
        fs::write(folder.join("zone.tab"), "# text").unwrap();
        let utc = Path::new(ZONEINFO).join("UTC");
        let Ok(bytes) = fs::read(utc) else { return };
        fs::write(folder.join("Europe/Berlin"), bytes).unwrap();
        assert_eq!(zones(&folder).unwrap(), ["Europe/Berlin"]);
        for wrong in ["Nowhere", "", "../zoneinfo/Europe/Berlin", "/etc/passwd", "zone.tab"] {
            assert!(set_zone(wrong, &localtime, &folder).is_err(), "{wrong}");
            assert!(fs::symlink_metadata(&localtime).is_err(), "{wrong}");
        }
        for _ in 0..2 {
            set_zone("Europe/Berlin", &localtime, &folder).unwrap();
            assert_eq!(zone_name(&localtime), "Europe/Berlin");
        }
    }
}
