//! What a maker does to a repository, and what a client then sees of it.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Bed, DAY, files, look, wait};
use manifest::{Manifest, Sha256};
use release::{Extension, Fixture, Keys, Release, Repository, Role};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

/// For a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn refused<T>(result: anyhow::Result<T>, words: &[&str]) {
    let Err(error) = result else { panic!("it was not refused: {words:?}") };
    let said = format!("{error:#}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[test]
fn a_release_is_found_by_its_channel() {
    let bed = Bed::new();
    let mut repository = bed.open();
    repository.add(&bed.release("1.0.0"), "stable").unwrap();
    repository.add(&bed.release("1.1.0"), "stable").unwrap();
    repository.add(&bed.release("2.0.0"), "beta").unwrap();
    assert_eq!(repository.channels(), ["beta", "stable"]);

    let seen = bed.client().unwrap();
    assert_eq!(seen.versions("stable"), ["1.0.0", "1.1.0"]);
    assert_eq!(seen.versions("beta"), ["2.0.0"]);
    assert_eq!(seen.channel("alpha"), None);

    let name = &seen.channel("stable").unwrap().releases[1].manifest;
    let manifest = Manifest::from_json(&String::from_utf8(seen.target(name).unwrap()).unwrap()).unwrap();
    assert_eq!(manifest.version.as_str(), "1.1.0");
    let update = manifest.update.unwrap();
    for archive in [&update.usr, &update.uki] {
        let whole = fs::read(bed.repository().join(&archive.path)).unwrap();
        assert_eq!(whole.len() as u64, archive.size);
        let header = seen.target(&archive.header).unwrap();
        assert!(whole.starts_with(&header) && header.len() < whole.len());
    }
}

#[test]
fn an_archive_gives_back_what_the_slot_is_to_hold() {
    let bed = Bed::new();
    // Blocks that repeat, and blocks that do not: what a file system is like.
    let usr: Vec<u8> =
        (0..4_000_000_u32).map(|i| ((i / 7) ^ (i.wrapping_mul(2_654_435_761) >> 20)) as u8).collect();
    let fixture = Fixture { usr: &usr, ..Fixture::of("1.0.0") };
    let release = fixture.write(&bed.path("build")).unwrap();
    bed.open().add(&release, "stable").unwrap();
    let update = manifest_of(&bed, "1.0.0").update.unwrap();
    let archive = fs::read(bed.repository().join(&update.usr.path)).unwrap();
    assert!(unpacked(&archive) == fs::read(&release.usr).unwrap());
}

/// What an archive is of, as bitar's own client unpacks it.
fn unpacked(archive: &[u8]) -> Vec<u8> {
    let mut unpacked = vec![];
    wait(async {
        use futures::StreamExt as _;
        let reader = bitar::archive_reader::IoReader::new(std::io::Cursor::new(archive));
        let mut archive = bitar::Archive::try_init(reader).await.unwrap();
        assert_eq!(archive.chunk_hash_length(), 32);
        let index = archive.build_source_index();
        let mut output = bitar::CloneOutput::new(std::io::Cursor::new(&mut unpacked), index);
        let chunks = output.chunks().clone();
        let mut stream = archive.chunk_stream(&chunks);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.unwrap().decompress().unwrap().verify().unwrap();
            output.feed(&chunk).await.unwrap();
        }
    });
    unpacked
}

fn manifest_of(bed: &Bed, version: &str) -> Manifest {
    let name = layout::repository::manifest("berth", version);
    let bytes = bed.client().unwrap().target(&name).unwrap();
    Manifest::from_json(&String::from_utf8(bytes).unwrap()).unwrap()
}

#[test]
fn a_build_goes_from_channel_to_channel_and_is_stored_once() {
    let bed = Bed::new();
    let release = bed.release("1.0.0");
    bed.open().add(&release, "beta").unwrap();
    let before = files(&bed.repository().join("archives"));
    bed.open().add(&release, "stable").unwrap();
    bed.open().add(&release, "stable").unwrap();
    assert_eq!(files(&bed.repository().join("archives")), before);
    assert_eq!(bed.client().unwrap().versions("stable"), ["1.0.0"]);
}

