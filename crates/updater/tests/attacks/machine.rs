//! A machine: a file with Berth's partitions, what is remembered, and what updates it.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use deployment::{Deployment, Region, SlotDevice};
use layout::Slot;
use layout::disk::USR_FS_UUID;
use manifest::{Sha256, Version};
use release::{Extension, Fixture, Keys, Lifetimes, Release, Repository};
use sha2::Digest as _;
use slots::Running;
use update_settings::Settings;
use updater::mirrors::Patience;
use updater::{Facts, Outcome, Store, Trust, Updater};
use verity::{HashTree, RootHash};

use crate::server::Server;

const MIB: u64 = 1 << 20;
/// What runs has a tree by this salt; releases have others.
const SALT: &[u8] = b"of the first image";
pub const CHANNEL: &str = "stable";

/// Bytes that look random, half of them the same in all versions.
pub fn usr(version: &str) -> Vec<u8> {
    let mut bytes = noise(7, 1 << 20);
    bytes.extend(noise(version.bytes().map(u64::from).sum(), 1 << 20));
    // What compresses well.
    bytes.extend(vec![b'x'; 256 << 10]);
    bytes
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).take(length / 8).flatten().collect()
}

pub fn uki(usrhash: &RootHash, letter: u8) -> Vec<u8> {
    uki::fixture::smallest(&format!("usrhash={usrhash} quiet"), &noise(letter.into(), 200_000))
}

/// The image of an extension, half of it the same in all versions, and its root hash.
pub fn image(name: &str, version: &str) -> (Vec<u8>, RootHash) {
    let mut content = noise(name.bytes().map(u64::from).sum(), 1 << 20);
    content.extend(noise(version.bytes().map(u64::from).sum::<u64>() + 1, 1 << 20));
    extension::fixture::image(&content).unwrap()
}

/// What a repository is made of.
pub struct Maker {
    pub folder: PathBuf,
    pub keys: PathBuf,
    builds: PathBuf,
}

impl Maker {
    /// A repository without releases, in a folder.
    pub fn new(folder: &Path) -> Self {
        let maker =
            Self { folder: folder.join("repo"), keys: folder.join("keys"), builds: folder.join("builds") };
        let keys = Keys::init(&maker.keys).unwrap();
        Repository::create(&maker.folder, keys).unwrap();
        maker
    }

    pub fn open(&self) -> Repository {
        Repository::open(&self.folder, Keys::open(&self.keys).unwrap()).unwrap()
    }

    /// The repository by another clock.
    pub fn open_at(&self, ago: Duration) -> Repository {
        let then = std::time::SystemTime::now() - ago;
        let keys = Keys::open(&self.keys).unwrap();
        Repository::open_at(&self.folder, keys, Some(then), Lifetimes::default()).unwrap()
    }

