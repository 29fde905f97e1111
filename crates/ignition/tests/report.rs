//! What a person reads: the report of a config, and what the config asks for that Berth does not have.

use ignition::{parse, to_json};

fn report(text: &[u8]) -> String {
    parse(text).report.to_string()
}

#[test]
fn findings_stand_in_the_order_of_the_text_with_their_place() {
    let text = br#"{
  "ignition": {"version": "3.5.0"},
  "storage": {
    "files": [
      {"path": "etc/motd", "mode": 420, "bogus": true},
      {"path": "/a", "contents": {"source": "ftp://h/a", "verification": {"hash": "sha256-00"}}}
    ]
  },
  "systemd": {"units": [{"name": "a", "enabled": true}]}
}"#;
    let expected = "\
error at $.storage.files.0.path, line 5 col 16: the path etc/motd does not begin at the root: write it with a / at its beginning
warning at $.storage.files.0.bogus, line 5 col 41: the key bogus means nothing here, and is ignored
error at $.storage.files.1.contents.source, line 6 col 45: nothing can be fetched by ftp:, only by http, https, tftp, s3, gs, arn and data
error at $.storage.files.1.contents.verification.hash, line 6 col 83: a sum of sha256 has 64 hexadecimal digits, this has 2
error at $.systemd.units.0.name, line 9 col 34: \"a\" names no kind of unit, as NAME.service does";
    assert_eq!(report(text), expected);
}

#[test]
fn a_value_of_the_wrong_kind_is_told_with_what_to_write() {
    let text =
        br#"{"ignition": {"version": "3.5.0"}, "storage": {"files": [{"path": "/a", "mode": "0644"}]}}"#;
    let expected = "error at $.storage.files.0.mode, line 1 col 81: \
                    expected a number, found a string: a mode is the decimal number, 420 for 0644";
    assert_eq!(report(text), expected);
}

#[test]
fn what_is_no_config_is_called_by_its_name() {
    for (text, word) in [
        (&b""[..], "empty"),
        (b"#cloud-config\nusers: []\n", "cloud-config"),
        (b"#!/bin/sh\n", "script"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"variant: flatcar\nversion: 1.0.0\n", "Butane"),
        (b"<html>", "HTML"),
        (b"{", "not JSON"),
    ] {
        let report = report(text);
        assert!(report.starts_with("error at $, line 1 col 1: ") && report.contains(word), "{report}");
    }
}

#[test]
fn bytes_that_are_no_text_are_warned_of() {
    let text = b"{\"ignition\": {\"version\": \"3.5.0\"},\n \"passwd\": {\"users\": [{\"name\": \"a\", \"gecos\": \"\xff\"}]}}";
    let expected =
        "warning at $, line 2 col 47: the text is not UTF-8 from here on; what is wrong stands for U+FFFD";
    assert_eq!(report(text), expected);
}

#[test]
fn what_berth_does_not_have_is_told_and_refuses_no_config_by_itself() {
    let text =
        br#"{"ignition": {"version": "3.5.0", "config": {"merge": [{"source": "gs://b/k"}]}}, "storage": {
        "luks": [{"name": "a", "device": "/dev/a"}],
        "filesystems": [{"device": "/dev/b", "format": "btrfs"}],
        "files": [{"path": "/a", "contents": {"source": "s3://b/k"}}]}}"#;
    let parsed = parse(text);
    let places: Vec<_> =
        parsed.report.entries.iter().map(|entry| (entry.severity.to_string(), &*entry.path)).collect();
    let expected = [
        "$.ignition.config.merge.0.source",
        "$.storage.luks",
        "$.storage.filesystems.0.format",
        "$.storage.files.0.contents.source",
    ];
    assert_eq!(places, expected.map(|path| ("info".to_owned(), path)));
    let missing = ignition::missing(&parsed.config.unwrap());
    assert!(missing.is_fatal() && missing.entries.len() == 4);
}

#[test]
fn an_argument_that_is_wanted_and_unwanted_is_named_with_both_places() {
    for (there, gone, expected) in [
        ("a b", "a", Some("a is in shouldNotExist.1 (\"a\") and in shouldExist.1 (\"a b\")")),
        ("a=1 b", "c a=1", Some("a=1 is in shouldNotExist.1 (\"c a=1\") and in shouldExist.1 (\"a=1 b\")")),
        ("a=1 b", "a", None),
        ("a=\"b c\"", "c", None),
        ("a b", "ab", None),
    ] {
        let text = serde_json::json!({
            "ignition": {"version": "3.5.0"},
            "kernelArguments": {"shouldExist": ["x", there], "shouldNotExist": ["y", gone]},
        });
        let missing = ignition::missing(&parse(text.to_string().as_bytes()).config.unwrap());
        assert_eq!(missing.is_fatal(), expected.is_some(), "{missing}");
        if let Some(expected) = expected {
            assert_eq!(missing.entries[0].path, "$.kernelArguments.shouldNotExist.1");
            assert!(missing.to_string().contains(expected), "{missing}");
        }
    }
}

#[test]
fn a_config_is_written_without_what_says_nothing() {
    let text = br#"{"ignition": {"version": "3.0.0"}, "storage": {"files": [{"path": "/a", "mode": 2541}]}}"#;
    let json = to_json(&parse(text).config.unwrap()).to_string();
    assert_eq!(json, r#"{"ignition":{"version":"3.6.0"},"storage":{"files":[{"mode":493,"path":"/a"}]}}"#);
}
