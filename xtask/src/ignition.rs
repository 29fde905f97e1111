//! `cargo xtask ignition`: configs of the first boot, judged and merged as a machine does it.

use crate::translate::Translate;
use ::ignition::Parsed;
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Check, merge and make Ignition configs
#[derive(Args)]
#[command(after_help = "Examples:\n  cargo xtask ignition validate machine.ign\n  \
                        cargo xtask ignition merge base.ign machine.ign > whole.ign\n  \
                        cargo xtask ignition translate machine.bu --output machine.ign")]
pub struct Ignition {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what is wrong with configs, and where; exit 1 where one would be refused
    Validate {
        /// The configs; - is the standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Make one config of two, as ignition.config.merge does, and print it as JSON
    Merge {
        /// The config whose word counts where the other has none; - is the standard input
        parent: PathBuf,
        /// The config whose word counts
        child: PathBuf,
    },
    Translate(Translate),
}

impl Ignition {
    pub fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Validate { files } => validate(&files),
            Command::Merge { parent, child } => merge(&parent, &child),
            Command::Translate(command) => command.run(),
        }
    }
}

fn read(path: &Path) -> Result<Parsed> {
    let mut bytes = Vec::new();
    let read = match path.to_str() {
        Some("-") => std::io::stdin().read_to_end(&mut bytes).map(drop),
        _ => std::fs::read(path).map(|read| bytes = read),
    };
    read.with_context(|| format!("reading the config {}", path.display()))?;
    Ok(::ignition::parse(&bytes))
}

/// A line for each finding, behind the file's name where there are several files.
fn validate(files: &[PathBuf]) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for path in files {
        let report = read(path)?.report;
        for entry in &report.entries {
            match files {
                [_] => println!("{entry}"),
                _ => println!("{}: {entry}", path.display()),
            }
        }
        if report.is_fatal() {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

fn merge(parent: &Path, child: &Path) -> Result<ExitCode> {
    let mut configs = Vec::new();
    for path in [parent, child] {
        let Parsed { config, report } = read(path)?;
        match config {
            Some(config) => configs.push(config),
            None => {
                report.entries.iter().for_each(|entry| println!("{}: {entry}", path.display()));
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    let [parent, child] = &configs[..] else { return Ok(ExitCode::FAILURE) };
    let merged = ::ignition::merge(parent, child);
    let report = ::ignition::validate(&merged);
    if report.is_fatal() {
        println!("{report}");
        return Ok(ExitCode::FAILURE);
    }
    // The standard output is for the config alone.
    report.entries.iter().for_each(|entry| eprintln!("{entry}"));
    println!("{:#}", ::ignition::to_json(&merged));
    Ok(ExitCode::SUCCESS)
}
