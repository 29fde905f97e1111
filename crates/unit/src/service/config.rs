//! A service's settings (systemd.service(5), systemd.exec(5), systemd.kill(5),
//! systemd.resource-control(5)).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::name::UnitName;
use crate::service::exit::ExitSet;
use crate::service::log::LogSettings;
use crate::service::sandbox::Sandbox;
use crate::text::signal::Signal;
use crate::text::value::{Amount, Bound};

/// When a service counts as started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServiceType {
    /// Once the process is there.
    #[default]
    Simple,
    /// Once the program has been executed.
    Exec,
    /// Once it says `READY=1`.
    Notify,
    /// The same, and it says of a reload, too, when that is done.
    NotifyReload,
    /// Once its commands have ended well.
    Oneshot,
    /// Once its first process has ended, having left the service behind it.
    Forking,
}

/// Whom an automatic restart reaches (`RestartMode=`, systemd.service(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartMode {
    /// It counts as a failure, or an end, and a start: `OnFailure=` and `OnSuccess=` are followed, what is bound
    /// to the service stops, and what requires it or is part of it restarts with it.
    Normal,
    /// Nobody is told.
    Direct,
}

/// When a service that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the values of Restart=")]
pub enum Restart {
    #[default]
    No,
    Always,
    OnSuccess,
    OnFailure,
    OnAbnormal,
    OnAbort,
    OnWatchdog,
}

/// Whose notifications count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the values of NotifyAccess=")]
pub enum NotifyAccess {
    None,
    Main,
    Exec,
    All,
}

/// What follows when the kernel ends a process of the service for want of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OomPolicy {
    /// Nothing but a line in the log.
    Continue,
    /// The service is stopped.
    #[default]
    Stop,
    /// The kernel ends all of it at once (`memory.oom.group`).
    Kill,
}

/// How a service that took too long is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailureMode {
    /// By the signal of a stop.
    #[default]
    Terminate,
    /// By the signal of the watchdog.
    Abort,
    /// By the last signal.
    Kill,
}

/// Which processes a stop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KillMode {
    /// All of the service's control group.
    #[default]
    ControlGroup,
    /// The main one is asked, then all are killed.
    Mixed,
    /// The main one only.
    Process,
    /// None.
    None,
}

/// One command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program: an absolute path, or a name to look for in the usual folders.
    pub path: String,
    /// The arguments, the first being what the program sees as its name. Variables are not
    /// expanded yet.
    pub argv: Vec<String>,
    /// `-`: a failure is none.
    pub ignore_failure: bool,
    /// `:`: variables stay as they are.
    pub literal: bool,
    /// `+` or `!`: not as `User=` and `Group=`.
    pub privileged: bool,
    /// `+`: nothing that confines the service holds for it.
    pub unconfined: bool,
}

/// Which of a service's lists of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the Exec directives by name")]
pub enum ExecList {
    Condition,
    StartPre,
    Start,
    StartPost,
    Reload,
    Stop,
    StopPost,
}

impl ExecList {
    /// All of them, in the order of a service's life.
    pub const ALL: [ExecList; 7] = [
        ExecList::Condition,
        ExecList::StartPre,
        ExecList::Start,
        ExecList::StartPost,
        ExecList::Reload,
        ExecList::Stop,
        ExecList::StopPost,
    ];

    /// The directive.
    pub fn directive(self) -> &'static str {
        match self {
            ExecList::Condition => "ExecCondition",
            ExecList::StartPre => "ExecStartPre",
            ExecList::Start => "ExecStart",
            ExecList::StartPost => "ExecStartPost",
            ExecList::Reload => "ExecReload",
            ExecList::Stop => "ExecStop",
            ExecList::StopPost => "ExecStopPost",
        }
    }
}

/// A service's commands, by list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commands {
    lists: [Vec<Command>; 7],
}

impl Commands {
    /// The commands of one list, in order.
    pub fn list(&self, list: ExecList) -> &[Command] {
        &self.lists[list as usize]
    }

    /// One list, to add to.
    pub fn list_mut(&mut self, list: ExecList) -> &mut Vec<Command> {
        &mut self.lists[list as usize]
    }
}

/// Where a standard stream comes from or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stream {
    /// `/dev/null`.
    Null,
    /// The log.
    Journal,
    /// The terminal of `TTYPath=`.
    Tty,
    /// The connection, or the one socket, that the service was started for.
    Socket,
    /// As the stream before it: output as input, error as output.
    Inherit,
    /// A file, and whether to add to it, empty it first, or neither.
    File(String, FileMode),
}

