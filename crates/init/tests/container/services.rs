//! Services: their processes, and what they are given.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use unit::control::{ErrorKind, JobAction, Reply, Request};

use crate::harness::{Machine, Units, helper, is_root, notifier, service, target};

#[test]
fn a_oneshot_sees_its_environment_words_and_folder() {
    let script = "printf '%s|' \"$0\" \"$A\" \"$B\" \"$C\" \"$PWD\" \"$(umask)\" > @/out\nfor a; do echo \"<$a>\" >> @/out; done\n";
    let machine = Units::new()
        .with("all.target", &target("a.service"))
        .with("env", "B=\"from file\"\nC='it'\\''s'\n")
        .with("script", script)
        .with(
            "a.service",
            &service(
                "Type=oneshot\nRemainAfterExit=yes\nEnvironment=\"A=one two\" B=lost\nEnvironmentFile=@/env\n\
                 EnvironmentFile=-@/none\nWorkingDirectory=/usr\nUMask=0027\n\
                 ExecStart=/bin/sh @/script $A ${A} 'q q' $$A %n $NONE",
            ),
        )
        .boot()
        .reached();
    let folder = machine.units.path("script");
    let expected = format!(
        "{}|one two|from file|it's|/usr|0027|<one>\n<two>\n<one two>\n<q q>\n<$A>\n<a.service>\n",
        folder.display()
    );
    assert_eq!(machine.read("out"), expected);
    assert_eq!(machine.status("a.service").sub, "exited");
}

#[test]
fn a_service_that_crashes_comes_back_and_one_too_often_does_not() {
    let mut machine = Units::new()
        .with("all.target", &target("a.service b.service"))
        .with("a.service", &service("ExecStart=/bin/sh -c 'echo x >> @/a; [ $(wc -l < @/a) -ge 3 ] && exec sleep 1000; exit 1'\nRestart=on-failure\nRestartSec=10ms"))
        .with("b.service", &service("ExecStart=/bin/sh -c 'echo x >> @/b; exit 7'\nRestart=always\nRestartSec=10ms"))
        .boot()
        .reached();
    machine.wait_until("a.service", |unit| unit.sub == "running" && unit.restarts == 2);
    machine.wait_for("{\"event\":\"unit-failed\",\"unit\":\"b.service\",\"reason\":\"start-limit-hit\"}");
    assert_eq!(machine.read("b").lines().count(), 5);
    assert_eq!(machine.status("b.service").active, "failed");
}

#[test]
fn a_notify_service_is_awaited_and_only_itself_is_believed() {
    let stranger = notifier("STATUS=I am not it", false);
    let main = notifier("READY=1|STATUS=at your service", true);
    let machine = Units::new()
        .with("all.target", &target("a.service b.service"))
        .with("a.service", &service(&format!("Type=notify\nExecStartPre={stranger}\nExecStart={main}")))
        .with(
            "b.service",
            "[Unit]\nDefaultDependencies=no\nAfter=a.service\n[Service]\nType=oneshot\nExecStart=/bin/true\n",
        )
        .boot()
        .reached();
    let status = machine.status("a.service");
    assert_eq!((status.active.as_str(), status.status_text.as_deref()), ("active", Some("at your service")));
}

/// A service that says it is ready, and which process is its main one: a child of its, or the one whose number a file
/// holds.
fn says_main(settings: &str, file: &str) -> String {
    service(&format!("Type=notify\n{settings}\nExecStart=/usr/bin/perl @/says {file}"))
}

const SAYS: &str = "use IO::Socket::UNIX; $| = 1; my $main;\n\
    if ($ARGV[0] eq 'child') { $main = fork() // die; sleep 1000 unless $main }\n\
    else { open my $file, '<', $ARGV[0] or die; $main = 0 + <$file> }\n\
    IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => $ENV{NOTIFY_SOCKET})->send(\"READY=1\\nMAINPID=$main\") or die;\n\
    sleep 1000;\n";

