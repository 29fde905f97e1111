//! `cargo xtask`, as people type it. Cargo's alias leaves out what publishes; who asks for it gets it all the same.
#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn commands_that_publish_are_compiled_when_they_are_asked_for() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let place = tempfile::tempdir().unwrap();
    let keys = place.path().join("keys");
    // What is run, the exit code, and what is said: arguments and codes come through as they are.
    for (line, code, says) in [
        ("extension --help", 0, "<SPEC>"),
        ("keys --help", 0, "rotate"),
        (&format!("keys init {}", keys.display()), 0, "root.json"),
        ("release --withdraw 1.0.0 --channel stable", 2, "--reason"),
        ("serve there/is/none --port 0", 1, "there/is/none"),
    ] {
        let output = Command::new(&cargo)
            .arg("xtask")
            .args(line.split_whitespace())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        assert!(said.contains(says), "{line}: {says:?} is not in: {said}");
    }
    assert!(keys.join("root.json").is_file());
}
