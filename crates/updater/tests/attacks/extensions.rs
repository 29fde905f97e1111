//! Extensions come along with the base, or it stays.

use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;

use extension::machine::{self as images, Staging};
use layout::extension::{RECORDS, STAGED, WANTED};
use manifest::channel::{self, Channel};
use manifest::{Archive, Sha256, Version};
use updater::{Outcome, extensions};

use crate::forge::forge_target;
use crate::machine::{CHANNEL, Machine, Scene, image};
use crate::server::Lie;

const TOOLS: &str = "var/lib/berth/extension-images/2.0.0/tools.raw";

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Puts an extension on a machine, as an update to that version would have.
fn bring(machine: &Machine, name: &str, of: &str) {
    let (bytes, root_hash) = image(name, of);
    let extension = channel::Extension {
        name: name.to_owned(),
        version: version(of),
        size: bytes.len() as u64,
        root_hash: Sha256(root_hash.0),
        image: Archive { header: String::new(), path: String::new(), size: 0 },
    };
    let base = version(of);
    let staging = Staging::begin(&machine.updater.root, &base, &extension).unwrap();
    staging.file().write_all_at(&bytes, 0).unwrap();
    staging.prove().unwrap().place().unwrap();
}

/// A machine that runs 1.0.0 with the extension `tools`; 2.0.0 is published with it and with another one.
fn scene() -> Scene {
    let scene = Scene::empty();
    scene.maker.publish_with("2.0.0", &["agent", "tools"]);
    bring(&scene.machine, "tools", "1.0.0");
    scene
}

/// The index of the channel, changed, and signed as it has to be.
fn forge_index(scene: &Scene, change: impl FnOnce(&mut channel::Extension)) -> Vec<u8> {
    let mut before = Vec::new();
    forge_target(&scene.maker, "stable.channel.json", |bytes| {
        before.clone_from(&bytes);
        let mut index = Channel::from_json(&String::from_utf8(bytes).unwrap()).unwrap();
        let release = index.releases.iter_mut().find(|release| release.version == version("2.0.0")).unwrap();
        change(release.extensions.iter_mut().find(|one| one.name == "tools").unwrap());
        index.to_json().into_bytes()
    });
    before
}

/// That 2.0.0 is taken, and the extension with it.
fn takes(scene: &Scene) -> u64 {
    let Outcome::Installed { extensions, received, .. } = scene.machine.takes("2.0.0") else { panic!() };
    assert_eq!(extensions, ["tools"]);
    let root = &scene.machine.updater.root;
    let (bytes, root_hash) = image("tools", "2.0.0");
    assert!(fs::read(root.join(TOOLS)).unwrap() == bytes, "the image is not the one that was released");
    let record = images::record(root, "tools").unwrap();
    assert!(record.find(&root_hash, "2.0.0").is_some() && record.find(&root_hash, "1.0.0").is_none());
    received
}

#[test]
fn an_extension_comes_along_before_its_base_boots() {
    let scene = scene();
    let root = &scene.machine.updater.root;
    let received = takes(&scene);
    // Half of it is in the image of the version that runs.
    assert!(received < 4 << 20, "{received}");
    let names = |of: &str| images::staged_for(root, of).unwrap().into_keys().collect::<Vec<_>>();
    assert_eq!(names("2.0.0"), ["tools"], "one that the machine does not have is not fetched");
    // What runs has its own still, for the way back.
    assert_eq!(names("1.0.0"), ["tools"]);
    let old = images::record(root, "tools").unwrap();
    assert!(old.find(&image("tools", "1.0.0").1, "1.0.0").is_some());
    // One that the machine is to have from now on comes to the version that waits.
    write(root, WANTED, "agent\n");
    assert!(matches!(scene.machine.apply().unwrap(), Outcome::Already(_)));
    assert_eq!(names("2.0.0"), ["agent", "tools"]);
    let requests = scene.server.requests();
    assert!(matches!(scene.machine.apply().unwrap(), Outcome::Already(_)));
    assert!(scene.server.requests() - requests < 8, "what is there is not fetched again");
}

