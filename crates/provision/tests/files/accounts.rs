//! Users and groups: the reference's cases by their names, and ours.

use std::os::unix::fs::MetadataExt;

use serde_json::json;

use crate::harness::At::{File, Folder, Link, Mode, Nothing, Owner};
use crate::harness::{Case, GROUP, GSHADOW, PASSWD, Root, SHADOW, check, is_root};

/// The lines that a config adds to the files of accounts: passwd, shadow, group, gshadow.
fn added(passwd: serde_json::Value) -> [String; 4] {
    let mut root = Root::new(&[]);
    root.apply(json!({ "passwd": passwd })).unwrap();
    let day = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    [("/etc/passwd", PASSWD), ("/etc/shadow", SHADOW), ("/etc/group", GROUP), ("/etc/gshadow", GSHADOW)].map(
        |(path, old)| {
            let text = std::fs::read_to_string(root.path(path)).unwrap();
            text.strip_prefix(old).unwrap_or(&text).replace(&day.to_string(), "TODAY")
        },
    )
}

#[test]
fn what_is_added_to_the_files() {
    if !is_root() {
        return;
    }
    // users.add
    let users = json!({"users": [
        {"name": "test", "passwordHash": "zJW/EKqqIk44o", "sshAuthorizedKeys": ["ssh-rsa AAAA me@here"]},
        {"name": "jenkins", "uid": 1020, "shouldExist": true},
    ]});
    assert_eq!(
        added(users),
        [
            "test:x:1000:1000::/home/test:/usr/bin/sh\njenkins:x:1020:1020::/home/jenkins:/usr/bin/sh\n",
            "test:zJW/EKqqIk44o:TODAY:0:99999:7:::\njenkins:*:TODAY:0:99999:7:::\n",
            "test:x:1000:\njenkins:x:1020:\n",
            "test:!::\njenkins:!::\n",
        ]
    );
    // groups.add; system ids go downwards from 999, as useradd(8) takes them.
    let groups =
        json!({"groups": [{"name": "testgroup", "gid": 1500}, {"name": "systemgroup", "system": true}]});
    assert_eq!(
        added(groups),
        ["", "", "testgroup:x:1500:\nsystemgroup:x:997:\n", "testgroup:!::\nsystemgroup:!::\n"]
    );
    // groups.ensure.idempotent
    assert_eq!(added(json!({"groups": [{"name": "docker", "gid": 233}]})), [""; 4]);
    let all = json!({
        "groups": [{"name": "crew", "passwordHash": "$y$g"}],
        "users": [
            {"name": "d.a", "gecos": "D A", "homeDir": "/var/d", "shell": "/usr/bin/nologin", "primaryGroup": "crew",
             "uid": 4242, "noCreateHome": true, "noLogInit": true},
            {"name": "svc", "system": true, "noCreateHome": true, "passwordHash": ""},
            {"name": "nog", "noUserGroup": true},
            {"name": "byid", "primaryGroup": "500"},
        ],
    });
    assert_eq!(
        added(all),
        [
            "d.a:x:4242:1000:D A:/var/d:/usr/bin/sh\nsvc:x:999:997::/home/svc:/usr/bin/sh\n\
             nog:x:4243:100::/home/nog:/usr/bin/sh\nbyid:x:4244:500::/home/byid:/usr/bin/sh\n",
            "d.a:*:TODAY:0:99999:7:::\nsvc:*:TODAY::::::\nnog:*:TODAY:0:99999:7:::\nbyid:*:TODAY:0:99999:7:::\n",
            "crew:x:1000:\nsvc:x:997:\n",
            "crew:$y$g::\nsvc:!::\n",
        ]
    );
}

