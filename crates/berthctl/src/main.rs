//! Layer: program. The operator's tool.
//!
//! One binary under several names: as `systemctl` and `journalctl` it takes the words that people
//! know, as far as they are built; `reboot`, `poweroff` and `halt` end the system. Under its own
//! name the first argument is one of these names.

mod arguments;
mod client;
mod journalctl;
mod power;
mod systemctl;
mod time;

use std::process::ExitCode;

use arguments::Usage;

const USAGE: &str = "\
usage: berthctl COMMAND [ARGUMENT]...

  systemctl    start, stop and look at services     (systemctl --help)
  journalctl   read the log                         (journalctl --help)
  reboot       restart the machine
  poweroff     switch the machine off
  halt         stop the machine, leave it powered

Each is a command of its own too. For example:
  systemctl status etcd
  journalctl -u containerd -n 20";

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let path = arguments.next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut rest: Vec<String> = arguments.collect();
    let name = match name.as_str() {
        "systemctl" | "journalctl" | "reboot" | "poweroff" | "halt" => name,
        _ if rest.is_empty() => "--help".to_owned(),
        _ => rest.remove(0),
    };
    let outcome = match name.as_str() {
        "systemctl" => systemctl::run(rest),
        "journalctl" => journalctl::run(rest),
        "reboot" | "poweroff" | "halt" => power::run(&name, rest),
        "--help" | "-h" | "help" => {
            println!("{USAGE}");
            Ok(0)
        }
        other => Err(Usage(format!("unknown command {other}\n{USAGE}")).into()),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