#[test]
fn a_release_without_an_extension_that_the_machine_has_is_not_taken() {
    let scene = Scene::empty();
    let (machine, root) = (&scene.machine, &scene.machine.updater.root);
    scene.maker.publish_with("2.0.0", &["agent"]);
    bring(machine, "tools", "1.0.0");
    write(root, WANTED, "more\n");
    let before = (machine.bytes(), machine.files());
    let wants = "not 2.0.0: it has no extension more, tools, which this machine has";
    let Outcome::Nothing(why) = machine.apply().unwrap() else { panic!() };
    assert!(why.contains(wants) && why.contains("/etc/berth/extensions"), "{why}");
    let found = machine.updater.check().unwrap();
    assert!(found.version.is_none() && found.text.contains(wants), "{}", found.text);
    let named = machine.updater.apply(&machine.disk(), Some(&version("2.0.0")), Box::new(|_| ()));
    let error = format!("{:#}", named.unwrap_err());
    assert!(error.contains("2.0.0 cannot be installed") && error.contains(wants), "{error}");
    assert!(before == (machine.bytes(), machine.files()), "something was written");
    // An older one that has them is taken before a newer one that has not.
    scene.maker.publish_with("1.5.0", &["more", "tools"]);
    machine.takes("1.5.0");
}

#[test]
fn an_operator_may_do_without_an_extension() {
    let scene = Scene::new();
    let (machine, root) = (&scene.machine, &scene.machine.updater.root);
    bring(machine, "tools", "1.0.0");
    assert!(matches!(machine.apply().unwrap(), Outcome::Nothing(_)));
    fs::create_dir_all(root.join("etc/extensions")).unwrap();
    symlink("/dev/null", root.join("etc/extensions/tools.raw")).unwrap();
    machine.takes("2.0.0");
}

#[test]
fn an_extension_whose_bytes_are_others() {
    let scene = scene();
    let archive =
        scene.maker.open().channel(CHANNEL).unwrap().unwrap().releases[0].extensions[1].image.path.clone();
    let of_tools = archive.clone();
    scene.server.lies(move |path, bytes| (path == of_tools).then(|| Lie::File(vec![0x55; bytes.len()])));
    scene.machine.refuses_untouched("bring the extension tools: ");
    // One byte, in the middle.
    let of_tools = archive.clone();
    scene.server.lies(move |path, bytes| {
        (path == of_tools).then(|| {
            let mut bytes = bytes.to_vec();
            let middle = bytes.len() / 2;
            (middle..bytes.len()).step_by(30_000).for_each(|at| bytes[at] ^= 1);
            Lie::File(bytes)
        })
    });
    scene.machine.refuses_untouched("chunk");
    // It breaks off, and again.
    scene.server.lies(move |path, _| (path == archive).then_some(Lie::CutAt(1000)));
    scene.machine.refuses_untouched("bring the extension tools: http://");
    scene.server.is_honest();
    takes(&scene);
}

#[test]
fn an_extension_that_the_server_does_not_have() {
    let scene = scene();
    for end in ["tools.sysext.cba-header", ".cba"] {
        let image =
            scene.maker.open().channel(CHANNEL).unwrap().unwrap().releases[0].extensions[1].image.clone();
        scene.server.lies(move |path, _| {
            let is_it = path.ends_with(end) && (path.contains("sysext") || path == image.path);
            is_it.then(|| Lie::Status(404, Vec::new()))
        });
        scene.machine.refuses_untouched("bring the extension tools: ");
        let why = format!("{:#}", scene.machine.apply().unwrap_err());
        assert!(why.contains("404") && why.contains("1.0.0 stays"), "{why}");
    }
    scene.server.is_honest();
    takes(&scene);
}

