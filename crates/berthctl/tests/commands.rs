//! The commands as an operator types them.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

/// Runs `berthctl` under a name of its own, with a control socket that is not there.
fn run(name: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join(name);
    symlink(env!("CARGO_BIN_EXE_berthctl"), &link).unwrap();
    let mut command = Command::new(link);
    command.args(arguments).env("BERTH_INIT_SOCKET", folder.path().join("none.sock"));
    command.env_remove("NOTIFY_SOCKET").env("TZ", "UTC").stdin(Stdio::null());
    command.output().unwrap()
}

/// What a command prints; it ends well.
fn printed(name: &str, arguments: &[&str]) -> String {
    let output = run(name, arguments);
    assert!(output.status.success(), "{name} {arguments:?}: {output:?}");
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn what_nobody_reads_ends_quietly() {
    for name in layout::path::BERTHCTL_LINKS.iter().chain(&layout::path::BERTHCTL_LIB_LINKS) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_berthctl"))
            .args([name, "--help"])
            .env("BERTH_INIT_SOCKET", "/none")
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        assert_eq!(text(&output.stderr), "", "{name}");
        assert_eq!(output.status.signal(), Some(13), "{name}");
    }
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    for (name, arguments, refused) in [
        ("systemctl", &["suspend"][..], "suspend is not supported yet"),
        ("systemctl", &["edit", "x"], "write a drop-in with a text editor instead"),
        ("systemctl", &["kill", "-s", "SIGFLY", "x"], "there is no signal SIGFLY"),
        ("systemctl", &["isolate"], "isolate takes one unit"),
        ("systemctl", &["enable", "--now", "--root", "/x", "a"], "--now and --root do not go together"),
        ("systemd-run", &["--on-active=5", "--wait", "true"], "--wait and a timer do not go together"),
        ("systemd-run", &["--on-calendar=at noon", "true"], "\"at noon\" is not a calendar expression"),
        ("systemd-run", &["--on-active=soon", "true"], "\"soon\" is not a time span"),
        (
            "systemd-run",
            &["--on-active=5", "--timer-property=WakeSystem=yes", "true"],
            "WakeSystem is not supported yet",
        ),
        ("systemd-run", &["--on-active=5"], "name a command"),
        ("systemd-run", &[], "name a command"),
        ("systemd-analyze", &["dump"], "dump is not supported yet"),
        ("systemd-analyze", &["security", "--root=/", "a"], "security --root is not supported yet"),
        ("systemd-analyze", &["security", "--security-policy=x"], "--security-policy"),
        ("systemd-analyze", &["security", "--threshold=101", "a"], "expected a number from 0 to 100"),
        ("systemd-analyze", &["security", "--offline=yes"], "needs the files of units"),
        ("systemd-analyze", &["security", "--json=yes", "a"], "expected off, short or pretty"),
        ("systemd-analyze", &["security", "a.socket"], "is not a service unit"),
        ("systemd-analyze", &["calendar"], "name a time"),
        ("systemd-analyze", &["calendar", "at noon"], "\"at noon\" is not a calendar expression"),
        ("systemd-analyze", &["calendar", "daily Nowhere/At_All"], "there is no time zone of that name"),
        ("systemd-analyze", &["timespan", "5 fortnights"], "is not a time span"),
        ("systemd-analyze", &["timestamp", "soon"], "is not a timestamp"),
        ("systemd-analyze", &["fly"], "unknown command fly"),
        ("systemd-notify", &[], "there is nothing to tell"),
        ("systemd-notify", &["--ready"], "NOTIFY_SOCKET is not set"),
        ("systemd-escape", &[], "name a string"),
        ("systemd-escape", &["-p", "/a/../b"], "/a/../b has .. in it"),
        ("systemd-cat", &["-p", "loud"], "is not a priority: 0 to 7, or emerg to debug"),
        ("systemd-detect-virt", &["now"], "unexpected argument now"),
        ("systemctl", &["fly"], "unknown command fly"),
        ("systemctl", &["--user", "status"], "option --user is unknown or not supported yet"),
        ("systemctl", &["start"], "name a unit"),
        ("systemctl", &["enable", "--dry-run", "a"], "--dry-run goes with preset and preset-all only"),
        ("systemctl", &["start", "a b"], "cannot stand in one"),
        ("journalctl", &["--user"], "--user is not built: there are no service managers of users"),
        ("journalctl", &["--user-unit", "x"], "-u is for units"),
        ("journalctl", &["pid=1"], "is no match: FIELD=VALUE, a path or + was expected"),
        ("journalctl", &["A=1", "+"], "+ stands between two matches"),
        ("journalctl", &["-o", "fancy"], "output format fancy is unknown: short, short-precise"),
        ("journalctl", &["-p", "loud"], "\"loud\" is not a priority"),
        ("journalctl", &["-D", "/nonexistent"], "cannot read /nonexistent: No such file"),
        ("journalctl", &["-D", "/dev/null"], "/dev/null is not a folder"),
        ("journalctl", &["-g", "("], "is not a pattern"),
        ("journalctl", &["--since", "soon"], "--since: \"soon\" is not a timestamp"),
        ("journalctl", &["-b", "x"], "-b takes 0, -1, ..., a boot's id or `all`, not x"),
        ("journalctl", &["--after-cursor", "x"], "is not a cursor"),
        ("journalctl", &["--vacuum-size", "50%"], "--vacuum-size takes a size"),
        ("journalctl", &["-f", "-r"], "-f and -r do not go together"),
        ("journalctl", &["-n", "many"], "-n takes a number, not many"),
        ("poweroff", &["now"], "unexpected argument now"),
        ("berthctl", &["dance"], "unknown command dance"),
    ] {
        let output = run(name, arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name} {arguments:?}: {stderr}");
        assert!(stderr.contains(refused), "{name} {arguments:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn without_pid_1_the_socket_is_named() {
    for (name, arguments) in
        [("systemctl", &["status", "a"][..]), ("reboot", &[]), ("systemctl", &["daemon-reload"])]
    {
        let output = run(name, arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("none.sock; is this a Berth machine?"), "{output:?}");
    }
}

#[test]
fn every_name_explains_itself() {
    let links = layout::path::BERTHCTL_LINKS.into_iter().chain(layout::path::BERTHCTL_LIB_LINKS);
    for name in links.chain(["berthctl"]) {
        let output = run(name, &["--help"]);
        assert!(output.status.success());
        assert!(text(&output.stdout).starts_with("usage: "), "{name}");
    }
}

#[test]
fn strings_as_parts_of_unit_names() {
    for (arguments, expected) in [
        (&["a b", "/x/y"][..], "a\\x20b -x-y"),
        (&["-p", "/var/lib/a-b/", "/"], "var-lib-a\\x2db -"),
        (&["--suffix=mount", "-p", "/var/lib"], "var-lib.mount"),
        (&["--template=get@.service", "a/b"], "get@a-b.service"),
        (&["-u", "a\\x20b"], "a b"),
        (&["-u", "-p", "var-lib"], "/var/lib"),
        (&["-u", "--template=get@.service", "get@a-b.service"], "a/b"),
        (&["-u", "--instance", "get@a-b.service"], "a/b"),
        (&["-m", "etcd", "/var/lib", "a b"], "etcd.service var-lib.mount a\\x20b.service"),
    ] {
        assert_eq!(printed("systemd-escape", arguments).trim_end(), expected, "{arguments:?}");
    }
}

#[test]
fn virtualization_has_a_name_or_an_exit_code() {
    let list = printed("systemd-detect-virt", &["--list"]);
    let output = run("systemd-detect-virt", &[]);
    let name = text(&output.stdout);
    assert!(list.lines().any(|known| known == name.trim()), "{name}");
    assert_eq!(output.status.success(), name.trim() != "none");
    assert!(run("systemd-detect-virt", &["-q"]).stdout.is_empty());
}

#[test]
fn this_is_not_systemd() {
    assert_eq!(run("systemd-notify", &["--booted"]).status.code(), Some(1));
    let output = run("systemctl", &["is-system-running"]);
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("offline\n", Some(1)));
}

#[test]
fn a_script_tells_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let tell = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berthctl"));
        let output =
            command.arg("systemd-notify").args(arguments).env("NOTIFY_SOCKET", &path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let mut buffer = [0; 200];
        let length = socket.recv(&mut buffer).unwrap();
        (text(&buffer[..length]), text(&output.stdout))
    };
    let own = std::process::id();
    for (arguments, message) in [
        (&["--ready", "--status=all is well"][..], "READY=1\nSTATUS=all is well".to_owned()),
        (&["--stopping", "X=1"], "STOPPING=1\nX=1".to_owned()),
        (&["--pid"], format!("MAINPID={own}")),
        (&["--pid=77"], "MAINPID=77".to_owned()),
    ] {
        assert_eq!(tell(arguments).0, message);
    }
    assert!(tell(&["--reloading"]).0.starts_with("RELOADING=1\nMONOTONIC_USEC="));
    let executed = tell(&["--ready", "--exec", ";", "/bin/echo", "done"]);
    assert_eq!(executed, ("READY=1".to_owned(), "done\n".to_owned()));
}

