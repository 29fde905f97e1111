//! What somebody may do who holds a server, the way to it, or too few keys; and what a maker's mistakes look like: each
//! is refused with its reason, the machine is as it was, and takes the honest update afterwards.
#![allow(clippy::unwrap_used)]

mod extensions;
mod forge;
mod machine;
mod server;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use forge::{forge, forge_target};
use layout::Slot;
use machine::{CHANNEL, Machine, Scene, copy, usr};
use release::Role;
use server::{Lie, Server};
use updater::Outcome;

const MIB: usize = 1 << 20;

/// Serves another folder.
fn instead(folder: &Path) -> impl Fn(&str, &[u8]) -> Option<Lie> + Send + 'static {
    let folder = folder.to_owned();
    move |path, _| match fs::read(folder.join(path)) {
        Ok(bytes) => Some(Lie::File(bytes)),
        Err(_) => Some(Lie::Status(404, Vec::new())),
    }
}

/// A manifest that is published.
fn published(scene: &Scene, version: &str) -> manifest::Manifest {
    let end = layout::repository::manifest("berth", version);
    let files = fs::read_dir(scene.maker.folder.join(layout::repository::TARGETS)).unwrap().flatten();
    let mut paths = files.map(|entry| entry.path()).filter(|path| path.display().to_string().ends_with(&end));
    manifest::Manifest::from_json(&fs::read_to_string(paths.next().unwrap()).unwrap()).unwrap()
}

fn is_archive(path: &str) -> bool {
    path.starts_with(layout::repository::ARCHIVES)
}

