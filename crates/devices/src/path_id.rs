//! Where a device is attached, as text that stays the same from boot to boot: udev's `ID_PATH`.

use crate::sysfs::{Device, base_name};

/// A device's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `ID_PATH`.
    pub path: String,
    /// `ID_PATH_WITH_USB_REVISION`: of devices on USB also by which of a port's two hubs.
    pub with_usb_revision: Option<String>,
    /// `ID_PATH_ATA_COMPAT`: an ATA port without the drive's number at it.
    pub ata_compat: Option<String>,
}

/// Parts of a path, gathered from the device outwards.
#[derive(Default)]
struct Walk {
    parts: Vec<String>,
    ata_compat: Option<Vec<String>>,
    /// Whether a part tells one transport's devices apart.
    transport: bool,
    /// Whether a part tells where on the machine that is.
    parent: bool,
}

impl Walk {
    fn push(&mut self, part: String) {
        self.parts.push(part);
    }

    /// A part that both paths have.
    fn push_place(&mut self, part: String) {
        if let Some(compat) = &mut self.ata_compat {
            compat.push(part.clone());
        }
        self.parts.push(part);
    }
}

/// A device's place; None where that is not told well enough to be a name.
pub fn place(device: &Device<'_>) -> Option<Place> {
    let mut walk = Walk::default();
    let mut next = Some(device.clone());
    while let Some(at) = next {
        // None ends the walk without a name, as far as nothing is known yet.
        let last = step(device, &at, &mut walk)?;
        next = last.parent();
    }
    let is_block = device.subsystem().as_deref() == Some("block");
    if walk.parts.is_empty() || !walk.parent || (is_block && !walk.transport) {
        return None;
    }
    let join = |mut parts: Vec<String>| {
        parts.reverse();
        parts.join("-")
    };
    let path = join(walk.parts);
    let (path, with_usb_revision) = match without_usb_revision(&path) {
        Some(plain) => (plain, Some(path)),
        None => (path, None),
    };
    Some(Place { path, with_usb_revision, ata_compat: walk.ata_compat.map(join) })
}

/// Takes one device of the chain in; where the walk goes on from.
fn step<'a>(device: &Device<'a>, at: &Device<'a>, walk: &mut Walk) -> Option<Device<'a>> {
    let subsystem = at.subsystem().unwrap_or_default();
    let name = at.name();
    match subsystem.as_str() {
        "scsi" => {
            let last = scsi(at, walk)?;
            walk.transport = true;
            return Some(last);
        }
        "usb" => {
            walk.transport = true;
            return Some(usb(at, walk));
        }
        "serio" | "spi" => {
            if let Some(number) = at.number() {
                let prefix = if subsystem == "spi" { "cs" } else { "serio" };
                walk.push(format!("{prefix}-{number}"));
                return Some(skip(at, &subsystem));
            }
        }
        "pci" | "acpi" | "xen" => {
            walk.push_place(format!("{subsystem}-{name}"));
            walk.parent = true;
            return Some(skip(at, &subsystem));
        }
        "platform" | "amba" | "scm" | "ccw" | "ccwgroup" | "iucv" => {
            walk.push_place(format!("{subsystem}-{name}"));
            (walk.transport, walk.parent) = (true, true);
            return Some(skip(at, &subsystem));
        }
        "virtio" => {
            walk.transport = true;
            return Some(skip(at, "virtio"));
        }
        "bcma" => {
            if let Some(core) = name.strip_prefix("bcma").and_then(|rest| rest.split_once(':')) {
                walk.push(format!("bcma-{}", core.1));
                walk.transport = true;
            }
        }
        "nvme" | "nvme-subsystem" => {
            if let Some(nsid) = device.word("nsid") {
                walk.push_place(format!("nvme-{nsid}"));
                (walk.transport, walk.parent) = (true, true);
                if subsystem == "nvme-subsystem" {
                    return nvme_controller(device).map(|controller| skip(&controller, "nvme"));
                }
                return Some(skip(at, "nvme"));
            }
        }
        _ => {}
    }
    Some(at.clone())
}

/// The last of the devices above that are of the same subsystem.
fn skip<'a>(device: &Device<'a>, subsystem: &str) -> Device<'a> {
    let is_of = |device: &Device<'_>| device.subsystem().as_deref() == Some(subsystem);
    device.chain().take_while(is_of).last().unwrap_or_else(|| device.clone())
}

/// A namespace of an NVMe with several paths hangs on no device: its controller has the same number.
fn nvme_controller<'a>(device: &Device<'a>) -> Option<Device<'a>> {
    let name = device.name();
    let digits = name.strip_prefix("nvme")?.chars().take_while(char::is_ascii_digit).count();
    let controller = device.of_subsystem("nvme", &name[..4 + digits])?;
    // One that is on a network is nowhere.
    (!controller.path().contains("/virtual/")).then_some(controller)
}

