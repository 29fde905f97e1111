//! Services that are kept from things, by what their processes then see.

use std::collections::BTreeSet;
use std::ffi::OsString;

use unit::control::JobAction;

use crate::harness::{Units, is_root, service};

/// Runs a script as a oneshot with some settings; the machine, once it has ended well.
fn run(settings: &str, script: &str) -> (crate::harness::Machine, String) {
    let units = Units::new()
        .with("all.target", "[Unit]\nDescription=all\n")
        .with("script", script)
        .with("a.service", &format!("[Service]\nType=oneshot\n{settings}\nExecStart=/bin/sh @/script\n"));
    let machine = units.boot().reached();
    machine.job(JobAction::Start, "a.service");
    let result = machine.status("a.service").result;
    (machine, result)
}

#[track_caller]
fn sees(settings: &str, script: &str, expected: &str) {
    let (machine, result) = run(settings, &script.replace("OUT", "@/out"));
    let out = std::fs::read_to_string(machine.units.path("out")).unwrap_or_default();
    assert_eq!(out.trim(), expected, "{settings}: {result}");
}

#[test]
fn its_temporary_files_are_its_own() {
    // The folder of the test is one of those that it does not see. Other tests have folders of theirs beside it.
    let units = Units::new().with("all.target", "[Unit]\nDescription=all\n").with(
        "temporary.service",
        "[Service]\nType=oneshot\nPrivateTmp=yes\nStandardOutput=file:@/out\n\
         ExecStart=/bin/sh -c 'ls -A /tmp; touch /tmp/x /var/tmp/y'\nExecStart=/bin/ls -A /tmp /var/tmp\n",
    );
    let private = || -> BTreeSet<OsString> {
        let names = std::fs::read_dir("/tmp").unwrap().flatten().map(|entry| entry.file_name());
        names.filter(|name| name.to_string_lossy().starts_with("berth-private-temporary.service")).collect()
    };
    let before = private();
    let machine = units.boot().reached();
    machine.job(JobAction::Start, "temporary.service");
    let out = std::fs::read_to_string(machine.units.path("out")).unwrap();
    assert_eq!(out.trim(), "/tmp:\nx\n\n/var/tmp:\ny");
    assert_eq!(private(), before, "they go with the service");
}

#[test]
fn the_system_is_read_only() {
    let script = "touch /etc/berth-test 2>/dev/null && echo etc > OUT; touch @/fine && echo own >> OUT; \
                  echo x > /dev/null && echo null >> OUT";
    sees("ProtectSystem=strict\nReadWritePaths=@", script, "own\nnull");
}

#[test]
fn what_is_inaccessible_is_empty() {
    sees("InaccessiblePaths=/usr/share\nReadWritePaths=@", "ls -A /usr/share | wc -l > OUT", "0");
    sees(
        "TemporaryFileSystem=/usr/share:ro",
        "touch /usr/share/x 2>/dev/null || ls -A /usr/share | wc -l > OUT",
        "0",
    );
}

#[test]
fn what_is_bound_is_seen_elsewhere() {
    sees(
        "BindReadOnlyPaths=@:/opt/berth-test\nTemporaryFileSystem=/opt",
        "cat /opt/berth-test/script | wc -l > OUT",
        "0",
    );
}

#[test]
fn it_has_the_devices_of_every_program_and_no_others() {
    let script = "for d in null zero random kmsg sda vda; do test -e /dev/$d && echo $d; done > OUT";
    sees("PrivateDevices=yes", script, "null\nzero\nrandom");
}

#[test]
fn it_has_no_network() {
    let script = "grep -c : /proc/net/dev > OUT; cat /sys/class/net/lo/operstate >/dev/null; \
                  test -e /proc/net/route && tail -n +2 /proc/net/route | wc -l >> OUT";
    sees("PrivateNetwork=yes", script, "1\n0");
}

#[test]
fn system_calls_that_are_denied_fail_or_kill() {
    let script = "mkdir @/d 2> /dev/null; echo $? > OUT";
    sees("SystemCallFilter=~mkdir mkdirat\nSystemCallErrorNumber=EPERM", script, "1");
    // The harness puts a path for a bare @.
    sees("SystemCallFilter=\\x40system-service", script, "0");
    let (_, result) = run("SystemCallFilter=~mkdir mkdirat", "exec mkdir @/d");
    assert!(result.contains("SYS"), "{result}");
}

