//! The loop of PID 1: waits, hands what happened to the manager, and does what it says.

mod act;
mod boot;
mod countdown;
mod devices;
mod kinds;
mod reload;
mod requests;
mod stop;
mod timers;
mod turns;
mod waiting;

pub use stop::Remains;

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anyhow::{Context, Result};
use event::ShutdownKind;
use litemap::LiteMap;
use spawn::{DynamicUsers, InCommon};
use sys::machine::monotonic;
use sys::signal::{Ended, Signals};
use unit::UnitName;
use unit::manager::{Input, Manager};
use unit::service::complaints::Complaints;
use unit::service::exit::Exit;
use unit::service::machine::Event;
use unit::service::notify::{self, Named};
use unit::text::signal::Signal;

use crate::options::Options;
use init_io::cgroups::{self, Cgroups};
use init_io::clock::WallClock;
use init_io::conditions::Facts;
use init_io::control::ControlSocket;
use init_io::devices::Devices;
use init_io::notify::{Message, NotifySocket};
use init_io::output::Outputs;
use init_io::paths::Paths;
use init_io::poller::{Polled, Poller, Readiness, Source};
use init_io::power::PowerButtons;
use init_io::report::Reporter;
use init_io::sockets::Sockets;
use init_io::tables::Tables;
use init_io::watchdog::Watchdog;
use unit_files::Catalog;
use waiting::Waiting;

/// How long the event port, or a port that a shell was asked for on, is looked for.
const PORT_PATIENCE: Duration = Duration::from_secs(20);
/// How often.
const PORT_INTERVAL: Duration = Duration::from_millis(50);

/// How many notifications are taken in at once, before something else is looked at. Everybody may send them, and what is
/// sent without end must not hold PID 1 up. More than the socket's queue holds (`net.unix.max_dgram_qlen`, 512 at most in
/// the image): so all that was sent before a turn is taken in before children are reaped at its end, for with a process
/// goes what tells whose it is.
///
/// In that queue the kernel has senders wait for room, whoever they are: while somebody floods it services' messages come
/// late, and nothing that PID 1 could do with its one socket would have them come earlier.
const NOTIFY_BATCH: usize = 1024;
/// How many children are reaped at once: processes that nobody waits for may come without end too.
const REAP_BATCH: usize = 1024;

/// After how many jobs memory is given back, once there are no more.
const MANY_JOBS: u32 = 32;
/// How long after the last of them: what comes right behind it, such as the answer to who waits for it, needs the same
/// code.
const CALM: Duration = Duration::from_secs(1);

/// What the machine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The first target is not reached yet; its job's number.
    Booting(u64),
    /// It is.
    Up,
    /// It cannot be reached; the machine restarts then.
    Emergency(Duration),
    /// Services are being stopped.
    Stopping,
}

/// The end of a supervisor's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// What was asked for.
    pub kind: ShutdownKind,
    /// When it was asked for.
    pub since: Duration,
    /// Whether the first target could not be reached.
    pub failed: bool,
}

/// PID 1.
pub struct Supervisor {
    options: Options,
    facts: Facts,
    manager: Manager,
    catalog: Catalog,
    poller: Poller,
    signals: Signals,
    cgroups: Cgroups,
    outputs: Outputs,
    sockets: Sockets,
    paths: Paths,
    wall_clock: WallClock,
    devices: Devices,
    /// Open for as long as word of their changes is to come.
    _tables: Tables,
    reporter: Reporter,
    notify: NotifySocket,
    control: ControlSocket,
    watchdog: Option<Watchdog>,
    buttons: PowerButtons,
    /// Processes that were started, and whose they are.
    owners: LiteMap<i32, UnitName>,
    /// What the processes of services share.
    in_common: InCommon,
    dynamic: DynamicUsers,
    /// Pipes that tell whether a process could execute its program.
    reports: LiteMap<u32, (Polled<OwnedFd>, UnitName, i32)>,
    last_report: u32,
    /// Whether children may have ended that are not reaped yet: no signal tells of them again.
    unreaped: bool,
    /// What was said of notifications that are of no unit.
    strangers: Complaints,
    /// Clients that wait for jobs.
    waiting: Waiting,
    /// Units whose end clients wait for.
    awaited: Vec<(UnitName, u32)>,
    /// Units that are to be taken away, once they have no job.
    ended: BTreeSet<UnitName>,
    /// Units in use that could not be read again: they go once they are down.
    stale: BTreeSet<UnitName>,
    /// A shell that waits for its port.
    shell_pending: Option<String>,
    stage: Stage,
    /// A boot that has failed, before that is told.
    failing: Option<boot::Failing>,
    failed: bool,
    shutdown: Option<(ShutdownKind, Duration)>,
    /// When it is said next what is waited for.
    waits_due: Option<Duration>,
    /// All but the log has stopped.
    log_stops: bool,
    started: Duration,
    /// When the first target was reached.
    reached_at: Option<Duration>,
    /// Jobs that have ended since memory was given back.
    jobs_done: u32,
    /// When it is given back next.
    give_back_at: Option<Duration>,
}

