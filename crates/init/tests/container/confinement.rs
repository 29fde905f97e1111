//! Every directive that confines a service, by what the service is then refused. Each probe also runs
//! without the directive, so that what is seen is what the directive does.

use std::collections::BTreeSet;

use unit::directive::{Class, class};

use crate::harness::{Machine, Units, is_root, service};

/// What a case needs of the machine that it runs on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// A user namespace.
    Nothing,
    /// All users, or the files of the system.
    Root,
    /// Control groups too.
    Groups,
}
use Needs::{Groups, Nothing, Root};

/// Settings, what a shell is asked, what it says under them, and what without them.
struct Case(Needs, &'static str, &'static str, &'static str, &'static str);

/// What probes are made with: `call` makes a system call and says `ok` or the error's number; `ns` says
/// whether a namespace is PID 1's.
const PRELUDE: &str = r#"
call() { perl -e '($n, @a) = map { /^-?\d+$/ ? $_ + 0 : $_ } @ARGV; $r = syscall($n, @a); print $r < 0 ? $! + 0 : "ok", "\n"' "$@"; }
ns() { [ "$(readlink /proc/self/ns/$1)" = "$(cat BASE/ns-$1)" ] && echo shared || echo own; }
writable() { for path; do [ -w $path ] && echo $path; done; }
status() { sed -n "s/^$1:[[:space:]]*//p" /proc/self/status; }
amount() { ls -A $1 2> /dev/null | wc -l | sed 's/^[1-9].*/some/'; }
lacks() { [ $((0x$(status CapBnd) >> $1 & 1)) = 0 ] && echo lacks; }
kind() { stat -f -c %T $1; }
"#;

