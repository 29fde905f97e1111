//! What is made and adjusted.

use crate::harness::{Bed, Case, check, fails, is_root, step};

const CREATE: &[&str] = &["--create"];
const DRY: &[&str] = &["--create", "--dry-run"];

#[test]
fn folders() {
    check(&[
        Case {
            name: "TEST-22.01 e makes nothing",
            needs_root: false,
            before: &[],
            steps: &[step(CREATE, "e @/test - 0 0 1d")],
            after: &[],
        },
        Case {
            name: "TEST-22.02 d, dry",
            needs_root: false,
            before: &["d 777 . /2"],
            steps: &[step(DRY, "d @/1 0755\nd @/2 0755")],
            after: &["d 777 . /2"],
        },
        Case {
            name: "TEST-22.02 d",
            needs_root: true,
            before: &["d 777 . /2"],
            steps: &[step(CREATE, "d @/1 0755 1 1 - -\nd @/2 0755 1 1 - -")],
            after: &["d 755 1:1 /1", "d 755 1:1 /2"],
        },
        Case {
            name: "d as anybody, parents first",
            needs_root: false,
            before: &["d 777 . /2"],
            steps: &[step(CREATE, "d @/1/b 0700\nd @/1 0750\nd @/2\nd @/3/x/y 1777")],
            after: &[
                "d 750 . /1",
                "d 700 . /1/b",
                "d 777 . /2",
                "d 755 . /3",
                "d 755 . /3/x",
                "d 1777 . /3/x/y",
            ],
        },
        Case {
            name: "v, q and Q are d here",
            needs_root: false,
            before: &[],
            steps: &[step(CREATE, "v @/v 0700\nq @/q\nQ @/Q 0711")],
            after: &["d 711 . /Q", "d 755 . /q", "d 700 . /v"],
        },
        Case {
            name: "TEST-22.02 D",
            needs_root: true,
            before: &["d 755 . /D", "d 777 . /D/2", "f 644 . /D/2/foo"],
            steps: &[
                step(CREATE, "D @/D/1 0755 1 1 - -\nD @/D/2 0755 1 1 - -"),
                step(&["--remove"], "D @/D/2 0755 1 1 - -"),
            ],
            after: &["d 755 . /D", "d 755 1:1 /D/1", "d 755 1:1 /D/2"],
        },
        Case {
            name: "TEST-22.02 e",
            needs_root: true,
            before: &[
                "d 755 . /e",
                "d 777 . /e/2",
                "d 777 . /e/2/d1",
                "d 777 . /e/2/d2",
                "d 777 . /e/3",
                "d 777 . /e/3/d1",
                "f 644 . /e/3/f1",
            ],
            steps: &[
                step(CREATE, "e @/e/1 0755 1 1 - -\ne @/e/2/* 0755 1 1 - -"),
                // It is about folders only.
                step(CREATE, "e @/e/3/* 0755 1 1 - -"),
            ],
            after: &[
                "d 755 . /e",
                "d 777 . /e/2",
                "d 755 1:1 /e/2/d1",
                "d 755 1:1 /e/2/d2",
                "d 777 . /e/3",
                "d 755 1:1 /e/3/d1",
                "f 644 . /e/3/f1",
            ],
        },
        Case {
            name: "TEST-22.14 : is for what is new",
            needs_root: true,
            before: &[],
            steps: &[
                step(CREATE, "d @/inode :0123 :1 :1"),
                step(CREATE, "d @/inode :0321 :2 :2"),
                step(CREATE, "d @/other 0321 2 2"),
                step(CREATE, "d @/other :0123 :1 :1"),
            ],
            after: &["d 123 1:1 /inode", "d 321 2:2 /other"],
        },
        Case {
            name: "something else in the way is left",
            needs_root: false,
            before: &["f 644 . /x kept"],
            steps: &[step(CREATE, "d @/x 0700")],
            after: &["f 644 . /x kept"],
        },
    ]);
}

