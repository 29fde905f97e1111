//! The life of a service, told as what happens and what is done about it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail as tests do")]

mod common;

use std::time::Duration;

use proptest::prelude::*;
use unit::service::config::{ExecList, Service};
use unit::service::exit::Exit;
use unit::service::machine::{Action, Context, Event, Role, Whom, next};
use unit::service::notify::Notification;
use unit::service::state::{Active, Outcome, Phase, ServiceState};
use unit::text::signal::Signal;

/// A service, its state, and a clock.
struct Life {
    config: Service,
    state: ServiceState,
    now: Duration,
    shutdown: Option<Duration>,
    next_pid: i32,
    log: Vec<Action>,
}

impl Life {
    fn of(text: &str) -> Life {
        let unit = common::load("a.service", &format!("[Service]\n{text}\n"));
        assert!(unit.warnings.is_empty(), "{:?}", unit.warnings);
        Life {
            config: unit.service().unwrap().clone(),
            state: ServiceState::default(),
            now: Duration::from_secs(100),
            shutdown: None,
            next_pid: 10,
            log: Vec::new(),
        }
    }

    /// Sends an event; every spawn that is asked for succeeds at once.
    fn event(&mut self, event: Event) -> &mut Life {
        let context = Context { now: self.now, shutdown: self.shutdown, restarting: false };
        let (state, actions) = next(&self.config, std::mem::take(&mut self.state), event, &context);
        self.state = state;
        for action in actions {
            self.log.push(action.clone());
            if let Action::Spawn(role, _, _) = action {
                self.next_pid += 1;
                let pid = self.next_pid;
                self.event(Event::Spawned(role, pid));
            }
        }
        self
    }

    fn exit(&mut self, pid: i32, exit: Exit) -> &mut Life {
        self.event(Event::Exited { pid, exit, emptied: true })
    }

    fn main_exits(&mut self, exit: Exit) -> &mut Life {
        let pid = self.state.main.expect("there is a main process");
        self.exit(pid, exit)
    }

    fn control_exits(&mut self, exit: Exit) -> &mut Life {
        let pid = self.state.control.expect("there is a control process");
        self.exit(pid, exit)
    }

    fn ready(&mut self) -> &mut Life {
        let pid = self.state.main.expect("there is a main process");
        self.event(Event::Notified(pid, Notification { ready: true, ..Notification::default() }))
    }

    fn after(&mut self, time: Duration) -> &mut Life {
        self.now += time;
        self.event(Event::Tick)
    }

    fn phase(&self) -> Phase {
        self.state.phase
    }

    fn took(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.log)
    }
}

const OK: Exit = Exit::Code(0);
const BAD: Exit = Exit::Code(1);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_simple_service_is_up_once_its_process_is_there() {
    let mut life = Life::of("ExecStart=/a");
    assert_eq!(life.event(Event::Start).phase(), Phase::Running);
    life.took();
    life.event(Event::Stop);
    assert_eq!(life.phase(), Phase::StopSignal);
    assert_eq!(life.took(), [Action::Signal(Whom::Group, Signal::TERM)]);
    life.main_exits(Exit::Signal(Signal::TERM));
    assert_eq!((life.phase(), &life.state.outcome), (Phase::Dead, &Outcome::Success));
    assert_eq!(life.took(), [Action::Release]);
}

#[test]
fn a_service_that_wants_more_time_does_not_keep_the_machine_up() {
    for (text, at_most) in [("", 90), ("TimeoutStopSec=200", 200)] {
        let mut life = Life::of(&format!("Type=notify\nExecStart=/a\n{text}"));
        life.event(Event::Start).ready();
        life.shutdown = Some(life.now + secs(3));
        life.event(Event::Stop);
        let (pid, now) = (life.state.main.unwrap(), life.now);
        let wants = |time| Notification { extend_timeout: Some(time), ..Notification::default() };
        life.event(Event::Notified(pid, wants(Duration::MAX)));
        assert_eq!(life.state.deadline, Some(now + secs(3 + at_most)), "{text}");
    }
}

#[test]
fn the_time_of_a_service_goes_on_while_it_reloads_and_ends_with_its_stop_commands() {
    let mut life = Life::of("ExecStart=/a\nExecReload=/r\nExecStop=/s\nRuntimeMaxSec=10");
    life.event(Event::Start);
    let end = life.now + secs(10);
    life.after(secs(4)).event(Event::Reload).control_exits(OK);
    assert_eq!((life.phase(), life.state.deadline), (Phase::Running, Some(end)));
    life.after(secs(6));
    assert_eq!((life.phase(), &life.state.outcome), (Phase::Stop(0), &Outcome::Timeout));
}

