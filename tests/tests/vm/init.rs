//! PID 1 does its duties.

use tests::bed;
use vm::Vm;

#[test]
fn pid_1_reaps_keeps_services_up_and_lives_through_what_it_is_sent() -> vm::Result<()> {
    let vm = Vm::direct(bed()).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();

    // Orphans become PID 1's, and are gone when they end.
    shell.run("for i in $(seq 1 50); do (sleep 1 & exec true) & done; wait")?;
    let zombies = "sleep 3; grep -l '^State:[[:space:]]*Z' /proc/[0-9]*/status 2>/dev/null | wc -l";
    assert_eq!(shell.run(zombies)?, "0", "zombies");

    // A service that dies comes back, and its machine is none the worse.
    let etcd = "pidof etcd";
    let old = shell.run(etcd)?;
    shell.run(&format!("kill -KILL {old}"))?;
    let back = "for i in $(seq 1 60); do etcdctl endpoint health >/dev/null 2>&1 && break; sleep 1; done";
    shell.run(back)?;
    let new = shell.run(etcd)?;
    assert_ne!(old, new);

    // Signals that would end a program do not end this one.
    // (USR1, USR2 and TERM are what busybox's halt, poweroff and reboot send.)
    for signal in ["HUP", "PIPE", "ALRM", "SEGV", "ABRT", "KILL", "STOP"] {
        shell.run(&format!("kill -{signal} 1"))?;
    }
    assert_eq!(shell.run("cat /proc/1/comm")?, "init");
    shell.run("systemctl status etcd.service")?;

    // One cgroup a service; PID 1 has its own.
    let place = |process: &str| shell.run(&format!("cat /proc/{process}/cgroup"));
    let (init, etcd, containerd) = (place("1")?, place("$(pidof etcd)")?, place("$(pidof containerd)")?);
    assert!(
        etcd.contains("etcd.service") && containerd.contains("containerd.service"),
        "{etcd} {containerd}"
    );
    assert!(init != etcd && init != containerd);

    // What a service says is kept.
    assert!(!shell.run("journalctl -u containerd.service")?.is_empty());
    Ok(())
}

#[test]
fn nothing_listens_but_what_must_and_of_it_only_sshd_to_the_world() -> vm::Result<()> {
    let vm = Vm::direct(bed()).boot()?;
    vm.wait_until_ready()?;
    let mut listeners: Vec<String> = vm
        .shell()
        .run("netstat -l -n -t -u | grep -v -e '^Active' -e '^Proto' | awk '{print $1, $4}'")?
        .lines()
        .map(str::to_owned)
        .collect();
    listeners.sort();
    let mut expected = vec![
        format!("tcp 127.0.0.1:{}", layout::port::ETCD_CLIENT),
        format!("tcp 127.0.0.1:{}", layout::port::ETCD_PEER),
        format!("tcp :::{}", layout::port::SSH),
    ];
    // containerd serves `exec` and `port-forward` streams of the CRI on a port of the kernel's choice.
    let streams: Vec<String> = listeners.iter().filter(|line| !expected.contains(line)).cloned().collect();
    assert!(streams.len() == 1 && streams[0].starts_with("tcp 127.0.0.1:"), "{listeners:?}");
    expected.extend(streams);
    expected.sort();
    assert_eq!(listeners, expected);
    Ok(())
}
