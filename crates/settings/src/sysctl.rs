//! Kernel settings (sysctl.d(5)).

use std::collections::BTreeSet;

use crate::path::{is_below, is_pattern, matches, parts};
use crate::{Fault, Severity, Source, lines};

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its path below `/proc/sys`, or a pattern for several.
    pub path: String,
    /// What is written; nothing where the line keeps the path from patterns.
    pub value: Option<String>,
    /// Whether it may fail.
    pub optional: bool,
}

/// The settings of some files; of two for one path the later counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    list: Vec<Setting>,
    prefixes: Vec<String>,
}

impl Settings {
    /// Settings of which only those below a prefix are taken, where there are prefixes.
    pub fn new(prefixes: &[String]) -> Settings {
        let prefixes = prefixes.iter().map(|prefix| {
            let path = normalize(prefix);
            let inside =
                path.strip_prefix("proc/sys").filter(|rest| rest.is_empty() || rest.starts_with('/'));
            inside.map_or(path.clone(), |rest| rest.trim_start_matches('/').to_owned())
        });
        Settings { list: Vec::new(), prefixes: prefixes.collect() }
    }

    /// Adds a file's lines to those before. Returns what is wrong with them.
    pub fn add(&mut self, source: &Source) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (at, line) in lines(source, &['#', ';']) {
            let mut fault =
                |text: String| faults.push(Fault { at: at.clone(), severity: Severity::Error, text });
            let (key, value) = match line.split_once('=') {
                Some((key, value)) => (key, Some(value.trim().to_owned())),
                None => (line, None),
            };
            let dashed = key.strip_prefix('-');
            if value.is_none() && dashed.is_none() {
                fault(format!("{line} is no assignment (KEY = VALUE)"));
                continue;
            }
            let path = normalize(dashed.unwrap_or(key).trim());
            if path.is_empty() || parts(&path).any(|part| part == "..") {
                fault(format!("{key} is no name of a setting"));
                continue;
            }
            if !is_pattern(&path) && !self.is_wanted(&path) {
                continue;
            }
            let optional = dashed.is_some() && value.is_some();
            match self.list.iter().position(|other| other.path == path) {
                Some(same) if self.list[same].value == value => self.list[same].optional |= optional,
                earlier => {
                    earlier.map(|earlier| self.list.remove(earlier));
                    self.list.push(Setting { path, value, optional });
                }
            }
        }
        faults
    }

    /// The settings to write, in order: a line of a pattern for each of the paths that `find` gives for it
    /// and that no line names.
    pub fn writes(&self, mut find: impl FnMut(&str) -> Vec<String>) -> Vec<Setting> {
        let named: BTreeSet<&str> = self.list.iter().map(|setting| setting.path.as_str()).collect();
        let mut writes = Vec::new();
        for setting in self.list.iter().filter(|setting| setting.value.is_some()) {
            if !is_pattern(&setting.path) {
                writes.push(setting.clone());
                continue;
            }
            let mut found = find(&setting.path);
            found.retain(|path| !named.contains(path.as_str()) && self.is_wanted(path));
            writes.extend(found.into_iter().map(|path| Setting { path, ..setting.clone() }));
        }
        writes
    }

    fn is_wanted(&self, path: &str) -> bool {
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| is_below(path, prefix))
    }
}

/// A setting's path: the first separator tells which of `.` and `/` separates, and the other then stands for
/// itself.
pub fn normalize(key: &str) -> String {
    let dots = key.find(['.', '/']).is_some_and(|at| key[at..].starts_with('.'));
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    let path: String = if dots { key.chars().map(swap).collect() } else { key.to_owned() };
    parts(&path).collect::<Vec<_>>().join("/")
}

/// Whether a setting's path fits a line's pattern.
pub fn fits(pattern: &str, path: &str) -> bool {
    matches(pattern, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { path: "/x.conf".into(), text: text.to_owned() }
    }

    fn show(settings: &[Setting]) -> Vec<String> {
        let value = |setting: &Setting| setting.value.clone().unwrap_or_default();
        let dash = |setting: &Setting| if setting.optional { "-" } else { "" };
        settings.iter().map(|s| format!("{}{}={}", dash(s), s.path, value(s))).collect()
    }

    #[test]
    fn names_of_settings() {
        let cases = [
            ("a.b.c", "a/b/c"),
            ("a/b/c", "a/b/c"),
            ("a/b.c/d", "a/b.c/d"),
            ("a.b/c.d", "a/b.c/d"),
            ("net.ipv4.conf.enp3s0/200.forwarding", "net/ipv4/conf/enp3s0.200/forwarding"),
            ("net/ipv4/conf/enp3s0.200/forwarding", "net/ipv4/conf/enp3s0.200/forwarding"),
            ("a...b...c", "a/b/c"),
            ("a///b///c", "a/b/c"),
            (".a...b...c", "a/b/c"),
            ("/a///b///c", "a/b/c"),
        ];
        for (key, expected) in cases {
            assert_eq!(normalize(key), expected, "{key}");
        }
    }

    #[test]
    fn later_lines_win_and_nonsense_is_told() {
        let mut settings = Settings::default();
        let faults = settings.add(&source(
            "# no\n; no\nnet.ipv4.ip_forward = 1\n-kernel/x.y=a b\nvm.a=1\nnonsense\na/../../etc/passwd=x\nvm.a = 2\n\
             kernel.panic=\n",
        ));
        let texts: Vec<String> = faults.iter().map(Fault::to_string).collect();
        let expected = [
            "/x.conf:6: nonsense is no assignment (KEY = VALUE)",
            "/x.conf:7: a/../../etc/passwd is no name of a setting",
        ];
        assert_eq!(texts, expected);
        let writes = settings.writes(|_| Vec::new());
        assert_eq!(show(&writes), ["net/ipv4/ip_forward=1", "-kernel/x.y=a b", "vm/a=2", "kernel/panic="]);
    }

    #[test]
    fn patterns_leave_out_what_a_line_names() {
        let mut settings = Settings::default();
        settings.add(&source(
            "net.ipv4.conf.*.rp_filter=2\nnet.ipv4.conf.lo.rp_filter=0\n-net.ipv4.conf.all.rp_filter\n",
        ));
        let find = |pattern: &str| {
            let there = ["all", "eth0", "lo"].map(|name| format!("net/ipv4/conf/{name}/rp_filter"));
            there.into_iter().filter(|path| fits(pattern, path)).collect()
        };
        let expected = ["net/ipv4/conf/eth0/rp_filter=2", "net/ipv4/conf/lo/rp_filter=0"];
        assert_eq!(show(&settings.writes(find)), expected);
    }

    #[test]
    fn prefixes_choose() {
        for prefix in ["/net/ipv4/conf/hoge", "/proc/sys/net/ipv4/conf/hoge", "net.ipv4.conf.hoge"] {
            let mut settings = Settings::new(&[prefix.to_owned()]);
            settings
                .add(&source("net.ipv4.conf.*.a=1\nnet.ipv4.conf.lo.a=2\nvm.x=3\nnet.ipv4.conf.hoge.b=4\n"));
            let find = |_: &str| ["hoge", "eth0"].map(|name| format!("net/ipv4/conf/{name}/a")).to_vec();
            let expected = ["net/ipv4/conf/hoge/a=1", "net/ipv4/conf/hoge/b=4"];
            assert_eq!(show(&settings.writes(find)), expected, "{prefix}");
        }
    }
}
