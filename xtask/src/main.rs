//! Layer: program. The front door: `cargo xtask SUBCOMMAND`, a short file each.

mod about;
mod build;
mod checkout;
#[cfg(feature = "publishing")]
mod extension;
mod firmware;
mod ignition;
#[cfg(feature = "publishing")]
mod keys;
#[cfg(not(feature = "publishing"))]
mod later;
mod lock;
#[cfg(feature = "publishing")]
mod release;
mod reproduce;
mod run;
#[cfg(feature = "publishing")]
mod serve;
mod sizes;
mod test;
mod translate;
mod units;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
#[cfg(not(feature = "publishing"))]
use later::{extension, keys, release, serve};
use std::process::ExitCode;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

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
    Extension(extension::Extension),
    Run(run::Run),
    Test(test::Test),
    Sizes(sizes::Sizes),
    Lock(lock::Lock),
    Reproduce(reproduce::Reproduce),
    Units(units::Units),
    Ignition(ignition::Ignition),
    Keys(keys::Keys),
    Release(Box<release::Release>),
    Serve(serve::Serve),
}

/// Says what is done and why to who looks into the builder. What is said is chosen as in
/// `sandbox=debug` (crate tracing-subscriber, `Targets`); nothing by default.
const LOG_VARIABLE: &str = "BERTH_LOG";

fn trace() -> Result<()> {
    let Ok(chosen) = std::env::var(LOG_VARIABLE) else { return Ok(()) };
    let targets: Targets = chosen.parse().with_context(|| {
        format!("{LOG_VARIABLE}={chosen}: expected a level, or TARGET=LEVEL, such as debug or sandbox=debug")
    })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time();
    tracing_subscriber::registry().with(lines).with(targets).init();
    Ok(())
}

fn main() -> ExitCode {
    let result = trace().and_then(|()| match Cli::parse().command {
        Command::Build(command) => command.run(),
        Command::Extension(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Sizes(command) => command.run(),
        Command::Lock(command) => command.run(),
        Command::Reproduce(command) => command.run(),
        Command::Units(command) => command.run(),
        Command::Ignition(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Release(command) => command.run(),
        Command::Serve(command) => command.run(),
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            let told = format!("{error:#}");
            eprintln!("error: {told}{}", advice(&told));
            ExitCode::FAILURE
        }
    }
}

/// What to do next where `told` comes down to a full disk, which any step and any tool of it may be the one to meet.
fn advice(told: &str) -> &'static str {
    match told.contains("No space left on device") && !told.contains("the disk is full") {
        true => {
            "\n  the disk is full: free some space there, or set BERTH_CACHE, TMPDIR or --out to a directory on a \
             larger one"
        }
        false => "",
    }
}
