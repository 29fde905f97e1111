//! Layer: program. The front door: `cargo xtask SUBCOMMAND`, a short file each.

mod build;
mod checkout;
mod lock;
mod reproduce;
mod run;
mod sizes;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Builds Berth images from source, boots and tests them. No root, no Docker.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Build(build::Build),
    Run(run::Run),
    Test(test::Test),
    Sizes(sizes::Sizes),
    Lock(lock::Lock),
    Reproduce(reproduce::Reproduce),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Build(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Sizes(command) => command.run(),
        Command::Lock(command) => command.run(),
        Command::Reproduce(command) => command.run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
