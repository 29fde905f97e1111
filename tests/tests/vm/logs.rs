//! The log of a machine: who said what, what a power cut leaves of it, what it costs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use journal::{Filter, Query, Reader};
use tests::{bed, disk};
use vm::{Disk, Vm, copy_range};

use crate::services::ready;

/// What the log daemon may take when nothing happens, in KiB.
const IDLE_KIB: u64 = 3 << 10;

#[test]
fn what_programs_say_is_kept_with_who_said_it_also_while_the_log_daemon_is_down() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    let shell = vm.ssh().sudo();
    let kib: u64 = shell.run("grep VmHWM /proc/$(pidof logd)/status | tr -dc 0-9")?.parse().unwrap();
    println!("the log daemon has taken {kib} KiB");
    assert!(kib <= IDLE_KIB, "{kib} KiB");
    assert_eq!(shell.run("readlink /dev/log")?, "/run/systemd/journal/dev-log");
    assert_eq!(shell.run("test -e /run/systemd/system; echo $?")?, "1", "programs would take it for systemd");

    // It stands still, dies, and comes back: what is said meanwhile waits.
    shell.run(
        "kill -STOP $(pidof logd); logger -t waits one; kill -KILL $(pidof logd); logger -t waits two",
    )?;
    shell.run("for i in $(seq 50); do pidof logd && break; sleep 0.1; done; logger -t waits three")?;
    shell.run("systemctl restart berth-logd; logger -t waits four; sleep 1; journalctl --sync")?;
    assert_eq!(shell.run("journalctl -q -t waits -o cat")?, "one\ntwo\nthree\nfour");
    let verbose = shell.run("journalctl -q -t waits -n 1 -o verbose")?;
    for field in ["_TRANSPORT=syslog", "_UID=0", "_BOOT_ID=", "_HOSTNAME="] {
        assert!(verbose.contains(field), "{field} in {verbose}");
    }

    // A unit says how its log is kept.
    let run = "systemd-run -q --wait --unit=said -p LogExtraFields=TEAM=red -p LogLevelMax=notice \
               sh -c 'echo \"<5>kept\"; echo \"<6>not kept\"'";
    shell.run(run)?;
    shell.run("journalctl --sync")?;
    assert_eq!(shell.run("journalctl -q TEAM=red -u said -o cat")?, "kept");
    shell.run("journalctl -q --verify")?;
    Ok(())
}

#[test]
fn lines_go_to_a_syslog_server_and_a_collector_too() -> vm::Result<()> {
    let vm = ready(Vm::direct(bed()).ssh().boot()?)?;
    let shell = vm.ssh().sudo().limit(Duration::from_secs(120));
    shell.run(
        "mkdir -p /etc/systemd/journald.conf.d; \
         printf '[Forward]\\nSyslog=tcp://127.0.0.1:5514\\nHttp=http://127.0.0.1:5580/logs\\n' \
         > /etc/systemd/journald.conf.d/far.conf; \
         printf 'HTTP/1.1 204 No Content\\r\\nContent-Length: 0\\r\\n\\r\\n' > /run/answer",
    )?;
    // Two servers; what they hear comes after the log daemon's first tries, which nobody answers. What nc is
    // given to read must not end: it would go.
    shell.run("systemctl restart berth-logd; logger -t speaker -p auth.warning heard afar")?;
    shell.run("systemd-run -q --unit=server sh -c 'sleep 300 | nc -l -p 5514 > /run/syslog'")?;
    shell.run(
        "systemd-run -q --unit=collector sh -c '(cat /run/answer; sleep 300) | nc -l -p 5580 > /run/posted'",
    )?;
    shell.run(
        "for i in $(seq 80); do grep -q 'heard afar' /run/syslog && grep -q 'heard afar' /run/posted && break; \
         sleep 1; done",
    )?;
    // Facility 4, level 4 (RFC 5424), after its length (RFC 6587).
    let line = shell.run("grep -o '[0-9]* <36>1 .*heard afar' /run/syslog")?;
    assert!(line.contains(" speaker "), "{line}");
    let posted = shell.run("cat /run/posted")?;
    assert!(posted.starts_with("POST /logs HTTP/1.1"), "{posted}");
    let entry = posted.lines().find(|line| line.contains("heard afar")).unwrap();
    let entry: serde_json::Value = serde_json::from_str(entry).unwrap();
    for (field, value) in [("SYSLOG_IDENTIFIER", "speaker"), ("PRIORITY", "4"), ("_TRANSPORT", "syslog")] {
        assert_eq!(entry[field], value, "{entry}");
    }
    assert_eq!(shell.run("journalctl -q -t speaker -o cat")?, "heard afar");
    Ok(())
}

