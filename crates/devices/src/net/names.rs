//! The names that follow from where an interface is (systemd.net-naming-scheme(7), scheme v257).

use crate::sysfs::{Device, ROOT};
use crate::uevent::Properties;

/// The scheme.
pub const SCHEME: &str = "v257";

/// The names of one interface; each is there where its facts are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// By the firmware's index of devices on the board.
    pub onboard: Option<String>,
    /// The firmware's label of it.
    pub label: Option<String>,
    /// By the number of the slot that it is in.
    pub slot: Option<String>,
    /// By its place on the bus.
    pub path: Option<String>,
    /// By its hardware address.
    pub mac: Option<String>,
}

impl Names {
    /// As udev's properties.
    pub fn properties(&self) -> Properties {
        let all = [
            ("ID_NET_NAME_ONBOARD", &self.onboard),
            ("ID_NET_LABEL_ONBOARD", &self.label),
            ("ID_NET_NAME_SLOT", &self.slot),
            ("ID_NET_NAME_PATH", &self.path),
            ("ID_NET_NAME_MAC", &self.mac),
        ];
        let given = all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)));
        let scheme = ("ID_NET_NAMING_SCHEME".to_owned(), SCHEME.to_owned());
        given.chain([scheme]).collect()
    }
}

const ETHERNET: u32 = 1;
const INFINIBAND: u32 = 32;
const SLIP: u32 = 256;
/// The hardware's own address, not one that was made up or set.
const PERMANENT: u32 = 0;
/// Firmware is known to report nonsense above.
const LARGEST_INDEX: u32 = (1 << 16) - 1;

/// The names of an interface. None for one that is on top of others (a VLAN, say), and for one that
/// speaks nothing that has names.
pub fn names(device: &Device<'_>) -> Option<Names> {
    if device.decimal::<u32>("ifindex")? != device.decimal::<u32>("iflink")? {
        return None;
    }
    let kind = device.decimal("type")?;
    let prefix = match (kind, device.devtype().as_deref()) {
        (ETHERNET, Some("wlan")) => "wl",
        (ETHERNET, Some("wwan")) => "ww",
        (ETHERNET, _) => "en",
        (INFINIBAND, _) => "ib",
        (SLIP, _) => "sl",
        _ => return None,
    };
    let mut names = Names { mac: mac(device, kind, prefix), ..Names::default() };
    let direct = device.parent();
    let host = direct.as_ref().and_then(above_virtio);
    match host.as_ref().and_then(Device::subsystem).as_deref() {
        Some("pci") => {
            let pci = host.as_ref()?;
            match physical_function(pci) {
                Some((function, suffix)) => by_pci(device, &function, prefix, &suffix, true, &mut names),
                None => {
                    names.label = pci.word("label");
                    by_pci(device, pci, prefix, "", true, &mut names);
                }
            }
        }
        Some("ccw" | "ccwgroup") => names.path = host.as_ref().and_then(|ccw| by_ccw(&ccw.name(), prefix)),
        _ => {}
    }
    match direct.as_ref().and_then(Device::subsystem).as_deref() {
        Some("platform") => names.path = by_platform(device.path(), prefix),
        Some("xen") => {
            let vif = first_part(device.path(), "/sys/devices/vif-").and_then(|id| id.parse::<u32>().ok());
            names.slot = vif.map(|id| format!("{prefix}X{id}"));
        }
        Some("netdevsim") => {
            let simulated = direct.as_ref()?;
            let port = device.word("phys_port_name");
            names.path = simulated.number().zip(port).map(|(n, port)| format!("{prefix}i{n}n{port}"));
        }
        _ => {}
    }
    if let Some(interface) = device.above("usb", Some("usb_interface"))
        && let Some(suffix) = usb_suffix(&interface.name())
    {
        match interface.above("pci", None) {
            Some(pci) => by_pci(device, &pci, prefix, &suffix, false, &mut names),
            None => names.path = Some(format!("{prefix}{suffix}")),
        }
    }
    Some(names)
}

