//! VMware's guest channel, from the instruction on: the client runs in a process whose ports are those of
//! [`backdoor::Backdoor`].
#![allow(clippy::unwrap_used)]

#[path = "vmware/backdoor.rs"]
mod backdoor;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use backdoor::Backdoor;
use nix::unistd::{Pid, gettid};
use platform::{Guest, Platform};

/// What the process that is traced is told by.
const ROOT: &str = "BERTH_TEST_VMWARE_ROOT";
/// What its result begins with.
const RESULT: &str = "result: ";

#[test]
#[ignore = "the other tests start it, in a process of its own"]
fn client() {
    let root = PathBuf::from(std::env::var_os(ROOT).unwrap());
    println!("\n{}", gettid());
    std::io::stdin().read_exact(&mut [0]).unwrap();
    let mut say = |words: &str| println!("{words}");
    let mut guest = Guest { root, ..Guest::new(&mut say) };
    let found = match Platform::Vmware.config(&mut guest) {
        Ok(config) => format!("{:?}", config.map(|bytes| String::from_utf8(bytes).unwrap())),
        Err(error) => error.to_string(),
    };
    println!("{RESULT}{found}");
}

/// What the client finds on a machine of VMware's with these properties.
fn found(backdoor: &mut Backdoor<'_>) -> String {
    let root = tempfile::tempdir().unwrap();
    let dmi = root.path().join("sys/class/dmi/id");
    fs::create_dir_all(&dmi).unwrap();
    fs::write(dmi.join("sys_vendor"), "VMware, Inc.\n").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "client", "--ignored", "--nocapture"])
        .env(ROOT, root.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut go = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let thread = lines.find_map(|line| line.parse().ok()).unwrap();
    // Read meanwhile: a pipe holds less than the longest of them.
    let rest = std::thread::spawn(move || {
        lines.filter_map(|line| Some(line.strip_prefix(RESULT)?.to_owned())).last()
    });
    backdoor.serve(Pid::from_raw(thread), || go.write_all(b"\n").unwrap());
    let result = rest.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(backdoor.open, 0, "every channel is closed");
    result.unwrap()
}

#[test]
fn the_config_is_asked_of_the_hypervisor_by_its_names() {
    let long = format!("{{\"ignition\": {{\"version\": \"3.4.0\"}}, \"x\": \"{}\"}}", "y".repeat(200_000));
    for (properties, expected) in [
        (&[][..], "None".to_owned()),
        (&[("ignition.config.data", "{}")], r#"Some("{}")"#.to_owned()),
        (
            &[("ignition.config.data", "e30K"), ("ignition.config.data.encoding", "base64")],
            r#"Some("{}\n")"#.to_owned(),
        ),
        (&[("coreos.config.data", "{}"), ("ovfEnv", "")], r#"Some("{}")"#.to_owned()),
        (&[("ignition.config.data", &long)], format!("{:?}", Some(&long))),
        (
            &[("ignition.config.data", "{}"), ("ignition.config.data.encoding", "rot13")],
            "guestinfo.ignition.config.data.encoding".to_owned(),
        ),
    ] {
        let mut backdoor = Backdoor::new(properties);
        let result = found(&mut backdoor);
        assert!(result.starts_with(&expected), "{properties:?}: {result:.200}, not {expected:.200}");
        assert_eq!(backdoor.commands.first().unwrap(), "info-get guestinfo.ovfEnv");
    }
}
