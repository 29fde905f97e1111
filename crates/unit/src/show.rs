//! A loaded unit as properties, by the names that `systemctl show` gives them.

use std::time::Duration;

use crate::graph::Graph;
use crate::model::{Kind, Relation, Unit};
use crate::service::config::{
    Command, ExecList, KillMode, NotifyAccess, Restart, Service, ServiceType, WorkingDirectory,
};
use crate::service::sandbox::{PrivateTmp, PrivateUsers, ProtectControlGroups};
use crate::text::value::{Amount, Bound};
use crate::timer::{Elapse, Timer};
use calendar::span::span;

/// What a unit's files say, and how it relates to others. Of its state nothing.
pub fn properties(unit: &Unit, graph: &Graph) -> Vec<(String, String)> {
    let mut out = Properties(Vec::new());
    let mut names = vec![unit.name.to_string()];
    names.extend(graph.aliases_of(&unit.name).map(ToString::to_string));
    out.add("Names", names.join(" "));
    for relation in Relation::ALL {
        let others: Vec<String> = graph.related(&unit.name, relation).map(ToString::to_string).collect();
        out.add(relation.name(), others.join(" "));
    }
    out.add("Documentation", unit.documentation.join(" "));
    out.flag("CanStart", !unit.refuse_manual_start);
    out.flag("CanStop", !unit.refuse_manual_stop);
    out.flag("CanReload", unit.service().is_some_and(can_reload));
    out.flag("CanIsolate", unit.allow_isolate);
    out.flag("AllowIsolate", unit.allow_isolate);
    out.flag("IgnoreOnIsolate", unit.ignore_on_isolate);
    out.flag("RefuseManualStart", unit.refuse_manual_start);
    out.flag("RefuseManualStop", unit.refuse_manual_stop);
    out.flag("DefaultDependencies", unit.default_dependencies);
    out.add("CollectMode", if unit.collect_failed { "inactive-or-failed" } else { "inactive" });
    out.time("StartLimitIntervalUSec", unit.start_limit.interval);
    out.add("StartLimitBurst", unit.start_limit.burst.to_string());
    match &unit.kind {
        Kind::Service(service) => out.service(service),
        Kind::Timer(timer) => out.timer(timer),
        _ => {}
    }
    out.0
}

/// Whether a service can be reloaded.
pub fn can_reload(service: &Service) -> bool {
    !service.commands.list(ExecList::Reload).is_empty() || service.kind == ServiceType::NotifyReload
}

struct Properties(Vec<(String, String)>);

