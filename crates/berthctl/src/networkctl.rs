//! `networkctl`: the network as netd sees it, as far as that is built.

mod render;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use network::status::{LinkStatus, Status};
use unit::text::glob;

use crate::arguments::{self, Json, Takes, Usage, both, long};

const USAGE: &str = "\
usage: networkctl [OPTION]... [COMMAND]

  list [LINK]...     the links (default)
  status [LINK]...   the machine's network, or what is known of links; patterns are shell patterns

  --json=short|pretty|off  as JSON: what /run/berth/netd.json holds
  -a, --all                status: of all links
  --no-legend, --no-pager

After a change of configuration: systemctl restart berth-netd. Addresses and leases stay.

For example:
  networkctl status 'en*'";

/// What systemd's own tool knows beside these.
const NOT_BUILT: [&str; 15] = [
    "lldp",
    "label",
    "delete",
    "up",
    "down",
    "renew",
    "forcerenew",
    "reconfigure",
    "reload",
    "edit",
    "cat",
    "mask",
    "unmask",
    "persistent-storage",
    "dhcp-lease",
];

/// Runs `networkctl`.
///
/// # Errors
/// The arguments make no sense, or netd does not run.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let options = [
        long("json", Takes::Value),
        both("all", 'a', Takes::Nothing),
        both("help", 'h', Takes::Nothing),
        long("no-legend", Takes::Nothing),
        long("no-pager", Takes::Nothing),
    ];
    let parsed = arguments::parse(arguments, &options)?;
    if parsed.has("help") {
        println!("{USAGE}");
        return Ok(0);
    }
    let json = Json::of(&parsed)?;
    let (command, patterns) = match parsed.words.split_first() {
        None => ("list", &[][..]),
        Some((command, patterns)) => (command.as_str(), patterns),
    };
    let status = match command {
        "list" | "status" => read()?,
        known if NOT_BUILT.contains(&known) => {
            bail!("{known} is not built; after a change of configuration: systemctl restart berth-netd")
        }
        unknown => bail!(Usage(format!("unknown command {unknown}\n{USAGE}"))),
    };
    let links = chosen(links(&status), patterns)?;
    if json != Json::Off {
        let narrowed = Status { links, ..status };
        let text = match json {
            Json::Pretty => serde_json::to_string_pretty(&narrowed),
            _ => serde_json::to_string(&narrowed),
        };
        println!("{}", text.context("cannot write JSON")?);
        return Ok(0);
    }
    match command {
        "list" => print!("{}", render::list(&links, !parsed.has("no-legend"))),
        _ if patterns.is_empty() && !parsed.has("all") => print!("{}", render::overview(&status)),
        _ => print!("{}", links.iter().map(render::link).collect::<Vec<_>>().join("\n")),
    }
    Ok(0)
}

/// What netd tells.
fn read() -> Result<Status> {
    let path = format!("{}/{}", layout::path::RUN, layout::path::NETD_STATE);
    let text =
        fs::read(&path).with_context(|| format!("cannot read {path}; is berth-netd.service running?"))?;
    serde_json::from_slice(&text).with_context(|| format!("{path} is no state of netd"))
}

/// The links that netd looks after, and those that it does not.
fn links(status: &Status) -> Vec<LinkStatus> {
    let class = Path::new("/sys/class/net");
    let mut links = status.links.clone();
    for entry in fs::read_dir(class).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if links.iter().any(|link| link.name == name) {
            continue;
        }
        let word =
            |file: &str| fs::read_to_string(entry.path().join(file)).unwrap_or_default().trim().to_owned();
        let kind = word("uevent").lines().find_map(|line| line.strip_prefix("DEVTYPE=").map(str::to_owned));
        let fallback = if word("type") == "772" { "loopback" } else { "ether" };
        links.push(LinkStatus {
            index: word("ifindex").parse().unwrap_or(0),
            kind: kind.unwrap_or_else(|| fallback.to_owned()),
            mac: Some(word("address")).filter(|mac| !mac.is_empty()),
            mtu: word("mtu").parse().ok(),
            carrier: word("carrier") == "1",
            name,
            ..LinkStatus::default()
        });
    }
    links.sort_by_key(|link| link.index);
    links
}

fn chosen(links: Vec<LinkStatus>, patterns: &[String]) -> Result<Vec<LinkStatus>> {
    let fits = |link: &LinkStatus, pattern: &String| {
        glob::matches(pattern, &link.name) || *pattern == link.index.to_string()
    };
    if let Some(pattern) = patterns.iter().find(|pattern| !links.iter().any(|link| fits(link, pattern))) {
        bail!("no link is called {pattern}");
    }
    let is_chosen =
        |link: &LinkStatus| patterns.is_empty() || patterns.iter().any(|pattern| fits(link, pattern));
    Ok(links.into_iter().filter(is_chosen).collect())
}
