//! What a first boot costs, and that nobody waits for a network that does not come.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use event::Event;
use serde_json::json;
use tests::bed;
use tests::web::Server;
use vm::{Setup, Vm};

use super::ignition;
use super::remote::{until, with_card};

/// For machines that share their processors with other work: the figures are printed.
const MOST: Duration = Duration::from_secs(8);
/// A second in proc_pid_stat(5), the kernel's USER_HZ.
const CLOCK_TICKS: u64 = 100;
/// What a day's config may cost a first boot.
const OF_A_CONFIG: Duration = Duration::from_secs(1);
/// From a cable to a machine that is online by DHCP.
const ONLINE: Duration = Duration::from_millis(1500);

/// From the kernel's start until all is ready, and what of it was stage 1's.
fn ready_after(vm: &Vm) -> vm::Result<(Duration, Duration)> {
    match vm.wait_until_ready()?.what {
        Event::ReachedTarget { total_us, initramfs_us, .. } => {
            Ok((Duration::from_micros(total_us), Duration::from_micros(initramfs_us)))
        }
        other => panic!("{other:?}"),
    }
}

/// 30 files, 5 units and 2 users.
fn a_day_in_the_life() -> String {
    let mut config =
        String::from("variant: fcos\nversion: 1.5.0\npasswd:\n  users: [{name: core}, {name: app}]\n");
    config += "storage:\n  files:\n";
    for file in 1..=30 {
        let text = "x".repeat(1000);
        writeln!(config, "    - {{path: /etc/app/{file}.conf, contents: {{inline: {text}}}}}").unwrap();
    }
    config += "systemd:\n  units:\n";
    for unit in 1..=5 {
        writeln!(
            config,
            "    - name: app{unit}.service\n      enabled: true\n      contents: \"[Service]\\nType=oneshot\\n\
             RemainAfterExit=yes\\nExecStart=/usr/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n\""
        )
        .unwrap();
    }
    ignition(&config)
}

/// The median of three.
fn median<T: Ord + Copy>(mut of: [T; 3]) -> T {
    of.sort();
    of[1]
}

/// The processor time that a machine has taken so far, which what runs beside does not add to.
fn processor_time(vm: &Vm) -> Duration {
    let disk = format!("file={}", vm.disk().file().display());
    let of_it = |process: &Path| fs::read_to_string(process.join("cmdline")).is_ok_and(|c| c.contains(&disk));
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let ticks = processes.filter(|process| of_it(process)).map(|process| {
        // proc_pid_stat(5): what follows the name, which is in brackets; utime and stime are fields 14 and 15.
        let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
        fields.map(|field| field.parse::<u64>().unwrap_or(0)).sum::<u64>()
    });
    Duration::from_millis(ticks.sum::<u64>() * 1000 / CLOCK_TICKS)
}

#[test]
fn thirty_files_five_units_and_two_users_cost_at_most_a_second() -> vm::Result<()> {
    // In turns, so that what runs beside disturbs both alike.
    let mut boots = [[[Duration::ZERO; 3]; 3]; 2];
    for turn in 0..3 {
        for (which, boots) in boots.iter_mut().enumerate() {
            let setup = Vm::direct(bed());
            let vm = if which == 0 { setup } else { setup.ignition(a_day_in_the_life()) }.boot()?;
            let (whole, stage_1) = ready_after(&vm)?;
            boots[turn] = [processor_time(&vm), whole, stage_1];
            if which == 1 {
                let there = "ls /etc/app | wc -l; systemctl is-active app1 app5; id -u app";
                assert_eq!(vm.shell().run(there)?, "30\nactive\nactive\n1001");
            }
        }
    }
    let of = |which: usize, figure: usize| median(boots[which].map(|boot| boot[figure]));
    for (figure, what) in ["processor time", "whole", "stage 1"].into_iter().enumerate() {
        println!("{what}: {:?} without a config, {:?} with one", of(0, figure), of(1, figure));
    }
    // What is taken of the processors is the most that it can be, and what the time is made of.
    assert!(of(1, 0) < of(0, 0) + OF_A_CONFIG, "{boots:?}");
    assert!(of(1, 2) < of(0, 2) + MOST && of(1, 1) < of(0, 1) + MOST, "{boots:?}");
    Ok(())
}

