//! Layer: program. The operator's tool.
//!
//! One binary under several names: as `systemctl`, `journalctl` and the `systemd-` commands it
//! takes the words that people know, as far as they are built; `reboot`, `poweroff` and `halt` end
//! the system. Under its own name the first argument is one of these names.

mod analyze;
mod arguments;
mod banner;
mod cat;
mod coredumpctl;
mod escape;
mod etc;
mod extension;
mod files;
mod hostname;
mod hostnamectl;
mod journalctl;
mod maintenance;
mod metrics;
mod names;
mod networkctl;
mod notify;
mod ntp;
mod offered;
mod power;
mod processes;
mod pstore;
mod report;
mod run;
mod settings;
mod slots;
mod status;
mod systemctl;
mod table;
mod time;
mod timedatectl;
mod udevadm;
mod update;
mod virt;

use std::process::ExitCode;

use anyhow::Result;
use arguments::Usage;
use init_client as client;

const USAGE: &str = "\
usage: berthctl COMMAND [ARGUMENT]...

  status               the machine at a glance            (status --help)
  slots                the two versions that can boot     (slots --help)
  update               updates of the system              (update --help)
  report               an archive for those who look for a fault
  metrics              the machine in numbers             (metrics --help)
  etc                  what of /etc is the machine's own  (etc --help)
  extension            system extensions                  (extension --help)
  systemctl            start, stop and look at units      (systemctl --help)
  journalctl           read the log                       (journalctl --help)
  networkctl           the network's links                (networkctl --help)
  coredumpctl          what crashed, and its cores        (coredumpctl --help)
  hostnamectl          what the machine is called         (hostnamectl --help)
  timedatectl          clock and time zone                (timedatectl --help)
  systemd-analyze      how long the boot took, and why
  systemd-cat          a command's output into the log
  systemd-detect-virt  what kind of machine this is
  systemd-escape       strings as parts of unit names
  systemd-notify       tell PID 1 of the service that this runs in
  systemd-run          a command as a service of its own
  systemd-tmpfiles     files and folders, made, removed and cleaned up
  systemd-sysext       system extensions, as 'extension'
  systemd-sysusers     system users and groups, made
  systemd-sysctl       kernel settings, written
  systemd-modules-load modules of the kernel, loaded
  udevadm              devices: what is known of them, and events (udevadm --help)
  reboot               restart the machine
  poweroff             switch the machine off
  halt                 stop the machine, leave it powered

  maintenance          the shell of rescue.target, on the console
  banner               what consoles and logins show; berth-banner.service runs this
  hostname             gives the machine the best name that is known; berth-hostname.service runs this
  ntp                  what time is taken from; ntpd-rs.service and its kin run this
  pstore               what firmware kept of a panic; berth-pstore.service runs this
  coredump             takes a core; the kernel runs this
  settings             users and files of sysusers.d and tmpfiles.d, while the system starts

Each from systemctl to halt is a command of its own too, systemd-sysctl and systemd-modules-load in
/usr/lib/systemd. For example:
  systemctl status etcd
  journalctl -u containerd -n 20";

/// The command of a name.
fn command(name: &str) -> Option<fn(Vec<String>) -> Result<u8>> {
    Some(match name {
        "slots" => slots::run,
        "status" => status::run,
        "update" => update::run,
        "report" => report::run,
        "etc" => etc::run,
        "banner" => banner::run,
        "hostname" => hostname::run,
        "hostnamectl" => hostnamectl::run,
        "timedatectl" => timedatectl::run,
        "ntp" => ntp::run,
        "pstore" => pstore::run,
        "metrics" => metrics::run,
        "extension" => extension::run,
        "systemd-sysext" => extension::run_as_sysext,
        "maintenance" => maintenance::run,
        "coredump" => |rest| coredump::handler::run(&rest).map(|()| 0),
        "coredumpctl" => coredumpctl::run,
        "networkctl" => networkctl::run,
        "settings" => settings::boot::run,
        "systemctl" => systemctl::run,
        "journalctl" => journalctl::run,
        "systemd-analyze" => analyze::run,
        "systemd-cat" => cat::run,
        "systemd-detect-virt" => virt::run,
        "systemd-escape" => escape::run,
        "systemd-notify" => notify::run,
        "systemd-run" => run::run,
        "systemd-tmpfiles" => settings::tmpfiles::run,
        "systemd-sysusers" => settings::sysusers::run,
        "systemd-sysctl" => settings::sysctl::run,
        "systemd-modules-load" => settings::modules_load::run,
        "udevadm" => udevadm::run,
        "reboot" => |rest| power::run("reboot", rest),
        "poweroff" => |rest| power::run("poweroff", rest),
        "halt" => |rest| power::run("halt", rest),
        _ => return None,
    })
}

fn main() -> ExitCode {
    sys::signal::end_with_readers();
    let mut arguments = std::env::args();
    let path = arguments.next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut rest: Vec<String> = arguments.collect();
    let name = match command(&name) {
        Some(_) => name,
        None if rest.is_empty() => "--help".to_owned(),
        None => rest.remove(0),
    };
    let outcome = match (command(&name), name.as_str()) {
        (Some(run), _) => run(rest),
        (None, "--help" | "-h" | "help") => {
            println!("{USAGE}");
            Ok(0)
        }
        (None, other) => Err(Usage(format!("unknown command {other}\n{USAGE}")).into()),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_link_of_the_image_is_a_command() {
        for name in layout::path::BERTHCTL_LINKS.iter().chain(&layout::path::BERTHCTL_LIB_LINKS) {
            assert!(super::command(name).is_some(), "{name}");
        }
    }
}
