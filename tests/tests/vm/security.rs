//! What our own services may do: what their units promise is what the kernel says of their processes, and
//! they do their work.

use tests::bed;
use vm::Vm;

/// A service that runs, the capabilities that it may have (capabilities(7), a bit each), and how exposed it
/// may leave the system, in tenths.
const RUNNING: [(&str, u64, u32); 4] = [
    // To read the kernel's log, and of processes of others what they run.
    ("berth-logd", 1 << 34 | 1 << 19, 40),
    // To configure links, speak DHCP, and take its port.
    ("berth-netd", 1 << 12 | 1 << 13 | 1 << 10, 40),
    // To load modules, give nodes to groups, ask disks who they are, and name interfaces.
    ("berth-devd", 1 << 16 | 1 | 1 << 3 | 1 << 17 | 1 << 12, 40),
    ("etcd", 0, 25),
];
/// Services that do their work and end.
const ENDING: [(&str, u32); 6] = [
    ("berth-hostname", 15),
    ("berth-netd-wait-online", 10),
    ("ntpd-rs-servers", 10),
    ("sshd-keygen", 10),
    ("systemd-tmpfiles-clean", 30),
    ("systemd-tmpfiles-setup", 75),
];

#[test]
fn our_services_can_do_what_they_need_and_no_more() -> vm::Result<()> {
    let vm = Vm::direct(bed()).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    for (unit, capabilities, exposure) in RUNNING {
        let pid = shell.run(&format!("systemctl show -p MainPID --value {unit}"))?;
        let status =
            shell.run(&format!("grep -E '^(NoNewPrivs|Seccomp|CapBnd|CapAmb):' /proc/{pid}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_default().trim().to_owned()
        };
        assert_eq!(field("NoNewPrivs"), "1", "{unit}");
        assert_eq!(field("Seccomp"), "2", "{unit}");
        assert_eq!(field("CapBnd"), format!("{capabilities:016x}"), "{unit}");
        assert_eq!(field("CapAmb"), format!("{:016x}", 0), "{unit}");
        // Its view of the files is its own, and the system's are not for it to change.
        shell.run(&format!("test $(readlink /proc/{pid}/ns/mnt) != $(readlink /proc/1/ns/mnt)"))?;
        shell.run(&format!("grep -q ' /etc ro' /proc/{pid}/mountinfo"))?;
        shell.run(&format!("systemd-analyze security --threshold={exposure} {unit} > /dev/null"))?;
    }
    for (unit, exposure) in ENDING {
        shell.run(&format!("systemd-analyze security --threshold={exposure} {unit} > /dev/null"))?;
        shell.run(&format!("systemctl start {unit}"))?;
    }
    // They work: a key is made, what is logged is kept, the network is there.
    shell.run("ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key")?;
    let until = |what: &str| format!("for i in $(seq 60); do {what} && break; sleep 0.5; done; {what}");
    shell.run("logger -t confined hello; echo kernel-hello > /dev/kmsg")?;
    shell.run(&until("journalctl -t confined -n 1 | grep -q hello"))?;
    shell.run(&until("journalctl -k -n 50 | grep -q kernel-hello"))?;
    shell.run(&until("ip -4 route | grep -q '^default'"))?;
    shell.run("etcdctl put confined yes")?;
    let overview = shell.run("systemd-analyze security")?;
    for (unit, ..) in RUNNING {
        assert!(overview.contains(&format!("{unit}.service")), "{overview}");
    }
    Ok(())
}