#[test]
fn it_cannot_make_namespaces_or_files_that_lend_identity() {
    sees("RestrictNamespaces=yes", "unshare -m true 2>/dev/null; echo $? > OUT", "1");
    sees(
        "RestrictSUIDSGID=yes",
        "touch @/f; chmod u+s @/f 2>/dev/null; echo $? > OUT; chmod 755 @/f && echo fine >> OUT",
        "1\nfine",
    );
    sees("RestrictAddressFamilies=AF_UNIX", "cat < /dev/tcp/127.0.0.1/1 2>/dev/null; echo > OUT", "");
}

#[test]
fn capabilities_are_taken_away() {
    let script = "grep CapBnd /proc/self/status | cut -f2 > OUT";
    sees("CapabilityBoundingSet=CAP_CHOWN CAP_KILL", script, "0000000000000021");
    sees("CapabilityBoundingSet=", script, "0000000000000000");
}

#[test]
fn a_command_with_a_plus_sees_everything() {
    let units = Units::new()
        .with("all.target", "[Unit]\nDescription=all\n")
        .with("look", "ls /usr/share | wc -l > @/inside")
        .with(
            "a.service",
            "[Service]\nType=oneshot\nInaccessiblePaths=/usr/share\nExecStartPre=+/bin/sh -c 'ls /usr/share | wc -l > \
             @/outside'\nExecStart=/bin/sh @/look\n",
        );
    let machine = units.boot().reached();
    machine.job(JobAction::Start, "a.service");
    let read = |name: &str| std::fs::read_to_string(machine.units.path(name)).unwrap().trim().parse::<u32>();
    assert_eq!(read("inside"), Ok(0));
    assert_ne!(read("outside"), Ok(0));
}

#[test]
fn a_path_that_must_be_there_and_is_not_keeps_it_from_starting() {
    let (_, result) = run("ReadOnlyPaths=/no/such/path", "true");
    assert!(result.contains("226"), "{result}");
    let (_, result) = run("ReadOnlyPaths=-/no/such/path", "true");
    assert_eq!(result, "success");
}

#[test]
fn programs_of_other_architectures_are_kept_out_by_a_filter_of_any_kind() {
    let script = "grep -c '^Seccomp:[[:space:]]*2' /proc/self/status > OUT; \
                  sed -n 's/^Seccomp_filters:[[:space:]]*//p' /proc/self/status >> OUT";
    for settings in ["SystemCallArchitectures=native", "SystemCallArchitectures=native\nLockPersonality=yes"]
    {
        sees(settings, script, "1\n1");
    }
}

/// A program of 32 bits (i386), that ends with 42: the head of its file, its one segment, `exit(42)`.
const I386: [u8; 96] = [
    0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, // ELF32, little-endian
    2, 0, 3, 0, 1, 0, 0, 0, 0x54, 0x80, 4, 8, 0x34, 0, 0,
    0, // a program for i386, its entry, its segments
    0, 0, 0, 0, 0, 0, 0, 0, 0x34, 0, 0x20, 0, 1, 0, 0, 0, 0, 0, 0, 0, // no sections
    1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 4, 8, 0, 0x80, 4, 8, // loaded from 0 to 0x8048000
    0x60, 0, 0, 0, 0x60, 0, 0, 0, 5, 0, 0, 0, 0, 0x10, 0, 0, // 96 bytes, to read and execute
    0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80, // mov eax, 1; mov ebx, 42; int 0x80
];

#[test]
fn a_program_of_32_bits_is_killed_where_only_native_system_calls_are_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("i386");
    std::fs::write(&program, I386).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let program = program.to_str().unwrap();
    let script = format!("{program}; echo $? > OUT");
    if std::process::Command::new(program).status().ok().and_then(|status| status.code()) != Some(42) {
        eprintln!("not run: this kernel runs no programs of 32 bits");
        return;
    }
    sees("", &script, "42");
    // A shell says 128 and the number of the signal: SIGSYS.
    sees("SystemCallArchitectures=native", &script, "159");
    sees("LockPersonality=yes", &script, "159");
}

