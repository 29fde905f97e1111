//! The reference's blackbox cases about files, folders and links, by their names.

use serde_json::{Value, json};

use crate::harness::At::{File, Folder, Link, Mode, Nothing, Owner, Same};
use crate::harness::{At, Case, check};

fn case(
    name: &'static str,
    before: &'static [At],
    storage: Value,
    after: Result<&'static [At], &'static str>,
) -> Case {
    Case { name, before, config: json!({ "storage": storage }), after }
}

const CONTENTS: &str = "http://127.0.0.1:8080/contents";

#[test]
fn files() {
    check(vec![
        case(
            "files.create",
            &[],
            json!({"files": [{"path": "/foo/bar", "contents": {"source": "data:,example%20file%0A"}}]}),
            Ok(&[File("/foo/bar", "example file\n"), Owner("/foo/bar", 0, 0), Mode("/foo", 0o755)]),
        ),
        case(
            "files.owner.byid",
            &[],
            json!({"files": [{"path": "/foo/bar", "user": {"id": 500}, "group": {"id": 501}}]}),
            Ok(&[File("/foo/bar", ""), Owner("/foo/bar", 500, 501), Owner("/foo", 0, 0)]),
        ),
        case(
            "files.owner.byname",
            &[],
            json!({"files": [{"path": "/foo/bar", "user": {"name": "core"}, "group": {"name": "docker"}}]}),
            Ok(&[Owner("/foo/bar", 500, 233)]),
        ),
        case(
            "files.create.force",
            &[File("/foo/bar", "hello, world"), Mode("/foo/bar", 0o600), Owner("/foo/bar", 5, 5)],
            json!({"files": [{"path": "/foo/bar", "contents": {"source": CONTENTS}, "overwrite": true}]}),
            Ok(&[File("/foo/bar", "asdf\nfdsa"), Mode("/foo/bar", 0o644), Owner("/foo/bar", 0, 0)]),
        ),
        case(
            "files.append.withcreate",
            &[],
            json!({"files": [{
                "path": "/foo/bar", "contents": {"source": "data:,example%20file%0A"},
                "user": {"id": 500}, "group": {"id": 500}, "append": [{"source": "data:,hello%20world%0A"}],
            }]}),
            Ok(&[File("/foo/bar", "example file\nhello world\n"), Owner("/foo/bar", 500, 500)]),
        ),
        case(
            "files.append.existing",
            &[File("/foo/bar", "example file\n"), Owner("/foo/bar", 500, 500), Mode("/foo/bar", 0o640)],
            json!({"files": [{"path": "/foo/bar", "append": [{"source": "data:,hello%20world%0A"}]}]}),
            Ok(&[
                File("/foo/bar", "example file\nhello world\n"),
                Owner("/foo/bar", 500, 500),
                Mode("/foo/bar", 0o640),
            ]),
        ),
        case(
            "files.append.nonexistent",
            &[],
            json!({"files": [{
                "path": "/foo/bar", "append": [{"source": "data:,hello%20world%0A"}], "group": {"id": 500},
            }]}),
            Ok(&[File("/foo/bar", "hello world\n"), Owner("/foo/bar", 0, 500)]),
        ),
        case(
            "files.defaultperms",
            &[],
            json!({"files": [{"path": "/foo/bar", "contents": {"source": "data:,hello"}}]}),
            Ok(&[Mode("/foo/bar", 0o644)]),
        ),
        case(
            "files.customperms",
            &[],
            json!({"files": [
                {"path": "/foo/setuidsetgid", "mode": 3565},
                {"path": "/foo/auser/setuid", "mode": 2541, "user": {"id": 1001}, "group": {"id": 1001}},
                {"path": "/foo/root/setgid", "mode": 1517, "user": {"id": 0}, "group": {"id": 0}},
            ]}),
            Ok(&[
                Mode("/foo/setuidsetgid", 0o6755),
                Mode("/foo/auser/setuid", 0o4755),
                Owner("/foo/auser/setuid", 1001, 1001),
                Mode("/foo/root/setgid", 0o2755),
            ]),
        ),
        Case {
            name: "files.customperms.pre-#2042-fix",
            before: &[],
            config: json!({
                "ignition": {"version": "3.5.0"},
                "storage": {"files": [{"path": "/foo/setuidsetgid", "mode": 3565}]},
            }),
            after: Ok(&[Mode("/foo/setuidsetgid", 0o755)]),
        },
        case(
            "files.create.overwrite.false",
            &[File("/foo/bar", "")],
            json!({"files": [{"path": "/foo/bar", "contents": {"source": CONTENTS}, "overwrite": false}]}),
            Err("$.storage.files.0: cannot make the file /foo/bar: a file is there already"),
        ),
        case(
            "files.creates.overwrite.false.overdir",
            &[File("/foo/bar/baz", "asdf\nfdsa")],
            json!({"files": [{"path": "/foo/bar", "contents": {"source": CONTENTS}, "overwrite": false}]}),
            Err("$.storage.files.0: cannot make the file /foo/bar: a folder is there already"),
        ),
        case(
            "files.create.http.notfound",
            &[],
            json!({"files": [{"path": "/foo/bar", "contents": {"source": "http://127.0.0.1:8080/asdf"}}]}),
            Err("$.storage.files.0.contents: http://127.0.0.1:8080/asdf: the server answered 404"),
        ),
    ]);
}

