//! Enabling, disabling and masking units, and the states of their files.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail as tests do")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{host, name};
use unit::install::{self, Change, Folder, InstallError, MASK, Node, Scope, View};
use unit::model::Install;
use unit::text::file::Source;
use unit::{UnitName, load};

const ETC: &str = "/etc/units";
const RUN: &str = "/run/units";
const USR: &str = "/usr/units";

/// Unit files of `/usr`, by name and `[Install]`.
const FILES: [(&str, &str); 13] = [
    ("a.service", "WantedBy=m.target\nAlias=other.service"),
    ("b.service", "RequiredBy=m.target\nAlso=a.service c.socket none.service"),
    ("c.socket", "WantedBy=sockets.target"),
    ("static.service", ""),
    ("indirect.service", "Also=a.service"),
    ("t@.service", "WantedBy=m.target\nDefaultInstance=one"),
    ("bare@.service", "WantedBy=%i.target"),
    ("lone@.service", "WantedBy=m.target"),
    ("typed.service", "Alias=x.target"),
    ("off.service", "WantedBy=m.target"),
    ("up.service", "UpheldBy=m.target"),
    ("m.target", ""),
    ("n.target", ""),
];

/// The folders: the files above, and the given entries of /etc and /run. `x.wants/y` is a link
/// in a folder of links.
fn view(links: &[(&str, &str)]) -> View {
    let folder = |path: &str, scope| Folder { path: path.into(), scope, entries: BTreeMap::new() };
    let mut folders =
        [folder(ETC, Scope::Persistent), folder(RUN, Scope::Runtime), folder(USR, Scope::Image)];
    for (name, _) in FILES {
        folders[2].entries.insert(name.into(), Node::File);
    }
    folders[2].entries.insert("image-alias.service".into(), Node::Link("a.service".into()));
    for (path, to) in links {
        let folder = folders.iter_mut().find(|folder| path.starts_with(&folder.path)).unwrap();
        let below = &path[folder.path.len() + 1..];
        match (below.split_once('/'), *to) {
            (Some((links, name)), to) => {
                let entry = folder.entries.entry(links.into()).or_insert(Node::Links(BTreeMap::new()));
                let Node::Links(links) = entry else { panic!("{links} is no folder") };
                links.insert(name.into(), to.into());
            }
            (None, "") => drop(folder.entries.insert(below.into(), Node::File)),
            (None, to) => drop(folder.entries.insert(below.into(), Node::Link(to.into()))),
        }
    }
    View { folders: folders.into() }
}

fn stated(unit: &UnitName) -> Install {
    let template = unit.template();
    let names = [Some(unit), template.as_ref()].into_iter().flatten();
    let text = names.into_iter().find_map(|name| FILES.iter().find(|(file, _)| *file == name.as_str()));
    let text = format!("[Install]\n{}\n", text.map_or("", |(_, text)| text));
    let source = Source { path: Arc::from("/x"), text };
    load::install_section(unit, &[source], &host()).0
}

fn words(changes: Vec<Change>) -> Vec<String> {
    let word = |change| match change {
        Change::Link { path, to } => format!("{path} -> {to}"),
        Change::Remove { path } => format!("-{path}"),
    };
    changes.into_iter().map(word).collect()
}

fn enable(view: &View, unit: &str) -> Result<Vec<String>, InstallError> {
    install::enable(view, &[name(unit)], ETC, false, &stated).map(|enabled| words(enabled.changes))
}

#[test]
fn enabling_links() {
    let cases: [(&str, &[&str]); 9] = [
        ("up.service", &["/etc/units/m.target.upholds/up.service -> /usr/units/up.service"]),
        (
            "a.service",
            &[
                "/etc/units/m.target.wants/a.service -> /usr/units/a.service",
                "/etc/units/other.service -> /usr/units/a.service",
            ],
        ),
        (
            "b.service",
            &[
                "/etc/units/m.target.requires/b.service -> /usr/units/b.service",
                "/etc/units/m.target.wants/a.service -> /usr/units/a.service",
                "/etc/units/other.service -> /usr/units/a.service",
                "/etc/units/sockets.target.wants/c.socket -> /usr/units/c.socket",
            ],
        ),
        ("static.service", &[]),
        ("t@.service", &["/etc/units/m.target.wants/t@one.service -> /usr/units/t@.service"]),
        ("t@two.service", &["/etc/units/m.target.wants/t@two.service -> /usr/units/t@.service"]),
        ("bare@n.service", &["/etc/units/n.target.wants/bare@n.service -> /usr/units/bare@.service"]),
        ("off.service", &["/etc/units/m.target.wants/off.service -> /usr/units/off.service"]),
        (
            "image-alias.service",
            &[
                "/etc/units/m.target.wants/a.service -> /usr/units/a.service",
                "/etc/units/other.service -> /usr/units/a.service",
            ],
        ),
    ];
    for (unit, links) in cases {
        assert_eq!(enable(&view(&[]), unit).unwrap(), links, "{unit}");
    }
    let has_install =
        |unit| install::enable(&view(&[]), &[name(unit)], ETC, false, &stated).unwrap().has_install;
    assert_eq!([has_install("a.service"), has_install("static.service")], [true, false]);
}

