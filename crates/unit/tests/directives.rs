//! The table of directives tells the truth: what it calls done is done, what it calls not done
//! warns, and what confines keeps a unit from starting.

mod common;

use common::load;
use unit::directive::{Class, all, class};

/// A unit whose files may have a section, and what it cannot be without.
fn host(section: &str) -> (&'static str, &'static str) {
    match section {
        "Socket" => ("a.socket", "[Socket]\nListenStream=/run/a\n"),
        "Path" => ("a.path", "[Path]\nPathExists=/a\n"),
        "Timer" => ("a.timer", "[Timer]\nOnBootSec=1\n"),
        "Mount" => ("x.mount", "[Mount]\nWhat=tmpfs\n"),
        "Swap" => ("x.swap", "[Swap]\nPriority=1\n"),
        "Slice" => ("a.slice", "[Slice]\nTasksMax=5\n"),
        _ => ("a.service", "[Service]\nExecStart=/bin/true\n"),
    }
}

/// A value that the directive takes.
fn sample(section: &str, name: &str) -> &'static str {
    let ends = |suffix: &str| name.ends_with(suffix);
    match name {
        "Type" | "Options" if section == "Mount" => "tmpfs",
        "ListenStream" | "ListenDatagram" | "ListenSequentialPacket" | "ListenFIFO" => "/run/b",
        "BindIPv6Only" => "both",
        "Service" => "b.service",
        "Sockets" => "b.socket",
        "Unit" => "b.service",
        "What" | "Where" | "Symlinks" | "PathChanged" | "PathModified" | "PathExists" | "PathExistsGlob"
        | "DirectoryNotEmpty" | "RequiresMountsFor" | "WantsMountsFor" => "/x",
        "OnCalendar" => "Mon..Fri 06:30",
        "FixedRandomDelay" | "DeferReactivation" | "OnClockChange" | "OnTimezoneChange" | "Persistent"
        | "RemainAfterElapse" => "yes",
        "Backlog"
        | "MaxConnections"
        | "MaxConnectionsPerSource"
        | "KeepAliveProbes"
        | "TriggerLimitBurst"
        | "Priority" => "5",
        "ReceiveBuffer" | "SendBuffer" => "64K",
        "Accept" | "FlushPending" | "KeepAlive" | "NoDelay" | "ReusePort" | "FreeBind" | "Broadcast"
        | "PassCredentials" | "RemoveOnStop" | "MakeDirectory" | "SloppyOptions" | "LazyUnmount"
        | "ReadWriteOnly" | "ForceUnmount" => "yes",
        "Type" => "exec",
        "Restart" => "on-failure",
        "NotifyAccess" => "all",
        "KillMode" => "mixed",
        "StandardInput" => "null",
        "StandardOutput" | "StandardError" => "journal",
        "RuntimeDirectoryPreserve" => "yes",
        "Slice" => "a-b.slice",
        "CPUQuota" => "150%",
        "AllowedCPUs" => "0-3",
        "Environment" => "A=1",
        "EnvironmentFile" | "WorkingDirectory" | "TTYPath" => "/x",
        "SuccessExitStatus" | "RestartPreventExitStatus" | "RestartForceExitStatus" => "3 SIGKILL",
        "OOMScoreAdjust" | "Nice" | "StartLimitBurst" => "5",
        "UMask" => "0077",
        "PIDFile" => "/run/a.pid",
        "ExitType" => "cgroup",
        "OOMPolicy" => "kill",
        "RestartMode" => "direct",
        "RestartSteps" | "CPUSchedulingPriority" | "IOSchedulingPriority" => "3",
        "TimeoutStartFailureMode" | "TimeoutStopFailureMode" => "abort",
        "CPUAffinity" | "AllowedMemoryNodes" => "0-1",
        "CPUSchedulingPolicy" | "IOSchedulingClass" => "idle",
        "Personality" => "x86-64",
        "TimerSlackNSec" => "1us",
        "ProtectProc" => "invisible",
        "ProcSubset" => "pid",
        "ReadOnlyPaths"
        | "ReadWritePaths"
        | "InaccessiblePaths"
        | "ReadOnlyDirectories"
        | "ReadWriteDirectories"
        | "InaccessibleDirectories" => "-/a +/b",
        "ExecPaths" | "NoExecPaths" => "-/a +/b",
        "DevicePolicy" => "closed",
        "DeviceAllow" => "char-rtc rw",
        "BindPaths" | "BindReadOnlyPaths" => "/a:/b:norbind",
        "TemporaryFileSystem" => "/a:ro",
        "CapabilityBoundingSet" | "AmbientCapabilities" => "~CAP_SYS_ADMIN",
        "RestrictAddressFamilies" => "AF_UNIX",
        "RestrictNamespaces" => "~user",
        "SystemCallFilter" | "SystemCallLog" => "@system-service",
        "LogExtraFields" => "A=1",
        "LogLevelMax" | "SyslogLevel" => "info",
        "SyslogFacility" => "daemon",
        "SyslogLevelPrefix" => "yes",
        "LogRateLimitBurst" => "5",
        "DynamicUser" => "yes",
        "LoadCredential" => "a:/etc/a",
        "ImportCredential" => "a.*:b.",
        "SetCredential" => "a:b\\x20c",
        "SecureBits" => "noroot keep-caps",
        "KeyringMode" => "shared",
        "MountFlags" => "slave",
        "RemoveIPC" => "yes",
        "NetworkNamespacePath" | "IPCNamespacePath" => "/run/netns/a",
        "IPAddressAllow" | "IPAddressDeny" => "any localhost 10.0.0.0/8 fe80::1",
        "SystemCallErrorNumber" => "EPERM",
        "SystemCallArchitectures" => "native",
        "IODeviceWeight" => "/dev/vda 50",
        "IODeviceLatencyTargetSec" => "/dev/vda 10ms",
        "IOReadBandwidthMax" | "IOWriteBandwidthMax" | "IOReadIOPSMax" | "IOWriteIOPSMax" => "/dev/vda 10M",
        _ if name.starts_with("Private") || name.starts_with("Protect") || ends("Accounting") => "yes",
        "GuessMainPID"
        | "CPUSchedulingResetOnFork"
        | "RestrictRealtime"
        | "RestrictSUIDSGID"
        | "LockPersonality"
        | "MemoryDenyWriteExecute" => "yes",
        "ConditionFirstBoot" | "AssertFirstBoot" => "yes",
        "CPUWeight" | "IOWeight" | "StartupCPUWeight" | "StartupIOWeight" => "50",
        "TasksMax" => "10",
        "AllowIsolate" | "IgnoreOnIsolate" => "yes",
        "CollectMode" => "inactive-or-failed",
        "RemainAfterExit" | "Delegate" | "DefaultDependencies" | "RefuseManualStart" | "RefuseManualStop" => {
            "yes"
        }
        "SendSIGHUP" | "SendSIGKILL" | "IgnoreSIGPIPE" | "NoNewPrivileges" => "yes",
        "After"
        | "Before"
        | "Requires"
        | "Requisite"
        | "Wants"
        | "BindsTo"
        | "PartOf"
        | "Conflicts"
        | "OnFailure"
        | "OnSuccess"
        | "PropagatesReloadTo"
        | "ReloadPropagatedFrom"
        | "PropagatesStopTo"
        | "StopPropagatedFrom"
        | "JoinsNamespaceOf"
        | "Upholds" => "b.service",
        "OnFailureJobMode" | "OnSuccessJobMode" => "isolate",
        "FailureAction" | "SuccessAction" | "StartLimitAction" | "JobTimeoutAction" => "reboot",
        "StopWhenUnneeded" => "yes",
        "WantedBy" | "RequiredBy" | "UpheldBy" | "Alias" | "Also" => "b.target",
        _ if name.starts_with("Exec") => "/bin/true x",
        _ if name.starts_with("Limit") => "1024",
        _ if name.starts_with("Memory") => "1M",
        _ if ends("Mode") => "0750",
        _ if ends("Sec") || ends("Interval") => "5",
        _ if ends("Signal") => "SIGINT",
        _ => "x",
    }
}

