//! What the first boot found, for the boots after it: a disc that comes later is not believed because of its label, which
//! whoever may format a volume can give it.

use crate::Platform;
use crate::disc::Found;

/// The platform of the first boot, and the disc that it had, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it was found to be, or was said to be.
    pub platform: Platform,
    /// The UUID of the disc's file system.
    pub uuid: Option<String>,
    /// Where the disc was attached.
    pub place: Option<String>,
}

impl Record {
    /// Of a first boot on this platform, which may have one of these discs.
    pub(crate) fn new(platform: Platform, discs: &[Found]) -> Self {
        let disc = discs.iter().find(|disc| of_label(&disc.label).contains(&platform));
        let known = |word: &String| !word.is_empty() && !word.contains(char::is_control);
        Self {
            platform,
            uuid: disc.and_then(|disc| disc.uuid.clone()).filter(known),
            place: disc.map(|disc| disc.place.clone()).filter(known),
        }
    }

    /// Reads the record that [`Record::text`] made; None where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        Some(Self {
            platform: Platform::from_id(value("platform")?).ok()?,
            uuid: value("uuid").map(str::to_owned),
            place: value("place").map(str::to_owned),
        })
    }

    /// The record as a file has it.
    pub fn text(&self) -> String {
        let mut text = format!("platform={}\n", self.platform.id());
        for (name, value) in [("uuid", &self.uuid), ("place", &self.place)] {
            if let Some(value) = value {
                text += &format!("{name}={value}\n");
            }
        }
        text
    }

    fn is_same(&self, disc: &Found) -> bool {
        let is = |recorded: &Option<String>, seen: Option<&String>| {
            recorded.is_some() && recorded.as_ref() == seen
        };
        is(&self.uuid, disc.uuid.as_ref()) || is(&self.place, Some(&disc.place))
    }
}

/// The platforms whose disc has that label.
fn of_label(label: &str) -> &'static [Platform] {
    match label {
        "cidata" => &[Platform::NoCloud, Platform::ProxmoxVe],
        "config-2" => &[Platform::OpenStack],
        _ => &[],
    }
}

/// How much a disc is to be believed after the first boot; nothing where it is None. Whoever has a volume attached to a
/// machine cannot put it into an optical drive; a stick on USB can say that it is one.
fn trust(disc: &Found, record: Option<&Record>) -> Option<u8> {
    let is_optical = disc.is_optical && !disc.place.contains("/usb");
    match record {
        Some(record) if !of_label(&disc.label).contains(&record.platform) => None,
        Some(record) => match (is_optical, record.is_same(disc)) {
            (true, is_same) => Some(2 + u8::from(is_same)),
            (false, true) => Some(1),
            (false, false) => None,
        },
        // An earlier release kept no record.
        None => is_optical.then_some(2),
    }
}

/// Of discs with the same label, the one to believe after the first boot; the names of all where none is more so than
/// another.
pub(crate) fn chosen<'a>(
    discs: &[&'a Found],
    record: Option<&Record>,
) -> std::result::Result<Option<&'a Found>, Vec<&'a str>> {
    let most = discs.iter().filter_map(|disc| trust(disc, record)).max();
    let best: Vec<&'a Found> =
        discs.iter().copied().filter(|disc| most.is_some() && trust(disc, record) == most).collect();
    match best.as_slice() {
        [] => Ok(None),
        [disc] => Ok(Some(disc)),
        several => Err(several.iter().map(|disc| disc.name.as_str()).collect()),
    }
}

/// What is said of discs that look like a platform's, and are not read: a line, or nothing.
pub(crate) fn remark(discs: &[Found], record: Option<&Record>) -> Option<String> {
    let of_platform = |disc: &&Found| !of_label(&disc.label).is_empty();
    let others = discs.iter().filter(of_platform).filter(|disc| trust(disc, record).is_none());
    let names: Vec<String> = others.map(|disc| format!("{} (label {})", disc.name, disc.label)).collect();
    let first = match record {
        Some(record) => format!("the first boot of this machine was on platform {}", record.platform.id()),
        None => "nothing is recorded of this machine's first boot".to_owned(),
    };
    (!names.is_empty()).then(|| {
        format!("not read: {}: {first}, and this is no disc of it (docs/platforms.md)", names.join(", "))
    })
}

