//! What a machine is to be before it is switched on.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use crate::folder::Folder;
use crate::machine::Sockets;
use crate::qemu::{self, Boot, Bus, Console, Drive, Hardware, Kernel, Nic, SerialPort};
use crate::ssh::Login;
use crate::{Disk, Error, Format, Network, Result, Testbed, Vm};

/// How the kernel is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Uefi,
    Direct,
    Microvm,
}

/// What a machine is to be. Made by [`Vm::uefi`] and its like, ended by [`Setup::boot`].
#[derive(Debug)]
pub struct Setup<'a> {
    bed: &'a Testbed,
    way: Way,
    memory_mib: u32,
    cpus: u32,
    bus: Bus,
    disk: Option<Disk>,
    disk_size_mib: Option<u32>,
    media: Vec<(PathBuf, String)>,
    nat: bool,
    forwards: Vec<(Option<u16>, u16)>,
    networks: Vec<&'a Network>,
    uart: bool,
    events: bool,
    shell: bool,
    ssh: bool,
    arguments: Vec<String>,
    command_line: Option<String>,
    ignition: Option<Vec<u8>>,
    stop_at_reboot: bool,
    verbatim: Vec<OsString>,
}

impl Vm {
    /// A machine with UEFI firmware: it boots as the shipped disk does.
    pub fn uefi(bed: &Testbed) -> Setup<'_> {
        Setup::new(bed, Way::Uefi)
    }

    /// A machine whose kernel comes from QEMU, without firmware of its own.
    pub fn direct(bed: &Testbed) -> Setup<'_> {
        Setup::new(bed, Way::Direct)
    }

    /// A microvm: no firmware, no PCI.
    pub fn microvm(bed: &Testbed) -> Setup<'_> {
        Setup::new(bed, Way::Microvm)
    }

    /// A machine started by a command line that a person would type, with nothing of the
    /// harness's: see [`qemu::plain`]. Only its serial console is there to be waited on. `disk`
    /// is a raw one.
    ///
    /// # Errors
    /// QEMU cannot be started.
    pub fn plain(bed: &Testbed, disk: &Disk, disk_options: &str, more: &[&str]) -> Result<Vm> {
        let code = &bed.firmware()?.code;
        let arguments = qemu::plain(code, disk.file(), disk_options, more);
        let command = bed
            .tools()
            .command("qemu-system-x86_64")
            .args(arguments)
            .bind(disk.parent())
            .bind_ro(code)
            .host_network(false);
        Vm::start(command, disk.clone(), Folder::new()?, Sockets::default(), vec![])
    }
}

impl<'a> Setup<'a> {
    fn new(bed: &'a Testbed, way: Way) -> Self {
        Self {
            bed,
            way,
            memory_mib: 2048,
            cpus: 2,
            bus: Bus::Virtio,
            disk: None,
            disk_size_mib: None,
            media: vec![],
            nat: true,
            forwards: vec![],
            networks: vec![],
            uart: true,
            events: true,
            shell: true,
            ssh: false,
            arguments: vec![],
            command_line: None,
            ignition: None,
            stop_at_reboot: false,
            verbatim: vec![],
        }
    }

    /// Memory in MiB; 2048 where nothing is said.
    pub fn memory_mib(mut self, memory: u32) -> Self {
        self.memory_mib = memory;
        self
    }

    /// Processors; 2 where nothing is said.
    pub fn cpus(mut self, cpus: u32) -> Self {
        self.cpus = cpus;
        self
    }

    /// What the system's disk hangs on; virtio-blk where nothing is said.
    pub fn disk_bus(mut self, bus: Bus) -> Self {
        self.bus = bus;
        self
    }

    /// Boots from `disk`, and leaves it there; where nothing is said, from a new overlay over the
    /// built image.
    pub fn disk(mut self, disk: &Disk) -> Self {
        self.disk = Some(disk.clone());
        self
    }

    /// Makes the new overlay this big.
    pub fn disk_size_mib(mut self, size: u32) -> Self {
        self.disk_size_mib = Some(size);
        self
    }

    /// Puts in one more disk, always on virtio, that holds `file`, read only, under the serial
    /// number `serial`.
    pub fn medium(mut self, file: impl Into<PathBuf>, serial: &str) -> Self {
        self.media.push((file.into(), serial.to_owned()));
        self
    }

    /// Takes away the network card on QEMU's own network with NAT.
    pub fn no_nat(mut self) -> Self {
        self.nat = false;
        self
    }

    /// Forwards a port of the host's loopback to the machine's TCP port `guest`:
    /// [`Vm::forwarded`] says which.
    pub fn forward(mut self, guest: u16) -> Self {
        self.forwards.push((None, guest));
        self
    }

