//! A machine takes a new version, proves it, and goes back where it fails.

mod cuts;
mod extended;
mod fallback;
mod journey;
mod load;
mod loader;

use std::sync::OnceLock;

use tests::bed;
use tests::version::Version;
use vm::{Disk, Setup, Timed, Vm};

use event::Event;
use layout::Slot;
use update_state::{Staged, State};

/// Whether the full counts are wanted (`cargo xtask test --soak`).
fn soak() -> bool {
    std::env::var_os("BERTH_TEST_SOAK").is_some()
}

/// The version under test.
fn shipped() -> String {
    bed().images().manifest().version.to_string()
}

/// The later one.
fn next() -> String {
    Version::next().manifest.version.to_string()
}

/// What an operator's config has for tests that cannot wait for long.
const IMPATIENT: &str = r#"
variant: fcos
version: 1.5.0
storage:
  files:
    - path: /etc/berth/update.conf.d/50-test.conf
      contents: {inline: "[Health]\nHoldTime=1s\nDeadline=60s\n"}
    # Some versions do not get well: see the unit.
    - path: /etc/ill
      contents: {inline: "none\n"}
systemd:
  units:
    - name: workload.service
      enabled: true
      contents: |
        [Unit]
        Description=What This Machine Is For
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/usr/bin/sh -c '. /etc/os-release; ! grep -qx "$VERSION_ID" /etc/ill'
        [Install]
        WantedBy=boot-complete.target
"#;

/// The disk of a machine that runs the version under test, has been ready, and is off: each test has a copy.
fn lived_in() -> vm::Result<Disk> {
    static DISK: OnceLock<Disk> = OnceLock::new();
    if let Some(disk) = DISK.get() {
        return disk.raw(bed());
    }
    let mut vm = Vm::uefi(bed()).ignition(super::provisioning::ignition(IMPATIENT)).boot()?;
    vm.wait_until_ready()?;
    vm.shell().run("etcdctl put cargo 'seven crates'; echo mine > /etc/motto; sync")?;
    // A version that is put into the other slot while the machine is off is one that its updater has put there.
    let staged = Staged { version: Version::next().manifest.version.clone(), slot: Slot::B, at: 1, epoch: 0 };
    let state = serde_json::to_string(&State { staged: Some(staged), ..State::default() }).unwrap();
    let file = layout::path::UPDATE_STATE;
    vm.run(&format!("mkdir -p -m 700 $(dirname {file}) && echo '{state}' > {file} && sync"))?;
    vm.power_off()?;
    DISK.get_or_init(|| vm.disk()).raw(bed())
}

/// A machine that boots from `disk` as from its own.
fn machine(disk: &Disk) -> Setup<'static> {
    Vm::uefi(bed()).disk(disk)
}

/// What runs.
fn version_of(vm: &Vm) -> vm::Result<String> {
    vm.run(". /etc/os-release; echo $VERSION_ID")
}

/// That the machine's own state is as it was.
fn is_intact(vm: &Vm) -> vm::Result<()> {
    assert_eq!(vm.run("etcdctl get cargo --print-value-only; cat /etc/motto")?, "seven crates\nmine");
    Ok(())
}

/// The last event of a kind.
fn last<T>(vm: &Vm, of: impl Fn(Event) -> Option<T>) -> Option<T> {
    vm.events().into_iter().rev().find_map(|Timed { what, .. }| of(what))
}