#[test]
fn what_contradicts_the_channel_is_refused_and_changes_nothing() {
    let bed = Bed::new();
    let release = Fixture { security_epoch: 1, ..Fixture::of("1.2.0") }.write(&bed.path("first")).unwrap();
    bed.open().add(&release, "stable").unwrap();
    let before = files(&bed.repository());
    let cases: [(&str, Fixture<'_>, &[&str]); 5] = [
        (
            "another build",
            Fixture { uki: b"other", security_epoch: 1, ..Fixture::of("1.2.0") },
            &["raise the version"],
        ),
        (
            "another product",
            Fixture { product: "other", ..Fixture::of("1.3.0") },
            &["product berth", "other"],
        ),
        ("a lower epoch", Fixture::of("1.3.0"), &["epoch is 0", "1.2.0", "is 1"]),
        (
            "a higher epoch before",
            Fixture { security_epoch: 2, ..Fixture::of("1.1.0") },
            &["epoch is 1", "1.1.0"],
        ),
        (
            "a minimum of its own",
            Fixture { minimum_version: "1.3.0", security_epoch: 1, ..Fixture::of("1.3.0") },
            &["--minimum-version"],
        ),
    ];
    for (what, fixture, words) in cases {
        let release = fixture.write(&bed.path(what)).unwrap();
        refused(bed.open().add(&release, "stable"), words);
        assert_eq!(files(&bed.repository()), before, "{what}");
    }
    refused(bed.open().add(&bed.release("1.4.0"), "../up"), &["no name of a channel"]);
}

#[test]
fn files_that_are_not_what_the_manifest_says_are_refused() {
    let bed = Bed::new();
    let before = files(&bed.repository());
    type Spoil = fn(&mut Release);
    let spoiled: [(&str, Spoil, &str); 3] = [
        ("a bit of /usr", |r| flip(&r.usr), "root hash"),
        ("a bit of the kernel image", |r| flip(&r.uki), "SHA-256"),
        ("a longer /usr", |r| r.manifest.usr.size += 4096, "size"),
    ];
    for (what, spoil, word) in spoiled {
        let mut release = Fixture::of("1.0.0").write(&bed.path(what)).unwrap();
        spoil(&mut release);
        refused(bed.open().add(&release, "stable"), &[word, "build it again"]);
    }
    assert_eq!(files(&bed.repository()), before);
    refused(Release::from_build(&bed.path("nothing")), &["nothing/manifest.json", "xtask build"]);
}

fn flip(path: &std::path::Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[0] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_reader_sees_the_old_repository_or_the_new_one() {
    let bed = Bed::new();
    bed.open().add(&bed.release("1.0.0"), "stable").unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let looks = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 1..=8 {
                let mut keys = Keys::open(&bed.keys()).unwrap();
                if i % 2 == 0 {
                    keys.rotate(&[Role::Targets, Role::Snapshot, Role::Timestamp]).unwrap();
                }
                let mut repository = Repository::open(&bed.repository(), keys).unwrap();
                repository.add(&bed.release(&format!("1.{i}.0")), "stable").unwrap();
                // A reader that looked for a new root just before it came needs the time to read on.
                let (before, until) = (looks.load(Ordering::Acquire), Instant::now() + PATIENCE);
                while looks.load(Ordering::Acquire) < before + 2 {
                    assert!(Instant::now() < until, "nobody looks");
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            done.store(true, Ordering::Release);
        });
        let mut seen = 1;
        while !done.load(Ordering::Acquire) {
            let now = bed.client().unwrap().versions("stable").len();
            assert!(now >= seen, "the repository went back");
            seen = now;
            looks.fetch_add(1, Ordering::AcqRel);
        }
        let looks = looks.load(Ordering::Acquire);
        assert!(looks > 8, "{looks} looks are too few to say anything");
    });
    assert_eq!(bed.client().unwrap().versions("stable").len(), 9);
}

