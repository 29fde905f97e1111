//! The processes of control groups, as a tree.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the hierarchy is.
pub const CGROUPS: &str = "/sys/fs/cgroup";

/// A control group and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its processes, with their command lines.
    pub processes: Vec<(i32, String)>,
    /// The groups below it that are not empty.
    pub groups: Vec<Group>,
}

/// Reads a group and those below it.
pub fn read(path: &Path) -> Group {
    let text = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    let pids = text.lines().filter_map(|line| line.parse().ok());
    let processes = pids.map(|pid| (pid, command_line(pid))).collect();
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let groups: Vec<Group> =
        folders.iter().map(|folder| read(folder)).filter(|group| !group.is_empty()).collect();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Group { name, processes, groups }
}

impl Group {
    fn is_empty(&self) -> bool {
        self.processes.is_empty() && self.groups.is_empty()
    }

    /// The lines of the tree below the group.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.add_lines("", &mut lines);
        lines
    }

    fn add_lines(&self, indent: &str, lines: &mut Vec<String>) {
        let width = self.processes.iter().map(|(pid, _)| pid.to_string().len()).max().unwrap_or(0);
        let count = self.groups.len() + self.processes.len();
        let branch = |index: usize| if index + 1 == count { "\u{2514}\u{2500}" } else { "\u{251c}\u{2500}" };
        for (index, (pid, command)) in self.processes.iter().enumerate() {
            lines.push(format!("{indent}{}{pid:>width$} {command}", branch(index)));
        }
        for (index, group) in self.groups.iter().enumerate() {
            let index = index + self.processes.len();
            lines.push(format!("{indent}{}{}", branch(index), group.name));
            let stem = if index + 1 == count { "  " } else { "\u{2502} " };
            group.add_lines(&format!("{indent}{stem}"), lines);
        }
    }
}

/// The name of a process's program.
pub fn command(pid: i32) -> String {
    // A process names itself, in any bytes.
    let bytes = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    one_line(&String::from_utf8_lossy(&bytes)).trim().to_owned()
}

/// A text without what would move a terminal's cursor.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A process's arguments, or its program's name in brackets where it has none.
fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = one_line(&String::from_utf8_lossy(&bytes));
    match text.trim() {
        "" => format!("[{}]", command(pid)),
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_processes_as_a_tree() {
        let group = Group {
            name: "a.service".into(),
            processes: vec![(7, "/bin/a".into()), (123, "/bin/b x".into())],
            groups: vec![Group { name: "own".into(), processes: vec![(9, "/bin/c".into())], groups: vec![] }],
        };
        assert_eq!(
            group.lines(),
            [
                "\u{251c}\u{2500}  7 /bin/a",
                "\u{251c}\u{2500}123 /bin/b x",
                "\u{2514}\u{2500}own",
                "  \u{2514}\u{2500}9 /bin/c",
            ]
        );
    }

    #[test]
    fn a_name_moves_no_cursor() {
        // Written to comm(5) by the thread itself; the kernel cuts it at 15 bytes.
        let name = std::thread::spawn(|| {
            fs::write("/proc/thread-self/comm", "a\x1b[2J\nb").unwrap();
            let own = fs::read_link("/proc/thread-self").unwrap();
            command(own.file_name().unwrap().to_str().unwrap().parse().unwrap())
        });
        assert_eq!(name.join().unwrap(), "a [2J b");
    }

    #[test]
    fn a_group_is_read_with_those_below_it() {
        let folder = tempfile::tempdir().unwrap();
        let own = std::process::id() as i32;
        for (group, pids) in
            [("", format!("{own}\n")), ("b", format!("{own}\n{own}\n")), ("a", String::new())]
        {
            let path = folder.path().join(group);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("cgroup.procs"), pids).unwrap();
        }
        let group = read(folder.path());
        let pids = |group: &Group| group.processes.iter().map(|(pid, _)| *pid).collect::<Vec<_>>();
        assert_eq!(pids(&group), [own]);
        // The empty one is not shown.
        assert_eq!(group.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["b"]);
        assert_eq!(pids(&group.groups[0]), [own, own]);
        assert!(!group.processes[0].1.is_empty());
    }
}
