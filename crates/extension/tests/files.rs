//! What an update brings to a machine's folders, and what is found there.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use extension::candidates::Candidate;
use extension::fixture::{self, DATA_START};
use extension::machine::{self, Staging};
use extension::{Boot, Outcome, State};
use manifest::channel::Extension;
use manifest::{Archive, Sha256, Version};
use tempfile::TempDir;
use verity::RootHash;

/// An image whose file system is `blocks` blocks of one byte, and its root hash.
fn image(fill: u8, blocks: usize) -> (Vec<u8>, RootHash) {
    fixture::image(&vec![fill; blocks * verity::BLOCK]).unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn entry(name: &str, base: &str, bytes: &[u8], root_hash: &RootHash) -> Extension {
    Extension {
        name: name.to_owned(),
        version: version(base),
        size: bytes.len() as u64,
        root_hash: Sha256(root_hash.0),
        image: Archive { header: String::new(), path: String::new(), size: 0 },
    }
}

fn bring(root: &Path, name: &str, base: &str, fill: u8) -> RootHash {
    let (bytes, root_hash) = image(fill, 8);
    let (base_version, entry) = (version(base), entry(name, base, &bytes, &root_hash));
    stage(root, &base_version, &entry, &bytes).unwrap();
    root_hash
}

fn stage(root: &Path, base: &Version, entry: &Extension, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    let staging = Staging::begin(root, base, entry)?;
    staging.file().write_all_at(bytes, 0)?;
    staging.prove()?.place()
}

fn found(root: &Path, base: &str) -> Vec<String> {
    let candidates = machine::candidates(root, base).unwrap().into_iter();
    let told = candidates.map(|(name, candidate)| match candidate {
        Candidate::Image(path) => format!("{name} {}", path.strip_prefix(root).unwrap().display()),
        Candidate::Unusable(..) => format!("{name} !"),
    });
    told.collect()
}

fn files(root: &Path, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root.join(folder)).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_an_update_brings_is_for_its_base_alone() {
    let root = TempDir::new().unwrap();
    let root = root.path();
    let old = bring(root, "tools", "1.0.0", 1);
    let new = bring(root, "tools", "1.1.0", 2);
    assert_eq!(found(root, "1.0.0"), ["tools var/lib/berth/extension-images/1.0.0/tools.raw"]);
    assert_eq!(found(root, "1.1.0"), ["tools var/lib/berth/extension-images/1.1.0/tools.raw"]);
    assert!(found(root, "1.2.0").is_empty());
    let record = machine::record(root, "tools").unwrap();
    assert!(record.find(&old, "1.0.0").is_some() && record.find(&new, "1.1.0").is_some());
    assert!(record.find(&old, "1.1.0").is_none());
    assert_eq!(
        machine::open(&root.join("var/lib/berth/extension-images/1.1.0/tools.raw")).unwrap().root_hash,
        new
    );
    assert!(machine::has(root, "1.1.0").unwrap().0.contains("tools"));

    assert!(machine::has_more_than(root, &version("1.1.0")));
    fs::write(root.join("var/lib/berth/extension-images/1.1.0/.more.raw.new"), "of an attempt that was cut")
        .unwrap();
    machine::forget_but(root, &[version("1.1.0")]).unwrap();
    assert_eq!(machine::staged(root), ["1.1.0"]);
    assert_eq!(files(root, "var/lib/berth/extension-images/1.1.0"), ["tools.raw"]);
    assert!(!machine::has_more_than(root, &version("1.1.0")));
    assert!(machine::record(root, "tools").unwrap().find(&old, "1.0.0").is_none());
    machine::forget_but(root, &[]).unwrap();
    assert!(
        files(root, "var/lib/berth/extension-images").is_empty()
            && files(root, "var/lib/berth/extensions").is_empty()
    );
}

#[test]
fn an_update_brings_what_is_wanted_what_it_brought_before_and_what_is_merged() {
    let root = TempDir::new().unwrap();
    let root = root.path();
    let has = || {
        let (names, wrong) = machine::has(root, "1.0.0").unwrap();
        (names.into_iter().collect::<Vec<_>>().join(" "), wrong.join(" "))
    };
    let both = |names: &str, wrong: &str| (names.to_owned(), wrong.to_owned());
    assert_eq!(has(), both("", ""));
    for folder in ["etc/berth", "etc/extensions", "run/berth"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("etc/berth/extensions"), "wanted\n../x\n").unwrap();
    bring(root, "brought", "1.0.0", 1);
    bring(root, "later", "1.1.0", 1);
    let outcome = |name: &str, state| Outcome {
        name: name.to_owned(),
        path: String::new(),
        version: None,
        state,
        reason: None,
    };
    let boot = Boot {
        base: "1.0.0".to_owned(),
        extensions: vec![outcome("merged", State::Active), outcome("refused", State::LeftOut)],
    };
    fs::write(root.join("run/berth/extensions.json"), serde_json::to_string(&boot).unwrap()).unwrap();
    assert_eq!(has(), both("brought merged wanted", "../x"));
    // A link to nothing is the operator's word that there is to be none.
    for name in ["brought", "wanted"] {
        symlink("/dev/null", root.join(format!("etc/extensions/{name}.raw"))).unwrap();
    }
    assert_eq!(has(), both("merged", "../x"));
    assert_eq!(machine::own(root, "wanted").unwrap(), None);
    fs::write(root.join("etc/extensions/merged.raw"), "x").unwrap();
    assert_eq!(machine::own(root, "merged").unwrap(), Some(root.join("etc/extensions/merged.raw")));
}

#[test]
fn an_image_that_was_brought_is_known_again() {
    let root = TempDir::new().unwrap();
    let root = root.path();
    let base = version("1.0.0");
    let (bytes, root_hash) = image(1, 8);
    let good = entry("tools", "1.0.0", &bytes, &root_hash);
    assert!(machine::brought(root, &base, &good).is_none());
    let path = stage(root, &base, &good, &bytes).unwrap();
    machine::brought(root, &base, &good).unwrap().verify().unwrap();
    let other = Extension { root_hash: Sha256([7; 32]), ..good.clone() };
    assert!(machine::brought(root, &base, &other).is_none());
    assert!(machine::trusted(root, "tools", &path, "1.1.0").is_none());
    // Bits that have changed since are seen by who looks.
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"flip", DATA_START + 9000).unwrap();
    let error = machine::brought(root, &base, &good).unwrap().verify().unwrap_err().to_string();
    assert!(error.contains("its content has the root hash"), "{error}");
}

