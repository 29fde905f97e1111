//! Cases that systemd holds itself to in its own tests, as far as they are about what is built here.
//! docs/systemd-cases.md counts them; a test holds that page to this file. To write it again:
//! `BERTH_BLESS=1 cargo test -p unit --test systemd_cases`.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

mod common;

use std::path::Path;

use unit::UnitName;
use unit::service::config::{Command, ExecList};
use unit::text::escape::{escape, escape_path, unescape, unescape_path};
use unit::text::specifier::{self, Host};
use unit::text::value;
use unit::text::words::{Backslash, split};

/// Where the cases are from, what they are about, and how each came out.
struct Group {
    source: &'static str,
    about: &'static str,
    cases: Vec<(String, bool)>,
}

/// A command line: path, arguments, and whether a failure is none; or none where it is refused.
type Line = Option<(&'static str, &'static [&'static str], bool)>;

fn commands(value: &str) -> Option<Vec<Command>> {
    let unit =
        common::load("a.service", &format!("[Service]\nType=oneshot\nExecStart=/x\nExecStop={value}\n"));
    let commands = unit.service().unwrap().commands.list(ExecList::Stop).to_vec();
    unit.warnings.is_empty().then_some(commands)
}

fn command_lines() -> Group {
    let cases: [(&str, &[Line]); 33] = [
        ("/RValue r1", &[Some(("/RValue", &["/RValue", "r1"], false))]),
        ("/RValue///slashes r1///", &[Some(("/RValue/slashes", &["/RValue///slashes", "r1///"], false))]),
        ("/RValue/ argv0 r1", &[None]),
        ("@/RValue///slashes2 ///argv0 r1", &[Some(("/RValue/slashes2", &["///argv0", "r1"], false))]),
        ("@/RValue", &[None]),
        ("-@/RValue///slashes3 argv0a r1", &[Some(("/RValue/slashes3", &["argv0a", "r1"], true))]),
        ("@-/RValue///slashes4 argv0b r1", &[Some(("/RValue/slashes4", &["argv0b", "r1"], true))]),
        ("--/RValue argv0 r1", &[None]),
        ("-@-/RValue argv0 r1", &[None]),
        (
            "-@/RValue argv0 r1 ; /goo/goo boo",
            &[Some(("/RValue", &["argv0", "r1"], true)), Some(("/goo/goo", &["/goo/goo", "boo"], false))],
        ),
        (
            "-@/RValue argv0 r1 ; ; /goo/goo boo",
            &[Some(("/RValue", &["argv0", "r1"], true)), Some(("/goo/goo", &["/goo/goo", "boo"], false))],
        ),
        ("-@/RValue argv0 r1 ; ", &[Some(("/RValue", &["argv0", "r1"], true))]),
        ("-@/RValue argv0 r1 ;", &[Some(("/RValue", &["argv0", "r1"], true))]),
        ("-@/RValue argv0 r1 ';'", &[Some(("/RValue", &["argv0", "r1", ";"], true))]),
        (r"/bin/find \;", &[Some(("/bin/find", &["/bin/find", ";"], false))]),
        (r"/sbin/find \; /x", &[Some(("/sbin/find", &["/sbin/find", ";", "/x"], false))]),
        (r"/sbin/find \;x", &[Some(("/sbin/find", &["/sbin/find", r"\;x"], false))]),
        (r"/bin/find \073", &[Some(("/bin/find", &["/bin/find", ";"], false))]),
        (r#"/bin/find ";""#, &[Some(("/bin/find", &["/bin/find", ";"], false))]),
        (r#"/sbin/find ";" /x"#, &[Some(("/sbin/find", &["/sbin/find", ";", "/x"], false))]),
        (
            r#""/PATH WITH SPACES/daemon" -1 -2"#,
            &[Some(("/PATH WITH SPACES/daemon", &["/PATH WITH SPACES/daemon", "-1", "-2"], false))],
        ),
        (
            r#""/PATH WITH SPACES/daemon -1 -2""#,
            &[Some(("/PATH WITH SPACES/daemon -1 -2", &["/PATH WITH SPACES/daemon -1 -2"], false))],
        ),
        (
            r#""/PATH\sWITH\sSPACES/daemon" '-1 -2'"#,
            &[Some(("/PATH WITH SPACES/daemon", &["/PATH WITH SPACES/daemon", "-1 -2"], false))],
        ),
        (
            r#""/PATH\x20WITH\x20SPACES/daemon" "-1 -2""#,
            &[Some(("/PATH WITH SPACES/daemon", &["/PATH WITH SPACES/daemon", "-1 -2"], false))],
        ),
        (r"/path\a", &[None]),
        (r"/path\n", &[None]),
        (r"/path\x", &[None]),
        (r"/path\s", &[Some(("/path ", &["/path "], false))]),
        (r"/bin/grep '\w+\K'", &[Some(("/bin/grep", &["/bin/grep", r"\w+\K"], false))]),
        ("/path 'foo", &[None]),
        (r"/path 'foo\", &[None]),
        ("- /path", &[None]),
        ("-", &[None]),
    ];
    let judged = cases.map(|(value, expected)| {
        let got = commands(value);
        let holds = match (&got, expected) {
            (None, [None]) => true,
            (Some(got), expected) => {
                got.len() == expected.len()
                    && got.iter().zip(expected.iter()).all(|(got, expected)| {
                        expected.is_some_and(|(path, argv, ignore)| {
                            got.path == path && got.argv == argv && got.ignore_failure == ignore
                        })
                    })
            }
            _ => false,
        };
        (value.to_owned(), holds)
    });
    Group { source: "test-load-fragment", about: "command lines (`Exec...=`)", cases: judged.to_vec() }
}

fn unit_names() -> Group {
    let valid: [(&str, bool); 19] = [
        ("foo.service", true),
        ("foo@bar.service", true),
        ("foo@bar@bar.service", true),
        ("foo@.service", true),
        ("foo", false),
        ("foo.waldo", false),
        ("", false),
        ("foo@%i.service", false),
        ("@foo.service", false),
        ("@.service", false),
        (".service", false),
        ("foo.service.", false),
        ("f oo.service", false),
        ("foo/bar.service", false),
        ("-.slice", true),
        ("-.mount", true),
        (r"foo\x2dbar.service", true),
        ("foo:bar_2.timer", true),
        ("b\u{e4}r.service", false),
    ];
    let cases = valid.map(|(name, expected)| (name.to_owned(), UnitName::parse(name).is_ok() == expected));
    Group { source: "test-unit-name", about: "which names are valid", cases: cases.to_vec() }
}

fn escaping() -> Group {
    let mut cases = Vec::new();
    for (text, escaped) in [
        ("ab+-c.a/bc@foo.service", r"ab\x2b\x2dc.a-bc\x40foo.service"),
        ("foo.service", "foo.service"),
        (".hidden", r"\x2ehidden"),
        ("foo_bar-waldo/quuix", r"foo_bar\x2dwaldo-quuix"),
        ("Hall\u{f6}chen, Meister", r"Hall\xc3\xb6chen\x2c\x20Meister"),
        ("a b", r"a\x20b"),
        ("", ""),
    ] {
        cases.push((format!("escape {text:?}"), escape(text) == escaped && unescape(escaped) == text));
    }
    for (path, escaped) in [
        ("/foo/bar/hoge", Some("foo-bar-hoge")),
        ("/foo//bar///hoge/", Some("foo-bar-hoge")),
        ("/foo bar/hoge", Some(r"foo\x20bar-hoge")),
        ("/", Some("-")),
        ("///", Some("-")),
        ("/./foo/./bar", Some("foo-bar")),
        ("/foo/../bar", None),
        ("/dev/sda-1", Some(r"dev-sda\x2d1")),
    ] {
        cases.push((format!("path {path:?}"), escape_path(path).as_deref() == escaped));
    }
    for (escaped, path) in [("-", "/"), ("foo-bar", "/foo/bar"), (r"foo\x2dbar", "/foo-bar")] {
        cases.push((format!("unescape {escaped:?}"), unescape_path(escaped) == path));
    }
    Group { source: "test-unit-name, systemd-escape", about: "escaping", cases }
}

fn words() -> Group {
    let cases: [(&str, Backslash, Option<&[&str]>); 14] = [
        ("foobar waldo", Backslash::CEscape, Some(&["foobar", "waldo"])),
        ("   foobar   waldo   ", Backslash::CEscape, Some(&["foobar", "waldo"])),
        (r#""foobar" 'waldo'"#, Backslash::CEscape, Some(&["foobar", "waldo"])),
        (r#""foo'bar" 'wal"do'"#, Backslash::CEscape, Some(&["foo'bar", "wal\"do"])),
        ("\"", Backslash::CEscape, None),
        ("'", Backslash::CEscape, None),
        ("'fooo", Backslash::CEscape, None),
        ("\"fooo", Backslash::CEscape, None),
        (r"yay\'foo 'bar baz'", Backslash::CEscape, Some(&["yay'foo", "bar baz"])),
        (r"   foo\ba\x6ar ", Backslash::CEscape, Some(&["foo\u{8}ajr"])),
        (r"   foo\qbar ", Backslash::CEscape, None),
        (r"   foo\qbar ", Backslash::Relaxed, Some(&[r"foo\qbar"])),
        (r#""foo":"bar" x"#, Backslash::CEscape, Some(&["foo:bar", "x"])),
        (r#"'' "" x"#, Backslash::CEscape, Some(&["", "", "x"])),
    ];
    let judged = cases.map(|(text, backslash, expected)| {
        let got = split(text, backslash).ok();
        let expected = expected.map(|words| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        (text.to_owned(), got == expected)
    });
    Group { source: "test-extract-word", about: "words and quotes", cases: judged.to_vec() }
}

fn specifiers() -> Group {
    let host = Host {
        machine_id: "m".repeat(32),
        boot_id: "b".repeat(32),
        hostname: "host.name".to_owned(),
        kernel_release: "6.12".to_owned(),
    };
    let mut cases = Vec::new();
    let units = [
        ("foo.service", "%n|%N|%p|%i", "foo.service|foo|foo|"),
        ("foo@bar.service", "%n|%N|%p|%i", "foo@bar.service|foo@bar|foo|bar"),
        (r"foo@bar\x2dx-y.service", "%i|%I|%f", r"bar\x2dx-y|bar-x/y|/bar-x/y"),
        ("foo-bar@baz.service", "%j|%J", "bar|bar"),
        ("foo.service", "%%", "%"),
        ("foo.service", "%H|%l|%v|%m|%b", ""),
    ];
    for (name, text, expected) in units {
        let machine = format!("host.name|host|6.12|{}|{}", "m".repeat(32), "b".repeat(32));
        let expected = if expected.is_empty() { machine.as_str() } else { expected };
        let got = specifier::expand(text, &UnitName::parse(name).unwrap(), &host);
        cases.push((format!("{text} of {name}"), got.as_deref() == Ok(expected)));
    }
    Group { source: "test-unit-name, test-specifier", about: "specifiers", cases }
}

fn times() -> Group {
    let micros =
        |text: &str| value::time_span(text).ok().and_then(|span| span.finite()).map(|d| d.as_micros());
    let cases: [(&str, Option<u128>); 13] = [
        ("5s", Some(5_000_000)),
        ("5s500ms", Some(5_500_000)),
        (" 5s 500ms  ", Some(5_500_000)),
        (" 5.5s  ", Some(5_500_000)),
        (" 5.5s 0.5ms ", Some(5_500_500)),
        (" .22s ", Some(220_000)),
        (" .50y ", Some(15_778_800_000_000)),
        ("2.5", Some(2_500_000)),
        (".7", Some(700_000)),
        ("23us", Some(23)),
        ("3+1s", None),
        ("3.+1s", None),
        ("xyz", None),
    ];
    let cases = cases.map(|(text, expected)| (text.to_owned(), micros(text) == expected));
    Group { source: "test-time-util", about: "time spans", cases: cases.to_vec() }
}

fn page(groups: &[Group]) -> String {
    let mut page = "\
# systemd's own cases

What systemd holds itself to in its own tests, of what is built here: inputs and what they come to. Made
by `crates/unit/tests/systemd_cases.rs`, which a test holds this page to.

| from systemd's | about | cases | pass |
|---|---|---|---|
"
    .to_owned();
    for group in groups {
        let pass = group.cases.iter().filter(|(_, holds)| *holds).count();
        page.push_str(&format!("| {} | {} | {} | {pass} |\n", group.source, group.about, group.cases.len()));
    }
    page
}

#[test]
fn systemds_cases_hold() {
    let groups = [command_lines(), unit_names(), escaping(), words(), specifiers(), times()];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/systemd-cases.md");
    if std::env::var_os("BERTH_BLESS").is_some() {
        std::fs::write(&path, page(&groups)).unwrap();
    }
    let failed: Vec<String> = groups
        .iter()
        .flat_map(|group| {
            group
                .cases
                .iter()
                .filter(|(_, holds)| !holds)
                .map(|(case, _)| format!("{}: {case}", group.source))
        })
        .collect();
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page(&groups));
}
