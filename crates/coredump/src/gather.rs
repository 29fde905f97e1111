//! What /proc tells of a process that crashed, which the kernel keeps until its handler has ended.
//!
//! Links are read, never followed, and nothing is opened by a path of the process: in a container
//! those are another's files.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::crash::Crash;
use crate::record::Record;

/// How much of a file of /proc is read, in bytes.
const FILE_MAX: u64 = 16 << 10;
/// How many descriptors are told of.
const DESCRIPTORS_MAX: usize = 256;

/// What is known of a crash, but for its core.
pub fn record(crash: &Crash, proc: &Path) -> Record {
    let process = proc.join(crash.pid.to_string());
    let file = |name: &str| read(&process.join(name));
    let link = |name: &str| fs::read_link(process.join(name)).ok().map(|path| clean(&path.to_string_lossy()));
    let own = |name: &str| fs::read_link(proc.join("self/ns").join(name)).ok();
    let other = |name: &str| fs::read_link(process.join("ns").join(name)).ok();
    let differs = |name: &str| other(name).is_some_and(|theirs| own(name).is_some_and(|ours| ours != theirs));
    let cgroups = file("cgroup");
    let cgroup = cgroups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
    Record {
        time_us: crash.time.saturating_mul(1_000_000),
        pid: crash.pid,
        uid: crash.uid,
        gid: crash.gid,
        signal: crash.signal,
        comm: clean(file("comm").trim_end_matches('\n')),
        exe: link("exe"),
        cmdline: clean(file("cmdline").trim_end_matches('\0')),
        cwd: link("cwd"),
        unit: unit::cgroup::unit_in(cgroup).map(str::to_owned),
        cgroup: clean(cgroup),
        contained: differs("pid") || differs("mnt"),
        host: clean(read(&proc.join("sys/kernel/hostname")).trim()),
        own_host: clean(&crash.host),
        boot_id: read(&proc.join("sys/kernel/random/boot_id")).trim().replace('-', ""),
        machine_id: clean(read(Path::new("/etc/machine-id")).trim()),
        limits: file("limits"),
        descriptors: descriptors(&process.join("fd")),
        ..Record::default()
    }
}

fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        _ = file.take(FILE_MAX).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `0 -> /dev/null`, in the order of the numbers.
fn descriptors(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut numbers: Vec<u32> = numbers.take(DESCRIPTORS_MAX).collect();
    numbers.sort_unstable();
    let line = |number: &u32| {
        let target = fs::read_link(folder.join(number.to_string())).unwrap_or_default();
        format!("{number} -> {}", clean(&target.to_string_lossy()))
    };
    numbers.iter().map(line).collect()
}

/// A text of the process in one line, without what would move a terminal's cursor.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_names_are_read_and_nothing_of_the_environment() {
        let proc = tempfile::tempdir().unwrap();
        let process = proc.path().join("7");
        for folder in ["7/fd", "7/ns", "self/ns", "sys/kernel/random"] {
            fs::create_dir_all(proc.path().join(folder)).unwrap();
        }
        for (file, text) in [
            ("7/comm", "we b\n"),
            ("7/cmdline", "/app/web\0--port\080\0"),
            ("7/cgroup", "0::/system.slice/web.service\n"),
            ("7/limits", "Limit\n"),
            ("7/environ", "TOKEN=secret\0"),
            ("sys/kernel/hostname", "berth\n"),
            ("sys/kernel/random/boot_id", "01234567-89ab-cdef-0123-456789abcdef\n"),
        ] {
            fs::write(proc.path().join(file), text).unwrap();
        }
        for (link, target) in [
            ("7/exe", "/app/web\nx (deleted)"),
            ("7/cwd", "/nowhere"),
            ("7/fd/10", "socket:[1]"),
            ("7/fd/2", "/no/such/file"),
            ("7/ns/pid", "pid:[2]"),
            ("self/ns/pid", "pid:[1]"),
        ] {
            symlink(target, proc.path().join(link)).unwrap();
        }
        let crash = Crash {
            pid: 7,
            uid: 1000,
            gid: 100,
            signal: 11,
            time: 5,
            limit: None,
            host: "box".into(),
            dumpable: 1,
        };
        let record = record(&crash, proc.path());
        let expected = Record {
            time_us: 5_000_000,
            pid: 7,
            uid: 1000,
            gid: 100,
            signal: 11,
            comm: "we b".into(),
            exe: Some("/app/web x (deleted)".into()),
            cmdline: "/app/web --port 80".into(),
            cwd: Some("/nowhere".into()),
            unit: Some("web.service".into()),
            cgroup: "/system.slice/web.service".into(),
            contained: true,
            host: "berth".into(),
            own_host: "box".into(),
            boot_id: "0123456789abcdef0123456789abcdef".into(),
            machine_id: record.machine_id.clone(),
            limits: "Limit\n".into(),
            descriptors: vec!["2 -> /no/such/file".into(), "10 -> socket:[1]".into()],
            ..Record::default()
        };
        assert_eq!(record, expected);
        assert!(!serde_json::to_string(&record).unwrap().contains("secret"));
        // A process that is gone is told of by what the kernel said.
        fs::remove_dir_all(process).unwrap();
        assert_eq!(super::record(&crash, proc.path()).pid, 7);
    }
}
