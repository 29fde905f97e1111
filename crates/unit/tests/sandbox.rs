//! What a service is kept from, as files say it.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

mod common;

use std::collections::BTreeSet;

use unit::service::sandbox::{Access, Denial, Filter, Sandbox, SystemCalls, access};
use unit::text::{capability, syscall};

fn sandbox(text: &str) -> Sandbox {
    let unit = common::load("a.service", &format!("[Service]\nExecStart=/a\n{text}\n"));
    assert!(unit.warnings.is_empty(), "{:?}", unit.warnings);
    assert!(unit.refusals.is_empty(), "{:?}", unit.refusals);
    unit.service().unwrap().exec.sandbox.clone()
}

fn bits(names: &[&str]) -> u64 {
    names.iter().map(|name| 1 << capability::number(name).unwrap()).sum()
}

#[test]
fn capabilities_add_up_and_are_taken_away() {
    let cases: [(&str, Option<u64>); 8] = [
        ("", None),
        ("CapabilityBoundingSet=", Some(0)),
        ("CapabilityBoundingSet=CAP_CHOWN CAP_KILL", Some(bits(&["chown", "kill"]))),
        ("CapabilityBoundingSet=CAP_CHOWN\nCapabilityBoundingSet=CAP_KILL", Some(bits(&["chown", "kill"]))),
        ("CapabilityBoundingSet=CAP_CHOWN CAP_KILL\nCapabilityBoundingSet=~CAP_KILL", Some(bits(&["chown"]))),
        ("CapabilityBoundingSet=~CAP_SYS_ADMIN", Some(!bits(&["sys_admin"]))),
        ("CapabilityBoundingSet=CAP_KILL\nCapabilityBoundingSet=~", Some(u64::MAX)),
        ("CapabilityBoundingSet=~\nCapabilityBoundingSet=CAP_KILL", Some(bits(&["kill"]))),
    ];
    for (text, expected) in cases {
        assert_eq!(sandbox(text).bounding, expected, "{text}");
    }
    for (text, expected) in [
        ("AmbientCapabilities=CAP_KILL\nAmbientCapabilities=CAP_CHOWN", bits(&["chown", "kill"])),
        ("AmbientCapabilities=~CAP_KILL", capability::ALL & !bits(&["kill"])),
        ("AmbientCapabilities=CAP_KILL\nAmbientCapabilities=", 0),
    ] {
        assert_eq!(sandbox(text).ambient, expected, "{text}");
    }
}

#[test]
fn a_word_that_names_nothing_takes_nothing_away() {
    for (line, holds) in [
        ("CapabilityBoundingSet=CAP_KILL CAP_FUTURE", "CapabilityBoundingSet=CAP_KILL"),
        ("RestrictAddressFamilies=AF_UNIX AF_FUTURE", "RestrictAddressFamilies=AF_UNIX"),
        ("RestrictNamespaces=user future", "RestrictNamespaces=user"),
        ("SystemCallFilter=@basic-io @future", "SystemCallFilter=@basic-io"),
        ("SystemCallFilter=@future", "SystemCallFilter=@default"),
    ] {
        let unit = common::load("a.service", &format!("[Service]\nExecStart=/a\n{line}\n"));
        let warning = unit.warnings[0].to_string();
        assert!(
            warning.to_lowercase().contains("future") && warning.ends_with("; the rest of the line holds"),
            "{warning}"
        );
        assert_eq!(unit.service().unwrap().exec.sandbox, sandbox(holds), "{line}");
    }
}

