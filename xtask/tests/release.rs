//! `cargo xtask keys` and `release`, as a maker of releases runs them; no build is needed.
#![allow(clippy::unwrap_used)]

use release::{Extension, Fixture, Keys, Repository};
use std::path::Path;
use std::process::Command;

struct Ended {
    code: Option<i32>,
    said: String,
}

fn xtask(place: &Path, line: &str) -> Ended {
    let arguments = line.split_whitespace().map(|word| word.replace("%20", " "));
    let output =
        Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).current_dir(place).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Ended { code: output.status.code(), said: said.into_owned() }
}

#[test]
fn a_maker_of_releases_goes_from_keys_to_a_withdrawal() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    for version in ["1.0.0", "1.1.0"] {
        Fixture::of(version).write(&place.join(version)).unwrap();
    }
    let to = "--repo repo --keys keys";
    // What is run, the exit code, and what is said.
    for (line, code, says) in [
        ("keys init keys", 0, "keys/root.json"),
        ("keys init keys", 1, "is not empty"),
        (&format!("release {to}"), 1, "nothing to do"),
        (&format!("release {to} --refresh"), 1, "repo is no repository"),
        (&format!("release {to} --from 1.0.0"), 1, "--channel"),
        (&format!("release {to} --from none --channel stable"), 1, "none/manifest.json"),
        (&format!("release {to} --from 1.0.0 --channel stable"), 0, "berth 1.0.0 is in stable"),
        (&format!("release {to} --from 1.1.0 --channel stable --minimum-version 1.1.0"), 1, "nothing older"),
        (
            &format!("release {to} --from 1.1.0 --channel stable --minimum-version 1.0.0"),
            0,
            "timestamp version",
        ),
        (&format!("release {to} --withdraw 1.1.0 --channel stable"), 2, "--reason"),
        (&format!("release {to} --withdraw 1.2.0 --reason x --channel stable"), 1, "no release 1.2.0"),
        (&format!("release {to} --withdraw 1.1.0 --reason loses%20data --channel stable"), 0, "withdrawn"),
        (&format!("release {to} --minimum-version 1.0.0 --refresh"), 1, "name a spec or --from"),
        ("keys rotate keys timestamp", 0, "version 2"),
        ("keys rotate keys nobody", 2, "nobody"),
        (&format!("release {to} --refresh"), 0, "root      version   2"),
        (&format!("release {to} --prune"), 0, "removed repo/archives/"),
        ("serve none", 1, "none"),
    ] {
        let ended = xtask(place, line);
        assert_eq!(ended.code, Some(code), "{line}: {}", ended.said);
        assert!(ended.said.contains(says), "{line}: {says:?} is not in: {}", ended.said);
    }
    let repository = Repository::open(&place.join("repo"), Keys::open(&place.join("keys")).unwrap()).unwrap();
    let releases = repository.channel("stable").unwrap().unwrap().releases;
    assert_eq!(releases[1].minimum_version.as_str(), "1.0.0");
    assert_eq!(releases[1].withdrawn.as_deref(), Some("loses data"));
}

#[test]
fn extensions_that_were_built_are_published_with_their_release() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let build = place.join("1.0.0");
    let version = Fixture::of("1.0.0").write(&build).unwrap().manifest.version;
    let [repo, keys, from] = ["repo", "keys", "1.0.0"].map(|name| place.join(name).display().to_string());
    let publish = format!("release --from {from} --repo {repo} --keys {keys} --channel stable");
    let with = format!("{publish} --extension images/extensions/debug-tools.yaml");
    let check = |line: &str, code, says: &str| {
        let ended = xtask(checkout, line);
        assert_eq!(ended.code, Some(code), "{line}: {}", ended.said);
        assert!(ended.said.contains(says), "{line}: {says:?} is not in: {}", ended.said);
    };
    check(&format!("keys init {keys}"), 0, "root.json");
    check(&with, 1, "debug-tools for 1.0.0 is not there: build it with `cargo xtask extension --out");
    check(&format!("release --refresh --repo {repo} --keys {keys} --extension x"), 1, "--extension is for");
    // It may come after its release.
    check(&publish, 0, "berth 1.0.0 is in stable\n");

    let (bytes, root_hash) = extension::fixture::image(b"tools").unwrap();
    let image = build.join(Extension::image_name("debug-tools", &version));
    std::fs::write(&image, &bytes).unwrap();
    let (name, size) = ("debug-tools".to_owned(), bytes.len() as u64);
    let root_hash = manifest::Sha256(root_hash.0);
    let built = Extension { name, version: version.clone(), image, size, root_hash };
    let entry = build.join(Extension::entry_name("debug-tools", &version));
    std::fs::write(entry, built.entry().unwrap().to_string()).unwrap();
    check(&with, 0, "berth 1.0.0 is in stable, with debug-tools");
    let repository = Repository::open(Path::new(&repo), Keys::open(Path::new(&keys)).unwrap()).unwrap();
    let releases = repository.channel("stable").unwrap().unwrap().releases;
    let signed = releases[0].extension("debug-tools").unwrap();
    assert_eq!((signed.size, signed.root_hash), (size, root_hash));
}

#[test]
fn each_command_shows_an_example() {
    for command in ["keys", "release", "serve"] {
        let ended = xtask(Path::new("."), &format!("{command} --help"));
        assert_eq!(ended.code, Some(0));
        assert!(ended.said.contains(&format!("cargo xtask {command}")), "{}", ended.said);
    }
}