/// What a supervisor is made of, that depends on where it runs.
pub struct Parts {
    /// Options.
    pub options: Options,
    /// What conditions ask about.
    pub facts: Facts,
    /// Control groups.
    pub cgroups: Cgroups,
    /// Where to say things.
    pub reporter: Reporter,
    /// Signals.
    pub signals: Signals,
    /// When PID 1 began.
    pub started: Duration,
}

impl Supervisor {
    /// Makes the sockets and the rest of what the loop waits for.
    ///
    /// # Errors
    /// The kernel, or the runtime folder, does not give what there is no working without.
    pub fn new(parts: Parts) -> Result<Supervisor> {
        let Parts { mut options, facts, cgroups, mut reporter, signals, started } = parts;
        let poller = Poller::new()?;
        let transient = options.transient();
        std::fs::create_dir_all(&transient)
            .with_context(|| format!("cannot make {}", transient.display()))?;
        options.unit_path.insert(0, transient);
        let runtime = &options.runtime;
        let notify = NotifySocket::open(runtime)?;
        let control = ControlSocket::open(runtime)?;
        poller.add(&signals, Source::Signals, Readiness::Read)?;
        poller.add(&notify, Source::Notify, Readiness::Read)?;
        poller.add(&control, Source::Control, Readiness::Read)?;
        poller.add(cgroups.watcher(), Source::Groups, Readiness::Read)?;
        if !options.container {
            reporter.open_consoles(&poller);
            reporter.open_port(&poller);
        }
        let tables = Tables::open(&poller)?;
        let wall_clock = WallClock::open(&poller, options.localtime(), options.stamps())?;
        let devices = Devices::open(&poller, options.devices())?;
        Ok(Supervisor {
            catalog: Catalog::list(&options.unit_path).with_mounts(init_io::tables::mounted),
            shell_pending: options.shell.clone(),
            watchdog: if options.container { None } else { Watchdog::open() },
            buttons: PowerButtons::default(),
            options,
            facts,
            manager: Manager::default(),
            poller,
            signals,
            cgroups,
            outputs: Outputs::default(),
            sockets: Sockets::default(),
            paths: Paths::default(),
            wall_clock,
            devices,
            _tables: tables,
            reporter,
            notify,
            control,
            owners: LiteMap::new(),
            in_common: InCommon::default(),
            dynamic: DynamicUsers::default(),
            reports: LiteMap::new(),
            last_report: 0,
            unreaped: false,
            strangers: Complaints::default(),
            waiting: Waiting::default(),
            awaited: Vec::new(),
            ended: BTreeSet::new(),
            stale: BTreeSet::new(),
            stage: Stage::Up,
            failing: None,
            failed: false,
            shutdown: None,
            waits_due: None,
            log_stops: false,
            started,
            reached_at: None,
            jobs_done: 0,
            give_back_at: None,
        })
    }

    /// Runs until a shutdown has stopped the services.
    pub fn run(&mut self) -> Finished {
        self.guard(Supervisor::boot);
        loop {
            if let Some(finished) = self.finished() {
                return finished;
            }
            for source in self.poller.wait(self.timeout()) {
                self.guard(|this| this.handle(source));
            }
            if self.unreaped {
                self.guard(Supervisor::reap);
            }
            self.guard(Supervisor::tick);
        }
    }

