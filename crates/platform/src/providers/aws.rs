//! Amazon EC2: the instance metadata service, version 2 (a token first), or 1 where there is no other.

use fetch::Verb;
use serde::Deserialize;

use crate::service::Service;
use crate::{Error, Guest, Metadata, Result};

const TOKEN: &str = "/latest/api/token";
/// How long a token is good for, in seconds; the most that there is.
const TOKEN_LIFE: &str = "21600";
const USER_DATA: &str = "/2019-10-01/user-data";
const METADATA: &str = "/2021-01-03/meta-data";
const IDENTITY: &str = "/2021-01-03/dynamic/instance-identity/document";
/// Amazon's time service, which guests reach without a network of their own.
const TIME_SERVER: &str = "169.254.169.123";

pub(crate) fn config(guest: &mut Guest<'_>) -> Result<Option<Vec<u8>>> {
    session(guest)?.get(USER_DATA)
}

/// A service that is asked with a token.
fn session<'a>(guest: &'a mut Guest<'_>) -> Result<Service<'a>> {
    let mut service = guest.service()?;
    service.header("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_LIFE);
    let token = service.send(TOKEN, Verb::Put)?;
    service.headers.clear();
    if let Some(token) = token {
        let bad = || Error::garbage(service.url(TOKEN), "it is no token");
        let token = String::from_utf8(token).map_err(|_| bad())?;
        if token.len() > 1024 || !token.trim().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(bad());
        }
        service.header("x-aws-ec2-metadata-token", token.trim());
    }
    Ok(service)
}

pub(crate) fn metadata(guest: &mut Guest<'_>) -> Result<Metadata> {
    #[derive(Deserialize)]
    struct Identity {
        region: Option<String>,
    }
    let mut service = session(guest)?;
    let mut metadata = Metadata { time_servers: vec![TIME_SERVER.to_owned()], ..Metadata::default() };
    for (name, path) in [
        ("AWS_INSTANCE_ID", "instance-id"),
        ("AWS_INSTANCE_TYPE", "instance-type"),
        ("AWS_IPV4_LOCAL", "local-ipv4"),
        ("AWS_IPV4_PUBLIC", "public-ipv4"),
        ("AWS_IPV6", "ipv6"),
        ("AWS_AVAILABILITY_ZONE", "placement/availability-zone"),
        ("AWS_AVAILABILITY_ZONE_ID", "placement/availability-zone-id"),
        ("AWS_HOSTNAME", "hostname"),
        ("AWS_PUBLIC_HOSTNAME", "public-hostname"),
    ] {
        metadata.set(name, service.text(&format!("{METADATA}/{path}"))?);
    }
    metadata.set("AWS_REGION", service.json::<Identity>(IDENTITY)?.and_then(|identity| identity.region));
    metadata.hostname = metadata.attributes.get("AWS_HOSTNAME").cloned();
    listed_keys(&mut service, METADATA, &mut metadata)?;
    Ok(metadata)
}

/// Keys as EC2 lists them, and OpenStack, which copies it: a line `number=name` for each.
pub(crate) fn listed_keys(service: &mut Service<'_>, base: &str, metadata: &mut Metadata) -> Result<()> {
    /// EC2 has one key for a machine.
    const MOST: usize = 100;
    let place = format!("{base}/public-keys");
    let Some(list) = service.text(&place)? else { return Ok(()) };
    for line in list.lines().take(MOST) {
        let number = line.split_once('=').map(|(number, _)| number.trim());
        let number = number.filter(|number| number.parse::<u32>().is_ok());
        let number = number.ok_or_else(|| Error::garbage(service.url(&place), "it is no list of keys"))?;
        if let Some(key) = service.text(&format!("{place}/{number}/openssh-key"))? {
            metadata.keys(key.lines());
        }
    }
    Ok(())
}
