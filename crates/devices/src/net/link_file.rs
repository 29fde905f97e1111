//! `.link` files (systemd.link(5)): which interfaces they are for, and what they ask for.

use super::is_valid_name;
use super::matching::Match;
use super::policy::Policy;

/// One file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkFile {
    /// Where it was read.
    pub path: String,
    /// What an interface must be.
    pub matching: Match,
    /// `NamePolicy=`.
    pub name_policy: Vec<Policy>,
    /// `Name=`.
    pub name: Option<String>,
    /// `AlternativeNamesPolicy=`.
    pub alternative_policy: Vec<Policy>,
    /// `AlternativeName=`.
    pub alternative_names: Vec<String>,
    /// `MACAddress=`.
    pub mac: Option<[u8; 6]>,
    /// `MTUBytes=`.
    pub mtu: Option<u32>,
    /// `Alias=`.
    pub alias: Option<String>,
    /// `Description=`.
    pub description: Option<String>,
}

/// A file, and what of it is not followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// The file.
    pub file: LinkFile,
    /// Whether it has a `[Match]` that says something: others are for no interface.
    pub has_match: bool,
    /// What is wrong or not built, each with its place.
    pub warnings: Vec<String>,
}

/// What systemd.link(5) knows of `[Link]` and is not built here.
const NOT_BUILT: [&str; 42] = [
    "Property",
    "ImportProperty",
    "UnsetProperty",
    "TransmitQueues",
    "ReceiveQueues",
    "TransmitQueueLength",
    "BitsPerSecond",
    "Duplex",
    "AutoNegotiation",
    "WakeOnLan",
    "WakeOnLanPassword",
    "Port",
    "Advertise",
    "ReceiveChecksumOffload",
    "TransmitChecksumOffload",
    "TCPSegmentationOffload",
    "TCP6SegmentationOffload",
    "GenericSegmentationOffload",
    "GenericReceiveOffload",
    "GenericReceiveOffloadHardware",
    "LargeReceiveOffload",
    "ReceivePacketSteeringCPUMask",
    "ReceiveVLANCTAGHardwareAcceleration",
    "TransmitVLANCTAGHardwareAcceleration",
    "ReceiveVLANCTAGFilter",
    "TransmitVLANSTAGHardwareAcceleration",
    "NTupleFilter",
    "RxChannels",
    "TxChannels",
    "OtherChannels",
    "CombinedChannels",
    "RxBufferSize",
    "RxMiniBufferSize",
    "RxJumboBufferSize",
    "TxBufferSize",
    "RxFlowControl",
    "TxFlowControl",
    "AutoNegotiationFlowControl",
    "GenericSegmentOffloadMaxBytes",
    "GenericSegmentOffloadMaxSegments",
    "SR-IOVVirtualFunctions",
    "MDI",
];

impl LinkFile {
    /// Reads a file. Drop-ins are given as further texts of the same [`Read`] by [`Read::add`].
    pub fn read(path: &str, text: &str) -> Read {
        let file = Self { path: path.to_owned(), ..Self::default() };
        let mut read = Read { file, ..Read::default() };
        read.add(path, text);
        read
    }
}

impl Read {
    /// Adds a text: the file's own, or a drop-in's.
    pub fn add(&mut self, path: &str, text: &str) {
        let mut section = String::new();
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                name.clone_into(&mut section);
                if !matches!(name, "Match" | "Link") && !name.starts_with("X-") {
                    self.warnings.push(format!("{path}:{number}: section [{name}] is not built, ignored"));
                }
                continue;
            }
            let done = match line.split_once('=') {
                Some((key, value)) => self.assign(&section, key.trim(), value.trim()),
                None => Err(format!("{line} is no assignment")),
            };
            if let Err(why) = done {
                self.warnings.push(format!("{path}:{number}: {why}, ignored"));
            }
        }
    }

    fn assign(&mut self, section: &str, key: &str, value: &str) -> Result<(), String> {
        match section {
            "Match" => {
                self.has_match = true;
                self.file.matching.assign(key, value)
            }
            "Link" => self.link(key, value),
            _ => Ok(()),
        }
    }

    fn link(&mut self, key: &str, value: &str) -> Result<(), String> {
        let file = &mut self.file;
        match key {
            "Description" => file.description = Some(value.to_owned()),
            "Alias" => {
                let fits = value.len() < 256 && value.is_ascii();
                file.alias = fits.then(|| value.to_owned());
                return if fits { Ok(()) } else { Err("Alias= has 255 ASCII characters at most".to_owned()) };
            }
            "NamePolicy" => file.name_policy = policies(value)?,
            "AlternativeNamesPolicy" => {
                file.alternative_policy = policies(value)?;
                let is_choice = |policy: &Policy| matches!(policy, Policy::Kernel | Policy::Keep);
                if file.alternative_policy.iter().any(is_choice) {
                    file.alternative_policy.retain(|policy| !is_choice(policy));
                    return Err(
                        "AlternativeNamesPolicy= knows no kernel and no keep; these words are".to_owned()
                    );
                }
            }
            "Name" => match is_valid_name(value, false) {
                true => file.name = Some(value.to_owned()),
                false => return Err(format!("{value:?} is no name of an interface")),
            },
            "AlternativeName" => {
                if value.is_empty() {
                    file.alternative_names.clear();
                }
                file.alternative_names.extend(value.split_whitespace().map(str::to_owned));
            }
            // An interface's own address is persistent; the kernel's choice for one that has none is left.
            "MACAddressPolicy" if matches!(value, "" | "none" | "persistent") => {}
            "MACAddressPolicy" => return Err(format!("MACAddressPolicy={value} is not built")),
            "MACAddress" => file.mac = Some(mac(value).ok_or(format!("{value} is no hardware address"))?),
            "MTUBytes" => file.mtu = Some(bytes(value).ok_or(format!("{value} is no size"))?),
            key if NOT_BUILT.contains(&key) => return Err(format!("{key}= is not built")),
            _ => return Err(format!("unknown key {key}=")),
        }
        Ok(())
    }
}