/// How a file for output is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// `file:`: from its start, what was there stays where it is not written over.
    Keep,
    /// `append:`.
    Append,
    /// `truncate:`.
    Truncate,
}

/// `WorkingDirectory=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingDirectory {
    /// The path; none for `~`, the user's home.
    pub path: Option<String>,
    /// `-`: it may be missing.
    pub optional: bool,
}

/// `EnvironmentFile=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentFile {
    /// Its path.
    pub path: String,
    /// `-`: it may be missing.
    pub optional: bool,
}

/// Which of the folders that a service gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the directives by name")]
pub enum DirectoryKind {
    Runtime,
    State,
    Cache,
    Logs,
    Configuration,
}

/// The folder that only root enters, in which those of users are that come and go.
pub const PRIVATE: &str = "private";

impl DirectoryKind {
    /// The folder that these stand in.
    pub fn base(self) -> &'static str {
        match self {
            DirectoryKind::Runtime => "/run",
            DirectoryKind::State => "/var/lib",
            DirectoryKind::Cache => "/var/cache",
            DirectoryKind::Logs => "/var/log",
            DirectoryKind::Configuration => "/etc",
        }
    }

    /// Where those of users are that come and go (`DynamicUser=`), for kinds that outlast the service: who has
    /// that number next is not to find them.
    pub fn private_base(self) -> Option<String> {
        let lasts = matches!(self, DirectoryKind::State | DirectoryKind::Cache | DirectoryKind::Logs);
        lasts.then(|| format!("{}/{PRIVATE}", self.base()))
    }

    /// The environment variable that tells the service.
    pub fn variable(self) -> &'static str {
        match self {
            DirectoryKind::Runtime => "RUNTIME_DIRECTORY",
            DirectoryKind::State => "STATE_DIRECTORY",
            DirectoryKind::Cache => "CACHE_DIRECTORY",
            DirectoryKind::Logs => "LOGS_DIRECTORY",
            DirectoryKind::Configuration => "CONFIGURATION_DIRECTORY",
        }
    }
}

/// What is handed to a service as a file of its own (systemd.exec(5), "Credentials").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The file's name; of a pattern what comes before its `*`.
    pub id: String,
    /// Where its content comes from.
    pub source: CredentialSource,
}

/// Where a credential comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// `LoadCredential=ID:PATH`: a file, or a folder of them; it must be there.
    Path(String),
    /// `LoadCredential=ID`: the file of that name in the first of the credential stores that has it.
    Store(String),
    /// `ImportCredential=`: all files of the stores whose names match, under the name with the part that
    /// is the pattern's replaced.
    Pattern(String),
    /// `SetCredential=`: where nothing else gives one of its name.
    Text(Vec<u8>),
}

/// Folders of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// Paths below the kind's base.
    pub paths: Vec<String>,
    /// Permission bits.
    pub mode: u32,
}

impl Default for Directories {
    fn default() -> Directories {
        Directories { paths: Vec::new(), mode: 0o755 }
    }
}

/// A resource with a limit (getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names of getrlimit(2)")]
pub enum Resource {
    As,
    Core,
    Cpu,
    Data,
    Fsize,
    Memlock,
    Msgqueue,
    Nice,
    Nofile,
    Nproc,
    Rss,
    Rtprio,
    Rttime,
    Sigpending,
    Stack,
}

/// What of a block device is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the directives by name")]
pub enum IoLimitKind {
    Weight,
    LatencyTarget,
    ReadBandwidth,
    WriteBandwidth,
    ReadOperations,
    WriteOperations,
}

impl IoLimitKind {
    /// The file of the control group, and the key in it (none for `io.weight`).
    pub fn file(self) -> (&'static str, Option<&'static str>) {
        match self {
            IoLimitKind::Weight => ("io.weight", None),
            IoLimitKind::LatencyTarget => ("io.latency", Some("target")),
            IoLimitKind::ReadBandwidth => ("io.max", Some("rbps")),
            IoLimitKind::WriteBandwidth => ("io.max", Some("wbps")),
            IoLimitKind::ReadOperations => ("io.max", Some("riops")),
            IoLimitKind::WriteOperations => ("io.max", Some("wiops")),
        }
    }
}

/// A limit of one block device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoLimit {
    /// What is limited.
    pub kind: IoLimitKind,
    /// The device, or a file on it.
    pub path: String,
    /// The limit, in the kernel's unit (a weight, microseconds, bytes or operations a second).
    pub value: Bound<u64>,
}

