//! It goes off and comes back when it is told to, quickly and cleanly.

use std::collections::BTreeSet;
use std::time::Duration;

use event::{Event, ShutdownKind};
use tests::bed;
use vm::{BOOT_LIMIT, Milestone, Vm};

use crate::containers::{Host, with_archive};

/// The last shutdown's end, from the events.
fn clean_shutdown(vm: &Vm) -> Option<(ShutdownKind, bool)> {
    vm.events().into_iter().rev().find_map(|event| match event.what {
        Event::ShutdownComplete { kind, clean, .. } => Some((kind, clean)),
        _ => None,
    })
}

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