#[test]
fn a_minimum_version_may_be_given_at_publication() {
    let bed = Bed::new();
    let mut release = bed.release("2.0.0");
    release.minimum_version = Some("1.5.0".parse().unwrap());
    bed.open().add(&release, "stable").unwrap();
    let channel = bed.client().unwrap().channel("stable").unwrap();
    assert_eq!(channel.releases[0].minimum_version.as_str(), "1.5.0");

    // And changed later: 1.9.0 has become one that nobody may skip.
    release.minimum_version = Some("1.9.0".parse().unwrap());
    bed.open().add(&release, "stable").unwrap();
    release.minimum_version = None;
    bed.open().add(&release, "stable").unwrap();
    let channel = bed.client().unwrap().channel("stable").unwrap();
    assert_eq!(channel.releases.len(), 1);
    assert_eq!(channel.releases[0].minimum_version.as_str(), "1.9.0");
}

/// An extension for a version, as a build left it; with its content.
fn extension(bed: &Bed, name: &str, version: &str, content: &[u8]) -> (Extension, Vec<u8>) {
    let (bytes, root_hash) = extension::fixture::image(content).unwrap();
    let version = version.parse().unwrap();
    let folder = bed.path(&format!("build-{version}"));
    fs::create_dir_all(&folder).unwrap();
    let image = folder.join(Extension::image_name(name, &version));
    fs::write(&image, &bytes).unwrap();
    let size = bytes.len() as u64;
    let root_hash = Sha256(root_hash.0);
    let built = Extension { name: name.to_owned(), version: version.clone(), image, size, root_hash };
    fs::write(folder.join(Extension::entry_name(name, &version)), built.entry().unwrap().to_string())
        .unwrap();
    assert_eq!(Extension::from_build(&folder, name, &version).unwrap(), built);
    (built, bytes)
}

#[test]
fn an_extension_comes_with_its_release() {
    let bed = Bed::new();
    let mut release = bed.release("1.0.0");
    let (tools, bytes) = extension(&bed, "tools", "1.0.0", b"tools");
    release.extensions = vec![tools.clone()];
    bed.open().add(&release, "stable").unwrap();
    let seen = bed.client().unwrap();
    let channel = seen.channel("stable").unwrap();
    let signed = channel.releases[0].extension("tools").unwrap();
    assert_eq!((signed.size, signed.root_hash), (tools.size, tools.root_hash));
    assert_eq!(signed.image.header, "berth_1.0.0.tools.sysext.cba-header");
    // Its archive is what is signed, and unpacks to the image.
    let archive = fs::read(bed.repository().join(&signed.image.path)).unwrap();
    assert_eq!(archive.len() as u64, signed.image.size);
    assert!(archive.starts_with(&seen.target(&signed.image.header).unwrap()));
    assert_eq!(unpacked(&archive), bytes);

    // One that comes later: the others stay, and in another channel it is the same.
    release.extensions = vec![extension(&bed, "agent", "1.0.0", b"agent").0];
    bed.open().add(&release, "stable").unwrap();
    release.extensions.push(tools);
    bed.open().add(&release, "beta").unwrap();
    let seen = bed.client().unwrap();
    let [stable, beta] = ["stable", "beta"].map(|name| seen.channel(name).unwrap().releases[0].clone());
    let names: Vec<_> = stable.extensions.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["agent", "tools"]);
    assert_eq!(stable, beta);
}