fn policies(value: &str) -> Result<Vec<Policy>, String> {
    value.split_whitespace().map(|word| Policy::parse(word).ok_or(format!("unknown policy {word}"))).collect()
}

fn mac(value: &str) -> Option<[u8; 6]> {
    let parts: Vec<&str> = value.split([':', '-']).collect();
    let bytes: Option<Vec<u8>> = parts.iter().map(|part| u8::from_str_radix(part, 16).ok()).collect();
    let bytes: [u8; 6] = bytes?.try_into().ok()?;
    // A card takes neither zeros nor a group's address.
    (bytes != [0; 6] && bytes[0] & 1 == 0).then_some(bytes)
}

fn bytes(value: &str) -> Option<u32> {
    let (digits, factor) = match value.strip_suffix(['K', 'M']) {
        Some(digits) if value.ends_with('K') => (digits, 1 << 10),
        Some(digits) => (digits, 1 << 20),
        None => (value, 1),
    };
    digits.trim().parse::<u32>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_is_for_and_what_it_asks() {
        let text = "# x\n[Match]\nMACAddress=AA:bb:cc:dd:ee:ff\nDriver=virtio_net e1000*\nHost=!a\n\n[Link]\n\
                    Description=up\nNamePolicy=slot mac\nName=lan0\nAlternativeName=x y\nMACAddress=02:00:00:00:00:01\n\
                    MTUBytes=9K\nAlias=hi\nAlternativeNamesPolicy=mac\nMACAddressPolicy=persistent\n";
        let read = LinkFile::read("/etc/systemd/network/10-x.link", text);
        assert_eq!(read.warnings, [""; 0]);
        let file = read.file;
        assert!(read.has_match);
        assert_eq!(file.matching.macs, ["aa:bb:cc:dd:ee:ff"]);
        assert_eq!(file.matching.drivers, ["virtio_net", "e1000*"]);
        assert_eq!(file.name_policy, [Policy::Slot, Policy::Mac]);
        assert_eq!((file.name.as_deref(), file.mtu), (Some("lan0"), Some(9216)));
        assert_eq!(file.alternative_names, ["x", "y"]);
        assert_eq!(file.mac, Some([2, 0, 0, 0, 0, 1]));
        assert_eq!(file.alias.as_deref(), Some("hi"));
    }

    #[test]
    fn what_is_not_followed_is_named_with_its_place() {
        let text = "[Link]\nWakeOnLan=magic\nFoo=1\nName=a/b\nMTUBytes=x\nMACAddressPolicy=random\nnonsense\n\
                    NamePolicy=slot best\nMACAddress=01:00:00:00:00:00\n[SR-IOV]\nTrust=yes\n[Match]\nFirmware=x";
        let read = LinkFile::read("/a.link", text);
        let expected = [
            "/a.link:2: WakeOnLan= is not built, ignored",
            "/a.link:3: unknown key Foo=, ignored",
            "/a.link:4: \"a/b\" is no name of an interface, ignored",
            "/a.link:5: x is no size, ignored",
            "/a.link:6: MACAddressPolicy=random is not built, ignored",
            "/a.link:7: nonsense is no assignment, ignored",
            "/a.link:8: unknown policy best, ignored",
            "/a.link:9: 01:00:00:00:00:00 is no hardware address, ignored",
            "/a.link:10: section [SR-IOV] is not built, ignored",
            "/a.link:13: Firmware= is not built: the file is for no interface; the line is, ignored",
        ];
        assert_eq!(read.warnings, expected);
        assert!(read.file.matching.never);
    }
}