    /// Forwards the port `host` of the host's loopback to the machine's TCP port `guest`.
    pub fn forward_from(mut self, host: u16, guest: u16) -> Self {
        self.forwards.push((Some(host), guest));
        self
    }

    /// Puts in a card on a network of the harness.
    pub fn network(mut self, network: &'a Network) -> Self {
        self.networks.push(network);
        self
    }

    /// Takes away the serial port.
    pub fn no_uart(mut self) -> Self {
        self.uart = false;
        self
    }

    /// Adds a kernel argument from outside: by the SMBIOS string under UEFI.
    pub fn kernel_argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Takes `line` for the built image's command line, where QEMU loads the kernel.
    pub fn command_line(mut self, line: impl Into<String>) -> Self {
        self.command_line = Some(line.into());
        self
    }

    /// Gives the machine an Ignition config for its first boot, as QEMU's platform does.
    pub fn ignition(mut self, config: impl Into<Vec<u8>>) -> Self {
        self.ignition = Some(config.into());
        self
    }

    /// Lets the test log in by SSH, as an operator does: [`Vm::ssh`]. The key of `core` comes by
    /// the Ignition config, beside what the test's own says; so a disk that has started before
    /// lets in whom it let in then. There is no shell port.
    pub fn ssh(mut self) -> Self {
        self.ssh = true;
        self.shell = false;
        self
    }

    /// Ends QEMU where the machine would restart.
    pub fn stop_at_reboot(mut self) -> Self {
        self.stop_at_reboot = true;
        self
    }

    /// Passes an argument to QEMU as it is.
    pub fn qemu_argument(mut self, argument: impl Into<OsString>) -> Self {
        self.verbatim.push(argument.into());
        self
    }

    /// Switches the machine on.
    ///
    /// # Errors
    /// Its parts cannot be made, or QEMU cannot be started.
    pub fn boot(self) -> Result<Vm> {
        let folder = Folder::new()?;
        let mut sockets = Sockets::default();
        let mut ports = Vec::new();
        if self.events {
            let (socket, listener) = listen(folder.path(), "events")?;
            sockets.events = Some(listener);
            ports.push(SerialPort { name: layout::port::EVENTS, socket });
        }
        if self.shell {
            let (socket, listener) = listen(folder.path(), "shell")?;
            sockets.shell = Some(listener);
            ports.push(SerialPort { name: layout::port::SHELL, socket });
        }
        let (monitor, listener) = listen(folder.path(), "monitor")?;
        sockets.monitor = Some(listener);
        let forwards = self.chosen_forwards()?;
        let disk = self.chosen_disk()?;
        let console = if self.uart { Console::Captured } else { Console::None };
        let mut hardware = self.hardware(folder.path(), &disk, &forwards, console)?;
        hardware.ports = ports;
        hardware.monitor = Some(monitor);
        let command = self.command(&hardware, folder.path(), &disk)?;
        let login = self.login(&forwards, folder.path())?;
        let mut vm = Vm::start(command, disk, folder, sockets, forwards)?;
        vm.login = login;
        Ok(vm)
    }