    /// Does one thing. A fault in it is caught and told: PID 1 goes on.
    fn guard(&mut self, work: impl FnOnce(&mut Supervisor)) {
        if let Err(fault) = catch_unwind(AssertUnwindSafe(|| work(self))) {
            let text = fault.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| fault.downcast_ref::<&str>().copied()).unwrap_or("no message");
            self.reporter.warn(&format!("a fault in PID 1 was caught; please report it: {text}"));
        }
    }

    fn handle(&mut self, source: Source) {
        match source {
            Source::Signals => self.signals(),
            Source::Notify => self.notifications(),
            Source::Control => {
                self.control.accept(&self.poller, monotonic());
                self.forget_clients();
            }
            Source::Client(number) => {
                if let Some(request) = self.control.ready(number, &self.poller, monotonic()) {
                    self.request(number, request);
                }
                self.forget_clients();
            }
            Source::Groups => self.groups_changed(),
            Source::Logd => self.outputs.flush(),
            Source::Writer(number) => self.reporter.writable(number),
            Source::Report(number) => self.program_report(number),
            Source::Socket(number) => self.socket_ready(number),
            Source::Path(number) => self.path_ready(number),
            Source::Mounts => self.look_at_mounts(),
            Source::Swaps => self.look_at_swaps(),
            Source::Clock => self.look_at_clock(),
            Source::Zone => self.look_at_zone(),
            Source::Devices => self.devices_changed(),
            Source::Power(number) => {
                if self.buttons.pressed(number) {
                    self.shut_down(ShutdownKind::Poweroff, "the power button was pressed");
                }
            }
        }
    }

    /// How long nothing is due.
    fn timeout(&self) -> Option<Duration> {
        if self.unreaped {
            return Some(Duration::ZERO);
        }
        let now = monotonic();
        let emergency = match self.stage {
            Stage::Emergency(until) => Some(until),
            _ => self.failing.as_ref().map(|failing| failing.told_at),
        };
        let awaits_port = self.shell_pending.is_some() || self.reporter.awaits_port();
        let port = (awaits_port && now < self.started + PORT_PATIENCE).then(|| now + PORT_INTERVAL);
        let feed = self.watchdog.as_ref().map(Watchdog::due);
        let give_back = self.give_back_at.filter(|_| self.manager.is_idle());
        let (manager, control) = (self.manager.next_deadline(), self.control.next_deadline());
        let groups = self.cgroups.next_deadline();
        [manager, control, groups, emergency, port, feed, self.waits_due, give_back]
            .into_iter()
            .flatten()
            .min()
            .map(|at| at.saturating_sub(now))
    }

    fn tick(&mut self) {
        let now = monotonic();
        let actions = self.manager.tick(now);
        self.perform(actions);
        self.collect();
        self.control.tick(now);
        self.cgroups.tick(now);
        self.manager.forget_instances();
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.feed(now);
        }
        self.tell_waits(now);
        self.give_back(now);
        self.reporter.open_port(&self.poller);
        self.start_shell();
        self.tell_emergency();
        if matches!(self.stage, Stage::Emergency(until) if now >= until) {
            self.shut_down(ShutdownKind::Reboot, "the boot failed");
        }
    }

    /// Gives memory back after many jobs, in the calm after them.
    fn give_back(&mut self, now: Duration) {
        if self.give_back_at.is_some_and(|at| now >= at) && self.manager.is_idle() {
            self.give_back_at = None;
            sys::machine::give_back_memory();
        }
        if self.jobs_done >= MANY_JOBS && self.manager.is_idle() {
            self.jobs_done = 0;
            self.give_back_at = Some(now + CALM);
        }
    }

    fn signals(&mut self) {
        while let Some(number) = self.signals.next() {
            let container = self.options.container;
            match Signal(number).name().as_str() {
                "CHLD" => self.unreaped = true,
                "INT" if !container => self.shut_down(ShutdownKind::Reboot, "Ctrl-Alt-Del was pressed"),
                // What busybox's commands of these names send.
                "TERM" if !container => self.shut_down(ShutdownKind::Reboot, "a signal asked for it"),
                "USR1" if !container => self.shut_down(ShutdownKind::Halt, "a signal asked for it"),
                "USR2" if !container => self.shut_down(ShutdownKind::Poweroff, "a signal asked for it"),
                "INT" | "TERM" => self.shut_down(ShutdownKind::Poweroff, "a signal asked for it"),
                "PWR" => self.shut_down(ShutdownKind::Poweroff, "the power fails"),
                // What systemd's PID 1 takes: SIGRTMIN+3 halt, +4 power off, +5 reboot.
                "37" => self.shut_down(ShutdownKind::Halt, "a signal asked for it"),
                "38" => self.shut_down(ShutdownKind::Poweroff, "a signal asked for it"),
                "39" => self.shut_down(ShutdownKind::Reboot, "a signal asked for it"),
                _ => {}
            }
        }
    }

    /// Takes in processes that have ended: services', and those that lost their parents. The rest of a crowd waits for
    /// the next turn.
    fn reap(&mut self) {
        let mut of_no_unit = false;
        for _ in 0..REAP_BATCH {
            let Some((pid, ended)) = sys::signal::reap() else {
                self.unreaped = false;
                break;
            };
            let exit = match ended {
                Ended::Exited(code) => Exit::Code(code),
                Ended::Killed(signal) => Exit::Signal(Signal(signal)),
                Ended::Dumped(signal) => Exit::Dump(Signal(signal)),
            };
            let owner = self.owners.remove(&pid).or_else(|| self.owner_of_main(pid));
            if let Some(unit) = owner {
                // What it said of its program comes before its end.
                self.reports_of(pid);
                if self.cgroups.ran_out_of_memory(&unit) {
                    self.tell(unit.clone(), Event::OutOfMemory);
                }
                self.look_for(&unit);
                let emptied = !self.cgroups.is_populated(&unit);
                self.tell(unit.clone(), Event::Exited { pid, exit, emptied });
                if emptied {
                    self.look_for_main(unit);
                }
            } else {
                of_no_unit = true;
            }
        }
        // It may have been the last of a session: nobody tells of those.
        if of_no_unit && self.cgroups.has_sessions() {
            self.groups_changed();
        }
    }

    /// The unit whose main process this is by its own word (`MAINPID=`).
    fn owner_of_main(&self, pid: i32) -> Option<UnitName> {
        let units = self.manager.graph().units();
        let mut names = units.map(|unit| &unit.name);
        names
            .find(|name| self.manager.service_state(name).is_some_and(|state| state.main == Some(pid)))
            .cloned()
    }

    /// Looks whether the main process of a unit without processes is one whose end nobody tells: no child of PID 1.
    fn look_for_main(&mut self, unit: UnitName) {
        let Some(pid) = self.manager.service_state(&unit).and_then(|state| state.main) else {
            return;
        };
        // One that has ended and is there still is about to be reaped.
        if !std::fs::exists(format!("/proc/{pid}")).unwrap_or(true) {
            self.tell(unit, Event::MainLost);
        }
    }

    fn groups_changed(&mut self) {
        for unit in self.cgroups.changed() {
            self.cgroups.settle(&unit);
            if self.cgroups.ran_out_of_memory(&unit) {
                self.tell(unit.clone(), Event::OutOfMemory);
            }
            if !self.cgroups.is_populated(&unit) {
                self.tell(unit.clone(), Event::Emptied);
                self.look_for_main(unit);
            }
        }
    }

    fn notifications(&mut self) {
        for _ in 0..NOTIFY_BATCH {
            let Some(Message { pid, uid, mut notification }) = self.notify.next() else {
                return;
            };
            let unit = self.owners.get(&pid).cloned().or_else(|| self.cgroups.unit_of(pid));
            match unit {
                Some(unit) => {
                    let named = notification.main_pid.map(|main| self.named(&unit, main));
                    notification.main_refused = named.and_then(|named| notify::refusal(named, uid));
                    self.tell(unit, Event::Notified(pid, notification));
                }
                None => {
                    let line = format!("a notification from process {pid}, which is of no unit");
                    let line = self.strangers.say(&line, monotonic());
                    line.iter().for_each(|line| self.reporter.info(line));
                }
            }
        }
    }

    /// What a process is that a unit's names as the main one.
    fn named(&self, unit: &UnitName, pid: i32) -> Named {
        if !cgroups::is_alive(pid) {
            Named::Gone
        } else if self.cgroups.unit_of(pid).as_ref() == Some(unit) {
            Named::Own
        } else {
            Named::Foreign
        }
    }

    /// Hands an event to the manager, and does what follows.
    fn tell(&mut self, unit: UnitName, event: Event) {
        let actions = self.manager.next(Input::Service(unit, event), monotonic());
        self.perform(actions);
    }
}
