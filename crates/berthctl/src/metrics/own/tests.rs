use std::collections::BTreeSet;
use std::fs;

use super::*;
use crate::metrics::kernel;

/// Checks a text by the grammar of the specification, and gives the samples: name, labels, value.
fn strict(text: &str) -> Vec<(String, String, f64)> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
    };
    assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
    let mut families = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut samples = Vec::new();
    let (mut family, mut kind, mut has_samples) = (String::new(), String::new(), false);
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# ") {
            let (word, rest) = rest.split_once(' ').unwrap();
            let (name, value) = rest.split_once(' ').unwrap();
            assert!(is_name(name), "{line}");
            match word {
                "TYPE" => {
                    assert!(families.insert(name.to_owned()), "{name} comes twice");
                    (family, kind, has_samples) = (name.to_owned(), value.to_owned(), false);
                    assert!(["gauge", "counter", "info"].contains(&value), "{line}");
                    for end in ["_total", "_info", "_created", "_bucket", "_sum", "_count"] {
                        assert!(!name.ends_with(end), "{name} has an ending of a kind");
                    }
                }
                "UNIT" => assert!(name.ends_with(&format!("_{value}")), "{line}"),
                "HELP" => assert!(!value.is_empty()),
                other => panic!("{other}"),
            }
            assert!(name == family && !has_samples, "{line} is not at its family's beginning");
            continue;
        }
        has_samples = true;
        let (series, value) = line.rsplit_once(' ').unwrap();
        let value: f64 = value.parse().unwrap();
        assert!(value.is_finite() && (kind == "gauge" || value >= 0.0), "{line}");
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
            None => (series, ""),
        };
        let end = match kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        assert_eq!(name, format!("{family}{end}"), "{line}");
        let mut rest = labels;
        let mut names = BTreeSet::new();
        while !rest.is_empty() {
            let (label, value) = rest.split_once("=\"").unwrap();
            assert!(is_name(label) && !label.contains(':') && names.insert(label), "{line}");
            let mut escaped = false;
            let close = value.char_indices().find(|(_, c)| {
                let closes = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            });
            rest = &value[close.unwrap().0 + 1..];
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        assert!(seen.insert(series.to_owned()), "{series} comes twice");
        samples.push((name.to_owned(), labels.to_owned(), value));
    }
    samples
}

fn value(samples: &[(String, String, f64)], name: &str, labels: &str) -> Option<f64> {
    samples.iter().find(|sample| sample.0 == name && sample.1 == labels).map(|sample| sample.2)
}

fn machine() -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::at(folder.path());
    for (path, text) in [
        (
            "/usr/lib/os-release",
            "NAME=Berth\nID=berth\nVERSION_ID=0.1.0\nPRETTY_NAME=\"Berth \\\"x\\\" 0.1.0\"\n",
        ),
        ("/proc/stat", "cpu0 100 0 50 1000 5 0 2 0\nctxt 7\nbtime 1795543800\n"),
        ("/proc/meminfo", "MemTotal: 2000 kB\nCommitted_AS: 5 kB\nHugePages_Total: 0\n"),
        ("/proc/loadavg", "0.10 0.20 1.50 1/100 7\n"),
        ("/proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n"),
        ("/proc/diskstats", "254 0 vda 10 1 20 30 40 5 60 70 1 80 100\n"),
        ("/proc/net/dev", "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"),
        ("/proc/self/mounts", "/dev/vda7 / ext4 rw 0 0\n"),
        ("/proc/1/statm", "500 256 100\n"),
        ("/sys/fs/cgroup/system.slice/a.service/memory.current", "4096\n"),
        ("/sys/fs/cgroup/system.slice/berth-metrics@1.service/memory.current", "4096\n"),
        ("/sys/fs/cgroup/system.slice/a.service/cpu.stat", "usage_usec 1500000\n"),
    ] {
        let path = root.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    (folder, root)
}

fn told() -> Told {
    let unit = |name: &str, active: &str, restarts| UnitStatus {
        name: name.into(),
        active: active.into(),
        load: "loaded".into(),
        restarts,
        ..UnitStatus::default()
    };
    let manager = ManagerStatus {
        state: "degraded".into(),
        jobs: 1,
        units: 3,
        initramfs_us: 1_000_000,
        userspace_us: 1_500_000,
        finished_us: 3_000_000,
        ..ManagerStatus::default()
    };
    let units = vec![
        unit("a.service", "active", 3),
        unit("bad.service", "failed", 0),
        unit("odd\"\\name.target", "reloading", 0),
        unit("berth-metrics@1.service", "active", 0),
    ];
    Told { manager: Some(manager), units }
}

#[test]
fn the_text_is_of_the_grammar_and_holds_the_figures() {
    let (_folder, root) = machine();
    let mut text = Text::default();
    kernel::collect(&root, &mut text);
    collect(&root, &told(), &mut text);
    let text = text.finish();
    let samples = strict(&text);
    for (name, labels, expected) in [
        ("node_cpu_seconds_total", "cpu=\"0\",mode=\"idle\"", 10.0),
        ("node_memory_MemTotal_bytes", "", 2_048_000.0),
        ("node_load15", "", 1.5),
        ("node_pressure_cpu_waiting_seconds_total", "", 1.5),
        ("node_disk_read_bytes_total", "device=\"vda\"", 10_240.0),
        ("node_network_transmit_bytes_total", "device=\"eth0\"", 9.0),
        ("node_filesystem_readonly", "device=\"/dev/vda7\",fstype=\"ext4\",mountpoint=\"/\"", 0.0),
        ("node_systemd_unit_state", "name=\"bad.service\",state=\"failed\"", 1.0),
        ("node_systemd_unit_state", "name=\"bad.service\",state=\"active\"", 0.0),
        ("node_systemd_unit_state", "name=\"odd\\\"\\\\name.target\",state=\"active\"", 1.0),
        ("node_systemd_units", "state=\"active\"", 2.0),
        ("node_systemd_service_restart_total", "name=\"a.service\"", 3.0),
        ("node_systemd_system_running", "", 0.0),
        ("berth_unit_memory_bytes", "name=\"a.service\"", 4096.0),
        ("berth_unit_cpu_seconds_total", "name=\"a.service\"", 1.5),
        ("berth_init_up", "", 1.0),
        ("berth_init_resident_memory_bytes", "", 1_048_576.0),
        ("berth_boot_duration_seconds", "stage=\"userspace\"", 1.5),
        ("berth_slot_running", "slot=\"A\"", 0.0),
    ] {
        assert_eq!(value(&samples, name, labels), Some(expected), "{name} {labels}\n{text}");
    }
    assert!(!text.contains("berth-metrics@"), "a scrape tells of itself");
}

#[test]
fn without_pid_1_the_rest_is_told() {
    let (_folder, root) = machine();
    let mut text = Text::default();
    collect(&root, &Told::default(), &mut text);
    let samples = strict(&text.finish());
    assert_eq!(value(&samples, "berth_init_up", ""), Some(0.0));
    assert_eq!(value(&samples, "berth_unit_memory_bytes", "name=\"a.service\""), Some(4096.0));
}
