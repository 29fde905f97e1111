//! The commands against a PID 1 that runs: process 1 of a namespace, without a VM.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail as tests do")]

mod glance;
mod harness;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use harness::{System, service, target};

const SLEEPS: &str = "ExecStart=/bin/sleep 1000";
const ONCE: &str = "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true";

/// What a command prints, a line a row, its words parted by one space.
fn rows(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn jobs_and_their_exit_codes() {
    let system = System::of(&[
        ("all.target", target("")),
        ("a.service", service(SLEEPS)),
        ("b.service", service("Type=oneshot\nExecStart=/bin/sh -c 'exit 3'")),
        ("r.service", service(&format!("{SLEEPS}\nExecReload=/bin/true"))),
    ]);
    for (arguments, code, said) in [
        (&["start", "a", "r"][..], 0, ""),
        (&["is-active", "a"], 0, "active\n"),
        (&["is-active", "a", "b"], 0, "active\ninactive\n"),
        (&["is-active", "b"], 3, "inactive\n"),
        (&["is-active", "none"], 4, "inactive\n"),
        (&["start", "b"], 1, "Job for b.service failed: exit-code 3"),
        (&["start", "none"], 5, "Failed to start none.service: unit none.service not found"),
        (&["start", "a", "none"], 5, "Failed to start none.service"),
        (&["is-failed", "b"], 0, "failed\n"),
        (&["is-failed", "a"], 1, "active\n"),
        (&["is-system-running"], 1, "degraded\n"),
        (&["start", "--wait", "b"], 1, "Job for b.service failed"),
        (&["reload", "r"], 0, ""),
        (&["reload", "a"], 1, "a.service cannot be reloaded: it has no ExecReload="),
        (&["try-reload-or-restart", "a", "r", "b"], 0, ""),
        (
            &["kill", "--kill-whom=main", "b"],
            1,
            "Failed to kill unit b.service: b.service has no main process",
        ),
        (&["reset-failed", "b"], 0, ""),
        (&["is-system-running"], 0, "running\n"),
        (&["stop", "?.service"], 0, ""),
        (&["is-active", "a", "r"], 3, "inactive\ninactive\n"),
        (&["status", "none"], 4, "Unit none.service could not be found."),
        (&["status", "a"], 3, "a.service - "),
        (&["start", "--no-block", "a"], 0, ""),
        (&["isolate", "all"], 1, "all.target may not be isolated"),
        (&["daemon-reload"], 0, ""),
    ] {
        let output = system.run("systemctl", arguments);
        let all = harness::text(&output.stdout) + &harness::text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {all}");
        assert!(all.contains(said) && (!said.is_empty() || all.is_empty()), "{arguments:?}: {all}");
    }
}

#[test]
fn who_is_not_root_may_look_and_not_act() {
    let system = System::of(&[("all.target", target("a.service")), ("a.service", service(SLEEPS))]);
    if !harness::is_root() {
        // Only root can become somebody else.
        return;
    }
    for (arguments, code, said) in [
        (&["is-active", "a"][..], 0, "active\n"),
        (&["show", "-P", "SubState", "a"], 0, "running\n"),
        (&["list-dependencies", "all.target"], 0, "a.service\n"),
        (&["stop", "a"], 1, "Failed to stop a.service: only root may do this"),
        (&["kill", "a"], 1, "only root may do this"),
        (&["daemon-reload"], 1, "only root may do this"),
        (&["poweroff", "-f"], 1, "only root may do this"),
    ] {
        let output = system.run_as_nobody("systemctl", arguments);
        let all = harness::text(&output.stdout) + &harness::text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {all}");
        assert!(all.contains(said), "{arguments:?}: {all}");
    }
    assert_eq!(system.printed("systemctl", &["is-active", "a"]), "active\n");
}

#[test]
fn what_status_show_and_cat_tell() {
    let system = System::of(&[
        ("all.target", target("a.service")),
        (
            "a.service",
            service(&format!("{SLEEPS}\nRestart=on-failure\nMemoryMax=64M"))
                .replace("[Unit]", "[Unit]\nDescription=The A"),
        ),
        ("a.service.d/x.conf", "[Unit]\nDocumentation=man:a(1)\n".to_owned()),
    ]);
    let status = system.printed("systemctl", &["status", "a"]);
    for part in [
        "a.service - The A",
        "Loaded: loaded (",
        "Drop-In: ",
        "Active: active (running) since ",
        "; ",
        " ago",
        "Main PID: ",
        "man:a(1)",
    ] {
        assert!(status.contains(part), "{part} in {status}");
    }
    assert!(!status.contains('\x1b'), "colours without a terminal");
    let value =
        |name: &str| system.printed("systemctl", &["show", "-p", name, "--value", "a"]).trim().to_owned();
    for (name, expected) in [
        ("Id", "a.service"),
        ("ActiveState", "active"),
        ("SubState", "running"),
        ("LoadState", "loaded"),
        ("Type", "simple"),
        ("Restart", "on-failure"),
        ("RestartUSec", "100ms"),
        ("TimeoutStopUSec", "1min 30s"),
        ("MemoryMax", "67108864"),
        ("WantedBy", "all.target"),
        ("CanReload", "no"),
        ("UnitFileState", "static"),
        ("NoSuchProperty", ""),
    ] {
        assert_eq!(value(name), expected, "{name}");
    }
    let pid: i32 = value("MainPID").parse().unwrap();
    assert!(pid > 1 && value("ActiveEnterTimestamp").ends_with(" UTC"));
    let two = system.printed("systemctl", &["show", "-p", "SubState,Id", "a"]);
    assert_eq!(two, "Id=a.service\nSubState=running\n");
    assert_eq!(system.printed("systemctl", &["show", "-P", "LoadState", "none"]), "not-found\n");
    assert_eq!(system.printed("systemctl", &["show", "-p", "SystemState"]), "SystemState=running\n");
    let files = system.printed("systemctl", &["cat", "a"]);
    assert!(
        files.contains("a.service\n[Unit]\nDescription=The A\n") && files.contains("x.conf\n[Unit]\n"),
        "{files}"
    );
    let overview = system.printed("systemctl", &["status"]);
    assert!(overview.contains("State: running") && overview.contains("Failed: 0 units"), "{overview}");
}

#[test]
fn lists() {
    let system = System::of(&[
        ("all.target", target("a.service b.service m.target")),
        ("m.target", target("c.service")),
        ("a.service", service(SLEEPS)),
        ("b.service", service("Type=oneshot\nExecStart=/bin/false")),
        ("c.service", service(ONCE)),
        ("slow.service", service("Type=oneshot\nExecStart=/bin/sleep 1000")),
    ]);
    let plain = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--plain", "--no-legend"]);
        rows(&system.printed("systemctl", &all))
    };
    assert_eq!(plain(&["list-units", "a.s*"]), ["a.service loaded active running a.service"]);
    assert_eq!(plain(&["list-units", "--failed"]), ["b.service loaded failed failed b.service"]);
    assert_eq!(plain(&["--state=exited"]), ["c.service loaded active exited c.service"]);
    assert_eq!(plain(&["list-units", "--type=target", "m*"]), ["m.target loaded active active m.target"]);
    assert_eq!(system.printed("systemctl", &["list-jobs"]), "No jobs running.\n");
    system.printed("systemctl", &["start", "--no-block", "slow"]);
    let jobs = plain(&["list-jobs"]);
    assert!(jobs.len() == 1 && jobs[0].ends_with(" slow.service start running"), "{jobs:?}");
    assert_eq!(rows(&system.printed("systemctl", &["list-sockets"]))[0], "LISTEN UNIT ACTIVATES");
    let tree = system.printed("systemctl", &["list-dependencies", "all.target"]);
    assert_eq!(
        tree,
        "all.target\n\u{25cf} \u{251c}\u{2500}a.service\n\u{d7} \u{251c}\u{2500}b.service\n\
         \u{25cf} \u{2514}\u{2500}m.target\n\u{25cf}   \u{2514}\u{2500}c.service\n"
    );
    assert_eq!(
        system.printed("systemctl", &["list-dependencies", "--reverse", "--plain", "c"]),
        "c.service\n\u{25cf}   m.target\n\u{25cf}     all.target\n"
    );
    let files = plain(&["list-unit-files", "a*"]);
    assert_eq!(files, ["a.service static -", "all.target static -"]);
}

