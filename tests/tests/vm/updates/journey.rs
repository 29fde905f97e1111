//! An update from end to end, as an operator sees it.

use std::path::Path;
use std::time::{Duration, Instant};

use event::ShutdownKind;
use tests::bed;
use tests::origin::Origin;
use tests::version::Version;
use vm::{Disk, Milestone, Setup, Vm};

use super::{is_intact, lived_in, machine, next, shipped, soak, version_of};
use crate::containers::{Host, with_archive};

/// For an update that hangs.
const LIMIT: Duration = Duration::from_secs(900);

/// A repository with the version under test in it, which a test that updates from it has for itself.
pub fn origin(name: &str) -> Origin {
    let mut origin = Origin::new(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)).unwrap();
    origin.release(bed().images().dir()).unwrap();
    origin
}

/// Has a machine that is on trust an origin and take updates from it when it is told to.
pub fn subscribe(vm: &Vm, origin: &Origin) -> vm::Result<()> {
    let root = origin.root().unwrap();
    vm.run(&format!(
        "mkdir -p /etc/berth/update /etc/berth/update.conf.d && cat > /etc/berth/update/root.json <<'END'\n{root}\nEND\n\
         rm -f {} && printf '[Update]\\nUrl={}\\nEnabled=no\\n' > /etc/berth/update.conf.d/60-origin.conf; sync",
        layout::path::UPDATE_STATE,
        origin.url()
    ))
    .map(drop)
}

/// A machine with a way out, which an origin is reached by.
pub fn connected(disk: &Disk) -> Setup<'static> {
    machine(disk).forward(layout::port::SSH)
}

/// Has the machine install what there is; what it says.
pub fn apply(vm: &Vm, version: &str) -> vm::Result<String> {
    vm.shell().limit(LIMIT).run(&format!("berthctl update apply {version} 2>&1"))
}

/// Restarts into what was installed, and waits until it is proven.
pub fn restart_into(vm: &Vm, version: &str) -> vm::Result<[Duration; 2]> {
    let began = Instant::now();
    vm.run("(sleep 1; reboot) >/dev/null 2>&1 &")?;
    vm.wait_for(Milestone::Shutdown(ShutdownKind::Reboot), LIMIT)?;
    vm.wait_until_ready()?;
    let ready = began.elapsed();
    vm.wait_for(Milestone::Blessed, LIMIT)?;
    assert_eq!(version_of(vm)?, version);
    Ok([ready, began.elapsed()])
}

#[test]
fn a_machine_takes_a_new_version_proves_it_and_can_go_back() -> vm::Result<()> {
    let mut origin = origin("journey");
    let vm = connected(&lived_in()?).boot()?;
    vm.wait_until_ready()?;
    subscribe(&vm, &origin)?;

    let none = vm.attempt("berthctl update check")?;
    assert_eq!(none.status, 3, "there is nothing newer yet: {}", none.text);
    origin.release(Version::next().directory()).unwrap();
    origin.files().take_sent();
    let began = Instant::now();
    let found = vm.attempt("berthctl update check")?;
    assert!(found.success() && found.text.contains(&next()), "{}", found.text);
    let checked = began.elapsed();
    let said = apply(&vm, "")?;
    let applied = began.elapsed();
    let (bytes, requests) = origin.files().take_sent();
    let most = vm.attempt("cat /sys/fs/cgroup/system.slice/updater.service/memory.peak")?.text;
    println!("berthctl update apply says: {}", said.lines().last().unwrap_or_default());
    assert_eq!(version_of(&vm)?, shipped(), "what runs is not touched");
    let [ready, blessed] = restart_into(&vm, &next())?;
    is_intact(&vm)?;
    println!(
        "check {checked:?}, check and apply {applied:?}, restart to ready {ready:?}, to proven {blessed:?}; \
         {bytes} bytes in {requests} requests; memory's peak: {}",
        most.trim()
    );

    let status = vm.run("berthctl update status")?;
    assert!(status.contains(&next()), "{status}");
    let history = vm.run("berthctl update history")?;
    assert!(history.contains(&next()), "{history}");

    // Back, and it stays back.
    vm.run("berthctl update rollback")?;
    vm.reboot()?;
    assert_eq!(version_of(&vm)?, shipped());
    is_intact(&vm)?;
    // Pinned to what runs, it takes nothing.
    vm.run("berthctl update pin")?;
    let pinned = vm.attempt("berthctl update check")?;
    assert_eq!(pinned.status, 3, "{}", pinned.text);
    vm.run("berthctl update unpin")?;
    Ok(())
}

#[test]
fn updates_in_a_row_keep_data_and_containers() -> vm::Result<()> {
    let rounds = if soak() { 30 } else { 2 };
    let mut origin = origin("row");
    let builds = Path::new(env!("CARGO_TARGET_TMPDIR")).join("row-builds");
    let vm = with_archive(connected(&lived_in()?)).boot()?;
    vm.wait_until_ready()?;
    subscribe(&vm, &origin)?;
    Host::of(&vm)?;
    for round in 1..=rounds {
        // As long as the version under test is, and later.
        let version = format!("{}.{}.0", 1 + round / 10, round % 10);
        let build = builds.join(&version);
        Version::open(bed().images().dir()).unwrap().renumbered(&version, &build).unwrap();
        origin.release(&build).unwrap();
        vm.run(&format!("etcdctl put round {round}"))?;
        apply(&vm, "")?;
        restart_into(&vm, &version)?;
        assert_eq!(vm.run("etcdctl get round --print-value-only")?, round.to_string());
        is_intact(&vm)?;
        let host = Host::of(&vm)?;
        assert_eq!(host.run(&format!("round{round}"), "", "/bin/echo works")?, "works");
        std::fs::remove_dir_all(&build).unwrap();
    }
    println!("{rounds} updates in a row");
    Ok(())
}
