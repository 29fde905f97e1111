//! What is said of a config, in full: a finding a line, each with its place in the YAML.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use butane::{Files, Leaf, translate};

struct Empty;

impl Files for Empty {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("reading {path}: not there"))
    }

    fn tree(&self, path: &str) -> Result<Vec<Leaf>, String> {
        Err(format!("reading {path}: not there"))
    }
}

/// A config, by its `variant` and `version`, which are its lines 1 and 2, and the rest; and what
/// is said of it.
#[test]
fn findings() {
    let cases = include_str!("said.txt");
    let mut written = String::new();
    for case in cases.split("\n====\n") {
        let (config, _) = case.split_once("\n--\n").unwrap_or((case, ""));
        let translation = translate(config.trim_start_matches('\n'), Some(&Empty));
        assert_eq!(translation.report.is_fatal(), translation.config.is_none(), "{config}");
        if !written.is_empty() {
            written += "\n====\n";
        }
        written += &format!("{config}\n--\n{}", translation.report);
    }
    written += "\n";
    if std::env::var_os("BERTH_BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/said.txt"), &written).unwrap();
        return;
    }
    assert_eq!(written.trim_end(), cases.trim_end(), "accept with BERTH_BLESS=1 what is meant");
}

/// A config inside of the config: what is said of it stands where it begins. Of a version that is
/// not known yet it is only a warning, as the machine may know it.
#[test]
fn findings_of_a_config_inside() {
    for (inside, severity) in [
        ("[]", "error"),
        (r#"{"ignition": {}}"#, "error"),
        (r#"{"ignition": {"version": "3.1.0"}, "storage": 1}"#, "error"),
        (r#"{"ignition": {"version": "3.1.0"}, "storages": {}}"#, "warning"),
        (r#"{"ignition": {"version": "3.70.0"}}"#, "warning"),
    ] {
        let start = "variant: berth\nversion: 1.0.0\nignition:\n  config:\n    replace:\n";
        let said = translate(&format!("{start}      inline: '{inside}'\n"), None).report.to_string();
        let expected = format!(
            "{severity} at $.ignition.config.replace.inline, line 6 col 15: in the config that this is: "
        );
        assert!(said.starts_with(&expected), "{inside}: {said}");
    }
}

#[test]
fn without_a_folder_no_local_file_is_read() {
    let config = "variant: berth\nversion: 1.0.0\nstorage:\n  trees:\n    - local: web\n";
    let said = "error at $.storage.trees.0, line 5 col 7: \
                local files are read from a folder that has to be named: use --files-dir DIR";
    assert_eq!(translate(config, None).report.to_string(), said);
}
