//! Daemons from their packages under our PID 1: up, answering, and cleanly down.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use unit::control::{JobAction, Reply, Request, UnitStatus};

use crate::force::{Asked, Process};
use crate::{root, tree};

const PATIENCE: Duration = Duration::from_secs(120);

/// Their units.
const UNITS: [&str; 7] = [
    "nginx.service",
    "redis-server.service",
    "postgresql@.service",
    "chrony.service",
    "prometheus-node-exporter.service",
    "haproxy.service",
    "memcached.service",
];
/// As they are started.
const STARTED: [&str; 7] = [
    "nginx.service",
    "redis-server.service",
    "postgresql@17-main.service",
    "chrony.service",
    "prometheus-node-exporter.service",
    "haproxy.service",
    "memcached.service",
];

/// What asks each whether it serves; a shell's script each.
const QUESTIONS: [(&str, &str); 7] = [
    (
        "nginx",
        "exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; [[ \"$(cat <&3)\" == *nginx* ]]",
    ),
    ("redis", "test \"$(redis-cli ping)\" = PONG"),
    ("postgres", "test \"$(psql -h /run/postgresql -U postgres -Atc 'select 40+2')\" = 42"),
    ("chrony", "chronyc -h /run/chrony/chronyd.sock tracking"),
    (
        "node",
        "exec 3<>/dev/tcp/127.0.0.1/9100; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; [[ \"$(cat <&3)\" == *node_load1* ]]",
    ),
    (
        "haproxy",
        "exec 3<>/dev/tcp/127.0.0.1/8404; printf 'GET /ok HTTP/1.0\\r\\n\\r\\n' >&3; [[ \"$(cat <&3)\" == *200* ]]",
    ),
    (
        "memcached",
        "exec 3<>/dev/tcp/127.0.0.1/11211; printf 'version\\r\\nquit\\r\\n' >&3; [[ \"$(cat <&3)\" == VERSION* ]]",
    ),
];

/// Who asks: PostgreSQL answers whom it knows.
fn asker(name: &str) -> &'static str {
    if name == "postgres" { "postgres" } else { "root" }
}

/// PID 1 over a root of the packages.
struct System {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
    shared: tempfile::TempDir,
    _root: tempfile::TempDir,
}

impl System {
    fn boot(tree: &Path) -> System {
        let (shared, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let units = shared.path().join("units");
        root::copy_units(tree, &UNITS, &units);
        let write = |name: &str, text: String| {
            let path = units.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("all.target", format!("[Unit]\nDescription=All\nWants={}\n", STARTED.join(" ")));
        // Their packages' scripts would make the cluster; no clock but this machine's is set.
        write(
            "cluster.service",
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/pg_createcluster --locale=C.UTF-8 17 \
             main\n"
                .to_owned(),
        );
        write(
            "postgresql@.service.d/cluster.conf",
            "[Unit]\nRequires=cluster.service\nAfter=cluster.service\nAssertPathExists=\n".to_owned(),
        );
        write("chrony.service.d/x.conf", "[Service]\nEnvironment=DAEMON_OPTS=-x\n".to_owned());
        write("haproxy.service.d/x.conf", "[Service]\nEnvironment=CONFIG=/shared/haproxy.cfg\n".to_owned());
        fs::write(
            shared.path().join("haproxy.cfg"),
            "global\n  user haproxy\n  group haproxy\ndefaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  \
             timeout connect 5s\nfrontend f\n  bind 127.0.0.1:8404\n  monitor-uri /ok\n",
        )
        .unwrap();
        for (name, question) in QUESTIONS {
            let script = format!(
                "for i in $(seq 50); do ({question}) 2> /tmp/why-$$ && exit 0; sleep 0.2; done; cat /tmp/why-$$; exit 1\n"
            );
            fs::write(shared.path().join(format!("ask-{name}.sh")), script).unwrap();
            write(
                &format!("ask-{name}.service"),
                format!(
                    "[Service]\nType=oneshot\nUser={}\nExecStart=/bin/bash /shared/ask-{name}.sh\n",
                    asker(name)
                ),
            );
        }
        let mut child = Command::new("unshare")
            .args(["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child", "sh", "-c"])
            .arg(root::script())
            .env("ROOT", root.path())
            .env("TREE", tree)
            .env("SHARED", shared.path())
            .env("INIT", env!("CARGO_BIN_EXE_init"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("unshare (util-linux) runs");
        let stderr = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        System { child, lines, heard: Vec::new(), shared, _root: root }
    }

    fn wait_for(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.heard.push(line);
                    if self.heard.last().is_some_and(|line| line.contains(text)) {
                        return;
                    }
                }
                Err(error) => panic!("{text:?} did not come ({error}); heard:\n{}", self.heard.join("\n")),
            }
        }
    }

    fn ask(&self, request: &Request) -> Reply {
        let mut stream = UnixStream::connect(self.shared.path().join("run/init.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut line = serde_json::to_vec(request).unwrap();
        line.push(b'\n');
        stream.write_all(&line).unwrap();
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply).unwrap();
        serde_json::from_str(&reply).unwrap()
    }

    /// PID 1's own process, as it is known outside.
    fn inner(&self) -> u32 {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        fs::read_to_string(children).unwrap().trim().parse().unwrap()
    }

    fn job(&self, action: JobAction, unit: &str) -> Reply {
        self.ask(&Request::Job { action, units: vec![unit.to_owned()], wait: true })
    }

    fn status(&self, unit: &str) -> UnitStatus {
        match self.ask(&Request::Status { unit: unit.to_owned() }) {
            Reply::Status { unit } => *unit,
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[test]
fn daemons_from_their_packages_run_and_stop_cleanly() {
    let Some(tree) = tree() else { return };
    if !root::is_root() {
        eprintln!("not run: only a machine's root can give services users of their own");
        return;
    }
    let mut system = System::boot(&tree);
    system.wait_for("reached-target");
    let mut problems = Vec::new();
    for unit in STARTED {
        let status = system.status(unit);
        if status.active != "active" {
            problems.push(format!("{unit} is {} ({}): {}", status.active, status.sub, status.result));
        }
    }
    let init = Process::find(system.inner(), 1);
    for (unit, file) in STARTED.iter().zip(UNITS) {
        let asked = Asked::read(&tree.join(crate::UNITS).join(file));
        let Some(main) = system.status(unit).main_pid else {
            continue;
        };
        let misses = Process::find(system.inner(), main).misses(&asked, &init);
        problems.extend(misses.iter().map(|what| format!("{unit}: not in force: {what}")));
    }
    for (name, _) in QUESTIONS {
        let reply = system.job(JobAction::Start, &format!("ask-{name}.service"));
        if reply != Reply::Done {
            problems.push(format!("{name} does not answer: {reply:?}"));
        }
    }
    for unit in STARTED {
        let reply = system.job(JobAction::Stop, unit);
        let status = system.status(unit);
        if reply != Reply::Done || status.active != "inactive" || status.result_word != "success" {
            problems.push(format!("{unit} stops badly: {reply:?}, {} ({})", status.active, status.result));
        }
    }
    while let Ok(line) = system.lines.try_recv() {
        system.heard.push(line);
    }
    assert!(problems.is_empty(), "{}\nheard:\n{}", problems.join("\n"), system.heard.join("\n"));
}
