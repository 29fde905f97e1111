//! It boots, everywhere and every way, and is ready when it says so.

use std::time::Duration;

use event::Event;
use tests::bed;
use vm::{Bus, Vm};

use crate::containers::{Host, with_archive};

/// What an idle machine may use that has the ports which tests talk to it by: the kernel's driver
/// takes some 10 MB for each. Without them it is 73 MB, of the 75 that it may be.
const MOST_MEMORY_MB: f64 = 95.0;

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

    let used_mb = used_when_idle(&vm)?;
    println!(
        "by UEFI ready after {:?} from power-on ({:.2} s by the machine's own clock), {:.1} MB used, \
         PID 1 has {} KiB",
        ready.at,
        total_us as f64 / 1e6,
        used_mb,
        vm.pid1_rss_kib()?
    );
    assert!(used_mb <= MOST_MEMORY_MB, "{used_mb:.1} MB used by an idle machine");
    Ok(())
}

/// A machine that has just become ready still gives back what its boot needed: the least that it
/// uses within some seconds is what it uses when idle.
fn used_when_idle(vm: &Vm) -> vm::Result<f64> {
    let mut least = f64::MAX;
    for _ in 0..8 {
        least = least.min(vm.memory()?.used_mb());
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    Ok(least)
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
