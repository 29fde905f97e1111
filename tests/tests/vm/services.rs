//! Services as operators write them, on the real machine: their bounds, their confinement, and what
//! PID 1 takes for many of them.

use std::time::Duration;

use event::{Event, ShutdownKind};
use layout::path::RUN_UNITS;
use tests::bed;
use vm::{Milestone, Vm};

/// What PID 1 may take, in KiB, with so many services that run.
const PID_1_KIB: [(usize, u64); 2] = [(100, 3 << 10), (1000, 8 << 10)];

/// Writes a unit file, in a guest's shell.
pub fn unit(name: &str, text: &str) -> String {
    format!("cat > {RUN_UNITS}/{name} <<'UNIT'\n{text}\nUNIT\n")
}

/// A machine that is ready, with a folder for units that are gone with it.
pub fn ready(vm: Vm) -> vm::Result<Vm> {
    vm.wait_until_ready()?;
    vm.run(&format!("mkdir -p {RUN_UNITS}"))?;
    Ok(vm)
}

#[test]
fn pid_1_stays_small_with_many_units() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).boot()?)?;
    let shell = vm.shell().limit(Duration::from_secs(120));
    for (count, most) in PID_1_KIB {
        let write = format!(
            "cd {RUN_UNITS}; for i in $(seq {count}); do printf '[Unit]\\nDescription=Number %s\\n[Service]\\n\
             Type=oneshot\\nRemainAfterExit=yes\\nExecStart=/usr/bin/true\\n' $i > many$i.service; done; \
             printf '[Unit]\\nWants=%s\\n' \"$(echo many*.service)\" > many.target; systemctl daemon-reload"
        );
        shell.run(&write)?;
        shell.run("systemctl start many.target")?;
        // What the work took is given back once nothing of it is left to be done.
        shell.run("sleep 3")?;
        let kib = vm.pid1_rss_kib()?;
        println!("{count} oneshots: PID 1 has {kib} KiB");
        assert!(kib <= most, "{kib} KiB with {count} units, of the {most} that it may be");
    }
    Ok(())
}

#[test]
fn a_fork_bomb_in_a_service_leaves_the_rest_alive() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    let shell = vm.ssh().sudo();
    let bomb =
        "[Service]\nTasksMax=50\nExecStart=/usr/bin/sh -c 'bomb() { bomb | bomb & }; bomb; exec sleep 1000'";
    shell.run(&unit("bomb.service", bomb))?;
    // What takes nearly all there is of the processors.
    let hog = "[Service]\nCPUWeight=10000\nExecStart=/usr/bin/sh -c 'for i in 1 2 3 4 5 6; do while :; do :; done & done; wait'";
    shell.run(&unit("hog.service", hog))?;
    shell.run("systemctl daemon-reload; systemctl start bomb; sleep 3")?;
    let tasks: u64 = shell.run("systemctl show -p TasksCurrent --value bomb")?.parse().unwrap();
    assert!(tasks <= 50, "{tasks} tasks");
    shell.run("etcdctl put alive yes && ctr version")?;
    for beside in ["", "systemctl start hog; "] {
        shell.run(&format!("{beside}systemctl start bomb; sleep 1; systemctl stop bomb"))?;
        assert_eq!(shell.run("systemctl is-active bomb || true")?, "inactive", "{beside}");
        shell.run("! grep -q . /sys/fs/cgroup/system.slice/bomb.service/cgroup.procs 2>/dev/null")?;
    }
    Ok(())
}

#[test]
fn a_service_that_takes_too_much_memory_is_ended_and_named() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    let shell = vm.ssh().sudo();
    let text = "[Service]\nMemoryMax=20M\nMemorySwapMax=0\nExecStart=/usr/bin/sh -c 'dd if=/dev/zero of=/dev/null bs=100M count=1'";
    shell.run(&unit("greedy.service", text))?;
    shell.run("systemctl daemon-reload; systemctl start greedy; sleep 3")?;
    assert_eq!(shell.run("systemctl show -p Result --value greedy")?, "oom-kill");
    assert!(shell.run("journalctl -b --no-pager | grep greedy.service")?.contains("want of memory"));
    let failed = vm.events().into_iter().any(|event| {
        matches!(&event.what, Event::UnitFailed { unit, reason, .. } if unit == "greedy.service" && reason.contains("oom-kill"))
    });
    assert!(failed, "the host is told");
    Ok(())
}