#[test]
fn enabling_with_now_and_at_the_next_boot() {
    let system = System::of(&[
        ("all.target", target("")),
        ("a.service", service(SLEEPS) + "[Install]\nWantedBy=all.target\n"),
    ]);
    let is_enabled = || harness::text(&system.run("systemctl", &["is-enabled", "a"]).stdout);
    assert_eq!(is_enabled(), "disabled\n");
    let output = system.run("systemctl", &["enable", "--now", "a"]);
    assert!(output.status.success(), "{output:?}");
    assert!(harness::text(&output.stderr).contains("all.target.wants/a.service' \u{2192} '"), "{output:?}");
    assert_eq!(is_enabled(), "enabled\n");
    assert_eq!(system.printed("systemctl", &["is-active", "a"]), "active\n");
    // PID 1 has read the link.
    assert_eq!(system.printed("systemctl", &["show", "-P", "Wants", "all.target"]), "a.service\n");
    assert!(system.run("systemctl", &["disable", "--now", "a"]).status.success());
    assert_eq!(harness::text(&system.run("systemctl", &["is-active", "a"]).stdout), "inactive\n");
    assert_eq!(is_enabled(), "disabled\n");
}

#[test]
fn what_is_masked_while_it_runs_is_not_started_again() {
    let system = System::of(&[("all.target", target("a.service")), ("m.target", target("a.service"))]);
    let unit = |name: &str| system.path("far").join(name);
    std::fs::create_dir(system.path("far")).unwrap();
    for name in ["a.service", "b.service"] {
        std::fs::write(unit(name), service(SLEEPS) + "Restart=always\nRestartSec=10ms\n").unwrap();
        system.printed("systemctl", &["link", unit(name).to_str().unwrap()]);
        system.printed("systemctl", &["start", name]);
    }
    for name in ["a.service", "b.service"] {
        // In the place of the link that made it known.
        std::fs::remove_file(system.path("units").join(name)).unwrap();
    }
    system.printed("systemctl", &["mask", "--now", "a"]);
    system.printed("systemctl", &["mask", "b"]);
    let load = |name: &str| system.printed("systemctl", &["show", "-p", "LoadState,ActiveState", name]);
    assert_eq!(load("a"), "LoadState=masked\nActiveState=inactive\n");
    for (name, reason) in [("a", "unit a.service is masked"), ("b", "unit b.service is masked")] {
        let verb = if name == "a" { "start" } else { "restart" };
        let output = system.run("systemctl", &[verb, name]);
        assert_eq!(output.status.code(), Some(1));
        assert!(harness::text(&output.stderr).contains(reason), "{output:?}");
    }
    system.printed("systemctl", &["start", "m.target"]);
    assert_eq!(
        harness::text(&system.run("systemctl", &["is-active", "a", "b"]).stdout),
        "inactive\ninactive\n"
    );
    system.printed("systemctl", &["unmask", "a"]);
    assert_eq!(load("a"), "LoadState=not-found\nActiveState=inactive\n");
}