#[test]
fn an_extension_that_no_machine_would_take_is_refused() {
    let bed = Bed::new();
    let mut release = bed.release("1.0.0");
    let good = extension(&bed, "tools", "1.0.0", b"tools").0;
    let spoilt = |at: u64| {
        let image = bed.path("spoilt.raw");
        let mut bytes = fs::read(&good.image).unwrap();
        bytes[at as usize] ^= 1;
        fs::write(&image, bytes).unwrap();
        Extension { image, ..good.clone() }
    };
    for (wrong, says) in [
        (Extension { root_hash: Sha256([7; 32]), ..good.clone() }, "build it again"),
        (Extension { size: good.size - 1, ..good.clone() }, "build it again"),
        (Extension { name: "Tools".to_owned(), ..good.clone() }, "names no extension"),
        (Extension { image: bed.path("none.raw"), ..good.clone() }, "none.raw"),
        (spoilt(extension::fixture::DATA_START + 5), "its content has the root hash"),
    ] {
        release.extensions = vec![wrong];
        refused(bed.open().add(&release, "stable"), &["adding berth 1.0.0", says]);
    }
    release.extensions = vec![good];
    bed.open().add(&release, "stable").unwrap();
    release.extensions = vec![extension(&bed, "tools", "1.0.0", b"others").0];
    for channel in ["stable", "beta"] {
        refused(bed.open().add(&release, channel), &["another build of the extension tools"]);
    }
    let version = "1.1.0".parse().unwrap();
    let none = Extension::from_build(&bed.path("build-1.0.0"), "tools", &version);
    refused(none.map(drop), &["tools for 1.1.0 is not there", "cargo xtask extension"]);
}

#[test]
fn extensions_go_with_their_release() {
    let bed = Bed::new();
    let add = |version: &str| {
        let mut release = bed.release(version);
        release.extensions = vec![extension(&bed, "tools", version, version.as_bytes()).0];
        bed.open().add(&release, "stable").unwrap();
    };
    add("1.0.0");
    add("1.1.0");
    let count = || ["archives", "targets"].map(|folder| files(&bed.repository().join(folder)).len());
    bed.open().prune().unwrap();
    // Of each release three archives, and their headers, a manifest; and the index.
    assert_eq!(count(), [6, 9]);
    bed.open().withdraw("stable", &"1.0.0".parse().unwrap(), "it loses data").unwrap();
    bed.open().prune().unwrap();
    assert_eq!(count(), [3, 5]);
    let seen = bed.client().unwrap();
    let signed = seen.channel("stable").unwrap().releases[1].extensions[0].clone();
    assert!(seen.target(&signed.image.header).is_some() && bed.repository().join(signed.image.path).exists());
}

#[test]
fn a_release_is_withdrawn_and_its_files_go_on_request_only() {
    let bed = Bed::new();
    let mut repository = bed.open();
    repository.add(&bed.release("1.0.0"), "stable").unwrap();
    repository.add(&bed.release("1.1.0"), "stable").unwrap();
    repository.add(&bed.release("1.1.0"), "beta").unwrap();
    let version = "1.1.0".parse().unwrap();
    refused(repository.withdraw("stabel", &version, "x"), &["no channel stabel", "beta, stable"]);
    refused(repository.withdraw("stable", &"9.9.9".parse().unwrap(), "x"), &["no release 9.9.9"]);
    let archives = || files(&bed.repository().join("archives")).len();
    assert_eq!(archives(), 4);

    repository.withdraw("stable", &version, "it loses data").unwrap();
    let channel = bed.client().unwrap().channel("stable").unwrap();
    assert_eq!(channel.releases[1].withdrawn.as_deref(), Some("it loses data"));
    refused(repository.add(&bed.release("1.1.0"), "stable"), &["was withdrawn", "raise the version"]);
    repository.prune().unwrap();
    assert_eq!(archives(), 4, "beta still has it");

    repository.withdraw("beta", &version, "it loses data").unwrap();
    assert_eq!(archives(), 4);
    let removed = repository.prune().unwrap();
    assert!(!removed.is_empty());
    assert_eq!(archives(), 2);
    assert_eq!(bed.client().unwrap().versions("stable"), ["1.0.0", "1.1.0"]);
    assert_eq!(manifest_of(&bed, "1.0.0").version.as_str(), "1.0.0");
    assert!(repository.prune().unwrap().is_empty());
}