#[test]
fn a_service_may_use_the_devices_that_its_unit_names_and_no_others() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    let shell = vm.ssh().sudo();
    let script = "for d in /dev/null /dev/kmsg /dev/vda; do (exec 3< $d) 2>/dev/null && echo $d; done > /run/seen; true";
    let text = format!(
        "[Service]\nType=oneshot\nDevicePolicy=closed\nDeviceAllow=/dev/kmsg r\nExecStart=/usr/bin/sh -c '{}'",
        script.replace('$', "$$")
    );
    shell.run(&unit("picky.service", &text))?;
    shell.run("systemctl daemon-reload; systemctl start picky")?;
    assert_eq!(shell.run("cat /run/seen")?, "/dev/null\n/dev/kmsg");
    Ok(())
}

#[test]
fn a_slice_bounds_all_that_is_in_it() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    let shell = vm.ssh().sudo();
    shell.run(&unit("crowd.slice", "[Slice]\nTasksMax=10\nMemoryMax=64M"))?;
    let text = "[Service]\nSlice=crowd.slice\nExecStart=/usr/bin/sh -c 'for i in $$(seq 20); do sleep 1000 & done; wait'";
    shell.run(&unit("crowd.service", text))?;
    shell.run("systemctl daemon-reload; systemctl start crowd; sleep 2")?;
    let read = |file: &str| shell.run(&format!("cat /sys/fs/cgroup/crowd.slice/{file}"));
    assert_eq!((read("pids.max")?.as_str(), read("memory.max")?.as_str()), ("10", "67108864"));
    assert!(read("pids.current")?.parse::<u64>().unwrap() <= 10);
    Ok(())
}

#[test]
fn mounts_swap_sockets_and_paths_are_units_too() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    let shell = vm.ssh().sudo();
    shell.run(&unit("srv-data.mount", "[Mount]\nWhat=tmpfs\nWhere=/var/srv-data\nType=tmpfs"))?;
    // The name must be the path's.
    let refused = shell.attempt("systemctl daemon-reload; systemctl start srv-data.mount")?;
    assert!(!refused.success());
    shell
        .run(&unit("var-data.mount", "[Mount]\nWhat=tmpfs\nWhere=/var/data\nType=tmpfs\nOptions=size=1M"))?;
    shell.run("systemctl daemon-reload; systemctl start var-data.mount; mountpoint /var/data")?;
    shell.run("systemctl stop var-data.mount; ! mountpoint /var/data")?;

    shell.run(
        "dd if=/dev/zero of=/var/swap bs=1M count=16 2>/dev/null; chmod 600 /var/swap; mkswap /var/swap",
    )?;
    shell.run(&unit("var-swap.swap", "[Swap]\nWhat=/var/swap"))?;
    shell.run("systemctl daemon-reload; systemctl start var-swap.swap; grep /var/swap /proc/swaps")?;
    shell.run("systemctl stop var-swap.swap; ! grep /var/swap /proc/swaps")?;

    shell.run(&unit("echo.socket", "[Socket]\nListenStream=127.0.0.1:7777\nAccept=yes"))?;
    shell.run(&unit(
        "echo@.service",
        "[Service]\nExecStart=/usr/bin/cat\nStandardInput=socket\nStandardOutput=socket",
    ))?;
    shell.run("systemctl daemon-reload; systemctl start echo.socket")?;
    assert_eq!(shell.run("echo hello | nc -w 3 127.0.0.1 7777")?, "hello");
    assert!(shell.run("systemctl list-sockets --no-pager")?.contains("127.0.0.1:7777"));

    shell.run(&unit("seen.path", "[Path]\nPathExists=/run/flag"))?;
    shell.run(&unit(
        "seen.service",
        "[Service]\nType=oneshot\nExecStart=/usr/bin/sh -c 'rm /run/flag; touch /run/seen'",
    ))?;
    shell.run(
        "systemctl daemon-reload; systemctl start seen.path; touch /run/flag; sleep 2; test -e /run/seen",
    )?;
    Ok(())
}

#[test]
fn fifty_services_are_stopped_in_3_s() -> vm::Result<()> {
    let mut vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    vm.ssh().sudo().run(&format!(
        "cd {RUN_UNITS}; for i in $(seq 50); do printf '[Service]\\nExecStart=/usr/bin/sleep 1000\\n' > \
         s$i.service; done; systemctl daemon-reload; systemctl start $(echo s*.service); \
         test $(pidof sleep | wc -w) -ge 50"
    ))?;
    vm.power_off()?;
    let took = vm.events().into_iter().find_map(|event| match event.what {
        Event::ShutdownComplete { elapsed_us, clean, .. } => Some((Duration::from_micros(elapsed_us), clean)),
        _ => None,
    });
    println!("shutdown with 50 services: {took:?}");
    let (took, clean) = took.expect("the shutdown is told");
    assert!(clean && took <= Duration::from_secs(3), "{took:?}, clean: {clean}");
    Ok(())
}

