//! Events as lines of JSON, and lines back as events.

use crate::Event;

/// Why a line is not an event.
#[derive(Debug, thiserror::Error)]
#[error("not an event: {line:?}: {cause}")]
pub struct DecodeError {
    /// The line as it came.
    pub line: String,
    cause: serde_json::Error,
}

impl Event {
    /// The event as one line of JSON, its line feed included.
    pub fn encode_line(&self) -> String {
        // A table of strings, integers and booleans has no value that JSON cannot carry.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }

    /// Reads one line, with or without its line end.
    ///
    /// # Errors
    /// The line is not JSON, or not an event of this table.
    pub fn decode_line(line: &str) -> Result<Event, DecodeError> {
        serde_json::from_str(line.trim_end())
            .map_err(|cause| DecodeError { line: line.trim_end().to_owned(), cause })
    }
}

/// Cuts a byte stream into lines: feed it what was read, take the events that are complete.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    /// Takes the next bytes of the stream and returns the events that they completed. Blank
    /// lines are skipped.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Result<Event, DecodeError>> {
        self.pending.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            if !line.trim().is_empty() {
                events.push(Event::decode_line(&line));
            }
        }
        events
    }
}
