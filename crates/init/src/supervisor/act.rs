//! Doing what the manager says.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use event::{Event as Milestone, ShutdownKind};
use sys::child::Failure;
use sys::machine::monotonic;
use unit::cgroup::startup_cpu_weight;
use unit::manager::{Action, Input, JobResult};
use unit::model::{Relation, SystemAction};
use unit::service::config::{ExecList, ServiceType};
use unit::service::exit::Exit;
use unit::service::machine::{self, Event, Role, Whom};
use unit::service::state::Active;
use unit::text::signal::Signal;
use unit::{Kind, UnitName, manager};

use super::boot::SHELL_UNIT;
use super::turns::Turns;
use super::{Stage, Supervisor};
use init_io::poller::{Readiness, Source};
use init_io::{conditions, files, output, tables};

/// The name under which an instance gets its connection (systemd.socket(5), `FileDescriptorName=`).
const CONNECTION_NAME: &str = "connection";

/// The longest `PIDFile=`, in bytes: a number, with room for blanks.
const PID_FILE_MAX: u64 = 64;

impl Supervisor {
    /// Does actions, and those that follow from how they went.
    pub(super) fn perform(&mut self, actions: Vec<Action>) {
        let mut queue = VecDeque::from(actions);
        let mut starts = Turns::new();
        while let Some(action) = self.next_action(&mut queue, &mut starts) {
            if let Some(input) = self.act(action) {
                queue.extend(self.manager.next(input, monotonic()));
            }
        }
    }

    /// The action that is next. While the system starts, what starts processes waits for all else, and for its turn.
    fn next_action(&self, queue: &mut VecDeque<Action>, starts: &mut Turns<Action>) -> Option<Action> {
        while let Some(action) = queue.pop_front() {
            let Action::Service(unit, what) = &action else {
                return Some(action);
            };
            // What else there is to do for a unit comes after its start.
            if let Some(start) = starts.of(unit) {
                queue.push_front(action);
                return Some(start);
            }
            let loaded = self.manager.graph().get(unit).and_then(|unit| unit.processes());
            match (self.stage, what, loaded) {
                (Stage::Booting(_), machine::Action::Spawn(..), Some(service)) => {
                    let weight = startup_cpu_weight(service.cgroup.weights);
                    starts.wait(unit.clone(), weight, action);
                }
                _ => return Some(action),
            }
        }
        starts.next()
    }

