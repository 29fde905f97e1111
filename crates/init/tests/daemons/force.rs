//! What a unit file promises to keep a daemon from, and what the kernel says of the daemon's process:
//! neither is asked of PID 1.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The settings of a unit file's `[Service]`, by name: all lines of each.
pub struct Asked(BTreeMap<String, Vec<String>>);

impl Asked {
    pub fn read(file: &Path) -> Asked {
        let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in fs::read_to_string(file).unwrap().replace("\\\n", " ").lines() {
            if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                settings.entry(name.to_owned()).or_default().push(value.trim().to_owned());
            }
        }
        Asked(settings)
    }

    fn last(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.last().map(String::as_str)
    }

    fn is_on(&self, name: &str) -> bool {
        self.last(name).is_some_and(|value| matches!(value, "yes" | "true" | "1" | "on"))
    }

    fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.0.contains_key(*name))
    }

    /// The capabilities that remain, where its lines name only those that do not, or only those that do.
    fn bounding(&self) -> Option<u64> {
        let mut set = u64::MAX;
        for line in self.0.get("CapabilityBoundingSet")? {
            let number = |name: &str| unit::text::capability::number(name).unwrap();
            let named = |line: &str| line.split_whitespace().fold(0, |set, name| set | 1 << number(name));
            match line.strip_prefix('~') {
                Some(rest) => set &= !named(rest),
                None => set = if set == u64::MAX { named(line) } else { set | named(line) },
            }
        }
        Some(set)
    }
}

/// A process, as /proc shows it outside its namespaces.
pub struct Process(PathBuf);

impl Process {
    /// The process that has a number in the PID namespace of another.
    pub fn find(init: u32, number: i32) -> Process {
        let space = |path: &Path| fs::read_link(path.join("ns/pid")).ok();
        let wanted = space(&PathBuf::from(format!("/proc/{init}")));
        let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let mut found = processes.filter(|path| space(path) == wanted).map(Process);
        found
            .find(|process| process.field("NSpid").split_whitespace().last() == Some(&number.to_string()))
            .unwrap()
    }

    fn field(&self, name: &str) -> String {
        let text = fs::read_to_string(self.0.join("status")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    }

    fn capabilities(&self, name: &str) -> u64 {
        u64::from_str_radix(&self.field(name), 16).unwrap()
    }

    fn shares(&self, other: &Process, namespace: &str) -> bool {
        let link = |process: &Process| fs::read_link(process.0.join("ns").join(namespace)).unwrap();
        link(self) == link(other)
    }

    /// What is mounted last at a path: its own options, its file system, the folder of it that is shown.
    fn mount(&self, place: &str) -> Option<(String, String, String)> {
        let text = fs::read_to_string(self.0.join("mountinfo")).unwrap();
        let line = text.lines().rfind(|line| line.split(' ').nth(4) == Some(place))?;
        let (front, back) = line.split_once(" - ")?;
        let fields: Vec<&str> = front.split(' ').collect();
        Some((fields[5].to_owned(), back.split(' ').next()?.to_owned(), fields[3].to_owned()))
    }

    fn is_read_only(&self, place: &str) -> bool {
        self.mount(place).is_some_and(|(options, ..)| options.split(',').any(|option| option == "ro"))
    }

    /// What is not as the unit file says.
    pub fn misses(&self, asked: &Asked, init: &Process) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut expect = |asked: bool, what: &str, holds: bool| {
            if asked && !holds {
                wrong.push(what.to_owned());
            }
        };
        expect(asked.is_on("NoNewPrivileges"), "NoNewPrivs", self.field("NoNewPrivs") == "1");
        let filtering =
            ["SystemCallFilter", "RestrictAddressFamilies", "MemoryDenyWriteExecute", "RestrictNamespaces"];
        expect(asked.has_any(&filtering), "Seccomp", self.field("Seccomp") == "2");
        if let Some(set) = asked.bounding() {
            let beyond = self.capabilities("CapBnd") & !set;
            expect(true, &format!("CapBnd: {beyond:x} too many"), beyond == 0);
            let others = set & !self.capabilities("CapBnd") & init.capabilities("CapBnd");
            // What other settings take away: to make nodes, raw input and output, modules, logs, clocks.
            let taken = 1 << 27 | 1 << 17 | 1 << 16 | 1 << 34 | 1 << 25 | 1 << 35;
            expect(true, &format!("CapBnd: {others:x} too few"), others & !taken == 0);
        }
        expect(!asked.has_any(&["AmbientCapabilities"]), "no CapAmb", self.capabilities("CapAmb") == 0);
        expect(asked.has_any(&["User"]), "User", !self.field("Uid").starts_with("0\t"));
        for (name, namespace) in [
            ("PrivateUsers", "user"),
            ("PrivateNetwork", "net"),
            ("ProtectHostname", "uts"),
            ("PrivateIPC", "ipc"),
        ] {
            expect(asked.is_on(name), name, !self.shares(init, namespace));
            expect(!asked.has_any(&[name]), &format!("{name}: not asked"), self.shares(init, namespace));
        }
        let strict = asked.last("ProtectSystem") == Some("strict");
        expect(strict, "ProtectSystem=strict", self.is_read_only("/"));
        expect(asked.last("ProtectSystem") == Some("full"), "ProtectSystem=full", self.is_read_only("/etc"));
        expect(asked.has_any(&["ProtectSystem"]), "ProtectSystem", strict || self.is_read_only("/usr"));
        let private = self.mount("/tmp").is_some_and(|(_, _, root)| root.contains("berth-private"));
        expect(asked.is_on("PrivateTmp"), "PrivateTmp", private);
        let own_dev = self.mount("/dev").is_some_and(|(options, _, _)| options.contains("noexec"));
        expect(asked.is_on("PrivateDevices"), "PrivateDevices", own_dev && self.is_read_only("/dev"));
        let closed = self.mount("/root").is_some_and(|(_, kind, _)| kind == "tmpfs");
        expect(asked.is_on("ProtectHome"), "ProtectHome", closed);
        expect(asked.is_on("ProtectKernelTunables"), "ProtectKernelTunables", self.is_read_only("/sys"));
        expect(
            asked.is_on("ProtectControlGroups"),
            "ProtectControlGroups",
            self.is_read_only("/sys/fs/cgroup") || strict,
        );
        let own_proc = self.mount("/proc").is_some_and(|(options, ..)| options.contains("nosuid"));
        expect(asked.has_any(&["ProtectProc", "ProcSubset"]), "ProtectProc", own_proc);
        expect(
            asked.has_any(&["NoExecPaths"]),
            "NoExecPaths",
            self.mount("/").is_some_and(|(options, ..)| options.contains("noexec")),
        );
        wrong
    }
}