#[test]
fn a_service_that_was_late_to_tell_of_its_reload_is_told_to_reload_again() {
    let mut life = Life::of("Type=notify-reload\nExecStart=/a\nTimeoutStartSec=5");
    life.event(Event::Start).ready();
    for _ in 0..2 {
        life.took();
        life.event(Event::Reload);
        assert_eq!(life.took(), [Action::Signal(Whom::Main, Signal::HUP)]);
        life.after(secs(5));
        assert_eq!(life.phase(), Phase::Running);
        assert!(life.state.reload_failure.is_some());
    }
}

#[test]
fn a_main_process_that_is_gone_without_a_word_ends_the_service() {
    let mut life = Life::of("Type=notify\nExecStart=/a\nRestart=always");
    life.event(Event::Start).ready();
    life.event(Event::Emptied);
    assert_eq!(life.phase(), Phase::Running, "it may have ended, and not be reaped yet");
    life.event(Event::MainLost);
    assert_eq!(life.phase(), Phase::AutoRestart);
}

#[test]
fn a_process_is_awaited_as_long_as_its_step_lasts() {
    let mut life = Life::of("Type=notify\nExecStart=/a\nExecStop=/s");
    let start = (Role::Main, ExecList::Start, 0);
    let awaits = |life: &Life, (role, list, at)| life.state.awaits(role, list, at);
    assert!(!awaits(&life, start));
    let context = Context { now: life.now, shutdown: None, restarting: false };
    (life.state, _) = next(&life.config, std::mem::take(&mut life.state), Event::Start, &context);
    assert!(awaits(&life, start));
    life.event(Event::Spawned(Role::Main, 7));
    assert!(!awaits(&life, start), "it has it");
    life.event(Event::Stop).main_exits(OK);
    assert_eq!(life.phase(), Phase::Dead);
    assert!(!awaits(&life, start));
}

#[test]
fn an_exec_service_is_up_once_its_program_runs() {
    let mut life = Life::of("Type=exec\nExecStart=/a");
    assert_eq!(life.event(Event::Start).phase(), Phase::Start(0));
    assert_eq!(life.event(Event::Executed).phase(), Phase::Running);
    let mut life = Life::of("Type=exec\nExecStart=/missing");
    life.event(Event::Start).main_exits(Exit::Code(203));
    assert_eq!(
        (life.phase(), life.state.outcome.to_string().as_str()),
        (Phase::Failed, "exit-code 203 (EXEC)")
    );
}

#[test]
fn a_notify_service_is_up_once_it_says_so() {
    let mut life = Life::of("Type=notify\nExecStart=/a\nExecStartPost=/post");
    assert_eq!(life.event(Event::Start).phase(), Phase::Start(0));
    assert_eq!(life.ready().phase(), Phase::StartPost(0));
    assert_eq!(life.control_exits(OK).phase(), Phase::Running);
}

#[test]
fn a_notify_service_that_ends_before_it_is_ready_has_failed() {
    let mut life = Life::of("Type=notify\nExecStart=/a");
    life.event(Event::Start).main_exits(OK);
    assert_eq!((life.phase(), &life.state.outcome), (Phase::Failed, &Outcome::Protocol));
}

#[test]
fn a_stranger_cannot_make_a_service_ready() {
    let mut life = Life::of("Type=notify\nExecStart=/a");
    life.event(Event::Start);
    let ready = Notification { ready: true, ..Notification::default() };
    life.event(Event::Notified(999, ready.clone()));
    assert_eq!(life.phase(), Phase::Start(0));
    let mut life = Life::of("Type=notify\nNotifyAccess=all\nExecStart=/a");
    life.event(Event::Start).event(Event::Notified(999, ready));
    assert_eq!(life.phase(), Phase::Running);
}

