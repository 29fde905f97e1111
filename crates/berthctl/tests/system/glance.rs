//! The machine at a glance, in numbers and as a report, against a PID 1 that runs.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{System, service, target, text};

const SLEEPS: &str = "ExecStart=/bin/sleep 1000";

#[test]
fn status_names_what_failed_and_works_without_pid_1() {
    let mut system = System::of(&[
        ("all.target", target("a.service")),
        ("a.service", service(SLEEPS)),
        ("bad.service", service("Type=oneshot\nExecStart=/bin/false")),
    ]);
    let status = |system: &System| text(&system.run("status", &[]).stdout);
    let screen = status(&system);
    assert!(screen.lines().next().unwrap().ends_with(" running"), "{screen}");
    assert!(screen.contains("   Failed  none\n"), "{screen}");
    system.run("systemctl", &["start", "bad"]);
    let screen = status(&system);
    assert!(screen.contains("   Failed  bad.service (exit-code)\n"), "{screen}");
    let output = system.run("status", &["--json"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains(r#""failed":[["bad.service","exit-code"]]"#));
    // Without it the rest is told, and at once.
    system.halt();
    let began = Instant::now();
    let screen = status(&system);
    assert!(screen.lines().next().unwrap().ends_with(" PID 1 does not answer"), "{screen}");
    assert!(
        screen.contains("   Memory  ") && screen.contains("  Unknown  units: cannot reach PID 1"),
        "{screen}"
    );
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn metrics_are_scraped_from_a_socket_of_pid_1() {
    let program = env!("CARGO_BIN_EXE_berthctl");
    let folder = tempfile::tempdir().unwrap();
    // Where PID 1 is to be asked is known only when it runs.
    let init = folder.path().join("init.sock");
    let scrape = format!(
        "[Unit]\nDefaultDependencies=no\nCollectMode=inactive-or-failed\n[Service]\n\
         Environment=BERTH_INIT_SOCKET={}\nExecStart={program} metrics --serve\n\
         StandardInput=socket\nStandardOutput=socket\n",
        init.display()
    );
    let socket = folder.path().join("metrics.sock");
    let listen = format!(
        "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream={}\nSocketMode=0660\nAccept=yes\n",
        socket.display()
    );
    let system = System::of(&[
        ("all.target", target("m.socket a.service")),
        ("a.service", service(SLEEPS)),
        ("m.socket", listen),
        ("m@.service", scrape),
    ]);
    std::os::unix::fs::symlink(system.path("run/init.sock"), &init).unwrap();
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    let ask = |request: &str| {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
    assert!(
        head.contains("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{head}"
    );
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    for line in [
        "berth_init_up 1",
        "node_systemd_unit_state{name=\"a.service\",state=\"active\"} 1",
        "node_systemd_system_running 1",
        "# EOF",
    ] {
        assert!(body.lines().any(|found| found == line), "{line} is not in {body}");
    }
    assert!(ask("GET /secret HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404 "));
    // Who scrapes leaves nothing behind.
    let until = Instant::now() + Duration::from_secs(30);
    while system.printed("systemctl", &["list-units", "--all", "--plain"]).contains("m@") {
        assert!(Instant::now() < until, "a scrape is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_report_is_an_archive_that_others_read() {
    let secret = "planted-secret";
    let system = System::of(&[
        ("all.target", target("")),
        (
            "bad.service",
            service(&format!(
                "Type=oneshot\nEnvironment=API_TOKEN={secret}\nExecStart=/bin/sh -c ': {secret}; exit 3'"
            )),
        ),
    ]);
    system.run("systemctl", &["start", "bad"]);
    let report = system.path("report.tar");
    let output = system.run("report", &["-o", report.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with(report.to_str().unwrap()));
    assert_eq!(std::fs::metadata(&report).unwrap().permissions().mode() & 0o777, 0o600);
    let unpacked = Command::new("tar").arg("-xOf").arg(&report).output().unwrap();
    assert!(unpacked.status.success());
    let all = String::from_utf8_lossy(&unpacked.stdout);
    assert!(all.contains("bad.service: failed (failed), result exit-code 3"), "bad.service is not told of");
    assert!(all.contains("failed.txt             units that failed ("), "the index is not there");
    assert!(!all.contains(secret), "the secret is in the report");
    // A place that cannot be written is told, and nothing is left.
    let output = system.run("report", &["-o", "/nowhere/report.tar"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot write /nowhere/report.tar"));
}
