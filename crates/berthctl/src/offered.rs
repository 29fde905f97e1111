//! What the network and the platform say of this machine: names for it, and servers of time. It comes from
//! others: what makes no sense is passed over.

use std::fs;
use std::path::Path;

use layout::path::{METADATA, NETD_STATE, RUN};
use serde_json::Value;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offered {
    /// Whether there is an address that others can be reached from.
    pub online: bool,
    /// The platform's name for the machine.
    pub platform_name: Option<String>,
    /// The network's: those of DHCP servers, and of the kernel argument `ip=`.
    pub dhcp_names: Vec<String>,
    /// Servers of time, the platform's first.
    pub ntp: Vec<String>,
}

impl Offered {
    /// What is known now.
    pub fn gather() -> Offered {
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        Offered::parse(&read(&Path::new(RUN).join(NETD_STATE)), &read(Path::new(METADATA)))
    }

    /// The network daemon's state and the platform's metadata, each as JSON.
    fn parse(network: &str, platform: &str) -> Offered {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let (network, platform) = (read(network), read(platform));
        let mut offered = Offered {
            online: network["online"].as_bool().unwrap_or_default(),
            platform_name: platform["hostname"].as_str().map(str::to_owned),
            ntp: texts(&platform["ntp_servers"]),
            ..Offered::default()
        };
        // What netd says of all, then what of each link.
        for part in std::iter::once(&network).chain(network["links"].as_array().into_iter().flatten()) {
            let name = part["hostname"]
                .as_str()
                .filter(|name| !offered.dhcp_names.iter().any(|known| known == name));
            offered.dhcp_names.extend(name.map(str::to_owned));
            let new = texts(&part["ntp"]).into_iter().filter(|server| !offered.ntp.contains(server));
            let new: Vec<String> = new.collect();
            offered.ntp.extend(new);
        }
        offered
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_comes_before_the_network() {
        let network = r#"{"online": true, "hostname": "nought", "ntp": ["10.0.0.1"], "links": [
            {"name": "a", "hostname": "one", "ntp": ["10.0.0.1", "10.0.0.2"]},
            {"name": "b", "hostname": null, "ntp": ["10.0.0.2"]}, {"name": "c", "ntp": [7]}]}"#;
        let platform = r#"{"hostname": "two", "ntp_servers": ["169.254.169.123"]}"#;
        let offered = Offered::parse(network, platform);
        assert_eq!(
            offered,
            Offered {
                online: true,
                platform_name: Some("two".into()),
                dhcp_names: vec!["nought".into(), "one".into()],
                ntp: ["169.254.169.123", "10.0.0.1", "10.0.0.2"].map(str::to_owned).to_vec(),
            }
        );
    }

    #[test]
    fn nonsense_says_nothing() {
        for text in ["", "{", "[]", "7", r#"{"online": 1, "links": {}, "hostname": 1, "ntp_servers": "x"}"#] {
            assert_eq!(Offered::parse(text, text), Offered::default(), "{text}");
        }
    }
}
