//! Which images count, which are for a base, and which a machine is to have.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use extension::candidates::{Candidate, Entry, Kind, choose, is_name, layers};
use extension::release::{Fields, check};
use extension::update::wanted;
use extension::{Record, Trusted};
use manifest::Version;
use proptest::prelude::*;
use verity::RootHash;

const BASE: &str = "NAME=\"Berth\"\nID=berth\nVERSION_ID=\"1.2.3\"\n";

#[test]
fn an_extension_is_taken_for_the_base_that_it_was_made_for() {
    let level = format!("{BASE}SYSEXT_LEVEL=2\n");
    for (base, text, objection) in [
        (BASE, "ID=berth\nVERSION_ID=1.2.3\n", ""),
        (BASE, "ID=berth\nVERSION_ID='1.2.3'\nARCHITECTURE=x86-64\nSYSEXT_SCOPE=system\n", ""),
        (BASE, "ID=_any\n", ""),
        (BASE, "ID=_any\nARCHITECTURE=_any\n", ""),
        (BASE, "ID=berth\nVERSION_ID=1.2.3\nSYSEXT_SCOPE=\"portable system\"\n", ""),
        (BASE, "ID=berth\nVERSION_ID=1.2.4\n", "VERSION_ID=1.2.4, and the base has 1.2.3"),
        (BASE, "ID=berth\n", "does not say what VERSION_ID="),
        (BASE, "VERSION_ID=1.2.3\n", "does not say what ID="),
        (BASE, "", "does not say what ID="),
        (BASE, "ID=flatcar\nVERSION_ID=1.2.3\n", "ID=flatcar, and the base has berth"),
        (BASE, "ID=_any\nARCHITECTURE=arm64\n", "ARCHITECTURE=arm64, and the base has x86-64"),
        (BASE, "ID=berth\nVERSION_ID=1.2.3\nSYSEXT_SCOPE=initrd\n", "SYSEXT_SCOPE=initrd"),
        // A level that both have decides alone; one that only one has does not count.
        (&level, "ID=berth\nVERSION_ID=9\nSYSEXT_LEVEL=2\n", ""),
        (&level, "ID=berth\nVERSION_ID=1.2.3\nSYSEXT_LEVEL=1\n", "SYSEXT_LEVEL=1, and the base has 2"),
        (&level, "ID=berth\nVERSION_ID=1.2.3\n", ""),
        (BASE, "ID=berth\nVERSION_ID=9\nSYSEXT_LEVEL=2\n", "VERSION_ID=9"),
        // A base that only rolls on.
        ("ID=berth\n", "ID=berth\nVERSION_ID=9\n", ""),
    ] {
        let told = check(&Fields::parse(text), &Fields::parse(base));
        let told = told.err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(told.is_empty(), objection.is_empty(), "{text}: {told}");
        assert!(told.contains(objection), "{text}: {told}");
    }
}

/// `NAME=KIND` words as a folder's entries.
fn folder(words: &str) -> Vec<Entry> {
    let kind = |word: &str| match word {
        "file" => Kind::File,
        "folder" => Kind::Folder,
        "mask" => Kind::Mask,
        _ => Kind::Other,
    };
    let entry = |word: &str| {
        let (name, what) = word.split_once('=').unwrap();
        Entry { name: name.to_owned(), kind: kind(what) }
    };
    words.split_whitespace().map(entry).collect()
}