#[test]
fn a_main_process_that_is_not_believed_to_be_it_is_told_of_and_not_taken() {
    let mut life = Life::of("Type=notify\nExecStart=/a\nExecReload=/reload");
    life.event(Event::Start).ready();
    let main = life.state.main.unwrap();
    let names = |pid, main_refused| Notification {
        main_pid: Some(pid),
        main_refused,
        status: Some("up".into()),
        ..Notification::default()
    };
    life.took();
    life.event(Event::Notified(main, names(999, Some("it is a stranger's"))));
    let line = format!("MAINPID=999 from process {main} not accepted: it is a stranger's");
    assert_eq!(life.took(), [Action::Log(line)]);
    // The rest of the message counts.
    assert_eq!((life.state.main, life.state.status.as_deref()), (Some(main), Some("up")));
    // Nor is what its own commands run as, which end while it goes on.
    life.event(Event::Reload);
    let control = life.state.control.unwrap();
    life.event(Event::Notified(main, names(control, None)));
    assert_eq!(life.state.main, Some(main));
    life.event(Event::Notified(main, names(1000, None)));
    assert_eq!(life.state.main, Some(1000));
}

#[test]
fn a_oneshot_runs_its_commands_in_turn_and_is_done() {
    let mut life = Life::of("Type=oneshot\nExecStartPre=/pre\nExecStart=/a\nExecStart=/b\nExecStop=/stop");
    life.event(Event::Start).control_exits(OK).main_exits(OK).main_exits(OK);
    assert_eq!(life.phase(), Phase::Stop(0));
    life.control_exits(OK);
    assert_eq!(life.phase(), Phase::Dead);
    let spawned: Vec<_> =
        life.took().into_iter().filter(|action| matches!(action, Action::Spawn(..))).collect();
    assert_eq!(
        spawned,
        [
            Action::Spawn(Role::Control, ExecList::StartPre, 0),
            Action::Spawn(Role::Main, ExecList::Start, 0),
            Action::Spawn(Role::Main, ExecList::Start, 1),
            Action::Spawn(Role::Control, ExecList::Stop, 0),
        ]
    );
}

#[test]
fn a_oneshot_that_remains_is_up_until_it_is_stopped() {
    let mut life = Life::of("Type=oneshot\nRemainAfterExit=yes\nExecStart=/a\nExecStop=/stop");
    assert_eq!(life.event(Event::Start).main_exits(OK).phase(), Phase::Exited);
    assert_eq!(life.event(Event::Stop).phase(), Phase::Stop(0));
    assert_eq!(life.control_exits(OK).phase(), Phase::Dead);
}

#[test]
fn a_failure_of_any_step_of_the_start_is_a_failure() {
    for (text, steps) in [
        ("ExecStartPre=/pre\nExecStart=/a", 1),
        ("Type=oneshot\nExecStart=/a\nExecStart=/b", 1),
        ("ExecStart=/a\nExecStartPost=/post", 1),
    ] {
        let mut life = Life::of(text);
        life.event(Event::Start);
        for _ in 0..steps {
            match life.state.control {
                Some(_) => life.control_exits(BAD),
                None => life.main_exits(BAD),
            };
        }
        if life.state.main.is_some() {
            life.main_exits(Exit::Signal(Signal::TERM));
        }
        assert_eq!((life.phase(), &life.state.outcome), (Phase::Failed, &Outcome::Exit(BAD)), "{text}");
    }
}

#[test]
fn a_dash_forgives() {
    let mut life = Life::of("ExecStartPre=-/pre\nExecStart=-/a");
    life.event(Event::Start).control_exits(BAD);
    assert_eq!(life.phase(), Phase::Running);
    life.main_exits(BAD);
    assert_eq!(life.phase(), Phase::Dead);
}

#[test]
fn an_exec_condition_skips_or_fails() {
    for (exit, phase, outcome) in [
        (OK, Phase::Running, Outcome::Success),
        (BAD, Phase::Dead, Outcome::Condition),
        (Exit::Code(255), Phase::Failed, Outcome::Exit(Exit::Code(255))),
    ] {
        let mut life = Life::of("Restart=on-success\nExecCondition=/cond\nExecStart=/a");
        life.event(Event::Start).control_exits(exit);
        assert_eq!((life.phase(), &life.state.outcome), (phase, &outcome));
    }
}