#[test]
fn an_image_that_is_not_the_one_of_the_index_leaves_nothing() {
    let (bytes, root_hash) = image(1, 200);
    let base = version("1.0.0");
    let good = entry("tools", "1.0.0", &bytes, &root_hash);
    let other = RootHash([7; 32]);
    let spoilt = |at: u64| {
        let mut bytes = bytes.clone();
        bytes[at as usize] ^= 1;
        bytes
    };
    for (entry, bytes, says) in [
        (Extension { size: 10, ..good.clone() }, bytes.clone(), "bytes, and the index says 10"),
        (
            Extension { size: 1 << 60, ..good.clone() },
            bytes.clone(),
            "there is no room for the 1125899906842624 KiB",
        ),
        (Extension { root_hash: Sha256(other.0), ..good.clone() }, bytes.clone(), "the index says 0707"),
        (Extension { name: "../x".to_owned(), ..good.clone() }, bytes.clone(), "names no extension"),
        (Extension { size: 4096, ..good.clone() }, vec![0; 4096], "no GUID partition table"),
        // A flipped bit in the content; one in the leaves of the tree, above which all is right.
        (good.clone(), spoilt(DATA_START + 5000), "its content has the root hash"),
        (
            good.clone(),
            spoilt(DATA_START + 202 * verity::BLOCK as u64 + 300),
            "its hash tree is not that of its content",
        ),
    ] {
        let root = TempDir::new().unwrap();
        let error = format!("{:#}", stage(root.path(), &base, &entry, &bytes).unwrap_err());
        assert!(error.contains(says), "{error}");
        assert!(files(root.path(), "var/lib/berth/extension-images").is_empty());
        assert!(machine::record(root.path(), "tools").unwrap().trusted.is_empty());
    }
}

#[test]
fn links_lead_to_images_and_one_to_nothing_takes_an_extension_away() {
    let root = TempDir::new().unwrap();
    let root = root.path();
    let [etc, var] = ["etc/extensions", "var/lib/extensions"].map(|folder| root.join(folder));
    for folder in [&etc, &var] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(root.join("image-1.raw"), "x").unwrap();
    symlink(root.join("image-1.raw"), var.join("a.raw")).unwrap();
    fs::write(var.join("b.raw"), "x").unwrap();
    symlink("/dev/null", etc.join("b.raw")).unwrap();
    symlink("nowhere", etc.join("c.raw")).unwrap();
    fs::create_dir(var.join("d")).unwrap();
    assert_eq!(found(root, "1.0.0"), ["a var/lib/extensions/a.raw", "c !", "d !"]);
}

#[test]
fn damaged_images_are_told_from_each_other() {
    let (good, _) = image(1, 8);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.raw");
    let hash_start = DATA_START as usize + 8 * verity::BLOCK;
    for (spoil, says) in [
        (
            (|bytes: &mut Vec<u8>, _| bytes.truncate(1000)) as fn(&mut Vec<u8>, usize),
            "no GUID partition table",
        ),
        (|bytes, at| bytes[at] ^= 1, "no verity superblock"),
        (|bytes, at| bytes[at + 72] = 200, "covers 819200 bytes, and its file system has 32768"),
        (|bytes, at| bytes[at + 12] = 0, "hash type"),
    ] {
        let mut bytes = good.clone();
        spoil(&mut bytes, hash_start);
        fs::write(&path, &bytes).unwrap();
        let error = format!("{:#}", machine::open(&path).unwrap_err());
        assert!(error.contains(says), "{error}");
    }
}
