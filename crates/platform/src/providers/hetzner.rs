//! Hetzner Cloud: the metadata service, which speaks YAML, and JSON where it lists keys.

use crate::{Guest, Metadata, Result, yaml};

const USER_DATA: &str = "/hetzner/v1/userdata";
const METADATA: &str = "/hetzner/v1/metadata";

pub(crate) fn config(guest: &mut Guest<'_>) -> Result<Option<Vec<u8>>> {
    guest.service()?.get(USER_DATA)
}

pub(crate) fn metadata(guest: &mut Guest<'_>) -> Result<Metadata> {
    let mut service = guest.service()?;
    let all = service.get(METADATA)?.unwrap_or_default();
    let all = yaml::parse(&service.url(METADATA), &all)?;
    let mut metadata = Metadata { hostname: yaml::text(&all["hostname"]), ..Metadata::default() };
    for (name, key) in [
        ("HETZNER_AVAILABILITY_ZONE", "availability-zone"),
        ("HETZNER_HOSTNAME", "hostname"),
        ("HETZNER_INSTANCE_ID", "instance-id"),
        ("HETZNER_PUBLIC_IPV4", "public-ipv4"),
        ("HETZNER_REGION", "region"),
    ] {
        metadata.set(name, yaml::text(&all[key]));
    }
    let six = yaml::first_addresses(&all["network-config"]).into_iter().find(std::net::IpAddr::is_ipv6);
    metadata.set("HETZNER_PUBLIC_IPV6", six.map(|address| address.to_string()));
    metadata.keys(yaml::texts(&all["public-keys"]).iter().map(String::as_str));
    let place = format!("{METADATA}/private-networks");
    let networks = service.get(&place)?.unwrap_or_default();
    let networks = yaml::parse(&service.url(&place), &networks)?;
    for (number, network) in networks.as_array().into_iter().flatten().enumerate() {
        metadata.set(&format!("HETZNER_PRIVATE_IPV4_{number}"), yaml::text(&network["ip"]));
    }
    Ok(metadata)
}