#[test]
fn an_extension_of_which_the_index_lies() {
    let scene = scene();
    // What a maker may sign who is careless, or has lost a key.
    let mut honest = Vec::new();
    for (change, says) in [
        ((|one| one.size += 4096) as fn(&mut channel::Extension), "its archive is of"),
        (|one| one.size = 4096, "there is room for 4096"),
        (|one| one.size = 1 << 63, "no more than 1073741824 are taken"),
        (|one| one.image.size = 4096, "outside of the archive"),
        (|one| one.root_hash = Sha256([7; 32]), "and the index says 0707"),
        (|one| one.image.path = "archives/../x".to_owned(), "no path of a repository"),
        (|one| one.image.header = "none.cba-header".to_owned(), "the repository has no none.cba-header"),
        (|one| one.image.header = "berth_2.0.0.manifest.json".to_owned(), "the header of the archive"),
    ] {
        if !honest.is_empty() {
            forge_target(&scene.maker, "stable.channel.json", |_| honest.clone());
        }
        honest = forge_index(&scene, change);
        scene.machine.refuses_untouched(says);
    }
    // Another one's archive, whole and signed.
    forge_target(&scene.maker, "stable.channel.json", |_| honest.clone());
    let agent = scene.maker.open().channel(CHANNEL).unwrap().unwrap().releases[0].extensions[0].clone();
    forge_index(&scene, |one| (one.size, one.image) = (agent.size, agent.image));
    scene.machine.refuses_untouched("the image of tools has the root hash");
    // One whose hash tree has the signed root hash, and whose content is another.
    forge_target(&scene.maker, "stable.channel.json", |_| honest.clone());
    let mut spoilt = image("tools", "2.0.0").0;
    spoilt[(1 << 20) + 5000] ^= 1;
    let release = scene.maker.build("9.0.0", |fixture| fixture.usr = &[]);
    fs::write(&release.usr, &spoilt).unwrap();
    let release = release::Fixture { usr: &spoilt, ..release::Fixture::of("9.0.0") }
        .write(release.usr.parent().unwrap())
        .unwrap();
    scene.maker.open().add(&release, "other").unwrap();
    let usr = crate::published(&scene, "9.0.0").update.unwrap().usr;
    forge_index(&scene, |one| one.image = usr);
    scene.machine.refuses_untouched("its content has the root hash");
    forge_target(&scene.maker, "stable.channel.json", |_| honest);
    takes(&scene);
}

#[test]
fn what_a_cut_left_is_used_and_proven() {
    let scene = scene();
    let root = &scene.machine.updater.root;
    // Half of the image, and nonsense after it.
    let mut half = image("tools", "2.0.0").0;
    let middle = half.len() / 2;
    half[middle..].fill(0x55);
    fs::create_dir_all(root.join(TOOLS).parent().unwrap()).unwrap();
    fs::write(root.join("var/lib/berth/extension-images/2.0.0/.tools.raw.new"), &half).unwrap();
    takes(&scene);
    // Bits that change later: it is not the one that was brought.
    let file = fs::File::options().write(true).open(root.join(TOOLS)).unwrap();
    file.write_all_at(b"flip", (1 << 20) + 70_000).unwrap();
    assert!(matches!(scene.machine.apply().unwrap(), Outcome::Already(_)));
    assert!(fs::read(root.join(TOOLS)).unwrap() == image("tools", "2.0.0").0);
}

#[test]
fn an_operator_s_own_image_is_not_passed_over_silently() {
    let scene = scene();
    let root = &scene.machine.updater.root;
    fs::create_dir_all(root.join("etc/extensions")).unwrap();
    let own = root.join("etc/extensions/tools.raw");
    fs::write(&own, image("tools", "1.0.0").0).unwrap();
    scene.machine.refuses_untouched("comes before the extension tools that an update brings");
    // One that the operator trusts for the new version, too, is what counts.
    let mut record = images::record(root, "tools").unwrap();
    record.trust("1.0.0", &image("tools", "1.0.0").1, &version("2.0.0"));
    write(root, &format!("{RECORDS}/tools.json"), &record.to_json());
    scene.machine.takes("2.0.0");
    assert!(!root.join(TOOLS).exists());
}

#[test]
fn what_no_slot_needs_is_forgotten() {
    let scene = scene();
    let (machine, root) = (&scene.machine, &scene.machine.updater.root);
    bring(machine, "tools", "0.9.0");
    takes(&scene);
    let forget = || {
        extensions::forget(root, &machine.updater.store, &version("1.0.0"), || Ok(machine.disk())).unwrap();
        images::staged(root)
    };
    let lock = machine.updater.store.begin().unwrap();
    assert_eq!(forget(), ["0.9.0", "1.0.0", "2.0.0"], "an installation may be writing there");
    drop(lock);
    assert_eq!(forget(), ["1.0.0", "2.0.0"]);
    assert!(images::record(root, "tools").unwrap().trusted.iter().all(|one| one.base != "0.9.0"));
    // Without another version nothing is looked at.
    fs::remove_dir_all(root.join(STAGED.trim_start_matches('/')).join("2.0.0")).unwrap();
    extensions::forget(root, &machine.updater.store, &version("1.0.0"), || panic!("the disk is read"))
        .unwrap();
}