#[test]
fn what_is_there_is_not_made_again() {
    let already = view(&[
        ("/etc/units/m.target.wants/a.service", "../a.service"),
        ("/etc/units/other.service", "/usr/units/a.service"),
    ]);
    assert_eq!(enable(&already, "a.service").unwrap(), [""; 0]);
}

#[test]
fn what_cannot_be_enabled_is_told_why() {
    let blocked =
        view(&[("/etc/units/off.service", MASK), ("/etc/units/other.service", "/usr/units/static.service")]);
    for (unit, reason) in [
        ("none.service", "Unit none.service does not exist"),
        ("off.service", "Unit off.service is masked (/etc/units/off.service); unmask it first"),
        (
            "lone@.service",
            "lone@.service is a template without DefaultInstance=: name an instance, as in lone@NAME.service",
        ),
        ("typed.service", "typed.service cannot have the alias x.target: it is of another type"),
        (
            "a.service",
            "File '/etc/units/other.service' already exists and is a symlink to /usr/units/static.service",
        ),
    ] {
        assert_eq!(enable(&blocked, unit).unwrap_err().to_string(), reason);
    }
    let forced = install::enable(&blocked, &[name("a.service")], ETC, true, &stated).unwrap();
    assert_eq!(forced.changes.len(), 2);
}

#[test]
fn disabling_removes_what_enabling_made_and_no_more() {
    let enabled = view(&[
        ("/etc/units/m.target.wants/a.service", "/usr/units/a.service"),
        ("/etc/units/n.target.wants/a.service", "/usr/units/a.service"),
        ("/etc/units/m.target.wants/b.service", "/usr/units/b.service"),
        ("/etc/units/m.target.wants/t@one.service", "/usr/units/t@.service"),
        ("/etc/units/m.target.wants/t@two.service", "/usr/units/t@.service"),
        ("/etc/units/other.service", "/usr/units/a.service"),
        ("/etc/units/off.service", MASK),
        ("/etc/units/default.target", "/usr/units/m.target"),
        ("/run/units/m.target.wants/a.service", "/usr/units/a.service"),
    ]);
    let cases: [(&str, &[&str]); 7] = [
        (
            "a.service",
            &[
                "-/etc/units/m.target.wants/a.service",
                "-/etc/units/n.target.wants/a.service",
                "-/etc/units/other.service",
            ],
        ),
        (
            "b.service",
            &[
                "-/etc/units/m.target.wants/a.service",
                "-/etc/units/m.target.wants/b.service",
                "-/etc/units/n.target.wants/a.service",
                "-/etc/units/other.service",
            ],
        ),
        ("t@one.service", &["-/etc/units/m.target.wants/t@one.service"]),
        (
            "t@.service",
            &["-/etc/units/m.target.wants/t@one.service", "-/etc/units/m.target.wants/t@two.service"],
        ),
        ("off.service", &[]),
        ("m.target", &[]),
        ("none.service", &[]),
    ];
    for (unit, removed) in cases {
        assert_eq!(words(install::disable(&enabled, &[name(unit)], ETC, &stated)), removed, "{unit}");
    }
}

#[test]
fn masking() {
    let some = view(&[
        ("/etc/units/own.service", ""),
        ("/etc/units/off.service", MASK),
        ("/run/units/a.service", MASK),
        ("/etc/units/link.service", "/x/link.service"),
    ]);
    let mask = |unit: &str| install::mask(&some, &[name(unit)], ETC).map(words).map_err(|e| e.to_string());
    assert_eq!(mask("a.service").unwrap(), ["/etc/units/a.service -> /dev/null"]);
    assert_eq!(mask("none.service").unwrap(), ["/etc/units/none.service -> /dev/null"]);
    assert_eq!(mask("off.service").unwrap(), [""; 0]);
    assert_eq!(mask("own.service").unwrap_err(), "File '/etc/units/own.service' already exists");
    assert_eq!(
        mask("link.service").unwrap_err(),
        "File '/etc/units/link.service' already exists and is a symlink to /x/link.service"
    );
    let unmask = |unit: &str, from| words(install::unmask(&some, &[name(unit)], from));
    assert_eq!(unmask("off.service", ETC), ["-/etc/units/off.service"]);
    assert_eq!(unmask("a.service", RUN), ["-/run/units/a.service"]);
    assert_eq!(unmask("a.service", ETC), [""; 0]);
    assert_eq!(unmask("own.service", ETC), [""; 0]);
}

