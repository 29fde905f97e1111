//! Users and groups as tables: lines, the files before, the files afterwards. The cases of systemd's own
//! test (test-sysusers) are files beside this one: `NAME.input` is lines, `NAME.initial-passwd` and
//! `NAME.initial-group` are what is there, `NAME.passwd` and `NAME.group` what comes of it.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use settings::specifier::Specifiers;
use settings::sysusers::{Config, Plan, Seen, Texts};
use settings::{Fault, Source};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sysusers")
}

fn seen() -> Seen {
    Seen { today: 20_000, root_shell: "/bin/sh".to_owned(), ..Seen::default() }
}

fn plan(lines: &str, texts: &Texts, seen: &Seen) -> (Plan, Vec<String>) {
    let source = Source { path: "/x.conf".into(), text: lines.to_owned() };
    let (config, faults) = Config::read([&source], &Specifiers::new([]));
    (Plan::make(&config, texts, seen), faults.iter().map(Fault::to_string).collect())
}

/// The files after a change.
fn after(texts: &Texts, plan: &Plan) -> Texts {
    let or = |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.clone());
    let changes = &plan.changes;
    Texts {
        passwd: or(&changes.passwd, &texts.passwd),
        shadow: or(&changes.shadow, &texts.shadow),
        group: or(&changes.group, &texts.group),
        gshadow: or(&changes.gshadow, &texts.gshadow),
    }
}

#[test]
fn systemds_own_cases() {
    let read = |name: &str| fs::read_to_string(folder().join(name)).ok();
    let entries =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        entries.filter_map(|name| name.strip_suffix(".input").map(str::to_owned)).collect();
    names.sort();
    assert_eq!(names.iter().filter(|name| name.starts_with("case-")).count(), 16);
    for name in names.iter().filter(|name| !name.starts_with("unhappy")) {
        let lines = read(&format!("{name}.input")).unwrap();
        let texts = Texts {
            passwd: read(&format!("{name}.initial-passwd")),
            group: read(&format!("{name}.initial-group")),
            ..Texts::default()
        };
        let (plan, faults) = plan(&lines, &texts, &seen());
        assert_eq!((faults, &plan.errors), (vec![], &vec![]), "{name}");
        let expected = |kind: &str| {
            let text = read(&format!("{name}.{kind}")).unwrap_or_default();
            text.replace("SYSTEM_UGID_MAX", "999").replace("NOLOGIN", layout::user::NOLOGIN)
        };
        let after = after(&texts, &plan);
        assert_eq!(after.passwd.clone().unwrap_or_default(), expected("passwd"), "{name}");
        assert_eq!(after.group.clone().unwrap_or_default(), expected("group"), "{name}");
        // Once more changes nothing.
        assert!(self::plan(&lines, &after, &seen()).0.changes.is_empty(), "{name}");
    }
}

#[test]
fn systemds_own_cases_of_what_cannot_be() {
    for (name, expected) in [
        ("unhappy-1", "Failed to parse id 9999999999"),
        ("unhappy-2", "Failed to create u1: please create GID 100"),
        ("unhappy-3", "Group g1 not found."),
    ] {
        let lines = fs::read_to_string(folder().join(format!("{name}.input"))).unwrap();
        let (plan, faults) = plan(&lines, &Texts::default(), &seen());
        assert!(plan.changes.is_empty(), "{name}");
        assert!(faults.iter().chain(&plan.errors).any(|said| said.contains(expected)), "{name}: {faults:?}");
    }
}