fn mac(device: &Device<'_>, kind: u32, prefix: &str) -> Option<String> {
    if kind == INFINIBAND || device.decimal::<u32>("addr_assign_type")? != PERMANENT {
        return None;
    }
    let digits = device.word("address")?.replace(':', "").to_ascii_lowercase();
    let is_mac = digits.len() == 12 && digits.chars().all(|c| c.is_ascii_hexdigit());
    is_mac.then(|| format!("{prefix}x{digits}"))
}

/// There is one virtio bus a device: it says nothing.
fn above_virtio<'a>(device: &Device<'a>) -> Option<Device<'a>> {
    device.chain().find(|device| device.subsystem().as_deref() != Some("virtio"))
}

/// Of a virtual function: the physical one, and `vN`.
fn physical_function<'a>(pci: &Device<'a>) -> Option<(Device<'a>, String)> {
    let physical = Device::by_link(pci.sysfs(), &format!("{}/physfn", pci.path()))?;
    let number = physical.list("").into_iter().find_map(|name| {
        let number = name.strip_prefix("virtfn").filter(|number| number.parse::<u32>().is_ok())?;
        let function = pci.sysfs().link(&format!("{}/{name}", physical.path()))?;
        (function == pci.path()).then(|| number.to_owned())
    })?;
    Some((physical, format!("v{number}")))
}

/// Which port of its PCI function an interface is.
fn port(device: &Device<'_>, or_id: bool) -> String {
    if let Some(name) = device.word("phys_port_name") {
        let representor = name.strip_prefix("pf").and_then(|rest| {
            let (function, number) = rest.split_once("vf")?;
            let number: String = number.chars().take_while(char::is_ascii_digit).collect();
            function.parse::<u32>().ok()?;
            number.parse::<u32>().ok()
        });
        return match representor {
            Some(number) => format!("r{number}"),
            None if name.chars().any(char::is_control) => String::new(),
            None => format!("n{name}"),
        };
    }
    let mut number = device.decimal::<u32>("dev_port").unwrap_or(0);
    // Old drivers of InfiniBand have it there.
    if number == 0 && or_id && device.decimal("type") == Some(INFINIBAND) {
        number = device.word("dev_id").and_then(|id| hexadecimal(&id)).unwrap_or(0);
    }
    if number > 0 { format!("d{number}") } else { String::new() }
}

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

fn by_pci(
    device: &Device<'_>,
    pci: &Device<'_>,
    prefix: &str,
    suffix: &str,
    may_be_onboard: bool,
    names: &mut Names,
) {
    if may_be_onboard && let Some(index) = onboard_index(pci) {
        names.onboard = Some(format!("{prefix}o{index}{}{suffix}", port(device, false)));
    }
    let Some([domain, bus, slot, mut function]) = address(&pci.name()) else { return };
    let port = port(device, true);
    // With alternative routing ids, slot and function are one number.
    if pci.decimal::<u32>("ari_enabled").is_some_and(|on| on != 0) {
        function += slot * 8;
    }
    let domain = if domain > 0 { format!("P{domain}") } else { String::new() };
    let function = if function > 0 || is_multifunction(pci) { format!("f{function}") } else { String::new() };
    names.path = Some(format!("{prefix}{domain}p{bus}s{slot}{function}{port}{suffix}"));
    let slot = match slot_of_firmware(pci) {
        Some(slot) => Some((slot, domain.as_str())),
        None => hotplug_slot(pci).map(|(slot, is_whole)| (slot, if is_whole { "" } else { domain.as_str() })),
    };
    if let Some((slot, domain)) = slot {
        names.slot = Some(format!("{prefix}{domain}s{slot}{function}{port}{suffix}"));
    }
}

fn onboard_index(pci: &Device<'_>) -> Option<u32> {
    pci.decimal("acpi_index").or_else(|| pci.decimal("index")).filter(|index| *index <= LARGEST_INDEX)
}

/// `0000:02:01.3`.
fn address(name: &str) -> Option<[u32; 4]> {
    let (rest, function) = name.rsplit_once('.')?;
    let mut parts = rest.split(':').map(|part| u32::from_str_radix(part, 16).ok());
    let found = [parts.next()??, parts.next()??, parts.next()??, function.parse().ok()?];
    parts.next().is_none().then_some(found)
}

