//! `systemd-sysctl` and `systemd-modules-load` as an operator runs them: what would be written and loaded, and
//! what may fail (systemd's own cases of TEST-76-SYSCTL and TEST-87-AUX-UTILS-VM.modules-load among them).
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::process::{Command, Output};

fn run(text: &str, options: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("foo.conf");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_berthctl"));
    command.arg("systemd-sysctl").args(options).arg(&file).output().unwrap()
}

#[test]
fn what_is_not_there_fails_where_that_is_asked_for() {
    for (text, options, code) in [
        ("foo.bar=42\n", &[][..], 0),
        ("foo.bar=42\n", &["--strict"], 1),
        ("-foo.foo=42\n", &[], 0),
        ("-foo.foo=42\n", &["--strict"], 0),
        ("nonsense\n", &[], 1),
        ("a/../../etc=x\n", &[], 1),
    ] {
        let output = run(text, options);
        assert_eq!(output.status.code(), Some(code), "{text} {options:?}: {output:?}");
    }
}

#[test]
fn a_dry_run_says_what_would_be_written() {
    for (text, options, expected) in [
        ("kernel.panic=10\nkernel/panic = 11\n", &[][..], "Would set kernel/panic to \"11\"\n"),
        (
            "net.ipv4.conf.lo.rp_filter=1\nvm.x=2\n",
            &["--prefix=net"],
            "Would set net/ipv4/conf/lo/rp_filter to \"1\"\n",
        ),
        ("kernel.pid_m*=5\n", &[], "Would set kernel/pid_max to \"5\"\n"),
        ("kernel.pid_m*=5\n-kernel.pid_max\n", &[], ""),
        (
            "kernel.{pid_m*,pani[c]}=5\n-kernel/pid_max\nkernel.{osr*,no_such}=6\n",
            &[],
            "Would set kernel/panic to \"5\"\nWould set kernel/osrelease to \"6\"\n",
        ),
        ("kernel.no_such_*=5\n", &["--strict"], ""),
    ] {
        let output = run(text, &[&["--dry-run"], options].concat());
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stderr).unwrap(), expected, "{text}");
    }
}

#[test]
fn a_named_file_that_is_not_there_is_an_error() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berthctl"));
    let output = command.args(["systemd-sysctl", "/nowhere.conf"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read /nowhere.conf"));
}

#[test]
fn modules_that_nobody_has_are_named_once_and_are_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("foo.conf");
    std::fs::write(&file, "\nno-such-module\n  no_such_module\n# comment\ndumm!@@123##2455\n\"\n'\n")
        .unwrap();
    let run = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berthctl"));
        command.arg("systemd-modules-load").args(options).output().unwrap()
    };
    let file = file.to_str().unwrap();
    for options in [&["--dry-run", file][..], &[file]] {
        let output = run(options);
        let said = String::from_utf8(output.stderr).unwrap();
        let missing: Vec<&str> =
            said.lines().filter(|line| line.starts_with("Failed to find module")).collect();
        let expected = ["no_such_module", "dumm!@@123##2455", "\"", "'"];
        assert_eq!(missing, expected.map(|name| format!("Failed to find module '{name}'")), "{said}");
        assert!(output.status.success());
    }
    for options in [&["--nope"][..], &["/nowhere.conf"]] {
        assert_eq!(run(options).status.code(), Some(1), "{options:?}");
    }
}
