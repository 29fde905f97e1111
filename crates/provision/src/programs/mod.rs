//! Programs of `/usr` that are run, each by a module that knows its options.

pub mod mdadm;
pub mod mkfs;
pub mod wipefs;

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// Runs a program to its end and gives what it wrote.
///
/// # Errors
/// It cannot be started, or fails: with what it says of it.
fn run<A: AsRef<OsStr>>(program: &str, arguments: &[A]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).env("LC_ALL", "C");
    // mdadm makes its links itself then, and waits for no udev.
    command.env("MDADM_NO_UDEV", "1");
    let output = command.output().map_err(|error| format!("cannot run {program}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let said = [text(&output.stderr), text(&output.stdout)].into_iter().find(|text| !text.is_empty());
    Err(format!("{program} failed, {}: {}", output.status, said.as_deref().unwrap_or("it says nothing")))
}

#[cfg(test)]
mod tests {
    use super::run;

    #[test]
    fn a_program_that_fails_says_why() {
        assert_eq!(run("/bin/echo", &["a", "b"]), Ok("a b".to_owned()));
        let error = run("/bin/sh", &["-c", "echo no room >&2; exit 3"]).unwrap_err();
        assert_eq!(error, "/bin/sh failed, exit status: 3: no room");
        let error = run("/nonexistent", &[""; 0]).unwrap_err();
        assert!(error.starts_with("cannot run /nonexistent: "), "{error}");
    }
}
