//! What an update brings to a machine's folders, and what is found there.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

use disk_table::{Geometry, Loaded, Partition};
use extension::candidates::Candidate;
use extension::machine::{self, Staging};
use layout::Guid;
use layout::extension::{DATA_TYPE, VERITY_TYPE};
use manifest::channel::Extension;
use manifest::{Sha256, Version};
use tempfile::TempDir;
use verity::{HashTree, RootHash, leaves};

const SECTOR: u64 = 512;
const DATA_START: u64 = 1 << 20;

/// An image whose file system is `blocks` blocks of one byte, and its root hash.
fn image(fill: u8, blocks: usize) -> (Vec<u8>, RootHash) {
    let data = vec![fill; blocks * verity::BLOCK];
    let guid = Guid::from_random([9; 16]);
    let tree = HashTree::from_leaves(guid, &[1; 32], &leaves(&[1; 32], &data).unwrap()).unwrap();
    let hash_start = DATA_START + data.len() as u64;
    let size = hash_start + tree.bytes.len() as u64 + DATA_START;
    let geometry = Geometry::new(size, SECTOR);
    let loaded = Loaded::empty(geometry, guid).unwrap();
    let mut table = loaded.table.clone();
    for (number, type_guid, start, length) in
        [(1, DATA_TYPE, DATA_START, data.len() as u64), (2, VERITY_TYPE, hash_start, tree.bytes.len() as u64)]
    {
        table.insert(&Partition {
            number,
            type_guid,
            guid: Guid::from_random([number as u8; 16]),
            first: start / SECTOR,
            last: (start + length) / SECTOR - 1,
            attributes: 0,
            name: String::new(),
        });
    }
    let mut bytes = vec![0; size as usize];
    let mut put = |at: u64, part: &[u8]| bytes[at as usize..at as usize + part.len()].copy_from_slice(part);
    for write in loaded.writes(&table, geometry).into_iter().flatten() {
        put(write.offset, &write.bytes);
    }
    put(DATA_START, &data);
    put(hash_start, &tree.bytes);
    (bytes, tree.root_hash)
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn entry(name: &str, base: &str, bytes: &[u8], root_hash: &RootHash) -> Extension {
    Extension {
        name: name.to_owned(),
        version: version(base),
        target: format!("{name}_{base}.raw"),
        size: bytes.len() as u64,
        root_hash: Sha256(root_hash.0),
    }
}

fn bring(root: &Path, name: &str, base: &str, fill: u8) -> RootHash {
    let (bytes, root_hash) = image(fill, 8);
    let (base_version, entry) = (version(base), entry(name, base, &bytes, &root_hash));
    let mut staging = Staging::begin(root, &base_version, &entry).unwrap();
    for part in bytes.chunks(70_000) {
        staging.write_all(part).unwrap();
    }
    staging.finish().unwrap();
    root_hash
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
    assert_eq!(found(root, "1.0.0"), ["tools var/lib/extensions/.v/1.0.0/tools.raw"]);
    assert_eq!(found(root, "1.1.0"), ["tools var/lib/extensions/.v/1.1.0/tools.raw"]);
    assert!(found(root, "1.2.0").is_empty());
    let record = machine::record(root, "tools").unwrap();
    assert!(record.find(&old, "1.0.0").is_some() && record.find(&new, "1.1.0").is_some());
    assert!(record.find(&old, "1.1.0").is_none());
    assert_eq!(machine::open(&root.join("var/lib/extensions/.v/1.1.0/tools.raw")).unwrap().root_hash, new);
    assert!(machine::has(root, "1.1.0").unwrap().0.contains("tools"));

    machine::forget_but(root, &[version("1.1.0")]).unwrap();
    assert_eq!(machine::staged(root), ["1.1.0"]);
    assert!(machine::record(root, "tools").unwrap().find(&old, "1.0.0").is_none());
    machine::forget_but(root, &[]).unwrap();
    assert!(machine::staged(root).is_empty() && files(root, "var/lib/berth/extensions").is_empty());
}

#[test]
fn an_image_that_is_not_the_one_of_the_index_leaves_nothing() {
    let (bytes, root_hash) = image(1, 8);
    let base = version("1.0.0");
    let good = entry("tools", "1.0.0", &bytes, &root_hash);
    let other = RootHash([7; 32]);
    for (entry, bytes, says) in [
        (good.clone(), &bytes[..bytes.len() - 1], "ended 1 bytes before"),
        (Extension { size: 10, ..good.clone() }, &bytes[..], "longer than its 10 bytes"),
        (Extension { root_hash: Sha256(other.0), ..good.clone() }, &bytes[..], "the index says 0707"),
        (Extension { name: "../x".to_owned(), ..good.clone() }, &bytes[..], "names no extension"),
        (Extension { size: 4096, ..good.clone() }, &[0; 4096][..], "no GUID partition table"),
    ] {
        let root = TempDir::new().unwrap();
        let brought = Staging::begin(root.path(), &base, &entry).and_then(|mut staging| {
            staging.write_all(bytes)?;
            staging.finish()
        });
        let error = format!("{:#}", brought.unwrap_err());
        assert!(error.contains(says), "{error}");
        assert!(files(root.path(), "var/lib/extensions/.v/1.0.0").is_empty());
        assert!(found(root.path(), "1.0.0").is_empty());
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
