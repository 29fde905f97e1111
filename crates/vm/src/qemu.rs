//! The one place that knows QEMU's flags: hardware as data in, an argument list out. Pure.
//!
//! Flags are those of QEMU 10's qemu-system-x86_64(1). `-nodefaults` throughout: a machine has
//! what is written here and nothing else.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::{Accel, Error, Format, Result};

/// What the system's disk hangs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bus {
    /// virtio-blk.
    #[default]
    Virtio,
    /// NVMe.
    Nvme,
    /// SATA behind an AHCI controller.
    Ahci,
    /// SCSI behind virtio-scsi.
    VirtioScsi,
}

/// How the machine finds its kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// UEFI firmware from flash, on a q35.
    Uefi {
        /// The firmware's code, read only.
        code: PathBuf,
        /// The firmware's variables: a copy of this machine's own.
        variables: PathBuf,
        /// Kernel arguments handed over as an SMBIOS string.
        extra_arguments: String,
    },
    /// The kernel from QEMU, on a q35.
    Direct(Kernel),
    /// The kernel from QEMU, on a microvm: no PCI, virtio over MMIO.
    Microvm(Kernel),
}

/// A kernel that QEMU loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The bzImage.
    pub image: PathBuf,
    /// The initramfs; none for a kernel that is to panic.
    pub initramfs: Option<PathBuf>,
    /// The whole command line.
    pub arguments: String,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drive {
    /// The image.
    pub file: PathBuf,
    /// Its format.
    pub format: Format,
    /// Whether the guest may write.
    pub read_only: bool,
    /// Where what it is told is logged ([`crate::Recording`]); on virtio-blk only.
    pub log: Option<PathBuf>,
    /// Serial number by which the guest finds it; 20 characters at most.
    pub serial: String,
}

/// A network card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nic {
    /// On QEMU's own network with NAT.
    Nat {
        /// TCP ports forwarded from the host's loopback: (host, guest).
        forwards: Vec<(u16, u16)>,
        /// Nothing of the guest's goes to the host's network but answers to what is forwarded.
        restricted: bool,
    },
    /// On a switch of the harness, over its Unix socket.
    Switch {
        /// The switch's socket.
        socket: PathBuf,
        /// This card's address.
        mac: String,
    },
}

/// Where the serial console goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Console {
    /// To QEMU's standard output.
    #[default]
    Captured,
    /// To this terminal, with QEMU's monitor behind Ctrl-A.
    Terminal,
    /// There is no UART.
    None,
}

/// A named virtio-serial port on a Unix socket that the harness listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialPort {
    /// The name that the guest sees.
    pub name: &'static str,
    /// The socket.
    pub socket: PathBuf,
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// What runs the guest's code.
    pub accel: Accel,
    /// How it finds its kernel.
    pub boot: Boot,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Processors.
    pub cpus: u32,
    /// What the first disk hangs on. The others are virtio-blk.
    pub bus: Bus,
    /// Disks; the first is booted from.
    pub drives: Vec<Drive>,
    /// Network cards.
    pub nics: Vec<Nic>,
    /// The serial console.
    pub console: Console,
    /// virtio-serial ports.
    pub ports: Vec<SerialPort>,
    /// Files that the guest reads by name from the firmware's interface (fw_cfg).
    pub firmware_files: Vec<(&'static str, PathBuf)>,
    /// Socket of QEMU's monitor protocol.
    pub monitor: Option<PathBuf>,
    /// End QEMU where the guest would restart.
    pub stop_at_reboot: bool,
    /// Arguments as they are, after all others.
    pub verbatim: Vec<OsString>,
}