#[test]
fn files() {
    check(&[
        Case {
            name: "TEST-22.03 f, dry",
            needs_root: false,
            before: &["d 755 . /f"],
            steps: &[step(DRY, "f @/f/1 0644\nf @/f/2 0644 - - - This string should be written")],
            after: &["d 755 . /f"],
        },
        Case {
            name: "TEST-22.03 f",
            needs_root: true,
            before: &["d 755 . /f"],
            steps: &[
                step(CREATE, "f @/f/1 0644\nf @/f/2 0644 - - - This string should be written"),
                step(CREATE, "f @/f/1 0666 1 1 - This string should not be written"),
            ],
            after: &["d 755 . /f", "f 666 1:1 /f/1", "f 644 . /f/2 This string should be written"],
        },
        Case {
            name: "TEST-22.03 f and what is no file",
            needs_root: false,
            before: &[
                "d 755 . /f",
                "p 644 . /f/fifo",
                "l . /f/dangling missing",
                "f 600 . /owned",
                "l . /f/symlink ../owned",
            ],
            steps: &[
                fails(CREATE, "f @/f/fifo 0666 - - - no", 73),
                fails(CREATE, "f @/f/dangling 0644\nf @/f/symlink 0644", 73),
            ],
            after: &[
                "d 755 . /f",
                "l . /f/dangling missing",
                "p 644 . /f/fifo",
                "l . /f/symlink ../owned",
                "f 600 . /owned",
            ],
        },
        Case {
            name: "TEST-22.03 F",
            needs_root: true,
            before: &[
                "d 755 . /F",
                "f 644 . /F/t truncate me",
                "f 644 . /F/tc truncate me",
                "p 644 . /F/fifo",
            ],
            steps: &[
                step(
                    CREATE,
                    "F @/F/c 0644\nF @/F/cc 0644 - - - new content\nF @/F/t 0666 1 1\nf+ @/F/tc 0666 1 1 - new content",
                ),
                fails(CREATE, "F @/F/fifo 0644", 73),
            ],
            after: &[
                "d 755 . /F",
                "f 644 . /F/c",
                "f 644 . /F/cc new content",
                "p 644 . /F/fifo",
                "f 666 1:1 /F/t",
                "f 666 1:1 /F/tc new content",
            ],
        },
        Case {
            name: "TEST-22.03 w",
            needs_root: false,
            before: &["f 644 . /over", "f 644 . /app", "l . /link ./over"],
            steps: &[
                step(DRY, "w @/none 0644 - - - new content\nw @/over 0644 - - - old content"),
                step(CREATE, "w @/none 0644 - - - new content"),
                fails(CREATE, "w @/none 0644 - - - -", 65),
                step(CREATE, "w @/over 0644 - - - old content"),
                step(CREATE, "w @/over 0644 - - - new content"),
                step(CREATE, "w+ @/app 0644 - - - 1\nw+ @/app 0644 - - - 2\\n\nw+ @/app 0644 - - - 3"),
                step(CREATE, "w @/link - - - - NEW"),
            ],
            after: &["f 644 . /app 12\\n3", "l . /link ./over", "f 644 . /over NEW content"],
        },
        Case {
            name: "TEST-22.09 set-id bits and owners",
            needs_root: true,
            before: &[],
            steps: &[
                step(CREATE, "f @/x 0755 1 1 - -\nf @/y 0755 1 1 - -"),
                step(CREATE, "f @/x 04755\nf @/y 02755"),
                step(CREATE, "f @/x - 2 2\nf @/y - 2 2"),
            ],
            after: &["f 4755 2:2 /x", "f 2755 2:2 /y"],
        },
        Case {
            name: "TEST-22.09 a third owner and another mode",
            needs_root: true,
            before: &["f 4755 2:2 /x", "f 2755 2:2 /y"],
            steps: &[step(CREATE, "f @/x 0770 3 3\nf @/y 0770 3 3")],
            after: &["f 770 3:3 /x", "f 770 3:3 /y"],
        },
        Case {
            name: "TEST-22.10 arguments",
            needs_root: false,
            before: &[],
            steps: &[step(
                CREATE,
                "f @/1 0644 - - - foo\nf @/2 0644 - - - foo bar\nf @/3 0644 - - - foo\\x20bar\n\
                 f @/4 0644 - - - \\x20foobar\nf @/5 0644 - - - foobar\\x20\nf @/6 0644 - - -  foo bar\n\
                 f @/7 0644 - - -  foo bar \\n\nf @/8 0644 - - - \" foo bar \"\nf @/9 0644 - - - ' foo bar '\n",
            )],
            after: &[
                "f 644 . /1 foo",
                "f 644 . /2 foo bar",
                "f 644 . /3 foo bar",
                "f 644 . /4  foobar",
                "f 644 . /5 foobar",
                "f 644 . /6 foo bar",
                "f 644 . /7 foo bar \\n",
                "f 644 . /8 \" foo bar \"",
                "f 644 . /9 ' foo bar '",
            ],
        },
        Case {
            name: "TEST-22.18 escapes in names",
            needs_root: false,
            before: &[],
            steps: &[step(CREATE, "f \"@/\\x20a\\x62\" 0644 - - - \\x20foo\\nbar")],
            after: &["f 644 . / ab  foo\\nbar"],
        },
        Case {
            name: "test-systemd-tmpfiles.py base64",
            needs_root: false,
            before: &[],
            steps: &[step(CREATE, "f~ @/x - - - - UGlmZgpQYWZmClB1ZmYgCg==")],
            after: &["f 644 . /x Piff\\nPaff\\nPuff \\n"],
        },
        Case {
            name: "a failure that is none",
            needs_root: false,
            before: &["p 644 . /x"],
            steps: &[step(CREATE, "f- @/x 0600 - - - y")],
            after: &["p 644 . /x"],
        },
    ]);
}

