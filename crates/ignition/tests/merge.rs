//! How two configs are made one.
#![allow(clippy::unwrap_used, reason = "a test's own helpers")]

mod generator;

use generator::Generator;
use ignition::{merge, parse, to_json};
use serde_json::{Value, json};

fn merged(parent: &Value, child: &Value) -> Value {
    let whole = |config: &Value| {
        let mut config = config.clone();
        if config["ignition"]["version"].is_null() {
            config["ignition"]["version"] = "3.6.0".into();
        }
        let parsed = parse(config.to_string().as_bytes());
        parsed.config.unwrap_or_else(|| panic!("{}", parsed.report))
    };
    let mut merged = to_json(&merge(&whole(parent), &whole(child)));
    merged["ignition"].as_object_mut().unwrap().remove("version");
    plain(merged).unwrap_or(json!({}))
}

/// Without what says nothing.
fn plain(value: Value) -> Option<Value> {
    let value: Value = match value {
        Value::Object(object) => {
            let object = object.into_iter().filter(|(key, value)| {
                !(key == "number" && *value == json!(0) || key == "url" && *value == json!(""))
            });
            object.filter_map(|(key, value)| Some((key, plain(value)?))).collect()
        }
        Value::Array(list) => list.into_iter().map(|entry| plain(entry).unwrap_or(json!({}))).collect(),
        value => value,
    };
    (value != json!({}) && value != json!([]) && !value.is_null()).then_some(value)
}

#[test]
fn the_childs_word_counts() {
    for (name, parent, child, expected) in [
        ("nothing", json!({}), json!({}), json!({})),
        (
            "values",
            json!({"ignition": {"timeouts": {"httpTotal": 5, "httpResponseHeaders": 6}}}),
            json!({"ignition": {"timeouts": {"httpTotal": 7}}}),
            json!({"ignition": {"timeouts": {"httpTotal": 7, "httpResponseHeaders": 6}}}),
        ),
        (
            "entries by their key, the parent's order first",
            json!({"passwd": {"users": [{"name": "a", "uid": 1, "groups": ["x", "y"]}, {"name": "b"}]}}),
            json!({"passwd": {"users": [{"name": "c"}, {"name": "a", "shell": "/s", "groups": ["z", "y"]}]}}),
            json!({"passwd": {"users": [
                {"name": "a", "uid": 1, "shell": "/s", "groups": ["x", "y", "z"]}, {"name": "b"}, {"name": "c"},
            ]}}),
        ),
        (
            "a path that becomes something else",
            json!({"storage": {"files": [{"path": "/a"}, {"path": "/b"}], "directories": [{"path": "/c"}]}}),
            json!({"storage": {"links": [{"path": "/a", "target": "/x"}], "files": [{"path": "/c", "mode": 1}]}}),
            json!({"storage": {
                "files": [{"path": "/b"}, {"path": "/c", "mode": 1}], "links": [{"path": "/a", "target": "/x"}],
            }}),
        ),
        (
            "what is appended grows",
            json!({"storage": {"files": [{"path": "/a", "append": [{"source": "data:,a"}]}]}}),
            json!({"storage": {"files": [{"path": "/a", "append": [{"source": "data:,a"}, {"source": "data:,b"}]}]}}),
            json!({"storage": {"files": [
                {"path": "/a", "append": [{"source": "data:,a"}, {"source": "data:,a"}, {"source": "data:,b"}]},
            ]}}),
        ),
        (
            "headers are replaced and removed",
            json!({"ignition": {"config": {"replace": {"source": "http://h/", "httpHeaders": [
                {"name": "a", "value": "1"}, {"name": "b", "value": "2"}, {"name": "c", "value": "3"},
            ]}}}}),
            json!({"ignition": {"config": {"replace": {"source": "http://h/", "httpHeaders": [
                {"name": "b"}, {"name": "c", "value": "4"}, {"name": "d", "value": "5"},
            ]}}}}),
            json!({"ignition": {"config": {"replace": {"source": "http://h/", "httpHeaders": [
                {"name": "a", "value": "1"}, {"name": "c", "value": "4"}, {"name": "d", "value": "5"},
            ]}}}}),
        ),
        (
            "kernel arguments",
            json!({"kernelArguments": {"shouldExist": ["a", "b"], "shouldNotExist": ["c"]}}),
            json!({"kernelArguments": {"shouldExist": ["c"], "shouldNotExist": ["a"]}}),
            json!({"kernelArguments": {"shouldExist": ["b", "c"], "shouldNotExist": ["a"]}}),
        ),
        (
            "partitions by number, else by label",
            json!({"storage": {"disks": [{"device": "/dev/a", "partitions": [{"number": 1, "label": "x"}, {"label": "y"}]}]}}),
            json!({"storage": {"disks": [{"device": "/dev/a", "partitions": [
                {"number": 1, "sizeMiB": 5}, {"label": "y", "sizeMiB": 6}, {"number": 2},
            ]}]}}),
            json!({"storage": {"disks": [{"device": "/dev/a", "partitions": [
                {"number": 1, "label": "x", "sizeMiB": 5}, {"label": "y", "sizeMiB": 6}, {"number": 2},
            ]}]}}),
        ),
        (
            "units and drop-ins",
            json!({"systemd": {"units": [{"name": "a.service", "enabled": true, "dropins": [{"name": "1.conf", "contents": "[A]\nb=c"}]}]}}),
            json!({"systemd": {"units": [{"name": "a.service", "enabled": false, "dropins": [{"name": "1.conf", "contents": ""}, {"name": "2.conf"}]}]}}),
            json!({"systemd": {"units": [{"name": "a.service", "enabled": false, "dropins": [{"name": "1.conf", "contents": ""}, {"name": "2.conf"}]}]}}),
        ),
        (
            "older versions",
            json!({"ignition": {"version": "3.0.0"}, "storage": {"files": [{"path": "/a", "mode": 0o4755}]}}),
            json!({"ignition": {"version": "3.6.0"}, "storage": {"files": [{"path": "/b", "mode": 0o4755}]}}),
            json!({"storage": {"files": [{"path": "/a", "mode": 0o755}, {"path": "/b", "mode": 0o4755}]}}),
        ),
    ] {
        assert_eq!(merged(&parent, &child), expected, "{name}");
    }
}

