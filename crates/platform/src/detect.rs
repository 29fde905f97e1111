//! Which platform a machine runs on, by what its firmware says of it and by the discs that it has.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::disc::Discs;
use crate::{Platform, providers, usb};

/// How often is looked for a disc on USB.
const PAUSE: Duration = Duration::from_millis(200);

/// What a machine shows of its platform.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// SMBIOS type 1: the maker, the product, its UUID.
    pub vendor: String,
    pub product: String,
    pub uuid: String,
    /// SMBIOS type 0: the firmware's version.
    pub firmware: String,
    /// SMBIOS type 3: what the owner wrote on the chassis.
    pub tag: String,
    /// Whether QEMU's firmware configuration holds a config.
    pub has_fw_cfg: bool,
}

impl Facts {
    pub(crate) fn gather(root: &Path) -> Self {
        let word = |name: &str| {
            let bytes = fs::read(root.join("sys/class/dmi/id").join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).trim().to_owned()
        };
        Self {
            vendor: word("sys_vendor"),
            product: word("product_name"),
            uuid: word("product_uuid").to_ascii_lowercase(),
            firmware: word("bios_version"),
            tag: word("chassis_asset_tag"),
            has_fw_cfg: providers::qemu::place(root).is_some(),
        }
    }

    pub(crate) fn is_vmware(&self) -> bool {
        self.vendor == "VMware, Inc."
    }

    /// The platform that the firmware's words name.
    fn named(&self) -> Option<Platform> {
        /// What Azure has on each chassis, as Microsoft documents it.
        const AZURE: &str = "7783-7084-3265-9085-8269-3286-77";
        const OPENSTACK_TAGS: [&str; 4] =
            ["OpenTelekomCloud", "SAP CCloud VM", "HUAWEICLOUD", "Samsung Cloud Platform"];
        let Self { vendor, product, uuid, firmware, tag, .. } = self;
        if tag == AZURE {
            Some(Platform::Azure)
        } else if vendor == "Amazon EC2" || firmware.ends_with("amazon") && uuid.starts_with("ec2") {
            Some(Platform::Aws)
        } else if product == "Google Compute Engine" {
            Some(Platform::Gcp)
        } else if vendor == "DigitalOcean" {
            Some(Platform::DigitalOcean)
        } else if vendor == "Hetzner" {
            Some(Platform::Hetzner)
        } else if ["OpenStack Nova", "OpenStack Compute"].contains(&product.as_str())
            || vendor == "OpenStack Foundation"
            || OPENSTACK_TAGS.contains(&tag.as_str())
        {
            Some(Platform::OpenStack)
        } else if self.is_vmware() {
            Some(Platform::Vmware)
        } else {
            None
        }
    }
}

/// The platform of the machine whose `sys` is below `root`.
pub fn detect(root: &Path, discs: &dyn Discs) -> Platform {
    let facts = Facts::gather(root);
    if let Some(platform) = facts.named() {
        return platform;
    }
    // Who starts a virtual machine and names a config means that.
    if facts.has_fw_cfg {
        return Platform::Qemu;
    }
    let labels = discs.labels();
    let has = |label: &str| labels.iter().any(|other| other == label);
    if has("config-2") {
        Platform::OpenStack
    } else if has("cidata") {
        Platform::NoCloud
    } else if facts.vendor == "QEMU" {
        Platform::Qemu
    } else {
        Platform::Metal
    }
}

/// The same, where discs on USB may still come: who has none, and no config in any other place, is asked again until they
/// have.
pub fn detect_patiently(root: &Path, discs: &dyn Discs, say: &mut dyn FnMut(&str)) -> Platform {
    let started = Instant::now();
    let mut is_told = false;
    loop {
        // A disc that comes meanwhile is seen.
        let may_come = usb::may_come(root, started.elapsed());
        let platform = detect(root, discs);
        let is_certain = match platform {
            Platform::Qemu => providers::qemu::place(root).is_some(),
            other => other != Platform::Metal,
        };
        if is_certain || !may_come {
            return platform;
        }
        if !is_told {
            say("no config yet: waiting for discs on USB, 10 s at most");
            is_told = true;
        }
        thread::sleep(PAUSE);
    }
}