#[test]
fn homes_and_keys() {
    let keys = json!(["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"]);
    check(vec![
        Case {
            name: "users.add: homes and keys",
            before: &[],
            config: json!({"passwd": {"users": [{"name": "test", "sshAuthorizedKeys": keys}]}}),
            after: Ok(&[
                Owner("/home", 0, 0),
                Mode("/home/test", 0o700),
                Owner("/home/test", 1000, 1000),
                Mode("/home/test/.ssh", 0o700),
                Owner("/home/test/.ssh", 1000, 1000),
                Mode("/home/test/.ssh/authorized_keys.d", 0o700),
                Owner("/home/test/.ssh/authorized_keys.d", 1000, 1000),
                File(
                    "/home/test/.ssh/authorized_keys.d/ignition",
                    "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n",
                ),
                Mode("/home/test/.ssh/authorized_keys.d/ignition", 0o600),
                Owner("/home/test/.ssh/authorized_keys.d/ignition", 1000, 1000),
            ]),
        },
        Case {
            name: "the image's user gets a home, and root keys",
            before: &[],
            config: json!({"passwd": {"users": [
                {"name": "core", "uid": 1000, "primaryGroup": "core"},
                {"name": "root", "sshAuthorizedKeys": ["k\n"]},
            ]}}),
            after: Ok(&[
                Owner("/home/core", 1000, 500),
                File("/root/.ssh/authorized_keys.d/ignition", "k\n"),
                Owner("/root/.ssh", 0, 0),
            ]),
        },
        Case {
            name: "a home elsewhere, and one that is a link",
            before: &[Folder("/var/people/b"), Link("/home/b", "/var/people/b")],
            config: json!({"passwd": {"users": [
                {"name": "a", "homeDir": "/srv/x/a", "sshAuthorizedKeys": ["k"]},
                {"name": "b", "sshAuthorizedKeys": ["k"]},
                {"name": "c", "noCreateHome": true},
            ]}}),
            after: Ok(&[
                File("/srv/x/a/.ssh/authorized_keys.d/ignition", "k\n"),
                File("/var/people/b/.ssh/authorized_keys.d/ignition", "k\n"),
                Link("/home/b", "/var/people/b"),
                Nothing("/home/c"),
            ]),
        },
        Case {
            name: "a user who is changed keeps what is the user's",
            before: &[
                File("/home/core/a", "x"),
                Owner("/home/core/a", 500, 500),
                Owner("/home/core", 500, 0),
            ],
            config: json!({"passwd": {"users": [
                {"name": "core", "uid": 1234, "homeDir": "/home/captain", "groups": ["sudo"]},
            ]}}),
            after: Ok(&[
                Nothing("/home/core"),
                Owner("/home/captain", 1234, 0),
                Owner("/home/captain/a", 1234, 500),
                File(
                    "/etc/group",
                    "root:x:0:root\nwheel:x:10:root\nsudo:x:150:core\nusers:x:100:\ndocker:x:233:\n\
                     systemd-coredump:x:998:\nfleet:x:253:\ncore:x:500:\nrkt-admin:x:999:\n",
                ),
            ]),
        },
        Case {
            name: "users.delete",
            before: &[File("/home/core/a", "x"), Owner("/home/core", 500, 500)],
            config: json!({"passwd": {"users": [
                {"name": "core", "shouldExist": false}, {"name": "test", "shouldExist": false},
            ]}}),
            after: Ok(&[
                File(
                    "/etc/passwd",
                    "root:x:0:0:root:/root:/bin/sh\nsystemd-coredump:x:998:998:systemd Core Dumper:/:/sbin/nologin\n\
                     fleet:x:253:253::/:/sbin/nologin\n",
                ),
                File(
                    "/etc/shadow",
                    "root:*:15887:0:::::\nsystemd-coredump:!!:17301::::::\nfleet:!!:17301::::::\n",
                ),
                File(
                    "/etc/group",
                    "root:x:0:root\nwheel:x:10:root\nsudo:x:150:\nusers:x:100:\ndocker:x:233:\n\
                     systemd-coredump:x:998:\nfleet:x:253:\nrkt-admin:x:999:\n",
                ),
                Mode("/etc/shadow", 0o600),
                Nothing("/home/core"),
            ]),
        },
        Case {
            name: "groups.delete",
            before: &[],
            config: json!({"passwd": {"groups": [
                {"name": "rkt-admin", "shouldExist": false}, {"name": "test", "shouldExist": false},
            ]}}),
            after: Ok(&[File(
                "/etc/gshadow",
                "root:*::root\nusers:*::\nsudo:*::\nwheel:*::root,core\ndocker:*::core\n\
                     systemd-coredump:!!::\nfleet:!!::core\ncore:*::\n",
            )]),
        },
    ]);
}