#[test]
fn links_fifos_and_copies() {
    check(&[
        Case {
            name: "TEST-22.04 p, dry and wet",
            needs_root: false,
            before: &["f 644 . /f1"],
            steps: &[step(DRY, "p @/no 0666"), step(CREATE, "p @/fifo1 0666"), step(CREATE, "p @/f1 0666")],
            after: &["f 644 . /f1", "p 666 . /fifo1"],
        },
        Case {
            name: "TEST-22.04 p+",
            needs_root: false,
            before: &["f 644 . /f1", "d 755 . /d", "f 644 . /d/x"],
            steps: &[step(CREATE, "p+ @/f1 0666\np+ @/d 0600")],
            after: &["p 600 . /d", "p 666 . /f1"],
        },
        Case {
            name: "L and what is there",
            needs_root: false,
            before: &["f 644 . /a", "l . /b x", "d 755 . /c", "d 755 . /c/d"],
            steps: &[
                step(CREATE, "L @/a - - - - /to\nL @/b - - - - /to\nL @/new - - - - ../to"),
                step(CREATE, "L+ @/a - - - - /to\nL+ @/b - - - - /to\nL+ @/c - - - - /to"),
            ],
            after: &["l . /a /to", "l . /b /to", "l . /c /to", "l . /new ../to"],
        },
        Case {
            name: "TEST-22.16 %h in arguments, dry and wet",
            needs_root: false,
            before: &[],
            steps: &[step(DRY, "L @/no - - - - %h"), step(CREATE, "L @/1 - - - - %h\nf @/%% - - - - %U%G")],
            after: &["f 644 . /% 00", "l . /1 /home/x"],
        },
        Case {
            name: "TEST-22.02 C",
            needs_root: true,
            before: &[
                "d 755 . /1-origin",
                "f 755 . /1-origin/f1",
                "d 755 . /2-origin",
                "f 755 . /2-origin/f1",
                "d 755 . /2",
                "d 755 . /3-origin",
                "f 755 . /3-origin/f1",
                "d 755 . /3",
                "f 644 . /3/f1",
            ],
            steps: &[
                step(DRY, "C @/1 0755 1 1 - @/1-origin\nC @/2 0755 1 1 - @/2-origin"),
                step(CREATE, "C @/1 0755 1 1 - @/1-origin\nC @/2 0755 1 1 - @/2-origin"),
                step(CREATE, "C @/3 0755 1 1 - @/3-origin\nC @/4 0755 1 1 - @/missing"),
            ],
            after: &[
                "d 755 1:1 /1",
                "d 755 . /1-origin",
                "f 755 . /1-origin/f1",
                "f 755 1:1 /1/f1",
                "d 755 1:1 /2",
                "d 755 . /2-origin",
                "f 755 . /2-origin/f1",
                "f 755 1:1 /2/f1",
                "d 755 1:1 /3",
                "d 755 . /3-origin",
                "f 755 . /3-origin/f1",
                "f 644 . /3/f1",
            ],
        },
        Case {
            name: "owners and modes with a colon are for what is new",
            needs_root: true,
            before: &["d 755 . /o", "f 644 . /o/x", "d 750 1:1 /t"],
            steps: &[step(CREATE, "C @/t :0700 :2 :2 - @/o\nC @/n :0700 :2 :2 - @/o")],
            after: &[
                "d 700 2:2 /n",
                "f 644 2:2 /n/x",
                "d 755 . /o",
                "f 644 . /o/x",
                "d 750 1:1 /t",
                "f 644 2:2 /t/x",
            ],
        },
        Case {
            name: "TEST-22.02 C+",
            needs_root: false,
            before: &[
                "d 755 . /o",
                "f 755 . /o/f1 new",
                "f 640 . /o/f2 2",
                "l . /o/l x",
                "d 700 . /o/d",
                "f 600 . /o/d/f 3",
                "d 755 . /t",
                "f 644 . /t/f1 ABC",
            ],
            steps: &[step(CREATE, "C+ @/t - - - - @/o")],
            after: &[
                "d 755 . /o",
                "d 700 . /o/d",
                "f 600 . /o/d/f 3",
                "f 755 . /o/f1 new",
                "f 640 . /o/f2 2",
                "l . /o/l x",
                "d 755 . /t",
                "d 700 . /t/d",
                "f 600 . /t/d/f 3",
                "f 644 . /t/f1 ABC",
                "f 640 . /t/f2 2",
                "l . /t/l x",
            ],
        },
    ]);
}

