//! How exposed services leave the system: numbers that systemd 257 gives too, where it counts a running
//! service.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

mod common;

use unit::security::{Assessment, assess, tenths};

fn of(section: &str, lines: &str) -> Assessment {
    assess(&common::load("a.service", &format!("[Unit]\n{section}\n[Service]\nExecStart=/a\n{lines}\n")))
        .unwrap()
}

#[test]
fn exposure_is_counted_and_named() {
    for (lines, exposure, rating) in [
        ("", "9.6", "UNSAFE"),
        ("User=a", "9.2", "UNSAFE"),
        ("PrivateNetwork=yes", "9.1", "UNSAFE"),
        ("NoNewPrivileges=yes\nCapabilityBoundingSet=\nSystemCallFilter=@system-service", "5.5", "MEDIUM"),
        ("ProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\nPrivateDevices=yes", "8.2", "EXPOSED"),
    ] {
        let assessment = of("", lines);
        assert_eq!(
            (tenths(assessment.exposure).as_str(), assessment.rating()),
            (exposure, rating),
            "{lines}"
        );
    }
}

#[test]
fn a_check_says_how_bad_it_is() {
    for (lines, name, expected) in [
        ("", "User=/DynamicUser=", Some(10)),
        ("User=nobody", "User=/DynamicUser=", Some(9)),
        ("User=a", "User=/DynamicUser=", Some(0)),
        ("", "SupplementaryGroups=", None),
        ("User=a\nSupplementaryGroups=b", "SupplementaryGroups=", Some(1)),
        ("ProtectSystem=full", "ProtectSystem=", Some(3)),
        ("ProtectHome=tmpfs", "ProtectHome=", Some(1)),
        ("ProtectProc=noaccess", "ProtectProc=", Some(1)),
        ("UMask=0027", "UMask=", Some(1)),
        ("SystemCallArchitectures=x86", "SystemCallArchitectures=", Some(8)),
        ("SystemCallFilter=@system-service", "SystemCallFilter=~@mount", Some(0)),
        ("SystemCallFilter=@system-service", "SystemCallFilter=~@resources", Some(9)),
        ("SystemCallFilter=~@mount", "SystemCallFilter=~@mount", Some(0)),
        ("SystemCallFilter=~@mount", "SystemCallFilter=~@swap", Some(10)),
        ("RestrictAddressFamilies=AF_INET", "RestrictAddressFamilies=~AF_(INET|INET6)", Some(1)),
        ("RestrictAddressFamilies=AF_INET", "RestrictAddressFamilies=~…", Some(0)),
        ("RestrictAddressFamilies=~AF_PACKET", "RestrictAddressFamilies=~AF_PACKET", Some(0)),
        ("RestrictAddressFamilies=none", "RestrictAddressFamilies=~AF_UNIX", Some(0)),
        ("RestrictNamespaces=~user", "RestrictNamespaces=~user", Some(0)),
        ("RestrictNamespaces=~user", "RestrictNamespaces=~net", Some(1)),
        ("IPAddressDeny=any", "IPAddressDeny=", Some(0)),
        ("IPAddressDeny=any\nIPAddressAllow=localhost", "IPAddressDeny=", Some(2)),
        ("IPAddressDeny=any\nIPAddressAllow=10.0.0.0/8", "IPAddressDeny=", Some(5)),
        ("IPAddressDeny=10.0.0.0/8", "IPAddressDeny=", Some(10)),
        ("DevicePolicy=closed", "DeviceAllow=", Some(0)),
        ("DevicePolicy=closed\nDeviceAllow=/dev/x", "DeviceAllow=", Some(5)),
        ("DeviceAllow=/dev/x", "DeviceAllow=", Some(10)),
        ("PrivateDevices=yes", "CapabilityBoundingSet=~CAP_MKNOD", Some(0)),
        ("ProtectClock=yes", "CapabilityBoundingSet=~CAP_SYS_TIME", Some(0)),
        ("ProtectSystem=yes", "PrivateMounts=", Some(0)),
        ("NotifyAccess=all", "NotifyAccess=", Some(1)),
        ("KeyringMode=inherit", "KeyringMode=", Some(1)),
        ("Delegate=yes", "Delegate=", Some(1)),
        ("AmbientCapabilities=CAP_KILL", "AmbientCapabilities=", Some(1)),
    ] {
        let assessment = of("", lines);
        let finding = assessment.findings.iter().find(|finding| finding.name == name).unwrap();
        assert_eq!(finding.badness, expected, "{lines}: {name}");
        assert_eq!(
            finding.exposure.is_some(),
            expected.is_some_and(|badness| badness > 0),
            "{lines}: {name}"
        );
    }
}

#[test]
fn what_runs_early_is_not_asked_for_what_comes_later() {
    let early = of("DefaultDependencies=no", "");
    let skipped: Vec<&str> = early
        .findings
        .iter()
        .filter(|finding| finding.badness.is_none())
        .map(|finding| finding.field)
        .collect();
    for field in ["PrivateTmp", "ProtectHome", "ProtectSystem", "RootDirectoryOrRootImage"] {
        assert!(skipped.contains(&field), "{field} of {skipped:?}");
    }
}

#[test]
fn a_service_that_may_do_nothing_is_safe() {
    let nothing = "User=a\nNoNewPrivileges=yes\nCapabilityBoundingSet=\nUMask=0077\nPrivateDevices=yes\nPrivateNetwork=yes\n\
                   PrivateTmp=yes\nPrivateUsers=yes\nProtectControlGroups=yes\nProtectKernelModules=yes\n\
                   ProtectKernelTunables=yes\nProtectKernelLogs=yes\nProtectClock=yes\nProtectHostname=yes\n\
                   ProtectHome=yes\nProtectSystem=strict\nProtectProc=invisible\nProcSubset=pid\nLockPersonality=yes\n\
                   MemoryDenyWriteExecute=yes\nRestrictRealtime=yes\nRestrictSUIDSGID=yes\nRestrictNamespaces=yes\n\
                   RestrictAddressFamilies=none\nSystemCallArchitectures=native\nSystemCallFilter=read\n\
                   IPAddressDeny=any\nRemoveIPC=yes";
    let assessment = of("", nothing);
    let wrong: Vec<&str> = assessment
        .findings
        .iter()
        .filter(|finding| finding.badness.is_some_and(|badness| badness > 0))
        .map(|finding| finding.name)
        .collect();
    // A clock that it may not set it may read.
    assert_eq!(wrong, ["DeviceAllow=", "RootDirectory=/RootImage="]);
    assert_eq!((tenths(assessment.exposure).as_str(), assessment.rating()), ("0.2", "SAFE"));
    assert!(assess(&common::load("a.target", "[Unit]\n")).is_none());
}