#[test]
fn a_stop_goes_from_the_command_to_the_signal_to_the_kill() {
    let mut life = Life::of("ExecStart=/a\nExecStop=/stop\nTimeoutStopSec=5");
    life.event(Event::Start).took();
    life.event(Event::Stop).after(secs(5));
    assert_eq!(life.phase(), Phase::StopSignal);
    life.after(secs(5));
    assert_eq!(life.phase(), Phase::StopKill);
    let signals: Vec<_> =
        life.took().into_iter().filter(|action| matches!(action, Action::Signal(..))).collect();
    assert_eq!(
        signals,
        [Action::Signal(Whom::Group, Signal::TERM), Action::Signal(Whom::Group, Signal::KILL)]
    );
    let (main, control) = (life.state.main.unwrap(), life.state.control.unwrap());
    life.event(Event::Exited { pid: control, exit: Exit::Signal(Signal::KILL), emptied: false });
    life.exit(main, Exit::Signal(Signal::KILL));
    assert_eq!((life.phase(), &life.state.outcome), (Phase::Failed, &Outcome::Timeout));
}

#[test]
fn a_process_that_nothing_ends_is_left_behind_in_bounded_time() {
    let mut life = Life::of("ExecStart=/a\nTimeoutStopSec=5");
    life.event(Event::Start).event(Event::Stop);
    for _ in 0..6 {
        life.after(secs(5));
    }
    assert_eq!(life.phase(), Phase::Failed);
}

#[test]
fn what_is_left_in_the_group_is_ended_too() {
    let mut life = Life::of("ExecStart=/a\nTimeoutStopSec=5");
    life.event(Event::Start).event(Event::Stop);
    let main = life.state.main.unwrap();
    life.event(Event::Exited { pid: main, exit: Exit::Signal(Signal::TERM), emptied: false });
    assert_eq!(life.phase(), Phase::FinalSignal);
    life.event(Event::Emptied);
    assert_eq!((life.phase(), &life.state.outcome), (Phase::Dead, &Outcome::Success));
}

#[test]
fn the_kill_mode_says_who_is_signalled() {
    for (mode, first, last) in [
        ("control-group", Whom::Group, Some(Whom::Group)),
        ("mixed", Whom::Main, Some(Whom::Group)),
        ("process", Whom::Main, Some(Whom::Main)),
    ] {
        let mut life = Life::of(&format!("ExecStart=/a\nKillMode={mode}\nTimeoutStopSec=5"));
        life.event(Event::Start).took();
        life.event(Event::Stop).after(secs(5));
        let signals: Vec<_> = life
            .took()
            .into_iter()
            .filter_map(|action| match action {
                Action::Signal(whom, signal) => Some((whom, signal)),
                _ => None,
            })
            .collect();
        assert_eq!(signals.first(), Some(&(first, Signal::TERM)), "{mode}");
        assert_eq!(signals.get(1).map(|(whom, _)| *whom), last, "{mode}");
    }
}

#[test]
fn containers_survive_a_restart_of_their_runtime_but_not_the_system() {
    let stop = |shutdown: Option<Duration>| {
        let mut life = Life::of("ExecStart=/containerd\nKillMode=process");
        life.event(Event::Start).took();
        life.shutdown = shutdown.map(|time| life.now + time);
        life.event(Event::Stop);
        let main = life.state.main.unwrap();
        life.event(Event::Exited { pid: main, exit: OK, emptied: false });
        life
    };
    let mut life = stop(None);
    assert_eq!(life.phase(), Phase::Dead);
    assert!(!life.took().contains(&Action::Signal(Whom::Group, Signal::KILL)));
    let mut life = stop(Some(secs(3)));
    assert_eq!(life.phase(), Phase::FinalKill);
    assert!(life.took().contains(&Action::Signal(Whom::Group, Signal::KILL)));
    assert_eq!(life.event(Event::Emptied).phase(), Phase::Dead);
}

#[test]
fn a_shutdown_waits_only_for_those_who_asked_for_time() {
    for (text, seconds) in
        [("ExecStart=/a", 3), ("ExecStart=/a\nTimeoutStopSec=20", 20), ("ExecStart=/a\nTimeoutStopSec=1", 1)]
    {
        let mut life = Life::of(text);
        life.event(Event::Start);
        life.shutdown = Some(life.now + secs(3));
        life.event(Event::Stop);
        assert_eq!(life.state.deadline, Some(life.now + secs(seconds)), "{text}");
    }
}