#[test]
fn what_cannot_be_leaves_the_files_as_they_were() {
    let users = |users: serde_json::Value| json!({"passwd": {"users": users}});
    let refused =
        |name, config, says| Case { name, before: &[File("/etc/passwd", PASSWD)], config, after: Err(says) };
    check(
        vec![
            refused(
                "a number that another has",
                users(json!([{"name": "a"}, {"name": "b", "uid": 500}])),
                "$.passwd.users.1.uid: user b: user core has the number 500 already",
            ),
            refused(
                "a group that is not there",
                users(json!([{"name": "a", "groups": ["sudo", "none"]}])),
                "$.passwd.users.0.groups: user a: there is no group none",
            ),
            refused(
                "a primary group that is not there",
                users(json!([{"name": "a", "primaryGroup": "none"}])),
                "$.passwd.users.0.primaryGroup: user a: there is no group none",
            ),
            refused(
                "a group of the user's name that is another's",
                users(json!([{"name": "docker"}])),
                "$.passwd.users.0.name: user docker: there is a group docker already",
            ),
            refused(
                "a line of one's own",
                users(json!([{"name": "a", "gecos": "x\nroot2:x:0:0::/:/bin/sh"}])),
                "$.passwd.users.0.gecos: user a: gecos has a colon or a control character in it",
            ),
            refused("a name", users(json!([{"name": "a:b"}])), "$.passwd.users.0.name: user a:b: "),
            refused(
                "the primary group of a user",
                json!({"passwd": {"groups": [{"name": "core", "shouldExist": false}]}}),
                "$.passwd.groups.0.shouldExist: group core: group core is the primary group of user core",
            ),
            refused(
                "keys where nothing stays",
                users(json!([{"name": "a", "homeDir": "/run/a", "sshAuthorizedKeys": ["k"]}])),
                "$.passwd.users.0.sshAuthorizedKeys: cannot write the keys of user a",
            ),
        ]
        .into_iter()
        .map(|case| Case { before: &[], ..case })
        .collect(),
    );
}

#[test]
fn other_lines_stay_whatever_is_in_them() {
    if !is_root() {
        return;
    }
    let old = [PASSWD.as_bytes(), b"old:x:77:77:J\xf6rg:/:/bin/sh\n"].concat();
    let users = json!({"passwd": {"users": [{"name": "a", "gecos": "\u{f6}"}]}});
    let mut root = Root::new(&[]);
    std::fs::write(root.path("/etc/passwd"), &old).unwrap();
    assert_eq!(root.apply(users.clone()), Ok(()));
    let added = "a:x:1000:1000:\u{f6}:/home/a:/usr/bin/sh\n".as_bytes();
    assert_eq!(std::fs::read(root.path("/etc/passwd")).unwrap(), [&old, added].concat());
    // What cannot be read is not missing.
    for path in ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"] {
        let mut root = Root::new(&[]);
        std::fs::File::create(root.path(path)).unwrap().set_len((16 << 20) + 1).unwrap();
        let expected = format!("$.passwd: cannot read {path}: it is larger than 16 MiB");
        let failure = root.apply(users.clone()).unwrap_err();
        assert!(failure.starts_with(&expected), "{failure}");
        let files = [
            File("/etc/passwd", PASSWD),
            File("/etc/shadow", SHADOW),
            File("/etc/group", GROUP),
            File("/etc/gshadow", GSHADOW),
        ];
        assert_eq!(root.wrong(&files).len(), 1, "only {path}");
    }
}