#[test]
fn folders() {
    check(vec![
        case(
            "directories.create",
            &[],
            json!({"directories": [{"path": "/foo/bar"}]}),
            Ok(&[Folder("/foo/bar"), Mode("/foo", 0o755)]),
        ),
        case(
            "directories.defaultperms",
            &[],
            json!({"directories": [{"path": "/foo/bar"}]}),
            Ok(&[Mode("/foo/bar", 0o755)]),
        ),
        case(
            "directories.create.force",
            &[File("/foo/bar", "hello, world")],
            json!({"directories": [{"path": "/foo/bar", "overwrite": true}]}),
            Ok(&[Folder("/foo/bar")]),
        ),
        case(
            "directories.match",
            &[File("/foo/bar/baz", "hello, world")],
            json!({"directories": [{"path": "/foo/bar", "mode": 511}]}),
            Ok(&[Mode("/foo/bar", 0o777), File("/foo/bar/baz", "hello, world")]),
        ),
        case(
            "directories.match.overwrite",
            &[File("/foo/bar/baz", "hello, world")],
            json!({"directories": [{"path": "/foo/bar", "overwrite": true}]}),
            Ok(&[Folder("/foo/bar"), Nothing("/foo/bar/baz")]),
        ),
        case(
            "directories.ordering",
            &[Link("/foo/bar", "/")],
            json!({"directories": [
                {"path": "/foo/bar/baz", "mode": 511, "overwrite": false},
                {"path": "/baz/quux", "mode": 493, "overwrite": false},
            ]}),
            Ok(&[Mode("/baz", 0o777), Mode("/baz/quux", 0o755)]),
        ),
        case(
            "directories.create.overwrite.false",
            &[File("/foo/bar", "hello, world")],
            json!({"directories": [{"path": "/foo/bar"}]}),
            Err("$.storage.directories.0: cannot make the folder /foo/bar: a file is there already"),
        ),
    ]);
}