/// Numbers of x86-64's system calls.
const CASES: &[Case] = &[
    // Privileges.
    Case(Nothing, "NoNewPrivileges=yes", "status NoNewPrivs", "1", "0"),
    Case(
        Nothing,
        "CapabilityBoundingSet=CAP_CHOWN CAP_KILL",
        "status CapBnd",
        "0000000000000021",
        "000001ffffffffff",
    ),
    Case(Nothing, "CapabilityBoundingSet=~CAP_SYS_CHROOT", "chroot / true 2> /dev/null; echo $?", "125", "0"),
    Case(Nothing, "CapabilityBoundingSet=", "status CapEff", "0000000000000000", "000001ffffffffff"),
    Case(
        Nothing,
        "CapabilityBoundingSet=CAP_KILL\nCapabilityBoundingSet=~",
        "status CapBnd",
        "000001ffffffffff",
        "000001ffffffffff",
    ),
    Case(
        Root,
        "User=nobody\nAmbientCapabilities=CAP_NET_BIND_SERVICE CAP_KILL",
        "status CapEff; status CapAmb",
        "0000000000000420\n0000000000000420",
        ANY,
    ),
    Case(Nothing, "SecureBits=noroot", "status CapEff", "0000000000000000", "000001ffffffffff"),
    Case(Nothing, "UMask=0077", "umask", "0077", "0022"),
    // An ordinary user's filter leaves programs the privileges that their files lend.
    Case(
        Root,
        "User=nobody\nSystemCallFilter=~uselib",
        "status Seccomp; status NoNewPrivs; status CapEff",
        "2\n0\n0000000000000000",
        ANY,
    ),
    // Paths.
    Case(Root, "ProtectSystem=yes", "writable /usr /etc /var", "/etc\n/var", "/usr\n/etc\n/var"),
    Case(Root, "ProtectSystem=full", "writable /usr /etc /var", "/var", "/usr\n/etc\n/var"),
    Case(Root, "ProtectSystem=strict", "writable /usr /etc /var /dev", "/dev", "/usr\n/etc\n/var\n/dev"),
    Case(
        Root,
        "ProtectSystem=strict\nReadWritePaths=/var\nReadOnlyPaths=/var/lib",
        "writable /etc /var/lib /var",
        "/var",
        "/etc\n/var/lib\n/var",
    ),
    Case(Root, "ProtectHome=yes", "amount /root; cd /root && writable /root", "0", "some\n/root"),
    Case(Root, "ProtectHome=read-only", "amount /root; writable /root", "some", "some\n/root"),
    Case(Root, "ProtectHome=tmpfs", "amount /root; writable /root; stat -c %a /root", "0\n755", ANY),
    Case(
        Nothing,
        "PrivateTmp=yes",
        "amount /tmp; rm $(mktemp /tmp/x.XXXXXX) && echo fine",
        "0\nfine",
        "some\nfine",
    ),
    Case(
        Nothing,
        "PrivateTmp=disconnected",
        "amount /tmp; kind /tmp; stat -c %a /var/tmp",
        "0\ntmpfs\n1777",
        ANY,
    ),
    Case(Root, "ReadOnlyPaths=/var", "writable /var", "", "/var"),
    Case(
        Nothing,
        "InaccessiblePaths=/usr/share /etc/passwd",
        "amount /usr/share; wc -c < /etc/passwd | sed 's/^[1-9].*/some/'",
        "0\n0",
        "some\nsome",
    ),
    Case(
        Nothing,
        "NoExecPaths=/\nExecPaths=/usr /bin /lib /lib64",
        "cp /bin/true BASE/true$$; BASE/true$$ 2> /dev/null; echo $?; /bin/true && echo fine",
        "126\nfine",
        "0\nfine",
    ),
    Case(
        Nothing,
        "TemporaryFileSystem=/usr/share:ro",
        "amount /usr/share; touch /usr/share/x 2> /dev/null || echo no",
        "0\nno",
        ANY,
    ),
    Case(
        Nothing,
        "TemporaryFileSystem=/usr/share:noexec,size=1M",
        "cp /bin/true /usr/share/true; /usr/share/true 2> /dev/null; echo $?",
        "126",
        ANY,
    ),
    // What is hidden can be shown again, read-only or not.
    Case(
        Root,
        "TemporaryFileSystem=/var\nBindPaths=/var/lib\nBindReadOnlyPaths=/var/log",
        "ls /var; writable /var/lib /var/log",
        "lib\nlog\n/var/lib",
        ANY,
    ),
    Case(
        Root,
        "ProtectHome=tmpfs\nBindReadOnlyPaths=/etc:/root/etc -/no/such",
        "ls /root; amount /root/etc; writable /root/etc",
        "etc\nsome",
        ANY,
    ),
    Case(
        Root,
        "TemporaryFileSystem=/var/lib\nStateDirectory=berth-confinement",
        "ls /var/lib; writable /var/lib/berth-confinement",
        "berth-confinement\n/var/lib/berth-confinement",
        ANY,
    ),
    // Users and files that are there as long as the service.
    Case(
        Root,
        "DynamicUser=yes\nStateDirectory=berth-confinement-a/b",
        "id -u | sed 's/^6[1-5]...$/dynamic/'; writable /etc /var $STATE_DIRECTORY; ls /var/lib/private; status NoNewPrivs; kind /tmp; [ $(stat -c %u $STATE_DIRECTORY/.) = $(id -u) ] && echo own",
        "dynamic\n/var/lib/berth-confinement-a/b\nberth-confinement-a\n1\ntmpfs\nown",
        ANY,
    ),
    Case(
        Root,
        "User=nobody\nSetCredential=a:x\\x20y\nSetCredential=b:no\nLoadCredential=b:/etc/passwd",
        "cat $CREDENTIALS_DIRECTORY/a; echo; stat -c '%a %U' $CREDENTIALS_DIRECTORY/a; cmp $CREDENTIALS_DIRECTORY/b /etc/passwd && echo same",
        "x y\n400 nobody\nsame",
        ANY,
    ),
    // Devices.
    Case(
        Root,
        "PrivateDevices=yes",
        "[ -e /dev/kmsg ] && echo kmsg; touch /dev/x 2> /dev/null && { rm /dev/x; echo made; }; call 173 0 0 0; echo x > /dev/null && echo fine; cp /bin/true /dev/shm/berth-true$$; /dev/shm/berth-true$$ && echo executed; rm /dev/shm/berth-true$$",
        "1\nfine\nexecuted",
        ANY,
    ),
    Case(Groups, "PrivateDevices=yes\nCapabilityBoundingSet=", "head -c1 /dev/zero | wc -c", "1", "1"),
    Case(
        Groups,
        "DevicePolicy=strict\nDeviceAllow=/dev/null rw",
        "head -c1 /dev/zero 2> /dev/null | wc -c; echo > /dev/null && echo fine",
        "0\nfine",
        "1\nfine",
    ),
    Case(
        Groups,
        "DevicePolicy=closed",
        "head -c1 /dev/zero | wc -c; head -c0 /dev/kmsg 2> /dev/null && echo kmsg",
        "1",
        "1\nkmsg",
    ),
    Case(
        Groups,
        "DeviceAllow=/dev/kmsg r",
        "head -c0 /dev/kmsg && echo kmsg; true > /dev/kmsg 2> /dev/null || echo no",
        "kmsg\nno",
        "kmsg",
    ),
    // Namespaces.
    Case(
        Nothing,
        "PrivateNetwork=yes",
        "ns net; ns mnt; tail -n +3 /proc/net/dev | wc -l; call 41 2 1 0",
        "own\nown\n1\nok",
        ANY,
    ),
    Case(Root, "PrivateNetwork=yes", "ls /sys/class/net", "lo", ANY),
    Case(Nothing, "PrivateNetwork=yes\nPrivateMounts=no", "ns net; ns mnt", "own\nshared", "shared\nshared"),
    Case(Nothing, "PrivateIPC=yes", "ns ipc", "own", "shared"),
    Case(Nothing, "PrivateMounts=yes", "ns mnt; mount -t tmpfs x /mnt && kind /mnt", "own\ntmpfs", ANY),
    Case(
        Nothing,
        "PrivateMounts=yes\nMountFlags=private",
        "grep -c -e shared: -e master: /proc/self/mountinfo",
        "0",
        ANY,
    ),
    Case(Nothing, "MountFlags=slave", "ns mnt; grep -c shared: /proc/self/mountinfo", "own\n0", ANY),
    Case(
        Nothing,
        "PrivatePIDs=yes",
        "ns pid; echo $$; [ -d /proc/3000000 ]; ls -d /proc/[0-9]* | wc -l | sed 's/^[1-5]$/few/'",
        "own\n1\nfew",
        ANY,
    ),
    Case(
        Root,
        "User=nobody\nPrivateUsers=yes",
        "ns user; awk '{print $1, $2, $3}' /proc/self/uid_map; stat -c %U /var/mail/.. /etc; id -u",
        "own\n0 0 1\n65534 65534 1\nroot\nroot\n65534",
        ANY,
    ),
    Case(Root, "PrivateUsers=self", "wc -l < /proc/self/gid_map; call 170 0 -1", "1\n1", "1\n22"),
    Case(
        Root,
        "PrivateUsers=identity",
        "awk '{print $1, $2, $3}' /proc/self/uid_map; call 170 0 -1",
        "0 0 65536\n1",
        ANY,
    ),
    Case(Root, "ProtectHostname=yes", "ns uts; call 170 0 -1", "own\n1", "shared\n22"),
    Case(
        Root,
        "ProtectControlGroups=yes",
        "writable $(awk '$5 ~ \"/sys/fs/cgroup\" {print $5}' /proc/self/mountinfo)",
        "",
        ANY,
    ),
    Case(Groups, "ProtectControlGroups=private", "ns cgroup; grep ^0:: /proc/self/cgroup", "own\n0::/", ANY),
    Case(Groups, "ProtectControlGroups=strict", "ns cgroup; writable /sys/fs/cgroup", "own", ANY),
    // The kernel.
    Case(
        Root,
        "ProtectKernelTunables=yes",
        "writable /proc/sys/kernel/core_pattern /proc/irq /sys/kernel; head -c9 /proc/kallsyms | wc -c; [ -r /proc/meminfo ] && echo fine",
        "0\nfine",
        "/proc/sys/kernel/core_pattern\n/proc/irq\n/sys/kernel\n9\nfine",
    ),
    Case(
        Nothing,
        "ProtectKernelModules=yes",
        "call 313 -1 0 0; lacks 16; amount /usr/lib/modules",
        "1\nlacks\n0",
        ANY,
    ),
    Case(
        Root,
        "ProtectKernelLogs=yes",
        "call 103 10 0 0; dd if=/dev/kmsg bs=8192 count=1 iflag=nonblock 2> /dev/null | wc -c | sed 's/^[1-9].*/some/'; lacks 34",
        "1\n0\nlacks",
        ANY,
    ),
    Case(
        Nothing,
        "ProtectClock=yes",
        "call 227 0 0; call 228 0 0; lacks 25; lacks 35",
        "1\n14\nlacks\nlacks",
        ANY,
    ),
    Case(
        Root,
        "User=nobody\nProtectProc=invisible",
        "[ -d /proc/1 ] || echo hidden; [ -d /proc/self ] && echo self",
        "hidden\nself",
        ANY,
    ),
    Case(
        Root,
        "User=nobody\nProtectProc=noaccess",
        "[ -d /proc/1 ] && echo seen; head -c1 /proc/1/cmdline > /dev/null 2>&1 || echo no",
        "seen\nno",
        ANY,
    ),
    Case(
        Nothing,
        "ProcSubset=pid",
        "[ -e /proc/meminfo ] || echo hidden; [ -d /proc/1 ] && echo seen",
        "hidden\nseen",
        "seen",
    ),
    // Sockets.
    Case(
        Nothing,
        "RestrictAddressFamilies=AF_UNIX",
        "call 41 1 1 0; call 41 2 1 0; call 41 16 3 0",
        "ok\n97\n97",
        "ok\nok\nok",
    ),
    Case(
        Nothing,
        "RestrictAddressFamilies=~AF_NETLINK AF_PACKET",
        "call 41 2 1 0; call 41 16 3 0",
        "ok\n97",
        "ok\nok",
    ),
    Case(Nothing, "RestrictAddressFamilies=none", "call 41 1 1 0", "97", "ok"),
    Case(Groups, "IPAddressDeny=any", SEND, "no\nno", "ok\nok"),
    Case(Groups, "IPAddressDeny=any\nIPAddressAllow=localhost", SEND, "ok\nok", "ok\nok"),
    Case(Groups, "IPAddressDeny=127.0.0.0/8 10.0.0.1", SEND, "no\nok", "ok\nok"),
    // System calls.
    Case(
        Nothing,
        "RestrictNamespaces=yes",
        "call 272 67108864; call 272 134217728; call 308 0 0",
        "1\n1\n1",
        ANY,
    ),
    Case(Nothing, "RestrictNamespaces=uts", "call 272 67108864; call 272 134217728", "ok\n1", "ok\nok"),
    Case(Nothing, "RestrictNamespaces=~ipc", "call 272 67108864; call 272 134217728", "ok\n1", "ok\nok"),
    Case(
        Nothing,
        "RestrictSUIDSGID=yes",
        "touch BASE/f$$; chmod u+s BASE/f$$ 2> /dev/null; echo $?; chmod 700 BASE/f$$; echo $?; call 2 /etc/passwd 0 2048; call 257 -100 BASE/g$$ 577 2541",
        "1\n0\nok\n1",
        "0\n0\nok\nok",
    ),
    Case(
        Nothing,
        "RestrictRealtime=yes",
        "perl -e '$p = pack(\"i\", 0); print syscall(144, 0, 1, $p) < 0 ? $! + 0 : \"ok\"'; echo; perl -e '$p = pack(\"i\", 0); print syscall(144, 0, 3, $p) < 0 ? $! + 0 : \"ok\"'",
        "1\nok",
        "22\nok",
    ),
    Case(Nothing, "LockPersonality=yes", "call 135 8; call 135 4294967295", "1\nok", "ok\nok"),
    Case(
        Nothing,
        "LockPersonality=yes\nPersonality=x86",
        "uname -m; call 135 0; call 135 8",
        "i686\n1\nok",
        ANY,
    ),
    Case(
        Nothing,
        "MemoryDenyWriteExecute=yes",
        "call 9 0 4096 7 34 -1 0; call 9 0 4096 3 34 -1 0",
        "1\nok",
        "ok\nok",
    ),
    Case(
        Nothing,
        "SystemCallFilter=~mkdir mkdirat\nSystemCallErrorNumber=EACCES",
        "call 83 BASE/d$$ 448; call 80 /",
        "13\nok",
        "ok\nok",
    ),
    Case(
        Nothing,
        "SystemCallFilter=~mkdir:EBUSY mkdirat",
        "call 83 BASE/d$$ 448; call 258 -100 BASE/e$$ 448 2> /dev/null; echo $?",
        "16\n159",
        ANY,
    ),
    Case(
        Nothing,
        "SystemCallFilter=\\x40system-service\nSystemCallErrorNumber=EPERM",
        "call 165 x /mnt tmpfs 0 0; call 161 /; call 80 /",
        "1\n1\nok",
        ANY,
    ),
    Case(
        Nothing,
        "SystemCallFilter=\\x40system-service chroot\nSystemCallFilter=~\\x40resources\nSystemCallErrorNumber=EPERM",
        "call 161 /; call 141 0 0 19",
        "ok\n1",
        "ok\nok",
    ),
    Case(Nothing, "SystemCallFilter=~chroot", "call 161 /; echo $?", "159", "ok\n0"),
    Case(Nothing, "SystemCallArchitectures=native", "status Seccomp; status Seccomp_filters", "2\n1", "0\n0"),
    Case(
        Nothing,
        "SystemCallLog=chroot",
        "status Seccomp; status Seccomp_filters; call 161 /",
        "2\n1\nok",
        "0\n0\nok",
    ),
    Case(Nothing, "SystemCallLog=~\\x40system-service", "status Seccomp; call 80 /", "2\nok", "0\nok"),
];

