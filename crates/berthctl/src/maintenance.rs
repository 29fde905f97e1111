//! `berthctl maintenance`: what `rescue.target` and `emergency.target` have on the console. A root
//! shell for those who know root's password; where root has none, nobody is let in.

use std::fs;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};
use event::ShutdownKind;
use layout::args;
use unit::control::{JobAction, Request};
use unit::install::DEFAULT_TARGET;

use crate::{client, power};

const SHADOW: &str = "/etc/shadow";
/// Length of the hashes that do not begin with `$` (crypt(5), descrypt).
const TRADITIONAL: usize = 13;

const USAGE: &str = "\
usage: berthctl maintenance

Asks for root's password on this terminal, opens a shell, and goes back to default.target when
that is left. Where root has no password it says so, and restarts the machine after the time of
berth.emergency_timeout= (60 s). rescue.service and emergency.service run this.";

/// Runs `maintenance`.
///
/// # Errors
/// There is no terminal to ask on, or PID 1 refuses to go on.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    if !arguments.is_empty() {
        println!("{USAGE}");
        return Ok(u8::from(!matches!(arguments[0].as_str(), "--help" | "-h")));
    }
    println!("\nThis machine is in maintenance: its services are stopped.");
    if has_password(&fs::read_to_string(SHADOW).unwrap_or_default()) {
        println!("Leave the shell (or press Ctrl-D now) to go back to what it usually does.");
        // Asks, and becomes a shell where the answer is right.
        let mut shell = Command::new(layout::path::BUSYBOX);
        shell.arg("sulogin").status().context("cannot run busybox's sulogin")?;
        let units = vec![DEFAULT_TARGET.to_owned()];
        client::order(&Request::Job { action: JobAction::Isolate, units, wait: false })?;
        return Ok(0);
    }
    let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let timeout = args::emergency_timeout(&command_line);
    println!(
        "Root has no password, so there is no shell here.\n  next: give root one when the machine is provisioned, or \
         boot with the kernel argument {}=NAME\n  restarting in {} s",
        args::SHELL,
        timeout.as_secs()
    );
    thread::sleep(timeout);
    power::shut_down(ShutdownKind::Reboot, false)
}

/// Whether root has a password that can be given, by the table of shadow(5).
fn has_password(shadow: &str) -> bool {
    let root = shadow.lines().find_map(|line| line.strip_prefix("root:"));
    let hash = root.and_then(|fields| fields.split(':').next());
    hash.is_some_and(|hash| {
        hash.starts_with('$') || (hash.len() == TRADITIONAL && !hash.starts_with(['!', '*']))
    })
}

#[cfg(test)]
mod tests {
    use super::has_password;

    #[test]
    fn only_a_hash_lets_somebody_in() {
        for (shadow, expected) in [
            ("", false),
            ("root:*:::::::\n", false),
            ("root:!:::::::\n", false),
            ("root:!$6$salt$hash:::::::\n", false),
            ("root::::::::\n", false),
            ("root:$y$j9T$salt$hash:20000::::::\n", true),
            ("daemon:$6$a$b:::::::\nroot:$6$salt$hash:::::::\n", true),
            ("root:ab8xNLDlM0AfE:::::::\n", true),
            ("root:!b8xNLDlM0AfE:::::::\n", false),
            ("root", false),
        ] {
            assert_eq!(has_password(shadow), expected, "{shadow:?}");
        }
    }
}