/// How much of what is shared a control group gets, beside its siblings: 1 to 10000 each, the kernel's 100
/// where none is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weights {
    /// `CPUWeight=`.
    pub cpu: Option<u16>,
    /// `StartupCPUWeight=`: while the system starts and ends.
    pub startup_cpu: Option<u16>,
    /// `IOWeight=`.
    pub io: Option<u16>,
    /// `StartupIOWeight=`: while the system starts and ends.
    pub startup_io: Option<u16>,
}

/// Limits of a control group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CgroupLimits {
    /// `MemoryMin=`.
    pub memory_min: Option<Amount>,
    /// `MemoryLow=`.
    pub memory_low: Option<Amount>,
    /// `MemoryHigh=`.
    pub memory_high: Option<Amount>,
    /// `MemoryMax=`.
    pub memory_max: Option<Amount>,
    /// `MemorySwapMax=`.
    pub memory_swap_max: Option<Amount>,
    /// `TasksMax=`.
    pub tasks_max: Option<Amount>,
    /// `CPUWeight=`, `IOWeight=` and what they are at start-up.
    pub weights: Weights,
    /// `CPUQuota=`, in hundredths of a percent of one processor.
    pub cpu_quota: Option<u32>,
    /// `AllowedCPUs=`, as the kernel takes it.
    pub allowed_cpus: Option<String>,
    /// `AllowedMemoryNodes=`, as the kernel takes it.
    pub allowed_nodes: Option<String>,
    /// `MemoryZSwapMax=`.
    pub memory_zswap_max: Option<Amount>,
    /// `CPUQuotaPeriodSec=`.
    pub cpu_quota_period: Option<Duration>,
    /// `OOMPolicy=kill`: for want of memory all of the group is ended.
    pub oom_group: bool,
    /// Limits of single block devices, in order.
    pub io_devices: Vec<IoLimit>,
}

/// What a process gets before its program runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecContext {
    /// `Environment=`, in order.
    pub environment: Vec<(String, String)>,
    /// `EnvironmentFile=`: what they set wins.
    pub environment_files: Vec<EnvironmentFile>,
    /// `UnsetEnvironment=`: taken out last.
    pub unset_environment: Vec<String>,
    /// `WorkingDirectory=`.
    pub working_directory: Option<WorkingDirectory>,
    /// `User=`: a name or a number.
    pub user: Option<String>,
    /// `Group=`: a name or a number.
    pub group: Option<String>,
    /// `SupplementaryGroups=`.
    pub supplementary_groups: Vec<String>,
    /// `DynamicUser=`: its user is there as long as it is.
    pub dynamic_user: bool,
    /// `LoadCredential=`, `ImportCredential=`, `SetCredential=`.
    pub credentials: Vec<Credential>,
    /// `UMask=`.
    pub umask: u32,
    /// `Limit...=`: soft and hard.
    pub limits: Vec<(Resource, Bound<u64>, Bound<u64>)>,
    /// `OOMScoreAdjust=`.
    pub oom_score_adjust: Option<i32>,
    /// `Nice=`.
    pub nice: Option<i32>,
    /// `IgnoreSIGPIPE=`.
    pub ignore_sigpipe: bool,
    /// `NoNewPrivileges=`.
    pub no_new_privileges: bool,
    /// What it is kept from.
    pub sandbox: Sandbox,
    /// `PassEnvironment=`: variables of PID 1's own.
    pub pass_environment: Vec<String>,
    /// `CPUAffinity=`: processors, none for all.
    pub cpu_affinity: BTreeSet<u32>,
    /// `CPUSchedulingPolicy=`, a number of sched(7).
    pub scheduling_policy: Option<u32>,
    /// `CPUSchedulingPriority=`.
    pub scheduling_priority: u32,
    /// `CPUSchedulingResetOnFork=`.
    pub scheduling_reset_on_fork: bool,
    /// `IOSchedulingClass=` and `IOSchedulingPriority=`, as ioprio_set(2) takes them.
    pub io_priority: Option<(u32, u32)>,
    /// `TimerSlackNSec=`.
    pub timer_slack: Option<Duration>,
    /// `Personality=`, as personality(2) takes it.
    pub personality: Option<u32>,
    /// `StandardInput=`.
    pub stdin: Stream,
    /// `StandardOutput=`.
    pub stdout: Stream,
    /// `StandardError=`.
    pub stderr: Stream,
    /// `TTYPath=`.
    pub tty_path: String,
    /// Its log.
    pub log: LogSettings,
    /// `RuntimeDirectory=` and kin.
    pub directories: Vec<(DirectoryKind, Directories)>,
    /// `RuntimeDirectoryPreserve=`: whether runtime folders outlive the service.
    pub runtime_preserve: bool,
}

