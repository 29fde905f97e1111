//! What crashed, and why: an operator finds it afterwards.

use tests::bed;
use vm::{BOOT_LIMIT, Vm};

use crate::services::{ready, unit};

/// A service that has a text in its memory, and crashes.
const CRASHER: &str = "[Service]\nEnvironment=TOKEN=not-in-any-record\nExecStart=/usr/bin/sh -c \
    'note=findme-in-the-core; sleep 1; kill -SEGV $$$$'";

#[test]
fn a_service_that_crashes_leaves_a_core_that_comes_back_whole() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).boot()?)?;
    let shell = vm.shell();
    shell.run(&unit("crasher.service", CRASHER))?;
    shell.run("systemctl daemon-reload; systemctl start crasher; sleep 4")?;
    assert_eq!(shell.run("systemctl show -p Result --value crasher")?, "core-dump");

    let list = shell.run("coredumpctl list --no-legend")?;
    assert!(list.contains("SIGSEGV present /usr/bin/busybox"), "{list}");
    let info = shell.run("coredumpctl info crasher.service")?;
    for part in
        ["Unit: crasher.service", "Signal: 11 (SEGV)", "/usr/bin/busybox", "Descriptors: 0 -> /dev/null"]
    {
        assert!(info.contains(part), "{part} is not in {info}");
    }
    // The core is that of the process, and whole: what the kernel sent is what the checksum was made of.
    shell.run("coredumpctl dump crasher.service -o /var/core && grep -q findme-in-the-core /var/core")?;
    assert_eq!(shell.run("head -c 4 /var/core | tail -c 3")?, "ELF");
    let size = shell.run("wc -c < /var/core")?;
    assert!(shell.run("cat /var/lib/systemd/coredump/*.json")?.contains(&format!("\"size\":{size},")));
    assert_eq!(shell.run("coredumpctl dump sh > /var/core2 && cmp /var/core /var/core2; echo $?")?, "0");
    // No secret of its environment is in what is known of it.
    shell.run("! grep -r not-in-any-record /var/lib/systemd/coredump/*.json /var/log/journal")?;
    // The log names unit, program and signal.
    let log = shell.run("journalctl -b -p crit")?;
    assert!(log.contains("crasher.service: /usr/bin/busybox (process ") && log.contains("SIGSEGV"), "{log}");
    // Nobody but root reads cores.
    assert_eq!(shell.run("stat -c '%a %U' /var/lib/systemd/coredump/*.zst")?, "640 root");
    let refused = shell.attempt("coredumpctl debug")?;
    assert!(!refused.success() && refused.text.contains("debug is not built"), "{}", refused.text);
    Ok(())
}

#[test]
fn what_crashes_in_a_loop_or_wants_no_core_leaves_the_machine_as_it_is() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).boot()?)?;
    let shell = vm.shell();
    shell.run("sh -c 'ulimit -c 0; kill -SEGV $$' || true")?;
    assert!(shell.run("coredumpctl info -1")?.contains("Storage: none: its limit is 0"));
    // Some hundred crashes: what is kept is bounded, and the machine answers all the while.
    shell.run("i=0; while [ $i -lt 150 ]; do sh -c 'kill -ABRT $$' || true; i=$((i+1)); done 2>/dev/null")?;
    let count: u32 = shell.run("coredumpctl list --no-legend | wc -l")?.parse().unwrap();
    assert!(count <= 25, "{count} are kept");
    assert!(shell.run("journalctl -b")?.contains("the next ones are not kept"));
    shell.run("etcdctl endpoint health && ctr version")?;
    assert_eq!(shell.run("systemctl is-system-running")?, "running");
    // The log daemon's own crash holds nothing up, and is told.
    shell.run("sleep 61; kill -ABRT $(pidof logd); sleep 3")?;
    assert_eq!(shell.run("systemctl is-active berth-logd")?, "active");
    assert!(shell.run("coredumpctl list --no-legend berth-logd.service")?.contains("SIGABRT present"));
    assert!(shell.run("journalctl -b")?.contains("berth-logd.service: /usr/lib/berth/logd (process "));
    Ok(())
}