#[test]
fn when_it_starts_again() {
    let timeout = "TimeoutStartSec=1";
    let killed = Exit::Signal(Signal::KILL);
    // (Restart=, how the main process ends, whether it comes back)
    let cases = [
        ("no", BAD, false),
        ("always", OK, true),
        ("always", BAD, true),
        ("on-success", OK, true),
        ("on-success", BAD, false),
        ("on-failure", OK, false),
        ("on-failure", BAD, true),
        ("on-failure", killed, true),
        ("on-abnormal", BAD, false),
        ("on-abnormal", killed, true),
        ("on-abort", BAD, false),
        ("on-abort", killed, true),
        ("on-watchdog", killed, false),
    ];
    for (restart, exit, again) in cases {
        let mut life = Life::of(&format!("ExecStart=/a\nRestart={restart}\n{timeout}"));
        life.event(Event::Start).main_exits(exit);
        assert_eq!(life.phase() == Phase::AutoRestart, again, "{restart} {exit}");
    }
    for (text, again) in [
        ("Restart=always\nRestartPreventExitStatus=1", false),
        ("Restart=no\nRestartForceExitStatus=1", true),
        ("Restart=on-failure\nSuccessExitStatus=1", false),
    ] {
        let mut life = Life::of(&format!("ExecStart=/a\n{text}"));
        life.event(Event::Start).main_exits(BAD);
        assert_eq!(life.phase() == Phase::AutoRestart, again, "{text}");
    }
}

#[test]
fn a_restart_waits_its_time_and_a_stop_forbids_it() {
    let mut life = Life::of("ExecStart=/a\nRestart=always\nRestartSec=3");
    life.event(Event::Start).main_exits(BAD);
    assert_eq!(life.state.deadline, Some(life.now + secs(3)));
    life.took();
    life.after(secs(3));
    assert_eq!(life.took(), [Action::Restart]);
    life.event(Event::Start);
    assert_eq!((life.phase(), life.state.restarts), (Phase::Running, 1));
    life.event(Event::Stop).main_exits(BAD);
    assert_eq!(life.phase(), Phase::Failed);
}

#[test]
fn a_restart_that_cannot_be_is_a_failure() {
    let mut life = Life::of("ExecStart=/a\nRestart=always");
    life.event(Event::Start).main_exits(BAD).after(secs(1));
    life.event(Event::RestartRefused("unit b.service not found".into()));
    assert_eq!(life.phase(), Phase::Failed);
    assert_eq!(life.state.outcome.to_string(), "resources (unit b.service not found)");
}

#[test]
fn a_watchdog_that_is_not_fed_bites() {
    let mut life = Life::of("Type=notify\nExecStart=/a\nWatchdogSec=10\nRestart=on-watchdog");
    life.event(Event::Start).ready();
    let main = life.state.main.unwrap();
    let feed = Notification { watchdog: true, ..Notification::default() };
    life.after(secs(9)).event(Event::Notified(main, feed)).after(secs(9));
    assert_eq!(life.phase(), Phase::Running);
    life.took();
    life.after(secs(1));
    assert_eq!(life.phase(), Phase::StopWatchdog);
    assert!(life.took().contains(&Action::Signal(Whom::Group, Signal::ABRT)));
    life.main_exits(Exit::Dump(Signal::ABRT));
    assert_eq!((life.phase(), &life.state.outcome), (Phase::AutoRestart, &Outcome::Watchdog));
}

#[test]
fn a_start_that_takes_too_long_fails_unless_it_asks_for_more_time() {
    let mut life = Life::of("Type=notify\nExecStart=/a\nTimeoutStartSec=5");
    life.event(Event::Start);
    let main = life.state.main.unwrap();
    let more = Notification { extend_timeout: Some(secs(20)), ..Notification::default() };
    life.after(secs(4)).event(Event::Notified(main, more)).after(secs(15));
    assert_eq!(life.phase(), Phase::Start(0));
    life.after(secs(5)).main_exits(Exit::Signal(Signal::TERM));
    assert_eq!((life.phase(), &life.state.outcome), (Phase::Failed, &Outcome::Timeout));
}

#[test]
fn a_reload_that_fails_leaves_the_service_up() {
    let mut life = Life::of("ExecStart=/a\nExecReload=/reload");
    life.event(Event::Start).event(Event::Reload);
    assert_eq!(life.phase(), Phase::Reload(0));
    life.control_exits(BAD);
    assert_eq!((life.phase(), &life.state.outcome), (Phase::Running, &Outcome::Success));
}