impl Hardware {
    /// The arguments of `qemu-system-x86_64` for this machine.
    ///
    /// # Errors
    /// The machine cannot have what is asked for.
    pub fn arguments(&self) -> Result<Vec<OsString>> {
        let mut line = Line::default();
        line.flag("-nodefaults");
        line.flag("-no-user-config");
        line.pair("-display", "none");
        line.pair("-machine", self.machine());
        line.pair("-accel", self.accel.name());
        if self.accel == Accel::Kvm {
            line.pair("-cpu", "host");
        }
        line.pair("-m", self.memory_mib.to_string());
        line.pair("-smp", self.cpus.to_string());
        self.boot(&mut line);
        line.pair("-device", self.device("virtio-rng", ""));
        self.drives(&mut line)?;
        self.nics(&mut line);
        self.console(&mut line);
        self.ports(&mut line);
        for (name, file) in &self.firmware_files {
            line.pair("-fw_cfg", format!("name={name},file={}", path(file)));
        }
        if let Some(socket) = &self.monitor {
            line.pair("-chardev", unix_chardev("monitor", socket));
            line.pair("-mon", "chardev=monitor,mode=control");
        }
        if self.stop_at_reboot {
            line.flag("-no-reboot");
        }
        line.0.extend(self.verbatim.iter().cloned());
        Ok(line.0)
    }

    fn is_microvm(&self) -> bool {
        matches!(self.boot, Boot::Microvm(_))
    }

    /// A microvm with ACPI tells the kernel that it has no legacy timer; under TCG there is no
    /// other that the kernel could measure its clocks by, and it would wait for a tick for ever.
    fn machine(&self) -> &'static str {
        match (&self.boot, self.accel) {
            (Boot::Microvm(_), Accel::Tcg) => "microvm,acpi=off",
            (Boot::Microvm(_), Accel::Kvm) => "microvm",
            (Boot::Uefi { .. } | Boot::Direct(_), _) => "q35",
        }
    }

    /// A virtio device under the name it has on this machine's bus.
    fn device(&self, virtio: &str, options: &str) -> String {
        let suffix = if self.is_microvm() { "device" } else { "pci" };
        format!("{virtio}-{suffix}{options}")
    }

    fn boot(&self, line: &mut Line) {
        match &self.boot {
            Boot::Uefi { code, variables, extra_arguments } => {
                line.pair("-drive", format!("if=pflash,format=raw,unit=0,readonly=on,file={}", path(code)));
                line.pair("-drive", format!("if=pflash,format=raw,unit=1,file={}", path(variables)));
                if !extra_arguments.is_empty() {
                    line.pair(
                        "-smbios",
                        format!("type=11,value={}={}", layout::args::SMBIOS_EXTRA, escape(extra_arguments)),
                    );
                }
            }
            Boot::Direct(kernel) | Boot::Microvm(kernel) => {
                line.pair("-kernel", kernel.image.as_os_str());
                if let Some(initramfs) = &kernel.initramfs {
                    line.pair("-initrd", initramfs.as_os_str());
                }
                line.pair("-append", &kernel.arguments);
            }
        }
    }

    fn drives(&self, line: &mut Line) -> Result<()> {
        match self.bus {
            Bus::Nvme | Bus::Ahci if self.is_microvm() => {
                return Err(Error::Unsupported {
                    machine: "microvm",
                    what: "PCI bus for an NVMe or AHCI disk",
                });
            }
            Bus::VirtioScsi => line.pair("-device", self.device("virtio-scsi", ",id=scsi")),
            // The q35 has an AHCI controller of its own.
            Bus::Virtio | Bus::Nvme | Bus::Ahci => {}
        }
        for (index, drive) in self.drives.iter().enumerate() {
            let (format, file) = (drive.format.name(), path(&drive.file));
            let mut backend = format!("if=none,id=disk{index},");
            backend += &match &drive.log {
                None => format!("format={format},file={file}"),
                Some(_) if index == 0 && self.bus != Bus::Virtio => {
                    return Err(Error::Unsupported {
                        machine: "recorded",
                        what: "disk with forced unit access: the log would not tell of it",
                    });
                }
                // The flushes end in the log: the host's disk is none that fails.
                Some(log) => format!(
                    "driver=blklogwrites,file.driver={format},file.cache.no-flush=on,file.file.driver=file,\
                     file.file.filename={file},log.driver=file,log.cache.no-flush=on,log.filename={}",
                    path(log)
                ),
            };
            if drive.read_only {
                backend += ",readonly=on";
            }
            line.pair("-drive", backend);
            let mut options = format!(",drive=disk{index},serial={}", escape(&drive.serial));
            if index == 0 && matches!(self.boot, Boot::Uefi { .. }) {
                options += ",bootindex=0";
            }
            let bus = if index == 0 { self.bus } else { Bus::Virtio };
            line.pair(
                "-device",
                match bus {
                    Bus::Virtio => self.device("virtio-blk", &options),
                    Bus::Nvme => format!("nvme{options}"),
                    Bus::Ahci => format!("ide-hd,bus=ide.0{options}"),
                    Bus::VirtioScsi => format!("scsi-hd,bus=scsi.0{options}"),
                },
            );
        }
        Ok(())
    }

    fn nics(&self, line: &mut Line) {
        // No boot ROM: nothing boots from the network here, and firmware would spend time on it.
        let rom = if self.is_microvm() { "" } else { ",romfile=" };
        for (index, nic) in self.nics.iter().enumerate() {
            let (backend, mac) = match nic {
                Nic::Nat { forwards, restricted } => {
                    let mut backend = format!("user,id=net{index}");
                    if *restricted {
                        backend += ",restrict=on";
                    }
                    for (host, guest) in forwards {
                        backend += &format!(",hostfwd=tcp:127.0.0.1:{host}-:{guest}");
                    }
                    (backend, String::new())
                }
                Nic::Switch { socket, mac } => (
                    format!("stream,id=net{index},server=off,addr.type=unix,addr.path={}", path(socket)),
                    format!(",mac={mac}"),
                ),
            };
            line.pair("-netdev", backend);
            line.pair("-device", self.device("virtio-net", &format!(",netdev=net{index}{mac}{rom}")));
        }
    }

    fn console(&self, line: &mut Line) {
        match self.console {
            Console::Captured => {
                line.pair("-chardev", "stdio,id=console,signal=off");
                line.pair("-serial", "chardev:console");
            }
            Console::Terminal => line.pair("-serial", "mon:stdio"),
            Console::None if self.is_microvm() => line.pair("-machine", "isa-serial=off"),
            Console::None => line.pair("-serial", "none"),
        }
    }

    fn ports(&self, line: &mut Line) {
        if self.ports.is_empty() {
            return;
        }
        // The guest's kernel makes two queues for each port that there might be, of 31 by default:
        // memory that would be taken for the image's own use. Port 0 is the console's.
        let most = self.ports.len() + 1;
        line.pair("-device", self.device("virtio-serial", &format!(",id=ports,max_ports={most}")));
        for (index, port) in self.ports.iter().enumerate() {
            line.pair("-chardev", unix_chardev(&format!("port{index}"), &port.socket));
            line.pair(
                "-device",
                format!("virtserialport,bus=ports.0,chardev=port{index},name={}", port.name),
            );
        }
    }
}

