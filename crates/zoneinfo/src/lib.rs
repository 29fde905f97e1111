//! Layer: effects. Time zones from the files that hold them.

use std::fs;
use std::path::{Path, PathBuf};

use calendar::{Zone, Zones, is_zone_name};

/// Where the files are.
#[derive(Debug, Clone)]
pub struct Zoneinfo {
    localtime: PathBuf,
    folder: PathBuf,
    /// What the variable `TZ` says (tzset(3)).
    stated: Option<String>,
}

impl Zoneinfo {
    /// The machine's.
    pub fn of_machine() -> Zoneinfo {
        Zoneinfo::at(Path::new(layout::path::LOCALTIME), Path::new(layout::path::ZONEINFO))
    }

    /// The machine's, as the caller's environment has it: the variable `TZ` may name another zone.
    pub fn of_caller() -> Zoneinfo {
        Zoneinfo { stated: std::env::var("TZ").ok(), ..Zoneinfo::of_machine() }
    }

    /// Those in other places.
    pub fn at(localtime: &Path, folder: &Path) -> Zoneinfo {
        Zoneinfo { localtime: localtime.to_owned(), folder: folder.to_owned(), stated: None }
    }

    /// The zone that `TZ` says: a name, behind a colon or not, or a rule. What is neither is UTC.
    fn stated(&self, stated: &str) -> Zone {
        let name = stated.strip_prefix(':').unwrap_or(stated);
        self.named(name).or_else(|| Zone::rule(name).ok()).unwrap_or_else(Zone::utc)
    }
}

impl Zones for Zoneinfo {
    fn local(&self) -> Zone {
        match &self.stated {
            Some(stated) => self.stated(stated),
            None => read("", &self.localtime).unwrap_or_else(Zone::utc),
        }
    }

    fn named(&self, name: &str) -> Option<Zone> {
        is_zone_name(name).then(|| read(name, &self.folder.join(name))).flatten()
    }
}

fn read(name: &str, path: &Path) -> Option<Zone> {
    fs::read(path).ok().and_then(|bytes| Zone::read(name, &bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A zone an hour ahead (tzfile(5), version 2): no changes, one kind of time, and the rule.
    fn file() -> Vec<u8> {
        let header = |version: u8| {
            let mut bytes = b"TZif".to_vec();
            bytes.push(version);
            bytes.extend([0; 15]);
            for count in [0_u32, 0, 0, 0, 1, 4] {
                bytes.extend(count.to_be_bytes());
            }
            bytes.extend(3600_i32.to_be_bytes());
            bytes.extend(b"\0\0CET\0");
            bytes
        };
        [header(b'2'), header(b'2'), b"\nCET-1\n".to_vec()].concat()
    }

    #[test]
    fn zones_are_found_by_name_and_by_what_the_machine_has() {
        let folder = tempfile::tempdir().unwrap();
        let (localtime, zones) = (folder.path().join("localtime"), folder.path().join("zoneinfo"));
        fs::create_dir_all(zones.join("Europe")).unwrap();
        fs::write(zones.join("Europe/Berlin"), file()).unwrap();
        fs::write(zones.join("junk"), "no zone").unwrap();
        let files = Zoneinfo::at(&localtime, &zones);
        let at = Duration::from_secs(0);
        assert_eq!(files.local().abbreviation(at), "UTC");
        std::os::unix::fs::symlink(zones.join("Europe/Berlin"), &localtime).unwrap();
        assert_eq!(files.local().abbreviation(at), "CET");
        assert_eq!(files.named("Europe/Berlin").unwrap().abbreviation(at), "CET");
        for name in ["Europe/Nowhere", "Europe", "junk", "../localtime"] {
            assert_eq!(files.named(name), None, "{name}");
        }
        for (stated, name) in
            [(":Europe/Berlin", "CET"), ("Europe/Berlin", "CET"), ("EST5", "EST"), ("", "UTC"), ("?", "UTC")]
        {
            let files = Zoneinfo { stated: Some(stated.to_owned()), ..files.clone() };
            assert_eq!(files.local().abbreviation(at), name, "{stated}");
        }
    }
}
