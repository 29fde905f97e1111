//! Entries as text.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Error, bail};
use calendar::Zone;
use calendar::timestamp::{self, Style};
use journal::{BootId, Entry, export};
use serde_json::Value;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How an entry looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// A line: time, host, who, message.
    Line(Time),
    /// The same with the unit in the place of the program.
    WithUnit,
    /// The message alone.
    Cat,
    /// All fields, for people.
    Verbose,
    /// All fields, for programs.
    Export,
    Json,
    JsonPretty,
    /// Server-sent events.
    JsonSse,
    /// JSON text sequences (RFC 7464).
    JsonSeq,
}

/// How a line's time looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    Short,
    ShortPrecise,
    Iso,
    IsoPrecise,
    Full,
    Monotonic,
    Unix,
}

const LOOKS: [(&str, Look); 15] = [
    ("short", Look::Line(Time::Short)),
    ("short-precise", Look::Line(Time::ShortPrecise)),
    ("short-iso", Look::Line(Time::Iso)),
    ("short-iso-precise", Look::Line(Time::IsoPrecise)),
    ("short-full", Look::Line(Time::Full)),
    ("short-monotonic", Look::Line(Time::Monotonic)),
    ("short-unix", Look::Line(Time::Unix)),
    ("with-unit", Look::WithUnit),
    ("cat", Look::Cat),
    ("verbose", Look::Verbose),
    ("export", Look::Export),
    ("json", Look::Json),
    ("json-pretty", Look::JsonPretty),
    ("json-sse", Look::JsonSse),
    ("json-seq", Look::JsonSeq),
];

/// A format, and what changes it.
#[derive(Debug, Clone)]
pub struct Format {
    look: Look,
    /// Time of day.
    pub clock: Clock,
    /// Whether lines name the host.
    pub shows_host: bool,
    /// Whether what is not printable is shown all the same.
    pub shows_all: bool,
    /// Only these fields, of formats that show fields.
    pub fields: Option<Vec<String>>,
}

impl Format {
    /// A format by its name, with times of day of a zone.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn named(name: &str, zone: Zone) -> Result<Self, Error> {
        let Some((_, look)) = LOOKS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = LOOKS.iter().map(|(known, _)| *known).collect();
            bail!("output format {name} is unknown: {}", known.join(", "));
        };
        let clock = Clock::new(zone);
        Ok(Self { look: *look, clock, shows_host: true, shows_all: false, fields: None })
    }

    /// Whether it is for people.
    pub fn is_text(&self) -> bool {
        matches!(self.look, Look::Line(_) | Look::WithUnit | Look::Verbose | Look::Cat)
    }

    fn wants(&self, name: &str) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.iter().any(|field| field == name))
    }
}

/// Time of day in a zone. Most entries are of the same second as the one before.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: Zone,
    second: Option<u64>,
    /// Weekday, date, time, zone.
    parts: [String; 4],
    offset: i32,
}

impl Clock {
    /// The clock of a zone.
    pub fn new(zone: Zone) -> Self {
        Self { zone, second: None, parts: Default::default(), offset: 0 }
    }

    fn look(&mut self, micros: u64) {
        let second = micros / 1_000_000;
        if self.second != Some(second) {
            let at = Duration::from_secs(second);
            let text = timestamp::format(at, &self.zone, Style::Seconds);
            let mut words = text.split(' ').map(str::to_owned);
            self.parts = std::array::from_fn(|_| words.next().unwrap_or_default());
            self.offset = self.zone.ahead_of_utc(at);
            self.second = Some(second);
        }
    }