/// The command line that a person would type who knows nothing of this harness: firmware, one raw
/// disk, the serial console on standard output. `disk_options` is what follows the file in
/// `-drive`, and `more` whole arguments after it.
pub fn plain(code: &Path, disk: &Path, disk_options: &str, more: &[&str]) -> Vec<OsString> {
    let mut line = Line::default();
    line.pair("-machine", "q35");
    line.pair("-m", "2048");
    line.pair("-smp", "2");
    line.pair("-drive", format!("if=pflash,format=raw,readonly=on,file={}", path(code)));
    line.pair("-drive", format!("file={},format=raw,{disk_options}", path(disk)));
    for argument in more {
        line.flag(argument);
    }
    line.flag("-nographic");
    line.0
}

fn unix_chardev(id: &str, socket: &Path) -> String {
    format!("socket,id={id},server=off,path={}", path(socket))
}

/// A path as the value of an option.
fn path(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

/// Text as the value of an option: a comma is written twice.
fn escape(value: &str) -> String {
    value.replace(',', ",,")
}

#[derive(Default)]
struct Line(Vec<OsString>);

impl Line {
    fn flag(&mut self, flag: &str) {
        self.0.push(flag.into());
    }

    fn pair(&mut self, flag: &str, value: impl Into<OsString>) {
        self.flag(flag);
        self.0.push(value.into());
    }
}

#[cfg(test)]
#[path = "qemu_tests.rs"]
mod tests;
