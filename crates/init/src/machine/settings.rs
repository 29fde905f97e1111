//! Kernel settings (sysctl.d(5)).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders of settings, the first winning over one of the same name later.
const FOLDERS: [&str; 3] = ["/etc/sysctl.d", "/run/sysctl.d", "/usr/lib/sysctl.d"];
const ROOT: &str = "/proc/sys";

/// Memory that the kernel keeps free for itself; its unit is KiB.
const RESERVE: &str = "/proc/sys/vm/min_free_kbytes";

/// A setting: its path below /proc/sys, its value, whether it may fail.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    path: String,
    value: String,
    optional: bool,
}

/// Applies all settings; those that do not exist (their module is not loaded) are passed over.
pub fn apply() -> Vec<Result<()>> {
    let mut results = vec![set_reserve()];
    for path in super::configuration(&FOLDERS).into_values() {
        match fs::read_to_string(&path) {
            Ok(text) => results.extend(parse(&text).iter().map(write)),
            Err(error) => results.push(Err(error).with_context(|| format!("cannot read {}", path.display()))),
        }
    }
    results
}

/// Sets the reserve back to what the kernel computes for this machine's memory. With transparent
/// huge pages it raises that to 66 MiB however small the machine is (mm/khugepaged.c,
/// set_recommended_min_free_kbytes), which a small one cannot spare.
fn set_reserve() -> Result<()> {
    let memory = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
    let total = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    let total = total.context("/proc/meminfo names no MemTotal")?;
    fs::write(RESERVE, reserve(total).to_string()).with_context(|| format!("cannot set {RESERVE}"))
}

/// The kernel's own figure for so much memory, both in KiB (mm/page_alloc.c,
/// calculate_min_free_kbytes).
fn reserve(memory: u64) -> u64 {
    memory.saturating_mul(16).isqrt().clamp(128, 262_144)
}

fn write(setting: &Setting) -> Result<()> {
    for path in targets(&setting.path) {
        let written = fs::write(&path, &setting.value);
        if !setting.optional {
            written.with_context(|| format!("cannot set {} to {:?}", path.display(), setting.value))?;
        }
    }
    Ok(())
}

/// The files that a path, with wildcards in it, stands for.
fn targets(path: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from(ROOT)];
    for part in path.split('/') {
        let mut next = Vec::new();
        for folder in found {
            if !part.contains('*') {
                next.push(folder.join(part));
                continue;
            }
            let names = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
            let names = names.filter(|name| unit::text::glob::matches(part, &name.to_string_lossy()));
            next.extend(names.map(|name| folder.join(name)));
        }
        found = next;
    }
    found.retain(|path: &PathBuf| Path::exists(path));
    found
}

fn parse(text: &str) -> Vec<Setting> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    lines
        .filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            let (key, optional) = match key.trim().strip_prefix('-') {
                Some(key) => (key.trim(), true),
                None => (key.trim(), false),
            };
            // The first separator tells which one is used; the other then stands for itself.
            let dots = key.find(['.', '/']).is_some_and(|at| key[at..].starts_with('.'));
            let swap = |c| match c {
                '.' => '/',
                '/' => '.',
                other => other,
            };
            let path = if dots { key.chars().map(swap).collect() } else { key.to_owned() };
            let inside = !path.split('/').any(|part| matches!(part, "" | ".."));
            inside.then(|| Setting { path, value: value.trim().to_owned(), optional })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_follows_the_memory() {
        for (memory, expected) in
            [(0, 128), (512 << 10, 2896), (2 << 20, 5792), (1 << 28, 65_536), (u64::MAX, 262_144)]
        {
            assert_eq!(reserve(memory), expected);
        }
    }

    #[test]
    fn reads_settings_as_sysctl_does() {
        let text = "# no\n; no\nnet.ipv4.ip_forward = 1\n-kernel/x.y=a b\nnet.ipv4.conf.eth0/1.rp_filter=2\n\
                    nonsense\n../etc/passwd=x\n";
        let got: Vec<_> = parse(text).into_iter().map(|s| (s.path, s.value, s.optional)).collect();
        let expected = [
            ("net/ipv4/ip_forward", "1", false),
            ("kernel/x.y", "a b", true),
            ("net/ipv4/conf/eth0.1/rp_filter", "2", false),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(path, value, optional)| ((*path).into(), (*value).into(), *optional))
            .collect();
        assert_eq!(got, expected);
    }
}