/// Bit 7 of a PCI function's header type.
fn is_multifunction(pci: &Device<'_>) -> bool {
    pci.read("config").and_then(|config| config.get(14).copied()).is_some_and(|kind| kind & 0x80 != 0)
}

/// A bridge's subclass, by its alias: `pci:v...sc04...`.
fn is_bridge(pci: &Device<'_>) -> bool {
    let alias = pci.word("modalias").unwrap_or_default();
    let subclass = alias.strip_prefix("pci:").and_then(|rest| rest.rsplit_once('s'));
    subclass.is_some_and(|(_, subclass)| subclass.starts_with("c04"))
}

/// ACPI's `_SUN`, a slot's number as people see it, of the function or the port that it hangs on.
fn slot_of_firmware(pci: &Device<'_>) -> Option<u32> {
    let number = |pci: &Device<'_>| pci.decimal::<u32>("firmware_node/sun").filter(|slot| *slot > 0);
    if let Some(slot) = number(pci) {
        return Some(slot);
    }
    let above = pci.above("pci", None)?;
    // Other devices behind a bridge would have the same number.
    if is_bridge(&above) && !is_multifunction(pci) {
        return None;
    }
    number(&above)
}

/// The number of the hotplug slot that the function, or what it hangs on, is in; and whether that number alone
/// names the function.
fn hotplug_slot(pci: &Device<'_>) -> Option<(u32, bool)> {
    let slots = format!("{ROOT}/bus/pci/slots");
    for at in pci.chain().filter(|device| device.subsystem().as_deref() == Some("pci")) {
        let sysfs = at.sysfs();
        if let Some(id) = at.word("function_id").and_then(|id| hexadecimal(&id)).filter(|id| *id > 0)
            && sysfs.exists(&format!("{slots}/{id:08x}"))
        {
            return Some((id, true));
        }
        for name in sysfs.list(&slots) {
            let Some(slot) = name.parse::<u32>().ok().filter(|slot| *slot > 0) else { continue };
            let address = sysfs.read(&format!("{slots}/{name}/address"));
            let address = address.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
            if !address.trim().is_empty() && at.name().starts_with(address.trim()) {
                return (!is_bridge(&at)).then_some((slot, false));
            }
        }
    }
    None
}

/// `0.0.0600` as `c600`.
fn by_ccw(bus_id: &str, prefix: &str) -> Option<String> {
    let short = bus_id.trim_start_matches(['.', '0']);
    let short = if short.is_empty() { &bus_id[bus_id.len().checked_sub(1)?..] } else { short };
    matches!(bus_id.len(), 8 | 9).then(|| format!("{prefix}c{short}"))
}

fn first_part<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix)?.split('/').next()
}

/// `HISI00C2:01` as `ahisic2i1`.
fn by_platform(path: &str, prefix: &str) -> Option<String> {
    let id = first_part(path, "/sys/devices/platform/")?;
    let (id, instance) = id.split_once(':')?;
    let (vendor, model) = id.split_at_checked(id.len().checked_sub(4)?)?;
    let is_vendor = match vendor.len() {
        3 => vendor.bytes().all(|b| b.is_ascii_uppercase()),
        4 => vendor.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
        _ => false,
    };
    if !is_vendor || instance.len() != 2 {
        return None;
    }
    let (model, instance) = (hexadecimal(model)?, hexadecimal(instance)?);
    Some(format!("{prefix}a{}{model:x}i{instance}", vendor.to_ascii_lowercase()))
}

/// `1-2.3:1.0` as `u2u3`: the ports, and configuration and interface where they are not the usual.
fn usb_suffix(name: &str) -> Option<String> {
    let (ports, rest) = name.split_once('-')?.1.split_once(':')?;
    let (configuration, interface) = rest.split_once('.')?;
    let mut suffix = format!("u{}", ports.replace('.', "u"));
    if configuration != "1" {
        suffix.push_str(&format!("c{configuration}"));
    }
    if interface != "0" {
        suffix.push_str(&format!("i{interface}"));
    }
    Some(suffix)
}