#[test]
fn a_main_process_that_another_reaps_is_noticed_to_be_gone() {
    let says = "use IO::Socket::UNIX; my $main = fork() // die;\n\
        if (!$main) { select(undef, undef, undef, 0.02) until -e '@/go'; exit 0 }\n\
        IO::Socket::UNIX->new(Type => SOCK_DGRAM, Peer => $ENV{NOTIFY_SOCKET})->send(\"READY=1\\nMAINPID=$main\") or die;\n\
        waitpid($main, 0); exit 0;\n";
    let machine = Units::new()
        .with("all.target", &target("a.service"))
        .with("says", says)
        .with(
            "a.service",
            &service(
                "Type=notify\nExecStart=/usr/bin/perl @/says\nExecStopPost=/bin/sh -c 'echo over > @/post'",
            ),
        )
        .boot()
        .reached();
    assert_eq!(machine.status("a.service").active, "active");
    machine.go();
    machine.wait_until("a.service", |status| status.active == "inactive");
    assert_eq!(machine.read("post"), "over\n");
}

#[test]
fn a_main_process_is_named_among_the_services_own_or_by_root() {
    if !is_root() {
        eprintln!("not run: only a machine's root can give services users of their own");
        return;
    }
    let user = "User=nobody\nGroup=nogroup";
    let units = Units::new()
        .with("all.target", &target("other.service"))
        .with("says", SAYS)
        .with("none", "4000000")
        .with(
            "other.service",
            &service(
                "Type=exec\nExecStart=/bin/sleep 1000\nExecStartPost=/bin/sh -c 'echo $MAINPID > @/other'",
            ),
        )
        .with("own.service", &says_main(user, "child"))
        .with("foreign.service", &says_main(user, "@/other"))
        .with("none.service", &says_main("", "@/none"))
        .with("root.service", &says_main("", "@/other"));
    // Its users must reach the socket and the files.
    std::fs::set_permissions(units.path(""), Permissions::from_mode(0o755)).unwrap();
    let mut machine = units.boot_as_root().reached();
    let other = machine.status("other.service").main_pid;
    let main_of = |machine: &Machine, unit: &str| {
        assert_eq!(machine.job(JobAction::Start, unit), Reply::Done);
        machine.status(unit).main_pid
    };
    assert!(main_of(&machine, "own.service").is_some());
    let foreign = main_of(&machine, "foreign.service");
    assert!(foreign.is_some() && foreign != other, "{foreign:?}");
    let line = machine.wait_for(&format!("foreign.service: MAINPID={}", other.unwrap()));
    assert!(line.contains("the sender is not root"), "{line}");
    // So its end is not the other's.
    assert_eq!(machine.job(JobAction::Stop, "foreign.service"), Reply::Done);
    assert_eq!(machine.status("other.service").main_pid, other);

    assert_ne!(main_of(&machine, "none.service"), Some(4_000_000));
    machine.wait_for("none.service: MAINPID=4000000 from process");
    assert_eq!(main_of(&machine, "root.service"), other);
    assert!(!machine.heard().iter().any(|line| line.contains("own.service: MAINPID")));
}

#[test]
fn a_flood_of_notifications_neither_holds_it_up_nor_fills_its_log() {
    // By children of theirs: whose they are PID 1 has to find out with each message.
    let flood = format!("/bin/sh -c '{0} & {0} & {0} & {0} & wait'", helper("floods_with_notifications"));
    let since = Instant::now();
    let ready = notifier("READY=1", true);
    let mut machine = Units::new()
        .with("all.target", &target("flood.service"))
        .with("flood.service", &service(&format!("Nice=19\nNotifyAccess=exec\nExecStart={flood}")))
        // What is not let in costs it a line each.
        .with(
            "denied.service",
            &service(&format!(
                "Nice=19\nNotifyAccess=none\nEnvironment=NOTIFY_SOCKET=@/run/notify\nExecStart={flood}"
            )),
        )
        .with("a.service", &service(&format!("Type=notify\nExecStart={ready}")))
        .with("end.service", &service("Type=oneshot\nExecStart=/no/such/program"))
        .boot()
        .reached();
    assert_eq!(machine.job(JobAction::Start, "denied.service"), Reply::Done);
    // Somebody of no unit sends too, from outside even.
    let stranger = UnixDatagram::unbound().unwrap();
    for _ in 0..100 {
        stranger.send_to(b"READY=1", machine.units.path("run/notify")).unwrap();
    }
    for _ in 0..100 {
        let since = Instant::now();
        assert_eq!(machine.status("flood.service").active, "active");
        // With the queue drained to its end it took seconds, and nothing bounded it.
        assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    }
    // Others are heard in the midst of it, and what ends is reaped.
    assert_eq!(machine.job(JobAction::Start, "a.service"), Reply::Done);
    machine.job(JobAction::Start, "end.service");
    machine.wait_for("end.service failed");
    let said = machine.heard().iter().filter(|line| line.contains("notification")).count();
    // A line a kind at once, and at most one each half minute after that.
    let most = 5 + 2 * (since.elapsed().as_secs() / 30) as usize;
    assert!((2..=most).contains(&said), "{said} lines of notifications");
}

