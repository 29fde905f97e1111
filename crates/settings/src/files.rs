//! Which files count: of two with one name that of the earlier folder, all in the order of their names.

use std::collections::BTreeMap;

use layout::path::CONFIGURATION;

/// A file of settings: its folder's place in the list of folders, and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The folder, the first counting most.
    pub folder: String,
    /// The file's name.
    pub name: String,
}

impl Found {
    /// The path.
    pub fn path(&self) -> String {
        format!("{}/{}", self.folder, self.name)
    }
}

/// The folders of one kind of settings, such as `tmpfiles.d`, the first counting most.
pub fn folders(kind: &str) -> [String; 4] {
    CONFIGURATION.map(|folder| format!("{folder}/{kind}"))
}

/// The files that count, of what folders hold: each folder with the names in it, the first counting most.
/// Names that do not end in `suffix` (`.conf`) are of other programs.
pub fn winners(listings: &[(String, Vec<String>)], suffix: &str) -> Vec<Found> {
    let mut found: BTreeMap<&str, &str> = BTreeMap::new();
    for (folder, names) in listings {
        for name in names.iter().filter(|name| name.len() > suffix.len() && name.ends_with(suffix)) {
            found.entry(name).or_insert(folder);
        }
    }
    let found = found.into_iter();
    found.map(|(name, folder)| Found { folder: folder.to_owned(), name: name.to_owned() }).collect()
}

/// Puts a file, whether it is there or not, among those that count, and says where it stands. None where
/// another of its name counts more.
pub fn place(found: &mut Vec<Found>, folders: &[String], path: &str) -> Result<Option<usize>, String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let rank = |folder: &str| folders.iter().position(|known| known == folder);
    let Some(own) = rank(folder) else {
        return Err(format!("{path} is in none of {}", folders.join(", ")));
    };
    let new = Found { folder: folder.to_owned(), name: name.to_owned() };
    Ok(match found.binary_search_by(|file| file.name.as_str().cmp(name)) {
        Ok(at) if rank(&found[at].folder).is_some_and(|other| other < own) => None,
        Ok(at) => {
            found[at] = new;
            Some(at)
        }
        Err(at) => {
            found.insert(at, new);
            Some(at)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(folder: &str, names: &[&str]) -> (String, Vec<String>) {
        (folder.to_owned(), names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn paths(found: &[Found]) -> Vec<String> {
        found.iter().map(Found::path).collect()
    }

    #[test]
    fn the_first_folders_file_counts_and_names_give_the_order() {
        let listings = [
            listing("/etc/x.d", &["z.conf", "b.conf"]),
            listing("/run/x.d", &["b.conf", "a.conf~"]),
            listing("/usr/local/lib/x.d", &["c.conf", "b.conf"]),
            listing("/usr/lib/x.d", &["a.conf", "c.conf", "README", ".conf"]),
        ];
        let expected =
            ["/usr/lib/x.d/a.conf", "/etc/x.d/b.conf", "/usr/local/lib/x.d/c.conf", "/etc/x.d/z.conf"];
        assert_eq!(paths(&winners(&listings, ".conf")), expected);
    }

    #[test]
    fn folders_of_a_kind() {
        let expected =
            ["/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d"];
        assert_eq!(folders("tmpfiles.d"), expected);
    }

    #[test]
    fn a_replaced_file_stands_where_its_name_does() {
        let folders = folders("x.d");
        let start = winners(&[listing("/etc/x.d", &["a.conf", "c.conf"])], ".conf");
        for (path, expected) in [
            ("/usr/lib/x.d/b.conf", Some(1)),
            ("/etc/x.d/c.conf", Some(1)),
            ("/usr/lib/x.d/c.conf", None),
            ("/run/x.d/d.conf", Some(2)),
        ] {
            let mut found = start.clone();
            let at = place(&mut found, &folders, path).unwrap();
            assert_eq!(at, expected, "{path}");
            assert!(at.is_none_or(|at| found[at].path() == path), "{path}");
        }
        assert!(place(&mut start.clone(), &folders, "/srv/b.conf").is_err());
    }
}