/// `BERTH_POWER_CUTS=200` cuts 200 times, at moments by `BERTH_SEED`.
#[test]
fn what_was_synced_is_there_after_every_power_cut() -> vm::Result<()> {
    let number =
        |name: &str, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (cuts, seed): (u64, u64) = (number("BERTH_POWER_CUTS", 5), number("BERTH_SEED", 1));
    let image = Disk::copy(bed(), None)?;
    let folder = image.file().parent().unwrap().to_owned();
    let vm = ready(Vm::direct(bed()).ssh().disk(&image).boot()?)?;
    let root = disk::partitions(bed(), &folder, image.file())?[layout::disk::ROOT.label].bytes.clone();
    // Small segments: that they are begun, packed and removed is cut too. The noise is slow enough
    // for a mark not to be removed within the seconds until the next.
    vm.ssh().sudo().run(
        "mkdir -p /etc/systemd/journald.conf.d; printf '[Journal]\\nSystemMaxFileSize=64K\\nSystemMaxUse=4M\\n' \
         > /etc/systemd/journald.conf.d/small.conf; systemctl restart berth-logd",
    )?;
    vm.ssh().sudo().run(
        "systemd-run -q --unit=noise -p LogRateLimitBurst=0 sh -c \
         'while :; do for n in $(seq 20); do i=$((i+1)); echo noise $i of a service that says a lot; done; \
         sleep 0.01; done'",
    )?;
    vm.ssh().sudo().run(
        "systemd-run -q --unit=marks sh -c 'while :; do i=$((i+1)); echo mark $i; journalctl --sync && \
         echo SYNCED $i. > /dev/console; done'",
    )?;
    let mut moment = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for cut in 1..=cuts {
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(200 + (moment >> 33) % 1500));
        // What the console shows has been synced; the machine stands still, and loses its memory.
        let synced = last_synced(&vm.console());
        vm.monitor("stop", serde_json::json!({}))?;
        let copy = folder.join("root.ext4");
        let copied = copy_range(image.file(), root.clone(), &copy);
        vm.monitor("cont", serde_json::json!({}))?;
        copied.unwrap();
        let (first, last, entries) = marks(&folder, &copy)?;
        println!("cut {cut}: synced up to {synced}, marks {first} to {last} are there, of {entries} entries");
        assert!(last >= synced, "mark {synced} was synced, and {last} is the last that is there");
        std::fs::remove_file(&copy).unwrap();
    }
    println!("{cuts} power cuts of seed {seed}");
    Ok(())
}

fn last_synced(console: &str) -> u64 {
    let numbers = console.split("SYNCED ").skip(1).filter_map(|rest| rest.split_once('.')?.0.parse().ok());
    numbers.max().unwrap_or(0)
}

/// The first and the last mark in the journal of a file system as a power cut left it, between which
/// none is missing, and the number of all entries.
fn marks(folder: &Path, root: &Path) -> vm::Result<(u64, u64, usize)> {
    let name = root.to_string_lossy();
    match bed().run_tool(folder, &["e2fsck", "-f", "-y", &name]) {
        // The file system's own journal was replayed.
        Err(vm::Error::Tool { status, .. }) if status.ends_with(": 1") => {}
        other => drop(other?),
    }
    let out: PathBuf = folder.join("out");
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir(&out).unwrap();
    bed()
        .run_tool(folder, &["debugfs", "-R", &format!("rdump /var/log/journal {}", out.display()), &name])?;
    let reader = Reader::new(out.join("journal"));
    let entries = reader.entries(&Query::default()).unwrap().map(Result::unwrap).count();
    let query = Query { filter: Filter::unit("marks.service"), ..Query::default() };
    let said = reader.entries(&query).unwrap().map(Result::unwrap);
    let numbers: Vec<u64> =
        said.filter_map(|entry| entry.message().strip_prefix("mark ")?.parse().ok()).collect();
    let (first, last) = (numbers.first().copied().unwrap_or(0), numbers.last().copied().unwrap_or(0));
    assert!(numbers.iter().copied().eq(first..first + numbers.len() as u64), "{numbers:?}");
    Ok((first, last, entries))
}