#[test]
fn a_program_that_is_not_there_is_told_by_name() {
    let mut machine = Units::new()
        .with("all.target", &target("a.service"))
        .with("a.service", &service("Type=exec\nExecStart=/no/such/program"))
        .boot();
    let line = machine.wait_for("cannot execute the program");
    assert!(line.contains("a.service") && line.contains("No such file or directory"), "{line}");
    machine.wait_for("exit-code 203 (EXEC)");
}

#[test]
fn stop_and_restart_by_request() {
    let machine = Units::new()
        .with("all.target", &target("a.service"))
        .with("a.service", &service("ExecStart=/bin/sleep 1000\nExecStopPost=/bin/sh -c 'echo $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS >> @/post'\nExecReload=/bin/sh -c 'echo $MAINPID > @/reloaded'"))
        .boot()
        .reached();
    let first = machine.status("a.service").main_pid.unwrap();
    assert_eq!(machine.job(JobAction::Reload, "a.service"), Reply::Done);
    assert_eq!(machine.read("reloaded").trim(), first.to_string());
    assert_eq!(machine.job(JobAction::Restart, "a.service"), Reply::Done);
    assert_ne!(machine.status("a.service").main_pid, Some(first));
    assert_eq!(machine.job(JobAction::Stop, "a.service"), Reply::Done);
    assert_eq!(machine.status("a.service").active, "inactive");
    assert_eq!(machine.read("post"), "success killed TERM\nsuccess killed TERM\n");
    assert_eq!(machine.job(JobAction::TryRestart, "a.service"), Reply::Done);
    assert_eq!(machine.status("a.service").active, "inactive");
}

#[test]
fn bad_requests_are_answered_and_survived() {
    let machine = Units::new().with("all.target", &target("")).boot().reached();
    for bytes in [&b"nonsense\n"[..], b"{}\n", b"{\"request\":\"fly\"}\n", &[b'x'; 70_000]] {
        let Reply::Error { kind: ErrorKind::Invalid, .. } = machine.ask_raw(bytes) else {
            panic!("it was taken for a request");
        };
    }
    let Reply::Error { kind: ErrorKind::NotFound, message } = machine.job(JobAction::Start, "none.service")
    else {
        panic!("a missing unit was started");
    };
    assert_eq!(message, "unit none.service not found");
    let Reply::Error { kind: ErrorKind::Invalid, .. } = machine.job(JobAction::Start, "../x") else {
        panic!("a bad name was taken");
    };
    assert!(matches!(machine.ask(&Request::List), Reply::List { .. }));
}

#[test]
fn orphans_and_zombies_are_reaped() {
    let machine = Units::new()
        .with("all.target", &target("a.service"))
        .with("a.service", &service("ExecStart=/bin/sh -c 'for i in 1 2 3 4 5; do (sleep 0.1 &) ; done; sleep 0.5; while sleep 0.1; do grep -h ^State: /proc/[0-9]*/status > @/new; grep -q zombie @/new || break; done; mv @/new @/states; exec sleep 1000'"))
        .boot()
        .reached();
    let states = machine.wait_for_file("states", |text| !text.is_empty());
    assert!(states.lines().count() >= 2 && !states.contains("zombie"), "{states}");
}

#[test]
fn a_hundred_services_fit_in_three_megabytes() {
    let mut units = Units::new();
    let names: Vec<String> = (0..100).map(|index| format!("u{index}.service")).collect();
    for name in &names {
        units = units.with(name, &service("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true"));
    }
    let machine = units.with("all.target", &target(&names.join(" "))).boot().reached();
    // Without its code, which in the test's own build is large, and is there or not as it comes: the whole is measured on
    // the image.
    let kib = machine.allocated_kib();
    println!("100 services: PID 1 has {kib} KiB");
    assert!(kib <= 3 * 1024, "{kib} KiB");
}
