//! Commands that are compiled when they are asked for: this program is built again, with the feature that has
//! them, and takes the arguments as they are.

use anyhow::{Context as _, Result};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// What cargo's alias `xtask` stands for, with the default features.
const ALL_OF_IT: [&str; 4] = ["run", "--package", "xtask", "--"];

macro_rules! later {
    ($module:ident, $command:ident, $about:expr) => {
        pub mod $module {
            /// The command's arguments, which the whole program reads.
            #[derive(clap::Args)]
            #[command(about = $about, disable_help_flag = true)]
            #[command(after_help = concat!("More: cargo xtask ", stringify!($module), " --help"))]
            pub struct $command {
                #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
                arguments: Vec<std::ffi::OsString>,
            }

            impl $command {
                pub fn run(self) -> anyhow::Result<std::process::ExitCode> {
                    super::hand_over(stringify!($module), self.arguments)
                }
            }
        }
    };
}

later!(extension, Extension, crate::about::EXTENSION);
later!(keys, Keys, crate::about::KEYS);
later!(release, Release, crate::about::RELEASE);
later!(serve, Serve, crate::about::SERVE);

/// Becomes the whole program. Returns only on failure.
fn hand_over(command: &str, arguments: Vec<OsString>) -> Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let error = Command::new(cargo).args(ALL_OF_IT).arg(command).args(arguments).exec();
    Err(error).context("running cargo to compile the commands that publish")
}
