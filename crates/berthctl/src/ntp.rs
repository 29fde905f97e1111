//! `berthctl ntp`: has ntp-daemon take time from the servers that the platform and the network name. Where the
//! machine has settings of its own, those count and nothing else; where nobody names a server, the image's do.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use layout::path::{ETC_NTP, NTP, RUN_NTP};
use sys::machine::{clock_is_synchronized, monotonic};
use unit::UnitName;
use unit::control::{JobAction, Request};

use crate::client;
use crate::offered::Offered;

const USAGE: &str = "\
usage: berthctl ntp prepare | follow | wait

  prepare  writes the settings of ntp-daemon; exits with 1 where there is no network to take time from
  follow   has ntpd-rs.service start, or start anew, where the settings are not those it runs by
  wait     until the clock is right, for a minute at most";

/// What runs ntp-daemon.
const SERVICE: &str = "ntpd-rs.service";
/// What has it started, once the system is up.
const STARTER: &str = "ntpd-rs.path";
/// How long a boot waits for the right time, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);
/// What a table of a source is headed by (ntp.toml(5)).
const SOURCE: &str = "[[source]]";

/// Runs `berthctl ntp`.
///
/// # Errors
/// The arguments make no sense, settings cannot be read or written, or PID 1 refuses.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--help" | "-h"] => {
            println!("{USAGE}");
            Ok(0)
        }
        ["prepare"] => match settings()? {
            Some(text) => {
                sys::file::replace(Path::new(RUN_NTP), text.as_bytes(), 0o644)?;
                Ok(0)
            }
            None => {
                println!("no network yet: started again once there is one");
                Ok(1)
            }
        },
        ["follow"] => follow(),
        ["wait"] => wait(),
        _ => bail!("prepare, follow or wait\n{USAGE}"),
    }
}

/// The settings that ntp-daemon is to have; none where it could reach nobody.
fn settings() -> Result<Option<String>> {
    let offered = Offered::gather();
    if !offered.online {
        return Ok(None);
    }
    // In the image a link to the image's is there.
    let is_own = fs::symlink_metadata(ETC_NTP).is_ok_and(|metadata| !metadata.is_symlink());
    if is_own {
        return fs::read_to_string(ETC_NTP).with_context(|| format!("cannot read {ETC_NTP}")).map(Some);
    }
    let image = fs::read_to_string(NTP).with_context(|| format!("cannot read {NTP}"))?;
    Ok(Some(with_servers(&image, &offered.ntp)))
}

fn follow() -> Result<u8> {
    let Some(wanted) = settings()? else { return Ok(0) };
    let unit = client::status(&UnitName::parse(SERVICE)?)?;
    if unit.load != "loaded" {
        return Ok(0);
    }
    let runs_by = fs::read_to_string(RUN_NTP).ok();
    let is_right = match unit.active.as_str() {
        "active" => runs_by == Some(wanted),
        // What starts prepares its settings first.
        "activating" => runs_by.is_none_or(|text| text == wanted),
        _ => false,
    };
    if is_right {
        return Ok(0);
    }
    let units = vec![SERVICE.to_owned()];
    client::order(&Request::Job { action: JobAction::Restart, units, wait: false })?;
    Ok(0)
}

/// Waits until the clock is right. What is waited for may be what keeps the system from being up: so the service is
/// started here, if it is to run at all.
fn wait() -> Result<u8> {
    let starter = client::status(&UnitName::parse(STARTER)?)?;
    let mut is_to_start = starter.active == "active" || starter.job.is_some();
    let end = monotonic() + PATIENCE;
    while !clock_is_synchronized() {
        if monotonic() >= end {
            println!("the clock is not right after {} s: going on without", PATIENCE.as_secs());
            break;
        }
        if is_to_start && Offered::gather().online {
            is_to_start = false;
            follow()?;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(0)
}

/// Settings with these servers in the place of their own sources; as they are, where there is no server.
fn with_servers(text: &str, servers: &[String]) -> String {
    let servers: Vec<&String> = servers.iter().filter(|server| is_server(server)).collect();
    if servers.is_empty() {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut in_source = false;
    for line in text.lines() {
        if line.trim_start().starts_with('[') {
            in_source = line.trim() == SOURCE;
        }
        if !in_source {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    // Of few servers few can agree; the settings' own word is for the sources of their own.
    let agreeing = servers.len().div_ceil(2).min(3);
    let kept: Vec<&str> =
        kept.lines().filter(|line| !line.trim_start().starts_with("minimum-agreeing-sources")).collect();
    let mut text = String::new();
    for line in kept {
        text.push_str(line);
        text.push('\n');
        if line.trim() == "[synchronization]" {
            text.push_str(&format!("minimum-agreeing-sources = {agreeing}\n"));
        }
    }
    for server in servers {
        text.push_str(&format!("\n{SOURCE}\nmode = \"server\"\naddress = \"{server}\"\n"));
    }
    text
}

/// Whether a text is an address or a name: letters that cannot end the string that they are put into.
fn is_server(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte);
    (1..=253).contains(&text.len()) && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str = "\
[observability]
log-level = \"error\"

# Where nobody names a server.
[[source]]
mode = \"pool\"
address = \"pool.example.org\"
count = 4

[synchronization]
minimum-agreeing-sources = 2
startup-step-panic-threshold = \"inf\"
";

    fn servers(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn servers_that_are_named_take_the_place_of_the_pool() {
        let expected = "\
[observability]
log-level = \"error\"

# Where nobody names a server.
[synchronization]
minimum-agreeing-sources = 1
startup-step-panic-threshold = \"inf\"

[[source]]
mode = \"server\"
address = \"169.254.169.123\"

[[source]]
mode = \"server\"
address = \"fd00::1\"
";
        assert_eq!(with_servers(IMAGE, &servers(&["169.254.169.123", "fd00::1"])), expected);
    }

    #[test]
    fn without_one_the_image_decides() {
        for names in [&[][..], &[""], &["a\"b"], &["a b"], &["a\nb"]] {
            assert_eq!(with_servers(IMAGE, &servers(names)), IMAGE, "{names:?}");
        }
    }

    #[test]
    fn as_many_have_to_agree_as_can() {
        for (count, agreeing) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (9, 3)] {
            let names: Vec<String> = (0..count).map(|number| format!("10.0.0.{number}")).collect();
            let text = with_servers(IMAGE, &names);
            assert!(text.contains(&format!("minimum-agreeing-sources = {agreeing}\n")), "{count}: {text}");
            assert_eq!(text.matches(SOURCE).count(), count);
        }
    }
}
