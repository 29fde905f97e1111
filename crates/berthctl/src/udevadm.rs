//! `udevadm`: devices as devd sees them, as far as that is built.

mod info;
mod monitor;
mod trigger;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use devices::control::{DONE, RELOAD, SETTLE};

use crate::arguments::{self, Takes, both, long};

const USAGE: &str = "\
usage: udevadm COMMAND [OPTION]... [DEVICE]...

  info DEVICE...    what is known of devices: /dev/NAME, /sys/PATH
                    (-q property|name|symlink|path|all, -n NODE, -p PATH, -r, --property=KEY, --value)
  settle            wait until no event is in work and no module is being loaded (-t SECONDS, -E FILE)
  trigger [DEVICE]...  have the kernel announce devices again
                    (-c ACTION, -s SUBSYSTEM, -S SUBSYSTEM, -a ATTRIBUTE[=VALUE], -y NAME, -w, -n, -v)
  monitor           print the kernel's events as they come (-s SUBSYSTEM, -p)
  control           --reload: read the .link files again

Rules files (.rules) are not read by devd: docs/devices.md.

For example:
  udevadm info -q property /dev/vda";

/// What udev's own tool knows beside these.
const NOT_BUILT: [&str; 7] = ["test", "test-builtin", "verify", "cat", "lock", "wait", "hwdb"];

/// How long `settle` waits where nothing says so.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs `udevadm`.
///
/// # Errors
/// The arguments make no sense, or what they ask for cannot be done.
pub fn run(mut arguments: Vec<String>) -> Result<u8> {
    if arguments.is_empty() {
        bail!("name a command\n{USAGE}");
    }
    let command = arguments.remove(0);
    match command.as_str() {
        "info" => info::run(arguments),
        "settle" => settle(arguments),
        "trigger" => trigger::run(arguments),
        "monitor" => monitor::run(arguments),
        "control" => control(arguments),
        "--help" | "-h" | "help" => {
            println!("{USAGE}");
            Ok(0)
        }
        "--version" | "-V" | "version" => {
            println!("{} (Berth's devd; names as systemd 257's udev gives them)", env!("CARGO_PKG_VERSION"));
            Ok(0)
        }
        other if NOT_BUILT.contains(&other) => bail!("{other} is not built\n{USAGE}"),
        other => bail!("unknown command {other}\n{USAGE}"),
    }
}

fn settle(arguments: Vec<String>) -> Result<u8> {
    let known = [both("timeout", 't', Takes::Value), both("exit-if-exists", 'E', Takes::Value)];
    let parsed = arguments::parse(arguments, &known)?;
    if let Some(word) = parsed.words.first() {
        bail!("unexpected argument {word}");
    }
    let patience = match parsed.value("timeout") {
        Some(text) => {
            Duration::from_secs(text.parse().with_context(|| format!("{text} is no number of seconds"))?)
        }
        None => PATIENCE,
    };
    if parsed.value("exit-if-exists").is_some_and(|file| Path::new(file).exists()) {
        return Ok(0);
    }
    wait_until_settled(patience)?;
    Ok(0)
}

/// Waits until devd has nothing in work.
///
/// # Errors
/// devd cannot be reached, or the time is over.
fn wait_until_settled(patience: Duration) -> Result<()> {
    ask(SETTLE, patience).context("devices have not settled")
}

fn control(arguments: Vec<String>) -> Result<u8> {
    // The second is what older scripts say.
    let known = [both("reload", 'R', Takes::Nothing), long("reload-rules", Takes::Nothing)];
    let parsed = arguments::parse(arguments, &known)?;
    if let Some(word) = parsed.words.first() {
        bail!("unexpected argument {word}");
    }
    if parsed.options.is_empty() {
        bail!("say what to do: --reload");
    }
    if parsed.has("reload-rules") {
        eprintln!("udevadm: rules are not read: only the .link files are read again");
    }
    ask(RELOAD, PATIENCE)?;
    Ok(0)
}

/// Says a word to devd and waits for its answer.
fn ask(word: &str, patience: Duration) -> Result<()> {
    let path = layout::path::DEVD_SOCKET;
    let doing = || format!("cannot reach devd at {path}; is berth-devd.service running?");
    let mut stream = UnixStream::connect(path).with_context(doing)?;
    // No limit at all cannot be set; one that is over at once can not either.
    stream.set_read_timeout(Some(patience.max(Duration::from_millis(1)))).with_context(doing)?;
    stream.write_all(format!("{word}\n").as_bytes()).with_context(doing)?;
    let mut answer = String::new();
    match stream.read_to_string(&mut answer) {
        Ok(_) if answer.trim_end() == DONE => Ok(()),
        Ok(_) => bail!("devd did not do it: {answer:?}"),
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
        {
            bail!("no answer within {} s", patience.as_secs())
        }
        Err(error) => Err(error).with_context(doing),
    }
}