impl Properties {
    fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.add(name, if value { "yes" } else { "no" });
    }

    fn time(&mut self, name: &str, time: Duration) {
        self.add(name, span(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), 1));
    }

    fn bound(&mut self, name: &str, time: Bound<Duration>) {
        match time.finite() {
            Some(time) => self.time(name, time),
            None => self.add(name, "infinity"),
        }
    }

    fn amount(&mut self, name: &str, amount: Option<&Amount>) {
        self.add(
            name,
            match amount {
                None | Some(Amount::Infinite) => "infinity".to_owned(),
                Some(Amount::Absolute(value)) => value.to_string(),
                Some(Amount::Share(share)) => format!("{}.{:02}%", share / 100, share % 100),
            },
        );
    }

    fn timer(&mut self, timer: &Timer) {
        self.add("Unit", timer.unit.to_string());
        for elapse in &timer.elapses {
            match elapse {
                Elapse::After(base, time) => {
                    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
                    let name = base.directive().replace("Sec", "USec");
                    self.add("TimersMonotonic", format!("{{ {name}={} }}", span(micros, 1)));
                }
                Elapse::Calendar(expression) => {
                    self.add("TimersCalendar", format!("{{ OnCalendar={expression} }}"));
                }
            }
        }
        self.time("AccuracyUSec", timer.accuracy);
        self.time("RandomizedDelayUSec", timer.randomized_delay);
        for (name, set) in [
            ("FixedRandomDelay", timer.fixed_random_delay),
            ("DeferReactivation", timer.defer_reactivation),
            ("OnClockChange", timer.on_clock_change),
            ("OnTimezoneChange", timer.on_timezone_change),
            ("Persistent", timer.persistent),
            ("WakeSystem", false),
            ("RemainAfterElapse", timer.remain_after_elapse),
        ] {
            self.flag(name, set);
        }
    }

    fn service(&mut self, service: &Service) {
        self.add("Type", type_word(service.kind));
        self.add("Restart", restart_word(service.restart));
        self.time("RestartUSec", service.restart_sec);
        self.bound("TimeoutStartUSec", service.timeout_start);
        self.bound("TimeoutStopUSec", service.timeout_stop);
        self.bound("RuntimeMaxUSec", service.runtime_max);
        self.bound("WatchdogUSec", service.watchdog);
        self.flag("RemainAfterExit", service.remain_after_exit);
        self.add("PIDFile", service.pid_file.clone().unwrap_or_default());
        self.flag("GuessMainPID", service.guess_main_pid);
        self.add("NotifyAccess", access_word(service.notify_access));
        for list in ExecList::ALL {
            for command in service.commands.list(list) {
                self.add(list.directive(), describe(command));
            }
        }
        let exec = &service.exec;
        let environment: Vec<String> =
            exec.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.add("Environment", environment.join(" "));
        self.add("User", exec.user.clone().unwrap_or_default());
        self.add("Group", exec.group.clone().unwrap_or_default());
        self.add("SupplementaryGroups", exec.supplementary_groups.join(" "));
        self.add("WorkingDirectory", exec.working_directory.as_ref().map_or_else(String::new, folder));
        self.add("UMask", format!("{:04o}", exec.umask));
        self.add("OOMScoreAdjust", exec.oom_score_adjust.unwrap_or(0).to_string());
        self.add("Nice", exec.nice.unwrap_or(0).to_string());
        self.flag("IgnoreSIGPIPE", exec.ignore_sigpipe);
        self.flag("NoNewPrivileges", exec.no_new_privileges);
        let sandbox = &exec.sandbox;
        for (name, set) in [
            ("PrivateTmp", sandbox.private_tmp != PrivateTmp::No),
            ("PrivateDevices", sandbox.private_devices),
            ("PrivateNetwork", sandbox.private_network),
            ("PrivateUsers", sandbox.private_users != PrivateUsers::No),
            ("ProtectKernelTunables", sandbox.protect_kernel_tunables),
            ("ProtectKernelModules", sandbox.protect_kernel_modules),
            ("ProtectKernelLogs", sandbox.protect_kernel_logs),
            ("ProtectControlGroups", sandbox.protect_control_groups != ProtectControlGroups::No),
            ("ProtectClock", sandbox.protect_clock),
            ("ProtectHostname", sandbox.protect_hostname),
            ("RestrictRealtime", sandbox.restrict_realtime),
            ("RestrictSUIDSGID", sandbox.restrict_suid_sgid),
            ("LockPersonality", sandbox.lock_personality),
            ("MemoryDenyWriteExecute", sandbox.memory_deny_write_execute),
        ] {
            self.flag(name, set);
        }
        self.add("KillMode", kill_word(service.kill.mode));
        self.add("KillSignal", service.kill.signal.0.to_string());
        self.add("FinalKillSignal", service.kill.final_signal.0.to_string());
        self.flag("SendSIGHUP", service.kill.send_sighup);
        self.flag("SendSIGKILL", service.kill.send_sigkill);
        self.add("Slice", service.slice.to_string());
        self.flag("Delegate", service.delegate);
        let limits = &service.cgroup;
        self.amount("MemoryHigh", limits.memory_high.as_ref());
        self.amount("MemoryMax", limits.memory_max.as_ref());
        self.amount("MemorySwapMax", limits.memory_swap_max.as_ref());
        self.amount("TasksMax", limits.tasks_max.as_ref());
        let weights = limits.weights;
        for (name, weight) in [
            ("CPUWeight", weights.cpu),
            ("StartupCPUWeight", weights.startup_cpu),
            ("IOWeight", weights.io),
            ("StartupIOWeight", weights.startup_io),
        ] {
            self.add(name, weight.map_or_else(|| "[not set]".to_owned(), |weight| weight.to_string()));
        }
        // In systemd's unit: the processor time of each second.
        self.add(
            "CPUQuotaPerSecUSec",
            limits.cpu_quota.map_or_else(|| "infinity".to_owned(), |quota| span(u64::from(quota) * 100, 1)),
        );
        self.add("AllowedCPUs", limits.allowed_cpus.clone().unwrap_or_default());
    }
}

fn describe(command: &Command) -> String {
    let ignore = if command.ignore_failure { "yes" } else { "no" };
    format!("{{ path={} ; argv[]={} ; ignore_errors={ignore} }}", command.path, command.argv.join(" "))
}

fn folder(directory: &WorkingDirectory) -> String {
    let mark = if directory.optional { "!" } else { "" };
    format!("{mark}{}", directory.path.as_deref().unwrap_or("~"))
}

fn type_word(kind: ServiceType) -> &'static str {
    match kind {
        ServiceType::Simple => "simple",
        ServiceType::Exec => "exec",
        ServiceType::Notify => "notify",
        ServiceType::NotifyReload => "notify-reload",
        ServiceType::Oneshot => "oneshot",
        ServiceType::Forking => "forking",
    }
}

fn restart_word(restart: Restart) -> &'static str {
    match restart {
        Restart::No => "no",
        Restart::Always => "always",
        Restart::OnSuccess => "on-success",
        Restart::OnFailure => "on-failure",
        Restart::OnAbnormal => "on-abnormal",
        Restart::OnAbort => "on-abort",
        Restart::OnWatchdog => "on-watchdog",
    }
}

fn access_word(access: NotifyAccess) -> &'static str {
    match access {
        NotifyAccess::None => "none",
        NotifyAccess::Main => "main",
        NotifyAccess::Exec => "exec",
        NotifyAccess::All => "all",
    }
}

fn kill_word(mode: KillMode) -> &'static str {
    match mode {
        KillMode::ControlGroup => "control-group",
        KillMode::Mixed => "mixed",
        KillMode::Process => "process",
        KillMode::None => "none",
    }
}
