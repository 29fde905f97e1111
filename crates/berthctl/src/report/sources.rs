//! The parts of a report. None reads a file that is there to hold secrets, an environment, or the
//! arguments of a process.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use boots::History;
use journal::{Priority, Query, Reader, WhichBoot};
use layout::path;
use observe::Root;
use observe::group::{self, Usage};
use unit::control::{Reply, Request, UnitStatus};

use crate::processes::one_line;
use crate::time::utc_date;
use crate::{client, coredumpctl, status};

/// A part.
pub struct Source {
    /// Its file in the archive.
    pub file: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Gets it.
    pub read: fn(&Root) -> Result<String>,
}

const fn source(file: &'static str, what: &'static str, read: fn(&Root) -> Result<String>) -> Source {
    Source { file, what, read }
}

/// All of them.
pub const SOURCES: [Source; 21] = [
    source("status.txt", "the machine at a glance", |_| Ok(status::screen())),
    source("versions.txt", "image, kernel, command line", versions),
    source("units.txt", "units and their states", units),
    source("failed.txt", "units that failed", failed),
    source("jobs.txt", "jobs that are not done", jobs),
    source("log-this-boot.txt", "the end of this boot's log", |_| log(0)),
    source("log-last-boot.txt", "the end of the last boot's log", |_| log(-1)),
    source("dmesg.txt", "the kernel's log", |_| kernel_log()),
    source("boots.txt", "how the last boots ended", boots),
    source("crashes.txt", "processes that crashed, without cores", |_| coredumpctl::table()),
    source("panics.txt", "what firmware kept of panics", panics),
    source("mounts.txt", "what is mounted, and its space", mounts),
    source("disks.txt", "disks, partitions, slots", disks),
    source("memory.txt", "memory and swap", |root| {
        files(root, &["/proc/meminfo", "/proc/swaps", "/proc/vmstat"])
    }),
    source("load.txt", "processors, load, pressure", |root| {
        files(
            root,
            &[
                "/proc/loadavg",
                "/proc/stat",
                "/proc/pressure/cpu",
                "/proc/pressure/memory",
                "/proc/pressure/io",
            ],
        )
    }),
    source("cgroups.txt", "what units use", cgroups),
    source("processes.txt", "processes, without their arguments", processes),
    source("network.txt", "addresses, routes, counters", network),
    source("netd.txt", "what the network daemon says", |root| {
        let paths = [path::NETD_STATE, path::NETD_RESOLV].map(|name| format!("{}/{name}", path::RUN));
        files(root, &paths.each_ref().map(String::as_str))
    }),
    source("sysctl.txt", "kernel settings that are not the image's", sysctl),
    source("etc.txt", "what differs in /etc, by name", etc),
];

/// How many entries of a log, and how much of each, in bytes.
const ENTRIES: usize = 4000;
const ENTRY_MAX: usize = 2000;
/// How long PID 1 has to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many names of files are listed.
const NAMES_MAX: usize = 5000;

/// Files under their names. Where none can be read, that is the error.
fn files(root: &Root, paths: &[&str]) -> Result<String> {
    let mut text = String::new();
    let mut found = 0;
    for path in paths {
        match root.read(path) {
            Ok(holds) => {
                found += 1;
                text.push_str(&format!("== {path}\n{holds}\n"));
            }
            Err(error) => text.push_str(&format!("== {path}: {error}\n")),
        }
    }
    if found == 0 {
        bail!("none of {} can be read", paths.join(", "));
    }
    Ok(text)
}

fn versions(root: &Root) -> Result<String> {
    files(
        root,
        &[path::OS_RELEASE, "/proc/version", "/proc/cmdline", "/proc/sys/kernel/tainted", "/proc/uptime"],
    )
}

fn listed() -> Result<Vec<UnitStatus>> {
    match client::ask_within(&Request::List, PATIENCE)? {
        Reply::List { mut units } => {
            units.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(units)
        }
        other => client::unexpected(other),
    }
}

fn units(_: &Root) -> Result<String> {
    let rows: Vec<Vec<String>> = listed()?
        .into_iter()
        .map(|unit| {
            vec![unit.name, unit.load, unit.active, unit.sub, unit.result_word, unit.restarts.to_string()]
        })
        .collect();
    Ok(crate::table::columns(&rows).join("\n") + "\n")
}

