//! What is known of a crash.

use serde::{Deserialize, Serialize};
use unit::text::signal::Signal;

/// A crash, as it lies beside its core. It has nothing of the process's environment, in which
/// secrets are handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// When, in microseconds since 1970.
    pub time_us: u64,
    /// The process, in the first namespace.
    pub pid: u32,
    /// Its user, likewise.
    pub uid: u32,
    /// Its group, likewise.
    pub gid: u32,
    /// The signal that ended it.
    pub signal: i32,
    /// The name of its program, as the kernel cuts it.
    pub comm: String,
    /// The path of its program, in its own view.
    pub exe: Option<String>,
    /// Its arguments.
    pub cmdline: String,
    /// Its working directory, in its own view.
    pub cwd: Option<String>,
    /// The unit that it belonged to.
    pub unit: Option<String>,
    /// Its control group.
    pub cgroup: String,
    /// Whether it had a namespace of processes or mounts of its own, as containers do.
    pub contained: bool,
    /// The machine's name.
    pub host: String,
    /// The name that it saw.
    pub own_host: String,
    /// This boot.
    pub boot_id: String,
    /// This machine (machine-id(5)).
    pub machine_id: String,
    /// Its limits, as /proc/PID/limits has them.
    pub limits: String,
    /// Its descriptors and what they led to.
    pub descriptors: Vec<String>,
    /// The programs and libraries that it had mapped.
    pub modules: Vec<Module>,
    /// What became of its core.
    pub core: Core,
}

/// A program or library.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Its path, in the process's view.
    pub path: String,
    /// What its linker called it, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
}

/// What became of a core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Core {
    /// It is not kept.
    None {
        /// Why.
        reason: String,
    },
    /// It is in a file.
    Kept {
        /// The file's name, in the folder.
        file: String,
        /// How large it is unpacked, in bytes.
        size: u64,
        /// How large its file is, in bytes.
        stored: u64,
        /// Whether its end is missing.
        truncated: bool,
    },
}

impl Default for Core {
    fn default() -> Core {
        Core::None { reason: String::new() }
    }
}

impl Record {
    /// The signal's name: `SIGSEGV`.
    pub fn signal_name(&self) -> String {
        let name = Signal(self.signal).name();
        if name.starts_with(|c: char| c.is_ascii_digit()) { name } else { format!("SIG{name}") }
    }

    /// What a person calls it: its unit, or its program.
    pub fn subject(&self) -> &str {
        self.unit.as_deref().unwrap_or(&self.comm)
    }

    /// The fields of its line in the log, as systemd-coredump(8) names them.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("COREDUMP_PID", self.pid.to_string()),
            ("COREDUMP_UID", self.uid.to_string()),
            ("COREDUMP_GID", self.gid.to_string()),
            ("COREDUMP_SIGNAL", self.signal.to_string()),
            ("COREDUMP_SIGNAL_NAME", self.signal_name()),
            ("COREDUMP_TIMESTAMP", self.time_us.to_string()),
            ("COREDUMP_HOSTNAME", self.own_host.clone()),
            ("COREDUMP_COMM", self.comm.clone()),
            ("COREDUMP_CMDLINE", self.cmdline.clone()),
            ("COREDUMP_CGROUP", self.cgroup.clone()),
        ];
        let optional = [
            ("COREDUMP_EXE", self.exe.clone()),
            ("COREDUMP_CWD", self.cwd.clone()),
            ("COREDUMP_UNIT", self.unit.clone()),
        ];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        if let Core::Kept { file, truncated, .. } = &self.core {
            fields.push(("COREDUMP_FILENAME", format!("{}/{file}", layout::path::COREDUMPS)));
            if *truncated {
                fields.push(("COREDUMP_TRUNCATED", "1".to_owned()));
            }
        }
        fields
    }

    /// Its line in the log.
    pub fn message(&self) -> String {
        let program = self.exe.as_deref().unwrap_or(&self.comm);
        let unit = self.unit.as_ref().map_or_else(String::new, |unit| format!("{unit}: "));
        let core = match &self.core {
            Core::None { reason } => format!("no core is kept: {reason}"),
            Core::Kept { truncated: true, .. } => "the beginning of its core is kept".to_owned(),
            Core::Kept { .. } => "its core is kept".to_owned(),
        };
        let place = if self.contained { ", in a container" } else { "" };
        format!(
            "{unit}{program} (process {}, user {}{place}) crashed with {}; {core} (coredumpctl info {})",
            self.pid,
            self.uid,
            self.signal_name(),
            self.pid
        )
    }
}
