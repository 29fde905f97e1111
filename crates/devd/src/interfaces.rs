//! Names and settings of network interfaces, by `.link` files.

use std::fs;
use std::path::Path;

use anyhow::Result;
use devices::net::link_file::{LinkFile, Read};
use devices::net::matching::Interface;
use devices::net::{NameOrigin, names, policy};
use devices::path_id;
use devices::sysfs::Device;
use devices::uevent::Properties;
use sysfs::machine;
use unit_files::settings::of_kind;

use crate::log;
use crate::rtnl::{Details, Kernel};

/// What `.link` files are in, below each of the folders of settings (systemd.link(5)).
const KIND: &str = "systemd/network";

/// ARPHRD_LOOPBACK (include/uapi/linux/if_arp.h).
const LOOPBACK: u32 = 772;

/// What interfaces are named by.
#[derive(Debug)]
pub struct Interfaces {
    kernel: Kernel,
    files: Vec<LinkFile>,
    policies: bool,
}

impl Interfaces {
    /// Reads the files.
    ///
    /// # Errors
    /// The kernel gives no rtnetlink.
    pub fn open() -> Result<Self> {
        let policies = policy::is_enabled(&machine::command_line());
        Ok(Self { kernel: Kernel::open()?, files: files(), policies })
    }

    /// Reads the files anew. What interfaces have stays until they come again.
    pub fn reload(&mut self) {
        self.files = files();
    }

    /// What is known of an interface.
    pub fn properties(&self, device: &Device<'_>) -> Properties {
        let mut found = names::names(device).map(|names| names.properties()).unwrap_or_default();
        let mut put = |key: &str, value: String| drop(found.insert(key.to_owned(), value));
        if let Some(place) = path_id::place(device) {
            put("ID_PATH", place.path);
        }
        // A renamed one is told of when it has its new name.
        if device.decimal::<u32>("type") != Some(LOOPBACK) {
            put("ID_NET_NAME", device.name());
        }
        if let Some(driver) = device.parent().and_then(|parent| parent.driver()) {
            put("ID_NET_DRIVER", driver);
        }
        found
    }

    /// Names and sets up a new interface. Whether its name changed: the kernel then tells so by an event.
    pub fn set_up(&self, device: &Device<'_>, properties: &Properties) -> bool {
        let Some(index) = device.decimal::<u32>("ifindex") else { return false };
        // Loopback is what it is.
        if device.decimal::<u32>("type") == Some(LOOPBACK) {
            return false;
        }
        let details = self.kernel.details(index).unwrap_or_default();
        let interface = describe(device, properties, details);
        let Some(file) = self.files.iter().find(|file| file.matching.fits(&interface, &machine::holds))
        else {
            return false;
        };
        let names = names::names(device).unwrap_or_default();
        let origin = NameOrigin::of(device.decimal("name_assign_type"));
        let name = policy::name(file, &names, origin, self.policies).filter(|name| *name != interface.name);
        let warn = |what: &str, error: std::io::Error| {
            log::warning(&format!("{}: cannot {what}: {error} ({})", interface.name, file.path));
        };
        if let Some(mac) = file.mac
            && let Err(error) = self.kernel.set_mac(index, mac)
        {
            warn("set the hardware address", error);
        }
        if let Some(mtu) = file.mtu
            && let Err(error) = self.kernel.set_mtu(index, mtu)
        {
            warn("set the MTU", error);
        }
        if let Some(alias) = &file.alias
            && let Err(error) = self.kernel.set_alias(index, alias)
        {
            warn("set the alias", error);
        }
        let renamed = match &name {
            Some(name) => match self.kernel.rename(index, name) {
                Ok(()) => true,
                Err(error) => {
                    warn(&format!("name it {name}"), error);
                    false
                }
            },
            None => false,
        };
        let own = name.as_deref().filter(|_| renamed).unwrap_or(&interface.name);
        for other in policy::alternatives(file, &names, own) {
            match self.kernel.add_name(index, &other) {
                Err(error) if error.raw_os_error() != Some(rustix::io::Errno::EXIST.raw_os_error()) => {
                    warn(&format!("also name it {other}"), error);
                }
                _ => {}
            }
        }
        renamed
    }
}

fn describe(device: &Device<'_>, properties: &Properties, details: Details) -> Interface {
    const ETHERNET: u32 = 1;
    let speaks = if device.decimal::<u32>("type") == Some(ETHERNET) { "ether" } else { "" };
    Interface {
        name: device.name(),
        mac: device.word("address").unwrap_or_default(),
        permanent_mac: details.permanent_mac,
        driver: properties.get("ID_NET_DRIVER").cloned().unwrap_or_default(),
        kind_of_link: device.devtype().unwrap_or_else(|| speaks.to_owned()),
        kind: details.kind,
        properties: properties.clone(),
    }
}

fn files() -> Vec<LinkFile> {
    let mut files = Vec::new();
    for path in of_kind(Path::new("/"), KIND, ".link") {
        let path = path.display().to_string();
        let Some(text) = text(&path) else { continue };
        // An empty file hides those of its name.
        if text.trim().is_empty() {
            continue;
        }
        let mut read = LinkFile::read(&path, &text);
        add_drop_ins(&path, &mut read);
        read.warnings.iter().for_each(|warning| log::warning(warning));
        match read.has_match {
            true => files.push(read.file),
            false => log::warning(&format!(
                "{path}: it has no [Match] and is for no interface; say OriginalName=*"
            )),
        }
    }
    files
}

/// `NAME.link.d/*.conf`, of any of the folders.
fn add_drop_ins(path: &str, read: &mut Read) {
    let name = devices::sysfs::base_name(path);
    for path in of_kind(Path::new("/"), &format!("{KIND}/{name}.d"), ".conf") {
        let path = path.display().to_string();
        if let Some(text) = text(&path) {
            read.add(&path, &text);
        }
    }
}

fn text(path: &str) -> Option<String> {
    match fs::read(Path::new(path)) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            log::warning(&format!("cannot read {path}: {error}"));
            None
        }
    }
}
