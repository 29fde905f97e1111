//! DigitalOcean: the metadata service, which has everything in one document.

use serde::Deserialize;

use crate::{Guest, Metadata, Result};

const USER_DATA: &str = "/metadata/v1/user-data";
const METADATA: &str = "/metadata/v1.json";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Droplet {
    hostname: Option<String>,
    region: Option<String>,
    public_keys: Vec<String>,
    interfaces: Interfaces,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Interfaces {
    public: Vec<Interface>,
    private: Vec<Interface>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Interface {
    ipv4: Option<Address>,
    ipv6: Option<Address>,
    anchor_ipv4: Option<Address>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Address {
    ip_address: Option<String>,
}

pub(crate) fn config(guest: &mut Guest<'_>) -> Result<Option<Vec<u8>>> {
    guest.service()?.get(USER_DATA)
}

pub(crate) fn metadata(guest: &mut Guest<'_>) -> Result<Metadata> {
    let droplet: Droplet = guest.service()?.json(METADATA)?.unwrap_or_default();
    let mut metadata = Metadata { hostname: droplet.hostname.clone(), ..Metadata::default() };
    metadata.set("DIGITALOCEAN_HOSTNAME", droplet.hostname);
    metadata.set("DIGITALOCEAN_REGION", droplet.region);
    for (kind, interfaces) in [("PUBLIC", droplet.interfaces.public), ("PRIVATE", droplet.interfaces.private)]
    {
        for (number, interface) in interfaces.into_iter().enumerate() {
            let mut set = |name: String, address: Option<Address>| {
                metadata.set(&name, address.and_then(|address| address.ip_address));
            };
            set(format!("DIGITALOCEAN_IPV4_{kind}_{number}"), interface.ipv4);
            set(format!("DIGITALOCEAN_IPV6_{kind}_{number}"), interface.ipv6);
            set(format!("DIGITALOCEAN_IPV4_ANCHOR_{number}"), interface.anchor_ipv4);
        }
    }
    metadata.keys(droplet.public_keys.iter().map(String::as_str));
    Ok(metadata)
}