    /// A build, changed before it is read.
    pub fn build(&self, version: &str, change: impl Fn(&mut Fixture<'_>)) -> Release {
        let content = usr(version);
        let folder = self.builds.join(version);
        let mut fixture = Fixture { usr: &content, ..Fixture::of(version) };
        change(&mut fixture);
        let release = fixture.write(&folder).unwrap();
        let usrhash = RootHash(release.manifest.usr.root_hash.0);
        let uki = uki(&usrhash, version.as_bytes()[0]);
        let is_plain = fixture.uki == version.as_bytes();
        if is_plain { Fixture { uki: &uki, ..fixture }.write(&folder).unwrap() } else { release }
    }

    /// Publishes a version.
    pub fn publish(&self, version: &str) {
        self.open().add(&self.build(version, |_| ()), CHANNEL).unwrap();
    }

    /// Publishes a version with extensions of these names.
    pub fn publish_with(&self, version: &str, extensions: &[&str]) {
        let mut release = self.build(version, |_| ());
        for name in extensions {
            let (bytes, root_hash) = image(name, version);
            let version = release.manifest.version.clone();
            let image = self.builds.join(format!("{name}_{version}.raw"));
            fs::write(&image, &bytes).unwrap();
            let (name, size) = ((*name).to_owned(), bytes.len() as u64);
            let root_hash = Sha256(root_hash.0);
            release.extensions.push(Extension { name, version, image, size, root_hash });
        }
        self.open().add(&release, CHANNEL).unwrap();
    }

    /// What is published, as it is.
    pub fn copy(&self, to: &Path) {
        copy(&self.folder, to);
    }
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

pub struct Machine {
    pub folder: tempfile::TempDir,
    pub image: PathBuf,
    pub updater: Updater,
    running: Running,
}

impl Machine {
    /// One that runs 1.0.0 from slot A, and trusts a maker.
    pub fn new(maker: &Maker, urls: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("disk.img");
        let content = padded(usr("1.0.0"));
        let leaves = verity::leaves(SALT, &content).unwrap();
        let usrhash = HashTree::from_leaves(USR_FS_UUID, SALT, &leaves).unwrap().root_hash;
        let mut fat = Cursor::new(vec![0; 40 * MIB as usize]);
        let options =
            fatfs::FormatVolumeOptions::new().fat_type(fatfs::FatType::Fat32).bytes_per_cluster(512);
        fatfs::format_volume(&mut fat, options).unwrap();
        {
            let fs = fatfs::FileSystem::new(&mut fat, fatfs::FsOptions::new()).unwrap();
            let linux = fs.root_dir().create_dir("EFI").unwrap().create_dir("Linux").unwrap();
            linux.create_file("berth_1.0.0.efi").unwrap().write_all(&uki(&usrhash, b'1')).unwrap();
        }
        let file = File::create(&image).unwrap();
        file.set_len(72 * MIB).unwrap();
        file.write_all_at(fat.get_ref(), MIB).unwrap();
        let root = folder.path().join("root.json");
        fs::copy(maker.keys.join("1.root.json"), &root).unwrap();
        let state = folder.path().join("state");
        let updater = Updater {
            facts: Facts {
                product: "berth".into(),
                architecture: "x86_64".into(),
                version: "1.0.0".parse().unwrap(),
                epoch: 0,
            },
            settings: Settings {
                urls: urls.iter().map(|url| (*url).to_owned()).collect(),
                channel: CHANNEL.into(),
                ..Settings::default()
            },
            store: Store::at(&state),
            trust: Trust { roots: vec![root], seen: state.join("tuf") },
            patience: Patience {
                rounds: 2,
                first_pause: Duration::from_millis(1),
                longest_pause: Duration::from_millis(1),
                grace: Duration::from_secs(1),
                least_rate: 1024,
            },
            root: folder.path().join("root"),
        };
        let machine = Self { folder, image, updater, running: Running { slot: Slot::A, usrhash } };
        let slot = machine.disk().slot(Slot::A).clone();
        file.write_all_at(&content, slot.data.offset).unwrap();
        slot.seal(content.len() as u64, USR_FS_UUID, SALT, usrhash).unwrap();
        machine
    }

    pub fn disk(&self) -> Deployment {
        let region =
            |offset, size| Region { path: self.image.clone(), offset: offset * MIB, size: size * MIB };
        let slots = [
            SlotDevice { slot: Slot::A, data: region(42, 8), hashes: region(50, 1) },
            SlotDevice { slot: Slot::B, data: region(52, 8), hashes: region(60, 1) },
        ];
        Deployment::of_parts(slots, region(1, 40), Some(self.running))
    }

    /// Changes the ESP as somebody who has mounted it does.
    pub fn on_esp(&self, change: impl FnOnce(&fatfs::FileSystem<&mut Cursor<Vec<u8>>>)) {
        let mut esp = Cursor::new(self.bytes()[MIB as usize..41 * MIB as usize].to_vec());
        change(&fatfs::FileSystem::new(&mut esp, fatfs::FsOptions::new()).unwrap());
        let file = File::options().write(true).open(&self.image).unwrap();
        file.write_all_at(esp.get_ref(), MIB).unwrap();
    }

    /// Fills the ESP with a file of somebody's, up to so many free bytes.
    pub fn fill_esp(&self, free: u64) {
        self.on_esp(|esp| {
            let stats = esp.stats().unwrap();
            let all = u64::from(stats.free_clusters()) * u64::from(stats.cluster_size());
            let mut file = esp.root_dir().create_file("other.bin").unwrap();
            file.write_all(&vec![0; (all - free) as usize]).unwrap();
        });
    }

    pub fn apply(&self) -> Result<Outcome> {
        self.updater.apply(&self.disk(), None, Box::new(|_| ()))
    }

    pub fn bytes(&self) -> Vec<u8> {
        fs::read(&self.image).unwrap()
    }

    /// What boots next.
    pub fn next(&self) -> Version {
        let machine = self.disk().state().unwrap();
        let entry = machine.next_entry().unwrap().clone();
        assert!(machine.is_bootable(&entry), "{} cannot boot", entry.name);
        entry.name.version
    }

    /// That a try does not succeed, says why in these words, and leaves what runs as it is.
    pub fn refuses(&self, words: &str) {
        let (before, files) = (self.bytes(), self.files());
        let error = format!("{:#}", self.apply().map(|outcome| format!("{outcome:?}")).unwrap_err());
        assert!(error.contains(words), "it should say {words:?}, and says: {error}");
        let after = self.bytes();
        let (a, rest) = ((42 * MIB) as usize..(51 * MIB) as usize, 62 * MIB as usize);
        assert!(
            before[a.clone()] == after[a] && before[rest..] == after[rest..],
            "the running slot was written to"
        );
        assert_eq!(self.files(), files, "what the machine has of extensions has changed");
        assert_eq!(self.next().to_string(), "1.0.0");
    }

    /// Each file below the machine's root folder, and a hash of it.
    pub fn files(&self) -> Vec<(String, String)> {
        let root = &self.updater.root;
        let mut all = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                match fs::read(&path) {
                    Ok(bytes) => all.push((name, hex::encode(sha2::Sha256::digest(bytes)))),
                    Err(_) => {
                        all.push((name, "folder".to_owned()));
                        folders.push(path);
                    }
                }
            }
        }
        all.sort();
        all
    }

