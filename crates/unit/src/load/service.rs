//! `[Service]`: the settings of systemd.service(5) and systemd.kill(5); those of systemd.exec(5)
//! and systemd.resource-control(5) are in the submodules.

mod cgroup;
mod credentials;
mod exec;
mod log;
mod sandbox;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::load::command;
use crate::load::setter::{Outcome, Setter, text};
use crate::model::{Kind, Origin, Relation, Unit};
use crate::name::{UnitName, UnitType};
use crate::service::config::{
    CgroupLimits, Commands, ExecContext, ExecList, FailureMode, Kill, KillMode, NotifyAccess, OomPolicy,
    Restart, RestartMode, Service, ServiceType,
};
use crate::service::exit::ExitSet;
use crate::service::sandbox::Keyring;
use crate::text::signal::Signal;
use crate::text::value::{self, Bound};

pub(super) use credentials::imply_dynamic_user;

/// Applies one directive to the limits of a control group.
pub(super) fn limit(limits: &mut CgroupLimits, setter: &Setter, key: &str) -> Outcome {
    match cgroup::limit(limits, setter, key)? {
        true => Ok(()),
        false => Err(format!("{key}= has no code behind it")),
    }
}

/// The timeout of a start and of a stop that set none.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Which directives were set: some defaults depend on others.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeSet<&'static str>);

impl Seen {
    /// Notes that a directive was set.
    pub(super) fn note(&mut self, key: &'static str) {
        self.0.insert(key);
    }

    /// Whether it was.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.0.contains(key)
    }
}

/// A service before its files are read.
pub(super) fn unset(name: &UnitName) -> Service {
    let mut exec = ExecContext::default();
    if name.kind() != UnitType::Service {
        // What mounts for others leaves them the keys for it.
        exec.sandbox.keyring = Keyring::Inherit;
    }
    Service {
        kind: ServiceType::default(),
        remain_after_exit: false,
        pid_file: None,
        guess_main_pid: true,
        ends_with_group: false,
        reload_signal: Signal::HUP,
        oom_policy: OomPolicy::default(),
        commands: Commands::default(),
        restart: Restart::default(),
        restart_sec: Duration::from_millis(100),
        restart_steps: 0,
        restart_max_delay: Bound::Infinite,
        restart_mode: RestartMode::Normal,
        timeout_start: Bound::Finite(TIMEOUT),
        timeout_stop: Bound::Finite(TIMEOUT),
        timeout_stop_stated: false,
        timeout_abort: None,
        timeout_start_mode: FailureMode::default(),
        timeout_stop_mode: FailureMode::default(),
        runtime_max: Bound::Infinite,
        watchdog: Bound::Infinite,
        notify_access: NotifyAccess::None,
        success_status: ExitSet::default(),
        restart_prevent: ExitSet::default(),
        restart_force: ExitSet::default(),
        kill: Kill::default(),
        exec,
        slice: crate::cgroup::default_slice(name),
        delegate: false,
        cgroup: CgroupLimits::default(),
    }
}

/// Applies one directive.
pub(super) fn assign(unit: &mut Unit, seen: &mut Seen, setter: &Setter, key: &str) -> Outcome {
    // Older files have these here.
    if key.starts_with("StartLimit") {
        return super::common::assign(unit, setter, key);
    }
    if key == "Sockets" {
        return sockets(unit, setter);
    }
    match &mut unit.kind {
        Kind::Service(service) => settings(service, seen, setter, key),
        _ => Ok(()),
    }
}

/// `Sockets=`: sockets beside that of the service's own name.
fn sockets(unit: &mut Unit, setter: &Setter) -> Outcome {
    let relations = [Relation::Wants, Relation::After, Relation::TriggeredBy];
    if setter.value.is_empty() {
        unit.relations.retain(|(relation, other), _| {
            !(relations.contains(relation) && other.kind() == UnitType::Socket)
        });
        return Ok(());
    }
    for socket in setter.names()? {
        if socket.kind() != UnitType::Socket {
            return Err(format!("{socket} is not the name of a socket"));
        }
        for relation in relations {
            unit.relate(relation, socket.clone(), Origin::Stated);
        }
    }
    Ok(())
}