#[test]
fn keys_are_a_services_own_unless_it_inherits_them() {
    // The serial number of its session keyring (keyctl(2), KEYCTL_GET_KEYRING_ID).
    let look = "ExecStart=/usr/bin/perl -e 'print syscall(250, 0, -3, 0)'";
    let mut units =
        Units::new().with("all.target", &crate::harness::target("a.service b.service c.service d.service"));
    for (name, mode) in [("a", "inherit"), ("b", "inherit"), ("c", "private"), ("d", "shared")] {
        let lines = format!("Type=oneshot\nKeyringMode={mode}\nStandardOutput=file:@/{name}\n{look}");
        units = units.with(&format!("{name}.service"), &service(&lines));
    }
    let machine = units.boot().reached();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| machine.read(name));
    assert_eq!(a, b);
    assert!(c != a && d != a && c != d, "{a} {c} {d}");
}

#[test]
fn the_namespaces_of_others_can_be_joined_by_their_files() {
    let mut machine = Units::new()
        .with("all.target", &crate::harness::target("owner.service"))
        .with(
            "owner.service",
            &service(
                "Type=exec\nPrivateNetwork=yes\nPrivateIPC=yes\nStandardOutput=file:@/own\n\
                 ExecStart=/bin/sh -c 'echo $$$$; readlink /proc/self/ns/net /proc/self/ns/ipc; exec sleep 1000'",
            ),
        )
        .boot()
        .reached();
    let own = machine.wait_for_file("own", |text| text.lines().count() == 3);
    let (pid, namespaces) = own.split_once('\n').unwrap();
    let joins = format!(
        "Type=oneshot\nNetworkNamespacePath=/proc/{pid}/ns/net\nIPCNamespacePath=/proc/{pid}/ns/ipc\n\
         StandardOutput=file:{}\nExecStart=/bin/readlink /proc/self/ns/net /proc/self/ns/ipc",
        machine.units.path("joined").display()
    );
    std::fs::write(machine.units.path("joins.service"), service(&joins)).unwrap();
    let wrong = joins.replace("/ns/net", "/ns/uts");
    std::fs::write(machine.units.path("wrong.service"), service(&wrong)).unwrap();
    machine.job(JobAction::Start, "joins.service");
    assert_eq!(machine.read("joined"), namespaces);
    machine.job(JobAction::Start, "wrong.service");
    assert!(machine.status("wrong.service").result.contains("226"), "a file of another kind is refused");
    machine.shut_down();
}

/// Gives the machine a `/run` of its own, so that it takes and leaves nothing of the one that tests run on.
const OWN_RUN: &str =
    "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/mount -t tmpfs run /run\n";

#[test]
fn credentials_stay_as_they_were_when_the_service_started() {
    // What they are made of changes before each command.
    let say = |name: &str| format!("/bin/sh -c 'cat $CREDENTIALS_DIRECTORY/a >> @/said; echo {name} > @/a'");
    let machine = Units::new()
        .with("a", "first\n")
        .with("all.target", &crate::harness::target("own-run.service"))
        .with("own-run.service", OWN_RUN)
        .with(
            "a.service",
            &service(&format!(
                "Type=oneshot\nRemainAfterExit=yes\nLoadCredential=a:@/a\nExecStartPre={}\nExecStartPre={}\n\
                 ExecStart={}\nExecStart={}\nExecStartPost={}\nExecStop={}",
                say("second"),
                say("third"),
                say("fourth"),
                say("fifth"),
                say("sixth"),
                say("seventh"),
            )),
        )
        .with("look.service", &service("Type=oneshot\nExecStart=/bin/sh -c 'ls /run/credentials > @/left'"))
        .boot()
        .reached();
    machine.job(JobAction::Start, "a.service");
    assert_eq!(machine.read("said"), "first\nsecond\nthird\nthird\nthird\n");
    machine.job(JobAction::Start, "look.service");
    assert_eq!(machine.read("left"), "a.service\n");
    machine.job(JobAction::Stop, "a.service");
    assert_eq!(machine.read("said"), "first\nsecond\nthird\nthird\nthird\nthird\n");
    machine.job(JobAction::Start, "look.service");
    assert_eq!(machine.read("left"), "");
}

