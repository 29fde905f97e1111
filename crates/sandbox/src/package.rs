//! Debian packages as data. Format: deb822(5), and the Packages index of the Debian repository
//! format.

use std::collections::BTreeMap;

/// One binary package of the archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// The binary package's name.
    pub name: String,
    /// Its Debian version, the epoch included.
    pub version: String,
    /// The size of the `.deb` in bytes.
    pub size: u64,
    /// The SHA-256 of the `.deb`, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl Package {
    /// The name under which its `.deb` is kept: the hash makes it unique.
    pub fn file_name(&self) -> String {
        let version = self.version.replace(':', "%3a");
        format!("{}_{}_{}.deb", self.name, version, &self.sha256[..16.min(self.sha256.len())])
    }
}

/// Reads a Packages index: every version of every package in it, by name.
pub fn parse_index(text: &str, into: &mut BTreeMap<String, Vec<Package>>) {
    for stanza in text.split("\n\n") {
        let field = |name: &str| {
            stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::trim)
        };
        let (Some(name), Some(version), Some(size), Some(sha256)) =
            (field("Package"), field("Version"), field("Size"), field("SHA256"))
        else {
            continue;
        };
        let Ok(size) = size.parse() else { continue };
        into.entry(name.to_owned()).or_default().push(Package {
            name: name.to_owned(),
            version: version.to_owned(),
            size,
            sha256: sha256.to_owned(),
        });
    }
}

/// Reads `apt-get --simulate install`: the name and version of each package to be installed,
/// from lines like `Inst gcc-14 (14.2.0-19 Debian:13.2/stable [amd64])`.
pub fn parse_simulation(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| {
            let rest = line.strip_prefix("Inst ")?;
            let (name, rest) = rest.split_once(' ')?;
            let version = rest.split_once('(')?.1.split([' ', ')']).next()?;
            let name = name.split(':').next()?;
            Some((name.to_owned(), version.to_owned()))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_gives_each_version_of_each_package() {
        let mut index = BTreeMap::new();
        parse_index(
            "Package: a\nVersion: 1\nSize: 10\nSHA256: aa\n\nPackage: a\nVersion: 2\nSize: 11\nSHA256: ab\n\
             Description: x\n y\n\nPackage: broken\nVersion: 1\n",
            &mut index,
        );
        let versions: Vec<_> = index["a"].iter().map(|p| (p.version.as_str(), p.size)).collect();
        assert_eq!(versions, [("1", 10), ("2", 11)]);
        assert!(!index.contains_key("broken"));
    }

    #[test]
    fn a_simulation_gives_what_would_be_installed() {
        let text = "NOTE: x\nInst libc6:amd64 (2.41-12 Debian:13.2/stable [amd64])\n\
                    Inst gcc (4:14.2.0-1 Debian:13.2/stable [amd64]) []\nConf gcc (4:14.2.0-1 ...)\n";
        assert_eq!(
            parse_simulation(text),
            [("gcc".into(), "4:14.2.0-1".into()), ("libc6".to_owned(), "2.41-12".to_owned())]
        );
    }
}