#[test]
fn ids_of_owners_of_ranges_and_of_neither() {
    let owners = [("/var/x", (700, 701)), ("/root", (0, 0))].map(|(path, ids)| (path.to_owned(), ids));
    let seen = Seen { owners: owners.into(), ..seen() };
    for (lines, passwd) in [
        ("u a /var/x", "a:x:700:701::/:/usr/bin/nologin\n"),
        // What is root's, and what is not there, gives nobody an id.
        ("u a /root\nu b /none", "a:x:999:999::/:/usr/bin/nologin\nb:x:998:998::/:/usr/bin/nologin\n"),
        (
            "r - 500-501\nr - 300\nu a\nu b\nu c",
            "a:x:501:501::/:/usr/bin/nologin\nb:x:500:500::/:/usr/bin/nologin\nc:x:300:300::/:/usr/bin/nologin\n",
        ),
        ("u a - - /home/a /bin/sh\nu! b", "a:x:999:999::/home/a:/bin/sh\nb:x:998:998::/:/usr/bin/nologin\n"),
        ("u root 0", "root:x:0:0::/:/bin/sh\n"),
    ] {
        let (plan, _) = plan(lines, &Texts::default(), &seen);
        assert_eq!(plan.changes.passwd.as_deref(), Some(passwd), "{lines}");
    }
    let (plan, _) = plan("r - 5\nu a\nu b", &Texts::default(), &seen);
    assert_eq!(plan.errors, ["No free group ID available for b."]);
}

#[test]
fn the_order_of_lines_of_different_types_is_nothing() {
    let orders = ["g g 5\nu u 7:g\nm u g", "u u 7:g\nm u g\ng g 5", "m u g\nu u 7:g\ng g 5"];
    let texts: Vec<Texts> =
        orders.iter().map(|lines| plan(lines, &Texts::default(), &seen()).0.changes).collect();
    assert_eq!(texts[0].passwd.as_deref(), Some("u:x:7:5::/:/usr/bin/nologin\n"));
    assert_eq!(texts[0].group.as_deref(), Some("g:x:5:u\n"));
    assert_eq!(texts[0].shadow.as_deref(), Some("u:!*:20000::::::\n"));
    assert_eq!(texts[0].gshadow.as_deref(), Some("g:!*::u\n"));
    assert!(texts.iter().all(|other| *other == texts[0]));
}

#[test]
fn what_is_there_is_never_changed() {
    let texts = Texts {
        passwd: Some("a:x:5:6:mine:/home/a:/bin/zsh\n".into()),
        group: Some("a:x:6:\n".into()),
        ..Texts::default()
    };
    let (plan, _) = plan("u a 900 other /x /bin/false\ng a 900\n", &texts, &seen());
    assert!(plan.changes.is_empty() && plan.errors.is_empty());
    let (plan, _) = self::plan("u b 5\ng c 6\n", &texts, &seen());
    // Ids that are taken are not taken again.
    assert_eq!(
        plan.changes.passwd.unwrap(),
        "a:x:5:6:mine:/home/a:/bin/zsh\nb:x:998:998::/:/usr/bin/nologin\n"
    );
    assert_eq!(plan.changes.group.unwrap(), "a:x:6:\nc:x:999:\nb:x:998:\n");
}

#[test]
fn the_images_own_lines_make_the_images_own_accounts() {
    let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images/rootfs/etc");
    let read = |name: &str| fs::read_to_string(etc.join(name)).ok();
    let texts = Texts {
        passwd: read("passwd"),
        group: read("group"),
        shadow: read("shadow"),
        gshadow: read("gshadow"),
    };
    let lines = layout::user::sysusers();
    let (complete, faults) = plan(&lines, &texts, &seen());
    assert!(complete.changes.is_empty() && faults.is_empty(), "{faults:?} {:?}", complete.actions);
    let (fresh, faults) = plan(&lines, &Texts::default(), &seen());
    assert!(faults.is_empty() && fresh.errors.is_empty(), "{faults:?} {:?}", fresh.errors);
    // The user core is a person's, whom the lines of the system's users do not make.
    let systems = |text: Option<String>| {
        let lines: Vec<String> =
            text?.lines().filter(|l| !l.starts_with("core:")).map(|l| l.replace(":core", ":")).collect();
        Some(lines.join("\n") + "\n")
    };
    assert_eq!((fresh.changes.passwd, fresh.changes.group), (systems(texts.passwd), systems(texts.group)));
}