#[test]
fn credentials_are_imported_by_pattern_from_where_they_are_stored() {
    // A store before another; what is loaded before what is imported, and that before what is set.
    let stores = "mkdir -p /run/credstore; cd /run/credstore; printf 1 > web.key; printf 2 > web.pass; printf 3 > other; \
                  printf 4 > web.loaded; mkdir web.folder; ln -s other web.link";
    let settings = [
        ("all", "ImportCredential=web.*", "web.key=1 web.link=3 web.loaded=4 web.pass=2"),
        ("one", "ImportCredential=web.key", "web.key=1"),
        ("none", "ImportCredential=db.*\nSetCredential=a:x", "a=x"),
        ("renamed", "ImportCredential=web.*:db-", "db-key=1 db-link=3 db-loaded=4 db-pass=2"),
        ("one-renamed", "ImportCredential=other:mine", "mine=3"),
        (
            "ranked",
            "SetCredential=web.key:set\nSetCredential=new:set\nLoadCredential=web.loaded:@/loaded\n\
             ImportCredential=web.*",
            "new=set web.key=1 web.link=3 web.loaded=L web.pass=2",
        ),
        ("reset", "ImportCredential=other\nImportCredential=\nImportCredential=web.key", "web.key=1"),
    ];
    let names: Vec<String> = settings.iter().map(|(name, ..)| format!("{name}.service")).collect();
    let names = format!("own-run.service stores.service {}", names.join(" "));
    let mut units = Units::new()
        .with("loaded", "L")
        .with("all.target", &crate::harness::target(&names))
        .with("own-run.service", OWN_RUN)
        .with("stores", stores)
        .with(
            "stores.service",
            &service("Type=oneshot\nExecStart=/bin/sh @/stores")
                .replace("[Unit]", "[Unit]\nRequires=own-run.service\nAfter=own-run.service"),
        );
    let show = "ExecStart=/bin/sh -c 'cd $CREDENTIALS_DIRECTORY; for f in *; do echo \"$f=$(cat $f)\"; done'";
    for (name, settings, _) in settings {
        let text = service(&format!("Type=oneshot\nStandardOutput=file:@/{name}\n{settings}\n{show}"));
        let text = text.replace("[Unit]", "[Unit]\nAfter=stores.service");
        units = units.with(&format!("{name}.service"), &text);
    }
    let machine = units.boot().reached();
    for (name, settings, expected) in settings {
        let said = machine.read(name);
        assert_eq!(said.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{settings}");
    }
}

/// What a process has: its network, its queues, and what is in its `/tmp` once it has left its name there.
const LOOK: &str = "readlink /proc/self/ns/net /proc/self/ns/ipc; touch /tmp/$1; echo $(ls /tmp)";

#[test]
fn all_processes_of_a_service_are_in_its_namespaces() {
    let units = Units::new().with("all.target", "[Unit]\nDescription=all\n").with("look", LOOK).with(
        "a.service",
        &service(
            "Type=oneshot\nPrivateNetwork=yes\nPrivateIPC=yes\nPrivateTmp=yes\nStandardOutput=append:@/out\n\
             BindReadOnlyPaths=@/look:/opt/look\nTemporaryFileSystem=/opt\n\
             ExecStartPre=/bin/sh /opt/look 1\nExecStart=/bin/sh /opt/look 2\nExecStartPost=/bin/sh /opt/look 3",
        ),
    );
    let machine = units.boot().reached();
    machine.job(JobAction::Start, "a.service");
    let out = machine.read("out");
    let said: Vec<&str> = out.lines().collect();
    assert_eq!(said.len(), 9, "{}: {out}", machine.status("a.service").result);
    assert_eq!((said[0], said[1]), (said[3], said[4]));
    assert_eq!((said[0], said[1]), (said[6], said[7]));
    assert_eq!([said[2], said[5], said[8]], ["1", "1 2", "1 2 3"]);
    let outside = ["net", "ipc"].map(|kind| std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap());
    assert_ne!([said[0], said[1]].map(std::path::PathBuf::from), outside);
}

#[test]
fn services_join_the_namespaces_of_others() {
    let own = "PrivateNetwork=yes\nPrivateIPC=yes\nPrivateTmp=yes\nBindReadOnlyPaths=@/look:/opt/look\nTemporaryFileSystem=/opt";
    let stays = |name: &str, settings: &str| {
        service(&format!(
            "Type=exec\nStandardOutput=file:@/{name}\n{settings}\nExecStart=/bin/sh -c '. /opt/look; exec sleep 1000' sh {name}"
        ))
    };
    let joins =
        |text: String, other: &str| text.replace("[Unit]", &format!("[Unit]\nJoinsNamespaceOf={other}"));
    let mut machine = Units::new()
        .with("look", LOOK)
        .with("all.target", &crate::harness::target("a.service"))
        .with("a.service", &stays("a", own))
        // Not known when the first starts; the last is joined by way of another.
        .with("b.service", &joins(stays("b", own), "a.service"))
        .with("c.service", &joins(stays("c", own), "b.service"))
        .with("alone.service", &stays("alone", own))
        .with(
            "net.service",
            &joins(stays("net", &own.replace("PrivateTmp=yes", "PrivateTmp=disconnected")), "a.service"),
        )
        .boot()
        .reached();
    let said = |machine: &crate::harness::Machine, name: &str| -> Vec<String> {
        machine.wait_for_file(name, |text| text.lines().count() == 3).lines().map(str::to_owned).collect()
    };
    let a = said(&machine, "a");
    // One after the other: each sees what those before it left.
    let [b, c, alone, net] = ["b", "c", "alone", "net"].map(|name| {
        machine.job(JobAction::Start, &format!("{name}.service"));
        said(&machine, name)
    });
    assert_eq!((&a[..2], &a[..2], &a[..2]), (&b[..2], &c[..2], &net[..2]));
    assert!(a[0] != alone[0] && a[1] != alone[1]);
    assert_eq!([&a[2], &b[2], &c[2], &alone[2], &net[2]], ["a", "a b", "a b c", "alone", "net"]);
    // It is there for as long as one of them is.
    machine.job(JobAction::Stop, "a.service");
    machine.job(JobAction::Stop, "b.service");
    std::fs::remove_file(machine.units.path("a")).unwrap();
    machine.job(JobAction::Start, "a.service");
    let again = said(&machine, "a");
    assert_eq!((&again[..2], again[2].as_str()), (&c[..2], "a b c"));
    machine.shut_down();
}

/// Removes the objects in memory of the two users below, which are the machine's.
fn forget_objects() {
    let script = "for id in $(awk '$8 == 61190 || $8 == 61191 {print $2}' /proc/sysvipc/shm); do ipcrm -m $id; done; \
                  rm -f /dev/shm/berth-left /dev/shm/berth-untidy";
    assert!(std::process::Command::new("sh").args(["-c", script]).status().unwrap().success());
}

#[test]
fn what_a_user_leaves_in_memory_goes_with_the_last_of_its_processes() {
    if !is_root() {
        eprintln!("not run: only a machine's root can give services users of their own");
        return;
    }
    // What a run that was broken off has left.
    forget_objects();
    let leaves = "ExecStart=/bin/sh -c 'ipcmk -M 4096 > /dev/null; touch /dev/shm/berth-left'";
    // The namespace of its objects is that of the test: what is made is looked for by its owner.
    let machine = Units::new()
        .with("all.target", "[Unit]\nDescription=all\n")
        .with("tidy.service", &service(&format!("Type=oneshot\nUser=61190\nRemoveIPC=yes\n{leaves}")))
        .with(
            "untidy.service",
            &service(&format!("Type=oneshot\nUser=61191\n{leaves}").replace("left", "untidy")),
        )
        .boot_as_root()
        .reached();
    machine.job(JobAction::Start, "tidy.service");
    machine.job(JobAction::Start, "untidy.service");
    let objects = |user: &str| {
        let table = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
        table.lines().filter(|line| line.split_whitespace().nth(7) == Some(user)).count()
    };
    let (tidy, untidy) = (objects("61190"), objects("61191"));
    let files = ["left", "untidy"]
        .map(|name| std::path::Path::new("/dev/shm").join(format!("berth-{name}")).exists());
    forget_objects();
    assert_eq!((tidy, untidy), (0, 1));
    assert_eq!(files, [false, true]);
}
