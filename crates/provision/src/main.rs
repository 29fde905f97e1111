//! Layer: program. Makes a machine of an image on its first boot, as its Ignition config says.
#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;

use provision::{first_boot, metadata};

const USAGE: &str = "usage: provision first-boot --boot-disk NAME --root FOLDER    as stage 1 does
       provision metadata    ask the platform for attributes, SSH keys, a name
       provision check-in    tell the platform that this machine is up";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["first-boot", "--boot-disk", boot_disk, "--root", root] => {
            return first_boot::run(boot_disk, root.as_ref());
        }
        ["metadata"] => metadata::write(),
        ["check-in"] => metadata::check_in(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("provision: {error:#}");
            ExitCode::FAILURE
        }
    }
}
