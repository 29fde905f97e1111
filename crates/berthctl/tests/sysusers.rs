//! `systemd-sysusers` as an operator runs it, in a root of the test's own.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(root: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berthctl"));
    command.arg("systemd-sysusers").arg(format!("--root={}", root.display())).args(arguments);
    command.env("SOURCE_DATE_EPOCH", "864000");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn passwd(root: &Path) -> String {
    fs::read_to_string(root.join("etc/passwd")).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn lines_come_from_files_from_standard_input_and_from_arguments() {
    let u1 = "u1:x:222:222::/:/bin/zsh\n";
    for (arguments, input) in [
        (&[][..], ""),
        (&["-"], "u u1 222 - - /bin/zsh\n"),
        (&["--inline", "u     u1   222 -     - /bin/zsh", "g     g1   111"], ""),
        (&["named.conf"], ""),
    ] {
        let root = tempfile::tempdir().unwrap();
        if !arguments.contains(&"--inline") {
            let path =
                if arguments.is_empty() { "usr/lib/sysusers.d/a.conf" } else { "etc/sysusers.d/named.conf" };
            write(root.path(), path, "u u1 222 - - /bin/zsh\n");
        }
        let output = run(root.path(), arguments, input);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert_eq!(passwd(root.path()), u1, "{arguments:?}");
    }
}

#[test]
fn arguments_stand_in_for_a_file_where_no_other_counts_more() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "etc/sysusers.d/test.conf", "u masked 1\n");
    write(root.path(), "usr/lib/sysusers.d/zz.conf", "u last 7\n");
    let replaced = |path: &str, line: &str| {
        let output = run(root.path(), &[&format!("--replace={path}"), "--inline", line], "");
        assert!(output.status.success(), "{output:?}");
    };
    replaced("/usr/lib/sysusers.d/test.conf", "u ignored 5");
    assert!(passwd(root.path()).starts_with("masked:x:1:1:"));
    replaced("/etc/sysusers.d/test.conf", "u here 6");
    let text = passwd(root.path());
    let names: Vec<&str> = text.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(names, ["masked", "last", "here"]);
}

#[test]
fn a_mask_holds() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "usr/lib/sysusers.d/a.conf", "u a 1\n");
    write(root.path(), "usr/lib/sysusers.d/b.conf", "u b 2\n");
    fs::create_dir_all(root.path().join("etc/sysusers.d")).unwrap();
    symlink("/dev/null", root.path().join("etc/sysusers.d/a.conf")).unwrap();
    assert!(run(root.path(), &[], "").status.success());
    assert_eq!(passwd(root.path()), "b:x:2:2::/:/usr/bin/nologin\n");
}

#[test]
fn files_keep_their_permissions_and_new_ones_get_theirs() {
    let root = tempfile::tempdir().unwrap();
    let etc = root.path().join("etc");
    write(root.path(), "etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    write(root.path(), "etc/group", "root:x:0:\n");
    fs::set_permissions(etc.join("passwd"), fs::Permissions::from_mode(0o640)).unwrap();
    let output = run(root.path(), &["--inline", "u! a 7 - /a /bin/sh"], "");
    assert!(output.status.success(), "{output:?}");
    let modes = ["passwd", "group", "shadow", "gshadow"].map(|name| mode(&etc.join(name)));
    assert_eq!(modes, [0o640, 0o644, 0o600, 0o600]);
    assert_eq!(fs::read_to_string(etc.join("shadow")).unwrap(), "a:!*:10:::::1:\n");
    assert_eq!(fs::read_to_string(etc.join("passwd-")).unwrap(), "root:x:0:0::/root:/bin/sh\n");
    let mut names: Vec<_> =
        fs::read_dir(&etc).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, [".pwd.lock", "group", "group-", "gshadow", "passwd", "passwd-", "shadow"]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let output = run(root.path(), &["--dry-run", "--inline", "u a 7", "m a g"], "");
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "Creating group 'g' with GID 999.\nCreating group 'a' with GID 7.\nCreating user 'a' () with UID 7 and GID 7.\n\
         Would write /etc/group\nWould write /etc/gshadow\nWould write /etc/passwd\nWould write /etc/shadow\n"
    );
    assert!(!root.path().join("etc").exists());
}

#[test]
fn lines_that_make_no_sense() {
    // Where they are given, nothing is changed.
    for line in ["u a b", "x a", "u"] {
        let root = tempfile::tempdir().unwrap();
        let output = run(root.path(), &["--inline", "u good 7", line], "");
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("(argument):2: "), "{output:?}");
        assert!(!root.path().join("etc/passwd").exists(), "{line}");
    }
    // In a file of the system they do not keep the others from being followed.
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "usr/lib/sysusers.d/a.conf", "u a b\nu good 7\n");
    let output = run(root.path(), &[], "");
    assert_eq!(output.status.code(), Some(65));
    assert!(passwd(root.path()).starts_with("good:"));
    // What cannot be made is named, and the rest is.
    let output = run(root.path(), &["--inline", "u b 100:100", "u c 9"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Failed to create b: please create GID 100"));
    assert!(passwd(root.path()).contains("c:x:9:9:"));
}

#[test]
fn whoever_changes_accounts_is_waited_for() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "etc/.pwd.lock", "");
    let path = root.path().join("etc/.pwd.lock");
    // Another process, since locks of the same one are no locks.
    let script = "import fcntl,sys,time; f=open(sys.argv[1],'r+'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(1)";
    let holder = Command::new("python3").args(["-c", script]).arg(&path).stdout(Stdio::piped()).spawn();
    // Where there is no other program to hold the lock, nothing can be seen of it.
    let Ok(mut holder) = holder else { return };
    let mut said = [0; 5];
    std::io::Read::read_exact(&mut holder.stdout.take().unwrap(), &mut said).unwrap();
    let start = std::time::Instant::now();
    assert!(run(root.path(), &["--inline", "u a 7"], "").status.success());
    assert!(start.elapsed() > std::time::Duration::from_millis(500), "{:?}", start.elapsed());
    assert!(holder.wait().unwrap().success());
}
