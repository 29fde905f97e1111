//! SCSI's identification: vital product data pages 0x83 and 0x80 (SPC-4, 7.8), as sysfs has them.

use crate::encode::part;
use crate::sysfs::Device;
use crate::uevent::Properties;

/// Types of designators that name a device (SPC-4, table 589), best first, each with the sub-type of
/// NAA where it matters.
const DESIGNATORS: [(u8, Option<u8>); 6] =
    [(3, Some(6)), (3, Some(5)), (3, None), (2, None), (1, None), (0, None)];
const NAA: u8 = 3;
const VENDOR_SPECIFIC: u8 = 0;
const BINARY: u8 = 1;
const ASCII: u8 = 2;

/// What a SCSI disk says of itself.
pub fn properties(disk: &Device<'_>) -> Properties {
    let mut found = Properties::new();
    let Some(device) = disk.above("scsi", Some("scsi_device")) else { return found };
    let mut put = |key: &str, value: String| drop(found.insert(key.to_owned(), value));
    // A name is padded to 8 and 16 bytes, of which blanks at the end count between them.
    let fixed = |name: &str, width: usize| format!("{:width$}", device.attribute(name).unwrap_or_default());
    let (vendor, model) = (fixed("vendor", 8), fixed("model", 16));
    put("ID_SCSI", "1".to_owned());
    put("ID_VENDOR", part(&vendor));
    put("ID_MODEL", part(&model));
    put("ID_REVISION", part(&device.attribute("rev").unwrap_or_default()));
    put("ID_TYPE", kind(&device.word("type").unwrap_or_default()).to_owned());
    let unit = device.read("vpd_pg80").and_then(|page| unit_serial(&page));
    if let Some(unit) = &unit {
        put("ID_SCSI_SERIAL", part(unit));
    }
    let designator = device.read("vpd_pg83").and_then(|page| designator(&page, &vendor, &model));
    let (serial, short) = match (designator, &unit) {
        (Some(designator), _) => {
            if let Some(name) = &designator.world_wide_name {
                let (first, extension) = name.split_at(name.len().min(16));
                put("ID_WWN", format!("0x{first}"));
                put("ID_WWN_WITH_EXTENSION", format!("0x{first}{extension}"));
                if !extension.is_empty() {
                    put("ID_WWN_VENDOR_EXTENSION", format!("0x{extension}"));
                }
            }
            (designator.serial, designator.short)
        }
        (None, Some(unit)) => (format!("S{vendor}{model}{unit}"), unit.clone()),
        (None, None) => return found,
    };
    put("ID_SERIAL", part(&serial));
    put("ID_SERIAL_SHORT", part(&short));
    found
}

struct Designator {
    serial: String,
    short: String,
    world_wide_name: Option<String>,
}

/// The best designator of page 0x83 that is about the device itself.
fn designator(page: &[u8], vendor: &str, model: &str) -> Option<Designator> {
    let length = usize::from(u16::from_be_bytes([*page.get(2)?, *page.get(3)?]));
    let mut rest = page.get(4..page.len().min(4 + length))?;
    let mut all = Vec::new();
    while let [head, about, _, length, ..] = *rest {
        let Some(id) = rest.get(4..4 + usize::from(length)) else { break };
        if about & 0x30 == 0 {
            all.push((about & 0x0f, head & 0x0f, id));
        }
        rest = &rest[4 + usize::from(length)..];
    }
    DESIGNATORS.iter().flat_map(|wanted| [BINARY, ASCII].map(|code| (wanted, code))).find_map(
        |((kind, naa), code)| {
            let fits = |found: &&(u8, u8, &[u8])| {
                found.0 == *kind
                    && found.1 == code
                    && naa.is_none_or(|naa| found.2.first().is_some_and(|b| b >> 4 == naa))
            };
            let (_, _, id) = all.iter().find(fits)?;
            let short = match code {
                ASCII => text(id),
                _ => id.iter().map(|byte| format!("{byte:02x}")).collect(),
            };
            // A vendor's own number says nothing without the vendor.
            let of = if *kind == VENDOR_SPECIFIC { format!("{vendor}{model}") } else { String::new() };
            Some(Designator {
                serial: format!("{kind}{of}{short}"),
                // As text it would be anything that the disk wants.
                world_wide_name: (*kind == NAA && code == BINARY).then(|| short.clone()),
                short,
            })
        },
    )
}

/// The unit's serial number of page 0x80.
fn unit_serial(page: &[u8]) -> Option<String> {
    let length = usize::from(*page.get(3)?);
    let serial = text(page.get(4..page.len().min(4 + length))?);
    (!serial.trim().is_empty()).then_some(serial)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

/// What a device is, by its type (SPC-4, table 175).
pub(super) fn kind(number: &str) -> &'static str {
    match number {
        "0" | "14" => "disk",
        "1" => "tape",
        "4" | "7" | "15" => "optical",
        "5" => "cd",
        _ => "generic",
    }
}
