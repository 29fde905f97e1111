//! Crashes as text.

use std::path::Path;
use std::time::Duration;

use coredump::{Core, Place, Record};
use serde_json::{Value, json};

use crate::processes::one_line;
use crate::table::columns;
use crate::time::{size, utc};

/// A line each, under headings.
pub fn list(records: &[(Record, Place)], legend: bool) -> Vec<String> {
    const HEAD: [&str; 8] = ["TIME", "PID", "UID", "GID", "SIG", "COREFILE", "EXE", "SIZE"];
    let mut rows: Vec<Vec<String>> = Vec::new();
    if legend {
        rows.push(HEAD.map(str::to_owned).to_vec());
    }
    rows.extend(records.iter().map(|(record, place)| {
        let time = utc(Duration::from_micros(record.time_us));
        let stored = match &record.core {
            Core::Kept { stored, .. } => size(*stored),
            Core::None { .. } => "-".to_owned(),
        };
        vec![
            time,
            record.pid.to_string(),
            record.uid.to_string(),
            record.gid.to_string(),
            record.signal_name(),
            word(place).to_owned(),
            record.exe.clone().unwrap_or_else(|| record.comm.clone()),
            stored,
        ]
    }));
    columns(&rows)
}

/// The crashes as `--json` has them.
pub fn json(records: &[(Record, Place)]) -> Value {
    let one = |(record, place): &(Record, Place)| {
        let stored = match &record.core {
            Core::Kept { stored, .. } => Some(stored),
            Core::None { .. } => None,
        };
        json!({
            "time": record.time_us,
            "pid": record.pid,
            "uid": record.uid,
            "gid": record.gid,
            "sig": record.signal,
            "corefile": word(place),
            "exe": record.exe,
            "size": stored,
        })
    };
    Value::Array(records.iter().map(one).collect())
}

/// A crash in full.
pub fn info(folder: &Path, (record, place): &(Record, Place)) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{name:>14}: {}\n", value.trim_end().replace('\n', "\n                ")));
        }
    };
    row("PID", &format!("{} ({})", record.pid, record.comm));
    row("UID", &record.uid.to_string());
    row("GID", &record.gid.to_string());
    row("Signal", &format!("{} ({})", record.signal, record.signal_name().trim_start_matches("SIG")));
    row("Timestamp", &utc(Duration::from_micros(record.time_us)));
    row("Command Line", &record.cmdline);
    row("Executable", record.exe.as_deref().unwrap_or_default());
    row("Working Dir", record.cwd.as_deref().unwrap_or_default());
    row("Control Group", &record.cgroup);
    row("Unit", record.unit.as_deref().unwrap_or_default());
    row("Boot ID", &record.boot_id);
    row("Machine ID", &record.machine_id);
    row("Hostname", &record.host);
    if record.contained {
        row("In Container", &record.own_host);
    }
    let storage = match &record.core {
        Core::None { reason } => format!("none: {reason}"),
        Core::Kept { file, .. } => format!("{} ({})", folder.join(file).display(), word(place)),
    };
    row("Storage", &storage);
    if let Core::Kept { size: unpacked, stored, .. } = &record.core {
        row("Size on Disk", &format!("{}, unpacked {}", size(*stored), size(*unpacked)));
    }
    // Its path is out of the core: whatever the process wrote there.
    let module = |module: &coredump::Module| match &module.build_id {
        Some(id) => format!("{} {id}", one_line(&module.path)),
        None => format!("{} without build id", one_line(&module.path)),
    };
    row("Modules", &record.modules.iter().map(module).collect::<Vec<_>>().join("\n"));
    row("Descriptors", &record.descriptors.join("\n"));
    row("Limits", &record.limits);
    text.truncate(text.trim_end().len());
    text
}

/// Why there is no core.
pub fn why_none(record: &Record) -> &str {
    match &record.core {
        Core::None { reason } => reason,
        Core::Kept { .. } => "",
    }
}

fn word(place: &Place) -> &'static str {
    match place {
        Place::None => "none",
        Place::Missing => "missing",
        Place::Inaccessible => "inaccessible",
        Place::File { truncated: true, .. } => "truncated",
        Place::File { .. } => "present",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coredump::Module;

    fn crash() -> (Record, Place) {
        let record = Record {
            time_us: 1_795_543_800_000_000,
            pid: 77,
            uid: 1000,
            gid: 100,
            signal: 11,
            comm: "web".into(),
            exe: Some("/app/web".into()),
            cmdline: "/app/web --port 80".into(),
            unit: Some("web.service".into()),
            cgroup: "/system.slice/web.service".into(),
            boot_id: "0123456789abcdef0123456789abcdef".into(),
            host: "berth".into(),
            descriptors: vec!["0 -> /dev/null".into(), "1 -> pipe:[5]".into()],
            modules: vec![
                Module { path: "/app/web".into(), build_id: Some("00ff".into()) },
                Module { path: "/app/lib\x1b[2J\nUID: 0".into(), build_id: None },
            ],
            core: Core::Kept { file: "core.web.zst".into(), size: 1 << 20, stored: 1536, truncated: false },
            ..Record::default()
        };
        (record, Place::File { path: "core.web.zst".into(), truncated: false })
    }

    #[test]
    fn a_line_each() {
        let (mut other, _) = crash();
        other.core = Core::None { reason: "its limit is 0".into() };
        other.exe = None;
        let lines = list(&[crash(), (other, Place::None)], true);
        assert_eq!(
            lines,
            [
                "TIME                        PID UID  GID SIG     COREFILE EXE      SIZE",
                "Tue 2026-11-24 18:10:00 UTC 77  1000 100 SIGSEGV present  /app/web 1.5K",
                "Tue 2026-11-24 18:10:00 UTC 77  1000 100 SIGSEGV none     web      -",
            ]
        );
        assert_eq!(
            json(&[crash()]).to_string(),
            r#"[{"corefile":"present","exe":"/app/web","gid":100,"pid":77,"sig":11,"size":1536,"time":1795543800000000,"uid":1000}]"#
        );
    }

    #[test]
    fn in_full() {
        assert_eq!(
            info(Path::new("/var/lib/systemd/coredump"), &crash()),
            "           PID: 77 (web)
           UID: 1000
           GID: 100
        Signal: 11 (SEGV)
     Timestamp: Tue 2026-11-24 18:10:00 UTC
  Command Line: /app/web --port 80
    Executable: /app/web
 Control Group: /system.slice/web.service
          Unit: web.service
       Boot ID: 0123456789abcdef0123456789abcdef
      Hostname: berth
       Storage: /var/lib/systemd/coredump/core.web.zst (present)
  Size on Disk: 1.5K, unpacked 1.0M
       Modules: /app/web 00ff
                /app/lib [2J UID: 0 without build id
   Descriptors: 0 -> /dev/null
                1 -> pipe:[5]"
        );
    }
}
