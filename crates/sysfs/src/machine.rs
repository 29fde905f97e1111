//! What `[Match]` of `.link`, `.network` and `.netdev` files may ask of the machine.

use std::fs;

use devices::net::matching::Condition;
use unit::condition::{compare_versions, comparison, satisfies};
use unit::text::glob;
use unit::virt;

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The kernel's command line.
pub fn command_line() -> String {
    read("/proc/cmdline").unwrap_or_default()
}

/// Whether a condition holds, without its negation.
pub fn holds(condition: &Condition) -> bool {
    let value = condition.value.as_str();
    match condition.key.as_str() {
        "Host" => {
            let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
            let id = read("/etc/machine-id").unwrap_or_default();
            glob::matches(value, &name) || value == id.trim()
        }
        "Virtualization" => virt::matches(value, virt::detect(read)),
        "KernelCommandLine" => is_on(&command_line(), value),
        "KernelVersion" => {
            let release = sys::machine::kernel_release();
            value.split_whitespace().all(|word| is_version(word, &release))
        }
        "Architecture" => matches!(value, "x86-64" | "native"),
        _ => false,
    }
}

/// Whether a word, or `KEY=VALUE`, is on a command line; a word alone also with any value.
fn is_on(line: &str, wanted: &str) -> bool {
    layout::args::words(line).any(|(name, value)| match wanted.split_once('=') {
        Some((key, text)) => name == key && value.as_deref() == Some(text),
        None => name == wanted,
    })
}

fn is_version(word: &str, release: &str) -> bool {
    match comparison(word) {
        ("=", pattern) if !word.starts_with('=') || pattern.contains(['*', '?', '[']) => {
            glob::matches(pattern, release)
        }
        (operator, version) => satisfies(operator, compare_versions(release, version)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        assert!(is_on("quiet a=b", "quiet") && is_on("quiet a=b", "a") && is_on("quiet a=b", "a=b"));
        assert!(!is_on("quiet a=b", "a=c") && !is_on("", "quiet"));
        for (word, holds) in [(">=6.1", true), ("<6.1", false), ("6.12.*", true), ("5.*", false)] {
            assert_eq!(is_version(word, "6.12.9-berth"), holds, "{word}");
        }
    }
}