#[test]
fn the_default_target_is_what_a_boot_starts() {
    let system = System::of(&[("all.target", target("")), ("m.target", target(""))]);
    assert_eq!(system.printed("systemctl", &["get-default"]), "multi-user.target\n");
    let output = system.run("systemctl", &["set-default", "m"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(system.printed("systemctl", &["get-default"]), "m.target\n");
    let system = system.again("default.target");
    assert_eq!(system.printed("systemctl", &["show", "-p", "DefaultTarget"]), "DefaultTarget=m.target\n");
    assert_eq!(system.printed("systemctl", &["is-active", "m.target", "default.target"]), "active\nactive\n");
}

#[test]
fn a_transient_unit_that_does_not_start_goes_too() {
    let system = System::of(&[("all.target", target(""))]);
    for (property, code) in
        [("ConditionPathExists=/none", 0), ("Requires=none.service", 1), ("RootImage=/none", 1)]
    {
        let output = system.run("systemd-run", &["--unit=u", "-p", property, "true"]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        system.wait_until("u", "LoadState", "not-found");
        assert!(!system.path("run/transient/u.service").exists());
    }
}

#[test]
fn a_command_as_a_service() {
    let system = System::of(&[("all.target", target(""))]);
    let folder = system.path("");
    let folder = folder.to_str().unwrap();
    let script = "printf '%s|' \"$A\" \"$0\" \"$1\" \"$PWD\" > out; exit 7";
    let output = system.run(
        "systemd-run",
        &[
            "--wait",
            "-E",
            "A=100% \"x\"",
            "-p",
            "Nice=3",
            "--working-directory",
            folder,
            "/bin/sh",
            "-c",
            script,
            "$HOME",
            "a b",
        ],
    );
    let said = harness::text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.starts_with("Running as unit: run-r") && said.contains("status=7"), "{said}");
    assert_eq!(system.read("out"), format!("100% \"x\"|$HOME|a b|{}|", folder.trim_end_matches('/')));
    system.printed("systemd-run", &["--unit=mine", "--description=My own", "-q", "sleep", "1000"]);
    assert_eq!(
        system.printed("systemctl", &["show", "-p", "Description,ActiveState", "mine"]),
        "Description=My own\nActiveState=active\n"
    );
    assert_eq!(harness::text(&system.run("systemctl", &["is-enabled", "mine"]).stdout), "transient\n");
    let again = system.run("systemd-run", &["--unit=mine", "true"]);
    assert!(harness::text(&again.stderr).contains("mine.service is there already"), "{again:?}");
    system.printed("systemctl", &["daemon-reload"]);
    system.printed("systemctl", &["stop", "mine"]);
    assert_eq!(system.printed("systemctl", &["show", "-P", "LoadState", "mine"]), "not-found\n");
    let kept =
        system.run("systemd-run", &["--remain-after-exit", "--unit=kept", "--wait", "--no-block", "true"]);
    assert_eq!(kept.status.code(), Some(1));
    system.printed("systemd-run", &["--remain-after-exit", "--unit=kept", "true"]);
    system.wait_until("kept", "SubState", "exited");
}

#[test]
fn a_service_that_is_a_script_says_when_it_is_ready() {
    let berthctl = env!("CARGO_BIN_EXE_berthctl");
    let script = format!(
        "ExecStart=/bin/sh -c 'sleep 0.2; {berthctl} systemd-notify --ready --status=\"here I am\"; exec sleep 1000'\nType=notify"
    );
    let system = System::of(&[("all.target", target("")), ("a.service", service(&script))]);
    system.printed("systemctl", &["start", "a"]);
    assert_eq!(
        system.printed("systemctl", &["show", "-p", "ActiveState,StatusText", "a"]),
        "ActiveState=active\nStatusText=here I am\n"
    );
}

#[test]
fn what_a_unit_that_is_down_keeps_is_removed() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("not run: only root makes and removes folders of services");
        return;
    }
    let own = format!("berth-clean-{}", std::process::id());
    let lines = format!(
        "ExecStart=/bin/sh -c 'mkdir $STATE_DIRECTORY/sub; echo x > $STATE_DIRECTORY/sub/f; exec sleep 1000'\n\
         StateDirectory={own}\nCacheDirectory={own}/deep"
    );
    let system = System::of(&[("all.target", target("")), ("a.service", service(&lines))]);
    let there = || {
        let is_there = |path: String| Path::new(&path).exists();
        [is_there(format!("/var/lib/{own}")), is_there(format!("/var/cache/{own}/deep"))]
    };
    system.printed("systemctl", &["start", "a"]);
    let refused = system.run("systemctl", &["clean", "--what=all", "a"]);
    let said = harness::text(&refused.stderr);
    assert!(!refused.status.success() && said.contains("it is active: stop it first"), "{said}");
    assert_eq!(there(), [true, true]);
    system.printed("systemctl", &["stop", "a"]);
    system.printed("systemctl", &["clean", "a"]);
    assert_eq!(there(), [true, false]);
    system.printed("systemctl", &["clean", "--what=state", "a"]);
    assert_eq!(there(), [false, false]);
    let none = system.run("systemctl", &["clean", "--what=logs", "a"]);
    assert!(harness::text(&none.stderr).contains("no such folders are its own"), "{none:?}");
    fs::remove_dir(format!("/var/cache/{own}")).unwrap();
}

