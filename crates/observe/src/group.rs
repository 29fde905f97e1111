//! What a control group uses (the kernel's admin-guide/cgroup-v2.rst).

use crate::Root;

/// Where the hierarchy is.
const CGROUPS: &str = "/sys/fs/cgroup";

/// What a control group uses; none of what its controllers do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Processor time, in microseconds.
    pub cpu_us: Option<u64>,
    /// Processes and threads.
    pub tasks: Option<u64>,
    /// Bytes read from block devices.
    pub read_bytes: Option<u64>,
    /// Bytes written to them.
    pub written_bytes: Option<u64>,
}

impl Usage {
    /// Of the group at a path below the root of the hierarchy.
    pub fn of(root: &Root, group: &str) -> Usage {
        let file = |name: &str| root.read(&format!("{CGROUPS}/{}/{name}", group.trim_matches('/'))).ok();
        let number = |name: &str| file(name)?.trim().parse().ok();
        let io = file("io.stat");
        Usage {
            memory: number("memory.current"),
            cpu_us: file("cpu.stat").and_then(|text| word_after(&text, "usage_usec")),
            tasks: number("pids.current"),
            read_bytes: io.as_deref().map(|text| sum(text, "rbytes=")),
            written_bytes: io.as_deref().map(|text| sum(text, "wbytes=")),
        }
    }
}

/// The groups of units, each a unit's name and its path; what is inside a unit's group is its own.
pub fn units(root: &Root) -> Vec<(String, String)> {
    let mut found = Vec::new();
    add_units(root, "", 0, &mut found);
    found
}

/// How deep slices may lie in each other.
const DEPTH_MAX: usize = 16;

fn add_units(root: &Root, folder: &str, depth: usize, found: &mut Vec<(String, String)>) {
    for name in root.names(&format!("{CGROUPS}/{folder}")) {
        let path = format!("{folder}/{name}");
        if name.ends_with(".slice") {
            found.push((name, path.clone()));
            if depth < DEPTH_MAX {
                add_units(root, &path, depth + 1, found);
            }
        } else if unit::cgroup::is_of_unit(&name) {
            found.push((name, path));
        }
    }
}

fn word_after(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// The sum of a figure of all devices. A device that another is made of counts for itself.
fn sum(text: &str, name: &str) -> u64 {
    let numbers = text.split_whitespace().filter_map(|word| word.strip_prefix(name)?.parse::<u64>().ok());
    numbers.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn units_are_found_in_slices_and_not_in_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        for group in ["init", "system.slice/a.service/b.service", "x.slice/x-y.slice/c.service"] {
            fs::create_dir_all(root.path("/sys/fs/cgroup").join(group)).unwrap();
        }
        let found: Vec<String> = units(&root).into_iter().map(|(_, path)| path).collect();
        assert_eq!(
            found,
            [
                "/system.slice",
                "/system.slice/a.service",
                "/x.slice",
                "/x.slice/x-y.slice",
                "/x.slice/x-y.slice/c.service"
            ]
        );
    }

    #[test]
    fn what_is_counted_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let group = root.path("/sys/fs/cgroup/system.slice/a.service");
        fs::create_dir_all(&group).unwrap();
        for (file, text) in [
            ("memory.current", "4096\n"),
            ("cpu.stat", "usage_usec 1500\nuser_usec 1000\n"),
            ("io.stat", "254:0 rbytes=10 wbytes=1 rios=1\n8:0 rbytes=5 wbytes=2 rios=1\n"),
        ] {
            fs::write(group.join(file), text).unwrap();
        }
        let expected = Usage {
            memory: Some(4096),
            cpu_us: Some(1500),
            tasks: None,
            read_bytes: Some(15),
            written_bytes: Some(3),
        };
        assert_eq!(Usage::of(&root, "system.slice/a.service"), expected);
        assert_eq!(Usage::of(&root, "none"), Usage::default());
    }
}