/// That what is seen without the directive does not matter: it depends on the machine.
const ANY: &str = "*";

/// Sends a datagram over each version of the protocol.
const SEND: &str = "perl -MSocket=:all -e 'socket(S, PF_INET, SOCK_DGRAM, 0); print send(S, \"x\", 0, \
                    pack_sockaddr_in(9, inet_aton(\"127.0.0.1\"))) ? \"ok\" : \"no\", \"\\n\"; \
                    socket(T, PF_INET6, SOCK_DGRAM, 0); print send(T, \"x\", 0, \
                    pack_sockaddr_in6(9, inet_pton(AF_INET6, \"::1\"))) ? \"ok\" : \"no\", \"\\n\"'";

/// Directives that are seen by other tests: of this file, of `confined.rs`.
const ELSEWHERE: &[&str] =
    &["ImportCredential", "KeyringMode", "RemoveIPC", "NetworkNamespacePath", "IPCNamespacePath"];

/// What is tested here: all that systemd.exec(5) calls capabilities, security, sandboxing and system call
/// filtering, and of systemd.resource-control(5) devices and addresses.
const CONFINING: &[&str] = &[
    "DynamicUser",
    "SetCredential",
    "LoadCredential",
    "ImportCredential",
    "NoNewPrivileges",
    "SecureBits",
    "CapabilityBoundingSet",
    "AmbientCapabilities",
    "UMask",
    "ProtectSystem",
    "ProtectHome",
    "PrivateTmp",
    "PrivateDevices",
    "PrivateNetwork",
    "PrivateUsers",
    "PrivateIPC",
    "PrivateMounts",
    "PrivatePIDs",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "InaccessiblePaths",
    "ExecPaths",
    "NoExecPaths",
    "TemporaryFileSystem",
    "BindPaths",
    "BindReadOnlyPaths",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectControlGroups",
    "ProtectClock",
    "ProtectHostname",
    "ProtectProc",
    "ProcSubset",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictSUIDSGID",
    "RestrictRealtime",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "SystemCallFilter",
    "SystemCallErrorNumber",
    "SystemCallArchitectures",
    "SystemCallLog",
    "KeyringMode",
    "RemoveIPC",
    "IPAddressAllow",
    "IPAddressDeny",
    "NetworkNamespacePath",
    "IPCNamespacePath",
    "MountFlags",
    "DevicePolicy",
    "DeviceAllow",
    "Personality",
];

