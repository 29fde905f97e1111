//! The guard, under real firmware.

use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use image::disk::{self, Disk, Sizes};
use image::esp::Esp;
use image::guard;
use layout::disk::MIB;

use crate::{EPOCH, noise, tools};

/// What a machine without an accelerator may take, and a hung one is ended after.
const LIMIT: Duration = Duration::from_secs(300);

const SIZES: Sizes = Sizes { esp: 40 * MIB, bios: MIB, usr: MIB, usr_verity: MIB, root: MIB };

#[test]
fn a_uki_that_does_not_load_resets_the_machine() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let systemd_boot = fs::read(tools.path("usr/lib/systemd/boot/efi/systemd-bootx64.efi")).unwrap();
    let program = guard::build(&tools).unwrap();
    assert!(program == guard::build(&tools).unwrap());
    // A UKI cut short: its sections name bytes that are not there.
    let stub = fs::read(tools.path("usr/lib/systemd/boot/efi/linuxx64.efi.stub")).unwrap();
    let parts = ::uki::Uki {
        stub: &stub,
        kernel: &systemd_boot,
        initramfs: b"none",
        cmdline: "quiet",
        os_release: "ID=berth\nPRETTY_NAME=Berth\nVERSION_ID=1.2.3\n",
        uname: "0",
    };
    let mut uki = ::uki::build(&parts).unwrap();
    uki.truncate(uki.len() - 60_000);
    let esp = Esp::standard(program, systemd_boot, uki, &"1.2.3".parse().unwrap());
    fs::write(path("part"), noise(4096)).unwrap();
    let part = &path("part");
    let content =
        Disk { sizes: SIZES, esp: &esp, bios: None, usr: part, usr_verity: part, root: part, epoch: EPOCH };
    disk::write(&path("disk"), &content).unwrap();

    let serial = path("serial");
    let machine = tools
        .command("qemu-system-x86_64")
        .args([
            "-machine",
            "q35",
            "-m",
            "512",
            "-nodefaults",
            "-display",
            "none",
            "-no-reboot",
            "-net",
            "none",
        ])
        .args(["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"])
        .arg("-drive")
        .arg(format!("if=virtio,format=raw,file={}", path("disk").display()))
        .args(["-serial", "stdio"])
        .stdout(File::create(&serial).unwrap())
        .stderr(Stdio::inherit())
        .bind(dir.path())
        .spawn()
        .unwrap();
    let ended = ends(machine);
    let said = String::from_utf8_lossy(&fs::read(&serial).unwrap()).into_owned();
    assert!(ended, "the machine was not reset; the console:\n{said}");
    assert!(said.contains("berth: the boot loader gave up"), "{said}");
}

/// Whether the machine ends by itself, as it does at a reset; it is ended in any case.
fn ends(mut machine: Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if machine.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    machine.kill().unwrap();
    machine.wait().unwrap();
    false
}