#[test]
fn what_an_operator_looks_at_is_there() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    let shell = vm.ssh().sudo();
    assert_eq!(shell.run("systemctl is-system-running")?, "running");
    let status = shell.run("systemctl status etcd --no-pager")?;
    for part in ["etcd.service", "active (running)", "Main PID:", "Memory:", "CGroup:", "/usr/bin/etcd"] {
        assert!(status.contains(part), "{part} is not in {status}");
    }
    assert_eq!(shell.run("systemctl is-enabled etcd")?, "enabled");
    let blame = shell.run("systemd-analyze blame")?;
    assert!(blame.contains("etcd.service") && blame.contains("containerd.service"), "{blame}");
    assert!(shell.run("systemd-analyze plot")?.contains("<svg"));
    assert!(shell.run("systemd-analyze critical-chain")?.contains("multi-user.target"));
    assert!(shell.run("systemd-analyze verify /usr/lib/systemd/system/*.service")?.is_empty());
    assert_eq!(
        shell.run("systemd-run --wait --unit=once sh -c 'exit 0'; echo $?")?.lines().last(),
        Some("0")
    );
    assert_eq!(shell.run("systemd-detect-virt --vm")?, "qemu");
    assert_eq!(shell.run("systemd-escape --path /dev/disk/by-label/a-b")?, r"dev-disk-by\x2dlabel-a\x2db");
    // Enabled now, started at the next boot.
    shell.run(
        "mkdir -p /etc/systemd/system; printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/usr/bin/true\\n\
         [Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/mine.service; systemctl enable mine; sync",
    )?;
    vm.reboot()?;
    assert_eq!(vm.ssh().sudo().run("systemctl is-active mine")?, "active");
    vm.ssh().sudo().run(
        "systemctl mask --now ntpd-rs; ! systemctl start ntpd-rs; test \"$(systemctl is-enabled ntpd-rs)\" = masked",
    )?;
    Ok(())
}

#[test]
fn a_person_may_go_to_the_rescue_target_and_come_back() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).boot()?)?;
    let shell = vm.shell();
    shell.run("systemctl rescue")?;
    assert_eq!(shell.run("systemctl is-active rescue.target")?, "active");
    // The target is reached while what it ends is still stopping.
    shell.run("while systemctl is-active etcd containerd | grep -q deactivating; do sleep 0.2; done")?;
    assert_eq!(shell.run("systemctl is-active etcd containerd || true")?, "inactive\ninactive");
    shell.run("systemctl default")?;
    shell.run("etcdctl endpoint health && ctr version")?;
    assert_eq!(shell.run("systemctl is-system-running")?, "running");
    Ok(())
}

#[test]
fn rescue_lets_in_who_knows_the_password_of_root_and_nobody_where_there_is_none() -> vm::Result<()> {
    let limit = Duration::from_secs(60);
    let mut vm =
        Vm::direct(bed()).kernel_argument(format!("{}=3", layout::args::EMERGENCY_TIMEOUT)).boot()?;
    vm.wait_until_ready()?;
    // This machine has a shell by kernel argument, on a port of its own: rescue's is wanted too.
    vm.shell().run(
        "mkdir -p /etc/systemd/system/rescue.service.d; \
         printf '[Unit]\\nConditionKernelCommandLine=\\n' > /etc/systemd/system/rescue.service.d/always.conf; \
         systemctl daemon-reload; systemctl rescue",
    )?;
    vm.wait_for_console("Root has no password, so there is no shell here", limit)?;
    vm.wait_for(Milestone::Shutdown(ShutdownKind::Reboot), limit)?;
    vm.wait_until_ready()?;

    let hash = vm.shell().run("busybox mkpasswd -m sha512 'open sesame'")?;
    vm.shell().run(&format!("sed -i 's|^root:[^:]*:|root:{hash}:|' /etc/shadow; systemctl rescue"))?;
    vm.answer_console("password", "wrong", limit)?;
    vm.answer_console("password", "open sesame", limit)?;
    vm.answer_console("# ", "echo $((6 * 7)) services: $(systemctl is-active etcd.service)", limit)?;
    vm.wait_for_console("42 services: inactive", limit)?;
    vm.answer_console("# ", "exit", limit)?;
    // Leaving the shell is going on.
    vm.shell().run(
        "while ! systemctl -q is-active multi-user.target; do sleep 0.2; done; etcdctl endpoint health",
    )?;
    Ok(())
}