/// A SCSI device, by what it hangs on.
fn scsi<'a>(at: &Device<'a>, walk: &mut Walk) -> Option<Device<'a>> {
    if at.devtype().as_deref() != Some("scsi_device") {
        return Some(at.clone());
    }
    let path = at.path();
    if let Some(id) = at.word("ieee1394_id") {
        walk.push(format!("ieee1394-0x{id}"));
        walk.parent = true;
        return Some(skip(at, "scsi"));
    }
    if path.contains("/rport-") {
        walk.parent = true;
        let target = at.above("scsi", Some("scsi_target"))?;
        let port = at.of_subsystem("fc_transport", &target.name())?.word("port_name")?;
        walk.push(format!("fc-{port}-{}", lun(at)?));
        return Some(at.clone());
    }
    if path.contains("/end_device-") {
        walk.parent = true;
        walk.push(sas(at)?);
        return Some(at.clone());
    }
    if path.contains("/session") {
        walk.parent = true;
        walk.push(iscsi(at)?);
        return Some(at.clone());
    }
    if path.contains("/ata") {
        return ata(at, walk);
    }
    if path.contains("/vmbus_") || path.contains("/VMBUS") {
        let host = at.above("scsi", Some("scsi_host"))?;
        let guid = host.parent()?.word("device_id")?;
        let digits = guid.strip_prefix('{')?.strip_suffix('}')?.replace('-', "");
        walk.push(format!("vmbus-{digits}-{}", lun(at)?));
        return Some(at.clone());
    }
    let host = at.above("scsi", Some("scsi_host"))?;
    let [number, bus, target, lun] = address(&at.name())?;
    // Numbers of hosts are the whole machine's: they count from the device's first.
    let (folder, _) = host.path().rsplit_once('/')?;
    let hosts =
        at.sysfs().list(folder).into_iter().filter_map(|name| name.strip_prefix("host")?.parse().ok());
    let first: u64 = hosts.min().unwrap_or(number);
    walk.push(format!("scsi-{}:{bus}:{target}:{lun}", number - first.min(number)));
    Some(host)
}

/// `host:bus:target:lun`.
fn address(name: &str) -> Option<[u64; 4]> {
    let numbers: Option<Vec<u64>> = name.split(':').map(|number| number.parse().ok()).collect();
    numbers?.try_into().ok()
}

fn lun(device: &Device<'_>) -> Option<String> {
    let lun = address(&device.name())?[3];
    Some(match lun {
        0..256 => format!("lun-{lun}"),
        // As the transport writes it: two bytes a level.
        _ => format!("lun-0x{:04x}{:04x}00000000", lun & 0xffff, (lun >> 16) & 0xffff),
    })
}

fn ata<'a>(at: &Device<'a>, walk: &mut Walk) -> Option<Device<'a>> {
    let [_, bus, target, _] = address(&at.name())?;
    let host = at.above("scsi", Some("scsi_host"))?;
    let port = at.of_subsystem("ata_port", &host.parent()?.name())?.word("port_no")?;
    walk.push(match bus {
        0 => format!("ata-{port}.{target}"),
        // Behind a port multiplier.
        bus => format!("ata-{port}.{bus}.0"),
    });
    walk.ata_compat = Some(vec![format!("ata-{port}")]);
    Some(at.clone())
}

fn sas(at: &Device<'_>) -> Option<String> {
    let target = at.above("scsi", Some("scsi_target"))?;
    let end = target.parent()?;
    let port = end.parent()?;
    let device = at.of_subsystem("sas_device", &end.name())?;
    let lun = lun(at)?;
    if at.of_subsystem("sas_port", &port.name())?.decimal::<u32>("num_phys")? > 1 {
        return Some(format!("sas-{}-{lun}", device.word("sas_address")?));
    }
    let phy = device.word("phy_identifier")?;
    let above = port.parent()?;
    match at.of_subsystem("sas_device", &above.name()) {
        Some(expander) => Some(format!("sas-exp{}-phy{phy}-{lun}", expander.word("sas_address")?)),
        None => Some(format!("sas-phy{phy}-{lun}")),
    }
}

fn iscsi(at: &Device<'_>) -> Option<String> {
    let transport = at.chain().find(|device| base_name(device.path()).starts_with("session"))?;
    let session = at.of_subsystem("iscsi_session", &transport.name())?;
    let connection = format!("connection{}:0", transport.number()?);
    let connection = at.of_subsystem("iscsi_connection", &connection)?;
    let [address, port] = ["persistent_address", "persistent_port"].map(|name| connection.word(name));
    Some(format!("ip-{}:{}-iscsi-{}-{}", address?, port?, session.word("targetname")?, lun(at)?))
}

fn usb<'a>(at: &Device<'a>, walk: &mut Walk) -> Device<'a> {
    let name = at.name();
    let is_part = matches!(at.devtype().as_deref(), Some("usb_interface" | "usb_device"));
    let Some((_, port)) = name.split_once('-').filter(|_| is_part) else { return at.clone() };
    let root = skip(at, "usb");
    // A port of a modern controller is on two hubs, whose devices have the same numbers.
    walk.push(match hub_revision(&root) {
        Some(revision) => format!("usbv{revision}-0:{port}"),
        None => format!("usb-0:{port}"),
    });
    root
}

/// The revision of USB that a hub speaks, by its protocol (USB 3.2, table 10-6 and USB 2.0, 11.23.1).
fn hub_revision(hub: &Device<'_>) -> Option<u8> {
    match u8::from_str_radix(&hub.word("bDeviceProtocol")?, 16).ok()? {
        0 if hub.word("speed")? == "480" => Some(2),
        0 => Some(1),
        1 | 2 => Some(2),
        3 => Some(3),
        _ => None,
    }
}

/// The path without the digit in `-usbvN-`; None where it has none.
fn without_usb_revision(path: &str) -> Option<String> {
    let at = path.find("-usbv")? + "-usb".len();
    let rest = path[at + 1..].strip_prefix(|c: char| c.is_ascii_digit())?;
    rest.starts_with('-').then(|| format!("{}{rest}", &path[..at]))
}