    /// Switches the machine on with its console on this terminal, and waits for its end. There
    /// is no event port and no shell port: add `berth.shell=ttyS0` for a shell on the console.
    ///
    /// # Errors
    /// Its parts cannot be made, or QEMU cannot be started.
    pub fn run_on_terminal(mut self) -> Result<ExitStatus> {
        self.shell = false;
        let folder = Folder::new()?;
        let forwards = self.chosen_forwards()?;
        let disk = self.chosen_disk()?;
        let hardware = self.hardware(folder.path(), &disk, &forwards, Console::Terminal)?;
        let starting = || Error::io("start QEMU in", folder.path());
        self.command(&hardware, folder.path(), &disk)?
            .stdin(Stdio::inherit())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit())
            .spawn()
            .and_then(|mut child| child.wait())
            .map_err(starting())
    }

    fn chosen_disk(&self) -> Result<Disk> {
        match &self.disk {
            Some(disk) => Ok(disk.clone()),
            None => Disk::overlay(self.bed, self.disk_size_mib),
        }
    }

    fn chosen_forwards(&self) -> Result<Vec<(u16, u16)>> {
        let ssh = self.ssh.then_some((None, layout::port::SSH));
        self.forwards
            .iter()
            .chain(&ssh)
            .map(|(host, guest)| match host {
                Some(host) => Ok((*host, *guest)),
                // Free now; that another program takes it before QEMU does is unlikely.
                None => TcpListener::bind(("127.0.0.1", 0))
                    .and_then(|listener| listener.local_addr())
                    .map(|address| (address.port(), *guest))
                    .map_err(Error::io("find a free port on", "127.0.0.1")),
            })
            .collect()
    }

    fn hardware(
        &self,
        folder: &Path,
        disk: &Disk,
        forwards: &[(u16, u16)],
        console: Console,
    ) -> Result<Hardware> {
        let mut nics = Vec::new();
        if self.nat {
            // A way in is no way out: only a test that asks for a port of its own has that.
            let restricted = self.ssh && self.forwards.is_empty();
            nics.push(Nic::Nat { forwards: forwards.to_vec(), restricted });
        }
        for network in &self.networks {
            nics.push(network.nic());
        }
        Ok(Hardware {
            accel: self.bed.accel(),
            boot: self.chosen_boot(folder)?,
            memory_mib: self.memory_mib,
            cpus: self.cpus,
            bus: self.bus,
            drives: self.drives(disk),
            nics,
            console,
            ports: vec![],
            firmware_files: self.firmware_files(folder)?,
            monitor: None,
            stop_at_reboot: self.stop_at_reboot,
            verbatim: self.verbatim.clone(),
        })
    }

    fn login(&self, forwards: &[(u16, u16)], folder: &Path) -> Result<Option<Login>> {
        if !self.ssh {
            return Ok(None);
        }
        if !self.nat {
            return Err(Error::Unsupported { machine: "disconnected", what: "way in by SSH" });
        }
        let keys = self.bed.keys()?;
        let forward = forwards.iter().find(|(_, guest)| *guest == layout::port::SSH);
        Ok(forward.map(|(host, _)| Login::new(keys, *host, folder)))
    }

    fn firmware_files(&self, folder: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
        let config = match &self.ignition {
            own if self.ssh => &self.bed.keys()?.config(own.as_deref())?,
            Some(own) => own,
            None => return Ok(vec![]),
        };
        let file = folder.join("config.ign");
        fs::write(&file, config).map_err(Error::io("write the Ignition config to", &file))?;
        Ok(vec![(layout::port::IGNITION_CONFIG, file)])
    }

    fn drives(&self, disk: &Disk) -> Vec<Drive> {
        let system = Drive {
            file: disk.file().to_owned(),
            format: disk.format(),
            read_only: false,
            log: disk.log().map(Path::to_owned),
            serial: "berth-system".to_owned(),
        };
        let media = self.media.iter().map(|(file, serial)| Drive {
            file: file.clone(),
            format: Format::Raw,
            read_only: true,
            log: None,
            serial: serial.clone(),
        });
        std::iter::once(system).chain(media).collect()
    }

    fn chosen_boot(&self, folder: &Path) -> Result<Boot> {
        let mut extra = self.arguments.clone();
        if self.shell {
            extra.push(format!("{}={}", layout::args::SHELL, layout::port::SHELL));
        }
        let images = self.bed.images();
        let kernel = || {
            let line = self.command_line.as_deref().unwrap_or(images.kernel_arguments());
            Kernel {
                image: images.kernel().to_owned(),
                initramfs: Some(images.initramfs().to_owned()),
                arguments: std::iter::once(line)
                    .chain(extra.iter().map(String::as_str))
                    .collect::<Vec<_>>()
                    .join(" "),
            }
        };
        match self.way {
            Way::Direct => Ok(Boot::Direct(kernel())),
            Way::Microvm => Ok(Boot::Microvm(kernel())),
            Way::Uefi if self.command_line.is_some() => {
                Err(Error::Unsupported { machine: "UEFI", what: "command line from QEMU: its UKI holds it" })
            }
            Way::Uefi => {
                let variables = folder.join("variables.fd");
                let firmware = self.bed.firmware()?;
                let shipped = &firmware.variables;
                fs::copy(shipped, &variables).map_err(Error::io("copy", shipped))?;
                Ok(Boot::Uefi { code: firmware.code.clone(), variables, extra_arguments: extra.join(" ") })
            }
        }
    }

    fn command(&self, hardware: &Hardware, folder: &Path, disk: &Disk) -> Result<sandbox::Command> {
        let mut command = self
            .bed
            .tools()
            .command("qemu-system-x86_64")
            .args(hardware.arguments()?)
            .bind(folder)
            .bind(disk.parent())
            .bind_ro(self.bed.images().dir())
            // Forwarded ports are on the host's loopback. Without them a machine needs nothing
            // of the host's network, and gets nothing.
            .host_network(!self.forwards.is_empty() || self.ssh);
        if let Boot::Uefi { code, .. } = &hardware.boot {
            command = command.bind_ro(code);
        }
        for (file, _) in &self.media {
            command = command.bind_ro(file);
        }
        for network in &self.networks {
            command = command.bind(network.folder());
        }
        Ok(command)
    }
}

fn listen(folder: &Path, name: &str) -> Result<(PathBuf, UnixListener)> {
    let socket = folder.join(name);
    let listener = UnixListener::bind(&socket).map_err(Error::io("listen on", &socket))?;
    Ok((socket, listener))
}
