//! What the reference's cases do not say.

use serde_json::{Value, json};

use crate::harness::At::{File, Folder, Link, Mode, Nothing, Owner};
use crate::harness::{At, Case, Root, check, is_root};

fn case(
    name: &'static str,
    before: &'static [At],
    storage: Value,
    after: Result<&'static [At], &'static str>,
) -> Case {
    Case { name, before, config: json!({ "storage": storage }), after }
}

#[test]
fn no_link_leads_out_of_the_root() {
    check(vec![
        case(
            "an absolute link on the way",
            &[Link("/data", "/srv/data"), Folder("/srv")],
            json!({"files": [{"path": "/data/a/b"}]}),
            Ok(&[File("/srv/data/a/b", "")]),
        ),
        case(
            "links that climb above the root",
            &[Link("/a", "../../../../srv"), Link("/b", "a/../../etc")],
            json!({"files": [{"path": "/a/x"}, {"path": "/b/y"}]}),
            Ok(&[File("/srv/x", ""), File("/etc/y", "")]),
        ),
        case(
            "a circle",
            &[Link("/a", "b"), Link("/b", "a")],
            json!({"files": [{"path": "/a/x"}]}),
            Err("$.storage.files.0.path: cannot follow /a/x: "),
        ),
        case(
            "a file on the way",
            &[File("/a", "")],
            json!({"files": [{"path": "/a/x/y"}]}),
            Err("$.storage.files.0.path: cannot follow /a/x/y: /a is no folder"),
        ),
        case(
            "the image, by an old name",
            &[],
            json!({"files": [{"path": "/bin/x"}]}),
            Err("$.storage.files.0.path: /usr/bin/x is below /usr, which is the image's"),
        ),
        case(
            "the machine's own part of /usr",
            &[],
            json!({"files": [{"path": "/usr/local/bin/x", "mode": 0o755}]}),
            Ok(&[File("/var/usrlocal/bin/x", ""), Mode("/var/usrlocal/bin/x", 0o755)]),
        ),
        case(
            "a hard link to what a link leads to",
            &[Link("/data", "/srv"), File("/srv/a", "x")],
            json!({"links": [{"path": "/b", "target": "/data/a", "hard": true}]}),
            Ok(&[File("/b", "x")]),
        ),
    ]);
}

#[test]
fn what_is_there() {
    check(vec![
        case(
            "a file that stays gets owner and mode",
            &[File("/a", "x"), Mode("/a", 0o600)],
            json!({"files": [{"path": "/a", "mode": 0o4711, "user": {"id": 5}}]}),
            Ok(&[File("/a", "x"), Mode("/a", 0o4711), Owner("/a", 5, 0)]),
        ),
        case(
            "a folder that stays keeps owner and mode",
            &[Folder("/a"), Mode("/a", 0o1777), Owner("/a", 7, 8)],
            json!({"directories": [{"path": "/a", "group": {"id": 9}}]}),
            Ok(&[Mode("/a", 0o1777), Owner("/a", 7, 9)]),
        ),
        case(
            "a file in the place of a folder",
            &[File("/a/b", "x")],
            json!({"files": [{"path": "/a", "overwrite": true, "contents": {"source": "data:,y"}}]}),
            Ok(&[File("/a", "y")]),
        ),
        case(
            "a folder stays where the file for its place cannot be fetched",
            &[File("/a/b", "x")],
            json!({"files": [{"path": "/a", "overwrite": true, "contents": {"source": "http://127.0.0.1:8080/asdf"}}]}),
            Err("$.storage.files.0.contents: "),
        ),
        case(
            "a file stays as it was where one part cannot be fetched",
            &[File("/a", "x")],
            json!({"files": [{"path": "/a", "append": [{"source": "data:,y"}, {"source": "http://127.0.0.1:8080/asdf"}]}]}),
            Err("$.storage.files.0.append.1: http://127.0.0.1:8080/asdf: the server answered 404"),
        ),
        case(
            "the whole of what the system runs by is not replaced",
            &[File("/var/lib/berth/x", "")],
            json!({"directories": [{"path": "/var/lib", "overwrite": true}]}),
            Err("$.storage.directories.0.overwrite: /var/lib holds what the system runs by"),
        ),
        case(
            "a link gets an owner of its own",
            &[],
            json!({"links": [{"path": "/l", "target": "/none", "user": {"name": "core"}}]}),
            Ok(&[Link("/l", "/none"), Owner("/l", 500, 0)]),
        ),
        case(
            "a link to the same by another way is the same",
            &[Link("/l", "/a/./b/../c")],
            json!({"links": [{"path": "/l", "target": "/a/c"}]}),
            Ok(&[Link("/l", "/a/./b/../c")]),
        ),
        case(
            "a hard link to what is not there",
            &[],
            json!({"links": [{"path": "/l", "target": "/none", "hard": true}]}),
            Err("$.storage.links.0.target: there is no /none"),
        ),
        case(
            "an owner who is not there",
            &[],
            json!({"files": [{"path": "/a", "user": {"name": "nobody-else"}}]}),
            Err("$.storage.files.0.user.name: there is no user nobody-else; try: add it to passwd.users"),
        ),
    ]);
}