#[test]
fn accounts_of_a_run_that_broke_off_are_made_anew() {
    if !is_root() {
        return;
    }
    let config = |user: serde_json::Value, file: &str| {
        json!({
            "passwd": {
                "groups": [{"name": "crew", "gid": 3000}],
                "users": [user, {"name": "core", "uid": 1234, "homeDir": "/home/captain"}],
            },
            "storage": {"files": [{"path": "/srv/a", "contents": {"source": file}}]},
        })
    };
    let old =
        [("/etc/group", GROUP), ("/etc/gshadow", GSHADOW), ("/etc/passwd", PASSWD), ("/etc/shadow", SHADOW)];
    // How many of the files have got their places when the power goes: with none and all of them, the run broke off
    // before and after.
    for renamed in 0..=old.len() {
        let before = [
            File("/home/core/early", "x"),
            File("/home/core/late", "x"),
            Owner("/home/core/early", 500, 500),
            Owner("/home/core/late", 500, 500),
            Owner("/home/core", 500, 500),
            Mode("/home/core", 0o750),
        ];
        let mut root = Root::new(&before);
        let user = json!({"name": "a", "uid": 1500, "groups": ["crew"], "sshAuthorizedKeys": ["wrong"]});
        let failure = root.apply(config(user, "http://127.0.0.1:8080/asdf")).unwrap_err();
        assert!(failure.starts_with("$.storage.files.0.contents: "), "{failure}");
        for (path, text) in &old[renamed..] {
            std::fs::write(root.path(path), text).unwrap();
        }
        match renamed < old.len() {
            true => {
                std::fs::remove_dir_all(root.path("/home/a")).unwrap();
                std::fs::rename(root.path("/home/captain"), root.path("/home/core")).unwrap();
                before.into_iter().filter(|at| matches!(at, Owner(..))).for_each(|at| root.set_up(at));
            }
            // A change of owners that was not at its end.
            false => root.set_up(Owner("/home/captain/late", 500, 500)),
        }
        // What the config says by now.
        let user = json!({"name": "a", "uid": 1600});
        assert_eq!(root.apply(config(user, "data:,a")), Ok(()), "{renamed}");
        let after = [
            Nothing("/home/core"),
            Owner("/home/captain", 1234, 500),
            Mode("/home/captain", 0o750),
            Owner("/home/captain/early", 1234, 500),
            Owner("/home/captain/late", 1234, 500),
            Owner("/home/a", 1600, 1600),
            Mode("/home/a", 0o700),
            Nothing("/home/a/.ssh/authorized_keys.d/ignition"),
            Mode("/etc/shadow", 0o600),
        ];
        assert_eq!(root.wrong(&after), [""; 0], "{renamed}");
        let mut fresh = Root::new(&before);
        fresh.apply(config(json!({"name": "a", "uid": 1600}), "data:,a")).unwrap();
        for (path, _) in old {
            let read = |root: &Root| std::fs::read_to_string(root.path(path)).unwrap();
            assert_eq!(read(&root), read(&fresh), "{renamed}");
        }
        provision::files::forget(&root.path("/")).unwrap();
        assert_eq!(std::fs::read_dir(root.path("/var/lib/berth")).unwrap().count(), 0);
    }
}

#[test]
fn copies_of_the_accounts_are_for_nobody_elses_eyes() {
    if !is_root() {
        return;
    }
    let mut root = Root::new(&[]);
    root.apply(json!({"passwd": {"users": [{"name": "a"}]}})).unwrap();
    let kept = std::fs::read_dir(root.path("/var/lib/berth")).unwrap();
    let modes: Vec<u32> = kept.map(|entry| entry.unwrap().metadata().unwrap().mode() & 0o7777).collect();
    assert_eq!(modes, [0o600; 5]);
}

#[test]
fn a_shell_that_the_image_lacks_is_told() {
    if !is_root() {
        return;
    }
    let mut root = Root::new(&[]);
    let users = json!([{"name": "core", "shell": "/bin/bash"}, {"name": "a", "shell": "/opt/bin/fish"}]);
    root.apply(json!({"passwd": {"users": users}})).unwrap();
    assert_eq!(
        root.told,
        ["$.passwd.users.0.shell: the image has no /bin/bash: /usr/bin/sh is the shell of user core instead"]
    );
    let passwd = std::fs::read_to_string(root.path("/etc/passwd")).unwrap();
    assert!(
        passwd.contains("/home/core:/usr/bin/sh\n") && passwd.contains("/home/a:/opt/bin/fish\n"),
        "{passwd}"
    );
}
