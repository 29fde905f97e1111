//! QEMU's monitor protocol (QMP): one command, one answer; events in between are let by.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Error, Result};

/// QEMU answers at once; this is for one that hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A connection to QEMU's monitor.
#[derive(Debug)]
pub(crate) struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    /// Takes up the connection that QEMU has made.
    pub fn open(stream: UnixStream) -> Result<Self> {
        stream
            .set_read_timeout(Some(ANSWER_LIMIT))
            .map_err(Error::io("set the time limit of", "QEMU's monitor"))?;
        let mut qmp = Self { stream: BufReader::new(stream) };
        // The greeting comes first; the capabilities' answer shows that both sides agree.
        qmp.message("qmp_capabilities")?;
        qmp.command("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Runs a command; its `return`.
    pub fn command(&mut self, name: &str, arguments: Value) -> Result<Value> {
        let mut line = json!({"execute": name, "arguments": arguments}).to_string();
        line.push('\n');
        self.stream.get_mut().write_all(line.as_bytes()).map_err(|error| refused(name, error))?;
        loop {
            let message = self.message(name)?;
            if let Some(answer) = answer(name, &message) {
                return answer;
            }
        }
    }

    fn message(&mut self, during: &str) -> Result<Value> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => Err(refused(during, "QEMU has ended")),
            Ok(_) => serde_json::from_str(&line).map_err(|error| refused(during, error)),
            Err(error) => Err(refused(during, error)),
        }
    }
}

/// The answer that a message is, or `None` for an event.
fn answer(command: &str, message: &Value) -> Option<Result<Value>> {
    if let Some(value) = message.get("return") {
        return Some(Ok(value.clone()));
    }
    let error = message.get("error")?;
    Some(Err(refused(command, error)))
}

fn refused(command: &str, why: impl ToString) -> Error {
    Error::Monitor { command: command.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn answers_are_told_from_events() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let qemu = thread::spawn(move || {
            let mut reader = BufReader::new(theirs.try_clone().unwrap());
            let mut theirs = theirs;
            let mut heard = Vec::new();
            writeln!(theirs, r#"{{"QMP":{{"version":{{}},"capabilities":[]}}}}"#).unwrap();
            for answer in [
                r#"{"return":{}}"#,
                "{\"event\":\"RESET\"}\n{\"return\":{\"status\":\"running\"}}",
                r#"{"error":{"class":"CommandNotFound","desc":"no such"}}"#,
            ] {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                heard.push(line);
                writeln!(theirs, "{answer}").unwrap();
            }
            heard
        });
        let mut qmp = Qmp::open(ours).unwrap();
        let status = qmp.command("query-status", json!({})).unwrap();
        assert_eq!(status, json!({"status": "running"}));
        let error = qmp.command("dance", json!({"how": "well"})).unwrap_err();
        assert!(error.to_string().contains("no such"), "{error}");
        let heard = qemu.join().unwrap();
        assert!(heard[2].contains(r#""execute":"dance""#), "{heard:?}");
        assert!(qmp.command("quit", json!({})).is_err(), "QEMU has gone by now");
    }
}
