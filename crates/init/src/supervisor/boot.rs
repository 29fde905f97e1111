//! From nothing to the first target, or to the emergency.

use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use event::{Event, Stage as BootStage};
use sys::machine::monotonic;
use unit::cgroup::Phase;
use unit::graph::Graph;
use unit::load::{self, UnitFiles};
use unit::manager::JobResult;
use unit::service::log::LogSettings;
use unit::text::file::Source;
use unit::text::specifier::Host;
use unit::transaction::JobKind;
use unit::{Unit, UnitName};

use super::{MANY_JOBS, Stage, Supervisor};
use crate::options::DEFAULT_TARGET;
use init_io::{output, report};

/// What a boot starts without `default.target`.
const FALLBACK: &str = "multi-user.target";
/// How long the log has to hear what the unit that is to blame said last.
const LAST_WORDS: Duration = Duration::from_millis(400);
/// How many of its lines are shown.
const LAST_LINES: usize = 6;
/// How long they are looked for.
const LAST_PATIENCE: Duration = Duration::from_millis(300);
/// The unit of the shell that a kernel argument asks for.
pub(super) const SHELL_UNIT: &str = "berth-shell.service";

/// Units that are up without anybody starting them.
const PERMANENT: [&str; 3] = ["-.mount", "-.slice", "system.slice"];

impl Supervisor {
    /// Loads what the first target needs, and starts it.
    pub(super) fn boot(&mut self) {
        let mut graph = Graph::default();
        let logd = UnitName::parse(output::LOGD).ok();
        let permanent = PERMANENT.iter().filter_map(|name| UnitName::parse(name).ok());
        let anchors: Vec<UnitName> =
            logd.iter().cloned().chain([self.options.target.clone()]).chain(permanent).collect();
        for anchor in &anchors {
            self.catalog.load_with_related(&mut graph, anchor, &self.facts.host);
        }
        if let Some(target) = fallback(&graph, &self.options.target) {
            self.catalog.load_with_related(&mut graph, &target, &self.facts.host);
            self.options.target = target;
        }
        let has_logd = logd.as_ref().is_some_and(|logd| graph.get(logd).is_some());
        for warning in &self.options.warnings {
            self.reporter.warn(warning);
        }
        self.show_warnings(&graph);
        self.set_clocks();
        self.manager.set_graph(graph);
        self.look_at_mounts();
        self.look_at_swaps();
        self.look_at_devices();
        self.limit_permanent_slices();
        match has_logd {
            true => self.log_to_own_pipe(),
            false => self.outputs.pass_through(),
        }
        self.cgroups.enter(Phase::Startup);
        self.reporter.event(Event::InitStarted {
            boot_id: self.facts.host.boot_id.clone(),
            version: crate::machine::version(),
        });
        // The log first: what comes after it finds it there.
        if let Some(logd) = logd.filter(|_| has_logd) {
            self.start_unit(&logd);
        }
        self.start_shell();
        let target = self.options.target.clone();
        match self.manager.request(&target, JobKind::Start, monotonic()) {
            Ok((id, actions)) => {
                self.stage = Stage::Booting(id);
                self.count_waits(monotonic());
                self.perform(actions);
            }
            Err(error) => self.emergency(error.to_string(), None),
        }
        if !self.options.container {
            self.buttons.find(&self.poller);
        }
    }

    /// PID 1's own words go to logd like those of a service.
    fn log_to_own_pipe(&mut self) {
        let own = UnitName::parse(report::OWN_UNIT).ok();
        let Some(own) = own else {
            return;
        };
        let settings = LogSettings { identifier: Some("init".to_owned()), ..LogSettings::default() };
        if let Ok(writer) = self.outputs.writer(&own, &settings)
            && let Ok(pipe) = reopen(writer)
        {
            self.reporter.set_log(pipe);
        }
    }

    fn show_warnings(&mut self, graph: &Graph) {
        for unit in graph.units() {
            for warning in unit.warnings.iter().chain(&unit.refusals) {
                self.reporter.info(&format!("{}: {warning}", unit.name));
            }
        }
    }

    pub(super) fn start_unit(&mut self, unit: &UnitName) {
        match self.manager.request(unit, JobKind::Start, monotonic()) {
            Ok((_, actions)) => self.perform(actions),
            Err(error) => self.reporter.warn(&format!("cannot start {unit}: {error}")),
        }
    }

    /// Starts the shell that was asked for, once its terminal is there.
    pub(super) fn start_shell(&mut self) {
        let Some(name) = self.shell_pending.clone() else {
            return;
        };
        let terminal = Path::new("/dev").join(&name);
        let device = match terminal.exists() {
            true => Some(terminal),
            false => report::virtio_port(&name),
        };
        let Some(device) = device else {
            return;
        };
        self.shell_pending = None;
        match shell_unit(&device, &self.facts.host) {
            Ok(unit) => {
                let name = unit.name.clone();
                let mut graph = self.manager.graph().clone();
                graph.insert(unit);
                graph.link();
                self.manager.set_graph(graph);
                self.start_unit(&name);
            }
            Err(error) => self.reporter.warn(&format!("cannot start a shell on {name}: {error}")),
        }
    }

