//! It boots, everywhere and every way, and is ready when it says so.

use std::time::Duration;

use event::Event;
use serde_json::json;
use tests::bed;
use vm::{BOOT_LIMIT, Bus, Disk, Memory, Vm};

use crate::containers::{Host, with_archive};

/// The most memory that an idle machine of 2 GiB may use, in MB (10^6 bytes).
const MOST_MEMORY_MB: f64 = 75.0;

#[test]
fn by_uefi_it_is_ready_and_says_when_and_what_took_how_long() -> vm::Result<()> {
    let vm = Vm::uefi(bed()).boot()?;
    let ready = vm.wait_until_ready()?;
    let Event::ReachedTarget { total_us, kernel_us, initramfs_us, userspace_us, .. } = ready.what else {
        panic!("{ready:?}");
    };
    assert_eq!(total_us, kernel_us + initramfs_us + userspace_us);
    assert!(kernel_us > 0 && initramfs_us > 0 && userspace_us > 0, "{ready:?}");
    assert!(total_us < ready.at.as_micros() as u64, "the machine's clock ran ahead: {ready:?}");

    let version = bed().images().manifest().version.to_string();
    let started = vm.events().into_iter().find_map(|event| match event.what {
        Event::InitStarted { version, .. } => Some(version),
        _ => None,
    });
    assert_eq!(started, Some(version), "the first event names the image's version");
    assert_eq!(vm.not_events(), [""; 0], "the event port carries events only");

    // The console tells the same story in words.
    vm.wait_for_console("berth: reached multi-user.target in ", Duration::from_secs(10))?;

    // Ready means that both answer, at once.
    vm.shell().run("etcdctl endpoint health")?;
    vm.shell().run("ctr version")?;

    println!(
        "by UEFI ready after {:?} from power-on ({:.2} s by the machine's own clock), PID 1 has {} KiB",
        ready.at,
        total_us as f64 / 1e6,
        vm.pid1_rss_kib()?
    );
    Ok(())
}

/// Tells on the console, which takes no memory, how much there is.
const TELL_MEMORY: &str = "\
[Service]
ExecStart=/bin/sh -c 'while sleep 2; do grep -E \"^Mem(Total|Available):\" /proc/meminfo > /dev/console; done'
[Install]
WantedBy=multi-user.target
";

/// Started as a person would: the ports that tests talk to a machine by take memory too, some 20 MB.
#[test]
fn idle_it_leaves_its_memory_to_the_workload() -> vm::Result<()> {
    let unit = json!({ "name": "tell-memory.service", "enabled": true, "contents": TELL_MEMORY });
    let config = json!({ "ignition": { "version": "3.4.0" }, "systemd": { "units": [unit] } });
    let firmware_file =
        format!("name=opt/com.coreos/config,string={}", config.to_string().replace(',', ",,"));
    let disk = Disk::copy(bed(), None)?;
    let vm = Vm::plain(bed(), &disk, "if=virtio", &["-fw_cfg", &firmware_file])?;
    vm.wait_for_console("berth: reached multi-user.target in ", BOOT_LIMIT)?;
    let told = |name| -> vm::Result<u64> {
        let line = vm.wait_for_console(name, BOOT_LIMIT)?;
        Ok(line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap())
    };
    // A machine that has just become ready still gives back what its boot needed: the least that it
    // uses within some seconds is what it uses when idle.
    let mut least = f64::MAX;
    for _ in 0..15 {
        let memory = Memory { total_kib: told("MemTotal:")?, available_kib: told("MemAvailable:")? };
        least = least.min(memory.used_mb());
    }
    println!("{least:.1} MB used when idle");
    assert!(least <= MOST_MEMORY_MB, "{least:.1} MB used by an idle machine");
    Ok(())
}

#[test]
fn with_its_kernel_from_the_host_it_is_ready() -> vm::Result<()> {
    let vm = Vm::direct(bed()).boot()?;
    let ready = vm.wait_until_ready()?;
    let shell = vm.shell();
    shell.run("etcdctl endpoint health && ctr version")?;
    // What the boot takes short cuts by is as it should be afterwards.
    let gone =
        format!("for path in $(cat {}); do test -x $path || echo $path; done", layout::path::READ_AHEAD);
    assert_eq!(shell.run(&gone)?, "", "the image has what is read ahead");
    let window = shell.run("cat /sys/block/dm-0/queue/read_ahead_kb")?;
    assert_eq!(window, layout::disk::USR_READ_AHEAD_KIB.to_string(), "whole clusters of /usr are read");
    assert_eq!(shell.run("cat /proc/sys/kernel/modprobe")?, "/sbin/modprobe", "the kernel loads modules");
    shell.run("mountpoint -q /sys/fs/bpf")?;
    println!("by a direct boot ready after {:?} from power-on", ready.at);
    Ok(())
}

#[test]
fn as_a_microvm_it_is_ready() -> vm::Result<()> {
    let vm = Vm::microvm(bed()).boot()?;
    let ready = vm.wait_until_ready()?;
    vm.shell().run("etcdctl endpoint health && ctr version")?;
    println!("as a microvm ready after {:?} from power-on", ready.at);
    Ok(())
}

#[test]
fn in_512_mib_on_an_nvme_disk_it_works() -> vm::Result<()> {
    let setup = Vm::uefi(bed()).memory_mib(512).disk_bus(Bus::Nvme).ssh();
    let vm = with_archive(setup).boot()?;
    vm.wait_until_ready()?;
    vm.ssh().run("etcdctl put small machine")?;
    let container = Host::of(&vm)?;
    assert_eq!(container.run("small", "", "/bin/echo works")?, "works");
    let memory = vm.memory()?;
    println!("in 512 MiB {:.1} MB are used", memory.used_mb());
    assert!(vm.ssh().sudo().attempt("dmesg | grep -i 'out of memory'")?.text.is_empty());
    Ok(())
}

#[test]
fn without_a_uart_it_is_ready() -> vm::Result<()> {
    let vm = Vm::uefi(bed()).no_uart().boot()?;
    vm.wait_until_ready()?;
    assert_eq!(vm.console(), "", "there is nothing to write to");
    vm.shell().run("etcdctl endpoint health")?;
    Ok(())
}