#[test]
fn a_process_that_cannot_be_had_is_a_failure() {
    let config = Life::of("ExecStart=/a").config;
    let context = Context { now: secs(1), shutdown: None, restarting: false };
    let (state, _) = next(&config, ServiceState::default(), Event::Start, &context);
    let failed = Event::SpawnFailed(Role::Main, "no memory".into());
    let (state, _) = next(&config, state, failed, &context);
    assert_eq!((state.phase, state.outcome.to_string().as_str()), (Phase::Failed, "resources (no memory)"));
}

fn any_event() -> impl Strategy<Value = Event> {
    let exit =
        prop_oneof![Just(OK), Just(BAD), Just(Exit::Signal(Signal::TERM)), Just(Exit::Dump(Signal::ABRT))];
    prop_oneof![
        Just(Event::Start),
        Just(Event::Stop),
        Just(Event::Reload),
        Just(Event::Executed),
        Just(Event::Emptied),
        Just(Event::Tick),
        Just(Event::Reset),
        Just(Event::LimitHit),
        (11..15, exit, any::<bool>()).prop_map(|(pid, exit, emptied)| Event::Exited { pid, exit, emptied }),
        (11..15, any::<bool>(), any::<bool>()).prop_map(|(pid, ready, watchdog)| {
            Event::Notified(pid, Notification { ready, watchdog, ..Notification::default() })
        }),
    ]
}

proptest! {
    /// Whatever happens in whatever order: it can be stopped, and then it stops.
    #[test]
    fn every_life_can_be_brought_to_its_end(
        kind in prop_oneof![Just("simple"), Just("exec"), Just("notify"), Just("oneshot")],
        extras in proptest::sample::subsequence(
            vec!["ExecStartPre=/b", "ExecStartPost=/c", "ExecStop=/d", "ExecStopPost=/e", "ExecReload=/f",
                 "Restart=on-failure", "RemainAfterExit=yes", "KillMode=mixed", "WatchdogSec=3"], 0..9),
        events in proptest::collection::vec((any_event(), 0u64..4), 0..40),
    ) {
        let mut life = Life::of(&format!("Type={kind}\nExecStart=/a\nTimeoutSec=10\n{}", extras.join("\n")));
        for (event, seconds) in events {
            life.now += secs(seconds);
            life.event(event);
        }
        life.event(Event::Stop);
        for _ in 0..12 {
            life.after(secs(10));
        }
        prop_assert!(life.state.phase.active().is_down(), "{:?}", life.state);
        prop_assert_eq!(life.state.main, None);
        prop_assert_eq!(life.state.control, None);
    }

    /// A phase in which something must happen has either a process or a time limit.
    #[test]
    fn nothing_waits_for_ever(events in proptest::collection::vec((any_event(), 0u64..4), 0..40)) {
        let mut life = Life::of("Type=notify\nExecStart=/a\nExecStop=/b\nRestart=always\nTimeoutSec=10");
        for (event, seconds) in events {
            life.now += secs(seconds);
            life.event(event);
            let settled = matches!(life.state.phase.active(), Active::Inactive | Active::Failed | Active::Active);
            // A restart that was asked for is for whoever was asked to begin.
            let asked = life.phase() == Phase::AutoRestart && life.log.contains(&Action::Restart);
            prop_assert!(settled || asked || life.state.deadline.is_some(), "{:?}", life.state);
        }
    }
}

fn bare_exit(life: &mut Life, pid: i32, exit: Exit, emptied: bool) -> Phase {
    life.event(Event::Exited { pid, exit, emptied }).phase()
}

#[test]
fn a_forking_service_is_up_once_its_starter_has_ended_and_its_main_process_is_known() {
    let mut life = Life::of("Type=forking\nExecStart=/a\nPIDFile=/run/a.pid");
    assert_eq!(life.event(Event::Start).phase(), Phase::Start(0));
    assert!(life.state.main.is_none(), "what starts it is not it");
    let starter = life.state.control.unwrap();
    life.took();
    assert_eq!(bare_exit(&mut life, starter, OK, false), Phase::Start(0));
    assert_eq!(life.took(), [Action::FindMain]);
    // The file comes a little later.
    assert_eq!(life.event(Event::Main(Ok(None))).phase(), Phase::Start(0));
    assert_eq!(life.after(Duration::from_millis(50)).took(), [Action::FindMain]);
    // What is of no use is told of, once for all the times that it is looked at.
    assert_eq!(life.event(Event::Main(Err("no number".into()))).took(), [Action::Log("no number".into())]);
    assert_eq!(life.after(Duration::from_millis(50)).took(), [Action::FindMain]);
    assert_eq!(life.event(Event::Main(Err("no number".into()))).took(), []);
    assert_eq!(life.event(Event::Main(Ok(Some(77)))).phase(), Phase::Running);
    assert_eq!(life.state.main, Some(77));
    assert_eq!(bare_exit(&mut life, 77, OK, true), Phase::Dead);
}

