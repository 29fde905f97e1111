//! The files that a spec takes from Debian packages, with the libraries that they need.

use crate::{elf, licence, read};
use anyhow::{Context as _, Result, bail};
use sandbox::{FILE_LISTS, Tree};
use spec::{Source, nearest};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The package whose certificates are joined into one bundle.
pub const CERTIFICATES: &str = "ca-certificates";

/// An unpacked set of packages.
pub struct Userland {
    tree: PathBuf,
    /// The packages that each file, or folder, is of, by path.
    owners: BTreeMap<String, BTreeSet<String>>,
}

impl Userland {
    /// Reads which file is of which package.
    ///
    /// # Errors
    /// The tree's lists cannot be read.
    pub fn open(tree: &Path) -> Result<Self> {
        let lists = tree.join(FILE_LISTS);
        let reading = || format!("reading {}", lists.display());
        let mut owners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entry in fs::read_dir(&lists).with_context(reading)? {
            let entry = entry.with_context(reading)?;
            let package = entry.file_name().to_string_lossy().into_owned();
            for line in fs::read_to_string(entry.path()).with_context(reading)?.lines() {
                // "./lib/x" of a package that predates the merge of /usr is "/usr/lib/x".
                let path = line.trim_start_matches('.').trim_end_matches('/');
                let merged = if path.starts_with("/usr/") || path.starts_with("/etc/") {
                    path.to_owned()
                } else {
                    format!("/usr{path}")
                };
                owners.entry(merged).or_default().insert(package.clone());
            }
        }
        Ok(Self { tree: tree.to_owned(), owners })
    }

    /// The host's path of a file.
    pub fn path(&self, path: &str) -> PathBuf {
        self.tree.join(path.trim_start_matches('/'))
    }

    /// The package that a file is of.
    pub fn owner(&self, path: &str) -> &str {
        self.owners.get(path).and_then(BTreeSet::first).map_or("unknown", String::as_str)
    }

    /// All files and links (directories opened up) that `wanted`, the `userland` of `source`, names, the
    /// targets of links, and the libraries that they need: absolute paths.
    ///
    /// # Errors
    /// A named file does not exist, or is of another package.
    pub fn select(
        &self,
        wanted: &BTreeMap<String, Vec<String>>,
        source: &Source,
    ) -> Result<BTreeSet<String>> {
        let mut selected = BTreeSet::new();
        for (package, paths) in wanted {
            for (index, path) in paths.iter().enumerate() {
                let wrong =
                    |message: String| source.error(&["userland", package, &index.to_string()], message);
                let path = path.trim_end_matches('/');
                if self.path(path).symlink_metadata().is_err() {
                    let hint = self.hint(package, path);
                    return Err(wrong(format!("package {package} has no file {path}{hint}")).into());
                }
                if !self.owners.get(path).is_some_and(|owners| owners.contains(package)) {
                    let owner = self.owner(path);
                    return Err(wrong(format!("{path} is of package {owner}, not of {package}")).into());
                }
                self.open_up(path, &mut selected)?;
            }
        }
        let libraries = elf::closure(&self.tree, &selected)?;
        for path in &libraries {
            self.open_up(path, &mut selected)?;
        }
        Ok(selected)
    }

    /// Adds `path`; if it is a directory, all below it; if a link, its target too.
    fn open_up(&self, path: &str, selected: &mut BTreeSet<String>) -> Result<()> {
        let host = self.path(path);
        let reading = || format!("reading {}", host.display());
        let kind = fs::symlink_metadata(&host).with_context(reading)?.file_type();
        if kind.is_dir() {
            for entry in fs::read_dir(&host).with_context(reading)? {
                let name = entry.with_context(reading)?.file_name();
                self.open_up(&format!("{path}/{}", name.to_string_lossy()), selected)?;
            }
        } else if selected.insert(path.to_owned()) && kind.is_symlink() {
            let target = fs::read_link(&host).with_context(reading)?;
            let target = resolve(path, &target.to_string_lossy());
            if self.path(&target).symlink_metadata().is_ok() {
                self.open_up(&target, selected)?;
            }
        }
        Ok(())
    }

    /// Where the package has a file of that name, or of one near it.
    fn hint(&self, package: &str, path: &str) -> String {
        let name = path.rsplit('/').next();
        let of_package = || {
            self.owners.iter().filter(|(_, owners)| owners.contains(package)).map(|(path, _)| path.as_str())
        };
        let found = of_package().find(|path| path.rsplit('/').next() == name);
        found
            .or_else(|| nearest(path, of_package()))
            .map(|path| format!("; it has {path}"))
            .unwrap_or_default()
    }

