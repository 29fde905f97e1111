//! The daemon and its control program in one file, which looks at the name that it was called by.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    // The library is built without cryptography of its own choice; sources by NTS need some.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("a provider of cryptography is there already");
        return ExitCode::FAILURE;
    }
    let path = std::env::args_os().next().unwrap_or_default();
    let is_control = Path::new(&path).file_name().is_some_and(|name| name == "ntp-ctl");
    let ended = match is_control {
        true => ntpd::ctl_main().map_err(Into::into),
        false => ntpd::daemon_main().map(|()| ExitCode::SUCCESS),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}