#[test]
fn output_goes_to_the_log_with_its_level() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    let cat = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berthctl"));
        command.arg("systemd-cat").args(arguments).env("BERTH_LOG_SOCKET", &path).output().unwrap()
    };
    let script = "echo one; echo '<3>two' >&2; printf three; exit 7";
    assert_eq!(cat(&["-t", "me", "-p", "warning", "/bin/sh", "-c", script]).status.code(), Some(7));
    let mut said = Vec::new();
    for _ in 0..3 {
        let mut buffer = [0; 200];
        let length = socket.recv(&mut buffer).unwrap();
        let message = text(&buffer[..length]);
        let (head, rest) = message.split_once('[').unwrap();
        said.push(format!("{head}{}", rest.split_once(']').unwrap().1));
    }
    assert_eq!(said, ["<4>me: one", "<3>me: two", "<4>me: three"]);
    // Without a log, what the output goes to anyway.
    let plain = printed("systemd-cat", &["/bin/echo", "x"]);
    assert!(plain == "x\n" || plain.is_empty(), "{plain}");
}

/// A system's files: units of the image, and nothing enabled.
fn files() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in [
        (
            "usr/lib/systemd/system/a.service",
            "[Service]\nExecStart=/a\n[Install]\nWantedBy=m.target\nAlias=x.service\n",
        ),
        ("usr/lib/systemd/system/b.service", "[Service]\nExecStart=/b\n[Install]\nWantedBy=m.target\n"),
        ("usr/lib/systemd/system/t@.service", "[Service]\nExecStart=/t\n[Install]\nWantedBy=m.target\n"),
        ("usr/lib/systemd/system/s.service", "[Service]\nExecStart=/s\n"),
        ("usr/lib/systemd/system/m.target", "[Unit]\nAllowIsolate=yes\n"),
        ("usr/lib/systemd/system-preset/90-x.preset", "enable a.service\nenable t@.service one\ndisable *\n"),
        ("etc/systemd/system/a.service.d/1.conf", "[Install]\nRequiredBy=n.target\n"),
        ("opt/far.service", "[Service]\nExecStart=/f\n[Install]\nWantedBy=m.target\n"),
    ] {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

#[test]
fn enabling_and_masking_in_a_folder() {
    let root = files();
    let folder = root.path().to_str().unwrap();
    let systemctl = |arguments: &[&str]| {
        let mut all = vec!["--root", folder];
        all.extend(arguments);
        run("systemctl", &all)
    };
    let state = |unit: &str| {
        let output = systemctl(&["is-enabled", unit]);
        (text(&output.stdout).trim().to_owned(), output.status.code().unwrap())
    };
    let link = |path: &str| {
        let to = std::fs::read_link(root.path().join("etc/systemd/system").join(path));
        to.map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    assert_eq!(state("a"), ("disabled".into(), 1));
    assert_eq!(state("s"), ("static".into(), 0));
    assert_eq!(state("none"), ("not-found".into(), 4));

    let output = systemctl(&["enable", "a", "b.service"]);
    assert!(output.status.success(), "{output:?}");
    let line = "Created symlink '/etc/systemd/system/m.target.wants/a.service' \u{2192} '/usr/lib/systemd/system/a.service'.\n";
    assert!(text(&output.stderr).contains(line), "{output:?}");
    assert_eq!(link("n.target.requires/a.service"), "/usr/lib/systemd/system/a.service");
    assert_eq!(link("x.service"), "/usr/lib/systemd/system/a.service");
    assert_eq!(state("a"), ("enabled".into(), 0));
    assert_eq!(state("x"), ("alias".into(), 0));
    assert!(text(&systemctl(&["enable", "a"]).stderr).is_empty());

    assert!(systemctl(&["disable", "a"]).status.success());
    assert_eq!(state("a"), ("disabled".into(), 1));
    assert!(!root.path().join("etc/systemd/system/n.target.requires").exists());
    assert_eq!(state("b"), ("enabled".into(), 0));

    assert!(systemctl(&["mask", "a"]).status.success());
    assert_eq!((state("a"), link("a.service").as_str()), (("masked".into(), 1), "/dev/null"));
    assert!(text(&systemctl(&["enable", "a"]).stderr).contains("is masked"));
    assert!(systemctl(&["unmask", "a"]).status.success());
    assert!(systemctl(&["mask", "--runtime", "a"]).status.success());
    assert_eq!(state("a").0, "masked-runtime");
    assert!(systemctl(&["unmask", "--runtime", "a"]).status.success());

    assert!(systemctl(&["enable", "t@one", "/opt/far.service"]).status.success());
    assert_eq!((state("t@one").0.as_str(), state("far").0.as_str()), ("enabled", "enabled"));
    assert!(systemctl(&["disable", "far"]).status.success());
    assert_eq!(state("far").0, "not-found");
    assert!(!systemctl(&["enable", "none"]).status.success());
    let nothing = systemctl(&["enable", "s"]);
    assert!(nothing.status.success() && text(&nothing.stderr).contains("no installation config"));

    assert_eq!(text(&systemctl(&["get-default"]).stdout), "multi-user.target\n");
    assert!(systemctl(&["set-default", "m"]).status.success());
    assert_eq!(text(&systemctl(&["get-default"]).stdout), "m.target\n");

    assert!(systemctl(&["disable", "t@.service"]).status.success());
    let dry = systemctl(&["preset-all", "--dry-run"]);
    let created = |unit: &str, of: &str| {
        format!("Would create symlink '/etc/systemd/system/{unit}' \u{2192} '/usr/lib/systemd/system/{of}'.")
    };
    let said = text(&dry.stdout);
    assert!(dry.status.success() && state("b").0 == "enabled", "{dry:?}");
    assert!(said.contains(&created("m.target.wants/a.service", "a.service")), "{said}");
    assert!(said.contains("Would remove '/etc/systemd/system/m.target.wants/b.service'."), "{said}");
    assert!(systemctl(&["preset-all"]).status.success());
    for (unit, expected) in [("a", "enabled"), ("b", "disabled"), ("t@one", "enabled"), ("t@two", "disabled")]
    {
        assert_eq!(state(unit).0, expected, "{unit}");
    }
    assert!(systemctl(&["enable", "b"]).status.success());
    assert!(systemctl(&["preset", "b"]).status.success());
    // Of two files of one name that of the first folder counts, and an empty one or a link to /dev/null says nothing.
    for (folder, preset) in [
        ("usr/local/lib", "enable b.service\n"),
        ("run", "disable b.service\n"),
        ("etc", "enable b.service\n"),
    ] {
        let path = root.path().join(folder).join("systemd/system-preset/10-y.preset");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, preset).unwrap();
        assert!(systemctl(&["preset", "b"]).status.success());
        let expected = if preset.starts_with("enable") { "enabled" } else { "disabled" };
        assert_eq!(state("b").0, expected, "{folder}");
    }
    std::fs::remove_file(root.path().join("etc/systemd/system-preset/10-y.preset")).unwrap();
    symlink("/dev/null", root.path().join("etc/systemd/system-preset/10-y.preset")).unwrap();
    assert!(systemctl(&["preset", "b"]).status.success());
    assert_eq!(state("b").0, "disabled");
    let listed = text(&systemctl(&["list-unit-files", "--no-legend"]).stdout);
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [
        ["a.service", "enabled", "enabled"],
        ["b.service", "disabled", "disabled"],
        ["s.service", "static", "-"],
    ] {
        assert!(rows.contains(&row.to_vec()), "{row:?} in {listed}");
    }
    let shown = text(&systemctl(&["cat", "a"]).stdout);
    assert!(shown.starts_with("# /usr/lib/systemd/system/a.service\n[Service]\nExecStart=/a\n"), "{shown}");
    assert!(shown.contains("\n# /etc/systemd/system/a.service.d/1.conf\n[Install]\n"), "{shown}");
}

#[test]
fn drop_ins_in_a_folder_are_those_that_pid_1_would_take() {
    let root = tempfile::tempdir().unwrap();
    let units = root.path().join("usr/lib/systemd/system");
    for (path, text) in [
        ("my-app.service", "[Service]\nExecStart=/a\n"),
        ("service.d/1.conf", "[Service]\nNice=1\n"),
        ("my-.service.d/2.conf", "[Install]\nWantedBy=m.target\n"),
        ("my-.service.d/3.conf", "[Service]\nNice=3\n"),
    ] {
        let path = units.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let own = root.path().join("etc/systemd/system/my-app.service.d");
    std::fs::create_dir_all(&own).unwrap();
    std::os::unix::fs::symlink("/dev/null", own.join("3.conf")).unwrap();
    let systemctl = |arguments: [&str; 2]| {
        let root = format!("--root={}", root.path().display());
        run("systemctl", &[&root, arguments[0], arguments[1]])
    };
    let shown = text(&systemctl(["cat", "my-app"]).stdout);
    let headings: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("# ")).collect();
    let below = |path: &str| format!("/usr/lib/systemd/system/{path}");
    let expected = ["my-app.service", "service.d/1.conf", "my-.service.d/2.conf"].map(below);
    assert_eq!(headings, expected);
    assert!(systemctl(["enable", "my-app"]).status.success());
    assert!(root.path().join("etc/systemd/system/m.target.wants/my-app.service").is_symlink());
}

#[test]
fn unit_files_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let verify = |name: &str, text: &str, arguments: &[&str]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mut all = vec!["verify", path.to_str().unwrap()];
        all.extend(arguments);
        run("systemd-analyze", &all)
    };
    assert_eq!(verify("a.service", "[Service]\nExecStart=/bin/true\n", &[]).status.code(), Some(0));
    assert_eq!(verify("b.service", "[Service]\nType=simple\n", &[]).status.code(), Some(1));
    let unknown = "[Service]\nExecStart=/bin/true\nFly=yes\n";
    assert_eq!(verify("c.service", unknown, &[]).status.code(), Some(0));
    let strict = verify("c.service", unknown, &["--strict"]);
    assert_eq!(strict.status.code(), Some(1));
    assert!(text(&strict.stderr).contains("c.service:3: unknown directive Fly="), "{strict:?}");
}

