//! The configuration, read: files, and kernel arguments.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use devices::net::matching::Interface;
use devices::path_id;
use devices::sysfs::Device;
use network::config::kargs::{self, Arguments};
use network::config::network::Source;
use network::config::{NetDev, Network};
use sysfs::machine;
use unit_files::settings::of_kind;

use crate::link::Link;
use crate::log;

/// What the files are in, below each of the folders of settings.
const KIND: &str = "systemd/network";

/// The configuration.
pub struct Configuration {
    networks: Vec<Rc<Network>>,
    pub netdevs: Vec<NetDev>,
    /// Name servers for all.
    pub dns: Vec<IpAddr>,
    /// The machine's name, as the kernel's command line has it.
    pub hostname: Option<String>,
}

impl Configuration {
    /// Reads the files of the system below a root, and the kernel's command line.
    pub fn read(root: &Path, command_line: &str) -> Self {
        let arguments = Arguments::read(command_line);
        arguments.warnings.iter().for_each(|warning| log::warning(&warning.to_string()));
        let mut networks: Vec<(String, Network)> = Vec::new();
        for path in of_kind(root, KIND, ".network") {
            let texts = texts(root, &path);
            let read = Network::read(&sources(&texts));
            read.warnings.iter().for_each(|warning| log::warning(&warning.to_string()));
            networks.extend(read.network.map(|network| (name(&path), network)));
        }
        networks.extend(arguments.networks.into_iter().map(|network| (kargs::FILE_NAME.to_owned(), network)));
        networks.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut netdevs = arguments.netdevs;
        for path in of_kind(root, KIND, ".netdev") {
            let texts = texts(root, &path);
            let read = NetDev::read(&sources(&texts));
            read.warnings.iter().for_each(|warning| log::warning(&warning.to_string()));
            netdevs.extend(read.netdev.filter(|netdev| is_for_machine(&netdev.matching)));
        }
        Self {
            networks: networks.into_iter().map(|(_, network)| Rc::new(network)).collect(),
            netdevs,
            dns: arguments.dns,
            hostname: arguments.hostname,
        }
    }

    /// Whether a link is made by one of the files.
    pub fn makes(&self, name: &str) -> bool {
        self.netdevs.iter().any(|netdev| netdev.name == name)
    }

    /// What a link is to be: the first file that is for it. Links that other programs made are only theirs who
    /// say so.
    pub fn of(&self, link: &Link) -> Option<Rc<Network>> {
        let is_made = !link.kind.is_empty() && !self.makes(&link.name);
        let mut fitting =
            self.networks.iter().filter(|network| !is_made || network.names_virtual()).peekable();
        // Most links of a busy machine are containers', and nobody's business here.
        fitting.peek()?;
        let class = class(&link.name);
        if link.kind.is_empty() && !class.join("device").exists() {
            return None;
        }
        let interface = describe(link, &class);
        let fits = |network: &Rc<Network>| {
            let own = network.matching.fits(&interface, &machine::holds);
            own || link.alternative_names.iter().any(|name| {
                let interface = Interface { name: name.clone(), ..interface.clone() };
                network.matching.fits(&interface, &machine::holds)
            })
        };
        fitting.find(|network| fits(network)).cloned()
    }
}

fn is_for_machine(matching: &devices::net::matching::Match) -> bool {
    matching.fits(&Interface::default(), &machine::holds)
}

fn describe(link: &Link, class: &Path) -> Interface {
    let text = |mac: Option<[u8; 6]>| mac.map(mac_text).unwrap_or_default();
    let driver = fs::read_link(class.join("device/driver")).ok();
    let driver = driver.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let device = Device::by_link(&sysfs::Kernel, &class.display().to_string());
    let speaks = if link.is_ethernet { "ether" } else { "" };
    let place = device.as_ref().and_then(path_id::place);
    Interface {
        name: link.name.clone(),
        mac: text(link.mac),
        permanent_mac: text(link.permanent_mac),
        driver: driver.unwrap_or_default(),
        kind_of_link: device.and_then(|device| device.devtype()).unwrap_or_else(|| speaks.to_owned()),
        kind: link.kind.clone(),
        properties: place.map(|place| ("ID_PATH".to_owned(), place.path)).into_iter().collect(),
    }
}

/// A hardware address as people write it.
pub fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// What sysfs shows of a link.
pub fn class(name: &str) -> PathBuf {
    Path::new("/sys/class/net").join(name)
}

/// A file's text, and those of its drop-ins, with their paths.
fn texts(root: &Path, path: &Path) -> Vec<(String, String)> {
    let drop_ins = of_kind(root, &format!("{KIND}/{}.d", name(path)), ".conf");
    let paths = std::iter::once(path.to_owned()).chain(drop_ins);
    paths
        .filter_map(|path| match fs::read(&path) {
            Ok(bytes) => Some((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) => {
                log::warning(&format!("cannot read {}: {error}", path.display()));
                None
            }
        })
        .collect()
}

/// An empty file hides those of its name, drop-ins and all.
fn sources(texts: &[(String, String)]) -> Vec<Source<'_>> {
    texts.iter().map(|(path, text)| Source { path, text }).collect()
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
