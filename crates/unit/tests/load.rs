//! What unit files come to.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail as tests do")]

mod common;

use common::{load, name, try_load};
use proptest::prelude::*;
use unit::service::config::{CredentialSource, ExecList, Service, ServiceType};
use unit::text::file::{Source, parse};
use unit::{Origin, Relation, Unit};

fn service(unit: &Unit) -> &Service {
    unit.service().unwrap()
}

/// The arguments of each command of a list.
fn commands(text: &str) -> Vec<Vec<String>> {
    let unit = load("web@a-b.service", &format!("[Service]\nType=oneshot\n{text}\n"));
    assert!(unit.warnings.is_empty(), "{:?}", unit.warnings);
    service(&unit).commands.list(ExecList::Start).iter().map(|command| command.argv.clone()).collect()
}

#[test]
fn command_lines() {
    let cases: [(&str, &[&[&str]]); 12] = [
        ("ExecStart=/bin/echo a b", &[&["/bin/echo", "a", "b"]]),
        ("ExecStart=/bin/echo 'a b' \"c d\"", &[&["/bin/echo", "a b", "c d"]]),
        ("ExecStart=/bin/echo a \\\n  b", &[&["/bin/echo", "a", "b"]]),
        ("ExecStart=/bin/echo a \\\n# comment\n; another\n  b", &[&["/bin/echo", "a", "b"]]),
        ("ExecStart=/bin/a ; /bin/b x", &[&["/bin/a"], &["/bin/b", "x"]]),
        ("ExecStart=/bin/a \\; b ';' c;d", &[&["/bin/a", ";", "b", ";", "c;d"]]),
        ("ExecStart=/bin/a\nExecStart=\nExecStart=/bin/b", &[&["/bin/b"]]),
        ("ExecStart=@/bin/a own b", &[&["own", "b"]]),
        ("ExecStart=/bin/a %i %I %p %n %%", &[&["/bin/a", "a-b", "a/b", "web", "web@a-b.service", "%"]]),
        ("ExecStart=/bin/a $A ${B} $$C", &[&["/bin/a", "$A", "${B}", "$$C"]]),
        ("ExecStart=/bin/a \\x41\\t\"\\u00e9\"", &[&["/bin/a", "A\t\u{e9}"]]),
        ("ExecStart=echo hi", &[&["echo", "hi"]]),
    ];
    for (text, expected) in cases {
        assert_eq!(commands(text), expected, "{text}");
    }
}

#[test]
fn command_prefixes() {
    let unit = load("a.service", "[Service]\nExecStart=-:+/bin/a\nExecStop=!/bin/b\n");
    let start = &service(&unit).commands.list(ExecList::Start)[0];
    assert_eq!(
        (start.path.as_str(), start.ignore_failure, start.literal, start.privileged),
        ("/bin/a", true, true, true)
    );
    assert!(service(&unit).commands.list(ExecList::Stop)[0].privileged);
}

#[test]
fn bad_values_are_left_out_with_file_and_line() {
    let cases = [
        ("ExecStop=bin/x", "must be an absolute path"),
        ("ExecStop=/bin/x 'a", "a ' quote is not closed"),
        ("ExecStop=/bin/\\q x", "is not an escape"),
        ("ExecStop=/bin/x %Z", "%Z is not supported"),
        ("Type=dbus", "there is no D-Bus"),
        ("Type=fork", "expected one of simple"),
        ("Restart=maybe", "expected one of no, always"),
        ("RestartSec=infinity", "never restart"),
        ("TimeoutStopSec=soon", "is not a time span"),
        ("KillSignal=SIGNONE", "the name of a signal"),
        ("SuccessExitStatus=300", "neither an exit code nor a signal"),
        ("MemoryMax=lots", "is not a size"),
        ("CPUQuota=50", "expected a percentage"),
        ("CPUWeight=0", "from 1 to 10000"),
        ("UMask=9", "is not an octal mode"),
        ("LimitNOFILE=2:1", "is not a limit"),
        ("OOMScoreAdjust=2000", "from -1000 to 1000"),
        ("Environment=1A=x", "is not an assignment"),
        ("EnvironmentFile=x", "must be an absolute path"),
        ("StateDirectory=../x", "must be a relative path"),
        ("StandardOutput=printer", "expected journal"),
        ("Slice=a.service", "the name of a slice"),
    ];
    for (line, expected) in cases {
        let unit = load("a.service", &format!("[Service]\nExecStart=/bin/true\n{line}\n"));
        let warning = unit.warnings.first().map(ToString::to_string).unwrap_or_default();
        assert!(warning.starts_with("/u/a.service:3: ") && warning.contains(expected), "{line}: {warning}");
        let plain = load("a.service", "[Service]\nExecStart=/bin/true\n");
        assert_eq!(service(&unit).commands, service(&plain).commands, "{line} changes nothing");
    }
}