/// Applies one directive to the settings of processes, of a service or of another unit's helpers.
pub(super) fn settings(service: &mut Service, seen: &mut Seen, setter: &Setter, key: &str) -> Outcome {
    if let Some(list) = ExecList::ALL.iter().find(|list| list.directive() == key) {
        let commands = service.commands.list_mut(*list);
        if setter.value.is_empty() {
            commands.clear();
        } else {
            commands.extend(command::parse(setter)?);
        }
        return Ok(());
    }
    if cgroup::assign(service, setter, key)?
        || exec::assign(&mut service.exec, setter, key)?
        || log::assign(&mut service.exec.log, setter, key)?
        || sandbox::assign(&mut service.exec.sandbox, setter, key)?
    {
        return Ok(());
    }
    own(service, seen, setter, key)
}

fn own(service: &mut Service, seen: &mut Seen, setter: &Setter, key: &str) -> Outcome {
    let flag = || value::boolean(setter.value).map_err(text);
    let span = || value::time_span(setter.value).map_err(text);
    // A timeout of zero is none.
    let timeout = || {
        span().map(|span| match span {
            Bound::Finite(Duration::ZERO) => Bound::Infinite,
            other => other,
        })
    };
    let signal = || Signal::parse(setter.value).ok_or_else(|| "expected the name of a signal".to_owned());
    let exits = |set: &mut ExitSet| {
        if setter.value.is_empty() {
            *set = ExitSet::default();
        }
        setter.words()?.iter().try_for_each(|word| {
            set.add(word).map_err(|word| format!("{word:?} is neither an exit code nor a signal"))
        })
    };
    match key {
        "Type" => service.kind = kind(setter)?,
        "RemainAfterExit" => service.remain_after_exit = flag()?,
        "Restart" => {
            service.restart = setter.choice(&[
                ("no", Restart::No),
                ("always", Restart::Always),
                ("on-success", Restart::OnSuccess),
                ("on-failure", Restart::OnFailure),
                ("on-abnormal", Restart::OnAbnormal),
                ("on-abort", Restart::OnAbort),
                ("on-watchdog", Restart::OnWatchdog),
            ])?;
        }
        "RestartSec" => {
            let never = || "the service would never restart; say Restart=no".to_owned();
            service.restart_sec = span()?.finite().ok_or_else(never)?;
        }
        "TimeoutStartSec" => {
            service.timeout_start = timeout()?;
            seen.0.insert("TimeoutStartSec");
        }
        "TimeoutStopSec" => {
            service.timeout_stop = timeout()?;
            service.timeout_stop_stated = true;
        }
        "TimeoutSec" => {
            service.timeout_start = timeout()?;
            service.timeout_stop = service.timeout_start;
            service.timeout_stop_stated = true;
            seen.0.insert("TimeoutStartSec");
        }
        "RuntimeMaxSec" => service.runtime_max = timeout()?,
        "WatchdogSec" => service.watchdog = timeout()?,
        "WatchdogSignal" => service.kill.watchdog_signal = signal()?,
        "TimeoutAbortSec" => service.timeout_abort = Some(timeout()?),
        "TimeoutStartFailureMode" => service.timeout_start_mode = setter.choice(&FAILURE_MODES)?,
        "TimeoutStopFailureMode" => service.timeout_stop_mode = setter.choice(&FAILURE_MODES)?,
        "PIDFile" => {
            // A relative path is one below /run.
            let value = setter.expanded()?;
            service.pid_file = match value.as_str() {
                "" => None,
                path if path.starts_with('/') => Some(path.to_owned()),
                path => Some(format!("/run/{path}")),
            };
        }
        "GuessMainPID" => service.guess_main_pid = flag()?,
        "ExitType" => service.ends_with_group = setter.choice(&[("main", false), ("cgroup", true)])?,
        "ReloadSignal" => service.reload_signal = signal()?,
        "OOMPolicy" => {
            service.oom_policy = setter.choice(&[
                ("continue", OomPolicy::Continue),
                ("stop", OomPolicy::Stop),
                ("kill", OomPolicy::Kill),
            ])?;
            seen.0.insert("OOMPolicy");
        }
        "RestartSteps" => {
            service.restart_steps =
                setter.value.parse().map_err(|_| "expected a number of restarts".to_owned())?;
        }
        "RestartMaxDelaySec" => service.restart_max_delay = span()?,
        "RestartMode" => {
            service.restart_mode =
                setter.choice(&[("normal", RestartMode::Normal), ("direct", RestartMode::Direct)])?;
        }
        "NotifyAccess" => {
            service.notify_access = setter.choice(&[
                ("none", NotifyAccess::None),
                ("main", NotifyAccess::Main),
                ("exec", NotifyAccess::Exec),
                ("all", NotifyAccess::All),
            ])?;
            seen.0.insert("NotifyAccess");
        }
        "SuccessExitStatus" => exits(&mut service.success_status)?,
        "RestartPreventExitStatus" => exits(&mut service.restart_prevent)?,
        "RestartForceExitStatus" => exits(&mut service.restart_force)?,
        "KillMode" => {
            service.kill.mode = setter.choice(&[
                ("control-group", KillMode::ControlGroup),
                ("mixed", KillMode::Mixed),
                ("process", KillMode::Process),
                ("none", KillMode::None),
            ])?;
        }
        "KillSignal" => service.kill.signal = signal()?,
        "RestartKillSignal" => service.kill.restart_signal = Some(signal()?),
        "FinalKillSignal" => service.kill.final_signal = signal()?,
        "SendSIGHUP" => service.kill.send_sighup = flag()?,
        "SendSIGKILL" => service.kill.send_sigkill = flag()?,
        other => return Err(format!("{other}= has no code behind it")),
    }
    Ok(())
}