#[test]
fn what_is_in_the_way_goes_where_a_line_says_so() {
    // test-systemd-tmpfiles.py, test_hard_cleanup
    let befores: [(&str, &[&str]); 6] = [
        ("nothing", &[]),
        ("a file", &["f 644 . /deep file"]),
        ("a folder", &["d 755 . /deep", "l . /deep/self @/deep"]),
        ("a link to a file", &["f 644 . /target x", "l . /deep target"]),
        ("a fifo", &["p 644 . /deep"]),
        ("a link to a folder", &["d 755 . /target", "l . /deep target"]),
    ];
    for (name, before) in befores {
        for below_root in [true, false] {
            let bed = Bed::new(before, below_root);
            let output = bed.run(CREATE, "f= @/deep/1/2 - - - - text");
            assert!(output.status.success(), "{name}: {output:?}");
            assert_eq!(std::fs::read_to_string(bed.path("/deep/1/2")).unwrap(), "text", "{name}");
        }
    }
    check(&[
        Case {
            name: "test_hard_cleanup shallow",
            needs_root: false,
            before: &["d 755 . /a", "f 644 . /a/x", "p 644 . /b", "l . /c nowhere", "f 644 . /d old"],
            steps: &[step(CREATE, "f= @/a - - - - 1\nf= @/b - - - - 2\nf= @/c - - - - 3\nf= @/d - - - - 4")],
            after: &["f 644 . /a 1", "f 644 . /b 2", "f 644 . /c 3", "f 644 . /d old"],
        },
        Case {
            name: "without = it stays",
            needs_root: false,
            before: &["f 644 . /deep file"],
            steps: &[fails(CREATE, "f @/deep/1/2 - - - - text", 73)],
            after: &["f 644 . /deep file"],
        },
    ]);
}

