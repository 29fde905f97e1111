//! The manifest and the bill of materials, held against golden files. `BERTH_BLESS=1` rewrites
//! them.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use manifest::{
    Archive, Artifact, Component, Input, Manifest, ManifestError, SCHEMA, Sha256, Update, Usr, spdx,
};

fn example() -> Manifest {
    let component = |name: &str, version: &str, licence: &str, source: &str| Component {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: licence.to_owned(),
        source: source.to_owned(),
    };
    let artifact = |name: &str, kind: &str, size, byte| Artifact {
        name: name.to_owned(),
        kind: kind.to_owned(),
        size,
        sha256: Sha256([byte; 32]),
    };
    Manifest {
        schema: SCHEMA,
        product: "berth".to_owned(),
        architecture: "x86_64".to_owned(),
        channel: "stable".to_owned(),
        version: "1.2.3.dev4".parse().unwrap(),
        security_epoch: 0,
        minimum_version: "1.0.0".parse().unwrap(),
        source_date_epoch: 1_795_543_445,
        usr: Usr {
            size: 75_000_000,
            verity_size: 602_112,
            slot_size: 1 << 30,
            root_hash: Sha256([0xab; 32]),
        },
        uki_sha256: Sha256([0xcd; 32]),
        components: vec![
            component("linux", "6.12.118", "GPL-2.0-only", "pkg:deb/debian/linux@6.12.118-1"),
            component("etcd", "3.7.3", "Apache-2.0", "pkg:golang/go.etcd.io/etcd/server/v3@v3.7.3"),
            component(
                "libmd0",
                "1.1.0-2+b1",
                "(ISC OR MIT) AND LicenseRef-Debian-public-domain",
                "pkg:deb/debian/libmd0@1.1.0-2%2Bb1",
            ),
            component("busybox/sh", "1.37", "", "built by hand"),
        ],
        artifacts: vec![
            artifact("berth-1.2.3.dev4.qcow2", "qcow2", 12, 2),
            artifact("berth-1.2.3.dev4.img", "disk", 34, 1),
        ],
        inputs_not_as_locked: vec![Input {
            name: "busybox".to_owned(),
            locked: "1.36".to_owned(),
            used: "1.37".to_owned(),
        }],
        update: None,
    }
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("BERTH_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, wanted, "{name}; BERTH_BLESS=1 rewrites it");
}

#[test]
fn the_json_is_stable() {
    golden("manifest.json", &example().to_json());
    golden("spdx.json", &spdx::document(&example()));
}

#[test]
fn the_order_of_the_parts_does_not_matter() {
    let mut other = example();
    other.components.reverse();
    other.artifacts.reverse();
    assert_eq!(other.to_json(), example().to_json());
    assert_eq!(spdx::document(&other), spdx::document(&example()));
}

#[test]
fn what_is_read_back_is_what_was_written() {
    let read = Manifest::from_json(&example().to_json()).unwrap();
    assert_eq!(read.to_json(), example().to_json());
    assert_eq!(read.artifact("disk").unwrap().name, "berth-1.2.3.dev4.img");
    assert_eq!(read.artifact("iso"), None);
}

#[test]
fn a_repository_s_manifest_says_how_the_release_is_fetched() {
    let archive = |name: &str, size| Archive {
        header: format!("berth_1.2.3.dev4.{name}.cba-header"),
        path: "archives/00.cba".to_owned(),
        size,
    };
    let update = Update {
        usr: archive("usr", 80_000_000),
        usr_salt: Sha256([1; 32]),
        uki: archive("uki", 15_000_000),
    };
    let published = Manifest { update: Some(update.clone()), ..example() };
    assert_eq!(Manifest::from_json(&published.to_json()).unwrap().update, Some(update));
    assert_eq!(Manifest::from_json(&example().to_json()).unwrap().update, None);
}

#[test]
fn a_newer_release_may_say_more_but_not_in_a_newer_format() {
    let more = example().to_json().replacen('{', "{\n  \"news\": 1,", 1);
    assert!(Manifest::from_json(&more).is_ok());
    let newer = example().to_json().replace("\"schema\": 1", "\"schema\": 2");
    let error = Manifest::from_json(&newer).unwrap_err();
    assert!(matches!(error, ManifestError::Newer { schema: 2, .. }), "{error}");
}

#[test]
fn a_wrong_field_is_an_error_that_says_where() {
    let json = example().to_json();
    for (from, to, says) in [
        ("\"1.2.3.dev4\"", "\"1.2.3-dev4\"", "is not a version"),
        ("\"abab", "\"xyab", "64 hexadecimal digits"),
        ("\"channel\"", "\"chanel\"", "missing field `channel`"),
        ("\"size\": 12", "\"size\": -12", "invalid value: integer `-12`"),
    ] {
        let wrong = json.replacen(from, to, 1);
        assert_ne!(wrong, json, "{from}");
        let error = Manifest::from_json(&wrong).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("line"), "{error}");
    }
}
