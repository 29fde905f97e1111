//! Programs run in a tools tree as its users rely on it. Needs a tree: BERTH_TEST_TOOLS.

#![allow(clippy::unwrap_used)]

use sandbox::Tree;
use std::path::Path;
use std::time::{Duration, Instant};

fn tree() -> Option<Tree> {
    std::env::var_os("BERTH_TEST_TOOLS").map(|root| Tree::at(root.into()))
}

fn shell(tree: &Tree, script: &str) -> sandbox::Command {
    tree.command("bash").args(["-c", script])
}

fn stdout(command: sandbox::Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_program_is_root_in_a_clean_world() {
    let Some(tree) = tree() else { return };
    assert_eq!(
        stdout(shell(&tree, "id -u; ls -A /tmp; env | grep -c BERTH; true")).lines().next(),
        Some("0")
    );
    assert_eq!(
        stdout(shell(&tree, "touch /usr/x 2>&1; true")),
        "touch: cannot touch '/usr/x': Read-only file system"
    );
    assert_eq!(stdout(shell(&tree, "cat /proc/net/dev | grep -vc -e lo: -e '|'; true")), "0");
    assert_eq!(stdout(shell(&tree, "ls /proc | grep -c '^[0-9]' | awk '{print ($1 < 10)}'")), "1");
}

#[test]
fn devices_can_be_written_to_by_whoever_runs_it() {
    let Some(tree) = tree() else { return };
    assert_eq!(stdout(shell(&tree, "echo x > /dev/null && head -c 2 /dev/zero | wc -c")), "2");
}

#[test]
fn what_is_bound_is_seen_and_what_is_bound_read_only_stays() {
    let Some(tree) = tree() else { return };
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("in"), "hello").unwrap();
    let script = format!("cd {0} && cat in > out", directory.path().display());
    assert!(shell(&tree, &script).bind(directory.path()).output().unwrap().status.success());
    assert_eq!(std::fs::read_to_string(directory.path().join("out")).unwrap(), "hello");
    assert!(!shell(&tree, &script).bind_ro(directory.path()).output().unwrap().status.success());
    let twin = shell(&tree, "cat /elsewhere/in").bind_ro_at(directory.path(), "/elsewhere");
    assert_eq!(stdout(twin), "hello");
}

#[test]
fn what_is_bound_may_be_where_the_tree_has_directories_of_its_own() {
    let Some(tree) = tree() else { return };
    let directory = tempfile::tempdir().unwrap();
    for place in [
        "/var/tmp/user/cache",
        "/var/home/user",
        "/usr/local/src/berth",
        "/usr/bin/mine",
        "/etc/berth",
        "/srv/berth",
    ] {
        let script = format!(
            "echo hello > {place}/said; ls -d /etc/ld.so.conf.d /usr/lib /usr/share/doc /var/lib; \
             for other in /etc/ld.so.conf.d /usr/share /var/lib; do ! touch $other/x 2> /dev/null || exit 1; done"
        );
        let output = shell(&tree, &script).bind_at(directory.path(), place).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{place}: {output:?}");
        let said = directory.path().join("said");
        assert_eq!(std::fs::read_to_string(&said).unwrap(), "hello\n", "{place}");
        std::fs::remove_file(said).unwrap();
    }
}

#[test]
fn exit_codes_come_through_and_a_missing_program_is_named() {
    let Some(tree) = tree() else { return };
    assert_eq!(shell(&tree, "exit 7").output().unwrap().status.code(), Some(7));
    assert_eq!(shell(&tree, "kill -9 $$").output().unwrap().status.code(), Some(137));
    let error = tree.command("no-such-program").output().unwrap_err().to_string();
    assert!(error.contains("has no program `no-such-program`"), "{error}");
}

#[test]
fn killing_the_child_ends_all_that_it_started() {
    let Some(tree) = tree() else { return };
    let directory = tempfile::tempdir().unwrap();
    let beat = directory.path().join("beat");
    let script = format!("(while :; do echo x >> {}; sleep 0.05; done) & wait", beat.display());
    let mut child = shell(&tree, &script).bind(directory.path()).spawn().unwrap();
    wait_until(|| beat.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let size = |path: &Path| std::fs::metadata(path).unwrap().len();
    std::thread::sleep(Duration::from_millis(200));
    let before = size(&beat);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(size(&beat), before);
}

fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}