#[test]
fn adjusting() {
    check(&[
        Case {
            name: "TEST-22.05 z",
            needs_root: true,
            before: &["f 644 . /f1", "d 755 . /d1", "f 644 . /d1/f11", "d 755 . /d2", "f 644 . /d2/f21"],
            steps: &[
                step(DRY, "z @/f1 0755 1 1\nz @/d1 0755 1 1"),
                step(CREATE, "z @/f1 0755 1 1\nz @/d1 0755 1 1\nz @/d2/* 0755 1 1"),
            ],
            after: &["d 755 1:1 /d1", "f 644 . /d1/f11", "d 755 . /d2", "f 755 1:1 /d2/f21", "f 755 1:1 /f1"],
        },
        Case {
            name: "TEST-22.05 Z",
            needs_root: true,
            before: &[
                "f 644 . /f1",
                "d 755 . /d1",
                "f 644 . /d1/f11",
                "d 755 . /d1/d11",
                "f 644 . /d1/d11/f111",
            ],
            steps: &[step(CREATE, "Z @/f1 0755 1 1\nZ @/d1 0755 1 1")],
            after: &[
                "d 755 1:1 /d1",
                "d 755 1:1 /d1/d11",
                "f 755 1:1 /d1/d11/f111",
                "f 755 1:1 /d1/f11",
                "f 755 1:1 /f1",
            ],
        },
        Case {
            name: "a masked mode",
            needs_root: false,
            before: &["d 700 . /d", "f 600 . /d/f", "f 700 . /d/x", "l . /d/l f"],
            steps: &[step(CREATE, "Z @/d ~2755")],
            after: &["d 2755 . /d", "f 644 . /d/f", "l . /d/l f", "f 755 . /d/x"],
        },
    ]);
}

#[test]
fn unsafe_paths_are_not_followed() {
    let mine: &[&str] = &["d 755 1:1 /mine", "l 1:1 /mine/out ../roots", "d 755 . /roots"];
    let after: &[&str] = &["d 755 1:1 /mine", "l 1:1 /mine/out ../roots", "d 755 . /roots"];
    check(&[
        Case {
            name: "TEST-22.03 another user's link",
            needs_root: true,
            before: mine,
            steps: &[
                fails(CREATE, "f @/mine/out/exploit 0644 1 1", 73),
                fails(CREATE, "F @/mine/out/exploit 0644 1 1", 73),
                fails(CREATE, "d @/mine/out/exploit 0755 1 1", 73),
                fails(CREATE, "z @/mine/out/../x 0755 1 1", 0),
            ],
            after,
        },
        Case {
            name: "TEST-22.08 a folder of root's in another user's",
            needs_root: true,
            before: &["d 755 1:1 /user", "d 755 . /user/root"],
            steps: &[fails(CREATE, "d @/user/root/test", 73)],
            after: &["d 755 1:1 /user", "d 755 . /user/root"],
        },
    ]);
    if is_root() {
        // A root that is another user's is no way: it is where the walk begins.
        let bed = Bed::new(&["d 755 1:1 /user", "d 755 . /user/root"], false);
        let root = format!("--root={}", bed.path("user/root").display());
        assert!(bed.run(&[&root, "--create"], "d /test").status.success());
        assert!(bed.path("user/root/test").is_dir());
    }
}

#[test]
fn lists_attributes_and_extended_attributes() {
    // The root must hold them: a file system that does not is told of, or passed over.
    let bed = Bed::new(&["f 644 . /f", "d 755 . /d", "f 644 . /d/x"], true);
    let acl = bed.run(
        CREATE,
        "a /f - - - - u:root:rwX\na+ /f - - - - g:root:r\nA /d - - - - d:u:root:rwx,u:root:rX\n",
    );
    assert!(acl.status.success(), "{acl:?}");
    let shown = |path: &str| {
        let output = std::process::Command::new("getfacl").args(["-Ecn"]).arg(bed.path(path)).output();
        output.map(|output| String::from_utf8(output.stdout).unwrap())
    };
    // Where no other program can read lists, there is nothing to compare with.
    if let Ok(text) = shown("/f") {
        assert!(
            text.contains("user:0:rw-") && text.contains("group:0:r--") && text.contains("mask::rw-"),
            "{text}"
        );
        let text = shown("/d").unwrap();
        assert!(text.contains("default:user:0:rwx") && text.contains("user:0:r-x"), "{text}");
        assert!(shown("/d/x").unwrap().contains("user:0:r--"), "{text}");
    }
    let output = bed.run(CREATE, "h /f - - - - +d\nH /d - - - - =\nt /f - - - - user.a=\"b c\"\n");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || said.contains("user.a"), "{said}");
}
