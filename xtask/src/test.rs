//! `cargo xtask test`: every test of every tier that this machine can run.

use crate::build::{How, Options, Work};
use crate::checkout::Checkout;
use anyhow::{Context as _, Result};
use clap::Args;
use pipeline::plan;
use pipeline::publish::Format;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

/// Run every test of every tier that this machine can run
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo xtask test\n  cargo xtask test etcd\n  cargo xtask test --tier unit\n  \
    cargo xtask test --soak power_cut\n\n\
    Tiers: unit (pure code and tools, no image), image (the artifacts, read by tools that are not\n\
    ours), vm (boots in QEMU)."
)]
pub struct Test {
    /// Only tests whose name contains this
    filter: Option<String>,

    /// Only this tier
    #[arg(long, value_name = "TIER", value_parser = ["unit", "image", "vm"])]
    tier: Option<String>,

    /// The full counts of power cuts and of updates in a row, where a run without it has a sample. Takes hours
    #[arg(long)]
    soak: bool,
}

/// The version that tests update to: the image of the default spec, and nothing but its version is another.
const NEXT_VERSION: &str = "version=0.2.0";

/// A tier: its name, and what `cargo test` is given for it.
struct Tier {
    name: &'static str,
    cargo: &'static [&'static str],
    /// Given to the test program itself. A machine has two processors: two machines at once would
    /// get into each other's way, and figures are printed.
    harness: &'static [&'static str],
    needs_image: bool,
    /// And of a version to update to.
    needs_next: bool,
}

const TIERS: [Tier; 3] = [
    Tier {
        name: "unit",
        cargo: &["--workspace", "--exclude", "tests"],
        harness: &[],
        needs_image: false,
        needs_next: false,
    },
    Tier {
        name: "image",
        cargo: &["--package", "tests", "--lib", "--test", "image"],
        harness: &[],
        needs_image: true,
        needs_next: false,
    },
    Tier {
        name: "vm",
        cargo: &["--package", "tests", "--test", "vm"],
        harness: &["--test-threads=1"],
        needs_image: true,
        needs_next: true,
    },
];

#[derive(Default, Clone, Copy)]
struct Count {
    passed: u64,
    failed: u64,
}

impl Test {
    pub fn run(self) -> Result<ExitCode> {
        let checkout = Checkout::find()?;
        let chosen: Vec<&Tier> =
            TIERS.iter().filter(|tier| self.tier.as_deref().is_none_or(|name| name == tier.name)).collect();
        let mut environment = Vec::new();
        // Held until the last test is over: every machine starts anew from these files.
        let mut images = Vec::new();
        let directory = checkout.path("target/images");
        let work = Work::new(checkout, &Options::default())?;
        if chosen.iter().any(|tier| tier.needs_image) {
            let built = work.build(&[Format::Disk, Format::Qcow2], &directory, true)?;
            environment.push(("BERTH_TEST_IMAGES", built.directory.clone()));
            environment.push(("BERTH_TEST_TOOLS", built.test_tools.clone()));
            images.push(built);
            if chosen.iter().any(|tier| tier.needs_next) {
                let set = vec![NEXT_VERSION.parse().map_err(anyhow::Error::msg)?];
                let options = Options { how: How { set, ..How::default() }, ..Options::default() };
                let directory = work.checkout.path("target/images-next");
                let next = Work::new(Checkout::find()?, &options)?.build(&[], &directory, false)?;
                environment.push(("BERTH_TEST_NEXT", next.directory.clone()));
                images.push(next);
            }
        } else {
            // Tests of what runs foreign tools need the tools, not an image.
            environment.push(("BERTH_TEST_TOOLS", work.tools_tree(plan::TEST)?));
        }

        if chosen.iter().any(|tier| !tier.needs_image) {
            environment.push(("BERTH_TEST_DAEMONS", work.tools_tree(plan::DAEMONS)?));
        }

        if self.soak {
            environment.push(("BERTH_TEST_SOAK", "1".into()));
        }

        let mut lines = Vec::new();
        let mut total = Count::default();
        for tier in chosen {
            eprintln!(
                "tier {}{}",
                tier.name,
                if tier.needs_image { " (on the image just built)" } else { "" }
            );
            let start = Instant::now();
            let count = run_tier(&work.checkout, tier, self.filter.as_deref(), &environment)?;
            total.passed += count.passed;
            total.failed += count.failed;
            lines.push(format!(
                "  {:<6} {:>4} passed {:>4} failed {:>7.1} s",
                tier.name,
                count.passed,
                count.failed,
                start.elapsed().as_secs_f64()
            ));
        }
        println!("tiers that ran:\n{}", lines.join("\n"));
        println!("{} passed, {} failed", total.passed, total.failed);
        if total.passed + total.failed == 0 {
            eprintln!("error: no test's name contains {:?}", self.filter.unwrap_or_default());
            return Ok(ExitCode::FAILURE);
        }
        Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn run_tier(
    checkout: &Checkout,
    tier: &Tier,
    filter: Option<&str>,
    environment: &[(&str, std::path::PathBuf)],
) -> Result<Count> {
    let mut command = Command::new("cargo");
    command
        .args(["test", "--locked", "--no-fail-fast"])
        .args(tier.cargo)
        .args(filter)
        .arg("--")
        .args(tier.harness);
    command.current_dir(&checkout.root).envs(environment.iter().map(|(name, path)| (name, path)));
    let mut child = command.stdout(Stdio::piped()).spawn().context("running cargo test")?;
    let mut count = Count::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.context("reading what cargo test prints")?;
            let line = String::from_utf8_lossy(&line);
            // Where nobody reads on, neither does this, and the tests end with the one at hand. They are waited for:
            // the images are theirs until then.
            if writeln!(io::stdout(), "{line}").is_err() {
                break;
            }
            let (passed, failed) = parse_result(&line).unwrap_or_default();
            count.passed += passed;
            count.failed += failed;
        }
    }
    let status = child.wait().context("waiting for cargo test")?;
    // A program that does not compile, or ends before its summary, is a failure too.
    if !status.success() && count.failed == 0 {
        count.failed = 1;
    }
    Ok(count)
}

/// Reads `test result: ok. 3 passed; 0 failed; ...`.
fn parse_result(line: &str) -> Option<(u64, u64)> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let number = |word: &str| {
        counts.split("; ").find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<u64>().ok())
    };
    Some((number("passed")?, number("failed")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_line_gives_its_counts() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(parse_result(line), Some((12, 3)));
        assert_eq!(parse_result("test a ... ok"), None);
    }
}