#[test]
fn the_honest_update_is_taken() {
    let scene = Scene::new();
    let Outcome::Installed { origins: [usr, uki], received, slot, .. } = scene.machine.takes("2.0.0") else {
        panic!("it is not installed")
    };
    assert_eq!(slot, Slot::B);
    // Half of the content is the running version's.
    assert!(usr.copied > 900 << 10 && usr.fetched > 900 << 10, "{usr:?}");
    assert!(uki.packed < 300 << 10 && received < 2 << 20, "{uki:?} {received}");
    let requests = scene.server.requests();
    assert!(matches!(scene.machine.apply().unwrap(), Outcome::Already(_)));
    assert!(scene.server.requests() - requests < 8, "what is there is not fetched again");
    let state = scene.machine.updater.store.read().unwrap();
    assert_eq!(state.staged.unwrap().version.to_string(), "2.0.0");
    assert_eq!(state.history.len(), 1);
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was() {
    let scene = Scene::new();
    // Each answer ends too soon, and an attempt is two rounds.
    scene.server.lies(|path, _| is_archive(path).then_some(Lie::CutAt(300 << 10)));
    scene.machine.refuses("archives/");
    scene.server.is_honest();
    let Outcome::Installed { origins: [usr, uki], .. } = scene.machine.takes("2.0.0") else { panic!() };
    assert!(usr.kept > 400 << 10, "{usr:?}");
    assert_eq!(uki.packed, 0, "the kernel image was there");
}

#[test]
fn of_several_mirrors_one_that_works_is_enough() {
    let scene = Scene::new();
    let dead = "http://127.0.0.1:1";
    let poisoned = Server::new(&scene.maker.folder);
    poisoned.lies(|path, bytes| (!path.contains("metadata")).then(|| Lie::File(vec![0; bytes.len()])));
    let machine = Machine::new(&scene.maker, &[dead, &poisoned.url, &scene.server.url]);
    machine.takes("2.0.0");
}

#[test]
fn arbitrary_payload() {
    let scene = Scene::new();
    scene.server.lies(|path, bytes| is_archive(path).then(|| Lie::File(vec![0x55; bytes.len()])));
    scene.machine.refuses("chunk");
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn arbitrary_target() {
    let scene = Scene::new();
    for name in ["channel.json", "manifest.json", "cba-header"] {
        scene
            .server
            .lies(move |path, bytes| path.ends_with(name).then(|| Lie::File(vec![b' '; bytes.len()])));
        scene.machine.refuses_untouched("is not the signed one");
    }
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn rollback() {
    let scene = Scene::new();
    scene.maker.copy(&scene.hoard());
    scene.maker.publish("3.0.0");
    scene.machine.updater.check().unwrap();
    scene.server.lies(instead(&scene.hoard()));
    scene.machine.refuses_untouched("somebody plays old ones back");
    scene.server.is_honest();
    scene.machine.takes("3.0.0");
}

#[test]
fn an_older_release_is_not_taken() {
    let scene = Scene::empty();
    scene.maker.publish("0.9.0");
    assert!(matches!(scene.machine.apply().unwrap(), Outcome::Nothing(_)));
    scene.maker.publish("2.0.0");
    scene.machine.takes("2.0.0");
}

#[test]
fn freeze() {
    let scene = Scene::empty();
    // What was signed 40 days ago is out of date, and a machine that is kept on it says so.
    let release = scene.maker.build("2.0.0", |_| ());
    scene.maker.open_at(Duration::from_secs(40 * 24 * 3600)).add(&release, CHANNEL).unwrap();
    scene.maker.copy(&scene.hoard());
    scene.server.lies(instead(&scene.hoard()));
    scene.machine.refuses_untouched("out of date");
    scene.maker.open().refresh().unwrap();
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn mix_and_match() {
    let scene = Scene::new();
    scene.maker.copy(&scene.hoard());
    scene.maker.publish("3.0.0");
    // Old targets under the name of the new ones; then an old snapshot under that of the new one.
    for role in ["targets", "snapshot"] {
        let hoard = scene.hoard();
        scene.server.lies(move |path, _| {
            let newest = || {
                let names = fs::read_dir(hoard.join("metadata")).unwrap().flatten();
                let mut names: Vec<String> =
                    names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
                names.retain(|name| name.ends_with(&format!(".{role}.json")));
                names.sort_by_key(|name| name.split('.').next().unwrap().parse::<u64>().unwrap());
                fs::read(hoard.join("metadata").join(names.last().unwrap())).unwrap()
            };
            path.ends_with(&format!(".{role}.json")).then(|| Lie::File(newest()))
        });
        scene.machine.refuses_untouched("is not trusted");
    }
    scene.server.is_honest();
    scene.machine.takes("3.0.0");
}

#[test]
fn skipped_root() {
    let scene = Scene::new();
    let rotate =
        || scene.maker.open().keys().rotate(&[Role::Timestamp, Role::Snapshot, Role::Targets]).unwrap();
    rotate();
    scene.maker.open().refresh().unwrap();
    rotate();
    scene.maker.open().refresh().unwrap();
    let hides = |status: u16| {
        move |path: &str, _: &[u8]| path.ends_with("/2.root.json").then(|| Lie::Status(status, Vec::new()))
    };
    // Without the root between, what the new keys sign is signed by nobody.
    scene.server.lies(hides(404));
    scene.machine.refuses_untouched("is not trusted");
    // A server that fails there is no server that has no newer root.
    scene.server.lies(hides(500));
    scene.machine.refuses_untouched("500");
    // The newest in place of the next one.
    let newest = fs::read(scene.maker.folder.join("metadata/3.root.json")).unwrap();
    scene.server.lies(move |path, _| path.ends_with("/2.root.json").then(|| Lie::File(newest.clone())));
    scene.machine.refuses_untouched("is not trusted");
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn revoked_key() {
    let scene = Scene::new();
    scene.maker.copy(&scene.hoard());
    scene.maker.open().keys().rotate(&[Role::Timestamp]).unwrap();
    scene.maker.open().refresh().unwrap();
    // The machine has seen the root that revokes the key; then somebody has only what the old key signed, and hides that
    // there are newer roots.
    scene.machine.updater.check().unwrap();
    scene.server.lies(instead(&scene.hoard()));
    scene.machine.refuses_untouched("is not trusted");
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn below_threshold() {
    let scene = Scene::new();
    scene.maker.open().keys().rotate(&[Role::Timestamp]).unwrap();
    scene.maker.open().refresh().unwrap();
    scene.server.lies(|path, bytes| {
        path.ends_with("/2.root.json").then(|| {
            let mut root: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            root["signatures"].as_array_mut().unwrap().truncate(1);
            Lie::File(serde_json::to_vec(&root).unwrap())
        })
    });
    scene.machine.refuses_untouched("is not trusted");
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn stripped_signature() {
    let scene = Scene::new();
    scene.server.lies(|path, bytes| {
        path.ends_with("timestamp.json").then(|| {
            let mut timestamp: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            timestamp["signatures"] = serde_json::json!([]);
            Lie::File(serde_json::to_vec(&timestamp).unwrap())
        })
    });
    scene.machine.refuses_untouched("is not trusted");
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn missing_key_file() {
    let scene = Scene::new();
    let root = scene.machine.folder.path().join("root.json");
    fs::rename(&root, root.with_extension("away")).unwrap();
    scene.machine.refuses_untouched("no root of trust is there");
    assert_eq!(scene.server.requests(), 0, "nothing is asked that could not be believed");
    fs::write(&root, "{}").unwrap();
    scene.machine.refuses_untouched("is not trusted");
    fs::rename(root.with_extension("away"), &root).unwrap();
    scene.machine.takes("2.0.0");
}

#[test]
fn another_makers_repository() {
    let scene = Scene::new();
    let other = Scene::new();
    other.maker.copy(&scene.hoard());
    scene.server.lies(instead(&scene.hoard()));
    scene.machine.refuses_untouched("is not trusted");
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn wrong_product() {
    let scene = Scene::empty();
    scene
        .maker
        .open()
        .add(&scene.maker.build("2.0.0", |fixture| fixture.product = "other"), "theirs")
        .unwrap();
    scene.maker.publish("1.5.0");
    let theirs = scene.maker.folder.join("targets");
    let theirs = fs::read_dir(&theirs)
        .unwrap()
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().ends_with(".theirs.channel.json"));
    let theirs = fs::read(theirs.unwrap().path()).unwrap();
    // A channel's index that is another product's; then a manifest that is.
    let honest = scene.maker.open().channel(CHANNEL).unwrap().unwrap().to_json();
    forge_target(&scene.maker, "stable.channel.json", |_| theirs.clone());
    scene.machine.refuses_untouched("product");
    forge_target(&scene.maker, "stable.channel.json", |_| {
        honest.replace("berth_1.5.0.manifest.json", "other_2.0.0.manifest.json").into_bytes()
    });
    scene.machine.refuses_untouched("product other");
    forge_target(&scene.maker, "stable.channel.json", |_| honest.clone().into_bytes());
    scene.machine.takes("1.5.0");
}

/// What changes a text in a target.
fn swap(from: &'static str, to: &'static str) -> impl Fn(Vec<u8>) -> Vec<u8> {
    move |bytes| String::from_utf8(bytes).unwrap().replace(from, to).into_bytes()
}

#[test]
fn wrong_architecture() {
    let scene = Scene::new();
    let manifest = "berth_2.0.0.manifest.json";
    forge_target(&scene.maker, manifest, swap("\"x86_64\"", "\"aarch64\""));
    scene.machine.refuses_untouched("architecture aarch64");
    forge_target(&scene.maker, manifest, swap("\"aarch64\"", "\"x86_64\""));
    scene.machine.takes("2.0.0");
}

#[test]
fn wrong_version_and_epoch() {
    let mut scene = Scene::new();
    let manifest = "berth_2.0.0.manifest.json";
    forge_target(&scene.maker, manifest, swap("\"version\": \"2.0.0\"", "\"version\": \"2.0.1\""));
    scene.machine.refuses_untouched("version 2.0.1");
    forge_target(&scene.maker, manifest, swap("\"version\": \"2.0.1\"", "\"version\": \"2.0.0\""));
    scene.machine.updater.store.change(|state| state.epoch = 3).unwrap();
    let outcome = scene.machine.apply().unwrap();
    assert!(matches!(&outcome, Outcome::Nothing(why) if why.contains("epoch")), "{outcome:?}");
    scene.machine.updater.store.change(|state| state.epoch = 0).unwrap();
    // Nor below that of the image which the machine was installed with.
    scene.machine.updater.facts.epoch = 3;
    let outcome = scene.machine.apply().unwrap();
    assert!(matches!(&outcome, Outcome::Nothing(why) if why.contains("epoch")), "{outcome:?}");
    scene.machine.updater.facts.epoch = 0;
    scene.machine.takes("2.0.0");
}

#[test]
fn wrong_slot() {
    let scene = Scene::empty();
    // A kernel image that is for another /usr would boot into nothing.
    let other = machine::uki(&verity::RootHash([9; 32]), b'2');
    let release = {
        let folder = scene.hoard();
        release::Fixture { usr: &usr("2.0.0"), uki: &other, ..release::Fixture::of("2.0.0") }
            .write(&folder)
            .unwrap()
    };
    scene.maker.open().add(&release, CHANNEL).unwrap();
    scene.machine.refuses_untouched("for another /usr");
    scene.maker.publish("2.0.1");
    scene.machine.takes("2.0.1");
}

#[test]
fn a_slot_that_is_too_small() {
    let scene = Scene::empty();
    let large = vec![1; 9 * MIB];
    let release =
        release::Fixture { usr: &large, ..release::Fixture::of("2.0.0") }.write(&scene.hoard()).unwrap();
    scene.maker.open().add(&release, CHANNEL).unwrap();
    scene.machine.refuses_untouched("has room for");
    scene.maker.publish("2.0.1");
    scene.machine.takes("2.0.1");
}

#[test]
fn an_esp_that_is_too_full() {
    let scene = Scene::new();
    scene.machine.takes("2.0.0");
    let usrhash = scene.maker.build("3.0.0", |_| ()).manifest.usr.root_hash;
    let large = uki::fixture::smallest(&format!("usrhash={usrhash}"), &vec![3; 600_000]);
    let release = release::Fixture { usr: &usr("3.0.0"), uki: &large, ..release::Fixture::of("3.0.0") };
    scene.maker.open().add(&release.write(&scene.hoard()).unwrap(), CHANNEL).unwrap();
    // What the kernel image of 2.0.0 takes, which goes, and this is less than that of 3.0.0 needs.
    scene.machine.fill_esp(300 << 10);
    let before = scene.machine.bytes();
    let error = format!("{:#}", scene.machine.apply().unwrap_err());
    assert!(error.contains("no room for the kernel image") && error.contains("bytes are needed"), "{error}");
    assert!(before == scene.machine.bytes(), "the disk was written to");
    assert_eq!(scene.machine.next().to_string(), "2.0.0");
    let staged = scene.machine.updater.store.read().unwrap().staged;
    assert_eq!(staged.unwrap().version.to_string(), "2.0.0", "what was installed before still is");
    // The half of an image that a cut left is tidied up first, and counts as room.
    scene.machine.on_esp(|esp| esp.root_dir().remove("other.bin").unwrap());
    scene.machine.on_esp(|esp| {
        let mut file = esp.root_dir().create_file("EFI/berth/2.5.0.new").unwrap();
        file.write_all(&[0; 500 << 10]).unwrap();
    });
    scene.machine.fill_esp(0);
    scene.machine.takes("3.0.0");
}

#[test]
fn endless_data() {
    let scene = Scene::new();
    for name in ["timestamp.json", "snapshot.json", "targets.json", "channel.json", "2.root.json"] {
        scene.server.lies(move |path, _| path.ends_with(name).then_some(Lie::Endless));
        scene.machine.refuses_untouched("it is larger than");
    }
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn metadata_that_would_take_more_memory_than_there_is() {
    let scene = Scene::new();
    // It is JSON of the right form with a field more, which a parser keeps.
    let swollen = |bytes: &[u8], size: usize| {
        let many = format!("{{\"signed\":{{\"x\":[{}1],", "1,".repeat(size / 2));
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let rest = text.split_once("\"signed\"").and_then(|(_, rest)| rest.split_once('{')).unwrap().1;
        [many.as_bytes(), rest.as_bytes()].concat()
    };
    for (name, size, most) in [
        ("timestamp.json", 64 << 10, "larger than 65536 bytes"),
        ("snapshot.json", 64 << 10, "larger than 65536 bytes"),
        ("2.root.json", 512 << 10, "larger than 524288 bytes"),
        (".targets.json", 4 << 20, "larger than 4194304 bytes"),
    ] {
        scene.server.lies(move |path, bytes| {
            let bytes = if bytes.is_empty() { b"{\"signed\":{}}" } else { bytes };
            path.ends_with(name).then(|| Lie::File(swollen(bytes, size)))
        });
        scene.machine.refuses_untouched(most);
        // The next mirror is asked.
        let honest = Server::new(&scene.maker.folder);
        Machine::new(&scene.maker, &[&scene.server.url, &honest.url]).updater.check().unwrap();
    }
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn slow_data() {
    let scene = Scene::new();
    scene.server.lies(|path, _| path.ends_with("timestamp.json").then_some(Lie::Drip));
    scene.machine.refuses_untouched("too slow");
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn data_that_is_slow_only_later() {
    let scene = Scene::new();
    // By its average since the begin each answer would be fast enough for a minute and more.
    scene.server.lies(|path, _| is_archive(path).then_some(Lie::DripFrom(80 << 10)));
    let began = std::time::Instant::now();
    scene.machine.refuses("too slow");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn a_length_of_2_to_the_63() {
    let scene = Scene::new();
    let name = "berth_2.0.0.manifest.json";
    let mut honest = 0;
    forge(&scene.maker, |targets| {
        let target = targets.targets.get_mut(&tough::TargetName::new(name).unwrap()).unwrap();
        honest = std::mem::replace(&mut target.length, 1 << 63);
    });
    scene.machine.refuses_untouched("no more than");
    // An archive of that size, whose chunks are where nobody has a file.
    forge(&scene.maker, |targets| {
        targets.targets.get_mut(&tough::TargetName::new(name).unwrap()).unwrap().length = honest;
    });
    scene.machine.takes("2.0.0");
}

#[test]
fn decompression_bomb() {
    let scene = Scene::new();
    // Of the length of the archive, and a gigabyte unpacked.
    let mut bomb = Vec::new();
    {
        let mut encoder = zstd::Encoder::new(&mut bomb, 19).unwrap();
        let zeros = vec![0; MIB];
        for _ in 0..1024 {
            encoder.write_all(&zeros).unwrap();
        }
        encoder.finish().unwrap();
    }
    // At the begin of each chunk: wherever a range begins, there is a bomb.
    scene.server.lies(move |path, bytes| {
        is_archive(path).then(|| Lie::File(bomb.iter().copied().cycle().take(bytes.len()).collect()))
    });
    scene.machine.refuses("chunk");
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn out_of_range_extent() {
    let scene = Scene::new();
    let manifest = "berth_2.0.0.manifest.json";
    let mut honest = Vec::new();
    forge_target(&scene.maker, manifest, |bytes| {
        honest = bytes.clone();
        let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        manifest["update"]["usr"]["size"] = 4096.into();
        serde_json::to_vec(&manifest).unwrap()
    });
    scene.machine.refuses_untouched("outside of the archive");
    forge_target(&scene.maker, manifest, |bytes| {
        let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        manifest["usr"]["size"] = 8192.into();
        serde_json::to_vec(&manifest).unwrap()
    });
    scene.machine.refuses_untouched("there is room for 8192");
    forge_target(&scene.maker, manifest, |_| honest);
    scene.machine.takes("2.0.0");
}

#[test]
fn a_header_that_is_damaged() {
    let scene = Scene::new();
    let name = "berth_2.0.0.usr.cba-header";
    let mut honest = Vec::new();
    for (words, change) in [
        ("cut short", (|bytes| bytes[..10].to_vec()) as fn(&[u8]) -> Vec<u8>),
        ("and speaks of", |bytes| bytes[..bytes.len() - 1].to_vec()),
        ("and speaks of", |bytes| [&bytes[..6], &[0xff; 8], &bytes[14..]].concat()),
        ("damaged", |bytes| [&bytes[..100], &[!bytes[100]], &bytes[101..]].concat()),
    ] {
        forge_target(&scene.maker, name, |bytes| {
            if honest.is_empty() {
                honest.clone_from(&bytes);
            }
            change(&honest)
        });
        scene.machine.refuses_untouched(words);
    }
    forge_target(&scene.maker, name, |_| honest);
    scene.machine.takes("2.0.0");
}

#[test]
fn a_name_that_leads_out_of_the_folder() {
    let scene = Scene::new();
    let mut honest = Vec::new();
    forge_target(&scene.maker, "stable.channel.json", |bytes| {
        honest = bytes.clone();
        String::from_utf8(bytes).unwrap().replace("berth_2.0.0.manifest.json", "../../root.json").into_bytes()
    });
    scene.machine.refuses_untouched("plain name");
    forge_target(&scene.maker, "stable.channel.json", |_| honest);
    let mut honest = Vec::new();
    forge_target(&scene.maker, "berth_2.0.0.manifest.json", |bytes| {
        honest = bytes.clone();
        String::from_utf8(bytes).unwrap().replace("\"archives/", "\"archives/../").into_bytes()
    });
    scene.machine.refuses_untouched("no path of a repository");
    forge_target(&scene.maker, "berth_2.0.0.manifest.json", |_| honest);
    scene.machine.takes("2.0.0");
}

#[test]
fn a_redirect_elsewhere_gives_nobody_more_say() {
    let scene = Scene::new();
    let other = Scene::new();
    let url = other.server.url.clone();
    scene.server.lies(move |path, _| Some(Lie::Redirect(format!("{url}/{path}"))));
    scene.machine.refuses_untouched("is not trusted");
    scene.server.lies(|path, _| Some(Lie::Redirect(format!("/{path}"))));
    scene.machine.refuses_untouched("redirects");
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn html_with_200_as_payload() {
    let scene = Scene::new();
    let page = || Lie::Status(200, b"<html>Please log in to this network</html>".to_vec());
    scene.server.lies(move |_, _| Some(page()));
    scene.machine.refuses_untouched("is not trusted");
    scene.server.lies(move |path, _| path.ends_with(".cba-header").then(page));
    scene.machine.refuses_untouched("is not the signed one");
    scene.server.lies(move |path, _| is_archive(path).then(page));
    scene.machine.refuses("does not give parts of files");
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn clock_set_back() {
    let scene = Scene::new();
    scene.machine.updater.check().unwrap();
    let time = scene.machine.updater.trust.seen.join("latest_known_time.json");
    let honest = fs::read(&time).unwrap();
    fs::write(&time, "\"2099-01-01T00:00:00Z\"").unwrap();
    scene.machine.refuses_untouched("the clock says");
    fs::write(&time, honest).unwrap();
    scene.machine.takes("2.0.0");
}

#[test]
fn bit_flip_in_the_running_slot() {
    let scene = Scene::new();
    // A damaged chunk is no chunk that the new version has: it is fetched.
    use std::os::unix::fs::FileExt;
    let slot = scene.machine.disk().slot(Slot::A).clone();
    let file = fs::File::options().write(true).open(&scene.machine.image).unwrap();
    file.write_all_at(b"flip", slot.data.offset + 500_000).unwrap();
    scene.machine.takes("2.0.0");
}

#[test]
fn bit_flip_in_what_was_downloaded() {
    let scene = Scene::new();
    // A kernel image and a slot from an attempt before, in which bits have changed since.
    scene.server.lies(|path, bytes| {
        (is_archive(path) && bytes.len() > 700 << 10).then_some(Lie::Status(503, Vec::new()))
    });
    scene.machine.refuses("503");
    use std::os::unix::fs::FileExt;
    let part = scene.machine.updater.store.folder().unwrap().join("uki.part");
    fs::File::options().write(true).open(part).unwrap().write_all_at(b"flip", 100_000).unwrap();
    let slot = scene.machine.disk().slot(Slot::B).clone();
    let file = fs::File::options().write(true).open(&scene.machine.image).unwrap();
    file.write_all_at(b"flip", slot.data.offset + 100_000).unwrap();
    scene.server.is_honest();
    scene.machine.takes("2.0.0");
}

#[test]
fn delta_against_the_wrong_base() {
    let scene = Scene::new();
    // What runs is not what anybody published: nothing of it counts but what hashes right.
    use std::os::unix::fs::FileExt;
    let slot = scene.machine.disk().slot(Slot::A).clone();
    let file = fs::File::options().write(true).open(&scene.machine.image).unwrap();
    file.write_all_at(&vec![0xaa; 2 * MIB], slot.data.offset).unwrap();
    let Outcome::Installed { origins: [usr, _], .. } = scene.machine.takes("2.0.0") else { panic!() };
    assert!(usr.fetched > 2 << 20, "{usr:?}");
}

#[test]
fn poisoned_cache() {
    let scene = Scene::new();
    // On the machine: what was seen, and what was fetched before.
    let store = scene.machine.updater.store.folder().unwrap().to_owned();
    scene.machine.updater.check().unwrap();
    for name in ["timestamp.json", "snapshot.json", "targets.json", "root.json"] {
        fs::write(store.join("tuf").join(name), "{}").unwrap();
    }
    fs::create_dir_all(store.join("tuf.new")).unwrap();
    fs::write(store.join("tuf.new/timestamp.json"), "half").unwrap();
    fs::write(store.join("uki.part"), vec![1; MIB]).unwrap();
    fs::write(store.join("state.json"), "half").unwrap();
    assert!(scene.machine.apply().is_err(), "a record that makes no sense is told");
    // Whoever writes next puts it aside.
    scene.machine.updater.store.change(|_| ()).unwrap();
    scene.machine.takes("2.0.0");
    // On the way: a cache that gives another version's archive.
    let scene = Scene::new();
    scene.maker.publish("3.0.0");
    let archives = scene.maker.folder.join("archives");
    let of_2 = fs::read_dir(&archives).unwrap().flatten().map(|entry| fs::read(entry.path()).unwrap());
    let other = of_2.max_by_key(Vec::len).unwrap();
    scene
        .server
        .lies(move |path, bytes| (is_archive(path) && bytes != other).then(|| Lie::File(other.clone())));
    let before = scene.machine.apply();
    assert!(before.is_err(), "{before:?}");
    assert_eq!(scene.machine.next().to_string(), "1.0.0");
    scene.server.is_honest();
    scene.machine.takes("3.0.0");
}

#[test]
fn what_was_withdrawn_since_it_was_installed_does_not_boot() {
    for by_check in [true, false] {
        let scene = Scene::new();
        let Machine { updater, .. } = &scene.machine;
        scene.machine.takes("2.0.0");
        scene.maker.open().withdraw(CHANNEL, &"2.0.0".parse().unwrap(), "it eats disks").unwrap();
        if by_check {
            let (version, why) = updater.check().unwrap().withdrawn.unwrap();
            updater.unstage(&scene.machine.disk(), &version, &why).unwrap();
        } else {
            assert!(matches!(scene.machine.apply().unwrap(), Outcome::Nothing(_)));
        }
        assert_eq!(scene.machine.next().to_string(), "1.0.0");
        let state = updater.store.read().unwrap();
        assert!(state.staged.is_none());
        assert!(state.refused[0].reason.contains("it eats disks"), "{:?}", state.refused);
        scene.maker.publish("3.0.0");
        scene.machine.takes("3.0.0");
    }
}

#[test]
fn what_is_past_a_new_pin_does_not_boot() {
    let scene = Scene::new();
    let Machine { updater, .. } = &scene.machine;
    scene.machine.takes("2.0.0");
    let pin = |version: &str| updater.pin(|| Ok(scene.machine.disk()), &version.parse().unwrap()).unwrap();
    assert_eq!(pin("2.0.0"), None);
    assert_eq!(scene.machine.next().to_string(), "2.0.0");
    assert_eq!(pin("1.0.0").unwrap().to_string(), "2.0.0");
    assert_eq!(scene.machine.next().to_string(), "1.0.0");
    assert!(updater.store.read().unwrap().staged.is_none());
    assert!(matches!(scene.machine.apply().unwrap(), Outcome::Nothing(_)));
    // Nothing but the pin keeps it away.
    updater.store.change(|state| state.unpin(1)).unwrap();
    scene.machine.takes("2.0.0");
}

#[test]
fn a_withdrawn_and_a_failed_version_are_passed_over() {
    let scene = Scene::new();
    scene.maker.publish("3.0.0");
    scene.maker.open().withdraw(CHANNEL, &"3.0.0".parse().unwrap(), "it eats disks").unwrap();
    let version = "2.0.0".parse().unwrap();
    scene
        .machine
        .updater
        .store
        .change(|state| state.failed(1, &version, &"1.0.0".parse().unwrap(), "etcd"))
        .unwrap();
    let outcome = scene.machine.apply().unwrap();
    let Outcome::Nothing(why) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("it eats disks") && why.contains("failed on this machine"), "{why}");
    // Told to, it tries again.
    let outcome =
        scene.machine.updater.apply(&scene.machine.disk(), Some(&version), Box::new(|_| ())).unwrap();
    assert!(matches!(outcome, Outcome::Installed { .. }));
    copy(&scene.maker.folder, &scene.hoard());
}
