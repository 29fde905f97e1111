//! The machine at a glance: what is wrong is seen at once, by everybody, and also afterwards.

use std::time::Duration;

use tests::bed;
use vm::Vm;

use crate::services::{ready, unit};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn status_names_what_failed_and_how_the_last_boots_ended() -> vm::Result<()> {
    let mut vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    let shell = vm.ssh().sudo();
    let status = shell.run("berthctl status")?;
    println!("{status}");
    for part in [
        ", slot A, up ",
        "Failed  none",
        "etcd answers, containerd answers, log answers",
        "10.0.2.15/24",
        "ROOT ",
    ] {
        assert!(status.contains(part), "{part} is not in {status}");
    }
    assert!(status.lines().count() <= 24 && status.lines().all(|line| line.chars().count() <= 80));
    shell.run(&unit("broken.service", "[Service]\nExecStart=/usr/bin/false"))?;
    shell.run("systemctl daemon-reload; systemctl start broken; sleep 1")?;
    let status = shell.attempt("berthctl status")?;
    assert!(!status.success() && status.text.contains("broken.service (exit-code)"), "{}", status.text);
    // Who is not root sees it too; what may not be asked is not taken for bad.
    let status = shell.attempt("su -s /usr/bin/sh nobody -c 'berthctl status'")?.text;
    assert!(status.contains("degraded") && status.contains("containerd active"), "{status}");
    let json = shell.attempt("berthctl status --json")?.text;
    assert!(json.contains(r#""failed":[["broken.service","exit-code"]]"#), "{json}");

    vm.reboot()?;
    vm.ssh().sudo().run("berthctl status | grep -q '0.1.0 reboot'; sync; sleep 6")?;
    vm.pull_plug()?;
    let vm = Vm::direct(bed()).ssh().disk(&vm.disk()).boot()?;
    vm.wait_until_ready()?;
    let boots = vm.ssh().sudo().run("berthctl status | grep -A3 Boots")?;
    let endings: Vec<&str> = boots.lines().filter_map(|line| line.split(" 0.1.0 ").nth(1)).collect();
    assert_eq!(endings, ["running", "broke off: power cut, reset or panic", "reboot"], "{boots}");
    Ok(())
}

#[test]
fn the_console_tells_what_runs_and_where_it_is_reached() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    vm.wait_for_console(", slot A, on berth", LIMIT)?;
    vm.wait_for_console(": 10.0.2.15", LIMIT)?;
    let shell = vm.ssh().sudo();
    assert!(shell.run("cat /etc/motd")?.contains(": 10.0.2.15"));
    // An address that comes later is shown when it comes.
    shell.run("ip address add 192.0.2.7/24 dev $(ip route | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p' | head -1); sed -i 's/}$/ }/' /run/berth/netd.json")?;
    vm.wait_for_console("192.0.2.7", LIMIT)?;
    assert!(shell.run("cat /etc/issue")?.contains("192.0.2.7"));
    Ok(())
}

#[test]
fn metrics_answer_over_their_socket_and_cost_nothing_otherwise() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    let shell = vm.ssh().sudo();
    let socket = layout::path::METRICS_SOCKET;
    assert_eq!(shell.run(&format!("stat -c '%a %U %G' {socket}"))?, "660 root adm");
    // busybox speaks to no Unix socket: the same unit listens on a port too, as operators may have it.
    shell.run(
        "mkdir -p /etc/systemd/system/berth-metrics.socket.d; \
         printf '[Socket]\\nListenStream=127.0.0.1:9100\\n' > /etc/systemd/system/berth-metrics.socket.d/port.conf; \
         systemctl daemon-reload; systemctl restart berth-metrics.socket",
    )?;
    let head = shell.run("wget -S -O /run/metrics http://127.0.0.1:9100/metrics 2>&1")?;
    assert!(head.contains("Content-Type: application/openmetrics-text; version=1.0.0"), "{head}");
    let body = shell.run("cat /run/metrics")?;
    assert!(body.trim_end().ends_with("# EOF"), "{body}");
    for line in [
        "node_systemd_unit_state{name=\"etcd.service\",state=\"active\"} 1",
        "node_systemd_system_running 1",
        "berth_slot_running{slot=\"A\"} 1",
        "berth_init_up 1",
        "berth_boot_duration_seconds{stage=\"kernel\"}",
        "berth_unit_memory_bytes{name=\"etcd.service\"}",
        "node_filesystem_avail_bytes{device=",
        "node_memory_MemAvailable_bytes ",
    ] {
        assert!(body.lines().any(|found| found.starts_with(line)), "{line} is not in {body}");
    }
    // Whoever scrapes leaves nothing behind.
    shell.run("sleep 1")?;
    assert_eq!(shell.run("systemctl list-units --all | grep -c 'berth-metrics@' || true")?, "0");
    Ok(())
}
