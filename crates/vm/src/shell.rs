//! The root shell that a kernel argument puts on a virtio-serial port: a plain byte stream to
//! `sh`, without a terminal in between. A command is sent with a marker before and after its
//! output, the second with its exit status.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::record::Record;
use crate::{Error, Result};

/// For a command that hangs. No command of a test takes this long.
pub(crate) const COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// What a command in the machine did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its exit status.
    pub status: i32,
    /// What it wrote to standard output and standard error.
    pub text: String,
}

impl Output {
    /// Whether the exit status is 0.
    pub fn success(&self) -> bool {
        self.status == 0
    }

    /// The text without white space at the end, of a command that had to succeed; `error` makes one of how it failed
    /// and the text.
    pub(crate) fn of_success(self, error: impl FnOnce(&str, String) -> Error) -> Result<String> {
        if self.success() {
            return Ok(self.text.trim_end().to_owned());
        }
        Err(error(&format!("exit status {}", self.status), self.text))
    }
}

/// The machine's end of the line.
#[derive(Debug)]
pub(crate) struct Line {
    stream: UnixStream,
    commands: u64,
    /// A command that has not answered in time: what comes next is not to be trusted.
    stuck: Option<String>,
}

impl Line {
    pub fn new(stream: UnixStream) -> Mutex<Self> {
        Mutex::new(Self { stream, commands: 0, stuck: None })
    }
}

/// A root shell in the machine. Commands run one after the other, each in a subshell with nothing
/// on its standard input.
#[derive(Debug)]
pub struct Shell<'a> {
    /// None where the machine was set up without a shell port.
    line: Option<&'a Mutex<Line>>,
    record: &'a Record,
    limit: Duration,
}

impl<'a> Shell<'a> {
    pub(crate) fn new(line: Option<&'a Mutex<Line>>, record: &'a Record) -> Self {
        Self { line, record, limit: COMMAND_LIMIT }
    }

    /// With another time after which a command counts as hung.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs `command`, which has to succeed; its output without white space at the end.
    ///
    /// # Errors
    /// It fails, hangs, or the machine ends.
    pub fn run(&self, command: &str) -> Result<String> {
        self.attempt(command)?.of_success(|how, text| self.error(command, how, text))
    }