    fn text(&mut self, time: Time, micros: u64) -> String {
        self.look(micros);
        let [day, date, clock, zone] = &self.parts;
        let fraction = micros % 1_000_000;
        let month = || {
            date.get(5..7).and_then(|m| m.parse::<usize>().ok()).and_then(|m| MONTHS.get(m.checked_sub(1)?))
        };
        let short = || format!("{} {} {clock}", month().unwrap_or(&"???"), date.get(8..).unwrap_or("??"));
        let iso = |fraction: &str| {
            let minutes = self.offset.abs() / 60;
            let sign = if self.offset < 0 { '-' } else { '+' };
            format!("{date}T{clock}{fraction}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        };
        match time {
            Time::Short => short(),
            Time::ShortPrecise => format!("{}.{fraction:06}", short()),
            Time::Iso => iso(""),
            Time::IsoPrecise => iso(&format!(".{fraction:06}")),
            Time::Full => format!("{day} {date} {clock} {zone}"),
            Time::Monotonic => format!("[{:5}.{fraction:06}]", micros / 1_000_000),
            Time::Unix => format!("{}.{fraction:06}", micros / 1_000_000),
        }
    }

    /// `Tue 2026-11-24 18:10:00 UTC`.
    pub fn full(&mut self, micros: u64) -> String {
        self.text(Time::Full, micros)
    }
}

/// Whether it can stand before a message: what the sender says of itself must neither upset a terminal nor look like
/// another line.
#[expect(clippy::ptr_arg)] // of iterators of it
fn is_plain(text: &Cow<'_, str>) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// Prints entries.
pub struct Printer {
    format: Format,
    boot: Option<BootId>,
}

impl Printer {
    /// A printer of a format.
    pub fn new(format: Format) -> Self {
        Self { format, boot: None }
    }

    /// Tells where another boot begins.
    pub fn mark_boot(&mut self, entry: &Entry, out: &mut impl Write) -> io::Result<()> {
        let before = self.boot.replace(entry.boot);
        match before {
            Some(boot) if boot != entry.boot => writeln!(out, "-- Boot {} --", entry.boot),
            _ => Ok(()),
        }
    }

    /// Prints one.
    pub fn print(&mut self, entry: &Entry, out: &mut impl Write) -> io::Result<()> {
        match self.format.look {
            Look::Line(time) => self.line(entry, time, false, out),
            Look::WithUnit => self.line(entry, Time::Full, true, out),
            Look::Cat => self.cat(entry, out),
            Look::Verbose => self.verbose(entry, out),
            Look::Export => self.export(entry, out),
            Look::Json => writeln!(out, "{}", self.json(entry)),
            Look::JsonPretty => writeln!(out, "{:#}", self.json(entry)),
            Look::JsonSse => write!(out, "data: {}\n\n", self.json(entry)),
            Look::JsonSeq => writeln!(out, "\x1e{}", self.json(entry)),
        }
    }

    fn line(&mut self, entry: &Entry, time: Time, with_unit: bool, out: &mut impl Write) -> io::Result<()> {
        let micros = match time {
            Time::Monotonic => entry.record.monotonic_us,
            _ => entry.record.realtime_us,
        };
        let mut head = self.format.clock.text(time, micros);
        if self.format.shows_host
            && let Some(host) = entry.text("_HOSTNAME").filter(is_plain)
        {
            head.push(' ');
            head.push_str(&host);
        }
        let unit = if with_unit { entry.unit() } else { None };
        let names = [unit, entry.text("SYSLOG_IDENTIFIER"), entry.text("_COMM")];
        let name = names.into_iter().flatten().find(is_plain);
        head.push(' ');
        head.push_str(name.as_deref().unwrap_or("unknown"));
        let pids = [entry.text("_PID"), entry.text("SYSLOG_PID")];
        if let Some(pid) = pids.into_iter().flatten().find(is_plain) {
            head.push_str(&format!("[{pid}]"));
        }
        head.push_str(": ");
        let message = entry.get("MESSAGE").unwrap_or_default();
        let text = self.printable(message);
        let mut lines = text.split('\n');
        write!(out, "{head}{}", lines.next().unwrap_or_default())?;
        for line in lines {
            write!(out, "\n{:width$}{line}", "", width = head.chars().count())?;
        }
        out.write_all(b"\n")
    }

    /// A value as text for people: what would upset a terminal is told by its size alone.
    fn printable(&self, value: &[u8]) -> String {
        let text = String::from_utf8_lossy(value);
        let value_of_text = std::str::from_utf8(value).is_ok()
            && !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n'));
        match value_of_text || self.format.shows_all {
            true => text.trim_end_matches('\n').to_owned(),
            false => format!("[{}B blob data]", value.len()),
        }
    }

    fn cat(&self, entry: &Entry, out: &mut impl Write) -> io::Result<()> {
        let message = ["MESSAGE".to_owned()];
        for field in self.format.fields.as_deref().unwrap_or(&message) {
            if let Some(value) = entry.get(field) {
                out.write_all(value)?;
                out.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    fn verbose(&mut self, entry: &Entry, out: &mut impl Write) -> io::Result<()> {
        let micros = entry.record.realtime_us;
        self.format.clock.look(micros);
        let [day, date, clock, zone] = &self.format.clock.parts;
        writeln!(out, "{day} {date} {clock}.{:06} {zone} [{}]", micros % 1_000_000, entry.cursor())?;
        for (name, value) in entry.fields().filter(|(name, _)| self.format.wants(name)) {
            // The further lines of a value are below its first one: none looks like a field.
            let margin = format!("\n{:width$}", "", width = 4 + name.len() + 1);
            writeln!(out, "    {name}={}", self.printable(value).replace('\n', &margin))?;
        }
        Ok(())
    }

    fn export(&self, entry: &Entry, out: &mut impl Write) -> io::Result<()> {
        let mut bytes = Vec::new();
        for (name, value) in export::addresses(entry) {
            export::put(&mut bytes, name, value.as_bytes());
        }
        for (name, value) in entry.fields().filter(|(name, _)| self.format.wants(name)) {
            export::put(&mut bytes, name, value);
        }
        bytes.push(b'\n');
        out.write_all(&bytes)
    }

    fn json(&self, entry: &Entry) -> Value {
        let fields = entry.fields().filter(|(name, _)| self.format.wants(name));
        Value::Object(journal::json::object(export::addresses(entry), fields))
    }
}