    /// That busybox has these programs, the `applets` of `source`, by its own account.
    ///
    /// # Errors
    /// It has not, or cannot be asked.
    pub fn require_applets(&self, applets: &BTreeSet<String>, source: &Source) -> Result<()> {
        if applets.is_empty() {
            return Ok(());
        }
        let command = Tree::at(self.tree.clone()).command("/usr/bin/busybox").arg("--list");
        let output = command.output().context("asking busybox for its programs")?;
        if !output.status.success() {
            bail!("asking busybox for its programs: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        all_known(applets, &String::from_utf8_lossy(&output.stdout), source)
    }

    /// Every certificate that Debian trusts by default, as one PEM text.
    ///
    /// # Errors
    /// A certificate cannot be read.
    pub fn certificate_bundle(&self) -> Result<String> {
        let mut paths = BTreeSet::new();
        self.open_up("/usr/share/ca-certificates", &mut paths)?;
        let mut bundle = String::new();
        for path in paths.iter().filter(|path| path.ends_with(".crt")) {
            let host = self.path(path);
            let text = read::text(&host)?;
            bundle.push_str(text.trim_end());
            bundle.push('\n');
        }
        if bundle.is_empty() {
            bail!("package {CERTIFICATES} holds no certificate");
        }
        Ok(bundle)
    }

    /// The licences that a package's copyright file names, as an SPDX expression; empty where it is not
    /// machine-readable.
    pub fn licence(&self, package: &str) -> String {
        let path = self.path(&format!("/usr/share/doc/{package}/copyright"));
        licence::of_debian(&fs::read_to_string(path).unwrap_or_default())
    }
}

/// That `applets` are all among `known`, a name a line.
fn all_known(applets: &BTreeSet<String>, known: &str, source: &Source) -> Result<()> {
    let known: BTreeSet<&str> = known.lines().collect();
    let Some(applet) = applets.iter().find(|applet| !known.contains(applet.as_str())) else {
        return Ok(());
    };
    let near = nearest(applet, known);
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let message = format!("Debian's busybox has no program `{applet}`{hint}");
    Err(source.error(&["applets", applet], message).into())
}

/// The absolute path that a link at `link` with content `target` leads to.
fn resolve(link: &str, target: &str) -> String {
    let mut parts: Vec<&str> = if target.starts_with('/') {
        Vec::new()
    } else {
        let mut parts: Vec<&str> = link.split('/').filter(|part| !part.is_empty()).collect();
        parts.pop();
        parts
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    let path = format!("/{}", parts.join("/"));
    // /lib, /bin and /sbin are links to their namesakes in /usr.
    if path.starts_with("/usr/") || path.starts_with("/etc/") { path } else { format!("/usr{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_where_the_kernel_would_go() {
        for (link, target, expected) in [
            ("/usr/lib/x/libz.so.1", "libz.so.1.3", "/usr/lib/x/libz.so.1.3"),
            ("/usr/lib64/ld.so", "../lib/x/ld.so", "/usr/lib/x/ld.so"),
            ("/usr/lib64/ld.so", "/lib/x/ld.so", "/usr/lib/x/ld.so"),
            ("/usr/bin/vi", "/etc/alternatives/vi", "/etc/alternatives/vi"),
        ] {
            assert_eq!(resolve(link, target), expected);
        }
    }

    #[test]
    fn files_come_with_their_links_targets_and_mistakes_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let tree = directory.path();
        for path in ["usr/bin", "usr/share/d", FILE_LISTS] {
            fs::create_dir_all(tree.join(path)).unwrap();
        }
        fs::write(tree.join("usr/bin/real"), "x").unwrap();
        fs::write(tree.join("usr/share/d/one"), "x").unwrap();
        std::os::unix::fs::symlink("real", tree.join("usr/bin/alias")).unwrap();
        fs::write(tree.join(FILE_LISTS).join("p"), "./usr/bin/real\n./bin/alias\n./usr/share/d/\n").unwrap();
        let userland = Userland::open(tree).unwrap();
        let select = |paths: &[&str]| {
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            userland.select(&BTreeMap::from([("p".to_owned(), paths)]), &Source::default())
        };
        let found: Vec<String> = select(&["/usr/bin/alias", "/usr/share/d"]).unwrap().into_iter().collect();
        assert_eq!(found, ["/usr/bin/alias", "/usr/bin/real", "/usr/share/d/one"]);
        let error = select(&["/usr/sbin/real"]).unwrap_err().to_string();
        assert!(error.contains("package p has no file /usr/sbin/real; it has /usr/bin/real"), "{error}");
        let error = select(&["/usr/bin/reel"]).unwrap_err().to_string();
        assert!(error.contains("package p has no file /usr/bin/reel; it has /usr/bin/real"), "{error}");
    }

    #[test]
    fn programs_that_busybox_has_not_are_named() {
        let check = |applet: &str| {
            all_known(&BTreeSet::from([applet.to_owned()]), "cat\nls\nxz\n", &Source::default())
        };
        check("ls").unwrap();
        let error = check("xzz").unwrap_err().to_string();
        assert!(error.contains("no program `xzz`; did you mean `xz`?"), "{error}");
    }

    #[test]
    fn a_folder_is_of_every_package_that_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let tree = directory.path();
        for path in ["usr/share/d", FILE_LISTS] {
            fs::create_dir_all(tree.join(path)).unwrap();
        }
        fs::write(tree.join("usr/share/d/one"), "x").unwrap();
        for package in ["p", "q"] {
            fs::write(tree.join(FILE_LISTS).join(package), "./usr/share/d/\n").unwrap();
        }
        let userland = Userland::open(tree).unwrap();
        for (package, is_its) in [("p", true), ("q", true), ("r", false)] {
            let wanted = BTreeMap::from([(package.to_owned(), vec!["/usr/share/d".to_owned()])]);
            assert_eq!(userland.select(&wanted, &Source::default()).is_ok(), is_its, "{package}");
        }
    }
}