#[test]
fn a_forking_service_fails_where_its_starter_fails_or_leaves_nothing() {
    let mut life = Life::of("Type=forking\nExecStart=/a");
    life.event(Event::Start);
    assert_eq!(life.control_exits(BAD).phase(), Phase::Failed);

    let mut life = Life::of("Type=forking\nExecStart=/a\nPIDFile=/run/a.pid");
    life.event(Event::Start).control_exits(OK);
    life.event(Event::Main(Err("PIDFile=/run/a.pid: no such file".into())));
    assert_eq!((life.phase(), &life.state.outcome), (Phase::Failed, &Outcome::Protocol));
}

#[test]
fn a_forking_service_whose_main_process_is_not_known_lives_by_its_group() {
    let mut life = Life::of("Type=forking\nExecStart=/a\nGuessMainPID=no");
    life.event(Event::Start);
    let starter = life.state.control.unwrap();
    bare_exit(&mut life, starter, OK, false);
    assert_eq!(life.event(Event::Main(Err("several".into()))).phase(), Phase::Running);
    assert_eq!(life.event(Event::Emptied).phase(), Phase::Dead);
}

#[test]
fn with_exit_type_cgroup_it_ends_with_its_last_process() {
    let mut life = Life::of("ExecStart=/a\nExitType=cgroup");
    life.event(Event::Start);
    let main = life.state.main.unwrap();
    assert_eq!(bare_exit(&mut life, main, BAD, false), Phase::Running);
    assert_eq!(life.event(Event::Emptied).phase(), Phase::Dead);
}

#[test]
fn a_notify_reload_service_is_asked_by_a_signal_and_says_when_it_is_done() {
    let mut life = Life::of("Type=notify-reload\nExecStart=/a\nReloadSignal=SIGUSR1");
    life.event(Event::Start).ready();
    life.took();
    assert_eq!(life.event(Event::Reload).phase().active(), Active::Reloading);
    assert_eq!(life.took(), [Action::Signal(Whom::Main, Signal::parse("SIGUSR1").unwrap())]);
    assert_eq!(life.ready().phase(), Phase::Running);
}

#[test]
fn a_service_may_say_that_it_reloads_and_that_it_stops() {
    let mut life = Life::of("Type=notify\nExecStart=/a\nRestart=always");
    life.event(Event::Start).ready();
    let main = life.state.main.unwrap();
    let says = |notification| Event::Notified(main, notification);
    life.event(says(Notification { reloading: true, ..Notification::default() }));
    assert_eq!(life.phase().active(), Active::Reloading);
    assert_eq!(life.ready().phase(), Phase::Running);
    life.event(says(Notification { stopping: true, ..Notification::default() }));
    assert_eq!(life.phase().active(), Active::Deactivating);
    assert_eq!(life.main_exits(OK).phase(), Phase::AutoRestart);
}

#[test]
fn what_follows_when_memory_runs_out_is_the_policys_to_say() {
    for (policy, phase, word) in [
        ("stop", Phase::StopSignal, "oom-kill"),
        ("kill", Phase::StopSignal, "oom-kill"),
        ("continue", Phase::Running, "success"),
    ] {
        let mut life = Life::of(&format!("ExecStart=/a\nOOMPolicy={policy}"));
        life.event(Event::Start).event(Event::OutOfMemory);
        assert_eq!((life.phase(), life.state.outcome.word()), (phase, word), "{policy}");
    }
}

#[test]
fn the_pause_before_a_restart_may_grow() {
    let mut life =
        Life::of("ExecStart=/a\nRestart=always\nRestartSec=1\nRestartSteps=2\nRestartMaxDelaySec=4");
    life.event(Event::Start);
    for pause in [1, 2, 4, 4] {
        life.main_exits(BAD);
        let due = life.state.deadline.unwrap() - life.now;
        assert_eq!(due.as_secs_f64().round() as u64, pause);
        life.after(due);
        life.event(Event::Start);
    }
}