#[test]
fn units_that_cannot_run_are_no_units() {
    let cases = [
        ("a.service", "[Service]\n", "it has no ExecStart="),
        ("a.service", "[Service]\nExecStart=/a\nExecStart=/b\n", "only Type=oneshot may have more than one"),
        (
            "a.service",
            "[Service]\nType=oneshot\nRestart=always\nExecStart=/a\n",
            "cannot have Restart=always",
        ),
        ("a.automount", "", "units of type automount are not supported yet"),
        ("a@.service", "[Service]\nExecStart=/a\n", "is a template: name an instance, as in a@NAME.service"),
    ];
    for (unit, text, expected) in cases {
        let error = try_load(unit, &[text]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn drop_ins_apply_in_order_and_reset_lists() {
    let unit = try_load(
        "a.service",
        &[
            "[Unit]\nDescription=one\nAfter=x.service\n[Service]\nExecStart=/bin/one\nEnvironment=A=1 B=1\n",
            "[Service]\nEnvironment=\nEnvironment=A=2\nExecStart=\nExecStart=/bin/two\n",
            "[Unit]\nDescription=three\nAfter=\nAfter=y.service\n",
        ],
    )
    .unwrap();
    assert_eq!(unit.description, "three");
    assert_eq!(service(&unit).exec.environment, [("A".to_owned(), "2".to_owned())]);
    assert_eq!(service(&unit).commands.list(ExecList::Start)[0].path, "/bin/two");
    assert!(!unit.relations.contains_key(&(Relation::After, name("x.service"))));
    assert!(unit.relations.contains_key(&(Relation::After, name("y.service"))));
    assert_eq!(unit.sources.len(), 3);
}

#[test]
fn default_dependencies() {
    let relation = |unit: &Unit, relation, other| unit.relations.get(&(relation, name(other))).copied();
    let service = load("a.service", "[Service]\nExecStart=/bin/true\n");
    assert_eq!(relation(&service, Relation::Requires, "sysinit.target"), Some(Origin::Default));
    assert_eq!(relation(&service, Relation::After, "basic.target"), Some(Origin::Default));
    assert_eq!(relation(&service, Relation::Conflicts, "shutdown.target"), Some(Origin::Default));
    let without = load("a.service", "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/true\n");
    assert!(without.relations.is_empty());
    let target = load("a.target", "[Unit]\nWants=b.service c.service\nBefore=c.service\n");
    assert_eq!(relation(&target, Relation::After, "b.service"), Some(Origin::Default));
    assert_eq!(relation(&target, Relation::After, "c.service"), None);
}

#[test]
fn settings_that_depend_on_others() {
    let oneshot = load("a.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n");
    assert_eq!(service(&oneshot).timeout_start.finite(), None);
    let notify = load("a.service", "[Service]\nType=notify\nExecStart=/bin/true\nTimeoutSec=0\n");
    assert_eq!(service(&notify).kind, ServiceType::Notify);
    assert_eq!(service(&notify).notify_access, unit::service::config::NotifyAccess::Main);
    assert_eq!(service(&notify).timeout_stop.finite(), None);
}

#[test]
fn a_line_goes_on_after_a_backslash_that_is_not_escaped() {
    for (text, expected) in [
        ("a \\\n b", "a   b"),
        ("a \\\n# no line\n b", "a   b"),
        ("a\\\\\nDescription=b", "b"),
        ("a\\\\\\\n b", "a\\\\  b"),
    ] {
        let unit = load("a.target", &format!("[Unit]\nDescription={text}\n"));
        assert_eq!(unit.description, expected, "{text}");
    }
}

#[test]
fn what_credentials_are_set_to() {
    let set = |value: &str| {
        let text = format!("[Service]\nExecStart=/bin/true\nSetCredential=a:{value}\n");
        let unit = load("a.service", &text);
        let credentials = &service(&unit).exec.credentials;
        credentials.first().map(|credential| match &credential.source {
            CredentialSource::Text(bytes) => bytes.clone(),
            other => panic!("{other:?}"),
        })
    };
    for (value, expected) in [
        (r"x\x20y", b"x y".as_slice()),
        (r#"{"key": "a b"}"#, br#"{"key": "a b"}"#),
        (r#"it's \"said\" \\"#, br#"it's "said" \"#),
        (r"\xff\xfe", &[0xff, 0xfe]),
        ("50%", b"50%"),
        ("a:b  c", b"a:b  c"),
        (r"line\n", b"line\n"),
    ] {
        assert_eq!(set(value).as_deref(), Some(expected), "{value}");
    }
    for value in [r"\q", ""] {
        assert_eq!(set(value), None, "{value}");
    }
}

#[test]
fn lines_that_make_no_sense_are_named() {
    let source = Source { path: "/f".into(), text: "A=1\n[Unit\nB=2\n[Unit]\nnonsense\nC=3\n".into() };
    let (assignments, warnings) = parse(&source);
    assert_eq!(assignments.len(), 1);
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "/f:1: \"A\" stands outside any section",
            "/f:2: section \"[Unit\" has no closing bracket",
            "/f:3: \"B\" stands outside any section",
            "/f:5: \"nonsense\" is neither a section nor an assignment",
        ]
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "(\\[(Unit|Service|Socket|Path|Mount|Swap|Slice|Install|x)\\]\n|[A-Za-z]{0,12}=[ -~]{0,20}\n|.{0,20}\n){0,12}") {
        for unit in ["a@b.service", "a.target", "a.socket", "a.path", "a.mount", "a.swap", "a-b.slice"] {
            let _ = try_load(unit, &[&text]);
        }
    }

    #[test]
    fn no_value_makes_a_done_directive_panic(
        index in 0usize..1600,
        value in "[ -~]{0,24}",
    ) {
        let all: Vec<_> = unit::directive::all().collect();
        let (section, key, _) = all[index % all.len()];
        for unit in ["a.service", "a.socket", "a.path", "a.mount", "a.swap", "a.slice"] {
            let _ = try_load(unit, &[&format!("[{section}]\n{key}={value}\n[Service]\nExecStart=/x\n")]);
        }
    }
}