    fn act(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Check(unit) => {
                let verdict = match self.manager.graph().get(&unit) {
                    Some(loaded) => conditions::judge(loaded, &self.facts),
                    None => manager::Verdict::Met,
                };
                Some(Input::Checked(unit, verdict))
            }
            Action::Service(unit, action) => self.act_for(unit, action),
            Action::Socket(unit, action) => self.act_for_socket(unit, action),
            Action::Path(unit, action) => self.act_for_path(unit, action),
            Action::Timer(unit, action) => self.act_for_timer(unit, action),
            Action::Slice(unit, up) => {
                self.act_for_slice(&unit, up);
                None
            }
            Action::Probe(unit) => {
                let is_there = Path::new(&unit::device::place_of(&unit)).exists();
                Some(Input::Probed(unit, is_there))
            }
            Action::Want(unit) => {
                self.start_wanted(&unit);
                None
            }
            Action::Changed(unit, active) => {
                self.changed(&unit, active);
                None
            }
            Action::Failed(unit, reason) => {
                self.reporter.warn(&format!("{unit} failed: {reason}"));
                self.reporter.event(Milestone::UnitFailed { unit: unit.to_string(), reason });
                None
            }
            Action::JobDone { id, unit, result } => {
                self.job_done(id, &unit, result);
                None
            }
            Action::System(unit, action, why) => {
                self.end_because(&unit, action, why);
                None
            }
            Action::Log(unit, text) => {
                self.reporter.info(&format!("{unit}: {text}"));
                None
            }
        }
    }

    /// Ends the system because of what became of a unit.
    fn end_because(&mut self, unit: &UnitName, action: SystemAction, why: &str) {
        let (kind, force) = match action {
            SystemAction::None => return,
            SystemAction::Reboot => (ShutdownKind::Reboot, false),
            SystemAction::RebootForce => (ShutdownKind::Reboot, true),
            SystemAction::Poweroff => (ShutdownKind::Poweroff, false),
            SystemAction::PoweroffForce => (ShutdownKind::Poweroff, true),
            SystemAction::Halt => (ShutdownKind::Halt, false),
            SystemAction::HaltForce => (ShutdownKind::Halt, true),
        };
        self.reporter.warn(&format!("{unit}: {why}"));
        match force {
            true => self.end_at_once(kind),
            false => self.shut_down(kind, &format!("{unit}: {why}")),
        }
    }

    fn act_for(&mut self, unit: UnitName, action: machine::Action) -> Option<Input> {
        match action {
            machine::Action::Spawn(_, ExecList::Start, _) if self.lacks_device(&unit) => {
                return Some(Input::Absent(unit));
            }
            // What else was done meanwhile may have called it off.
            machine::Action::Spawn(role, list, index) if !self.manager.awaits(&unit, role, list, index) => {}
            machine::Action::Spawn(role, list, index) => {
                let event = match self.spawn(&unit, role, list, index) {
                    Ok(pid) => Event::Spawned(role, pid),
                    Err(error) => {
                        let reason = format!("{error:#}");
                        self.reporter.warn(&format!("{unit}: {}: {reason}", list.directive()));
                        Event::SpawnFailed(role, reason)
                    }
                };
                return Some(Input::Service(unit, event));
            }
            machine::Action::Signal(whom, signal) => self.signal(&unit, whom, signal),
            machine::Action::FindMain => {
                let found = self.find_main(&unit);
                return Some(Input::Service(unit, Event::Main(found)));
            }
            machine::Action::Release => {
                self.cgroups.release(&unit);
                self.outputs.release(&unit);
                self.in_common.release(&unit);
                self.sockets.hand_over(&unit);
                if let Some(service) = self.manager.graph().get(&unit).and_then(|unit| unit.processes()) {
                    spawn::clean_up(&unit, &service.exec, &mut self.dynamic);
                }
            }
            // The manager keeps these to itself.
            machine::Action::Restart | machine::Action::Log(_) => {}
        }
        None
    }

    fn spawn(&mut self, name: &UnitName, role: Role, list: ExecList, index: usize) -> Result<i32> {
        let unit = self.manager.graph().get(name).cloned().context("the unit is not loaded any more")?;
        let service = unit.processes().context("it runs no processes")?;
        let command = service.commands.list(list).get(index).context("the command is gone")?;
        if let Kind::Mount(mount) = &unit.kind
            && list == ExecList::Start
        {
            tables::prepare(mount)?;
        }
        self.cgroups.end_round(name);
        if !self.cgroups.has(name) {
            for complaint in self.cgroups.make(name, service, self.manager.graph())? {
                self.reporter.info(&format!("{name}: {complaint}"));
            }
        }
        let is_logd = name.as_str() == output::LOGD && role == Role::Main;
        let log_control: Option<OwnedFd> = match is_logd {
            true => Some(self.outputs.connect()?),
            false => None,
        };
        if let Some(logd) = self.outputs.logd().filter(|_| is_logd) {
            self.poller.add(logd, Source::Logd, Readiness::WriteEdge)?;
        }
        let state = self.manager.service_state(name);
        let main = state.and_then(|state| state.main);
        let result = state.filter(|_| matches!(list, ExecList::Stop | ExecList::StopPost)).map(|state| {
            let (code, status) = exit_words(state.main_exit);
            (state.outcome.word(), code, status)
        });
        let joins = self.joined(name);
        let common = self.in_common.of(name, service, &joins)?;
        let log = spawn::log_settings(service);
        let mut passed: Vec<_> = log_control.iter().map(|fd| (fd.as_fd(), output::CONTROL_NAME)).collect();
        let mut socket = None;
        let (connection, peer) = self.sockets.connection(name).unzip();
        if role == Role::Main {
            let own = connection.iter().map(|fd| (*fd, CONNECTION_NAME));
            passed.extend(own.chain(self.sockets.of_service(name, self.manager.graph())));
            if spawn::uses_socket(&service.exec) {
                ensure!(
                    passed.len() <= 1,
                    "it has {} sockets, and its standard streams take one",
                    passed.len()
                );
                socket = passed.pop().map(|(fd, _)| fd);
            }
        }
        let given = spawn::Given {
            unit: name,
            cgroup: self.cgroups.folder(name),
            output: self.outputs.writer(name, &log)?,
            passed,
            socket,
            peer: peer.flatten(),
            notify: self.notify.path(),
            runtime: &self.options.runtime,
            common,
            main,
            is_control: role == Role::Control,
            // A command before the service may see to what they are made of; from its start on they stay.
            renews_credentials: list == ExecList::StartPre || (list, index) == (ExecList::Start, 0),
            result,
        };
        let started = spawn::start(service, command, &given, &mut self.dynamic)?;
        if role == Role::Main && service.kind != ServiceType::Oneshot {
            self.sockets.hand_over(name);
        }
        self.cgroups.began(name, started.pid);
        self.owners.insert(started.pid, name.clone());
        self.last_report = self.last_report.wrapping_add(1);
        let report = self.poller.hold(started.report, Source::Report(self.last_report), Readiness::Read)?;
        self.reports.insert(self.last_report, (report, name.clone(), started.pid));
        Ok(started.pid)
    }

    /// The services whose namespaces one is to share, as far as they lead from one to the next.
    fn joined(&self, name: &UnitName) -> Vec<spawn::Joined> {
        let graph = self.manager.graph();
        let mut names = vec![name];
        let mut at = 0;
        while let Some(unit) = names.get(at) {
            let more: Vec<&UnitName> = graph.related(unit, Relation::JoinsNamespaceOf).collect();
            names.extend(more.into_iter().filter(|other| !names.contains(other)).collect::<Vec<_>>());
            at += 1;
        }
        let joined = |unit: &&UnitName| {
            let sandbox = &graph.get(unit)?.processes()?.exec.sandbox;
            let process = self.cgroups.members(unit).first().copied();
            Some(spawn::Joined {
                unit: (*unit).clone(),
                in_network: process.filter(|_| sandbox.private_network),
                in_ipc: process.filter(|_| sandbox.private_ipc),
            })
        };
        names.iter().skip(1).filter_map(joined).collect()
    }

    fn signal(&mut self, unit: &UnitName, whom: Whom, signal: Signal) {
        let state = self.manager.service_state(unit);
        // A stopped process must go on to notice that it is to end.
        let signals: &[i32] = match signal {
            Signal::KILL | Signal::CONT => &[signal.0],
            _ => &[signal.0, Signal::CONT.0],
        };
        let pid = match whom {
            Whom::Main => state.and_then(|state| state.main),
            Whom::Control => self.manager.control_pid(unit),
            Whom::Group => return self.cgroups.signal(unit, signals, monotonic()),
        };
        if let Some(pid) = pid {
            // One that has ended is noticed when it is reaped.
            signals.iter().for_each(|signal| _ = sys::signal::send(pid, *signal));
        }
    }

    /// Finds the main process that a forking service left: the one in its `PIDFile=`, which need not be there yet, or the
    /// only one.
    fn find_main(&mut self, name: &UnitName) -> Result<Option<i32>, String> {
        let unit = self.manager.graph().get(name).ok_or("the unit is not loaded any more")?;
        let unit = unit.clone();
        let service = unit.service().ok_or("it is not a service")?;
        let Some(path) = &service.pid_file else {
            self.cgroups.adopt(name, None);
            return match self.cgroups.members(name)[..] {
                [only] if service.guess_main_pid => Ok(Some(only)),
                _ => Err("its main process is not known: it has no PIDFile=".to_owned()),
            };
        };
        let bytes = match files::read_small(Path::new(path), PID_FILE_MAX) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| format!("PIDFile={path}: {error}"))?,
        };
        // It is being written.
        if bytes.is_empty() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&bytes);
        let pid = text.trim().parse::<i32>().ok().filter(|pid| *pid > 1);
        // What is there instead is not told: it may be a link to what only root may read.
        let pid = pid.ok_or_else(|| format!("PIDFile={path}: there is no number of a process in it"))?;
        self.cgroups.adopt(name, Some(pid));
        // A file that others can write must not hand PID 1 a process that is none of the service's.
        match self.cgroups.members(name).contains(&pid) {
            true => Ok(Some(pid)),
            false => Err(format!("PIDFile={path}: process {pid} is not of the service")),
        }
    }

    /// A child told of its program.
    pub(super) fn program_report(&mut self, number: u32) {
        let Some((pipe, unit, pid)) = self.reports.remove(&number) else {
            return;
        };
        let mut buffer = [0; 16];
        let read = rustix::io::read(&pipe, &mut buffer).unwrap_or(0);
        match Failure::decode(&buffer[..read]) {
            Some(failure) => {
                let error = std::io::Error::from_raw_os_error(failure.errno);
                self.reporter.warn(&format!("{unit}: process {pid} cannot {}: {error}", failure.step()));
            }
            None if self.manager.service_state(&unit).is_some_and(|state| state.main == Some(pid)) => {
                self.tell(unit, Event::Executed);
            }
            None => {}
        }
    }

    /// Takes in what a process that has ended told of its program.
    pub(super) fn reports_of(&mut self, pid: i32) {
        let number = self.reports.iter().find(|(_, (_, _, of))| *of == pid).map(|(number, _)| *number);
        if let Some(number) = number {
            self.program_report(number);
        }
    }

    fn changed(&mut self, unit: &UnitName, active: Active) {
        if active.is_down() {
            self.answer_awaiting(unit);
            self.note_end(unit, active);
        }
        // A shell on a port that nobody is connected to comes and goes all the time.
        if unit.as_str() == SHELL_UNIT {
            return;
        }
        let Some(loaded) = self.manager.graph().get(unit) else {
            return;
        };
        let text = match (&loaded.kind, active) {
            (Kind::Target, Active::Active) => format!("reached {unit} ({})", loaded.description),
            (Kind::Slice(_) | Kind::Device(_), _) => return,
            (Kind::Mount(mount), Active::Active) => format!("mounted {} ({unit})", mount.place),
            (Kind::Mount(mount), Active::Inactive) => format!("unmounted {} ({unit})", mount.place),
            (Kind::Socket(socket), Active::Active) => {
                let addresses: Vec<String> =
                    socket.listen.iter().map(|one| one.address.to_string()).collect();
                format!("listening on {} ({unit})", addresses.join(", "))
            }
            (_, Active::Active) => format!("started {unit} ({})", loaded.description),
            (Kind::Target, Active::Inactive) => return,
            (_, Active::Inactive) => format!("stopped {unit}"),
            _ => return,
        };
        self.reporter.info(&text);
    }

    fn job_done(&mut self, id: u64, unit: &UnitName, result: JobResult) {
        match &result {
            JobResult::Skipped(condition) => {
                self.reporter.info(&format!("{unit} not started: {condition} does not hold"));
            }
            JobResult::Dependency(on, reason) => {
                self.reporter.warn(&format!("{unit} not started: it requires {on}, which failed: {reason}"));
            }
            _ => {}
        }
        let active = self.manager.active(unit);
        if active.is_down() {
            self.note_end(unit, active);
        }
        // The connection of an instance that was not started.
        if active.is_down() && !self.manager.has_job(unit) {
            self.sockets.hand_over(unit);
        }
        self.jobs_done += 1;
        self.boot_job_done(id, unit, &result);
        self.answer_waiting(id, unit, &result);
    }
}

/// `EXIT_CODE` and `EXIT_STATUS` (systemd.exec(5)).
fn exit_words(exit: Option<Exit>) -> (String, String) {
    let (code, status) = match exit {
        None => ("", String::new()),
        Some(Exit::Code(code)) => ("exited", code.to_string()),
        Some(Exit::Signal(signal)) => ("killed", signal.name()),
        Some(Exit::Dump(signal)) => ("dumped", signal.name()),
    };
    (code.to_owned(), status)
}