#[test]
fn times_are_told_as_systemd_tells_them() {
    let calendar = ["calendar", "--base-time=2026-11-27 17:00 UTC", "--iterations=2", "Mon..Fri 6:30"];
    let told = printed("systemd-analyze", &calendar);
    let lines: Vec<&str> = told.lines().filter(|line| !line.contains("From now")).collect();
    assert_eq!(
        lines,
        [
            "  Original form: Mon..Fri 6:30",
            "Normalized form: Mon..Fri *-*-* 06:30:00",
            "    Next elapse: Mon 2026-11-30 06:30:00 UTC",
            "   Iteration #2: Tue 2026-12-01 06:30:00 UTC",
        ]
    );
    assert!(printed("systemd-analyze", &["calendar", "2001-01-01"]).contains("Next elapse: never"));
    assert_eq!(
        printed("systemd-analyze", &["timespan", "1s500ms", "1w 1d"]),
        "Original: 1s500ms\n      \u{3bc}s: 1500000\n   Human: 1.500000s\n\n\
         Original: 1w 1d\n      \u{3bc}s: 691200000000\n   Human: 1w 1d\n"
    );
    let told = printed("systemd-analyze", &["timestamp", "2026-11-24 18:10:00.5 UTC"]);
    for line in ["Normalized form: Tue 2026-11-24 18:10:00 UTC", "UNIX seconds: @1795543800.500000"] {
        assert!(told.contains(line), "{told}");
    }
}

