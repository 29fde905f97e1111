//! Layer: program. Updates: taken, proven healthy, or taken back.
//!
//! One program under several units, each of which runs it with one word. Each word is a module of its own.
#![forbid(unsafe_code)]

mod bless;
mod boot;
mod chain;
mod deadline;
mod health;
mod report;
mod schema;
mod steady;
mod vendor;

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use updater::{banner, note, record, settings};

const USAGE: &str = "usage: updater daemon      takes updates; updater.socket and updater.timer start it
       updater health      is this boot good? berth-health.service asks
       updater bless       it is: its version stays; berth-bless.service says so
       updater steady      it has run for a while: no failed boot counts; berth-steady.timer has it said
       updater boot-chain  has it brought another boot loader? berth-boot-chain.service sees to it
       updater deadline    is it late? berth-boot-deadline.service asks, and restarts the machine
       updater report      has a version failed here? berth-boot-report.service tells";

/// What a word does.
fn command(name: &str) -> Option<fn() -> Result<()>> {
    Some(match name {
        "daemon" => updater::daemon::run,
        "health" => health::run,
        "bless" => bless::run,
        "steady" => steady::run,
        "boot-chain" => chain::run,
        "deadline" => deadline::run,
        "report" => report::run,
        _ => return None,
    })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let run = match arguments.as_slice() {
        [name] => command(name),
        _ => None,
    };
    let Some(run) = run else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("updater: {error:#}");
            ExitCode::FAILURE
        }
    }
}
