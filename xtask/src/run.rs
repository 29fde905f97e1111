//! `cargo xtask run`: builds what is stale and boots it in QEMU on this terminal.

use crate::build::{Options, Work};
use crate::checkout::Checkout;
use crate::firmware;
use crate::translate;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use pipeline::publish::Format;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use vm::{Accel, Bus, Disk, Images, Testbed, Vm};

/// Build what is stale and boot it in QEMU, with a root shell on this terminal
#[derive(Args)]
#[command(after_help = "Examples:\n  cargo xtask run\n  \
    cargo xtask run --memory 512 --ssh-port 2222\n  \
    cargo xtask run --ignition config.bu\n  \
    cargo xtask run --disk state.qcow2 -- -device usb-ehci\n\n\
    Leave QEMU with `poweroff` in the guest, or with Ctrl-A X.")]
pub struct Run {
    #[command(flatten)]
    options: Options,

    /// Boot the kernel directly, without firmware
    #[arg(long)]
    direct: bool,

    /// Memory of the machine in MiB
    #[arg(long, value_name = "MIB", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(64..=1_048_576))]
    memory: u32,

    /// Forward this port of the loopback interface to the machine's SSH port
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    ssh_port: Option<u16>,

    /// What the disk hangs on
    #[arg(long, value_name = "BUS", default_value = "virtio", value_parser = ["virtio", "nvme", "ahci", "virtio-scsi"])]
    bus: String,

    /// Keep the machine's state in this file: made as a qcow2 over the built image if it is not there
    #[arg(long, value_name = "FILE")]
    disk: Option<PathBuf>,

    /// Give the machine this Ignition config (JSON) or Butane config (.bu, .yaml) on its first boot
    #[arg(long, value_name = "FILE")]
    ignition: Option<PathBuf>,

    /// Where the Butane config's `local` files are; beside it where nothing is said
    #[arg(long, value_name = "DIR", requires = "ignition")]
    files_dir: Option<PathBuf>,

    /// Arguments for QEMU, after `--`
    #[arg(last = true, value_name = "QEMU ARGUMENT")]
    qemu: Vec<OsString>,
}

/// The kernel argument that puts a root shell on the serial console.
fn shell_argument() -> String {
    format!("{}=ttyS0", layout::args::SHELL)
}

impl Run {
    pub fn run(self) -> Result<ExitCode> {
        let config = self.ignition.as_deref();
        let config = config.map(|file| translate::config(file, self.files_dir.as_deref())).transpose()?;
        let checkout = Checkout::find()?;
        let directory = checkout.path("target/images");
        let work = Work::new(checkout, &self.options)?;
        let built = work.build(&[Format::Disk, Format::Qcow2], &directory, true)?;

        let tools = sandbox::Tree::at(built.test_tools.clone());
        let images = Images::open(&built.directory)?;
        let accel = Accel::detect_once(&tools, images.kernel(), &work.cache.root().join("accel"))?;
        let mut bed = Testbed::new(tools, images, accel);
        if !self.direct && bed.firmware().is_err() {
            bed = bed.with_firmware(firmware::prebuilt(&work.cache)?);
        }
        let mut setup = if self.direct { Vm::direct(&bed) } else { Vm::uefi(&bed) };
        setup = setup.memory_mib(self.memory).disk_bus(bus(&self.bus)?).kernel_argument(shell_argument());
        if let Some(config) = config {
            setup = setup.ignition(config);
        }
        let kept;
        if let Some(file) = &self.disk {
            kept = keep(&bed, file)?;
            setup = setup.disk(&kept);
        }
        if let Some(port) = self.ssh_port {
            setup = setup.forward_from(port, layout::port::SSH);
        }
        for argument in self.qemu {
            setup = setup.qemu_argument(argument);
        }
        let version = &built.manifest.version;
        eprintln!(
            "booting {} {version} under {}: a root shell follows on this terminal",
            work.spec.name,
            accel.name()
        );
        eprintln!("  leave with `poweroff` in the machine, or Ctrl-A X; Ctrl-A C is QEMU's monitor");
        match self.ssh_port {
            Some(port) => eprintln!("  forwarded: 127.0.0.1:{port} to port {}", layout::port::SSH),
            None => eprintln!("  no port is forwarded (--ssh-port PORT forwards one)"),
        }
        match &self.disk {
            Some(file) => eprintln!("  what the machine writes is kept in {}", file.display()),
            None => eprintln!("  what the machine writes is lost at its end (--disk FILE keeps it)"),
        }
        let status = setup.run_on_terminal()?;
        Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn bus(name: &str) -> Result<Bus> {
    Ok(match name {
        "virtio" => Bus::Virtio,
        "nvme" => Bus::Nvme,
        "ahci" => Bus::Ahci,
        "virtio-scsi" => Bus::VirtioScsi,
        other => bail!("no bus is called `{other}`"),
    })
}

/// The disk that `file` is, made if need be.
fn keep(bed: &Testbed, file: &std::path::Path) -> Result<Disk> {
    if !file.exists() {
        // A copy, not an overlay: the next build replaces the image that an overlay would lie on.
        let partial = file.with_extension("partial");
        std::fs::copy(bed.images().qcow2(), &partial)
            .and_then(|_| std::fs::rename(&partial, file))
            .with_context(|| format!("making the disk {}", file.display()))?;
    }
    let file = file.canonicalize().with_context(|| format!("opening the disk {}", file.display()))?;
    Ok(Disk::existing(file, vm::Format::Qcow2))
}