#[test]
fn a_cable_that_is_plugged_in_brings_it_online() -> vm::Result<()> {
    let vm = with_card(Vm::direct(bed()), "").boot()?;
    vm.monitor("set_link", json!({"name": "card", "up": false}))?;
    let (ready, _) = ready_after(&vm)?;
    println!("without a cable ready after {ready:?}");
    let shell = vm.shell();
    // What waits for the network goes on without it.
    let seconds = |text: String| text.parse::<f64>().unwrap();
    let now = "cut -d' ' -f1 /proc/uptime";
    let from = seconds(shell.run(now)?);
    let waited = seconds(shell.run(&format!("systemctl start network-online.target; {now}"))?) - from;
    println!("the network was waited for {waited:.2} s");
    assert!(waited < 15.0, "{waited} s");
    // From the plug, by this machine's clock, until who waits in the machine has answered: more than it took.
    let online =
        "until grep -q '\"online\":true' /run/berth/netd.json; do /usr/lib/berth/netd wait-online; done";
    let took = thread::scope(|scope| {
        let waits = scope.spawn(|| vm.shell().run(online).map(|_| Instant::now()));
        thread::sleep(Duration::from_secs(2));
        let plugged = Instant::now();
        vm.monitor("set_link", json!({"name": "card", "up": true}))?;
        waits.join().unwrap().map(|answered| answered - plugged)
    })?;
    println!("from a cable to online by DHCP: {took:?}");
    assert!(took < ONLINE, "{took:?}");
    Ok(())
}

#[test]
fn a_boot_is_online_soon_after_its_network_daemon_is_there() -> vm::Result<()> {
    let vm = Vm::direct(bed()).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    shell.run(&until("journalctl -u berth-netd | grep -q ': leased '"))?;
    // Both by the machine's clock, in microseconds: its links are up, and the address and its route are set.
    let micros = |command: &str| Ok::<u64, vm::Error>(shell.run(command)?.parse().unwrap());
    let up = micros("systemctl show -p ActiveEnterTimestampMonotonic --value berth-netd")?;
    let leased = micros(
        "journalctl -u berth-netd -o json | grep ': leased ' | head -n 1 | \
         sed 's/.*\"__MONOTONIC_TIMESTAMP\":\"\\([0-9]*\\)\".*/\\1/'",
    )?;
    println!("from links that are up to a lease, amid a boot: {} ms", (leased - up) / 1000);
    assert!(Duration::from_micros(leased - up) < ONLINE, "up at {up} us, leased at {leased} us");
    Ok(())
}

#[test]
fn a_network_of_ipv6_alone_is_enough() -> vm::Result<()> {
    let server = Server::start_ipv6(|_, request| match request.path.as_str() {
        "/cargo" => (200, b"bananas".to_vec()),
        _ => (404, vec![]),
    });
    let config = format!(
        r#"
variant: fcos
version: 1.5.0
storage:
  files:
    - {{path: /opt/cargo, contents: {{source: "http://[fec0::2]:{}/cargo"}}}}
"#,
        server.port()
    );
    let vm = with_card(Vm::direct(bed()), ",ipv4=off").ignition(ignition(&config)).boot()?;
    let (ready, in_stage_1) = ready_after(&vm)?;
    println!("by IPv6 alone provisioned and ready after {ready:?}, of which stage 1 took {in_stage_1:?}");
    let shell = vm.shell();
    assert_eq!(shell.run("cat /opt/cargo")?, "bananas");
    shell.run("systemctl start network-online.target && grep -q '\"online\":true' /run/berth/netd.json")?;
    assert!(in_stage_1 < Duration::from_secs(25), "{in_stage_1:?}");
    Ok(())
}

#[test]
fn without_a_card_it_is_ready_as_soon() -> vm::Result<()> {
    let boot = |setup: Setup<'_>| ready_after(&setup.ignition(a_day_in_the_life()).boot()?);
    let (without, with) = (boot(Vm::direct(bed()).no_nat())?, boot(Vm::direct(bed()))?);
    println!("without a network card ready after {without:?}, with one {with:?}");
    assert!(without.0 < with.0 + MOST, "{without:?}, {with:?}");
    Ok(())
}
