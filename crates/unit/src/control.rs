//! What `berthctl` and PID 1 say to each other: a JSON object a line, on a Unix stream socket.
//! A client sends one request, and reads one reply.

use std::collections::BTreeMap;

use event::ShutdownKind;
use serde::{Deserialize, Serialize};

/// The longest request of an ordinary user, in bytes.
pub const REQUEST_MAX: usize = 4096;
/// The longest request of root, in bytes: a job may name many units.
pub const ROOT_REQUEST_MAX: usize = 64 * 1024;
/// How many units a request may name.
pub const UNITS_MAX: usize = 256;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Do a job.
    Job {
        /// What.
        action: JobAction,
        /// To which units.
        units: Vec<String>,
        /// Answer at once, or when the jobs have ended.
        wait: bool,
    },
    /// Tell of one unit, which is looked for where it is not loaded.
    Status {
        /// Which.
        unit: String,
    },
    /// Tell all of one unit, its settings and relations too.
    Show {
        /// Which.
        unit: String,
    },
    /// Tell of all units that are loaded.
    List,
    /// Tell of all jobs.
    Jobs,
    /// Tell how units relate to others.
    Relations {
        /// Which.
        units: Vec<String>,
    },
    /// Tell of PID 1 itself.
    Manager,
    /// Tell of a unit once nothing of it runs.
    Await {
        /// Which.
        unit: String,
    },
    /// Send a signal to a unit's processes.
    Kill {
        /// Which.
        unit: String,
        /// To which of them.
        whom: KillWhom,
        /// The signal's number.
        signal: i32,
    },
    /// Forget a unit's failure; of all units where none is named.
    ResetFailed {
        /// Which.
        unit: Option<String>,
    },
    /// Read the unit files again.
    Reload,
    /// Tell an event: to the host, on the consoles and in the log, as PID 1 tells its own.
    Tell {
        /// What.
        event: event::Event,
    },
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
    /// That, if it is up.
    TryReloadOrRestart,
    /// Bring it up, and down what it does not need.
    Isolate,
}

/// Which processes of a unit a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KillWhom {
    /// The main one.
    Main,
    /// That of the current step.
    Control,
    /// All in its control group.
    All,
}

impl Request {
    /// Reads a request as it came, a line of JSON.
    ///
    /// # Errors
    /// It is not JSON, or no request.
    pub fn decode(line: &[u8]) -> Result<Self, serde_json::Error> {
        // Here and not where it is called: what reads it is compiled once, not with each change of PID 1.
        serde_json::from_slice(line)
    }

    /// Whether only root may ask this.
    pub fn acts(&self) -> bool {
        match self {
            Request::Status { .. }
            | Request::Show { .. }
            | Request::List
            | Request::Jobs
            | Request::Relations { .. }
            | Request::Manager
            | Request::Await { .. } => false,
            Request::Job { .. }
            | Request::Kill { .. }
            | Request::ResetFailed { .. }
            | Request::Reload
            | Request::Tell { .. }
            | Request::Shutdown { .. } => true,
        }
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
    /// Of several units some were not done.
    Errors {
        /// Which, and why.
        errors: Vec<UnitError>,
    },
    /// One unit.
    Status {
        /// It.
        unit: Box<UnitStatus>,
    },
    /// One unit in full.
    Show {
        /// It.
        unit: Box<UnitStatus>,
        /// Names and values, in systemd's words.
        properties: Vec<(String, String)>,
    },
    /// All units.
    List {
        /// They, by name.
        units: Vec<UnitStatus>,
    },
    /// All jobs.
    Jobs {
        /// They, by number.
        jobs: Vec<JobStatus>,
    },
    /// Units and those that they relate to.
    Relations {
        /// The units that are loaded, in the order asked for.
        units: Vec<UnitRelations>,
    },
    /// PID 1 itself.
    Manager {
        /// It.
        manager: Box<ManagerStatus>,
    },
}

impl Reply {
    /// The reply as it is sent, a line of JSON.
    pub fn encode_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// Why a request was not met for one unit of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitError {
    /// The unit.
    pub unit: String,
    /// What kind of error.
    pub kind: ErrorKind,
    /// Why, and what to do.
    pub message: String,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    /// Its number.
    pub id: u64,
    /// Its unit.
    pub unit: String,
    /// `start`, `stop`, `restart` or `reload`.
    pub kind: String,
    /// Whether it runs; else it waits for others.
    pub running: bool,
}

/// A unit and those that it relates to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitRelations {
    /// Its name.
    pub unit: String,
    /// Relation, in systemd's words (`Requires`, `WantedBy`, ...), to names.
    pub relations: BTreeMap<String, Vec<String>>,
}

/// What is known of PID 1.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ManagerStatus {
    /// The image's version.
    pub version: String,
    /// The state of the system: `running`, `degraded`, ...
    pub state: String,
    /// Whether this is PID 1 of a container.
    pub container: bool,
    /// How many units are loaded.
    pub units: usize,
    /// How many have failed.
    pub failed: usize,
    /// How many jobs there are.
    pub jobs: usize,
    /// The target that this boot was asked for.
    pub target: String,
    /// Folders of unit files, the first wins.
    pub unit_path: Vec<String>,
    /// The folder of units that last until they end.
    pub transient: String,
    /// When stage 1 began, CLOCK_MONOTONIC in microseconds; as PID 1 where there was none.
    pub initramfs_us: u64,
    /// When PID 1 began.
    pub userspace_us: u64,
    /// When the target was reached; 0 for not yet.
    pub finished_us: u64,
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
    /// It cannot be done.
    Failed,
    /// The job was begun, and failed.
    Job,
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
    /// That job's number.
    pub job_id: Option<u64>,
    /// When the active state last changed, CLOCK_MONOTONIC in microseconds; 0 for never.
    pub since_us: u64,
    /// When it last ceased to be down, likewise.
    pub inactive_exit_us: u64,
    /// When it last came to be up, likewise.
    pub active_enter_us: u64,
    /// When it last ceased to be up, likewise.
    pub active_exit_us: u64,
    /// When it last came to be down, likewise.
    pub inactive_enter_us: u64,
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
    /// That as `exited`, `killed` or `dumped`,
    pub main_code: Option<String>,
    /// and its exit code or signal.
    pub main_status: Option<i32>,
    /// What the service last said of itself.
    pub status_text: Option<String>,
    /// Automatic restarts since it was last asked to start.
    pub restarts: u32,
    /// What it listens on: of a socket unit.
    pub listens: Vec<String>,
    /// The units that it starts by itself: of a socket, path or timer unit.
    pub triggers: Vec<String>,
    /// The units that start it so.
    pub triggered_by: Vec<String>,
    /// Its path in sysfs: of a device.
    pub syspath: Option<String>,
    /// The unit that it is another name of: of a device.
    pub following: Option<String>,
    /// When it elapses: of a timer that was ever started.
    pub timer: Option<TimerStatus>,
    /// Its control group, below the root of the hierarchy.
    pub cgroup: Option<String>,
    /// Memory in use, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processes.
    pub tasks: Option<u64>,
    /// Processor time used, in microseconds.
    pub cpu_us: Option<u64>,
}

/// When a timer elapses, and did. In microseconds; 0 for never.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TimerStatus {
    /// Next, by the calendar, since 1970.
    pub next_us: u64,
    /// Next, by a span, CLOCK_MONOTONIC.
    pub next_monotonic_us: u64,
    /// Last, since 1970; of a persistent timer also before this boot.
    pub last_us: u64,
    /// Last in this boot, CLOCK_MONOTONIC.
    pub last_monotonic_us: u64,
}
