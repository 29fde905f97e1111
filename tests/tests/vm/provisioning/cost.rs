//! What a first boot costs, and that nobody waits for a network that does not come.

use std::fmt::Write;
use std::time::Duration;

use event::Event;
use serde_json::json;
use tests::bed;
use tests::web::Server;
use vm::{Setup, Vm};

use super::ignition;
use super::remote::with_card;

/// Generous, since other work may run beside: the figures are printed.
const MOST: Duration = Duration::from_secs(8);

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

#[test]
fn thirty_files_five_units_and_two_users_cost_little() -> vm::Result<()> {
    // The least of two boots each, in turns: other work disturbs them alike.
    let (mut with, mut without) = (vec![], vec![]);
    for _ in 0..2 {
        let vm = Vm::direct(bed()).boot()?;
        without.push(ready_after(&vm)?);
        let vm = Vm::direct(bed()).ignition(a_day_in_the_life()).boot()?;
        with.push(ready_after(&vm)?);
        let there = "ls /etc/app | wc -l; systemctl is-active app1 app5; id -u app";
        assert_eq!(vm.shell().run(there)?, "30\nactive\nactive\n1001");
    }
    let (with, without) = (with.into_iter().min().unwrap(), without.into_iter().min().unwrap());
    println!("a first boot (whole, stage 1): with a config {with:?}, without {without:?}");
    assert!(with.0 < without.0 + MOST, "{with:?}, {without:?}");
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
    // The times of the carrier and of being online, as the machine sees them.
    let card = shell.run("basename $(dirname $(ls -d /sys/class/net/*/device))")?;
    shell.run(&format!(
        "(until grep -q 1 /sys/class/net/{card}/carrier; do sleep 0.01; done; {now} > /run/up; \
         until grep -q '\"online\":true' /run/berth/netd.json; do sleep 0.01; done; {now} > /run/online) >/dev/null 2>&1 &"
    ))?;
    vm.monitor("set_link", json!({"name": "card", "up": true}))?;
    shell
        .run("for i in $(seq 150); do test -s /run/online && break; sleep 0.2; done; test -s /run/online")?;
    let took = seconds(shell.run("cat /run/online")?) - seconds(shell.run("cat /run/up")?);
    println!("from a carrier to online by DHCP: {took:.2} s");
    assert!(took < MOST.as_secs_f64(), "{took} s");
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