#[test]
fn how_exposed_services_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let open = file("open.service", "[Service]\nExecStart=/a\n");
    let closed = file("closed@.service", "[Service]\nExecStart=/a\nUser=a\n");
    file(
        "closed@.service.d/x.conf",
        "[Service]\nPrivateNetwork=yes\nProtectSystem=strict\nProtectHome=yes\n",
    );
    let told = printed("systemd-analyze", &["security", "--offline=yes", "--no-pager", &open]);
    let mut lines = told.lines();
    assert!(lines.next().unwrap().starts_with("  NAME "), "{told}");
    assert!(
        lines.any(|line| line.starts_with("\u{2717} PrivateNetwork=") && line.ends_with("0.5")),
        "{told}"
    );
    assert!(
        told.ends_with("\u{2192} Overall exposure level for open.service: 9.6 UNSAFE \u{1f628}\n"),
        "{told}"
    );
    let both = printed("systemd-analyze", &["security", "--offline=yes", &open, &closed]);
    let overview: Vec<&str> = both.lines().rev().take(3).collect();
    assert!(overview[2].starts_with("UNIT "), "{both}");
    assert!(
        overview[0].starts_with("closed@test-instance.service      8.2 EXPOSED"),
        "its drop-in counts: {both}"
    );
    let json = printed("systemd-analyze", &["security", "--offline=yes", "--json=short", &closed]);
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| row["json_field"] == "PrivateNetwork").unwrap();
    assert_eq!((&row["set"], &row["exposure"]), (&serde_json::json!(true), &serde_json::Value::Null));
    for (threshold, code) in [("95", 1), ("96", 0)] {
        let arguments = ["security", "--offline=yes", "--threshold", threshold, &open];
        assert_eq!(run("systemd-analyze", &arguments).status.code(), Some(code), "{threshold}");
    }
}
