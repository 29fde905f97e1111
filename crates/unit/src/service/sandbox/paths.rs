//! What a sandbox means for the file system that a service sees.

use std::collections::BTreeMap;

use super::{Access, PrivateTmp, ProtectControlGroups, ProtectHome, ProtectSystem, Rule, Sandbox};

/// What the kernel lets be set at run time.
const TUNABLES: [&str; 14] = [
    "/proc/acpi",
    "/proc/apm",
    "/proc/asound",
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/latency_stats",
    "/proc/mtrr",
    "/proc/scsi",
    "/proc/sys",
    "/proc/sysrq-trigger",
    "/proc/timer_stats",
    "/sys",
    "/sys/fs/bpf",
];

impl Sandbox {
    /// The rules for paths, `own` being folders that the service may always write to. The later of
    /// two for one path holds.
    pub fn path_rules(&self, own: &[String]) -> Vec<Rule<Access>> {
        let mut rules = Vec::new();
        let mut add = |effect: Access, paths: &[&str]| {
            rules.extend(paths.iter().map(|path| Rule { path: (*path).to_owned(), effect, optional: true }));
        };
        match self.protect_system {
            ProtectSystem::No => {}
            ProtectSystem::Yes => add(Access::ReadOnly, &["/usr", "/boot", "/efi"]),
            ProtectSystem::Full => add(Access::ReadOnly, &["/usr", "/boot", "/efi", "/etc"]),
            ProtectSystem::Strict => {
                add(Access::ReadOnly, &["/"]);
                add(Access::Writable, &["/dev", "/proc", "/sys"]);
            }
        }
        match self.protect_home {
            ProtectHome::No | ProtectHome::Tmpfs => {}
            ProtectHome::Yes => add(Access::Inaccessible, &HOMES),
            ProtectHome::ReadOnly => add(Access::ReadOnly, &HOMES),
        }
        if self.protect_kernel_tunables {
            add(Access::ReadOnly, &TUNABLES);
            add(Access::Inaccessible, &["/proc/kallsyms", "/proc/kcore"]);
            // Its own setting speaks of it.
            add(Access::Writable, &["/sys/fs/cgroup"]);
        }
        match self.protect_control_groups {
            ProtectControlGroups::No => {}
            ProtectControlGroups::Private => add(Access::Writable, &["/sys/fs/cgroup"]),
            ProtectControlGroups::Yes | ProtectControlGroups::Strict => {
                add(Access::ReadOnly, &["/sys/fs/cgroup"]);
            }
        }
        if self.protect_kernel_modules {
            add(Access::Inaccessible, &["/usr/lib/modules"]);
        }
        if self.protect_kernel_logs {
            add(Access::Inaccessible, &["/dev/kmsg", "/proc/kmsg"]);
        }
        if self.private_devices {
            add(Access::ReadOnly, &["/dev"]);
            add(Access::Writable, &["/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/hugepages"]);
        }
        if self.private_tmp != PrivateTmp::No {
            add(Access::Writable, &["/tmp", "/var/tmp"]);
        }
        add(Access::Writable, &own.iter().map(String::as_str).collect::<Vec<_>>());
        rules.extend(self.paths.iter().cloned());
        // A mount that hides everything comes with rules for all that is below it.
        let mut last: BTreeMap<String, Rule<Access>> = BTreeMap::new();
        for rule in rules {
            last.insert(rule.path.clone(), rule);
        }
        last.into_values().collect()
    }

    /// What may be executed. Of the folders of devices nothing may, but where memory is shared.
    pub fn exec_rules(&self) -> Vec<Rule<bool>> {
        let own = [("/dev", false), ("/dev/shm", true)].into_iter().filter(|_| self.private_devices);
        let own = own.map(|(path, effect)| Rule { path: path.to_owned(), effect, optional: true });
        own.chain(self.exec_paths.iter().cloned()).collect()
    }

    /// Empty file systems in memory: path and mount options.
    pub fn temporary_file_systems(&self) -> Vec<(String, String)> {
        let mut all = self.temporary.clone();
        if self.private_tmp == PrivateTmp::Disconnected {
            let options = "mode=1777,strictatime".to_owned();
            all.extend(["/tmp", "/var/tmp"].map(|path| (path.to_owned(), options.clone())));
        }
        if self.protect_home == ProtectHome::Tmpfs {
            all.extend(HOMES.map(|path| (path.to_owned(), "mode=0755,ro".to_owned())));
        }
        all
    }
}

/// Where people's files are.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// How a path may be used by these rules.
pub fn access(rules: &[Rule<Access>], path: &str) -> Access {
    deciding(rules, path).copied().unwrap_or(Access::Writable)
}

/// Whether what is at a path may be executed by these rules.
pub fn may_execute(rules: &[Rule<bool>], path: &str) -> bool {
    deciding(rules, path).copied().unwrap_or(true)
}

/// What the rule for the longest path above a path, or for it itself, says.
fn deciding<'a, T>(rules: &'a [Rule<T>], path: &str) -> Option<&'a T> {
    let rules = rules.iter().filter(|rule| is_at_or_below(path, &rule.path));
    rules.max_by_key(|rule| rule.path.len()).map(|rule| &rule.effect)
}

fn is_at_or_below(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str, effect: Access) -> Rule<Access> {
        Rule { path: path.to_owned(), effect, optional: false }
    }

    #[test]
    fn the_longest_path_decides() {
        let rules = [
            rule("/", Access::ReadOnly),
            rule("/var/lib/x", Access::Writable),
            rule("/var/lib/x/secret", Access::Inaccessible),
        ];
        for (path, expected) in [
            ("/", Access::ReadOnly),
            ("/etc/passwd", Access::ReadOnly),
            ("/var/lib/x", Access::Writable),
            ("/var/lib/xy", Access::ReadOnly),
            ("/var/lib/x/data", Access::Writable),
            ("/var/lib/x/secret/key", Access::Inaccessible),
        ] {
            assert_eq!(access(&rules, path), expected, "{path}");
        }
        assert_eq!(access(&[], "/"), Access::Writable);
    }

    #[test]
    fn a_strict_system_leaves_what_the_service_owns() {
        let sandbox = Sandbox {
            protect_system: ProtectSystem::Strict,
            protect_home: ProtectHome::Yes,
            paths: vec![rule("/srv", Access::Writable)],
            ..Sandbox::default()
        };
        let rules = sandbox.path_rules(&["/var/lib/own".to_owned()]);
        for (path, expected) in [
            ("/usr/bin/x", Access::ReadOnly),
            ("/dev/null", Access::Writable),
            ("/proc/self", Access::Writable),
            ("/home/a", Access::Inaccessible),
            ("/var/lib/own/file", Access::Writable),
            ("/var/lib/other", Access::ReadOnly),
            ("/srv/www", Access::Writable),
        ] {
            assert_eq!(access(&rules, path), expected, "{path}");
        }
    }
}