#[test]
fn the_boot_after_a_panic_tells_of_it() -> vm::Result<()> {
    // Firmware that keeps what it is given: the ACPI error record table, in memory of its own.
    let setup = Vm::direct(bed())
        .qemu_argument("-object")
        .qemu_argument("memory-backend-ram,id=erst,size=64K")
        .qemu_argument("-device")
        .qemu_argument("acpi-erst,memdev=erst");
    let vm = ready(setup.boot()?)?;
    vm.shell().run("test -z \"$(ls /sys/fs/pstore)\"")?;
    assert_eq!(vm.shell().run("systemctl is-active berth-pstore || true")?, "inactive");
    vm.shell().run("sync; (sleep 1; echo c > /proc/sysrq-trigger) >/dev/null 2>&1 &")?;
    vm.wait_for_console("Kernel Offset", BOOT_LIMIT)?;
    vm.wait_until_ready()?;
    vm.wait_for_console("the last boot: panic: sysrq triggered crash", BOOT_LIMIT)?;
    let shell = vm.shell();
    let status = shell.run("berthctl status")?;
    assert!(status.contains("0.1.0 panic: sysrq triggered crash"), "{status}");
    let log = shell.run("journalctl -b -p crit -t last-boot")?;
    assert!(
        log.contains("ended in a panic: sysrq triggered crash") && log.contains("Kernel panic - not syncing"),
        "{log}"
    );
    assert!(shell.run("cat /var/lib/systemd/pstore/*/panic-0.txt")?.contains("sysrq triggered crash"));
    // There is room for the next.
    shell.run("test -z \"$(ls /sys/fs/pstore)\"")?;
    assert_eq!(shell.run("systemctl is-active systemd-pstore")?, "active");
    Ok(())
}

#[test]
fn a_report_tells_what_is_wrong_and_no_secret() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).kernel_argument("my.token=planted-cmdline").boot()?)?;
    let shell = vm.shell();
    shell.run(&unit(
        "leaky.service",
        "[Unit]\nDescription=Leaks\n[Service]\nEnvironment=API_TOKEN=planted-environment\n\
         ExecStart=/usr/bin/sh -c 'echo password=planted-log; echo Authorization: Basic planted-header; \
         echo https://me:planted-url@host/; : planted-argument; exit 3'",
    ))?;
    shell.run(
        "systemctl daemon-reload; systemctl start leaky; \
         mkdir -p /etc/ssh /etc/app; ssh-keygen -q -t ed25519 -N '' -f /etc/app/key; echo planted-file > /etc/app/secret; \
         cat /etc/app/key | logger; echo 'root:$6$planted$hash' >> /etc/shadow; \
         sh -c 'sleep 300; : planted-process' & sleep 2; berthctl report -o /var/report.tar.zst",
    )?;
    let words = "planted-cmdline planted-environment planted-log planted-header planted-url planted-file planted-process";
    // The image has no zstd: the report is looked into in a form that is not packed.
    shell.run("berthctl report -o /var/report.tar; cd /var; tar -xf report.tar")?;
    for word in words.split(' ') {
        shell.run(&format!("! grep -rq {word} /var/berth-report-*"))?;
    }
    shell.run("! grep -rq \"$(sed -n 2p /etc/app/key)\" /var/berth-report-*")?;
    shell.run("! grep -rqF '$6$planted' /var/berth-report-*")?;
    let index = shell.run("cat /var/berth-report-*/index.txt")?;
    println!("{index}");
    assert!(!index.replace("log-last-boot.txt", "").contains("unavailable: it took"), "{index}");
    for (file, text) in [
        ("status.txt", "leaky.service (exit-code)"),
        ("failed.txt", "leaky.service: failed"),
        ("log-this-boot.txt", "password=[masked]"),
        ("etc.txt", "/etc/app/secret"),
        ("processes.txt", "etcd"),
        ("versions.txt", "my.token=[masked]"),
    ] {
        shell.run(&format!("grep -qF '{text}' /var/berth-report-*/{file}"))?;
    }
    Ok(())
}
