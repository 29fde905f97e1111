//! What `berthctl` and PID 1 say to each other: a JSON object a line, on a Unix stream socket.
//! A client sends one request, and reads one reply.

use event::ShutdownKind;
use serde::{Deserialize, Serialize};

/// The longest request, in bytes.
pub const REQUEST_MAX: usize = 4096;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Do a job.
    Job {
        /// What.
        action: JobAction,
        /// To which unit.
        unit: String,
        /// Answer at once, or when the job has ended.
        wait: bool,
    },
    /// Tell of one unit, which is looked for where it is not loaded.
    Status {
        /// Which.
        unit: String,
    },
    /// Tell of all units that are loaded.
    List,
    /// Forget a unit's failure; of all units where none is named.
    ResetFailed {
        /// Which.
        unit: Option<String>,
    },
    /// Read the unit files again.
    Reload,
    /// Go down.
    Shutdown {
        /// And then.
        kind: ShutdownKind,
        /// At once: services are not stopped, file systems are synced and no more.
        force: bool,
    },
}

/// What to do to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobAction {
    /// Bring it up.
    Start,
    /// Bring it down.
    Stop,
    /// Down and up.
    Restart,
    /// Down and up, if it is up.
    TryRestart,
    /// Read its configuration again.
    Reload,
    /// That, or down and up where it cannot.
    ReloadOrRestart,
}

impl Request {
    /// Whether only root may ask this.
    pub fn acts(&self) -> bool {
        !matches!(self, Request::Status { .. } | Request::List)
    }
}

/// What PID 1 answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// It is done, or begun where the client does not wait.
    Done,
    /// It is not done.
    Error {
        /// What kind of error.
        kind: ErrorKind,
        /// Why, and what to do.
        message: String,
    },
    /// One unit.
    Status {
        /// It.
        unit: Box<UnitStatus>,
    },
    /// All units.
    List {
        /// They, by name.
        units: Vec<UnitStatus>,
    },
}

/// Kinds of errors that a client tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The request makes no sense.
    Invalid,
    /// The client may not ask this.
    Denied,
    /// There is no such unit.
    NotFound,
    /// The job failed.
    Failed,
}

/// What is known of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitStatus {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// `Documentation=`.
    pub documentation: Vec<String>,
    /// `loaded`, `not-found`, `masked` or `error`.
    pub load: String,
    /// Why it is not loaded.
    pub load_error: Option<String>,
    /// The active state: `active`, `inactive`, `failed`, ...
    pub active: String,
    /// The finer state: `running`, `dead`, ...
    pub sub: String,
    /// The kind of job that it has.
    pub job: Option<String>,
    /// When the active state last changed, CLOCK_MONOTONIC in microseconds; 0 for never.
    pub since_us: u64,
    /// The main file.
    pub fragment: Option<String>,
    /// Its drop-ins.
    pub drop_ins: Vec<String>,
    /// What its files ask for and do not get.
    pub warnings: Vec<String>,
    /// The main process.
    pub main_pid: Option<i32>,
    /// The process of the current step.
    pub control_pid: Option<i32>,
    /// How the last run went, for people.
    pub result: String,
    /// How the last run went, in one word.
    pub result_word: String,
    /// How the main process ended last.
    pub main_exit: Option<String>,
    /// What the service last said of itself.
    pub status_text: Option<String>,
    /// Automatic restarts since it was last asked to start.
    pub restarts: u32,
    /// Its control group, below the root of the hierarchy.
    pub cgroup: Option<String>,
    /// Memory in use, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processes.
    pub tasks: Option<u64>,
    /// Processor time used, in microseconds.
    pub cpu_us: Option<u64>,
}
