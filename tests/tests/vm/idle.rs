//! An idle machine is left to its workload.

use tests::bed;
use vm::Vm;

/// What of ours runs all the time: the names of the processes.
const OURS: [&str; 4] = ["init", "logd", "devd", "netd"];
/// How long the machine is watched, in seconds.
const WATCHED: u32 = 60;

#[test]
fn an_idle_machine_wakes_nothing_of_ours_and_holds_little_memory() -> vm::Result<()> {
    let vm = Vm::direct(bed()).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    // What a boot leaves to be done is done: devices, the first lease, the log's flush.
    shell.run("sleep 30")?;

    let mut resident = 0;
    let mut pids = Vec::new();
    for name in OURS {
        let pid = if name == "init" { "1".to_owned() } else { shell.run(&format!("pidof {name}"))? };
        let kib: u64 =
            shell.run(&format!("awk '/^VmRSS/ {{print $2}}' /proc/{pid}/status"))?.parse().unwrap();
        println!("{name}: {kib} KiB");
        resident += kib;
        pids.push(shell.run(&format!("ls /proc/{pid}/task"))?);
    }
    println!("together: {resident} KiB");
    assert!(resident * 1024 <= 12_000_000, "{resident} KiB");

    // The kernel's own word of each time that one of them is given a processor.
    let trace = "/sys/kernel/tracing";
    shell.run(&format!(
        "cd {trace} && echo {} > set_event_pid && echo > trace && echo 1 > events/sched/sched_switch/enable",
        pids.join(" ").replace('\n', " ")
    ))?;
    shell.run(&format!("sleep {WATCHED}"))?;
    shell.run(&format!("echo 0 > {trace}/events/sched/sched_switch/enable"))?;
    let ours = OURS.map(|name| format!("next_comm={name} ")).join("|");
    let woken: Vec<String> = shell
        .run(&format!("grep -oE '{ours}' {trace}/trace || true"))?
        .lines()
        .map(|line| line.trim().replace("next_comm=", ""))
        .collect();
    println!("woken in {WATCHED} s: {woken:?}");
    assert!(woken.len() < WATCHED as usize / 10, "woken in {WATCHED} s: {woken:?}");
    // What watches the trace would have seen them: one that is asked something is given a processor.
    shell.run(&format!(
        "echo 1 > {trace}/events/sched/sched_switch/enable; systemctl is-system-running || true"
    ))?;
    assert_ne!(shell.run(&format!("grep -c 'next_comm=init ' {trace}/trace"))?, "0");
    Ok(())
}