#[test]
fn no_directive_that_confines_is_without_a_test() {
    let words = CASES.iter().flat_map(|case| case.1.lines()).filter_map(|line| line.split('=').next());
    let tested: BTreeSet<&str> = words.chain(ELSEWHERE.iter().copied()).collect();
    for directive in CONFINING {
        assert_eq!(class("Service", directive), Some(Class::Done), "{directive}");
        assert!(tested.contains(directive), "{directive}= is not tested");
    }
}

/// The cases that this machine can run, as units: each under its directive and without it.
fn units(cases: &[(usize, &Case)]) -> Units {
    let names = |suffix: &str| {
        cases.iter().map(|(at, _)| format!("{suffix}{at}.service")).collect::<Vec<_>>().join(" ")
    };
    let mut units = Units::new().with(
        "all.target",
        &format!(
            "[Unit]\nDefaultDependencies=no\nWants={} {}\nAfter={} {}\n",
            names("c"),
            names("f"),
            names("c"),
            names("f")
        ),
    );
    for kind in ["net", "mnt", "ipc", "pid", "user", "uts", "cgroup"] {
        units = units.with(&format!("ns-{kind}"), "");
    }
    units = units.with(
        "note",
        "for kind in net mnt ipc pid user uts cgroup; do readlink /proc/self/ns/$kind > @/ns-$kind; done\n",
    );
    units = units.with("note.service", &service("Type=oneshot\nExecStart=/bin/sh @/note"));
    let base = units.path("").display().to_string();
    let base = base.trim_end_matches('/');
    for (at, Case(_, settings, probe, _, _)) in cases {
        let script = format!("{PRELUDE}\n{probe}\n").replace("BASE", base);
        std::fs::write(units.path(&format!("probe{at}")), script).unwrap();
        for (name, settings) in [("c", *settings), ("f", "")] {
            let text = format!(
                "[Unit]\nDefaultDependencies=no\nRequires=note.service\nAfter=note.service\n[Service]\nType=oneshot\nTimeoutStartSec=30\n\
                 StandardInput=file:{base}/probe{at}\nStandardOutput=file:{base}/{name}{at}.out\nStandardError=null\n{settings}\nExecStart=-/bin/sh -s\n"
            );
            std::fs::write(units.path(&format!("{name}{at}.service")), text).unwrap();
        }
    }
    units
}

