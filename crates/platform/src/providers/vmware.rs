//! VMware: properties of the guest, which the hypervisor gives through a port that only it answers on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Error, Guest, Result, detect, unpack};

/// What hypervisor and guest agree on to name the config; Ignition's name first, Flatcar's old one after it.
const NAMES: [&str; 2] = ["ignition.config.data", "coreos.config.data"];
const OVF: &str = "ovfEnv";
const OVF_NAMESPACE: &str = "http://schemas.dmtf.org/ovf/environment/1";

pub(crate) fn config(guest: &mut Guest<'_>) -> Result<Option<Vec<u8>>> {
    let facts = detect::Facts::gather(&guest.root);
    if !facts.is_vmware() {
        // On another machine the instruction would be a fault.
        return Err(Error::NotVmware { vendor: facts.vendor });
    }
    config_of(&mut property)
}

/// A property of the guest by its name.
fn property(name: &str) -> Result<Option<Vec<u8>>> {
    let bad = |fault: vmw_backdoor::VmwError| Error::read(format!("guestinfo.{name}"), fault);
    let mut port = vmw_backdoor::access_backdoor_privileged().map_err(bad)?;
    let mut channel = port.open_enhanced_chan().map_err(bad)?;
    channel.get_guestinfo(format!("guestinfo.{name}").as_bytes()).map_err(bad)
}

/// The config, from the guest's properties or from the OVF environment that is one of them.
pub(crate) fn config_of(
    property: &mut dyn FnMut(&str) -> Result<Option<Vec<u8>>>,
) -> Result<Option<Vec<u8>>> {
    let ovf = property(OVF)?.filter(|text| !text.is_empty());
    let ovf = ovf.map(|text| ovf_properties(&text)).transpose()?.unwrap_or_default();
    let mut find = |name: &str| -> Result<Option<Vec<u8>>> {
        if let Some(value) = property(name)?.filter(|value| !value.is_empty()) {
            return Ok(Some(value));
        }
        let name = format!("guestinfo.{name}");
        Ok(ovf.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone().into_bytes()))
    };
    for name in NAMES {
        if let Some(data) = find(name)?.filter(|data| !data.is_empty()) {
            let encoding = find(&format!("{name}.encoding"))?.unwrap_or_default();
            return decode(name, data, &String::from_utf8_lossy(&encoding)).map(Some);
        }
    }
    Ok(None)
}

fn decode(name: &str, data: Vec<u8>, encoding: &str) -> Result<Vec<u8>> {
    let place = format!("guestinfo.{name}");
    let base64 = |data: &[u8]| {
        let data: Vec<u8> = data.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
        STANDARD
            .decode(data)
            .map_err(|fault| Error::garbage(place.clone(), format!("it is not base64: {fault}")))
    };
    match encoding.trim() {
        "" => Ok(data),
        "b64" | "base64" => base64(&data),
        "gz" | "gzip" => unpack::gzip(&place, &data),
        "gz+base64" | "gzip+base64" | "gz+b64" | "gzip+b64" => unpack::gzip(&place, &base64(&data)?),
        other => Err(Error::garbage(
            format!("{place}.encoding"),
            format!("{other:?} is no encoding that is known"),
        )),
    }
}

/// The properties of an OVF environment (DSP0243, section 11).
pub(crate) fn ovf_properties(text: &[u8]) -> Result<Vec<(String, String)>> {
    const PLACE: &str = "guestinfo.ovfEnv";
    let text = std::str::from_utf8(text).map_err(|fault| Error::garbage(PLACE, fault))?;
    let document = crate::xml::parse(PLACE, text)?;
    let sections = document
        .root_element()
        .children()
        .filter(|node| node.has_tag_name((OVF_NAMESPACE, "PropertySection")));
    let properties = sections.flat_map(|section| section.children());
    let properties = properties.filter(|node| node.has_tag_name((OVF_NAMESPACE, "Property")));
    Ok(properties
        .filter_map(|node| {
            let attribute = |name| node.attribute((OVF_NAMESPACE, name)).map(str::to_owned);
            Some((attribute("key")?, attribute("value")?))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::config_of;
    use crate::{Error, Result};

    type Properties<'a> = &'a [(&'a str, &'a str)];

    fn with(properties: Properties<'_>) -> Result<Option<Vec<u8>>> {
        config_of(&mut |name: &str| {
            let found = properties.iter().find(|(key, _)| *key == name);
            Ok(found.map(|(_, value)| value.as_bytes().to_vec()))
        })
    }

    const OVF: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"
            xmlns:ex="http://example.com/xmlns" oe:id="vm">
          <PropertySection>
            <Property ex:key="guestinfo.ignition.config.data" oe:value="no"/>
            <ex:Property oe:key="guestinfo.ignition.config.data" oe:value="no"/>
            <Property oe:key="guestinfo.ignition.config.data" oe:value="e30K"/>
            <Property oe:key="guestinfo.ignition.config.data.encoding" oe:value="base64"/>
          </PropertySection>
        </Environment>"#;

    #[test]
    fn a_config_is_where_the_guests_properties_say() {
        let cases: [(Properties<'_>, Option<&str>); 7] = [
            (&[], None),
            (&[("ignition.config.data", "")], None),
            (&[("ignition.config.data", "{}")], Some("{}")),
            (&[("ignition.config.data", "e30K"), ("ignition.config.data.encoding", "b64")], Some("{}\n")),
            (
                &[
                    ("ignition.config.data", "H4sIAAAAAAAAA6uu5QIABrCh3QMAAAA="),
                    ("ignition.config.data.encoding", "gzip+base64"),
                ],
                Some("{}\n"),
            ),
            (&[("coreos.config.data", "{}")], Some("{}")),
            (&[("ovfEnv", OVF)], Some("{}\n")),
        ];
        for (properties, expected) in &cases {
            let found = with(properties).unwrap().map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(found.as_deref(), *expected, "{properties:?}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_said() {
        for properties in [
            [("ignition.config.data", "!"), ("ignition.config.data.encoding", "base64")],
            [("ignition.config.data", "{}"), ("ignition.config.data.encoding", "gzip")],
            [("ignition.config.data", "{}"), ("ignition.config.data.encoding", "rot13")],
            [("ovfEnv", "<a>"), ("x", "")],
            [("ovfEnv", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), ("x", "")],
        ] {
            assert!(matches!(with(&properties), Err(Error::Garbage { .. })), "{properties:?}");
        }
    }
}