impl Default for ExecContext {
    fn default() -> ExecContext {
        ExecContext {
            environment: Vec::new(),
            environment_files: Vec::new(),
            unset_environment: Vec::new(),
            working_directory: None,
            user: None,
            group: None,
            supplementary_groups: Vec::new(),
            dynamic_user: false,
            credentials: Vec::new(),
            umask: 0o022,
            limits: Vec::new(),
            oom_score_adjust: None,
            nice: None,
            ignore_sigpipe: true,
            no_new_privileges: false,
            sandbox: Sandbox::default(),
            pass_environment: Vec::new(),
            cpu_affinity: BTreeSet::new(),
            scheduling_policy: None,
            scheduling_priority: 0,
            scheduling_reset_on_fork: false,
            io_priority: None,
            timer_slack: None,
            personality: None,
            stdin: Stream::Null,
            stdout: Stream::Journal,
            stderr: Stream::Inherit,
            tty_path: "/dev/console".to_owned(),
            log: LogSettings::default(),
            directories: Vec::new(),
            runtime_preserve: false,
        }
    }
}

/// How a service's processes are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// Which.
    pub mode: KillMode,
    /// The first signal.
    pub signal: Signal,
    /// Whether SIGHUP follows it.
    pub send_sighup: bool,
    /// Whether the last signal is sent to what is still there.
    pub send_sigkill: bool,
    /// The last signal.
    pub final_signal: Signal,
    /// The signal of a missed watchdog.
    pub watchdog_signal: Signal,
    /// The first signal of a stop that is part of a restart.
    pub restart_signal: Option<Signal>,
}

impl Default for Kill {
    fn default() -> Kill {
        Kill {
            mode: KillMode::default(),
            signal: Signal::TERM,
            send_sighup: false,
            send_sigkill: true,
            final_signal: Signal::KILL,
            watchdog_signal: Signal::ABRT,
            restart_signal: None,
        }
    }
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// `Type=`.
    pub kind: ServiceType,
    /// `RemainAfterExit=`.
    pub remain_after_exit: bool,
    /// `PIDFile=`: where a forking service says which its main process is.
    pub pid_file: Option<String>,
    /// `GuessMainPID=`: of a forking service without such a file, whether the only process left is
    /// taken for the main one.
    pub guess_main_pid: bool,
    /// `ExitType=cgroup`: it ends with its last process, not with its main one.
    pub ends_with_group: bool,
    /// `ReloadSignal=`: what asks a service of type notify-reload to reload.
    pub reload_signal: Signal,
    /// `OOMPolicy=`.
    pub oom_policy: OomPolicy,
    /// `Exec...=`.
    pub commands: Commands,
    /// `Restart=`.
    pub restart: Restart,
    /// `RestartSec=`.
    pub restart_sec: Duration,
    /// `RestartSteps=`: after so many restarts the pause has grown to `restart_max_delay`; 0 for a pause
    /// that does not grow.
    pub restart_steps: u32,
    /// `RestartMaxDelaySec=`.
    pub restart_max_delay: Bound<Duration>,
    /// `RestartMode=`.
    pub restart_mode: RestartMode,
    /// `TimeoutStartSec=`; no limit for a oneshot that sets none.
    pub timeout_start: Bound<Duration>,
    /// `TimeoutStopSec=`.
    pub timeout_stop: Bound<Duration>,
    /// `TimeoutAbortSec=`: of the end by the watchdog; that of a stop where nothing is said.
    pub timeout_abort: Option<Bound<Duration>>,
    /// `TimeoutStartFailureMode=`, `TimeoutStopFailureMode=`: which signal comes first.
    pub timeout_start_mode: FailureMode,
    /// See `timeout_start_mode`.
    pub timeout_stop_mode: FailureMode,
    /// Whether a file sets the stop's timeout: then a shutdown, too, waits that long.
    pub timeout_stop_stated: bool,
    /// `RuntimeMaxSec=`.
    pub runtime_max: Bound<Duration>,
    /// `WatchdogSec=`.
    pub watchdog: Bound<Duration>,
    /// `NotifyAccess=`.
    pub notify_access: NotifyAccess,
    /// `SuccessExitStatus=`.
    pub success_status: ExitSet,
    /// `RestartPreventExitStatus=`.
    pub restart_prevent: ExitSet,
    /// `RestartForceExitStatus=`.
    pub restart_force: ExitSet,
    /// systemd.kill(5).
    pub kill: Kill,
    /// systemd.exec(5).
    pub exec: ExecContext,
    /// `Slice=`.
    pub slice: UnitName,
    /// `Delegate=`: what is below its control group is its own.
    pub delegate: bool,
    /// systemd.resource-control(5).
    pub cgroup: CgroupLimits,
}
