//! What runs the guest's code: KVM where it really works, else QEMU's own translator.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::qemu::{Boot, Bus, Console, Hardware, Kernel};
use crate::{Error, Result};
use sandbox::Tree;

/// What runs the guest's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    /// The processor, through the kernel.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

/// A kernel without an initramfs panics well under a second after power-on where KVM works.
const TRIAL: Duration = Duration::from_secs(5);

impl Accel {
    /// QEMU's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }

    /// Finds out by booting `kernel` under KVM until it panics for want of a root: some hosts
    /// have a `/dev/kvm` that opens, and yet no guest runs.
    ///
    /// # Errors
    /// QEMU cannot be started at all.
    pub fn detect(tools: &Tree, kernel: &Path) -> Result<Self> {
        if !may_open_kvm() {
            return Ok(Self::Tcg);
        }
        let hardware = Hardware {
            accel: Self::Kvm,
            boot: Boot::Direct(Kernel {
                image: kernel.to_owned(),
                initramfs: None,
                arguments: "quiet panic=-1".to_owned(),
            }),
            memory_mib: 256,
            cpus: 1,
            bus: Bus::Virtio,
            drives: vec![],
            nics: vec![],
            console: Console::None,
            ports: vec![],
            firmware_files: vec![],
            monitor: None,
            stop_at_reboot: true,
            verbatim: vec![],
        };
        let mut child = tools
            .command("qemu-system-x86_64")
            .args(hardware.arguments()?)
            .bind_ro(kernel)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("start QEMU for", kernel))?;
        let deadline = Instant::now() + TRIAL;
        let works = loop {
            match child.try_wait().map_err(Error::io("wait for QEMU on", kernel))? {
                Some(status) => break status.success(),
                None if Instant::now() > deadline => break false,
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        if !works {
            // It may have ended between the last look and now.
            let _ = child.kill();
            let _ = child.wait();
        }
        Ok(if works { Self::Kvm } else { Self::Tcg })
    }

    /// [`Accel::detect`], remembered in `memory` until the host restarts.
    ///
    /// # Errors
    /// As [`Accel::detect`]; a memory that cannot be read or written is done without.
    pub fn detect_once(tools: &Tree, kernel: &Path, memory: &Path) -> Result<Self> {
        let this_boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let entry = |accel: Self| format!("{} {}", accel.name(), this_boot.trim());
        let remembered = fs::read_to_string(memory).unwrap_or_default();
        // A cache may be shared with who may not open it: a container, another user.
        let may_open = may_open_kvm();
        for accel in [Self::Kvm, Self::Tcg] {
            let is_said = !this_boot.is_empty() && remembered.trim() == entry(accel);
            if is_said && (accel == Self::Tcg || may_open) {
                return Ok(accel);
            }
        }
        let found = Self::detect(tools, kernel)?;
        if !may_open {
            return Ok(found);
        }
        let _ = fs::write(memory, entry(found) + "\n");
        Ok(found)
    }
}

fn may_open_kvm() -> bool {
    OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok()
}