    /// The first target's job ended.
    pub(super) fn boot_job_done(&mut self, id: u64, unit: &UnitName, result: &JobResult) {
        if self.stage != Stage::Booting(id) {
            return;
        }
        match result {
            JobResult::Done | JobResult::Skipped(_) => {
                self.stage = Stage::Up;
                // However few its jobs are: most of what it ran does not run again.
                self.jobs_done = MANY_JOBS;
                self.reached_at = Some(monotonic());
                let event = self.reached(unit);
                self.reporter.event(event);
            }
            JobResult::Failed(reason) => self.emergency(format!("{unit} failed: {reason}"), Some(unit)),
            JobResult::Dependency(on, reason) => {
                self.emergency(format!("{unit} requires {on}, which failed: {reason}"), Some(on));
            }
            // A shutdown during the boot.
            JobResult::Canceled => {
                self.stage = Stage::Up;
                return;
            }
        }
        self.cgroups.enter(Phase::Running);
    }

    fn reached(&self, unit: &UnitName) -> Event {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let total = micros(monotonic());
        let own = micros(self.started);
        let kernel = micros(self.stage_1_began());
        Event::ReachedTarget {
            target: unit.to_string(),
            total_us: total,
            kernel_us: kernel,
            initramfs_us: own - kernel,
            userspace_us: total - own,
        }
    }

    /// The boot has failed. It is told a moment later: the log must first hear the last words of
    /// the unit that is to blame.
    pub(super) fn emergency(&mut self, cause: String, unit: Option<&UnitName>) {
        self.failed = true;
        let wait = if self.options.container { Duration::ZERO } else { LAST_WORDS };
        self.stage = Stage::Up;
        self.failing = Some(Failing { told_at: monotonic() + wait, cause, unit: unit.cloned() });
    }

    /// Says everywhere that the boot has failed, and restarts the machine after a time.
    pub(super) fn tell_emergency(&mut self) {
        let due = |failing: &mut Failing| failing.told_at <= monotonic();
        let Some(Failing { cause, unit, .. }) = self.failing.take_if(due) else {
            return;
        };
        let mut log = self.reporter.tail();
        log.extend(unit.iter().flat_map(last_words));
        let wait = if self.options.container { Duration::ZERO } else { self.options.emergency_timeout };
        if !self.options.container
            && let Err(error) = crate::machine::note_unfit(&cause)
        {
            self.reporter.warn(&format!("{error:#}"));
        }
        self.reporter.event(Event::Emergency {
            stage: BootStage::Userspace,
            cause,
            next_step: format!(
                "correct the unit and restart; to look around, boot with the kernel argument {}=ttyS0, or with \
                 {}=NAME to start another target",
                layout::args::SHELL,
                layout::args::TARGET
            ),
            reboot_in_s: wait.as_secs(),
            log,
        });
        self.stage = Stage::Emergency(monotonic() + wait);
    }
}

impl Supervisor {
    /// When stage 1 began, by its own word; when PID 1 did, where there was none.
    pub(super) fn stage_1_began(&self) -> Duration {
        let told = std::env::var(layout::args::INITRAMFS_START_ENV).ok();
        let told = told.and_then(|time| time.parse().ok()).map(Duration::from_micros);
        told.unwrap_or(self.started).min(self.started)
    }
}

/// What is started where `default.target`, which nobody has asked for by name, leads nowhere.
fn fallback(graph: &Graph, target: &UnitName) -> Option<UnitName> {
    let is_missing = target.as_str() == DEFAULT_TARGET && graph.get(target).is_none();
    is_missing.then(|| UnitName::parse(FALLBACK).ok()).flatten()
}

/// A boot that has failed, before that is told.
pub(super) struct Failing {
    /// When it is to be told.
    pub told_at: Duration,
    cause: String,
    /// The unit that is to blame, where it is one.
    unit: Option<UnitName>,
}

/// The last lines of a unit in the log. There are none where the log cannot be read, and no more than are found in
/// a moment: nothing else goes on meanwhile.
fn last_words(unit: &UnitName) -> Vec<String> {
    let filter = journal::Filter::unit(unit.as_str());
    let entries = journal::Reader::of_machine(Path::new("/")).last_within(&filter, LAST_LINES, LAST_PATIENCE);
    entries.iter().map(|entry| format!("{unit}: {}", entry.message())).collect()
}

/// A second way into a pipe, with flags of its own: what is set on it does not change the end
/// that services share.
fn reopen(pipe: BorrowedFd<'_>) -> std::io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    Ok(File::options().write(true).open(path)?.into())
}

/// The unit of a root shell on a device.
fn shell_unit(device: &Path, host: &Host) -> Result<Unit> {
    let name = UnitName::parse(SHELL_UNIT)?;
    let text = format!(
        "[Unit]\nDescription=Root shell on {device}\nDefaultDependencies=no\nStartLimitIntervalSec=0\n\
         IgnoreOnIsolate=yes\n[Service]\nExecStart={shell}\nRestart=always\nRestartSec=200ms\nKillSignal=SIGHUP\n\
         WorkingDirectory=-/root\nStandardInput=tty\nStandardOutput=tty\nStandardError=tty\nTTYPath={device}\n",
        device = device.display(),
        shell = layout::path::SHELL,
    );
    let path = Arc::from(format!("kernel argument {}", layout::args::SHELL));
    let files = UnitFiles { sources: vec![Source { path, text }], ..UnitFiles::default() };
    Ok(load::load(&name, &files, host)?)
}
