//! Running a program of the tools tree to its end.

use std::io::{self, Write};
use std::process::{Child, Output, Stdio};

use sandbox::Command;

use crate::{Error, Result};

/// Runs `command` (of `program`); `doing` says what for, in an error.
pub(crate) fn run(program: &str, command: Command, doing: &str) -> Result<()> {
    let output = command.output().map_err(start(program))?;
    check(program, &output, doing)
}

/// Runs `command` and feeds its standard input with `write`.
pub(crate) fn run_with_input(
    program: &str,
    command: Command,
    doing: &str,
    write: impl FnOnce(&mut dyn Write) -> Result<()> + Send,
) -> Result<()> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child: Child = child.spawn().map_err(start(program))?;
    let input = child.stdin.take();
    let (written, output) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let Some(input) = input else { return Ok(()) };
            let mut input = io::BufWriter::with_capacity(1 << 18, input);
            write(&mut input)
        });
        let output = child.wait_with_output();
        let panicked =
            |_| Err(Error::Start { program: program.to_owned(), cause: io::Error::other("a fault") });
        (writer.join().unwrap_or_else(panicked), output)
    });
    // A program that ends early breaks its pipe: what it says of itself is the better message.
    check(program, &output.map_err(start(program))?, doing)?;
    written
}

fn start(program: &str) -> impl FnOnce(io::Error) -> Error {
    let program = program.to_owned();
    |cause| Error::Start { program, cause }
}

fn check(program: &str, output: &Output, doing: &str) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    Err(Error::Tool {
        program: program.to_owned(),
        status: output.status.to_string(),
        doing: doing.to_owned(),
        output: format!("{}\n{}", text(&output.stdout), text(&output.stderr)).trim().to_owned(),
    })
}
