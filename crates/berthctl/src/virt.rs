//! `systemd-detect-virt`: what kind of machine this is.

use std::fs;

use anyhow::{Result, bail};
use unit::virt::{CONTAINERS, VMS, container, detect, vm};

use crate::arguments::{self, Takes, both, long};

const USAGE: &str = "\
usage: systemd-detect-virt [OPTION]...

Names the virtual machine or container that this system runs in; none and exit code 1 where it is
neither.

  -c, --container  look for a container only
  -v, --vm         look for a virtual machine only
  -q, --quiet      say nothing, only exit with a code
      --list       every name there is

For example:  systemd-detect-virt --vm";

/// Runs `systemd-detect-virt`.
///
/// # Errors
/// The arguments make no sense.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [
        both("container", 'c', Takes::Nothing),
        both("vm", 'v', Takes::Nothing),
        both("quiet", 'q', Takes::Nothing),
        both("help", 'h', Takes::Nothing),
        long("list", Takes::Nothing),
    ];
    let parsed = arguments::parse(arguments, &known)?;
    if let Some(word) = parsed.words.first() {
        bail!("unexpected argument {word}\n{USAGE}");
    }
    if parsed.has("help") {
        println!("{USAGE}");
        return Ok(0);
    }
    if parsed.has("list") {
        println!("none");
        VMS.iter().chain(&CONTAINERS).for_each(|name| println!("{name}"));
        return Ok(0);
    }
    let read = |path: &str| fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let found = match () {
        () if parsed.has("container") => container(read),
        () if parsed.has("vm") => vm(read),
        () => detect(read).map(|found| found.name),
    };
    if !parsed.has("quiet") {
        println!("{}", found.unwrap_or("none"));
    }
    Ok(u8::from(found.is_none()))
}
