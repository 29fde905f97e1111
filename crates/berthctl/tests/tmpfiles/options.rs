//! Which lines count.

use std::fs;

use crate::harness::{Bed, Case, check, fails, step};

#[test]
fn options() {
    check(&[
        Case {
            name: "! is for a starting system",
            needs_root: false,
            before: &["f 644 . /a", "f 644 . /b"],
            steps: &[step(&["--remove"], "r! @/a\n"), step(&["--remove", "--boot"], "r! @/b\n")],
            after: &["f 644 . /a"],
        },
        Case {
            name: "prefixes",
            needs_root: false,
            before: &[],
            steps: &[
                step(&["--create", "--prefix=@/a", "--prefix=@/b"], "d @/a/x\nd @/b\nd @/bc\nd @/c\n"),
                step(&["--create", "--prefix=@/d", "--exclude-prefix=@/d/no"], "d @/d/yes\nd @/d/no/x\n"),
            ],
            after: &["d 755 . /a", "d 755 . /a/x", "d 755 . /b", "d 755 . /d", "d 755 . /d/yes"],
        },
        Case {
            name: "accounts that are not there",
            needs_root: false,
            before: &[],
            steps: &[
                fails(&["--create"], "d @/a 0755 no-such-user\nd @/b\n", 65),
                step(&["--create", "--graceful"], "d @/c 2755 no-such-user no-such-group\n"),
            ],
            after: &["d 755 . /b", "d 755 . /c"],
        },
        Case {
            name: "lines that make no sense do not keep the others from being followed",
            needs_root: false,
            before: &[],
            steps: &[fails(
                &["--create"],
                "asdfa\nf \"open quote\nY @/x\nd @/a\nf++ @/x\nf @/x - - - - %Y\n",
                65,
            )],
            after: &["d 755 . /a"],
        },
        Case {
            name: "credentials that are not given",
            needs_root: false,
            before: &[],
            steps: &[step(&["--create"], "f^ @/a - - - - some.credential\n")],
            after: &[],
        },
    ]);
}

/// Runs for the files of a root.
fn run_files(bed: &Bed, options: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_berthctl"));
    command.arg("systemd-tmpfiles").arg(format!("--root={}", bed.path("").display())).args(options);
    command.output().unwrap()
}

