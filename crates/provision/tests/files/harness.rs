//! A root of a test's own, before and after.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use ignition::config::Resource;
use provision::device::Names;
use provision::failure::Failure;
use provision::fetching;
use serde_json::{Value, json};

use crate::server::{OF_REFERENCE, server};

/// What is, or is to be, at a path.
#[derive(Debug, Clone, Copy)]
pub enum At {
    /// A file with a text.
    File(&'static str, &'static str),
    /// A folder.
    Folder(&'static str),
    /// A link, and what it holds.
    Link(&'static str, &'static str),
    /// Another name of a file.
    Same(&'static str, &'static str),
    /// Its permissions.
    Mode(&'static str, u32),
    /// Its user and group.
    Owner(&'static str, u32, u32),
    /// Nothing is there.
    Nothing(&'static str),
}

use At::{File, Folder, Link, Mode, Nothing, Owner, Same};

/// A case: what is there before, the config, and what is there after or how the failure begins.
pub struct Case {
    pub name: &'static str,
    pub before: &'static [At],
    pub config: Value,
    pub after: Result<&'static [At], &'static str>,
}

/// The accounts that the reference's cases have.
pub const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\ncore:x:500:500:CoreOS Admin:/home/core:/bin/sh\n\
                          systemd-coredump:x:998:998:systemd Core Dumper:/:/sbin/nologin\n\
                          fleet:x:253:253::/:/sbin/nologin\n";
pub const SHADOW: &str = "root:*:15887:0:::::\ncore:*:15887:0:::::\nsystemd-coredump:!!:17301::::::\n\
                          fleet:!!:17301::::::\n";
pub const GROUP: &str = "root:x:0:root\nwheel:x:10:root,core\nsudo:x:150:\nusers:x:100:\ndocker:x:233:core\n\
                         systemd-coredump:x:998:\nfleet:x:253:core\ncore:x:500:\nrkt-admin:x:999:\n";
pub const GSHADOW: &str = "root:*::root\nusers:*::\nsudo:*::\nwheel:*::root,core\ndocker:*::core\n\
                           systemd-coredump:!!::\nfleet:!!::core\nrkt-admin:!!::\ncore:*::\n";

/// Whether owners can be given.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A root.
pub struct Root {
    folder: tempfile::TempDir,
    /// What was told.
    pub told: Vec<String>,
}

impl Root {
    /// One with accounts, the image's programs, and what is in it before.
    pub fn new(before: &[At]) -> Root {
        let root = Root { folder: tempfile::tempdir().unwrap(), told: Vec::new() };
        fs::set_permissions(root.path("/"), PermissionsExt::from_mode(0o755)).unwrap();
        for at in [
            File("/etc/passwd", PASSWD),
            File("/etc/shadow", SHADOW),
            File("/etc/group", GROUP),
            File("/etc/gshadow", GSHADOW),
            Mode("/etc/shadow", 0o600),
            Folder("/home"),
            Folder("/root"),
            File("/usr/bin/sh", ""),
            Link("/bin", "usr/bin"),
            Link("/usr/local", "../var/usrlocal"),
        ] {
            root.set_up(at);
        }
        before.iter().for_each(|at| root.set_up(*at));
        root
    }

    /// A path of it, as the test sees it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// Has something be there.
    pub fn set_up(&self, at: At) {
        let make_parent = |path: &str| fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        match at {
            File(path, text) => {
                make_parent(path);
                fs::write(self.path(path), text).unwrap();
            }
            Folder(path) => fs::create_dir_all(self.path(path)).unwrap(),
            Link(path, to) => {
                make_parent(path);
                symlink(to, self.path(path)).unwrap();
            }
            Same(path, to) => fs::hard_link(self.path(to), self.path(path)).unwrap(),
            Mode(path, mode) => {
                fs::set_permissions(self.path(path), PermissionsExt::from_mode(mode)).unwrap()
            }
            Owner(path, user, group) => lchown(self.path(path), Some(user), Some(group)).unwrap(),
            Nothing(path) => panic!("nothing is at {path} before"),
        }
    }

    /// Has it be as a config wants it.
    pub fn apply(&mut self, mut config: Value) -> Result<(), String> {
        if config.get("ignition").is_none() {
            config["ignition"] = json!({"version": "3.6.0"});
        }
        let parsed = ignition::parse(config.to_string().replace(OF_REFERENCE, server()).as_bytes());
        let config = parsed.config.unwrap_or_else(|| panic!("{}", parsed.report));
        let client = fetch::Client::new(fetch::Options::default()).unwrap();
        let mut fetch = |of: &Resource, into: &mut fs::File| {
            let copied = client.copy(&fetching::resource(of), into, &mut |retry| panic!("{retry}"));
            copied.map(drop).map_err(|error| Failure::new("", error.to_string(), error.advice()))
        };
        let told = &mut self.told;
        let applied = provision::files::apply(
            self.folder.path(),
            &config,
            &Names::new(None),
            &mut fetch,
            &mut |text| told.push(text),
        );
        applied.map_err(|failure| failure.to_string().replace(server(), OF_REFERENCE))
    }

    /// What is not as it is to be.
    pub fn wrong(&self, after: &[At]) -> Vec<String> {
        let wrong = after.iter().filter_map(|at| {
            let path = |path: &str| self.path(path);
            let is = |path: &str| fs::symlink_metadata(self.path(path)).ok();
            let seen = match *at {
                File(at, text) => {
                    let seen =
                        fs::read_to_string(path(at)).ok().filter(|_| is(at).is_some_and(|is| is.is_file()));
                    (seen.as_deref() != Some(text)).then(|| format!("{seen:?}"))
                }
                Folder(at) => (!is(at).is_some_and(|is| is.is_dir())).then(|| "no folder".to_owned()),
                Link(at, to) => {
                    let seen = fs::read_link(path(at)).ok();
                    (seen.as_deref() != Some(Path::new(to))).then(|| format!("{seen:?}"))
                }
                Same(at, to) => {
                    let ids = [at, to].map(|path| is(path).map(|is| is.ino()));
                    (ids[0].is_none() || ids[0] != ids[1]).then(|| format!("{ids:?}"))
                }
                Mode(at, mode) => {
                    let seen = is(at).map(|is| is.mode() & 0o7777);
                    (seen != Some(mode)).then(|| format!("{:o}", seen.unwrap_or_default()))
                }
                Owner(at, user, group) => {
                    let seen = is(at).map(|is| (is.uid(), is.gid()));
                    (seen != Some((user, group))).then(|| format!("{seen:?}"))
                }
                Nothing(at) => is(at).map(|_| "something".to_owned()),
            };
            seen.map(|seen| format!("{at:?}, and is {seen}"))
        });
        wrong.collect()
    }
}

/// Checks cases.
pub fn check(cases: Vec<Case>) {
    if !is_root() {
        return;
    }
    let mut wrong = Vec::new();
    for Case { name, before, config, after } in cases {
        let mut root = Root::new(before);
        let unfinished = |root: &Root| {
            let all = walk(root.folder.path());
            all.into_iter().filter(|path| path.contains(".ignition")).collect::<Vec<_>>()
        };
        match (root.apply(config), after) {
            (Ok(()), Ok(after)) => {
                wrong.extend(root.wrong(after).iter().map(|text| format!("{name}: {text}")))
            }
            (Err(error), Err(begins)) if error.starts_with(begins) => {
                let before = if before.is_empty() { &[Nothing("/foo/bar")] } else { before };
                wrong.extend(root.wrong(before).iter().map(|text| format!("{name}: not as before: {text}")));
            }
            (is, wanted) => wrong.push(format!("{name}: is {is:?}, not {:?}", wanted.map(drop))),
        }
        wrong.extend(unfinished(&root).iter().map(|path| format!("{name}: {path} was left")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn walk(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        all.push(entry.path().display().to_string());
        if entry.file_type().unwrap().is_dir() {
            all.extend(walk(&entry.path()));
        }
    }
    all
}
