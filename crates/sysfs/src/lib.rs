//! Layer: effects. sysfs as it is mounted: what [`devices`] looks at machines through.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::Read;

use devices::sysfs::Sysfs;

/// So much of a file is read: attributes are a page at most.
const LONGEST: usize = 4096;

/// sysfs as it is mounted.
#[derive(Debug, Clone, Copy)]
pub struct Kernel;

impl Sysfs for Kernel {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        // The kernel gives the whole of an attribute to one read.
        let mut bytes = [0; LONGEST];
        let length = File::open(path).ok()?.read(&mut bytes).ok()?;
        Some(bytes[..length].to_vec())
    }

    fn link(&self, path: &str) -> Option<String> {
        let target = fs::read_link(path).ok()?.into_os_string().into_string().ok()?;
        Some(resolved(path, &target))
    }

    fn list(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    fn exists(&self, path: &str) -> bool {
        fs::metadata(path).is_ok()
    }
}

/// Where a link leads. Links of sysfs say so by `..` from the folder that they are in, and the folders of
/// devices are no links: no need to ask the kernel for each part.
fn resolved(link: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::resolved;

    #[test]
    fn links_lead_from_the_folder_that_they_are_in() {
        for (link, target, expected) in [
            ("/sys/class/net/lo", "../../devices/virtual/net/lo", "/sys/devices/virtual/net/lo"),
            ("/sys/devices/a/b/subsystem", "../../../class/block", "/sys/class/block"),
            ("/sys/x", "y", "/sys/y"),
            ("/sys/x", "/sys/z", "/sys/z"),
        ] {
            assert_eq!(resolved(link, target), expected, "{link} -> {target}");
        }
    }
}