const FAILURE_MODES: [(&str, FailureMode); 3] =
    [("terminate", FailureMode::Terminate), ("abort", FailureMode::Abort), ("kill", FailureMode::Kill)];

fn kind(setter: &Setter) -> Outcome<ServiceType> {
    match setter.value {
        "simple" => Ok(ServiceType::Simple),
        "exec" => Ok(ServiceType::Exec),
        "notify" => Ok(ServiceType::Notify),
        "notify-reload" => Ok(ServiceType::NotifyReload),
        "forking" => Ok(ServiceType::Forking),
        "oneshot" => Ok(ServiceType::Oneshot),
        // Without an order to start in, it is as good as simple.
        "idle" => Ok(ServiceType::Simple),
        "dbus" => Err("there is no D-Bus on this system to take a name on; say Type=exec".to_owned()),
        _ => Err("expected one of simple, exec, forking, oneshot, notify, notify-reload, idle".to_owned()),
    }
}

/// Sets the defaults that depend on other settings, and checks that the service can run.
pub(super) fn finish(service: &mut Service, seen: &Seen) -> Result<(), String> {
    let starts = service.commands.list(ExecList::Start).len();
    let oneshot = service.kind == ServiceType::Oneshot;
    if starts == 0 && !(oneshot && service.remain_after_exit) && !has_stop(service) {
        return Err("it has no ExecStart=".to_owned());
    }
    if starts == 0 && !oneshot {
        return Err("only Type=oneshot can do without ExecStart=".to_owned());
    }
    if starts > 1 && !oneshot {
        return Err(format!("it has {starts} ExecStart= commands; only Type=oneshot may have more than one"));
    }
    if oneshot && matches!(service.restart, Restart::Always | Restart::OnSuccess) {
        return Err("a oneshot service cannot have Restart=always or on-success".to_owned());
    }
    if oneshot && !seen.0.contains("TimeoutStartSec") {
        service.timeout_start = Bound::Infinite;
    }
    if service.delegate && !seen.0.contains("OOMPolicy") {
        // What runs in its groups is others' business, as are their deaths.
        service.oom_policy = OomPolicy::Continue;
    }
    service.cgroup.oom_group = service.oom_policy == OomPolicy::Kill;
    let notifies = matches!(service.kind, ServiceType::Notify | ServiceType::NotifyReload);
    let asks_to_notify = notifies || service.watchdog != Bound::Infinite;
    if asks_to_notify && (service.notify_access == NotifyAccess::None) {
        service.notify_access = NotifyAccess::Main;
    }
    Ok(())
}

fn has_stop(service: &Service) -> bool {
    !service.commands.list(ExecList::Stop).is_empty()
}