#[test]
fn two_valid_configs_can_make_one_that_is_not() {
    let config = |storage: Value| {
        parse(json!({"ignition": {"version": "3.5.0"}, "storage": storage}).to_string().as_bytes())
            .config
            .unwrap()
    };
    let parent = config(json!({"links": [{"path": "/a", "target": "/b"}]}));
    let child = config(json!({"files": [{"path": "/a/c"}]}));
    let report = ignition::validate(&merge(&parent, &child));
    assert_eq!(
        report.to_string(),
        "error at $.storage.files.0: /a/c leads through /a, which is a link of this config: name its target"
    );
}

/// BERTH_IGNITION_MERGE=PATH is a program that merges the configs of two files by the reference's library, as JSON.
#[test]
fn generated_configs_are_merged_as_the_reference_merges_them() {
    let Some(program) = std::env::var_os("BERTH_IGNITION_MERGE") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("parent"), folder.path().join("child"));
    let mut valid = (0..u64::MAX).filter_map(|seed| {
        let text = Generator::new(seed).config();
        Some((parse(text.as_bytes()).config?, text))
    });
    let mut wrong = Vec::new();
    for _ in 0..2000 {
        let ((parent, parent_text), (child, child_text)) = (valid.next().unwrap(), valid.next().unwrap());
        std::fs::write(&one, &parent_text).unwrap();
        std::fs::write(&two, &child_text).unwrap();
        let output = std::process::Command::new(&program).args([&one, &two]).output().unwrap();
        assert!(output.status.success(), "{parent_text}\n{child_text}");
        let mut theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
        theirs["ignition"]["version"] = "3.6.0".into();
        let ours = to_json(&merge(&parent, &child));
        if plain(ours.clone()) != plain(theirs.clone()) {
            wrong.push(format!("{parent_text}\n{child_text}\n  ours: {ours}\n  theirs: {theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
}