fn judge(machine: &Machine, cases: &[(usize, &Case)]) {
    let mut wrong = Vec::new();
    for (at, Case(_, settings, probe, confined, free)) in cases {
        for (name, expected) in [("c", confined), ("f", free)] {
            let said = machine.read(&format!("{name}{at}.out"));
            if *expected != ANY && said.trim() != *expected {
                let result = machine.status(&format!("{name}{at}.service")).result;
                let settings = if name == "c" { settings } else { "nothing" };
                wrong.push(format!(
                    "under {settings:?}, {probe:?} says {:?}, not {expected:?} ({result})",
                    said.trim()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_forbidden_is_refused_and_the_rest_is_not() {
    let cases: Vec<_> = CASES.iter().enumerate().filter(|(_, case)| case.0 == Nothing).collect();
    let machine = units(&cases).boot().reached();
    judge(&machine, &cases);
}

#[test]
fn what_is_forbidden_to_services_of_a_machines_root_is_refused() {
    if !is_root() {
        eprintln!("not run: only a machine's root can give services users of their own");
        return;
    }
    let has_groups = std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains(" - cgroup2 ");
    let fits = |needs: Needs| needs == Root || (needs == Groups && has_groups);
    let cases: Vec<_> = CASES.iter().enumerate().filter(|(_, case)| fits(case.0)).collect();
    let machine = units(&cases).boot_as_root().reached();
    for folder in ["berth-confinement", "berth-confinement-a", "private/berth-confinement-a"] {
        _ = std::fs::remove_dir_all(format!("/var/lib/{folder}"));
    }
    judge(&machine, &cases);
}
