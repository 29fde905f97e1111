//! `[Match]` of a `.link` or `.network` file: which interfaces it is for.

use unit::text::glob;

use crate::uevent::Properties;

/// What must be so. Each list that is not empty must have a word that fits; words are patterns, and a list whose
/// first word begins with `!` must have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Match {
    /// `MACAddress=`.
    pub macs: Vec<String>,
    /// `PermanentMACAddress=`.
    pub permanent_macs: Vec<String>,
    /// `OriginalName=`.
    pub names: Vec<String>,
    /// `Path=`.
    pub paths: Vec<String>,
    /// `Driver=`.
    pub drivers: Vec<String>,
    /// `Type=`.
    pub types: Vec<String>,
    /// `Kind=`.
    pub kinds: Vec<String>,
    /// `Property=`: `KEY=PATTERN` each, all of which must be so.
    pub properties: Vec<String>,
    /// What must be so of the machine.
    pub conditions: Vec<Condition>,
    /// Something is asked that is not built.
    pub never: bool,
}

/// A condition on the machine, in the words of systemd.unit(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// `Host`, `Virtualization`, `KernelCommandLine`, `KernelVersion`, `Architecture`.
    pub key: String,
    /// What it is compared with.
    pub value: String,
    /// Whether it must not be so.
    pub negated: bool,
}

/// What is known of an interface.
#[derive(Debug, Clone, Default)]
pub struct Interface {
    /// The kernel's name of it.
    pub name: String,
    /// Its hardware address.
    pub mac: String,
    /// The address that it was made with.
    pub permanent_mac: String,
    /// Its driver.
    pub driver: String,
    /// `ether`, `wlan` ...: its device type, or what it speaks.
    pub kind_of_link: String,
    /// `bridge`, `veth` ...; empty for hardware.
    pub kind: String,
    /// What was found out, `ID_PATH` among it.
    pub properties: Properties,
}

impl Match {
    /// Takes an assignment of the section.
    ///
    /// # Errors
    /// What is wrong with it, or not built.
    pub fn assign(&mut self, key: &str, value: &str) -> Result<(), String> {
        let words = || value.split_whitespace().map(str::to_owned);
        let lower = || words().map(|word| word.to_ascii_lowercase());
        match key {
            "MACAddress" => add(&mut self.macs, lower(), value),
            "PermanentMACAddress" => add(&mut self.permanent_macs, lower(), value),
            "OriginalName" => add(&mut self.names, words(), value),
            "Path" => add(&mut self.paths, words(), value),
            "Driver" => add(&mut self.drivers, words(), value),
            "Type" => add(&mut self.types, words(), value),
            "Kind" => add(&mut self.kinds, words(), value),
            "Property" => add(&mut self.properties, words(), value),
            "Host" | "Virtualization" | "KernelCommandLine" | "KernelVersion" | "Architecture" => {
                let (negated, value) = match value.strip_prefix('!') {
                    Some(rest) => (true, rest.trim_start()),
                    None => (false, value),
                };
                let condition = Condition { key: key.to_owned(), value: value.to_owned(), negated };
                self.conditions.push(condition);
            }
            "Credential" | "Firmware" => {
                // What cannot be asked is not so: the file is for no interface.
                self.never = true;
                return Err(format!("{key}= is not built: the file is for no interface; the line is"));
            }
            _ => return Err(format!("unknown key {key}=")),
        }
        Ok(())
    }

    /// Whether the file is for this interface. `machine` answers conditions.
    pub fn fits(&self, interface: &Interface, machine: &dyn Fn(&Condition) -> bool) -> bool {
        let path = interface.properties.get("ID_PATH").map_or("", String::as_str);
        let lists = [
            (&self.macs, interface.mac.as_str()),
            (&self.permanent_macs, &interface.permanent_mac),
            (&self.names, &interface.name),
            (&self.paths, path),
            (&self.drivers, &interface.driver),
            (&self.types, &interface.kind_of_link),
            (&self.kinds, &interface.kind),
        ];
        !self.never
            && lists.iter().all(|(words, value)| one_fits(words, value))
            && self.properties.iter().all(|wanted| has_property(wanted, &interface.properties))
            && self.conditions.iter().all(|condition| machine(condition) != condition.negated)
    }
}

/// A list grows by each line; an empty line empties it.
fn add(list: &mut Vec<String>, words: impl Iterator<Item = String>, value: &str) {
    if value.is_empty() {
        list.clear();
    }
    list.extend(words);
}

fn one_fits(words: &[String], value: &str) -> bool {
    let Some(first) = words.first() else { return true };
    let (negated, first) = match first.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, first.as_str()),
    };
    let mut words = std::iter::once(first).chain(words[1..].iter().map(String::as_str));
    // What an interface does not have fits no pattern, also not `*`: `Kind=!*` is hardware.
    let fits = !value.is_empty() && words.any(|word| glob::matches(word, value));
    fits != negated
}

fn has_property(wanted: &str, properties: &Properties) -> bool {
    let (negated, wanted) = match wanted.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, wanted),
    };
    let (key, pattern) = wanted.split_once('=').unwrap_or((wanted, "*"));
    properties.get(key).is_some_and(|value| glob::matches(pattern, value)) != negated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::link_file::LinkFile;

    #[test]
    fn a_file_is_for_the_interfaces_that_it_describes() {
        let interface = Interface {
            name: "eth0".to_owned(),
            mac: "52:54:00:00:00:01".to_owned(),
            permanent_mac: "52:54:00:00:00:01".to_owned(),
            driver: "virtio_net".to_owned(),
            kind_of_link: "ether".to_owned(),
            kind: String::new(),
            properties: [("ID_PATH", "pci-0000:00:14.0-usb-0:1:1.0"), ("ID_NET_NAME_MAC", "enx1")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        };
        let machine = |condition: &Condition| condition.value == "yes";
        for (text, fits) in [
            ("OriginalName=*", true),
            ("OriginalName=eth1 eth0", true),
            ("OriginalName=!eth1 eth0", false),
            ("OriginalName=!lo veth*", true),
            ("MACAddress=52:54:00:00:00:01", true),
            ("PermanentMACAddress=52:54:00:00:00:02", false),
            ("Driver=e1000e virtio*", true),
            ("Type=wlan", false),
            ("Type=ether\nKind=bridge", false),
            ("Kind=*", false),
            ("Kind=!*", true),
            ("Path=*-usb-*\nProperty=ID_NET_NAME_MAC=*", true),
            ("Property=ID_NET_NAME_MAC=*\nProperty=NO=*", false),
            ("Property=!NO=*", true),
            ("Host=yes", true),
            ("Host=!yes", false),
            ("KernelVersion=!no", true),
            ("Credential=x", false),
        ] {
            let file = LinkFile::read("/x.link", &format!("[Match]\n{text}")).file;
            assert_eq!(file.matching.fits(&interface, &machine), fits, "{text}");
        }
    }
}
