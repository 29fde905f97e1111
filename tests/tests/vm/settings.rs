//! Drop-ins of an operator: files and folders, users, kernel settings, and what of the image's own is
//! switched off.

use tests::bed;
use vm::Vm;

const SETUP: &str = "systemctl is-active systemd-tmpfiles-setup || true";

#[test]
fn drop_ins_hold_after_a_restart() -> vm::Result<()> {
    let vm = Vm::direct(bed()).ssh().boot()?;
    vm.wait_until_ready()?;
    let shell = vm.ssh().sudo();
    // The image's own files leave nothing to do that PID 1 has not done: no process was started.
    assert_eq!(shell.run(SETUP)?, "inactive");
    assert_eq!(shell.run("stat -c '%a %U' /run/lock/")?, "755 root");
    assert_eq!(
        shell.run("systemd-tmpfiles --create --remove --boot --dry-run; systemd-sysusers --dry-run")?,
        ""
    );

    shell.run(
        "mkdir -p /etc/tmpfiles.d /etc/sysusers.d /etc/sysctl.d\n\
         printf 'd /run/mine 0750\\nd /var/lib/mine 0750 worker worker\\nf /var/lib/mine/motd - worker - - hello\\n' \
         > /etc/tmpfiles.d/mine.conf\n\
         ln -s /dev/null /etc/tmpfiles.d/berth.conf\n\
         echo 'u worker - \"A worker\" /var/lib/mine' > /etc/sysusers.d/mine.conf\n\
         echo 'kernel.panic = 42' > /etc/sysctl.d/99-mine.conf\n\
         echo 'kernel.panic = 43' > /etc/sysctl.d/50-berth.conf\n\
         sync",
    )?;
    vm.reboot()?;
    let shell = vm.ssh().sudo();
    assert_eq!(shell.run(SETUP)?, "active", "users and what is theirs were to be made");
    assert_eq!(shell.run("stat -c '%a %U' /run/mine")?, "750 root");
    assert_eq!(shell.run("stat -c '%a %U:%G' /var/lib/mine")?, "750 worker:worker");
    assert_eq!(shell.run("cat /var/lib/mine/motd")?, "hello");
    assert_eq!(shell.run("id -u worker")?, "999");
    assert!(shell.run("stat -c %a /etc/passwd /etc/shadow")?.ends_with("600"));
    assert_eq!(shell.run("cat /proc/sys/kernel/panic")?, "42");
    assert_eq!(shell.run("cat /proc/sys/vm/overcommit_memory")?, "0", "a file took the place of the image's");
    assert_eq!(shell.run("test -e /run/lock || echo none")?, "none", "the image's file is switched off");

    shell.run("echo 1 > /proc/sys/kernel/panic; systemctl restart systemd-sysctl")?;
    assert_eq!(shell.run("cat /proc/sys/kernel/panic")?, "42");

    // A module that is none yet, and a setting of another.
    shell.run("mkdir -p /etc/modules-load.d; echo dummy > /etc/modules-load.d/mine.conf; sync")?;
    vm.reboot()?;
    let shell = vm.ssh().sudo();
    shell.run("grep ^dummy /proc/modules && systemctl is-active systemd-modules-load systemd-sysctl")?;
    assert_eq!(shell.run(SETUP)?, "inactive", "all is there already");
    assert_eq!(shell.run("stat -c '%a %U' /run/mine; id -u worker")?, "750 root\n999");
    Ok(())
}

#[test]
fn other_units_order_themselves_by_the_names_of_systemd() -> vm::Result<()> {
    let vm = Vm::direct(bed()).ssh().boot()?;
    vm.wait_until_ready()?;
    let shell = vm.ssh().sudo();
    let names = "systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service systemd-sysusers.service \
                 systemd-sysctl.service systemd-modules-load.service";
    let text =
        format!("[Unit]\nRequires={names}\nAfter={names}\n[Service]\nType=oneshot\nExecStart=/usr/bin/true");
    shell.run(
        &crate::services::unit("late.service", &text).replace("cat >", "mkdir -p /run/berth/units; cat >"),
    )?;
    shell.run("systemctl daemon-reload; systemctl start late")?;
    for name in names.split_whitespace() {
        assert_eq!(shell.run(&format!("systemctl is-active {name}"))?, "active", "{name}");
    }
    assert_eq!(
        shell.run(
            "systemctl start systemd-tmpfiles-clean; systemctl is-failed systemd-tmpfiles-clean || true"
        )?,
        "inactive"
    );
    Ok(())
}
