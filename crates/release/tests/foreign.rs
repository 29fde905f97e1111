//! python-tuf, a client that shares no code with tough, accepts the repository and follows changes of keys.
//! `BERTH_TEST_PYTHON` names a Python that has it; without one the test says that it was skipped.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod common;

use common::Bed;
use release::{Keys, Role};
use std::path::Path;
use std::process::{Command, Output};

fn python(arguments: &[&str]) -> Output {
    let python = std::env::var_os("BERTH_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    Command::new(python).args(arguments).output().unwrap()
}

fn client(bed: &Bed, state: &Path, names: &[&str]) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign.py");
    let (repository, trusted) = (bed.repository(), bed.trusted());
    let mut arguments =
        vec![script.to_str().unwrap(), repository.to_str().unwrap(), trusted.to_str().unwrap()];
    arguments.push(state.to_str().unwrap());
    arguments.extend(names);
    let output = python(&arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

#[test]
fn python_tuf_takes_what_is_published_and_follows_changed_keys() {
    if !python(&["-c", "import tuf.ngclient"]).status.success() {
        println!("skipped: this Python has no python-tuf; name one that has by BERTH_TEST_PYTHON");
        return;
    }
    let bed = Bed::new();
    let (old, new) = (bed.path("old"), bed.path("new"));
    bed.open().add(&bed.release("1.0.0"), "stable").unwrap();
    let first = ["stable.channel.json", "berth_1.0.0.manifest.json", "berth_1.0.0.usr.cba-header"];
    let told = client(&bed, &old, &first).unwrap();
    assert_eq!(told.lines().count(), 3, "{told}");
    for line in told.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[1], words[2], "{line}");
    }
    let refused = client(&bed, &old, &["none"]).unwrap_err();
    assert!(refused.contains("no target none"), "{refused}");

    for (version, roles) in [("1.1.0", vec![Role::Root]), ("1.2.0", Role::ALL.to_vec())] {
        let retired = Keys::open(&bed.keys()).unwrap().rotate(&roles).unwrap().retired;
        bed.open().refresh().unwrap();
        client(&bed, &old, &first).unwrap();
        retired.iter().for_each(|path| std::fs::remove_file(path).unwrap());
        bed.open().add(&bed.release(version), "stable").unwrap();
        client(&bed, &old, &[&format!("berth_{version}.manifest.json")]).unwrap();
    }
    client(&bed, &new, &first).unwrap();

    // And it refuses what was changed.
    let timestamp = bed.repository().join("metadata/timestamp.json");
    let signed = std::fs::read_to_string(&timestamp).unwrap();
    std::fs::write(&timestamp, signed.replace("\"length\": ", "\"length\": 1")).unwrap();
    let refused = client(&bed, &new, &first).unwrap_err();
    assert!(refused.contains("signed by 0/1 keys"), "{refused}");
}