    /// Runs `command`, whatever comes of it.
    ///
    /// # Errors
    /// It hangs, or the machine ends.
    pub fn attempt(&self, command: &str) -> Result<Output> {
        let Some(line) = self.line else {
            let how = "not started: this machine was set up without a shell port";
            return Err(self.error(command, how, String::new()));
        };
        let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stuck) = &line.stuck {
            let how = format!("not started: the shell still runs `{stuck}`");
            return Err(self.error(command, &how, String::new()));
        }
        line.commands += 1;
        let number = line.commands;
        let mut reply = Reply::to(number);
        match self.exchange(&mut line.stream, &request(number, command), &mut reply) {
            Ok(output) => Ok(output),
            Err(how) => {
                line.stuck = Some(command.to_owned());
                Err(self.error(command, &how, reply.so_far()))
            }
        }
    }

    fn exchange(
        &self,
        stream: &mut UnixStream,
        request: &str,
        reply: &mut Reply,
    ) -> std::result::Result<Output, String> {
        let deadline = Instant::now() + self.limit;
        let late = || format!("no end after {:?}", self.limit);
        let mut buffer = [0; 8192];
        stream
            .set_write_timeout(Some(self.limit))
            .and_then(|()| stream.write_all(request.as_bytes()))
            .map_err(|error| format!("cannot be sent: {error}"))?;
        loop {
            let left = deadline
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
                .ok_or_else(late)?;
            stream.set_read_timeout(Some(left)).map_err(|error| error.to_string())?;
            match stream.read(&mut buffer) {
                Ok(0) => return Err("the machine ended".to_owned()),
                Ok(count) => {
                    if let Some(output) = reply.feed(&buffer[..count]) {
                        return Ok(output);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(late());
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    fn error(&self, command: &str, how: &str, output: String) -> Error {
        Error::Shell {
            command: command.to_owned(),
            how: how.to_owned(),
            output,
            state: self.record.state().describe(),
        }
    }
}

/// What is sent for a command. The markers are put together by the shell, so that an echo of the
/// request does not look like one.
fn request(number: u64, command: &str) -> String {
    let quoted = command.replace('\'', r"'\''");
    format!(
        "printf '\\n%s-begin-%s\\n' berth {number}; (eval '{quoted}') </dev/null 2>&1; \
         printf '\\n%s-end-%s %s\\n' berth {number} $?\n"
    )
}

/// The reply to one command, put together from what the line gives.
struct Reply {
    begin: String,
    end: String,
    received: Vec<u8>,
}

impl Reply {
    fn to(number: u64) -> Self {
        Self {
            begin: format!("\nberth-begin-{number}\n"),
            end: format!("\nberth-end-{number} "),
            received: Vec::new(),
        }
    }

    /// Takes what the line gave; the output once it is whole.
    fn feed(&mut self, bytes: &[u8]) -> Option<Output> {
        self.received.extend_from_slice(bytes);
        let body = self.body()?;
        let end = find(body, self.end.as_bytes())?;
        let status = &body[end + self.end.len()..];
        let status = &status[..status.iter().position(|byte| *byte == b'\n')?];
        Some(Output {
            status: std::str::from_utf8(status).ok()?.trim().parse().ok()?,
            text: String::from_utf8_lossy(&body[..end]).into_owned(),
        })
    }

    /// What the command has written so far.
    fn so_far(&self) -> String {
        String::from_utf8_lossy(self.body().unwrap_or_default()).into_owned()
    }

    fn body(&self) -> Option<&[u8]> {
        let start = find(&self.received, self.begin.as_bytes())? + self.begin.len();
        self.received.get(start..)
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn replies_are_cut_at_their_markers() {
        let cases: [(&str, Option<(i32, &str)>); 8] = [
            ("\nberth-begin-7\nhello\n\nberth-end-7 0\n", Some((0, "hello\n"))),
            ("\nberth-begin-7\nno feed\nberth-end-7 0\n", Some((0, "no feed"))),
            ("\nberth-begin-7\n\nberth-end-7 130\n", Some((130, ""))),
            // What an earlier command left on the line is no part of this reply.
            ("late\n\nberth-end-6 0\n\nberth-begin-7\nx\nberth-end-7 1\n", Some((1, "x"))),
            ("\nberth-begin-7\nnot whole\nberth-end-7 1", None),
            ("\nberth-begin-7\nnot whole", None),
            ("\nberth-end-7 0\n", None),
            ("", None),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|(status, text)| Output { status, text: text.to_owned() });
            assert_eq!(Reply::to(7).feed(line.as_bytes()), expected, "{line:?}");
            let mut dribble = Reply::to(7);
            let found = line.bytes().find_map(|byte| dribble.feed(&[byte]));
            assert_eq!(found, expected, "a byte at a time: {line:?}");
        }
    }

    #[test]
    fn output_so_far_is_kept_for_the_error() {
        let mut reply = Reply::to(2);
        reply.feed(b"\nberth-begin-2\nstep one\n");
        assert_eq!(reply.so_far(), "step one\n");
    }

    /// The protocol against a real shell on a pipe.
    #[test]
    fn a_shell_answers_as_it_should() {
        let cases = [
            ("echo out; echo err >&2", 0, "out\nerr\n"),
            ("exit 3", 3, ""),
            ("printf 'it'\"'\"'s quoted'", 0, "it's quoted"),
            ("cat", 0, ""),
            ("for i in 1 2\ndo echo $i\ndone", 0, "1\n2\n"),
            ("kill -KILL $(sh -c 'echo $PPID')", 137, ""),
        ];
        for (number, (command, status, text)) in (1..).zip(cases) {
            let mut child = Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let sent = request(number, command);
            child.stdin.take().unwrap().write_all(sent.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap().stdout;
            let reply = Reply::to(number).feed(&output).unwrap();
            assert_eq!((reply.status, reply.text.as_str()), (status, text), "{command}");
        }
    }
}