fn write(bed: &Bed, path: &str, text: &str) {
    let path = bed.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn files_count_by_their_folders_and_their_names() {
    // TEST-22.13
    let bed = Bed::new(&["d 755 . /p", "l . /p/L /dev/null", "f 644 . /p/w"], true);
    let leads_to = |expected: &str| {
        assert!(run_files(&bed, &["--create", "--prefix=/p/L"]).status.success());
        assert_eq!(fs::read_link(bed.path("/p/L")).unwrap().to_str().unwrap(), expected);
    };
    for path in
        ["/usr/lib/tmpfiles.d/L-z.conf", "/usr/local/lib/tmpfiles.d/L-z.conf", "/run/tmpfiles.d/L-z.conf"]
    {
        write(&bed, path, &format!("L+ /p/L - - - - {path}\n"));
        leads_to(path);
    }
    for path in ["/etc/tmpfiles.d/L-z.conf", "/usr/lib/tmpfiles.d/L-a.conf", "/etc/tmpfiles.d/L-a.conf"] {
        write(&bed, path, &format!("L+ /p/L - - - - {path}\n"));
        leads_to(path);
    }
    // Empty, or a link to /dev/null, is as good as gone.
    write(&bed, "/etc/tmpfiles.d/L-a.conf", "");
    leads_to("/etc/tmpfiles.d/L-z.conf");
    fs::remove_file(bed.path("/etc/tmpfiles.d/L-z.conf")).unwrap();
    leads_to("/run/tmpfiles.d/L-z.conf");
    std::os::unix::fs::symlink("/dev/null", bed.path("/etc/tmpfiles.d/L-z.conf")).unwrap();
    write(&bed, "/usr/lib/tmpfiles.d/L-zz.conf", "L+ /p/L - - - - last\n");
    leads_to("last");

    for name in ["a", "c"] {
        for folder in ["/usr/lib", "/etc"] {
            let path = format!("{folder}/tmpfiles.d/w-{name}.conf");
            write(&bed, &path, &format!("w+ /p/w - - - - {path}\\n\n"));
        }
    }
    write(&bed, "/usr/lib/tmpfiles.d/w-b.conf", "w+ /p/w - - - - /usr/lib/tmpfiles.d/w-b.conf\\n\n");
    assert!(run_files(&bed, &["--create", "--prefix=/p/w"]).status.success());
    let expected = "/etc/tmpfiles.d/w-a.conf\n/usr/lib/tmpfiles.d/w-b.conf\n/etc/tmpfiles.d/w-c.conf\n";
    assert_eq!(fs::read_to_string(bed.path("/p/w")).unwrap(), expected);
}

#[test]
fn files_are_shown_in_their_order() {
    let bed = Bed::new(&[], true);
    write(&bed, "/usr/lib/tmpfiles.d/b.conf", "# why\n\nd /b\n");
    write(&bed, "/etc/tmpfiles.d/a.conf", "d /a\n# end\n");
    write(&bed, "/etc/tmpfiles.d/c.conf", "# nothing\n");
    let shown = |option| String::from_utf8(run_files(&bed, &[option]).stdout).unwrap();
    let whole = "# /etc/tmpfiles.d/a.conf\nd /a\n# end\n\n# /usr/lib/tmpfiles.d/b.conf\n# why\n\nd /b\n\n\
                 # /etc/tmpfiles.d/c.conf\n# nothing\n";
    assert_eq!(shown("--cat-config"), whole);
    let named = run_files(&bed, &["--cat-config", "/usr/lib/tmpfiles.d/b.conf"]);
    assert!(!named.status.success() && named.stdout.is_empty(), "{named:?}");
    assert_eq!(shown("--tldr"), "# /etc/tmpfiles.d/a.conf\nd /a\n\n# /usr/lib/tmpfiles.d/b.conf\nd /b\n");
}

#[test]
fn specifiers_of_a_root() {
    // TEST-22.20
    let bed = Bed::new(&[], true);
    let release = "ID=the-id\nBUILD_ID=build-id\nVARIANT_ID=variant-id\nVERSION_ID=version-id\nIMAGE_ID=image-id\n\
                   IMAGE_VERSION=22\n";
    let lines = "f  /copy - - - - ID=%o\\n\nw+ /copy - - - - BUILD_ID=%B\\n\nw+ /copy - - - - VARIANT_ID=%W\\n\n\
                 w+ /copy - - - - VERSION_ID=%w\\n\nw+ /copy - - - - IMAGE_ID=%M\\n\nw+ /copy - - - - IMAGE_VERSION=%A\\n\n";
    // Without os-release a line is for later.
    assert!(bed.run(&["--create"], lines).status.success());
    assert!(!bed.path("/copy").exists());
    write(&bed, "/etc/os-release", release);
    assert!(bed.run(&["--create"], lines).status.success());
    assert_eq!(fs::read_to_string(bed.path("/copy")).unwrap(), release);
}

#[test]
fn links_only_to_what_is_there() {
    // TEST-22.21
    let bed = Bed::new(&["f 644 . /abc"], true);
    assert!(bed.run(&["--create"], "L? /no - - - - /def\nL? /yes - - - - /abc\n").status.success());
    assert!(!bed.path("/no").is_symlink() && bed.path("/yes").is_symlink());
}

#[test]
fn what_is_written_through_a_link_stays_in_the_root() {
    let bed = Bed::new(&["f 644 . /f old", "l . /link /f"], true);
    let outside = Bed::new(&["f 644 . /f old"], true);
    std::os::unix::fs::symlink(outside.path("/f"), bed.path("/out")).unwrap();
    assert!(bed.run(&["--create"], "w /link 0600 - - - new\nw /out - - - - new\n").status.success());
    assert_eq!(fs::read_to_string(bed.path("/f")).unwrap(), "new");
    assert_eq!(fs::read_to_string(outside.path("/f")).unwrap(), "old");
}

#[test]
fn a_dry_run_says_what_would_be_done() {
    let bed = Bed::new(&["d 700 . /d", "f 644 . /d/f", "d 755 . /is"], true);
    let lines = "d /is 0755\nd /d 0711\nd /new\nf /x\nL /l - - - - /t\nR /d/f\n";
    let output = bed.run(&["--create", "--remove", "--dry-run"], lines);
    let said = String::from_utf8(output.stderr).unwrap();
    let expected = "Would remove /d/f\nWould give /d the mode 0711\nWould create directory /new\nWould create file /x\n\
                    Would create the symlink /l\n";
    assert_eq!(said, expected);
    assert_eq!(bed.tree().len(), 3);
}

#[test]
fn what_is_not_built_is_refused() {
    let bed = Bed::new(&[], true);
    for (options, expected) in [
        (&[][..], "at least one of --create"),
        (&["--purge"], "--purge needs files"),
        (&["--user", "--create"], "--user is not supported"),
        (&["--image=x", "--create"], "--image is unknown or not supported yet"),
        (&["--create", "--replace=x.conf", "y"], "--replace takes an absolute path"),
        (&["--create", "--replace=/etc/tmpfiles.d/x.conf"], "name what is to be read"),
        (&["--create", "nowhere.conf"], "there is no nowhere.conf in /etc/tmpfiles.d"),
    ] {
        let output = run_files(&bed, options);
        assert_eq!(output.status.code(), Some(1), "{options:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(expected), "{options:?}: {output:?}");
    }
}