/// Where a device is attached, by its path in sysfs, without what the kernel counts as it finds things.
pub(crate) fn place(path: &str) -> String {
    let counted = |part: &str| {
        ["virtio", "host", "target", "nvme"].iter().any(|kind| {
            part.strip_prefix(kind).is_some_and(|rest| rest.starts_with(|char: char| char.is_ascii_digit()))
        })
    };
    let parts = path.split('/').take_while(|part| *part != "block").filter(|part| !counted(part));
    // A SCSI device's first number is its host's.
    let parts = parts.map(|part| match part.split_once(':') {
        Some((host, rest))
            if rest.matches(':').count() == 2 && host.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            rest
        }
        _ => part,
    });
    // The number of a partition is a part of where it is; a disk's name is counted.
    let partition = path.rsplit_once('/').and_then(|(disk, name)| {
        let rest = name.strip_prefix(disk.rsplit('/').next()?)?;
        let number: u32 = rest.strip_prefix('p').unwrap_or(rest).parse().ok()?;
        Some(format!("/part{number}"))
    });
    parts.collect::<Vec<_>>().join("/") + &partition.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, label: &str, uuid: &str, place: &str) -> Found {
        Found {
            name: name.to_owned(),
            kind: "vfat",
            label: label.to_owned(),
            uuid: Some(uuid.to_owned()),
            place: place.to_owned(),
            is_optical: name.starts_with("sr"),
        }
    }

    fn record(text: &str) -> Option<Record> {
        Record::parse(text)
    }

    /// The name of the disc that is believed, or those of which none is.
    type Chosen = std::result::Result<Option<&'static str>, Vec<&'static str>>;

    #[test]
    fn a_later_disc_is_believed_only_where_the_first_boot_had_such_a_one() {
        let nocloud = "platform=nocloud\nuuid=1\nplace=/pci/5\n";
        let drive = found("sr0", "cidata", "9", "/pci/1");
        let other_drive = found("sr1", "cidata", "9", "/pci/2");
        let first_drive = found("sr1", "cidata", "1", "/pci/2");
        let usb_drive = found("sr0", "cidata", "9", "/pci/usb1/1-1");
        let same = found("vdb", "cidata", "1", "/pci/7");
        let made_anew = found("vdb", "cidata", "2", "/pci/5");
        let volume = found("vdc", "cidata", "2", "/pci/7");
        let openstack = found("sr0", "config-2", "1", "/pci/5");
        let cases: &[(&str, &[&Found], Chosen)] = &[
            (nocloud, &[], Ok(None)),
            (nocloud, &[&same], Ok(Some("vdb"))),
            (nocloud, &[&made_anew], Ok(Some("vdb"))),
            (nocloud, &[&drive], Ok(Some("sr0"))),
            (nocloud, &[&volume], Ok(None)),
            (nocloud, &[&usb_drive], Ok(None)),
            (nocloud, &[&volume, &same], Ok(Some("vdb"))),
            (nocloud, &[&same, &drive], Ok(Some("sr0"))),
            (nocloud, &[&drive, &first_drive], Ok(Some("sr1"))),
            (nocloud, &[&drive, &other_drive], Err(vec!["sr0", "sr1"])),
            (nocloud, &[&same, &made_anew], Err(vec!["vdb", "vdb"])),
            (nocloud, &[&openstack], Ok(None)),
            ("platform=proxmoxve\n", &[&drive], Ok(Some("sr0"))),
            ("platform=proxmoxve\n", &[&volume], Ok(None)),
            ("platform=openstack\n", &[&openstack], Ok(Some("sr0"))),
            ("platform=openstack\n", &[&drive], Ok(None)),
            ("platform=metal\n", &[&drive], Ok(None)),
            ("platform=qemu\n", &[&drive], Ok(None)),
            ("platform=aws\n", &[&openstack], Ok(None)),
            // An earlier release kept no record.
            ("", &[&drive], Ok(Some("sr0"))),
            ("", &[&volume], Ok(None)),
            ("", &[&usb_drive], Ok(None)),
        ];
        for (text, discs, expected) in cases {
            let record = record(text);
            let seen = chosen(discs, record.as_ref()).map(|disc| disc.map(|disc| disc.name.as_str()));
            assert_eq!(&seen, expected, "{text:?} {discs:?}");
        }
    }

    #[test]
    fn one_line_says_what_is_not_read() {
        let discs = [
            found("sda", "cidata", "1", "/a"),
            found("sdb", "data", "2", "/b"),
            found("sr0", "config-2", "3", "/c"),
        ];
        let expected = "not read: sda (label cidata), sr0 (label config-2): the first boot of this machine was on \
                        platform metal, and this is no disc of it (docs/platforms.md)";
        assert_eq!(remark(&discs, record("platform=metal\n").as_ref()).as_deref(), Some(expected));
        assert_eq!(remark(&discs[1..], record("platform=openstack\n").as_ref()), None);
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let disc = found("vdb", "cidata", "1A2B-3C4D", "/sys/devices/pci0000:00/0000:00:05.0");
        let discs = [found("sr0", "config-2", "1", "/c"), disc];
        for (platform, expected) in [
            (
                Platform::NoCloud,
                "platform=nocloud\nuuid=1A2B-3C4D\nplace=/sys/devices/pci0000:00/0000:00:05.0\n",
            ),
            (Platform::OpenStack, "platform=openstack\nuuid=1\nplace=/c\n"),
            (Platform::Metal, "platform=metal\n"),
        ] {
            let record = Record::new(platform, &discs);
            assert_eq!(record.text(), expected);
            assert_eq!(Record::parse(expected), Some(record));
        }
        for bad in ["", "metal\n", "platform=\n", "platform=moon\n"] {
            assert_eq!(Record::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_place_is_without_what_the_kernel_counts() {
        for (path, expected) in [
            (
                "/sys/devices/pci0000:00/0000:00:05.0/virtio3/block/vdb",
                "/sys/devices/pci0000:00/0000:00:05.0",
            ),
            (
                "/sys/devices/pci0000:00/0000:00:05.0/virtio3/block/vdb/vdb1",
                "/sys/devices/pci0000:00/0000:00:05.0/part1",
            ),
            (
                "/sys/devices/pci0000:00/0000:00:1f.2/ata2/host1/target1:0:0/1:0:0:0/block/sr0",
                "/sys/devices/pci0000:00/0000:00:1f.2/ata2/0:0:0",
            ),
            (
                "/sys/devices/pci0000:00/0000:00:06.0/nvme/nvme1/nvme1n1",
                "/sys/devices/pci0000:00/0000:00:06.0/nvme",
            ),
            (
                "/sys/devices/pci0000:00/0000:00:06.0/nvme/nvme1/nvme1n1/nvme1n1p2",
                "/sys/devices/pci0000:00/0000:00:06.0/nvme/part2",
            ),
        ] {
            assert_eq!(place(path), expected);
        }
    }
}
