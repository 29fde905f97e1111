//! Layer: effects. What a cloud or a hypervisor tells a machine.
//!
//! Each platform gives a config, and most of them metadata: what the machine is called, whose SSH keys it has, its
//! addresses. docs/platforms.md says from where. All that comes is bounded, and none of it is believed: a service on
//! the network may be anyone's.
#![forbid(unsafe_code)]

mod detect;
mod disc;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod guest;
mod metadata;
mod providers;
mod record;
mod service;
mod unpack;
mod usb;
mod xml;
mod yaml;

use std::path::Path;

pub use crate::detect::{detect, detect_patiently};
pub use crate::disc::{Discs, Files, Machine, Wanted, read_folder};
pub use crate::error::{Error, Result};
pub use crate::guest::Guest;
pub use crate::metadata::Metadata;
pub use crate::record::Record;

use crate::providers::{aws, azure, digitalocean, gcp, hetzner, nocloud, openstack, qemu, vmware};

/// What a machine runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Amazon EC2.
    Aws,
    /// Microsoft Azure.
    Azure,
    /// DigitalOcean.
    DigitalOcean,
    /// Google Compute Engine.
    Gcp,
    /// Hetzner Cloud.
    Hetzner,
    /// A machine that nobody tells anything.
    Metal,
    /// A disc with the label `cidata`.
    NoCloud,
    /// OpenStack.
    OpenStack,
    /// Proxmox VE, which makes such a disc.
    ProxmoxVe,
    /// QEMU, also by libvirt.
    Qemu,
    /// VMware.
    Vmware,
}

/// Ids, which are Ignition's; `nocloud` is ours.
const IDS: [(&str, Platform); 12] = [
    ("aws", Platform::Aws),
    ("azure", Platform::Azure),
    ("brightbox", Platform::OpenStack),
    ("digitalocean", Platform::DigitalOcean),
    ("gcp", Platform::Gcp),
    ("hetzner", Platform::Hetzner),
    ("metal", Platform::Metal),
    ("nocloud", Platform::NoCloud),
    ("openstack", Platform::OpenStack),
    ("proxmoxve", Platform::ProxmoxVe),
    ("qemu", Platform::Qemu),
    ("vmware", Platform::Vmware),
];

impl Platform {
    /// The id, as `ignition.platform.id=` has it.
    pub fn id(self) -> &'static str {
        let named = IDS.iter().find(|(id, platform)| *platform == self && *id != "brightbox");
        named.map_or("metal", |(id, _)| id)
    }

    /// The platform of an id.
    pub fn from_id(id: &str) -> Result<Self> {
        let found = IDS.iter().find(|(known, _)| *known == id);
        found.map(|(_, platform)| *platform).ok_or_else(|| Error::Unknown { id: id.to_owned() })
    }

    /// The platform that this machine runs on: the one that the kernel's command line names, else the one that is found.
    pub fn of_machine(command_line: &str, discs: &dyn Discs) -> Result<Self> {
        match layout::args::value(command_line, layout::args::PLATFORM_ID) {
            Some(id) => Self::from_id(&id),
            None => Ok(detect(Path::new("/"), discs)),
        }
    }

    /// The same on a first boot that has no config yet: a disc on USB is waited for.
    pub fn of_first_boot(command_line: &str, discs: &dyn Discs, say: &mut dyn FnMut(&str)) -> Result<Self> {
        match layout::args::value(command_line, layout::args::PLATFORM_ID) {
            Some(id) => Self::from_id(&id),
            None => Ok(detect_patiently(Path::new("/"), discs, say)),
        }
    }

    /// All ids, for people.
    pub(crate) fn ids() -> String {
        IDS.map(|(id, _)| id).join(", ")
    }

    /// Whether its config is on the network, or may be.
    pub fn needs_network(self) -> bool {
        !matches!(self, Self::Metal | Self::NoCloud | Self::ProxmoxVe | Self::Qemu | Self::Vmware)
    }

    /// Whether its config and metadata may be on a disc with a label.
    pub(crate) fn may_have_disc(self) -> bool {
        matches!(self, Self::NoCloud | Self::OpenStack | Self::ProxmoxVe)
    }

    /// Whether it has metadata.
    pub fn has_metadata(self) -> bool {
        !matches!(self, Self::Metal | Self::Qemu | Self::Vmware)
    }

    /// The config that the machine was given; None where it was given none.
    pub fn config(self, guest: &mut Guest<'_>) -> Result<Option<Vec<u8>>> {
        let config = match self {
            Self::Aws => aws::config(guest),
            Self::Azure => azure::config(guest),
            Self::DigitalOcean => digitalocean::config(guest),
            Self::Gcp => gcp::config(guest),
            Self::Hetzner => hetzner::config(guest),
            Self::Metal => Ok(None),
            Self::NoCloud | Self::ProxmoxVe => nocloud::config(guest),
            Self::OpenStack => openstack::config(guest),
            Self::Qemu => qemu::config(guest),
            Self::Vmware => vmware::config(guest),
        };
        // Where user data have a bound, people pack them.
        config?.map(|bytes| unpack::if_packed("the user data", bytes)).transpose()
    }

    /// What the platform says of the machine.
    pub fn metadata(self, guest: &mut Guest<'_>) -> Result<Metadata> {
        match self {
            Self::Aws => aws::metadata(guest),
            Self::Azure => azure::metadata(guest),
            Self::DigitalOcean => digitalocean::metadata(guest),
            Self::Gcp => gcp::metadata(guest),
            Self::Hetzner => hetzner::metadata(guest),
            Self::NoCloud | Self::ProxmoxVe => nocloud::metadata(guest),
            Self::OpenStack => openstack::metadata(guest),
            Self::Metal | Self::Qemu | Self::Vmware => Ok(Metadata::default()),
        }
    }

    /// Tells the platform that the machine is up; whether it wants to know.
    pub fn check_in(self, guest: &mut Guest<'_>) -> Result<bool> {
        match self {
            Self::Azure => azure::check_in(guest).map(|()| true),
            _ => Ok(false),
        }
    }
}
