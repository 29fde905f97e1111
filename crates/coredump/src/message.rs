//! A line to the log: with its fields by the socket of the journal, without them by that of
//! syslog(3), or into the kernel's log. None of them is waited for: the log daemon may be what
//! crashed.

use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::record::Record;

/// What the line is told as: critical.
pub const CRITICAL: u8 = 2;
/// What is told of the handler itself.
pub const WARNING: u8 = 4;

/// The message id of a crash (systemd.journal-fields(7), SD_MESSAGE_COREDUMP).
const MESSAGE_ID: &str = "fc2e22bc6ee647b6b90729ab34a250b1";
const IDENTIFIER: &str = "coredump";
/// LOG_DAEMON, in the place that syslog(3) has it in.
const FACILITY: u8 = 3 << 3;
/// The unit whose crash the log daemon cannot tell of.
const LOGD_UNIT: &str = "berth-logd.service";

/// Where lines go.
#[derive(Debug)]
pub struct Log<'a> {
    /// The journal's socket.
    pub journal: &'a Path,
    /// The socket of syslog(3).
    pub syslog: &'a Path,
    /// The kernel's log.
    pub kernel: &'a Path,
}

impl Log<'static> {
    /// Those of the machine.
    pub fn of_machine() -> Log<'static> {
        Log {
            journal: Path::new("/run/systemd/journal/socket"),
            syslog: Path::new("/dev/log"),
            kernel: Path::new("/dev/kmsg"),
        }
    }
}

impl Log<'_> {
    /// Tells of a crash.
    pub fn crash(&self, record: &Record) {
        let message = record.message();
        // PID 1 ends in a panic, which keeps what the kernel's log holds; a new logd reads that too.
        if record.pid == 1 || record.unit.as_deref() == Some(LOGD_UNIT) {
            self.to_kernel(CRITICAL, &message);
            return;
        }
        let mut fields = vec![("MESSAGE_ID", MESSAGE_ID.to_owned())];
        fields.extend(record.fields());
        self.send(CRITICAL, &message, &fields);
    }

    /// Tells of something that somebody should look at.
    pub fn warn(&self, message: &str) {
        self.send(WARNING, message, &[]);
    }

    fn send(&self, priority: u8, message: &str, fields: &[(&str, String)]) {
        let line = format!("<{}>{IDENTIFIER}: {message}", FACILITY | priority);
        let is_sent =
            send(self.journal, &native(priority, message, fields)) || send(self.syslog, line.as_bytes());
        if !is_sent {
            self.to_kernel(priority, message);
        }
    }

    fn to_kernel(&self, priority: u8, message: &str) {
        if let Ok(mut log) = File::options().append(true).open(self.kernel) {
            // One write is one record; a full log is the kernel's to manage.
            _ = log.write_all(format!("<{}>{IDENTIFIER}: {message}\n", FACILITY | priority).as_bytes());
        }
    }
}

/// Sends a datagram, unless that would have to be waited for.
fn send(path: &Path, bytes: &[u8]) -> bool {
    let sent = || -> std::io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.send_to(bytes, path)?;
        Ok(())
    };
    sent().is_ok()
}

/// A message as the journal's socket takes it (systemd's "Native Journal Protocol"): a field a line;
/// a value of more than one line by its length.
fn native(priority: u8, message: &str, fields: &[(&str, String)]) -> Vec<u8> {
    let mut out = Vec::new();
    let own = [("PRIORITY", priority.to_string()), ("SYSLOG_IDENTIFIER", IDENTIFIER.to_owned())];
    let message = [("MESSAGE", message.to_owned())];
    for (name, value) in own.iter().chain(&message).chain(fields) {
        out.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            out.push(b'\n');
            out.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            out.push(b'=');
        }
        out.extend_from_slice(value.as_bytes());
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Core;

    fn record() -> Record {
        Record {
            pid: 77,
            uid: 1000,
            signal: 11,
            comm: "web".into(),
            exe: Some("/usr/bin/web".into()),
            unit: Some("web.service".into()),
            core: Core::Kept { file: "core.web.zst".into(), size: 10, stored: 5, truncated: false },
            ..Record::default()
        }
    }

    #[test]
    fn the_line_names_unit_program_and_signal() {
        let mut record = record();
        assert_eq!(
            record.message(),
            "web.service: /usr/bin/web (process 77, user 1000) crashed with SIGSEGV; its core is kept \
             (coredumpctl info 77)"
        );
        record.unit = None;
        record.contained = true;
        record.core = Core::None { reason: "its limit is 0".into() };
        assert_eq!(
            record.message(),
            "/usr/bin/web (process 77, user 1000, in a container) crashed with SIGSEGV; no core is kept: its \
             limit is 0 (coredumpctl info 77)"
        );
    }

    #[test]
    fn a_field_a_line_and_long_ones_by_their_length() {
        let fields = [("A", "1".to_owned()), ("B", "x\ny".to_owned())];
        assert_eq!(
            native(2, "text", &fields),
            b"PRIORITY=2\nSYSLOG_IDENTIFIER=coredump\nMESSAGE=text\nA=1\nB\n\x03\0\0\0\0\0\0\0x\ny\n"
        );
    }

    #[test]
    fn it_goes_to_the_first_that_takes_it_without_a_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("kmsg"), "").unwrap();
        let paths = [path("journal"), path("syslog"), path("kmsg")];
        let log = Log { journal: &paths[0], syslog: &paths[1], kernel: &paths[2] };
        let mut buffer = [0; 4096];

        log.crash(&record());
        let kernel = std::fs::read_to_string(path("kmsg")).unwrap();
        assert!(kernel.starts_with("<26>coredump: web.service: "), "{kernel}");

        let syslog = UnixDatagram::bind(path("syslog")).unwrap();
        log.crash(&record());
        let length = syslog.recv(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(b"<26>coredump: web.service: "));

        let journal = UnixDatagram::bind(path("journal")).unwrap();
        log.crash(&record());
        let length = journal.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        for line in
            ["PRIORITY=2", "COREDUMP_UNIT=web.service", "COREDUMP_SIGNAL_NAME=SIGSEGV", "COREDUMP_PID=77"]
        {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }

        // Nobody reads it: what does not fit goes elsewhere, and the handler goes on.
        for _ in 0..2000 {
            log.warn("again");
        }
        assert!(std::fs::metadata(path("kmsg")).unwrap().len() > kernel.len() as u64);
    }

    #[test]
    fn of_pid_1_and_of_the_log_daemon_the_kernel_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("kmsg"), "").unwrap();
        let _journal = UnixDatagram::bind(path("journal")).unwrap();
        let paths = [path("journal"), path("syslog"), path("kmsg")];
        let log = Log { journal: &paths[0], syslog: &paths[1], kernel: &paths[2] };
        log.crash(&Record { pid: 1, ..record() });
        log.crash(&Record { unit: Some(LOGD_UNIT.into()), ..record() });
        assert_eq!(std::fs::read_to_string(path("kmsg")).unwrap().lines().count(), 2);
    }
}
