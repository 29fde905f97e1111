//! Names of files in the folder, as systemd-coredump(8) gives them:
//! `core.COMM.UID.BOOT.PID.MICROSECONDS`, with `.zst` where it is packed. A record has the same name,
//! and ends in `.json`.

use crate::Record;

/// End of a packed core.
pub const PACKED: &str = ".zst";
/// End of a record.
pub const RECORD: &str = ".json";
/// Start of all.
const START: &str = "core.";
/// Bytes of a program's name that are taken (linux/sched.h, TASK_COMM_LEN).
const COMM_MAX: usize = 15;

/// The name of a crash's files, without an end.
pub fn stem(record: &Record) -> String {
    let Record { uid, pid, time_us, .. } = record;
    format!("{START}{}.{uid}.{}.{pid}.{time_us}", escape(&record.comm), record.boot_id)
}

/// When the crash of a file was, in microseconds since 1970; none for a file of another kind.
pub fn time_us(file: &str) -> Option<u64> {
    parse(file).map(|(_, _, time)| time)
}

/// The user whose process it was; none for a file of another kind.
pub fn uid(file: &str) -> Option<u32> {
    parse(file).map(|(uid, _, _)| uid)
}

/// The boot in which the crash of a file was; none for a file of another kind.
pub fn boot_id(file: &str) -> Option<&str> {
    parse(file).map(|(_, boot, _)| boot)
}

/// User, boot and time.
fn parse(file: &str) -> Option<(u32, &str, u64)> {
    let stem = [PACKED, RECORD].iter().find_map(|end| file.strip_suffix(end)).unwrap_or(file);
    let parts: Vec<&str> = stem.split('.').collect();
    match parts[..] {
        ["core", _, uid, boot, pid, time] if boot.len() == 32 => {
            pid.parse::<u32>().ok()?;
            Some((uid.parse().ok()?, boot, time.parse().ok()?))
        }
        _ => None,
    }
}

/// A program's name without what means something in a file's name.
fn escape(comm: &str) -> String {
    let mut out = String::new();
    for byte in comm.bytes().take(COMM_MAX) {
        match byte {
            b'.' | b'/' | b'\\' | b' ' | 0..=31 | 127.. => out.push_str(&format!("\\x{byte:02x}")),
            other => out.push(char::from(other)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_as_systemd_names_it() {
        for (comm, expected) in [
            ("etcd", "core.etcd.0.0123456789abcdef0123456789abcdef.7.1795543800000000"),
            ("a b/c.d", "core.a\\x20b\\x2fc\\x2ed.0.0123456789abcdef0123456789abcdef.7.1795543800000000"),
            ("", "core..0.0123456789abcdef0123456789abcdef.7.1795543800000000"),
        ] {
            let record = Record {
                comm: comm.into(),
                boot_id: "0123456789abcdef0123456789abcdef".into(),
                pid: 7,
                time_us: 1_795_543_800_000_000,
                ..Record::default()
            };
            let stem = stem(&record);
            assert_eq!(stem, expected);
            for end in ["", PACKED, RECORD] {
                assert_eq!(time_us(&format!("{stem}{end}")), Some(record.time_us));
                assert_eq!(boot_id(&format!("{stem}{end}")), Some(&*record.boot_id));
            }
        }
    }

    #[test]
    fn other_files_are_not_ours() {
        for file in ["", "core", "core.1", "x.zst", "core.a.b.c.d.e", "core.a.0.0123.7.1", "README.json"] {
            assert_eq!(time_us(file), None, "{file}");
        }
    }
}
