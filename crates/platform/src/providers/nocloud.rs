//! A disc with the label `cidata`, as Proxmox VE and many tools make it (cloud-init's NoCloud).
//!
//! User data that are for cloud-init are not ours: Proxmox puts them there always, and an Ignition config into the
//! vendor data.

use crate::disc::Wanted;
use crate::{Guest, Metadata, Result, yaml};

const DISC: Wanted = Wanted::Label("cidata");
const CLOUD_CONFIG: &[u8] = b"#cloud-config";

pub(crate) fn config(guest: &mut Guest<'_>) -> Result<Option<Vec<u8>>> {
    let names = ["user-data", "vendor-data"];
    let Some(files) = guest.await_disc(DISC, &names)? else {
        (guest.say)("there is no disc with the label cidata: this machine has no config from its platform");
        return Ok(None);
    };
    for (name, contents) in names.iter().zip(files) {
        let Some(contents) = contents.filter(|contents| !contents.trim_ascii().is_empty()) else { continue };
        if contents.starts_with(CLOUD_CONFIG) {
            (guest.say)(&format!(
                "{name} is for cloud-init, and not followed; its host name and SSH keys are used"
            ));
            continue;
        }
        return Ok(Some(contents));
    }
    Ok(None)
}

pub(crate) fn metadata(guest: &mut Guest<'_>) -> Result<Metadata> {
    let mut metadata = Metadata::default();
    let names = ["user-data", "meta-data", "network-config"];
    let Some(files) = guest.await_disc(DISC, &names)? else { return Ok(metadata) };
    let mut files = files.into_iter();
    let mut next = || files.next().flatten().unwrap_or_default();
    let (user, meta, network) = (next(), next(), next());
    let user = if user.starts_with(CLOUD_CONFIG) {
        yaml::parse("user-data", &user)?
    } else {
        serde_json::Value::Null
    };
    let meta = yaml::parse("meta-data", &meta)?;
    let network = yaml::parse("network-config", &network)?;
    metadata.hostname = yaml::text(&user["hostname"]).or_else(|| yaml::text(&meta["local-hostname"]));
    metadata.set("PROXMOXVE_HOSTNAME", metadata.hostname.clone());
    metadata.set("PROXMOXVE_INSTANCE_ID", yaml::text(&meta["instance-id"]));
    for address in yaml::first_addresses(&network) {
        let name = if address.is_ipv4() { "PROXMOXVE_IPV4" } else { "PROXMOXVE_IPV6" };
        metadata.set(name, Some(address.to_string()));
    }
    for keys in [&user["ssh_authorized_keys"], &meta["public-keys"]] {
        metadata.keys(yaml::texts(keys).iter().map(String::as_str));
    }
    Ok(metadata)
}