#[test]
fn the_default_target() {
    let set = |view: &View, unit: &str| {
        install::set_default(view, &name(unit), ETC).map(words).map_err(|e| e.to_string())
    };
    let old = view(&[("/etc/units/default.target", "/usr/units/m.target")]);
    assert_eq!(set(&old, "n.target").unwrap(), ["/etc/units/default.target -> /usr/units/n.target"]);
    assert_eq!(set(&old, "m.target").unwrap(), [""; 0]);
    assert_eq!(set(&old, "a.service").unwrap_err(), "a.service is no target, so it cannot be the default");
    assert_eq!(set(&old, "none.target").unwrap_err(), "Unit none.target does not exist");
    assert_eq!(old.resolve(&name("default.target")), name("m.target"));
}

#[test]
fn states() {
    let some = view(&[
        ("/etc/units/m.target.wants/a.service", "/usr/units/a.service"),
        ("/run/units/m.target.wants/c.socket", "/usr/units/c.socket"),
        ("/etc/units/off.service", MASK),
        ("/run/units/typed.service", MASK),
        ("/etc/units/far.service", "/opt/far.service"),
        ("/run/units/near.service", "/opt/near.service"),
        ("/etc/units/m.target.wants/t@one.service", "/usr/units/t@.service"),
        ("/etc/units/own-alias.service", "/usr/units/static.service"),
        ("/usr/units/n.target.wants/bare@x.service", "../bare@.service"),
        ("/usr/units/n.target.wants/m.target", "../m.target"),
        ("/etc/units/local.service", ""),
    ]);
    let cases = [
        ("a.service", Some("enabled")),
        ("b.service", Some("disabled")),
        ("c.socket", Some("enabled-runtime")),
        ("off.service", Some("masked")),
        ("typed.service", Some("masked-runtime")),
        ("far.service", Some("linked")),
        ("near.service", Some("linked-runtime")),
        ("static.service", Some("enabled")),
        ("own-alias.service", Some("alias")),
        ("image-alias.service", Some("alias")),
        ("indirect.service", Some("indirect")),
        ("t@.service", Some("enabled")),
        ("t@one.service", Some("enabled")),
        ("t@two.service", Some("disabled")),
        ("bare@x.service", Some("static")),
        ("m.target", Some("static")),
        ("local.service", Some("static")),
        ("none.service", None),
    ];
    for (unit, state) in cases {
        let got = some.state(&name(unit), &stated(&name(unit)));
        assert_eq!(got.map(install::FileState::name), state, "{unit}");
    }
}

/// The folders after changes.
fn changed(mut view: View, changes: &[Change]) -> View {
    for change in changes {
        let (Change::Link { path, .. } | Change::Remove { path }) = change;
        let folder = view.folders.iter_mut().find(|folder| path.starts_with(&folder.path)).unwrap();
        let below = &path[folder.path.len() + 1..];
        let link = match change {
            Change::Link { to, .. } => Some(to.clone()),
            Change::Remove { .. } => None,
        };
        match (below.split_once('/'), link) {
            (None, Some(to)) => drop(folder.entries.insert(below.into(), Node::Link(to))),
            (None, None) => drop(folder.entries.remove(below)),
            (Some((links, name)), link) => {
                let entry = folder.entries.entry(links.into()).or_insert(Node::Links(BTreeMap::new()));
                let Node::Links(links) = entry else { panic!("{links} is no folder") };
                match link {
                    Some(to) => drop(links.insert(name.into(), to)),
                    None => drop(links.remove(name)),
                }
            }
        }
    }
    view
}

#[test]
fn disabling_undoes_enabling() {
    for unit in ["a.service", "b.service", "c.socket", "t@two.service", "bare@n.service", "off.service"] {
        let unit = name(unit);
        let before = view(&[]);
        let links =
            install::enable(&before, std::slice::from_ref(&unit), ETC, false, &stated).unwrap().changes;
        let enabled = changed(before.clone(), &links);
        assert_eq!(enabled.state(&unit, &stated(&unit)), Some(install::FileState::Enabled), "{unit}");
        let removed = install::disable(&enabled, std::slice::from_ref(&unit), ETC, &stated);
        let after = changed(enabled, &removed);
        assert_eq!(after.state(&unit, &stated(&unit)), before.state(&unit, &stated(&unit)), "{unit}");
        let left = after.folders[0]
            .entries
            .values()
            .filter(|node| !matches!(node, Node::Links(links) if links.is_empty()));
        assert_eq!(left.count(), 0, "{unit}");
    }
}
