//! What is wrong with a config is said so that a person can mend it, and nothing half made goes on.

use event::{Event, Stage};
use tests::bed;
use vm::{BOOT_LIMIT, Disk, Milestone, Vm};

use super::ignition;

/// SHA-512 of nothing.
const OF_NOTHING: &str = "sha512-cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
    47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";
/// SHA-512 of "cargo", as sha512sum says it.
const OF_CARGO: &str = "65410c728fc5d3d7227142110896a7ff76fd69ff5d575c2196659759284e9223\
    c696b7d5fb437959f53743cdce4972f404ad206603ed8c5b974809f39aa7b073";

fn config(hash: &str) -> String {
    ignition(&format!(
        r#"
variant: fcos
version: 1.5.0
storage:
  files:
    - {{path: /etc/early, contents: {{inline: "early"}}}}
    - {{path: /etc/hosts, append: [{{inline: "192.0.2.7 crane\n"}}]}}
    - path: /opt/late/cargo
      contents: {{inline: "cargo", verification: {{hash: {hash}}}}}
"#
    ))
}

#[test]
fn a_wrong_hash_is_explained_looked_at_and_mended() -> vm::Result<()> {
    let disk = Disk::overlay(bed(), None)?;
    let setup = || Vm::direct(bed()).disk(&disk);
    let mut vm = setup()
        .ignition(config(OF_NOTHING))
        .kernel_argument(format!("{}=2", layout::args::EMERGENCY_TIMEOUT))
        .stop_at_reboot()
        .boot()?;
    let emergency = vm.wait_for(Milestone::Emergency, BOOT_LIMIT)?;
    let Event::Emergency { stage, cause, next_step, reboot_in_s, .. } = emergency.what else {
        panic!("{emergency:?}");
    };
    assert_eq!((stage, reboot_in_s), (Stage::Provisioning, 2));
    for part in ["$.storage.files.2.contents", &OF_NOTHING[7..], OF_CARGO] {
        assert!(cause.contains(part), "{part} is not in {cause:?}");
    }
    assert!(next_step.contains("hash"), "{next_step}");
    vm.wait_for_end(BOOT_LIMIT)?;
    let console = vm.console();
    assert!(console.contains(&cause) && console.contains(&next_step), "{console}");

    // A look at it, without the config.
    let mut vm = setup().kernel_argument(format!("{}=0", layout::args::FIRST_BOOT)).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    assert!(shell.run(&format!("cat {}", layout::path::PROVISIONING))?.contains(OF_CARGO));
    shell.run(&format!("! test -e {}", layout::path::PROVISIONED))?;
    shell.run("! test -e /opt/late/cargo")?;
    vm.power_off()?;

    // The mended config is followed as on a disk that nothing was written to.
    let vm = setup().ignition(config(&format!("sha512-{OF_CARGO}"))).boot()?;
    vm.wait_until_ready()?;
    let console = vm.console();
    assert!(console.contains("the last try") && console.contains(OF_CARGO), "{console}");
    let shell = vm.shell();
    assert_eq!(shell.run("cat /etc/early /opt/late/cargo")?, "earlycargo");
    assert_eq!(shell.run("grep -c crane /etc/hosts")?, "1", "once, though it was tried twice");
    shell.run(&format!(
        "test -e {} && ! test -e {}",
        layout::path::PROVISIONED,
        layout::path::PROVISIONING
    ))?;
    Ok(())
}

#[test]
fn what_is_no_config_is_refused_at_its_place() -> vm::Result<()> {
    for (config, place) in [
        (
            r#"{"ignition": {"version": "3.5.0"}, "storage": {"files": [{"path": "not/absolute"}]}}"#,
            "$.storage.files.0.path",
        ),
        (r#"{"ignition": {"version": "9.0.0"}}"#, "9.0.0"),
    ] {
        let vm = Vm::direct(bed()).ignition(config).boot()?;
        let emergency = vm.wait_for(Milestone::Emergency, BOOT_LIMIT)?;
        let Event::Emergency { stage: Stage::Provisioning, cause, .. } = &emergency.what else {
            panic!("{emergency:?}");
        };
        assert!(cause.contains(place), "{place} is not in {cause:?}");
    }
    Ok(())
}
