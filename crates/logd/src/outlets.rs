//! Where messages go beside the journal: other machines, a syslog daemon, the console. Nothing here
//! waits: what cannot go at once is dropped, or queued (see [`crate::forward`]).

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use calendar::timestamp::{Style, format};
use calendar::{Zone, Zones};
use journal::{Origin, Priority, Record};
use rustix::fs::OFlags;

use crate::config::Config;
use crate::forward::{Forwarders, code, message, speaker};

/// Where a syslog daemon listens for what the log store has.
const SYSLOG: &str = "/run/systemd/journal/syslog";
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// All of them.
pub struct Outlets {
    /// Other machines.
    pub forwarders: Forwarders,
    syslog: Option<Syslog>,
    console: Option<Console>,
}

struct Syslog {
    level: Priority,
    socket: UnixDatagram,
    zone: Zone,
}

struct Console {
    level: Priority,
    path: PathBuf,
    file: Option<File>,
}

impl Outlets {
    /// Those that are configured.
    ///
    /// # Errors
    /// The kernel gives no thread, pipe or socket.
    pub fn open(config: &Config, origin: &Origin) -> std::io::Result<Self> {
        let syslog = match config.syslog {
            None => None,
            Some(level) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                Some(Syslog { level, socket, zone: zoneinfo::Zoneinfo::of_machine().local() })
            }
        };
        let path = config.tty.clone();
        Ok(Self {
            forwarders: Forwarders::start(&config.forward, config.forward_level, origin)?,
            syslog,
            console: config.console.map(|level| Console { level, path, file: None }),
        })
    }

    /// Takes a message.
    pub fn take(&mut self, record: &Record) {
        self.forwarders.take(record);
        if self.syslog.is_none() && self.console.is_none() {
            return;
        }
        let priority = record.fields.get("PRIORITY").and_then(Priority::of_field).unwrap_or(Priority::INFO);
        if let Some(syslog) = self.syslog.as_ref().filter(|syslog| priority <= syslog.level) {
            // Where nobody listens, nobody misses it.
            let _ = syslog.socket.send_to(syslog_line(record, &syslog.zone).as_bytes(), SYSLOG);
        }
        if let Some(console) = self.console.as_mut().filter(|console| priority <= console.level) {
            console.write(&line(record));
        }
    }
}

impl Console {
    fn write(&mut self, line: &str) {
        if self.file.is_none() {
            self.file = open_console(&self.path).ok();
        }
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(format!("{line}\n").as_bytes())
            && error.kind() != std::io::ErrorKind::WouldBlock
        {
            // It may have been hung up: the next line opens it anew.
            self.file = None;
        }
    }
}

fn open_console(path: &Path) -> std::io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    OpenOptions::new().write(true).custom_flags(flags).open(path)
}

/// `etcd[42]: text`.
fn line(record: &Record) -> String {
    let (name, pid) = speaker(record);
    let pid = pid.map_or_else(String::new, |pid| format!("[{pid}]"));
    format!("{name}{pid}: {}", message(record))
}

/// `<30>Nov 24 18:10:00 etcd[42]: text` (RFC 3164).
fn syslog_line(record: &Record, zone: &Zone) -> String {
    let time = format(Duration::from_micros(record.realtime_us), zone, Style::Seconds);
    let mut words = time.split(' ').skip(1);
    let (date, clock) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let part = |range| date.get::<std::ops::Range<usize>>(range).and_then(|text| text.parse::<usize>().ok());
    let month = part(5..7).and_then(|month| MONTHS.get(month.checked_sub(1)?)).unwrap_or(&"Jan");
    let day = part(8..10).unwrap_or(1);
    format!("<{}>{month} {day:>2} {clock} {}", code(record), line(record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_a_syslog_daemon() {
        let record = |micros, pid: &str| Record {
            realtime_us: micros,
            monotonic_us: 0,
            context: std::sync::Arc::new(
                [("SYSLOG_IDENTIFIER", "etcd"), ("SYSLOG_FACILITY", "3"), ("_PID", pid)]
                    .into_iter()
                    .collect(),
            ),
            fields: [("PRIORITY", "4"), ("MESSAGE", "text")].into_iter().collect(),
        };
        let utc = Zone::utc();
        let expected = "<28>Nov 24 18:10:00 etcd[42]: text";
        assert_eq!(syslog_line(&record(1_795_543_800_000_000, "42"), &utc), expected);
        assert!(syslog_line(&record(1_793_901_600_000_000, "42"), &utc).starts_with("<28>Nov  5 "));
    }
}