#[test]
fn addresses_are_words_and_prefixes() {
    let prefixes = |text: &str| {
        let denied = sandbox(&format!("IPAddressDeny={text}")).denied_addresses;
        denied
            .iter()
            .map(|prefix| format!("{}/{}", prefix.address, prefix.length))
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (text, expected) in [
        ("any", "0.0.0.0/0 ::/0"),
        ("localhost", "127.0.0.0/8 ::1/128"),
        ("link-local multicast", "169.254.0.0/16 fe80::/64 224.0.0.0/4 ff00::/8"),
        ("10.1.2.3 10.0.0.0/8 2001:db8::/32", "10.1.2.3/32 10.0.0.0/8 2001:db8::/32"),
        ("any\nIPAddressDeny=\nIPAddressDeny=::1", "::1/128"),
    ] {
        assert_eq!(prefixes(text), expected, "{text}");
    }
    for wrong in ["10.0.0.0/33", "nobody", "10.0.0/8"] {
        let unit = common::load("a.service", &format!("[Service]\nExecStart=/a\nIPAddressDeny={wrong}\n"));
        assert_eq!(unit.warnings.len(), 1, "{wrong}");
    }
}

#[test]
fn what_the_kernel_does_not_know_may_be_left_out_where_the_unit_says_so() {
    let load = |line: &str| common::load("a.service", &format!("[Service]\nExecStart=/a\n{line}\n"));
    let optional = load("AppArmorProfile=-system_tor");
    assert_eq!((optional.refusals.len(), optional.warnings.len()), (0, 1));
    assert_eq!(load("AppArmorProfile=system_tor").refusals.len(), 1);
}

#[test]
fn address_families_are_allowed_or_denied() {
    let unix_and_inet = BTreeSet::from([1, 2]);
    for (text, expected) in [
        ("AF_UNIX AF_INET", Some(Filter::Allow(unix_and_inet.clone()))),
        ("~AF_UNIX AF_INET", Some(Filter::Deny(unix_and_inet))),
        ("none", Some(Filter::Allow(BTreeSet::new()))),
        ("", None),
    ] {
        assert_eq!(sandbox(&format!("RestrictAddressFamilies={text}")).address_families, expected, "{text}");
    }
}

#[test]
fn namespaces_are_denied_by_their_bits() {
    let (net, user) = (0x4000_0000, 0x1000_0000);
    let all = sandbox("RestrictNamespaces=yes").denied_namespaces;
    for (text, expected) in [
        ("no", 0),
        ("~net", net),
        ("~user net", net | user),
        ("user", all & !user),
        ("~user\nRestrictNamespaces=~net", net | user),
    ] {
        assert_eq!(sandbox(&format!("RestrictNamespaces={text}")).denied_namespaces, expected, "{text}");
    }
}

/// What becomes of a call: none where it is allowed, else how it is denied where the line says so.
type Fate = Option<Option<Denial>>;

fn denied(calls: &SystemCalls, name: &str) -> Fate {
    let number = syscall::number(name).unwrap();
    (!calls.allows(number)).then(|| calls.denials.get(&number).copied())
}

#[test]
fn system_calls_are_filtered_by_lists_that_follow_each_other() {
    let refused = Some(None);
    let cases: [(&str, &[(&str, Fate)]); 5] = [
        ("@system-service", &[("openat", None), ("mount", refused), ("execve", None)]),
        ("@system-service\nSystemCallFilter=~@resources", &[("setpriority", refused), ("openat", None)]),
        ("~@mount", &[("mount", refused), ("openat", None), ("reboot", None)]),
        ("~@mount\nSystemCallFilter=umount2", &[("mount", refused), ("umount2", None)]),
        ("~mount:EACCES", &[("mount", Some(Some(Denial::Errno(13)))), ("umount2", None)]),
    ];
    for (text, expected) in cases {
        let calls = sandbox(&format!("SystemCallFilter={text}")).system_calls.unwrap();
        for (name, outcome) in expected {
            assert_eq!(denied(&calls, name), *outcome, "{text}: {name}");
        }
    }
}

#[test]
fn paths_are_protected_as_documented() {
    let rules = sandbox(
        "ProtectSystem=strict\nProtectHome=yes\nReadWritePaths=/var/log/a -/srv/maybe\nInaccessiblePaths=/etc/shadow\n\
         ReadOnlyPaths=/var/log/a/old/",
    )
    .path_rules(&[]);
    for (path, expected) in [
        ("/etc/passwd", Access::ReadOnly),
        ("/etc/shadow", Access::Inaccessible),
        ("/home/x", Access::Inaccessible),
        ("/var/log/a/new", Access::Writable),
        ("/var/log/a/old/1", Access::ReadOnly),
        ("/proc/1", Access::Writable),
    ] {
        assert_eq!(access(&rules, path), expected, "{path}");
    }
    assert!(rules.iter().any(|rule| rule.path == "/srv/maybe" && rule.optional));
}

#[test]
fn a_word_that_means_nothing_is_told_with_its_line() {
    for (line, hint) in [
        ("ProtectSystem=maybe", "full or strict"),
        ("CapabilityBoundingSet=CAP_FLY", "CAP_FLY"),
        ("RestrictAddressFamilies=AF_MOON", "AF_MOON"),
        ("SystemCallFilter=@nonsense", "@nonsense"),
        ("SystemCallFilter=nonsense", "none of these is a system call"),
        ("DeviceAllow=rtc rw", "char-NAME"),
        ("DeviceAllow=/dev/x q", "r, w and m"),
        ("ReadOnlyPaths=relative", "absolute"),
        ("RestrictNamespaces=moon", "moon"),
    ] {
        let unit = common::load("a.service", &format!("[Service]\nExecStart=/a\n{line}\n"));
        let warning = unit.warnings.first().map(ToString::to_string).unwrap_or_default();
        assert!(warning.starts_with("/u/a.service:3:") && warning.contains(hint), "{line}: {warning}");
    }
}
