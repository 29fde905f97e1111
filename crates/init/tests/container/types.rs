//! Sockets, paths, mounts and slices.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use unit::control::{JobAction, Reply};

use crate::harness::{Machine, Units, helper, service, target};

/// A unit of another type than a service, without default dependencies.
fn plain(section: &str) -> String {
    format!("[Unit]\nDefaultDependencies=no\n{section}\n")
}

/// Sends a line to a stream socket and reads all that comes back.
fn ask(mut stream: impl Read + Write, line: &str, end: impl Fn()) -> String {
    stream.write_all(line.as_bytes()).unwrap();
    end();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn ask_unix(machine: &Machine, socket: &str, line: &str) -> String {
    let stream = UnixStream::connect(machine.units.path(socket)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let other = stream.try_clone().unwrap();
    ask(stream, line, || other.shutdown(Shutdown::Write).unwrap())
}

/// An address of this machine that other tests do not use.
const OWN_ADDRESS: &str = "127.0.0.3";
/// For a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind((OWN_ADDRESS, 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn a_stream_socket_starts_the_service_that_answers() {
    let machine = Units::new()
        .with("all.target", &target("a.socket"))
        .with(
            "a.socket",
            &plain(
                "[Socket]\nListenStream=@/sub/a.sock\nSocketMode=0600\nFileDescriptorName=front\n\
                 Symlinks=@/link.sock\nRemoveOnStop=yes\nExecStartPost=/bin/sh -c 'echo up > @/post'",
            ),
        )
        .with("a.service", &service(&format!("ExecStart={}", helper("answers_on_a_socket"))))
        .boot()
        .reached();
    assert_eq!(machine.read("post"), "up\n");
    assert_eq!(machine.status("a.socket").sub, "listening");
    assert_eq!(machine.status("a.service").active, "inactive");
    let mode = fs::metadata(machine.units.path("sub/a.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(ask_unix(&machine, "sub/a.sock", "hello"), "front: hello");
    assert_eq!(ask_unix(&machine, "link.sock", "again"), "front: again");
    assert_eq!(machine.status("a.socket").sub, "running");
    assert_eq!(machine.status("a.service").active, "active");
    // The service ends, and the socket waits for the next one.
    assert_eq!(machine.job(JobAction::Stop, "a.service"), Reply::Done);
    assert_eq!(machine.status("a.socket").sub, "listening");
    assert_eq!(ask_unix(&machine, "sub/a.sock", "back"), "front: back");
    assert_eq!(machine.job(JobAction::Stop, "a.service"), Reply::Done);
    assert_eq!(machine.job(JobAction::Stop, "a.socket"), Reply::Done);
    assert!(!machine.units.path("sub/a.sock").exists() && !machine.units.path("link.sock").is_symlink());
}

#[test]
fn each_connection_gets_an_instance_of_its_own() {
    let port = free_port();
    let machine = Units::new()
        .with("all.target", &target("echo.socket"))
        .with(
            "echo.socket",
            &plain(&format!("[Socket]\nListenStream={OWN_ADDRESS}:{port}\nAccept=yes\nMaxConnections=2")),
        )
        .with(
            "echo@.service",
            &service("ExecStart=/bin/sh -c 'read line; echo \"%p $REMOTE_ADDR $line\"'\nStandardInput=socket\nStandardOutput=socket"),
        )
        .boot()
        .reached();
    let connect = || {
        let stream = TcpStream::connect((OWN_ADDRESS, port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    for line in ["one", "two", "three"] {
        assert_eq!(ask(connect(), &format!("{line}\n"), || ()), format!("echo 127.0.0.1 {line}\n"));
        // What has ended is forgotten. The answer comes before that, and an instance counts until then.
        machine.wait_for_units("echo@", 0);
    }
    // Two may be open at once; a third is closed without an answer.
    let (first, second) = (connect(), connect());
    machine.wait_for_units("echo@", 2);
    let mut third = connect();
    let mut nothing = Vec::new();
    assert_eq!(third.read_to_end(&mut nothing).unwrap(), 0);
    drop((first, second));
    machine.wait_for_units("echo@", 0);
    assert_eq!(machine.status("echo.socket").sub, "listening");
}

#[test]
fn a_connection_whose_instance_does_not_start_is_closed() {
    for condition in ["ConditionPathExists=/nowhere", "Requires=broken.service\nAfter=broken.service"] {
        let port = free_port();
        let machine = Units::new()
            .with("all.target", &target("a.socket"))
            .with(
                "a.socket",
                &plain(&format!("[Socket]\nListenStream={OWN_ADDRESS}:{port}\nAccept=yes\nMaxConnections=2")),
            )
            .with("broken.service", &service("Type=oneshot\nExecStart=/bin/false"))
            .with(
                "a@.service",
                &plain(&format!("{condition}\n[Service]\nExecStart=/bin/cat\nStandardInput=socket")),
            )
            .boot()
            .reached();
        for _ in 0..5 {
            let mut stream = TcpStream::connect((OWN_ADDRESS, port)).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0, "{condition}");
        }
        machine.wait_for_units("a@", 0);
        assert_eq!(machine.status("a.socket").sub, "listening");
    }
}

#[test]
fn a_service_gets_the_sockets_of_all_that_start_it_in_order() {
    let machine = Units::new()
        .with("all.target", &target("a.service"))
        .with("a.socket", &plain("[Socket]\nListenStream=@/1\nListenDatagram=@/2\nFileDescriptorName=pair"))
        .with("b.socket", &plain("[Socket]\nListenSequentialPacket=@/3\nService=a.service"))
        .with("c.socket", &plain("[Socket]\nListenFIFO=@/4\nService=other.service"))
        .with("other.service", &service("ExecStart=/bin/true"))
        .with(
            "a.service",
            &service("Sockets=a.socket b.socket c.socket\nExecStart=/bin/sh -c 'echo $LISTEN_FDS $LISTEN_FDNAMES > @/got; ls -l /proc/self/fd >> @/got; exec sleep 1000'"),
        )
        .boot()
        .reached();
    let got = machine.wait_for_file("got", |text| text.contains(" 6 -> "));
    assert_eq!(got.lines().next(), Some("4 pair:pair:b.socket:c.socket"));
    assert!(got.lines().any(|line| line.contains(" 6 -> ") && line.ends_with("/4")), "{got}");
    for socket in ["a.socket", "b.socket", "c.socket"] {
        assert_eq!(machine.status(socket).sub, "running");
    }
}

#[test]
fn a_datagram_starts_the_service_that_reads_it() {
    let machine = Units::new()
        .with("all.target", &target("a.socket"))
        .with("a.socket", &plain("[Socket]\nListenDatagram=@/a.sock"))
        .with(
            "a.service",
            &service(&format!("Environment=OUT=@/got\nExecStart={}", helper("keeps_a_datagram"))),
        )
        .boot()
        .reached();
    let socket = UnixDatagram::unbound().unwrap();
    socket.send_to(b"payload", machine.units.path("a.sock")).unwrap();
    machine.wait_for_file("got", |text| text == "payload");
}

#[test]
fn a_fifo_starts_the_service_that_reads_it() {
    let machine = Units::new()
        .with("all.target", &target("a.socket"))
        .with("a.socket", &plain("[Socket]\nListenFIFO=@/a.fifo\nService=b.service"))
        .with(
            "b.service",
            &service("ExecStart=/bin/sh -c 'read line; echo \"$line\" > @/got'\nStandardInput=socket"),
        )
        .boot()
        .reached();
    fs::write(machine.units.path("a.fifo"), "through the fifo\n").unwrap();
    machine.wait_for_file("got", |text| text == "through the fifo\n");
}

#[test]
fn a_socket_that_cannot_be_had_is_a_failed_unit_with_the_reason() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut machine = Units::new()
        .with("all.target", &target("a.socket"))
        .with("a.socket", &plain(&format!("[Socket]\nListenStream=127.0.0.1:{port}")))
        .with("a.service", &service("ExecStart=/bin/true"))
        .boot();
    let line = machine.wait_for("a.socket failed");
    assert!(line.contains(&format!("cannot listen on 127.0.0.1:{port}: Address already in use")), "{line}");
}

#[test]
fn a_service_that_leaves_what_it_was_started_for_stops_its_socket() {
    let machine = Units::new()
        .with("all.target", &target("a.socket"))
        .with("a.socket", &plain("[Socket]\nListenDatagram=@/a.sock\nTriggerLimitBurst=3"))
        .with(
            "a.service",
            "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/true\n",
        )
        .boot()
        .reached();
    UnixDatagram::unbound().unwrap().send_to(b"x", machine.units.path("a.sock")).unwrap();
    let status = machine.wait_until("a.socket", |unit| unit.active == "failed");
    assert_eq!(status.result_word, "trigger-limit-hit");
}

#[test]
fn a_file_that_appears_starts_the_service_of_a_path_unit() {
    let machine = Units::new()
        .with("all.target", &target("a.path"))
        .with("a.path", &plain("[Path]\nPathExists=@/deep/down/flag"))
        .with(
            "a.service",
            &service("Type=oneshot\nExecStart=/bin/sh -c 'rm @/deep/down/flag; echo x >> @/runs'"),
        )
        .boot()
        .reached();
    assert_eq!(machine.status("a.path").sub, "waiting");
    for runs in 1..=2 {
        fs::create_dir_all(machine.units.path("deep/down")).unwrap();
        fs::write(machine.units.path("deep/down/flag"), "").unwrap();
        machine.wait_for_file("runs", |text| text.lines().count() == runs);
        machine.wait_until("a.path", |unit| unit.sub == "waiting");
    }
}

#[test]
fn a_file_that_changes_and_a_folder_that_fills_start_services() {
    let note = |name: &str| {
        service(&format!("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo x > @/{name}'"))
    };
    let machine = Units::new()
        .with("all.target", &target("changed.path filled.path globbed.path"))
        .with("watched", "before")
        .with("changed.path", &plain("[Path]\nPathChanged=@/watched\nUnit=note-changed.service"))
        .with(
            "filled.path",
            &plain("[Path]\nDirectoryNotEmpty=@/spool\nMakeDirectory=yes\nUnit=note-filled.service"),
        )
        .with("globbed.path", &plain("[Path]\nPathExistsGlob=@/*.flag\nUnit=note-globbed.service"))
        .with("note-changed.service", &note("changed"))
        .with("note-filled.service", &note("filled"))
        .with("note-globbed.service", &note("globbed"))
        .boot()
        .reached();
    assert_eq!(machine.read("changed") + &machine.read("filled") + &machine.read("globbed"), "");
    fs::write(machine.units.path("watched"), "after").unwrap();
    machine.wait_for_file("changed", |text| !text.is_empty());
    fs::write(machine.units.path("spool/job"), "").unwrap();
    machine.wait_for_file("filled", |text| !text.is_empty());
    fs::write(machine.units.path("x.flag"), "").unwrap();
    machine.wait_for_file("globbed", |text| !text.is_empty());
    assert_eq!(machine.status("changed.path").sub, "running");
}

/// The name of the unit that mounts something in the test's folder.
fn mount_name(units: &Units, folder: &str) -> String {
    unit::mount::unit_name(units.path(folder).to_str().unwrap()).unwrap().to_string()
}

#[test]
fn a_mount_comes_before_the_service_that_needs_it_and_goes_after_it() {
    let units = Units::new();
    let name = mount_name(&units, "data");
    let machine = units
        .with("all.target", &target("a.service"))
        .with(&name, &plain("[Mount]\nWhat=tmpfs\nWhere=@/data\nType=tmpfs\nOptions=mode=0700,x-ours,nofail"))
        .with(
            "a.service",
            &service("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'grep @/data /proc/self/mountinfo > @/seen; echo x > @/data/file'\nExecStop=/bin/sh -c 'cat @/data/file > @/last'")
                .replace("[Unit]", "[Unit]\nRequiresMountsFor=@/data/deep"),
        )
        .boot()
        .reached();
    assert!(machine.read("seen").contains("tmpfs"), "{}", machine.read("seen"));
    assert_eq!((machine.status(&name).active.as_str(), &*machine.status(&name).sub), ("active", "mounted"));
    // On the outside the folder is empty: the mount is in the namespace of the machine.
    assert!(!machine.units.path("data/file").exists());
    assert_eq!(machine.job(JobAction::Stop, &name), Reply::Done);
    assert_eq!(machine.status("a.service").active, "inactive");
    assert_eq!(machine.status(&name).sub, "dead");
    assert_eq!(machine.read("last"), "x\n");
}

#[test]
fn what_other_hands_mount_and_unmount_is_noticed() {
    let units = Units::new().with("data/.keep", "").with("free/.keep", "");
    let (name, free) = (mount_name(&units, "data"), mount_name(&units, "free"));
    let machine = units
        .with("all.target", &target("idle.service"))
        .with(
            "idle.service",
            &service("ExecStart=/bin/sleep 1000").replace("[Unit]", &format!("[Unit]\nAfter={name}")),
        )
        .with(&name, &plain("[Mount]\nWhat=tmpfs\nWhere=@/data\nType=tmpfs"))
        .with(
            "mount.service",
            &service(
                "Type=oneshot\nExecStart=mount -t tmpfs tmpfs @/data\nExecStart=mount -t tmpfs tmpfs @/free",
            ),
        )
        .with("umount.service", &service("Type=oneshot\nExecStart=umount @/data"))
        .boot()
        .reached();
    assert_eq!(machine.status(&name).sub, "dead");
    assert_eq!(machine.job(JobAction::Start, "mount.service"), Reply::Done);
    machine.wait_until(&name, |unit| unit.sub == "mounted");
    assert_eq!(machine.job(JobAction::Start, "umount.service"), Reply::Done);
    machine.wait_until(&name, |unit| unit.sub == "dead");
    // There is no file for the other, and yet it can be asked for and unmounted.
    assert_eq!(machine.status(&free).sub, "mounted");
    assert_eq!(machine.job(JobAction::Stop, &free), Reply::Done);
    assert_eq!(machine.status(&free).sub, "dead");
}

#[test]
fn a_mount_that_is_refused_is_a_failed_unit() {
    let units = Units::new();
    let name = mount_name(&units, "data");
    let mut machine = units
        .with("all.target", &target(&name))
        .with(&name, &plain("[Mount]\nWhat=tmpfs\nWhere=@/data\nType=no-such-type"))
        .boot();
    let line = machine.wait_for("failed:");
    assert!(line.contains("mounting tmpfs on ") && line.contains("exit-code"), "{line}");
    assert_eq!(machine.status(&name).active, "failed");
}

#[test]
fn a_device_is_waited_for_and_no_longer_than_its_time() {
    let units = Units::new();
    let [long, short] = ["long", "short"].map(|folder| mount_name(&units, folder));
    let mount = |folder: &str, time: &str| {
        plain(&format!(
            "[Mount]\nWhat=/dev/no-such-disk-{folder}\nWhere=@/{folder}\nType=ext4\n\
             Options=x-systemd.device-timeout={time}"
        ))
    };
    let mut machine = units
        .with("all.target", &target(&format!("{long} {short}")))
        .with(&long, &mount("long", "1h"))
        .with(&short, &mount("short", "1s"))
        .boot();
    let line = machine.wait_for("failed:");
    assert!(line.contains("/dev/no-such-disk-short") && line.contains("its device did not come"), "{line}");
    assert_eq!(machine.status(&long).sub, "waiting");
}

#[test]
fn swap_that_is_refused_is_a_failed_unit() {
    let units = Units::new().with("swap", "no swap");
    let name = mount_name(&units, "swap").replace(".mount", ".swap");
    let mut machine = units
        .with("all.target", &target(&name))
        .with(&name, &plain("[Swap]\nWhat=@/swap\nPriority=5"))
        .boot();
    let line = machine.wait_for("failed:");
    assert!(line.contains("swap on ") && line.contains("exit-code"), "{line}");
}

#[test]
fn a_mount_in_use_stays_and_says_so() {
    let units = Units::new();
    let name = mount_name(&units, "data");
    let machine = units
        .with("all.target", &target("a.service"))
        .with(&name, &plain("[Mount]\nWhat=tmpfs\nWhere=@/data\nType=tmpfs"))
        .with(
            "a.service",
            &service("ExecStart=/bin/sh -c 'cd @/data; touch @/in; exec sleep 1000'")
                .replace("[Unit]", &format!("[Unit]\nWants={name}\nAfter={name}")),
        )
        .boot()
        .reached();
    machine.wait_until("a.service", |_| machine.units.path("in").exists());
    let Reply::Error { message, .. } = machine.job(JobAction::Stop, &name) else {
        panic!("it was unmounted under the service");
    };
    assert!(message.contains("exit-code"), "{message}");
    assert_eq!(machine.status(&name).sub, "mounted");
}

#[test]
fn a_slice_limits_what_is_in_it() {
    let machine = Units::new()
        .with("all.target", &target("a.service"))
        .with("outer-inner.slice", &plain("[Slice]\nTasksMax=50\nMemoryMax=64M"))
        .with(
            "a.service",
            &service("Type=oneshot\nRemainAfterExit=yes\nSlice=outer-inner.slice\nExecStart=/bin/sh -c 'cat /proc/self/cgroup > @/group'"),
        )
        .boot()
        .reached();
    assert_eq!(machine.status("outer-inner.slice").active, "active");
    assert_eq!(machine.status("outer.slice").active, "active");
    let group = machine.read("group");
    let group = group.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
    let limit = fs::read_to_string(format!("/sys/fs/cgroup{}/../pids.max", group.trim()));
    match limit {
        Ok(limit) if group.contains("outer.slice/outer-inner.slice") => assert_eq!(limit.trim(), "50"),
        _ => eprintln!(
            "skipped: no control groups with their controllers are delegated here (the group is {group:?})"
        ),
    }
}