/// Of a unit's status, what is not its configuration.
fn failed(_: &Root) -> Result<String> {
    let mut text = String::new();
    for unit in listed()?.into_iter().filter(|unit| unit.active == "failed" || unit.restarts > 0) {
        _ = writeln!(text, "{}: {} ({}), result {}", unit.name, unit.active, unit.sub, unit.result);
        for (name, value) in [
            ("file", unit.fragment),
            ("not loaded", unit.load_error),
            ("main process ended", unit.main_exit),
            ("said", unit.status_text),
        ] {
            if let Some(value) = value {
                _ = writeln!(text, "  {name}: {value}");
            }
        }
        _ = writeln!(text, "  restarts: {}, drop-ins: {}", unit.restarts, unit.drop_ins.join(" "));
        for warning in unit.warnings {
            _ = writeln!(text, "  warning: {warning}");
        }
    }
    Ok(text)
}

fn jobs(_: &Root) -> Result<String> {
    match client::ask_within(&Request::Jobs, PATIENCE)? {
        Reply::Jobs { jobs } => Ok(jobs
            .iter()
            .map(|job| {
                format!(
                    "{} {} {} {}\n",
                    job.id,
                    job.kind,
                    job.unit,
                    if job.running { "runs" } else { "waits" }
                )
            })
            .collect()),
        other => client::unexpected(other),
    }
}

fn log(boot: i64) -> Result<String> {
    let query = Query { boot: Some(WhichBoot::Offset(boot)), last: Some(ENTRIES), ..Query::default() };
    let mut text = String::new();
    for entry in Reader::of_machine(Path::new("/")).entries(&query)? {
        let entry = entry?;
        let source = entry.text("SYSLOG_IDENTIFIER").or_else(|| entry.unit()).unwrap_or_default();
        let priority = entry.priority().unwrap_or(Priority::INFO).name();
        let message = entry.message();
        let end = message.floor_char_boundary(ENTRY_MAX);
        let time = utc_date(Duration::from_micros(entry.record.realtime_us));
        // What a sender writes looks like no other entry.
        let lines: Vec<String> = message[..end].lines().map(one_line).collect();
        _ = writeln!(text, "{time} {} {priority}: {}", one_line(&source), lines.join("\n    "));
    }
    Ok(text)
}

