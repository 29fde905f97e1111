//! What a journal holds.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::fields::Fields;
use crate::{BootId, Priority};

/// A message as it is handed to the [`crate::Writer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Wall-clock time of arrival, in microseconds since 1970 (UTC).
    pub realtime_us: u64,
    /// CLOCK_MONOTONIC time of arrival, in microseconds; for kernel messages, the kernel's own.
    pub monotonic_us: u64,
    /// Fields that messages of the same sender share; shared in memory and in the segment too.
    pub context: Arc<Fields>,
    /// The message's own fields: `MESSAGE`, `PRIORITY` and what else the sender said.
    pub fields: Fields,
}

/// Where the entries of a segment come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The boot.
    pub boot: BootId,
    /// machine-id(5): 32 hexadecimal digits; empty where the machine has none yet.
    pub machine: String,
    /// The name of the machine.
    pub hostname: String,
}

impl Origin {
    /// As fields: `_BOOT_ID`, `_MACHINE_ID`, `_HOSTNAME`.
    pub fn fields(&self) -> Fields {
        let mut fields = Fields::default().with("_BOOT_ID", self.boot.as_str());
        for (name, value) in [("_MACHINE_ID", &self.machine), ("_HOSTNAME", &self.hostname)] {
            if !value.is_empty() {
                fields.push(name, value);
            }
        }
        fields
    }

    pub(crate) fn of_fields(fields: &Fields) -> Option<Self> {
        let text = |name: &str| fields.get(name).map(|v| String::from_utf8_lossy(v).into_owned());
        Some(Self {
            boot: text("_BOOT_ID")?.parse().ok()?,
            machine: text("_MACHINE_ID").unwrap_or_default(),
            hostname: text("_HOSTNAME").unwrap_or_default(),
        })
    }
}

/// A message as it is read.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number in this journal: later ones have higher ones.
    pub seq: u64,
    /// The boot, as everywhere in the segment.
    pub boot: BootId,
    /// The segment's fields.
    pub(crate) origin: Arc<Fields>,
    /// The rest.
    pub record: Record,
}

impl Entry {
    /// The first value of a field, wherever it comes from.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let lists = [&self.record.fields, &*self.record.context, &*self.origin];
        lists.into_iter().find_map(|fields| fields.get(name))
    }

    /// The first value of a field as text; bytes that are not UTF-8 have become U+FFFD.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(String::from_utf8_lossy)
    }

    /// All fields: the message's own first, then those of its context.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.record.fields.iter().chain(self.record.context.iter()).chain(self.origin.iter())
    }

    /// The unit that it is of, or about: the latter where PID 1 or the log daemon says so, as anybody may write `UNIT=`.
    pub fn unit(&self) -> Option<Cow<'_, str>> {
        let is_trusted =
            self.get("_TRANSPORT") == Some(b"driver") || self.get("_SYSTEMD_UNIT") == Some(b"init.scope");
        self.text("UNIT").filter(|_| is_trusted).or_else(|| self.text("_SYSTEMD_UNIT"))
    }

    /// The message; empty where there is none.
    pub fn message(&self) -> Cow<'_, str> {
        self.text("MESSAGE").unwrap_or_default()
    }

    /// How serious it is, where it says so.
    pub fn priority(&self) -> Option<Priority> {
        self.get("PRIORITY").and_then(Priority::of_field)
    }

    /// Its place, to read on from later.
    pub fn cursor(&self) -> Cursor {
        Cursor { boot: self.boot, seq: self.seq, realtime_us: self.record.realtime_us }
    }
}

/// A place in a journal, as `journalctl --show-cursor` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The boot.
    pub boot: BootId,
    /// The entry's number.
    pub seq: u64,
    /// Its time, for a journal that does not hold it any more.
    pub realtime_us: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i={:x};b={};t={:x}", self.seq, self.boot, self.realtime_us)
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let part = |key: &str| {
            let mut parts = text.split(';').filter_map(|part| part.split_once('='));
            parts.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        let number = |key| part(key).and_then(|value| u64::from_str_radix(value, 16).ok());
        let boot = part("b").and_then(|boot| boot.parse().ok());
        match (number("i"), boot, number("t")) {
            (Some(seq), Some(boot), Some(realtime_us)) => Ok(Self { boot, seq, realtime_us }),
            _ => Err(format!("{text:?} is not a cursor: one that --show-cursor printed was expected")),
        }
    }
}