#[test]
fn of_images_of_one_name_the_first_folders_counts() {
    for (etc, staged, var, wanted) in [
        ("", "", "", ""),
        ("", "", "a.raw=file b.raw=file", "a:/var b:/var"),
        (
            "a.raw=file",
            "a.raw=file b.raw=file",
            "a.raw=file b.raw=file c.raw=file",
            "a:/etc b:/staged c:/var",
        ),
        // A link to /dev/null takes an extension away; what has a dot in front is not looked at.
        ("a.raw=mask", "a.raw=file", "", ""),
        ("", ".a.raw.new=file", ".v=folder", ""),
        // What is no image is told, and hides none of another name.
        ("tools=folder", "", "a.raw=file", "a:/var tools!folder"),
        ("", "", "a.raw=other b.txt=file C.raw=file", "C!characters a!leads b.txt!NAME.raw"),
    ] {
        let chosen = choose(&[
            (Path::new("/etc"), folder(etc)),
            (Path::new("/staged"), folder(staged)),
            (Path::new("/var"), folder(var)),
        ]);
        let told: Vec<String> = chosen
            .iter()
            .map(|(name, candidate)| match candidate {
                Candidate::Image(path) => format!("{name}:{}", path.parent().unwrap().display()),
                Candidate::Unusable(_, why) => {
                    let word =
                        wanted.split_whitespace().find_map(|one| one.strip_prefix(&format!("{name}!")));
                    assert!(why.contains(word.unwrap()), "{name}: {why}");
                    format!("{name}!{}", word.unwrap())
                }
            })
            .collect();
        assert_eq!(told.join(" "), wanted, "{etc} | {staged} | {var}");
    }
}

#[test]
fn the_last_name_is_the_uppermost_layer_and_the_base_the_lowest() {
    let paths = ["/x/a/usr", "/x/b/usr"].map(PathBuf::from);
    let paths = || paths.iter().map(PathBuf::as_path);
    assert_eq!(layers(paths(), Some(Path::new("/base"))), "/x/b/usr:/x/a/usr:/base");
    assert_eq!(layers(paths(), None), "/x/b/usr:/x/a/usr");
}

#[test]
fn names_are_plain() {
    for name in ["a", "debug-tools", "k8s-1"] {
        assert!(is_name(name), "{name}");
    }
    for name in ["", "-a", "1a", "a/b", "..", "a.b", "A", "a:b", "a,b", "a b", &"x".repeat(65)] {
        assert!(!is_name(name), "{name}");
    }
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

#[test]
fn a_record_trusts_one_image_for_each_base() {
    let (first, second) = (RootHash([1; 32]), RootHash([2; 32]));
    let mut record = Record::default();
    record.trust("1.0.0", &first, &version("1.0.0"));
    record.trust("1.1.0", &second, &version("1.1.0"));
    let bases = |hash: &RootHash| {
        let found = ["1.0.0", "1.1.0"].map(|base| record.find(hash, base).is_some());
        (found[0], found[1])
    };
    assert_eq!((bases(&first), bases(&second)), ((true, false), (false, true)));
    let mut again = Record::from_json(&record.to_json()).unwrap();
    assert_eq!(again, record);
    again.trust("1.0.1", &second, &version("1.0.0"));
    assert!(again.find(&first, "1.0.0").is_none(), "the one before it is trusted no more");
    again.keep(&[version("1.1.0")]);
    let hash = second.to_string();
    let left = Trusted { version: "1.1.0".to_owned(), root_hash: hash, base: "1.1.0".to_owned() };
    assert_eq!(again.trusted, [left]);
}

#[test]
fn a_record_of_another_shape_trusts_nothing() {
    for (text, says) in [
        ("", "no record"),
        ("{}", "missing field"),
        (r#"{"schema": 2, "trusted": []}"#, "its format is 2"),
        (r#"{"schema": 1, "trusted": [{"root_hash": "00"}]}"#, "missing field"),
    ] {
        let error = Record::from_json(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    let text = r#"{"schema": 1, "trusted": [{"version": "1", "root_hash": "zz", "base": "1.0.0"}]}"#;
    assert!(Record::from_json(text).unwrap().find(&RootHash([0; 32]), "1.0.0").is_none());
}

#[test]
fn the_list_of_wanted_extensions_names_what_it_cannot_read() {
    let (names, wrong) = wanted("# these\ntools\n\n  more # and why\nNot_a_name\n../x\n");
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["more", "tools"]);
    assert_eq!(wrong, ["Not_a_name", "../x"]);
}

proptest! {
    #[test]
    fn whatever_text_a_record_has_it_is_read_or_refused(text in "\\PC*") {
        _ = Record::from_json(&text);
        _ = wanted(&text);
        _ = check(&Fields::parse(&text), &Fields::parse(BASE));
    }
}