/// The kernel's log as it is now, which also holds what no log daemon stored.
fn kernel_log() -> Result<String> {
    let doing = "cannot read /dev/kmsg";
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let mut device = File::options().read(true).custom_flags(flags).open("/dev/kmsg").context(doing)?;
    let mut text = String::new();
    let mut record = [0; 8192];
    for _ in 0..100_000 {
        match device.read(&mut record) {
            Ok(0) => break,
            Ok(read) => {
                // Priority, number, microseconds, flags; text. What follows are fields for machines.
                let line = String::from_utf8_lossy(&record[..read]);
                let line = line.lines().next().unwrap_or_default();
                let (head, words) = line.split_once(';').unwrap_or(("", line));
                let micros: u64 = head.split(',').nth(2).and_then(|number| number.parse().ok()).unwrap_or(0);
                _ = writeln!(text, "[{:>12.6}] {words}", micros as f64 / 1e6);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            // Records that were overwritten meanwhile.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PIPE.raw_os_error()) => {}
            Err(error) => return Err(error).context(doing),
        }
    }
    Ok(text)
}

fn boots(root: &Root) -> Result<String> {
    let text = root.read(path::BOOTS).with_context(|| format!("cannot read {}", path::BOOTS))?;
    let this = root.boot_id();
    let line = |boot: &boots::Boot| {
        format!(
            "{} {} {} {}\n",
            utc_date(Duration::from_secs(boot.began)),
            boot.id,
            boot.version,
            boot.ending(&this)
        )
    };
    Ok(History::parse(&text).boots.iter().map(line).collect())
}

fn panics(root: &Root) -> Result<String> {
    let mut text = String::new();
    let folders = root.names(path::PSTORE);
    for folder in &folders {
        let path = format!("{}/{folder}", path::PSTORE);
        _ = writeln!(text, "{path}: {}", root.names(&path).join(" "));
    }
    if let Some(last) = folders.last() {
        let path = format!("{}/{last}", path::PSTORE);
        for name in root.names(&path).iter().filter(|name| name.ends_with(".txt")) {
            text.push_str(&format!("== {path}/{name}\n{}\n", root.text(&format!("{path}/{name}"))));
        }
    }
    Ok(text)
}

fn mounts(root: &Root) -> Result<String> {
    let table = root.read("/proc/self/mountinfo").context("cannot read /proc/self/mountinfo")?;
    let mounted = observe::mounts::parse(&root.text("/proc/self/mounts"));
    let mut text = table;
    for mount in observe::mounts::local(&mounted) {
        if let Some(space) = observe::space::Space::of(root, &mount.place) {
            let (used, files) = (space.used(), space.files - space.files_free);
            _ = writeln!(
                text,
                "{}: {used} of {} bytes, {files} of {} files",
                mount.place, space.size, space.files
            );
        }
    }
    Ok(text)
}

fn disks(root: &Root) -> Result<String> {
    let mut text = files(root, &["/proc/partitions", "/proc/diskstats"])?;
    for device in root.names("/sys/class/block") {
        let facts = root.text(&format!("/sys/class/block/{device}/uevent"));
        if let Some(label) = facts.lines().find_map(|line| line.strip_prefix("PARTNAME=")) {
            _ = writeln!(text, "{device}: {label}");
        }
    }
    let slot =
        observe::slot::running(root).map_or_else(|| "no slot".to_owned(), |slot| format!("slot {slot}"));
    _ = writeln!(
        text,
        "/usr runs from {slot}\nESP: {}",
        root.names(&format!("{}/EFI/Linux", path::ESP)).join(" ")
    );
    Ok(text)
}

fn cgroups(root: &Root) -> Result<String> {
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let head = ["GROUP", "MEMORY", "CPU_US", "TASKS", "READ", "WRITTEN"].map(str::to_owned).to_vec();
    let rows = group::units(root).into_iter().map(|(_, path)| {
        let Usage { memory, cpu_us, tasks, read_bytes, written_bytes } = Usage::of(root, &path);
        let figures = [memory, cpu_us, tasks, read_bytes, written_bytes].map(number);
        [vec![path], figures.to_vec()].concat()
    });
    let rows: Vec<Vec<String>> = [head].into_iter().chain(rows).collect();
    Ok(crate::table::columns(&rows).join("\n") + "\n")
}

fn processes(root: &Root) -> Result<String> {
    let mut pids: Vec<u32> = root.names("/proc").iter().filter_map(|name| name.parse().ok()).collect();
    pids.sort_unstable();
    let mut rows =
        vec![["PID", "PPID", "STATE", "UID", "RSS", "THREADS", "NAME", "GROUP"].map(str::to_owned).to_vec()];
    for pid in pids {
        let status = root.text(&format!("/proc/{pid}/status"));
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|line| line.split_whitespace().next()).unwrap_or("-").to_owned()
        };
        let groups = root.text(&format!("/proc/{pid}/cgroup"));
        let group = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("-").to_owned();
        let figures = ["PPid", "State", "Uid", "VmRSS", "Threads", "Name"].map(field);
        rows.push([vec![pid.to_string()], figures.to_vec(), vec![group]].concat());
    }
    Ok(crate::table::columns(&rows).join("\n") + "\n")
}

fn network(root: &Root) -> Result<String> {
    let mut text = String::new();
    for link in sys::interfaces::list().context("cannot list the interfaces")? {
        let addresses: Vec<String> =
            link.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect();
        let state = if link.running { "up" } else { "down" };
        _ = writeln!(text, "{} {state} {}", link.name, addresses.join(" "));
    }
    let tables =
        ["route", "ipv6_route", "dev", "arp", "sockstat", "snmp"].map(|name| format!("/proc/net/{name}"));
    let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
    text.push_str(&files(root, &tables)?);
    Ok(text)
}

fn sysctl(root: &Root) -> Result<String> {
    const FOLDER: &str = "/usr/lib/sysctl.d";
    let mut text = String::new();
    for name in root.names(FOLDER) {
        let settings = root.text(&format!("{FOLDER}/{name}"));
        for line in settings.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let key = key.trim().trim_start_matches('-');
            let now = root.text(&format!("/proc/sys/{}", key.replace('.', "/")));
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            if words(&now) != words(value) && !now.is_empty() {
                _ = writeln!(text, "{key} = {} (the image: {})", words(&now), words(value));
            }
        }
    }
    Ok(text)
}

/// What differs in /etc, and whether the image has changed it since.
fn etc(root: &Root) -> Result<String> {
    let mut found = crate::etc::differences(root)?;
    let surplus = found.len().saturating_sub(NAMES_MAX);
    found.truncate(NAMES_MAX);
    let more = if surplus == 0 { String::new() } else { format!("... and {surplus} more\n") };
    Ok(crate::etc::list(&found, true) + &more)
}