#[test]
fn what_expires_is_signed_anew() {
    let bed = Bed::new();
    bed.open().add(&bed.release("1.0.0"), "stable").unwrap();
    let now = SystemTime::now();
    let versions = |days: u32| {
        let mut repository = bed.open_on(now + DAY * days);
        repository.refresh().unwrap();
        repository.standing().map(|standing| standing.version)
    };
    //                    root, targets, snapshot, timestamp
    assert_eq!(versions(1), [1, 2, 2, 3], "the timestamp alone");
    assert_eq!(versions(50), [1, 2, 3, 4], "the snapshot has lived for more than half of its 90 days");
    assert_eq!(versions(200), [1, 3, 4, 5], "and the targets of their year");
    assert_eq!(versions(3000), [1, 4, 5, 6]);
    refused(bed.open_on(now + DAY * 4000).refresh(), &["the root has expired", "keys rotate"]);
}

#[test]
fn a_client_refuses_what_has_expired() {
    let bed = Bed::new();
    bed.open_on(SystemTime::now() - DAY * 40).refresh().unwrap();
    let error = bed.client().err().unwrap();
    assert!(error.contains("expired"), "{error}");
    bed.open().refresh().unwrap();
    bed.client().unwrap();
}

#[test]
fn the_timestamp_can_be_signed_where_no_other_key_is() {
    let bed = Bed::new();
    bed.open().add(&bed.release("1.0.0"), "stable").unwrap();
    for name in files(&bed.keys()) {
        if name.ends_with(".pem") && !name.starts_with("timestamp") {
            fs::remove_file(bed.keys().join(name)).unwrap();
        }
    }
    bed.open_on(SystemTime::now() + DAY * 60).refresh().unwrap();
    refused(bed.open().add(&bed.release("1.1.0"), "stable"), &["does not have the key targets-"]);
    refused(
        Keys::open(&bed.keys()).unwrap().rotate(&[Role::Targets]),
        &["0 of the root's keys", "2 of 3 must sign"],
    );
    refused(bed.open_on(SystemTime::now() + DAY * 91).refresh(), &["does not have the key snapshot-"]);
}

#[test]
fn each_key_can_be_replaced_and_clients_follow() {
    for roles in [
        vec![],
        vec![Role::Timestamp],
        vec![Role::Snapshot],
        vec![Role::Targets],
        vec![Role::Root],
        Role::ALL.to_vec(),
    ] {
        let bed = Bed::new();
        bed.open().add(&bed.release("1.0.0"), "stable").unwrap();
        // A client that knows the repository, and one that begins with the first root, as an image has it.
        let datastore = tempfile::TempDir::new().unwrap();
        look(&bed.repository(), &bed.trusted(), datastore.path()).unwrap();

        let mut keys = Keys::open(&bed.keys()).unwrap();
        let rotation = keys.rotate(&roles).unwrap();
        assert_eq!(rotation.version, 2);
        let replaced: usize = roles.iter().map(|role| if *role == Role::Root { 3 } else { 1 }).sum();
        assert_eq!(rotation.retired.len(), replaced);
        bed.open().refresh().unwrap();
        for path in rotation.retired {
            fs::remove_file(path).unwrap();
        }
        bed.open().add(&bed.release("1.1.0"), "stable").unwrap();
        for client in [bed.client(), look(&bed.repository(), &bed.trusted(), datastore.path())] {
            let seen = client.unwrap();
            assert_eq!(seen.versions("stable"), ["1.0.0", "1.1.0"], "{roles:?}");
            assert_eq!(seen.root_version(), 2);
        }
    }
}