#[test]
fn how_long_the_boot_took() {
    let system = System::of(&[
        ("all.target", target("a.service b.service")),
        ("a.service", service("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 0.3")),
        ("b.service", service(ONCE).replace("[Unit]", "[Unit]\nAfter=a.service")),
    ]);
    let time = system.printed("systemd-analyze", &[]);
    assert!(time.starts_with("Startup finished in ") && time.contains("all.target reached after "), "{time}");
    let blame = system.printed("systemd-analyze", &["blame"]);
    assert!(blame.lines().next().is_some_and(|line| line.ends_with(" a.service")), "{blame}");
    let chain = system.printed("systemd-analyze", &["critical-chain"]);
    let names: Vec<&str> = chain
        .lines()
        .skip(3)
        .filter_map(|line| line.split(['@', ' ']).find(|word| word.contains("e")))
        .collect();
    assert_eq!(names.len(), 3, "{chain}");
    assert!(
        chain.contains("\u{2514}\u{2500}b.service @") && chain.contains("  \u{2514}\u{2500}a.service @"),
        "{chain}"
    );
    let plot = system.printed("systemd-analyze", &["plot"]);
    assert!(plot.contains("a.service (") && plot.ends_with("</svg>\n"), "{plot}");
}

#[test]
fn timers_are_listed_shown_and_made() {
    let timer = |lines: &str| format!("[Unit]\nDefaultDependencies=no\n[Timer]\n{lines}\n");
    let system = System::of(&[
        ("all.target", target("late.timer soon.timer")),
        ("late.timer", timer("OnCalendar=2150-01-02 03:04:05 UTC\nUnit=soon.service\nRandomizedDelaySec=0")),
        ("soon.timer", timer("OnActiveSec=1h\nOnCalendar=2001-01-01")),
        ("soon.service", service(ONCE)),
        ("idle.timer", timer("OnBootSec=1")),
        ("idle.service", service(ONCE)),
        ("lone.service", service(ONCE)),
    ]);
    let list = rows(&system.printed("systemctl", &["list-timers", "--all"]));
    assert_eq!(list[0], "NEXT LEFT LAST PASSED UNIT ACTIVATES");
    assert!(list[1].contains(" 59min - - soon.timer soon.service"), "{list:?}");
    assert!(
        list[2].contains("2150-01-02 03:04:05 UTC") && list[2].ends_with("late.timer soon.service"),
        "{list:?}"
    );
    assert_eq!(list[4], "2 timers listed.");
    for (unit, property, value) in [
        ("late.timer", "NextElapseUSecRealtime", "Fri 2150-01-02 03:04:05 UTC\n"),
        ("late.timer", "TimersCalendar", "{ OnCalendar=2150-01-02 03:04:05 UTC }\n"),
        ("late.timer", "LastTriggerUSec", "\n"),
        ("soon.timer", "TimersMonotonic", "{ OnActiveUSec=1h }\n"),
        ("soon.timer", "AccuracyUSec", "1min\n"),
        ("soon.timer", "Unit", "soon.service\n"),
        ("soon.service", "TriggeredBy", "late.timer soon.timer\n"),
    ] {
        assert_eq!(
            system.printed("systemctl", &["show", "-P", property, unit]),
            value,
            "{property} of {unit}"
        );
    }
    let status = system.printed("systemctl", &["status", "-n0", "late.timer"]);
    assert!(status.contains("Trigger: Fri 2150-01-02 03:04:05 UTC; 123 years"), "{status}");
    // One that has passed already elapses at once.
    system.printed("systemctl", &["start", "idle.timer"]);
    system.wait_until("idle.service", "ActiveState", "active");
    system.printed("systemctl", &["stop", "late.timer", "soon.timer", "idle.timer"]);
    assert_eq!(rows(&system.printed("systemctl", &["list-timers", "--no-legend"])), Vec::<String>::new());

    let folder = system.path("");
    let folder = folder.to_str().unwrap();
    let later =
        ["--unit=later", "--on-active=3s", "--timer-property=AccuracySec=1us", "--working-directory", folder];
    let output = system.run("systemd-run", &[&later[..], &["/bin/sh", "-c", "echo done > out"]].concat());
    let said = harness::text(&output.stderr);
    assert_eq!(said, "Running timer as unit: later.timer\nWill run service as unit: later.service\n");
    assert_eq!(system.printed("systemctl", &["show", "-P", "ActiveState", "later.timer"]), "active\n");
    // They are gone when it will not elapse any more.
    system.wait_until("later.timer", "LoadState", "not-found");
    system.wait_until("later.service", "LoadState", "not-found");
    assert_eq!(system.read("out"), "done\n");
    // One that elapses again keeps its service.
    let often = [
        "--unit=often",
        "--on-calendar=*:*:*",
        "--timer-property=AccuracySec=1us",
        "--working-directory",
        folder,
    ];
    system.run("systemd-run", &[&often[..], &["/bin/sh", "-c", "echo x >> often"]].concat());
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while system.read("often").lines().count() < 2 {
        assert!(std::time::Instant::now() < until, "it runs again");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    system.printed("systemctl", &["stop", "often.timer"]);
    system.wait_until("often.service", "LoadState", "not-found");
    // A timer for a unit that is there already.
    system.printed("systemd-run", &["--unit=lone", "--on-active=0"]);
    system.wait_until("lone.service", "ActiveState", "active");
    let again = system.run("systemd-run", &["--unit=soon", "--on-active=0"]);
    assert!(harness::text(&again.stderr).contains("soon.timer is there already"), "{again:?}");
}

#[test]
fn devices_are_listed_by_one_of_their_names() {
    let system = System::of(&[("all.target", target(""))]);
    let record = "SYSPATH=/sys/devices/vda\nDEVNAME=/dev/vda\nID_MODEL=QEMU disk\n";
    std::fs::write(system.path("run/devices/new"), record).unwrap();
    std::fs::rename(system.path("run/devices/new"), system.path("run/devices/sys-devices-vda")).unwrap();
    system.wait_until("sys-devices-vda.device", "ActiveState", "active");
    let list = rows(&system.printed("systemctl", &["list-units", "--type=device", "--no-legend"]));
    assert_eq!(list, ["sys-devices-vda.device loaded active plugged QEMU disk"]);
    let status = system.printed("systemctl", &["status", "-n0", "dev-vda.device"]);
    for line in ["dev-vda.device - QEMU disk", "Follows: sys-devices-vda.device", "Device: /sys/devices/vda"]
    {
        assert!(status.contains(line), "{status}");
    }
    let show = ["show", "-p", "Following,SysFSPath,SubState", "dev-vda.device"];
    let properties = system.printed("systemctl", &show);
    assert_eq!(
        properties,
        "SubState=plugged\nFollowing=sys-devices-vda.device\nSysFSPath=/sys/devices/vda\n"
    );
    let stopped = system.run("systemctl", &["stop", "dev-vda.device"]);
    assert!(harness::text(&stopped.stderr).contains("a device goes when it is unplugged"), "{stopped:?}");
}

#[test]
fn status_shows_the_last_of_the_log_in_the_zone_that_journalctl_has() {
    use journal::{Limits, Origin, Record, Writer};
    let system = System::of(&[("all.target", target("")), ("a.service", service(SLEEPS))]);
    let folder = system.path("journal");
    let origin =
        Origin { boot: "1".repeat(32).parse().unwrap(), machine: String::new(), hostname: "h".into() };
    let record = Record {
        // Tue 2026-11-24 18:10:00 UTC.
        realtime_us: 1_795_543_800_000_000,
        monotonic_us: 0,
        context: std::sync::Arc::new([("_SYSTEMD_UNIT", "a.service")].into_iter().collect()),
        fields: [("MESSAGE", "hello")].into_iter().collect(),
    };
    Writer::open(&folder, origin, Limits::default(), 0).unwrap().append(&[record], 0).unwrap();
    // The log of the machine is this one in a mount namespace alone.
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command.arg("mount -t tmpfs none /var/log && cp -r \"$0\" /var/log/journal && exec \"$@\"");
    command.arg(&folder).args([env!("CARGO_BIN_EXE_berthctl"), "systemctl", "status", "a"]);
    command.env("BERTH_INIT_SOCKET", system.path("run/init.sock")).env("TZ", "XYZ+3:30");
    let output = command.output().unwrap();
    let text = harness::text(&output.stdout) + &harness::text(&output.stderr);
    assert!(text.contains("\nNov 24 14:40:00 h unknown: hello\n"), "{text}");
}
