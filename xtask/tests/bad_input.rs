//! What a person sees who builds with a bad spec, or on a machine that cannot: what is wrong, where,
//! what to do next, and exit code 1.

#![allow(clippy::expect_used)]

use pipeline::Lock;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the checkout")
}

/// How the builder ended, with what it wrote on standard error.
struct Ended {
    code: Option<i32>,
    said: String,
}

impl Ended {
    /// Fails unless it ended with exit code 1 and said all of `words`.
    fn is_an_error_with(&self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{}", self.said);
        for word in words {
            assert!(self.said.contains(word), "{word:?} is not in: {}", self.said);
        }
    }
}

/// `cargo xtask ARGUMENTS` with an empty cache of its own, under `wrapper` (a shell script that ends
/// by running "$@").
fn xtask(wrapper: &str, cache: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Ended {
    let output = Command::new("sh")
        .args(["-c", wrapper, "sh", env!("CARGO_BIN_EXE_xtask")])
        .args(arguments)
        .env("BERTH_CACHE", cache)
        .envs(environment.iter().copied())
        .current_dir(checkout())
        .output()
        .expect("a shell");
    Ended { code: output.status.code(), said: String::from_utf8_lossy(&output.stderr).into_owned() }
}

const PLAINLY: &str = r#"exec "$@""#;
/// The quickest command that needs a tools tree.
const TOOLS: [&str; 4] = ["test", "no-test-has-this-name", "--tier", "unit"];

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn a_bad_spec_is_refused_with_its_place_and_the_nearest_name() {
    // What is wrong, the line of the default spec that is changed, what it becomes, and what is said.
    let cases: [(&str, &str, &str, &[&str]); 7] = [
        ("an unknown key", "name: berth", "nmae: berth", &["nmae", "`name`"]),
        ("a wrong type", "channel: dev", "channel: [dev]", &["channel", "expected a string"]),
        ("no such component", "  - etcd", "  - etdc", &["etdc", "`etcd`"]),
        ("a bad version", "version: 0.1.0", "version: 1.2.3-rc1", &["1.2.3-rc1"]),
        ("not YAML", "name: berth", "name: [berth", &[]),
        ("a size that is none", "  root: 512MiB", "  root: 5 parsecs", &["5 parsecs", "MiB"]),
        ("no such key below", "  root: 512MiB", "  roott: 512MiB", &["roott", "`root`"]),
    ];
    let default = fs::read_to_string(checkout().join("images/default.yaml")).expect("the default spec");
    for (what, line, becomes, words) in cases {
        println!("{what}");
        let number = default.lines().position(|other| other == line).expect("the line") + 1;
        let place = directory();
        let (spec, out) = (place.path().join("bad.yaml"), place.path().join("out"));
        fs::write(&spec, default.replacen(line, becomes, 1)).expect("a spec");
        let arguments = ["build", spec.to_str().expect("a path"), "--out", out.to_str().expect("a path")];
        let ended = xtask(PLAINLY, &place.path().join("cache"), &[], &arguments);
        ended.is_an_error_with(words);
        if !words.is_empty() {
            ended.is_an_error_with(&[&format!("bad.yaml:{number}:")]);
        }
        assert!(!out.exists(), "{what}: something was left behind");
    }
}

#[test]
fn a_spec_that_is_not_there_is_named() {
    let cache = directory();
    xtask(PLAINLY, cache.path(), &[], &["build", "no/such.yaml"])
        .is_an_error_with(&["no/such.yaml", "images/default.yaml"]);
}

#[test]
fn a_value_of_the_command_line_that_is_none_is_refused() {
    let cache = directory();
    for value in ["channel=", "update.url=", "version=null", "applets="] {
        xtask(PLAINLY, cache.path(), &[], &["build", "--set", value])
            .is_an_error_with(&[&format!("--set {value}: a value is missing"), "leave this out"]);
    }
}

#[test]
fn a_folder_for_temporary_files_that_is_not_there_is_named() {
    let cache = directory();
    let ended = xtask(PLAINLY, cache.path(), &[("TMPDIR", "/no/such/folder")], &TOOLS);
    ended.is_an_error_with(&["/no/such/folder, is not there", "TMPDIR"]);
    assert!(!ended.said.contains("namespaces"), "{}", ended.said);
}

#[test]
fn an_archive_that_does_not_answer_is_an_error_of_the_network() {
    let cache = directory();
    let keyring = cache.path().join("keyring.gpg");
    fs::write(&keyring, "").expect("a file");
    let environment = [
        ("BERTH_DEBIAN_MIRROR", "http://127.0.0.1:1/debian"),
        ("BERTH_DEBIAN_KEYRING", keyring.to_str().expect("a path")),
    ];
    xtask(PLAINLY, cache.path(), &environment, &TOOLS)
        .is_an_error_with(&["the Debian archive could not be read", "check the network"]);
}

#[test]
fn a_host_whose_apt_knows_no_debian_is_told_what_to_set() {
    let cache = directory();
    let config = cache.path().join("apt.conf");
    fs::write(&config, "Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"/dev/null\";\n")
        .expect("a file");
    let environment = [("APT_CONFIG", config.to_str().expect("a path")), ("BERTH_DEBIAN_MIRROR", "")];
    xtask(PLAINLY, cache.path(), &environment, &TOOLS)
        .is_an_error_with(&["no Debian archive is known", "BERTH_DEBIAN_MIRROR"]);
}

#[test]
fn a_keyring_that_is_not_there_is_named() {
    let cache = directory();
    let environment = [
        ("BERTH_DEBIAN_MIRROR", "http://127.0.0.1:1/debian"),
        ("BERTH_DEBIAN_KEYRING", "/no/such/keyring.gpg"),
    ];
    xtask(PLAINLY, cache.path(), &environment, &TOOLS)
        .is_an_error_with(&["/no/such/keyring.gpg does not exist", "debian-archive-keyring"]);
}

#[test]
fn a_host_without_user_namespaces_is_told_how_to_allow_them() {
    let cache = directory();
    let none = r#"exec unshare --user --map-root-user sh -c '
        echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"' sh "$@""#;
    xtask(none, cache.path(), &[], &TOOLS)
        .is_an_error_with(&["refuses user namespaces", "sysctl -w user.max_user_namespaces"]);
}

/// A store that has a file for each package of the set `test`, with `content`.
fn store_of(cache: &Path, content: &str) -> String {
    let text = fs::read_to_string(checkout().join("images/inputs.lock")).expect("the lock");
    let lock = Lock::parse(&text).expect("the lock");
    let store = cache.join("downloads/debian");
    fs::create_dir_all(&store).expect("a directory");
    for package in &lock.sets["test"] {
        fs::write(store.join(package.file_name()), content).expect("a file");
    }
    lock.sets["test"][0].sha256.clone()
}

#[test]
fn a_package_with_another_hash_is_never_unpacked() {
    let cache = directory();
    store_of(cache.path(), "not a package");
    xtask(PLAINLY, cache.path(), &[], &TOOLS).is_an_error_with(&[
        "is not what images/inputs.lock says",
        "expected",
        "remove the file",
    ]);
    let steps = cache.path().join("steps/tools-test");
    let left = fs::read_dir(steps).map_or(0, |entries| entries.count());
    assert_eq!(left, 0, "half a tree was left behind");
}

#[test]
fn a_full_disk_is_called_that() {
    let cache = directory();
    let full = r#"exec unshare --user --map-root-user --mount sh -c '
        mount -t tmpfs -o size=64k tmpfs "$BERTH_CACHE" && head -c 1M /dev/zero > "$BERTH_CACHE/fill"
        exec "$@"' sh "$@" 2>&2"#;
    xtask(full, cache.path(), &[], &TOOLS).is_an_error_with(&["the disk is full", "BERTH_CACHE"]);
}