#[test]
fn what_is_done_is_taken_without_a_word() {
    let mut count = 0;
    for (section, name, class) in all().filter(|(_, _, class)| *class == Class::Done) {
        let value = sample(section, name);
        let (host, text) = host(section);
        // A service has one ExecStart=.
        let text = if name == "ExecStart" { "" } else { text };
        let unit = load(host, &format!("{text}[{section}]\n{name}={value}\n"));
        assert_eq!(class, Class::Done);
        assert!(unit.warnings.is_empty(), "{:?}", unit.warnings);
        assert!(unit.refusals.is_empty());
        count += 1;
    }
    assert!(count > 100, "{count} directives are done");
}

#[test]
fn what_is_not_done_warns_with_file_and_line() {
    for (section, name, _) in all().filter(|(_, _, class)| *class == Class::NotDone) {
        let (host, text) = host(section);
        let unit = load(host, &format!("{text}[{section}]\n{name}=x\n"));
        let warning = unit.warnings.first().map(ToString::to_string);
        assert_eq!(warning, Some(format!("/u/{host}:4: {name}= is not supported yet and is ignored")));
        assert!(unit.refusals.is_empty());
    }
}

#[test]
fn what_confines_keeps_the_unit_from_starting_unless_it_is_off() {
    for (section, name, _) in all().filter(|(_, _, class)| *class == Class::Confines) {
        let (host, start) = host(section);
        let text = |value: &str| format!("{start}[{section}]\n{name}={value}\n");
        let refusal = load(host, &text("yes")).refusals.first().map(ToString::to_string).unwrap();
        assert!(refusal.starts_with(&format!("/u/{host}:4: {name}= is not supported yet")), "{refusal}");
        for off in ["no", ""] {
            assert!(load(host, &text(off)).refusals.is_empty(), "{name}={off}");
        }
    }
}

#[test]
fn what_is_unknown_warns_and_private_names_do_not() {
    let text = "[Unit]\nBogus=1\nX-Mine=1\n[X-Section]\nAnything=1\n[Nonsense]\nA=1\n[Service]\nExecStart=/bin/true\n";
    let unit = load("a.service", text);
    let warnings: Vec<String> = unit.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "/u/a.service:2: unknown directive Bogus= in [Unit] is ignored",
            "/u/a.service:7: section [Nonsense] has no meaning in a service unit; A= is ignored",
        ]
    );
}

#[test]
fn no_directive_stands_in_two_lists() {
    let mut seen = std::collections::BTreeMap::new();
    for (section, name, found) in all() {
        assert_eq!(class(section, name), Some(found), "{section} {name}");
        assert_eq!(seen.insert((section, name), ()), None, "{section} {name} stands twice");
    }
}