#[test]
fn links() {
    let target = json!([{"path": "/foo/target", "contents": {"source": CONTENTS}}]);
    check(vec![
        case(
            "links.hard.create",
            &[],
            json!({"files": target, "links": [{"path": "/foo/bar", "target": "/foo/target", "hard": true}]}),
            Ok(&[File("/foo/target", "asdf\nfdsa"), Same("/foo/bar", "/foo/target")]),
        ),
        case(
            "links.hard.match",
            &[File("/target", ""), Same("/existing", "/target")],
            json!({"links": [{"path": "/existing", "target": "/target", "hard": true}]}),
            Ok(&[Same("/existing", "/target")]),
        ),
        case(
            "links.hard.create.force",
            &[File("/foo/bar", "asdf\nfdsa")],
            json!({
                "files": target,
                "links": [{"path": "/foo/bar", "target": "/foo/target", "hard": true, "overwrite": true}],
            }),
            Ok(&[Same("/foo/bar", "/foo/target")]),
        ),
        case(
            "links.hard.deep.create.file",
            &[],
            json!({
                "files": [{"path": "/foo/bar/baz", "contents": {"source": CONTENTS}}],
                "links": [{"path": "/foo/quux", "target": "/foo/bar/baz", "hard": true}],
            }),
            Ok(&[File("/foo/bar/baz", "asdf\nfdsa"), Same("/foo/quux", "/foo/bar/baz")]),
        ),
        case(
            "links.hard.create.tosym",
            &[Link("/bar", "nonexistent")],
            json!({"links": [{"path": "/foo", "target": "/bar", "hard": true}]}),
            Ok(&[Link("/foo", "nonexistent"), Same("/foo", "/bar")]),
        ),
        case(
            "links.hard.create.overwrite.false",
            &[File("/foo/bar", "asdf\nfdsa")],
            json!({"files": target, "links": [{"path": "/foo/bar", "target": "/foo/target", "hard": true}]}),
            Err(
                "$.storage.links.0: cannot make the other name of that file /foo/bar: a file is there already",
            ),
        ),
        case(
            "links.hard.badmatch",
            &[File("/WrongTarget", ""), File("/target", ""), Same("/existing", "/WrongTarget")],
            json!({"links": [{"path": "/existing", "target": "/target", "hard": true}]}),
            Err("$.storage.links.0: "),
        ),
        case(
            "links.sym.create",
            &[File("/foo/target", "")],
            json!({"links": [{"path": "/foo/bar", "target": "/foo/target", "hard": false}]}),
            Ok(&[Link("/foo/bar", "/foo/target")]),
        ),
        case(
            "links.sym.match",
            &[Link("/existing", "/target")],
            json!({"links": [{"path": "/existing", "target": "/target"}]}),
            Ok(&[Link("/existing", "/target")]),
        ),
        case(
            "links.sym.create.force",
            &[File("/foo/bar", "asdf\nfdsa")],
            json!({"files": target, "links": [{"path": "/foo/bar", "target": "/foo/target", "overwrite": true}]}),
            Ok(&[File("/foo/target", "asdf\nfdsa"), Link("/foo/bar", "/foo/target")]),
        ),
        case(
            "links.sym.create.overwrite.false",
            &[File("/foo/bar", "asdf\nfdsa")],
            json!({"files": target, "links": [{"path": "/foo/bar", "target": "/foo/target"}]}),
            Err("$.storage.links.0: cannot make the link /foo/bar: a file is there already"),
        ),
        case(
            "links.sym.create.overwrite.false.overdir",
            &[File("/foo/bar/baz", "asdf\nfdsa")],
            json!({"files": target, "links": [{"path": "/foo/bar", "target": "/foo/target"}]}),
            Err("$.storage.links.0: cannot make the link /foo/bar: a folder is there already"),
        ),
        case(
            "links.sym.badmatch",
            &[Link("/existing", "/WrongTarget")],
            json!({"links": [{"path": "/existing", "target": "/target"}]}),
            Err("$.storage.links.0: /existing is a link to /WrongTarget already, not to /target"),
        ),
        case(
            "links.sym.writeover",
            &[File("/opt/rofile", "old"), Link("/etc/file", "/opt/rofile")],
            json!({"files": [{"path": "/etc/file", "mode": 420, "overwrite": true, "contents": {"source": ""}}]}),
            Ok(&[File("/opt/rofile", "old"), File("/etc/file", ""), Mode("/etc/file", 0o644)]),
        ),
        case(
            "links.sym.writeover.broken",
            &[Link("/etc/file", "/usr/rofile")],
            json!({"files": [{"path": "/etc/file", "mode": 420, "overwrite": true, "contents": {"source": ""}}]}),
            Ok(&[File("/etc/file", ""), Nothing("/usr/rofile")]),
        ),
        case(
            "links.sym.overwritelink",
            &[Link("/etc/file", "/usr/rofile")],
            json!({"files": [{"path": "/etc/file", "mode": 420, "overwrite": false}]}),
            Err("$.storage.files.0: cannot make the file /etc/file: a link is there already"),
        ),
        case(
            "links.sym.resovledconflicts",
            &[Link("/foo", "/")],
            json!({"files": [{"path": "/foo/bar/baz"}, {"path": "/bar/baz"}]}),
            Err("$.storage.files.1.path: /bar/baz is /bar/baz once links are followed"),
        ),
    ]);
}
