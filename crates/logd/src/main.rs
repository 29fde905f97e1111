//! Layer: program. The log daemon: see the library of the same name.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match logd::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logd::report(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