    /// The same, where nothing of the disk may have changed at all.
    pub fn refuses_untouched(&self, words: &str) {
        let before = self.bytes();
        self.refuses(words);
        assert!(before == self.bytes(), "the disk was written to");
    }

    /// That the honest update is taken, and is whole.
    pub fn takes(&self, version: &str) -> Outcome {
        let outcome = self.apply().unwrap();
        assert!(
            matches!(&outcome, Outcome::Installed { version: installed, .. } if installed.to_string() == version),
            "{outcome:?}"
        );
        assert_eq!(self.next().to_string(), version);
        let disk = self.disk();
        let slot = disk.slot(Slot::B);
        let content = slot.data.read(0, padded(usr(version)).len()).unwrap();
        assert!(content == padded(usr(version)), "slot B is not the release");
        let usrhash = disk.state().unwrap().content(Slot::B).unwrap();
        slot.verify(usrhash).unwrap();
        outcome
    }
}

pub fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(verity::BLOCK), 0);
    bytes
}

/// A maker, a server and a machine: 2.0.0 is published.
pub struct Scene {
    pub maker: Maker,
    pub server: Server,
    pub machine: Machine,
    _folder: tempfile::TempDir,
}

impl Scene {
    pub fn new() -> Self {
        let scene = Self::empty();
        scene.maker.publish("2.0.0");
        scene
    }

    /// The same, with nothing published.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let maker = Maker::new(folder.path());
        let server = Server::new(&maker.folder);
        let machine = Machine::new(&maker, &[&server.url]);
        Self { maker, server, machine, _folder: folder }
    }

    /// A folder for what an attacker keeps.
    pub fn hoard(&self) -> PathBuf {
        self._folder.path().join("hoard")
    }
}
