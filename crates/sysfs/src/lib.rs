//! Layer: effects. sysfs as it is mounted: what [`devices`] looks at machines through. Also what else
//! files of settings for devices may ask of the machine.
#![forbid(unsafe_code)]

pub mod machine;

use std::cell::RefCell;
use std::collections::BTreeMap;
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

/// sysfs as it is while one piece of work is done: what was looked at is not looked at again. A disk's name
/// is made of what each device above it says, and its partitions' names of the same.
#[derive(Debug, Default)]
pub struct View {
    files: RefCell<BTreeMap<String, Option<Vec<u8>>>>,
    links: RefCell<BTreeMap<String, Option<String>>>,
    there: RefCell<BTreeMap<String, bool>>,
}

impl Sysfs for View {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        once(&self.files, path, |path| Kernel.read(path))
    }

    fn link(&self, path: &str) -> Option<String> {
        once(&self.links, path, |path| Kernel.link(path))
    }

    fn list(&self, path: &str) -> Vec<String> {
        Kernel.list(path)
    }

    fn exists(&self, path: &str) -> bool {
        let is_read = self.files.borrow().get(path).is_some_and(Option::is_some);
        is_read || once(&self.there, path, |path| Kernel.exists(path))
    }
}

fn once<T: Clone>(known: &RefCell<BTreeMap<String, T>>, path: &str, ask: impl FnOnce(&str) -> T) -> T {
    if let Some(answer) = known.borrow().get(path) {
        return answer.clone();
    }
    let answer = ask(path);
    known.borrow_mut().insert(path.to_owned(), answer.clone());
    answer
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
    use super::{Sysfs, View, resolved};

    #[test]
    fn a_view_stays_as_it_was_first_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (file, link, late) = (path("file"), path("link"), path("late"));
        std::fs::write(&file, "1").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        let view = View::default();
        let look = |view: &View| (view.read(&file), view.link(&link), view.exists(&late), view.read(&late));
        let first = look(&view);
        assert_eq!(first, (Some(b"1".to_vec()), Some(file.clone()), false, None));
        std::fs::write(&file, "2").unwrap();
        std::fs::remove_file(&link).unwrap();
        std::fs::write(&late, "").unwrap();
        assert_eq!(look(&view), first);
        assert_eq!(look(&View::default()), (Some(b"2".to_vec()), None, true, Some(vec![])));
    }

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
