//! Google Compute Engine: the metadata server, which wants a header that no web page can send.

use crate::service::Service;
use crate::{Guest, Metadata, Result};

const USER_DATA: &str = "/computeMetadata/v1/instance/attributes/user-data";
const METADATA: &str = "/computeMetadata/v1";
/// The metadata server is the guests' time server, too.
const TIME_SERVER: &str = "169.254.169.254";

pub(crate) fn config(guest: &mut Guest<'_>) -> Result<Option<Vec<u8>>> {
    service(guest)?.get(USER_DATA)
}

fn service<'a>(guest: &'a mut Guest<'_>) -> Result<Service<'a>> {
    let mut service = guest.service()?;
    service.header("metadata-flavor", "Google");
    Ok(service)
}

pub(crate) fn metadata(guest: &mut Guest<'_>) -> Result<Metadata> {
    let mut service = service(guest)?;
    let mut metadata = Metadata { time_servers: vec![TIME_SERVER.to_owned()], ..Metadata::default() };
    for (name, path) in [
        ("GCP_HOSTNAME", "instance/hostname"),
        ("GCP_IP_EXTERNAL_0", "instance/network-interfaces/0/access-configs/0/external-ip"),
        ("GCP_IP_LOCAL_0", "instance/network-interfaces/0/ip"),
        ("GCP_MACHINE_TYPE", "instance/machine-type"),
    ] {
        metadata.set(name, service.text(&format!("{METADATA}/{path}"))?);
    }
    metadata.hostname = metadata.attributes.get("GCP_HOSTNAME").cloned();
    keys(&mut service, &mut metadata)?;
    Ok(metadata)
}

/// Keys of the instance, and of the project where the instance does not say otherwise. `sshKeys` is the old name of
/// both; an instance that has those has no others.
fn keys(service: &mut Service<'_>, metadata: &mut Metadata) -> Result<()> {
    if take_keys(service, "instance/attributes/sshKeys", metadata)? {
        return Ok(());
    }
    take_keys(service, "instance/attributes/ssh-keys", metadata)?;
    let is_blocked = service.text(&format!("{METADATA}/instance/attributes/block-project-ssh-keys"))?;
    if !is_blocked.is_some_and(|word| word.eq_ignore_ascii_case("true")) {
        take_keys(service, "project/attributes/sshKeys", metadata)?;
        take_keys(service, "project/attributes/ssh-keys", metadata)?;
    }
    Ok(())
}

/// Takes keys of a list, each line of which is `user:key`; whether there is such a list.
fn take_keys(service: &mut Service<'_>, path: &str, metadata: &mut Metadata) -> Result<bool> {
    let list = service.text(&format!("{METADATA}/{path}"))?;
    let lines = list.as_deref().unwrap_or_default().lines();
    metadata.keys(lines.map(|line| line.split_once(':').map_or(line, |(_, key)| key)));
    Ok(list.is_some())
}
