//! Who a process is, by the kernel's word: the fields that begin with an underscore.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use journal::Fields;
use sys::credentials::Credentials;

/// What is known of a process holds for so long, in microseconds: it may run another program.
const FRESH_US: u64 = 1_000_000;
/// So many processes are remembered.
const MOST: usize = 128;
/// A longer command line is cut, in bytes.
const COMMAND_MAX: usize = 4096;

/// A process that logs.
#[derive(Debug)]
pub struct Process {
    /// The unit that it is of.
    pub unit: Option<String>,
    /// What is said of it.
    pub fields: Fields,
}

/// Processes that logged lately.
#[derive(Debug, Default)]
pub struct Processes {
    known: HashMap<u32, (u64, Credentials, Arc<Process>)>,
}

impl Processes {
    /// The process of those credentials, at `now_us` on the monotonic clock.
    pub fn get(&mut self, sender: Credentials, now_us: u64) -> Arc<Process> {
        if let Some((at_us, known, process)) = self.known.get(&sender.pid)
            && *known == sender
            && now_us.saturating_sub(*at_us) < FRESH_US
        {
            return process.clone();
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let process = Arc::new(look(sender));
        self.known.insert(sender.pid, (now_us, sender, process.clone()));
        process
    }
}

fn look(sender: Credentials) -> Process {
    let pid = sender.pid;
    let mut fields = Fields::default();
    if pid > 0 {
        fields.push("_PID", pid.to_string());
    }
    for (name, number) in [("_UID", sender.uid), ("_GID", sender.gid)] {
        fields.push(name, number.to_string());
    }
    if let Ok(comm) = fs::read(format!("/proc/{pid}/comm")) {
        fields.push("_COMM", comm.trim_ascii_end());
    }
    if let Ok(program) = fs::read_link(format!("/proc/{pid}/exe")) {
        fields.push("_EXE", program.as_os_str().as_encoded_bytes());
    }
    if let Ok(mut command) = fs::read(format!("/proc/{pid}/cmdline")) {
        command.truncate(COMMAND_MAX);
        while command.last() == Some(&0) {
            command.pop();
        }
        command.iter_mut().filter(|b| **b == 0).for_each(|b| *b = b' ');
        if !command.is_empty() {
            fields.push("_CMDLINE", command);
        }
    }
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let unit = place(&cgroups, &mut fields);
    Process { unit, fields }
}

/// The unit in the text of /proc/PID/cgroup; adds where in the tree it is.
fn place(cgroups: &str, fields: &mut Fields) -> Option<String> {
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::"))?;
    fields.push("_SYSTEMD_CGROUP", path);
    let unit = unit::cgroup::unit_in(path)?;
    fields.push("_SYSTEMD_UNIT", unit);
    let slice =
        path.split('/').take_while(|part| *part != unit).filter(|part| part.ends_with(".slice")).last();
    fields.push("_SYSTEMD_SLICE", slice.unwrap_or("-.slice"));
    Some(unit.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_in_the_tree_a_process_is() {
        let cases = [
            ("0::/system.slice/sshd.service\n", Some("sshd.service"), Some("system.slice")),
            ("0::/a.slice/a-b.slice/x.service/y.slice/b.service\n", Some("x.service"), Some("a-b.slice")),
            ("1:cpu:/x.service\n0::/init\n", Some("init.scope"), Some("-.slice")),
            ("0::/other\n", None, None),
            ("", None, None),
        ];
        for (text, unit, slice) in cases {
            let mut fields = Fields::default();
            assert_eq!(place(text, &mut fields).as_deref(), unit, "{text:?}");
            assert_eq!(fields.get("_SYSTEMD_SLICE"), slice.map(str::as_bytes), "{text:?}");
        }
    }

    #[test]
    fn of_a_process_of_another_namespace_only_user_and_group_are_known() {
        let process = look(Credentials { pid: 0, uid: 5, gid: 6 });
        assert_eq!(
            (process.unit, process.fields),
            (None, [("_UID", "5"), ("_GID", "6")].into_iter().collect())
        );
    }

    #[test]
    fn this_process_is_known_by_name_and_program() {
        let own = Credentials { pid: std::process::id(), uid: 5, gid: 6 };
        let mut processes = Processes::default();
        let process = processes.get(own, 0);
        let text = |name| String::from_utf8_lossy(process.fields.get(name).unwrap()).into_owned();
        assert_eq!((text("_PID"), text("_UID"), text("_GID")), (own.pid.to_string(), "5".into(), "6".into()));
        assert_eq!(text("_EXE"), std::env::current_exe().unwrap().to_str().unwrap());
        assert!(text("_CMDLINE").starts_with(&std::env::args().next().unwrap()));
        assert!(Arc::ptr_eq(&process, &processes.get(own, FRESH_US - 1)));
        assert!(!Arc::ptr_eq(&process, &processes.get(own, FRESH_US)));
        assert!(processes.get(Credentials { uid: 7, ..own }, FRESH_US).fields.get("_UID") == Some(b"7"));
    }
}
