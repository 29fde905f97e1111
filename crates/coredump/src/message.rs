//! The line in the log. Nothing is waited for: the log daemon may be what crashed.

use journal::{Priority, Sender};

use crate::record::Record;

/// The message id of a crash (systemd.journal-fields(7), SD_MESSAGE_COREDUMP).
const MESSAGE_ID: &str = "fc2e22bc6ee647b6b90729ab34a250b1";
/// Under this name the handler speaks.
pub const IDENTIFIER: &str = "coredump";
/// The unit whose crash the log daemon cannot tell of.
const LOGD_UNIT: &str = "berth-logd.service";

/// Tells of a crash.
pub fn tell(sender: &Sender, record: &Record) {
    let message = record.message();
    // PID 1 ends in a panic, which keeps what the kernel's log holds; a new logd reads that too.
    if record.pid == 1 || record.unit.as_deref() == Some(LOGD_UNIT) {
        sender.to_kernel(Priority::CRIT, &message);
        return;
    }
    let mut fields = vec![("MESSAGE_ID", MESSAGE_ID.to_owned())];
    fields.extend(record.fields());
    sender.send(Priority::CRIT, &message, &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Core;
    use std::os::unix::net::UnixDatagram;

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
    fn it_has_its_fields_and_of_pid_1_and_of_the_log_daemon_the_kernel_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let [journal, syslog, kernel] = ["journal", "syslog", "kmsg"].map(|name| folder.path().join(name));
        std::fs::write(&kernel, "").unwrap();
        let socket = UnixDatagram::bind(&journal).unwrap();
        let sender = Sender {
            identifier: IDENTIFIER,
            journal: &journal,
            syslog: &syslog,
            kernel: &kernel,
            patience: None,
        };
        tell(&sender, &record());
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        for line in
            ["PRIORITY=2", "COREDUMP_UNIT=web.service", "COREDUMP_SIGNAL_NAME=SIGSEGV", "COREDUMP_PID=77"]
        {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
        tell(&sender, &Record { pid: 1, ..record() });
        tell(&sender, &Record { unit: Some(LOGD_UNIT.into()), ..record() });
        assert_eq!(std::fs::read_to_string(&kernel).unwrap().lines().count(), 2);
    }
}
