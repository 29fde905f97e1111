//! Sending to the log: with fields by the journal's own socket, without them by that of syslog(3), or
//! into the kernel's log.

use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use crate::Priority;

/// LOG_DAEMON, in the place that syslog(3) has it in.
const FACILITY: u8 = 3 << 3;

/// Where messages go, and under which name.
#[derive(Debug, Clone)]
pub struct Sender<'a> {
    /// The name of the program (`SYSLOG_IDENTIFIER`).
    pub identifier: &'a str,
    /// The journal's socket.
    pub journal: &'a Path,
    /// The socket of syslog(3).
    pub syslog: &'a Path,
    /// The kernel's log.
    pub kernel: &'a Path,
    /// How long the log daemon may take for a message; not at all where it is nothing.
    pub patience: Option<Duration>,
}

impl<'a> Sender<'a> {
    /// To the machine's log, without waiting for it.
    pub fn new(identifier: &'a str) -> Self {
        Self {
            identifier,
            journal: Path::new(layout::path::JOURNAL_SOCKET),
            syslog: Path::new(layout::path::SYSLOG_SOCKET),
            kernel: Path::new("/dev/kmsg"),
            patience: None,
        }
    }

    /// Sends a message by the first way that takes it.
    pub fn send(&self, priority: Priority, message: &str, fields: &[(&str, String)]) {
        let line = format!("<{}>{}: {message}", FACILITY | priority.number(), self.identifier);
        let is_sent = self.datagram(self.journal, &self.native(priority, message, fields))
            || self.datagram(self.syslog, line.as_bytes());
        if !is_sent {
            self.to_kernel(priority, message);
        }
    }

    /// Writes a message into the kernel's log, which is there when the log daemon is not.
    pub fn to_kernel(&self, priority: Priority, message: &str) {
        if let Ok(mut log) = File::options().append(true).open(self.kernel) {
            let line = format!("<{}>{}: {message}\n", FACILITY | priority.number(), self.identifier);
            // One write is one record; a full log is the kernel's to manage.
            _ = log.write_all(line.as_bytes());
        }
    }

    fn datagram(&self, path: &Path, bytes: &[u8]) -> bool {
        let sent = || -> std::io::Result<()> {
            let socket = UnixDatagram::unbound()?;
            match self.patience {
                None => socket.set_nonblocking(true)?,
                patience => socket.set_write_timeout(patience)?,
            }
            socket.send_to(bytes, path)?;
            Ok(())
        };
        sent().is_ok()
    }

    /// A message as the journal's socket takes it (systemd's "Native Journal Protocol"): a field a
    /// line; a value of more than one line by its length.
    fn native(&self, priority: Priority, message: &str, fields: &[(&str, String)]) -> Vec<u8> {
        let own = [
            ("PRIORITY", priority.number().to_string()),
            ("SYSLOG_IDENTIFIER", self.identifier.to_owned()),
            ("MESSAGE", message.to_owned()),
        ];
        let mut out = Vec::new();
        for (name, value) in own.iter().chain(fields) {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Places {
        paths: [std::path::PathBuf; 3],
        _folder: tempfile::TempDir,
    }

    impl Places {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let paths = ["journal", "syslog", "kmsg"].map(|name| folder.path().join(name));
            std::fs::write(&paths[2], "").unwrap();
            Self { paths, _folder: folder }
        }

        fn sender(&self) -> Sender<'_> {
            let [journal, syslog, kernel] = &self.paths;
            Sender { identifier: "me", journal, syslog, kernel, patience: None }
        }

        fn kernel(&self) -> String {
            std::fs::read_to_string(&self.paths[2]).unwrap()
        }
    }

    #[test]
    fn a_field_a_line_and_long_ones_by_their_length() {
        let places = Places::new();
        let fields = [("A", "1".to_owned()), ("B", "x\ny".to_owned())];
        assert_eq!(
            places.sender().native(Priority::CRIT, "text", &fields),
            b"PRIORITY=2\nSYSLOG_IDENTIFIER=me\nMESSAGE=text\nA=1\nB\n\x03\0\0\0\0\0\0\0x\ny\n"
        );
    }

    #[test]
    fn it_goes_to_the_first_that_takes_it_without_a_wait() {
        let places = Places::new();
        let mut buffer = [0; 4096];
        places.sender().send(Priority::CRIT, "one", &[]);
        assert_eq!(places.kernel(), "<26>me: one\n");

        let syslog = UnixDatagram::bind(&places.paths[1]).unwrap();
        places.sender().send(Priority::CRIT, "two", &[]);
        let length = syslog.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"<26>me: two");

        let journal = UnixDatagram::bind(&places.paths[0]).unwrap();
        places.sender().send(Priority::CRIT, "three", &[("X", "y".to_owned())]);
        let length = journal.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"PRIORITY=2\nSYSLOG_IDENTIFIER=me\nMESSAGE=three\nX=y\n");

        // Nobody reads it: what does not fit goes elsewhere, and the sender goes on.
        for _ in 0..2000 {
            places.sender().send(Priority::WARNING, "again", &[]);
        }
        assert!(places.kernel().lines().count() > 1);
    }
}
