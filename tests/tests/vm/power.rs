//! It goes off and comes back when it is told to, quickly and cleanly.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use event::{Event, ShutdownKind};
use tests::{bed, nfs};
use vm::{BOOT_LIMIT, Milestone, Vm};

use crate::containers::{Host, with_archive};
use crate::services::{ready, unit};

/// The last shutdown's end, from the events: its kind, whether all is clean, what was left.
fn shutdown_end(vm: &Vm) -> Option<(ShutdownKind, bool, Vec<String>)> {
    vm.events().into_iter().rev().find_map(|event| match event.what {
        Event::ShutdownComplete { kind, clean, left, .. } => Some((kind, clean, left)),
        _ => None,
    })
}

/// The last shutdown's kind, and whether all is clean.
fn clean_shutdown(vm: &Vm) -> Option<(ShutdownKind, bool)> {
    shutdown_end(vm).map(|(kind, clean, _)| (kind, clean))
}

/// Has it go off within the bound, though something never answers; what it left behind.
fn goes_off_leaving(vm: &mut Vm) -> vm::Result<Vec<String>> {
    let began = Instant::now();
    vm.shell().run("(sleep 1; poweroff) >/dev/null 2>&1 &")?;
    vm.wait_for_end(BOOT_LIMIT)?;
    let took = began.elapsed();
    let left = shutdown_end(vm).map(|(_, _, left)| left).unwrap_or_default();
    println!("off after {took:?}, leaving {left:?}");
    assert!(took < BOUND, "off after {took:?}");
    Ok(left)
}

/// The machine that a guest reaches behind QEMU's own network: this one.
const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// The longest that a shutdown may take with something that never answers.
const BOUND: Duration = Duration::from_secs(25);

#[test]
fn the_power_button_puts_it_off_in_under_5_s_with_a_container_that_ignores_sigterm() -> vm::Result<()> {
    let mut vm = with_archive(Vm::direct(bed())).boot()?;
    vm.wait_until_ready()?;
    let host = Host::of(&vm)?;
    host.start("stubborn", "--cni", "trap : TERM INT HUP; while :; do sleep 1; done")?;
    // It does ignore it.
    vm.shell().run("ctr task kill --signal SIGTERM stubborn; sleep 2")?;
    let tasks = vm.shell().run("ctr task list")?;
    assert!(tasks.contains("stubborn") && tasks.contains("RUNNING"), "{tasks}");
    let took = vm.power_off()?;
    let own = vm.events().into_iter().find_map(|event| match event.what {
        Event::ShutdownComplete { elapsed_us, .. } => Some(Duration::from_micros(elapsed_us)),
        _ => None,
    });
    println!("off after {took:?}; by its own clock PID 1 took {own:?}");
    assert!(took < Duration::from_secs(5), "off after {took:?}; by its own clock PID 1 took {own:?}");
    assert_eq!(clean_shutdown(&vm), Some((ShutdownKind::Poweroff, true)));
    Ok(())
}

#[test]
fn ten_reboots_in_a_row_are_ten_good_boots() -> vm::Result<()> {
    let vm = Vm::uefi(bed()).boot()?;
    vm.wait_until_ready()?;
    let mut boots = BTreeSet::from([vm.shell().run("cat /proc/sys/kernel/random/boot_id")?]);
    for round in 1..=10 {
        vm.shell().run(&format!("etcdctl put round {round}"))?;
        vm.reboot()?;
        assert_eq!(clean_shutdown(&vm), Some((ShutdownKind::Reboot, true)), "round {round}");
        let shell = vm.shell();
        assert_eq!(shell.run("etcdctl get round --print-value-only")?, round.to_string());
        shell.run("ctr version")?;
        boots.insert(shell.run("cat /proc/sys/kernel/random/boot_id")?);
    }
    assert_eq!(boots.len(), 11, "each was a boot of its own");
    Ok(())
}

#[test]
fn ctrl_alt_delete_restarts_it_and_poweroff_ends_it() -> vm::Result<()> {
    let mut vm = Vm::direct(bed()).boot()?;
    vm.wait_until_ready()?;
    vm.press_ctrl_alt_delete()?;
    vm.wait_for(Milestone::Shutdown(ShutdownKind::Reboot), BOOT_LIMIT)?;
    vm.wait_until_ready()?;
    vm.shell().run("(sleep 1; poweroff) >/dev/null 2>&1 &")?;
    vm.wait_for(Milestone::ShutdownComplete(ShutdownKind::Poweroff), BOOT_LIMIT)?;
    vm.wait_for_end(BOOT_LIMIT)?;
    assert_eq!(clean_shutdown(&vm), Some((ShutdownKind::Poweroff, true)));
    Ok(())
}

#[test]
fn a_server_of_files_that_goes_away_does_not_keep_it_on() -> vm::Result<()> {
    let server = nfs::Server::start();
    // With a port of its own the machine shares this one's network, and sees the server.
    let mut vm = ready(Vm::direct(bed()).forward(layout::port::SSH).boot()?)?;
    let shell = vm.shell();
    let options = server.mount_options(HOST);
    let mount = format!("[Mount]\nWhat={HOST}:/\nWhere=/var/far\nType=nfs\nOptions={options}");
    shell.run(&unit("var-far.mount", &mount))?;
    // The writer keeps its file open, and does not wait for what it writes to arrive.
    let writer = format!(
        "[Unit]\nRequires=var-far.mount\nAfter=var-far.mount\n[Service]\nExecStart=/usr/bin/sh -c \
         \"exec 3<>/var/far/{}; while :; do head -c 65536 /dev/zero >&3; sleep 0.2; done\"",
        nfs::FILE
    );
    shell.run(&unit("writer.service", &writer))?;
    shell.run(
        "systemctl daemon-reload; systemctl start writer; sleep 2; \
         systemctl is-active var-far.mount && systemctl is-active writer",
    )?;
    assert!(shell.run("grep /var/far /proc/mounts")?.contains("nfs"));
    drop(server);
    shell.run("sleep 2; ! timeout -s KILL 3 cat /var/far/file")?;
    let left = goes_off_leaving(&mut vm)?;
    // What is far away is named, and what is here is safe.
    assert!(left.iter().any(|what| what == "/var/far"), "{left:?}");
    assert!(!left.iter().any(|what| what == "/"), "{left:?}");
    Ok(())
}

#[test]
fn a_file_system_that_is_frozen_does_not_keep_it_on_and_is_named() -> vm::Result<()> {
    let mut vm = ready(Vm::direct(bed()).boot()?)?;
    let shell = vm.shell();
    // Who writes to it waits in the kernel, and no signal ends that.
    shell.run(&unit("writer.service", "[Service]\nExecStart=/usr/bin/touch /var/frozen/file"))?;
    shell.run(
        "dd if=/dev/zero of=/var/image bs=1M count=64 2>/dev/null && mke2fs -q -t ext4 -F /var/image && mkdir /var/frozen && \
         mount -o loop /var/image /var/frozen && busybox fsfreeze --freeze /var/frozen && \
         systemctl daemon-reload && systemctl start writer && sleep 1 && echo kept > /var/own",
    )?;
    let left = goes_off_leaving(&mut vm)?;
    assert!(left.iter().any(|what| what.contains("touch")), "{left:?}");
    assert!(left.iter().any(|what| what.contains("/var/frozen")), "{left:?}");
    let console = vm.console();
    assert!(console.contains("processes that do not end: touch"), "{console}");
    Ok(())
}
