//! The extensions of a machine come along with its base, and go back with it.

use layout::extension::STAGED;
use tests::version::Version;
use vm::Vm;

use super::journey::{apply, connected, origin, restart_into, subscribe};
use super::{lived_in, next, shipped, version_of};
use crate::extensions::{tool, trust};

const NAME: &str = "debug-tools";

/// That the extension of this version is merged from that image, and its program runs.
fn has(vm: &Vm, version: &str, image: &str) -> vm::Result<()> {
    let status = vm.run("berthctl extension status")?;
    assert!(status.contains(&format!("{NAME} {version}: active, {image}")), "{status}");
    assert_eq!(vm.run(NAME)?, format!("{NAME} {version}"));
    Ok(())
}

#[test]
fn extensions_come_along_with_the_base_and_go_back_with_it() -> vm::Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = [shipped(), next()].map(|version| tool(folder.path(), NAME, &version));
    let mut origin = origin("extensions");
    let vm = connected(&lived_in()?).medium(&old.file, NAME).boot()?;
    vm.wait_until_ready()?;
    subscribe(&vm, &origin)?;
    let by_hand = format!("/var/lib/extensions/{NAME}.raw");
    vm.run(&format!(
        "mkdir -p /var/lib/extensions && cat /dev/disk/by-id/virtio-{NAME} > {by_hand} && {} && sync",
        trust(NAME, &old, &shipped())
    ))?;
    vm.reboot()?;
    has(&vm, &shipped(), &by_hand)?;

    // A release without it is none for this machine.
    origin.release(Version::next().directory()).unwrap();
    let lacks = format!("not {}: it has no extension {NAME}", next());
    let none = vm.attempt("berthctl update check")?;
    assert!(none.status == 3 && none.text.contains(&lacks), "{}", none.text);
    assert!(!vm.attempt(&format!("berthctl update apply {}", next()))?.success());
    origin.release_with(Version::next().directory(), vec![new.released(NAME, &next())]).unwrap();

    // A disk that is full: it says so, and nothing has changed.
    let slots = vm.run("berthctl slots")?;
    vm.run(&format!("sleep 5; mount -t tmpfs -o size=64k none {STAGED}"))?;
    let full = vm.attempt("berthctl update apply")?;
    assert!(!full.success() && full.text.contains("there is no room for the"), "{}", full.text);
    assert_eq!(vm.run(&format!("ls -A {STAGED}; sleep 5; umount {STAGED}"))?, "");
    assert_eq!(vm.run("berthctl slots")?, slots);

    let said = apply(&vm, "")?;
    assert!(said.contains(&format!(", with {NAME}")), "{said}");
    let peak = vm.attempt("cat /sys/fs/cgroup/system.slice/updater.service/memory.peak")?.text;
    println!("{}; memory's peak: {}", said.lines().last().unwrap_or_default(), peak.trim());
    assert_eq!(version_of(&vm)?, shipped());
    has(&vm, &shipped(), &by_hand)?;
    let staged = format!("{STAGED}/{}/{NAME}.raw", next());
    vm.run(&format!("test -e {staged}"))?;
    restart_into(&vm, &next())?;
    has(&vm, &next(), &staged)?;

    vm.run("berthctl update rollback")?;
    vm.reboot()?;
    assert_eq!(version_of(&vm)?, shipped());
    has(&vm, &shipped(), &by_hand)?;
    Ok(())
}
