//! Units: the reference's cases by their names, and what enabling links.

use serde_json::{Value, json};

use crate::harness::At::{File, Link, Mode, Nothing};
use crate::harness::{At, Case, Root, check, is_root};

const PRESET: &str = "/etc/systemd/system-preset/20-ignition.preset";
const ONESHOT: &str = "[Unit]\nDescription=f\n[Service]\nType=oneshot\nExecStart=/usr/bin/true\n\
                       [Install]\nWantedBy=multi-user.target\n";
const TEMPLATE: &str = "[Unit]\nDescription=f\n[Service]\nType=oneshot\nExecStart=/bin/echo %i\n\
                        RemainAfterExit=yes\n[Install]\nWantedBy=multi-user.target\n";

fn case(
    name: &'static str,
    before: &'static [At],
    units: Value,
    after: Result<&'static [At], &'static str>,
) -> Case {
    Case { name, before, config: json!({"systemd": {"units": units}}), after }
}

#[test]
fn units() {
    check(vec![
        case(
            "systemd.unit.create",
            &[],
            json!([{"name": "example.service", "enabled": true, "contents": ONESHOT}]),
            Ok(&[
                File("/etc/systemd/system/example.service", ONESHOT),
                Mode("/etc/systemd/system/example.service", 0o644),
                File(PRESET, "enable example.service\n"),
                Link(
                    "/etc/systemd/system/multi-user.target.wants/example.service",
                    "/etc/systemd/system/example.service",
                ),
            ]),
        ),
        case(
            "systemd.unit.modify",
            &[],
            json!([{"name": "systemd-journald.service", "dropins": [
                {"name": "debug.conf", "contents": "[Service]\nEnvironment=SYSTEMD_LOG_LEVEL=debug"},
            ]}]),
            Ok(&[
                File(
                    "/etc/systemd/system/systemd-journald.service.d/debug.conf",
                    "[Service]\nEnvironment=SYSTEMD_LOG_LEVEL=debug",
                ),
                Nothing(PRESET),
            ]),
        ),
        case(
            "systemd.unit.mask",
            &[],
            json!([{"name": "systemd-journald.service", "mask": true}]),
            Ok(&[Link("/etc/systemd/system/systemd-journald.service", "/dev/null")]),
        ),
        case(
            "unit.mask",
            &[File("/usr/lib/systemd/system/foo.service", ONESHOT)],
            json!([{"name": "foo.service", "mask": true}, {"name": "bar.service", "mask": true, "contents": ONESHOT}]),
            Ok(&[
                Link("/etc/systemd/system/foo.service", "/dev/null"),
                Link("/etc/systemd/system/bar.service", "/dev/null"),
            ]),
        ),
        case(
            "unit.unmask",
            &[
                Link("/etc/systemd/system/foo.service", "/dev/null"),
                File("/usr/lib/systemd/system/foo.service", ONESHOT),
                File("/usr/lib/systemd/system/bar.service", ONESHOT),
            ],
            json!([{"name": "foo.service", "mask": false}, {"name": "bar.service", "enabled": true, "mask": false}]),
            Ok(&[
                Nothing("/etc/systemd/system/foo.service"),
                Nothing("/etc/systemd/system/bar.service"),
                File(PRESET, "enable bar.service\n"),
                Link(
                    "/etc/systemd/system/multi-user.target.wants/bar.service",
                    "/usr/lib/systemd/system/bar.service",
                ),
            ]),
        ),
        case(
            "unit.remove.symlinks",
            &[
                Link(
                    "/etc/systemd/system/multi-user.target.wants/foo.service",
                    "/usr/lib/systemd/system/foo.service",
                ),
                File("/usr/lib/systemd/system/foo.service", ONESHOT),
            ],
            json!([{"enabled": false, "name": "foo.service"}, {"enabled": false, "name": "enoent.service"}]),
            Ok(&[
                Nothing("/etc/systemd/system/multi-user.target.wants/foo.service"),
                File(PRESET, "disable foo.service\n"),
            ]),
        ),
        case(
            "unit.create.emptydropin",
            &[],
            json!([{"name": "zincati.service", "dropins": [{"name": "empty.conf", "contents": ""}, {"name": "no.conf"}]}]),
            Ok(&[
                File("/etc/systemd/system/zincati.service.d/empty.conf", ""),
                Nothing("/etc/systemd/system/zincati.service.d/no.conf"),
            ]),
        ),
        case(
            "unit.presets.sorted",
            &[],
            json!([
                {"enabled": true, "name": "foo.service"},
                {"enabled": true, "name": "bar.service"},
                {"enabled": true, "name": "qux.service"},
                {"enabled": true, "name": "baz.service"},
                {"enabled": true, "name": "garply.service"},
            ]),
            Ok(&[File(
                PRESET,
                "enable bar.service\nenable baz.service\nenable foo.service\nenable garply.service\n\
                 enable qux.service\n",
            )]),
        ),
        case(
            "instantiated.unit.create",
            &[],
            json!([
                {"name": "echo@.service", "contents": TEMPLATE},
                {"enabled": true, "name": "echo@bar.service"},
                {"enabled": true, "name": "echo@foo.service"},
            ]),
            Ok(&[
                File("/etc/systemd/system/echo@.service", TEMPLATE),
                File(PRESET, "enable echo@.service bar foo\n"),
                Link(
                    "/etc/systemd/system/multi-user.target.wants/echo@bar.service",
                    "/etc/systemd/system/echo@.service",
                ),
                Link(
                    "/etc/systemd/system/multi-user.target.wants/echo@foo.service",
                    "/etc/systemd/system/echo@.service",
                ),
            ]),
        ),
        // What is about units and no case of the reference's.
        case(
            "a unit that is enabled and masked is masked",
            &[],
            json!([{"name": "a.service", "contents": ONESHOT, "enabled": true, "mask": true}]),
            Ok(&[
                Link("/etc/systemd/system/a.service", "/dev/null"),
                Nothing("/etc/systemd/system/multi-user.target.wants"),
            ]),
        ),
        case(
            "a name that is no unit's",
            &[],
            json!([{"name": "a b.service", "contents": ONESHOT}]),
            Err("$.systemd.units.0.name: \"a b.service\" is no unit's name"),
        ),
        case(
            "a folder of units that is a link leads no further than the root",
            &[Link("/etc/systemd/system", "/opt/units")],
            json!([{"name": "a.service", "contents": ONESHOT, "enabled": true}]),
            Ok(&[File("/opt/units/a.service", ONESHOT)]),
        ),
    ]);
}

#[test]
fn what_cannot_be_enabled_is_told() {
    if !is_root() {
        return;
    }
    let mut root = Root::new(&[]);
    let applied = root.apply(json!({"systemd": {"units": [
        {"name": "none.service", "enabled": true},
        {"name": "plain.service", "enabled": true, "contents": "[Service]\nExecStart=/usr/bin/true\n"},
        {"name": "t@.service", "enabled": true, "contents": TEMPLATE},
        {"name": "masked.service", "enabled": true, "mask": true},
    ]}}));
    assert_eq!(applied, Ok(()));
    assert_eq!(
        root.told,
        [
            "$.systemd.units.0.enabled: unit none.service is not enabled: neither the image nor the config has its file",
            "$.systemd.units.1.enabled: unit plain.service is enabled, but has no [Install] section, so that nothing \
             starts it",
            "$.systemd.units.2.enabled: unit t@.service is not enabled: t@.service is a template without \
             DefaultInstance=: name an instance, as in t@NAME.service",
        ]
    );
}
