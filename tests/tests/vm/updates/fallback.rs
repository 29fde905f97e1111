//! A version that does not work here gives way to the one before, by itself, within its tries, and says why.

use std::time::Duration;

use event::Event;
use slots::Health;
use tests::debugger::Debugger;
use tests::version::{self, Version};
use tests::{bed, disk};
use vm::{Disk, Milestone, Setup, Vm};

use super::{is_intact, last, lived_in, machine, next, shipped, soak, version_of};

/// Three tries, each of which may end with a kernel that waits before it restarts.
const LIMIT: Duration = Duration::from_secs(600);
/// After stage 1 has armed the watchdog, and before it is done.
const AMID_STAGE_1: Duration = Duration::from_millis(500);

/// Whether there is time for what only a watchdog ends: a minute a try. Says so where there is none.
fn has_time() -> bool {
    let has_time = soak();
    if !has_time {
        println!("not run: each try takes the watchdog's minute (--soak)");
    }
    has_time
}

/// A machine with a watchdog.
fn guarded(setup: Setup<'_>) -> Setup<'_> {
    setup.qemu_argument("-device").qemu_argument("i6300esb")
}

/// Boots a machine to which a version was installed that does not work. It comes back with the one before.
fn falls_back(
    fault: &str,
    disk: &Disk,
    setup: impl FnOnce(Setup<'static>) -> Setup<'static>,
) -> vm::Result<Vm> {
    comes_back(fault, setup(machine(disk)).boot()?)
}

/// A machine that tries a version that does not work comes back with the one before.
fn comes_back(fault: &str, vm: Vm) -> vm::Result<Vm> {
    // What fails may panic the kernel: that is no reason to give up.
    vm.wait_for_console(&format!("version {} failed here", next()), LIMIT)?;
    vm.run("until systemctl is-active -q multi-user.target; do sleep 0.2; done")?;
    let told = last(&vm, |event| match event {
        Event::FellBack { from, to, reason } => Some((from, to, reason)),
        _ => None,
    });
    let (from, to, reason) = told.expect("an event");
    assert_eq!((from, to), (next(), shipped()));
    assert_eq!(version_of(&vm)?, shipped());
    let ready = vm.ready_after().unwrap_or_default();
    println!("{fault}: ready with the version before {ready:?} after power-on: {reason}");
    is_intact(&vm)?;
    Ok(vm)
}

/// What lies on the ESP then: a version without tries, and a good one that boots.
fn is_refused(mut vm: Vm) -> vm::Result<()> {
    vm.power_off()?;
    let machine = version::machine(&vm.disk()).unwrap();
    let chosen = machine.next_entry().expect("an entry");
    assert_eq!((chosen.name.version.to_string(), machine.health(chosen)), (shipped(), Health::Good));
    let failed = machine.entry(&Version::next().manifest.version);
    assert!(failed.is_none_or(|entry| !entry.name.is_good() || entry.usrhash.is_none()), "{failed:?}");
    Ok(())
}

#[test]
fn a_version_whose_kernel_panics() -> vm::Result<()> {
    let disk = lived_in()?;
    Version::next().with_argument("rdinit=/nothing").unwrap().install(&disk).unwrap();
    is_refused(falls_back("a kernel that panics", &disk, |setup| setup)?)
}

#[test]
fn a_version_whose_uki_is_cut_short() -> vm::Result<()> {
    let disk = lived_in()?;
    Version::next().truncated().install(&disk).unwrap();
    is_refused(falls_back("half a UKI", &disk, |setup| setup)?)
}

#[test]
fn a_version_whose_slot_went_bad() -> vm::Result<()> {
    let disk = lived_in()?;
    Version::next().install(&disk).unwrap();
    disk::flip(bed(), &disk, layout::disk::USR_B.label, disk::EROFS_SUPERBLOCK)?;
    is_refused(falls_back("a slot with a flipped bit", &disk, |setup| setup)?)
}

#[test]
fn a_version_that_stage_1_cannot_start() -> vm::Result<()> {
    let disk = lived_in()?;
    let timeout = layout::args::EMERGENCY_TIMEOUT;
    Version::next().with_argument(&format!("{timeout}=1")).unwrap().install(&disk).unwrap();
    disk::flip(bed(), &disk, layout::disk::USR_B_VERITY.label, disk::TOP_OF_TREE)?;
    is_refused(falls_back("a hash tree with a flipped bit", &disk, |setup| setup)?)
}

#[test]
fn a_version_that_hangs_in_stage_1() -> vm::Result<()> {
    if !has_time() {
        return Ok(());
    }
    let disk = lived_in()?;
    // The kernel says when it starts stage 1.
    Version::next().with_argument("loglevel=7").unwrap().install(&disk).unwrap();
    let debugger = Debugger::new().unwrap();
    let vm = guarded(debugger.attach(machine(&disk))).boot()?;
    for _ in 0..layout::esp::UKI_TRIES {
        vm.wait_for_console("Run /init as init process", LIMIT)?;
        std::thread::sleep(AMID_STAGE_1);
        debugger.hang().unwrap();
    }
    is_refused(comes_back("a kernel that hangs in stage 1", vm)?)
}

#[test]
fn a_version_in_which_the_machines_work_fails() -> vm::Result<()> {
    let disk = lived_in()?;
    let mut vm = machine(&disk).boot()?;
    vm.wait_until_ready()?;
    vm.run(&format!("echo {} > /etc/ill; sync", next()))?;
    vm.power_off()?;
    Version::next().install(&disk).unwrap();
    let vm = falls_back("a unit that fails", &disk, |setup| setup)?;
    let reason = last(&vm, |event| match event {
        Event::FellBack { reason, .. } => Some(reason),
        _ => None,
    });
    assert!(reason.as_ref().is_some_and(|reason| reason.contains("workload.service")), "{reason:?}");
    is_refused(vm)
}

#[test]
fn a_version_in_which_pid_1_hangs() -> vm::Result<()> {
    if !has_time() {
        return Ok(());
    }
    let disk = lived_in()?;
    let mut vm = machine(&disk).boot()?;
    vm.wait_until_ready()?;
    // Nothing but these two loops gets a processor.
    let hang = "[Service]\\nCPUSchedulingPolicy=fifo\\nCPUSchedulingPriority=99\\n\
                ExecStart=/usr/bin/sh -c '. /etc/os-release; [ $VERSION_ID = NEXT ] || exit 0; \
                echo -1 > /proc/sys/kernel/sched_rt_runtime_us; for i in 1 2; do while :; do :; done & done; wait'\
                \\n[Install]\\nWantedBy=multi-user.target\\n"
        .replace("NEXT", &next());
    vm.run(&format!(
        "printf '{}' > /etc/systemd/system/hang.service; systemctl enable hang; sync",
        hang.replace('\'', "'\\''")
    ))?;
    vm.power_off()?;
    Version::next().install(&disk).unwrap();
    is_refused(falls_back("a PID 1 that gets no processor", &disk, guarded)?)
}

#[test]
fn a_version_that_works_stays() -> vm::Result<()> {
    let disk = lived_in()?;
    Version::next().install(&disk).unwrap();
    let mut vm = machine(&disk).boot()?;
    let ready = vm.wait_until_ready()?;
    let blessed = vm.wait_for(Milestone::Blessed, LIMIT)?;
    assert_eq!(version_of(&vm)?, next());
    println!("a version that is tried: ready after {:?}, proven after {:?}", ready.at, blessed.at);
    is_intact(&vm)?;
    vm.power_off()?;
    let machine = version::machine(&vm.disk()).unwrap();
    let chosen = machine.next_entry().expect("an entry");
    assert_eq!((chosen.name.version.to_string(), machine.health(chosen)), (next(), Health::Good));
    assert_eq!(machine.esp.entries.len(), 2, "the one before stays to go back to");
    Ok(())
}