#[test]
fn a_key_that_was_replaced_counts_no_more() {
    let bed = Bed::new();
    bed.open().add(&bed.release("1.0.0"), "stable").unwrap();
    let stolen = bed.path("stolen");
    fs::create_dir(&stolen).unwrap();
    for name in files(&bed.keys()) {
        fs::copy(bed.keys().join(&name), stolen.join(&name)).unwrap();
    }
    Keys::open(&bed.keys()).unwrap().rotate(&[Role::Targets, Role::Snapshot, Role::Timestamp]).unwrap();
    bed.open().refresh().unwrap();
    // The thief has the place where the files lie, and the old keys.
    fs::remove_file(bed.repository().join("metadata/2.root.json")).unwrap();
    let thief = Keys::open(&stolen).unwrap();
    let forged = Repository::open(&bed.repository(), thief);
    // Signed by both, so it opens; what the thief signs, no client takes that knows of the change.
    forged.unwrap().add(&bed.release("6.6.6"), "stable").unwrap();
    fs::copy(bed.keys().join("2.root.json"), bed.repository().join("metadata/2.root.json")).unwrap();
    let error = bed.client().err().unwrap();
    assert!(error.contains("Failed to verify"), "{error}");
    refused(
        Repository::open(&bed.repository(), Keys::open(&bed.keys()).unwrap()),
        &["timestamp.json is not signed by these keys"],
    );
}

#[test]
fn root_keys_that_are_lost_up_to_one_can_be_replaced() {
    let bed = Bed::new();
    let root_keys: Vec<String> =
        files(&bed.keys()).into_iter().filter(|name| name.starts_with("root-")).collect();
    assert_eq!(root_keys.len(), 3);
    fs::remove_file(bed.keys().join(&root_keys[0])).unwrap();
    Keys::open(&bed.keys()).unwrap().rotate(&[Role::Root]).unwrap();
    bed.open().refresh().unwrap();
    assert_eq!(bed.client().unwrap().root_version(), 2);
}

#[test]
fn keys_are_their_owner_s() {
    let bed = Bed::new();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bed.keys()), 0o700);
    let names = files(&bed.keys());
    let of =
        |role: &str| names.iter().filter(|name| name.starts_with(role) && name.ends_with(".pem")).count();
    assert_eq!([of("root"), of("targets"), of("snapshot"), of("timestamp")], [3, 1, 1, 1]);
    for name in names.iter().filter(|name| name.ends_with(".pem")) {
        assert_eq!(mode(&bed.keys().join(name)), 0o600, "{name}");
    }
    refused(Keys::init(&bed.keys()), &["is not empty", "keys rotate"]);
    refused(Keys::open(&bed.path("none")), &["1.root.json", "keys init"]);

    let open = bed.keys().join(names.iter().find(|name| name.starts_with("targets")).unwrap());
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    refused(Keys::open(&bed.keys()), &["others than its owner could read", "keys rotate"]);
    fs::write(&open, "not a key").unwrap();
    refused(Keys::open(&bed.keys()), &["is no key of ours", "Ed25519"]);
}

#[test]
fn a_repository_is_its_maker_s() {
    let bed = Bed::new();
    let other = Keys::init(&bed.path("other")).unwrap();
    refused(Repository::open(&bed.repository(), other), &["is of other keys"]);
    let keys = || Keys::open(&bed.keys()).unwrap();
    refused(Repository::create(&bed.repository(), keys()), &["is a repository already"]);
    refused(Repository::open(&bed.path("none"), keys()), &["is no repository"]);
    fs::create_dir(bed.path("full")).unwrap();
    fs::write(bed.path("full/notes"), "").unwrap();
    refused(Repository::create(&bed.path("full"), keys()), &["holds notes"]);

    let held = bed.open();
    refused(Repository::open(&bed.repository(), keys()), &["another program writes"]);
    drop(held);

    let timestamp = bed.repository().join("metadata/timestamp.json");
    let signed = fs::read_to_string(&timestamp).unwrap();
    fs::write(&timestamp, signed.replace("\"length\": ", "\"length\": 1")).unwrap();
    refused(Repository::open(&bed.repository(), keys()), &["timestamp.json is not signed by these keys"]);
}