#[test]
fn users_are_there_before_files() {
    check(vec![Case {
        name: "a file of a new user's, in a home that a link leads to",
        before: &[Link("/people", "var/people"), Folder("/var/people")],
        config: json!({
            "passwd": {"users": [{"name": "a", "homeDir": "/people/a"}], "groups": [{"name": "g", "gid": 4000}]},
            "storage": {"files": [{"path": "/people/a/f", "user": {"name": "a"}, "group": {"name": "g"}}]},
        }),
        after: Ok(&[
            Owner("/var/people/a", 1000, 1000),
            Owner("/var/people/a/f", 1000, 4000),
            Nothing("/home/a"),
        ]),
    }]);
}

#[test]
fn a_run_that_broke_off_is_undone_by_the_next() {
    if !is_root() {
        return;
    }
    let before = [File("/etc/hosts", "localhost\n"), Mode("/etc/hosts", 0o640), Owner("/etc/hosts", 3, 4)];
    let mut root = Root::new(&before);
    let config = |last: &str| {
        json!({
            "passwd": {"users": [{"name": "a", "sshAuthorizedKeys": ["k"]}], "groups": [{"name": "g"}]},
            "storage": {
                "directories": [{"path": "/srv/d"}],
                "files": [
                    {"path": "/etc/hosts", "append": [{"source": "data:,more"}]},
                    {"path": "/srv/d/new", "append": [{"source": "data:,x"}]},
                    {"path": "/srv/a", "contents": {"source": "data:,a"}},
                    {"path": "/srv/z/z", "contents": {"source": last}},
                ],
                "links": [{"path": "/srv/h", "target": "/srv/a", "hard": true}, {"path": "/srv/l", "target": "a"}],
            },
        })
    };
    for _ in 0..2 {
        let failure = root.apply(config("http://127.0.0.1:8080/asdf")).unwrap_err();
        assert!(failure.starts_with("$.storage.files.3.contents: "), "{failure}");
    }
    // The second names a link that the first made otherwise.
    let mut last = config("data:,z");
    last["storage"]["links"][1]["target"] = "z".into();
    root.told.clear();
    assert_eq!(root.apply(last.clone()), Ok(()));
    assert_eq!(
        root.told,
        ["an earlier run did not come to its end: the accounts, files and links that it made are made anew"]
    );
    let after = [
        File("/etc/hosts", "localhost\nmore"),
        Mode("/etc/hosts", 0o640),
        Owner("/etc/hosts", 3, 4),
        File("/srv/d/new", "x"),
        File("/srv/h", "a"),
        File("/srv/z/z", "z"),
        Link("/srv/l", "z"),
    ];
    assert_eq!(root.wrong(&after), [""; 0]);
    provision::files::forget(&root.path("/")).unwrap();
    assert_eq!(std::fs::read_dir(root.path("/var/lib/berth")).unwrap().count(), 0);
    // Now it is somebody's.
    let failure = root.apply(last).unwrap_err();
    assert!(failure.contains("a file is there already"), "{failure}");
}
