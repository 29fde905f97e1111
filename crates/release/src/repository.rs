//! A repository, opened by its maker.

use crate::archive::Archive;
use crate::build::Release;
use crate::extensions::Extension;
use crate::keys::Keys;
use crate::metadata::{self, Document, SPEC_VERSION};
use crate::published;
use crate::role::{Lifetimes, Role};
use crate::store::{self, Lock};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use layout::repository as names;
use manifest::channel::{self, Channel, is_plain};
use manifest::{Manifest, Sha256, Update, Version};
use sha2::Digest as _;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tough::TargetName;
use tough::schema::{Snapshot, Target, Targets, Timestamp};

pub(crate) const TIMESTAMP: &str = "timestamp.json";
/// By these names metadata names metadata, whatever the files are called.
pub(crate) const SNAPSHOT: &str = "snapshot.json";
pub(crate) const TARGETS: &str = "targets.json";

/// A repository. No other program writes to it while this value lives.
pub struct Repository {
    pub(crate) directory: PathBuf,
    pub(crate) keys: Keys,
    pub(crate) clock: Option<SystemTime>,
    pub(crate) lifetimes: Lifetimes,
    /// The newest published version of the root; 0 before the first publication.
    pub(crate) root: u64,
    pub(crate) targets: Document<Targets>,
    pub(crate) snapshot: Document<Snapshot>,
    pub(crate) timestamp: Document<Timestamp>,
    _lock: Lock,
}

/// Until when a role's signature counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The role.
    pub role: Role,
    /// Its metadata's version.
    pub version: u64,
    /// When it expires.
    pub expires: SystemTime,
}

impl Repository {
    /// Makes a repository without releases.
    ///
    /// # Errors
    /// There is something in the folder, or it cannot be written.
    pub fn create(directory: &Path, keys: Keys) -> Result<Self> {
        Self::create_at(directory, keys, None, Lifetimes::default())
    }

    /// [`Repository::create`] with a clock that stands still, where one is given, and other lifetimes.
    ///
    /// # Errors
    /// As there.
    pub fn create_at(
        directory: &Path,
        keys: Keys,
        clock: Option<SystemTime>,
        lifetimes: Lifetimes,
    ) -> Result<Self> {
        ensure!(
            !Self::is_one(directory),
            "{} is a repository already: open it instead of making it",
            directory.display()
        );
        let ours = [names::METADATA, names::TARGETS, names::ARCHIVES];
        if let Some(other) = store::names(directory)?.iter().find(|name| !ours.contains(&name.as_str())) {
            bail!("{} holds {other}: name a new folder for the repository", directory.display());
        }
        for folder in ours {
            store::folder(&directory.join(folder))?;
        }
        let lock = Lock::take(directory)?;
        let never = jiff::Timestamp::UNIX_EPOCH;
        let (spec, zero) = (|| SPEC_VERSION.to_owned(), std::num::NonZeroU64::MIN);
        let mut repository = Self {
            directory: directory.to_owned(),
            keys,
            clock,
            lifetimes,
            root: 0,
            targets: Document::sign(Targets::new(spec(), zero, never), [])?,
            snapshot: Document::sign(Snapshot::new(spec(), zero, never), [])?,
            timestamp: Document::sign(Timestamp::new(spec(), zero, never), [])?,
            _lock: lock,
        };
        repository.publish(Some(HashMap::new()))?;
        Ok(repository)
    }

    /// Opens a repository that these keys have signed.
    ///
    /// # Errors
    /// It is none, or its metadata is not what these keys signed.
    pub fn open(directory: &Path, keys: Keys) -> Result<Self> {
        Self::open_at(directory, keys, None, Lifetimes::default())
    }

    /// [`Repository::open`] with a clock that stands still, where one is given, and other lifetimes.
    ///
    /// # Errors
    /// As there.
    pub fn open_at(
        directory: &Path,
        keys: Keys,
        clock: Option<SystemTime>,
        lifetimes: Lifetimes,
    ) -> Result<Self> {
        ensure!(
            Self::is_one(directory),
            "{} is no repository: it has no {}/{TIMESTAMP}",
            directory.display(),
            names::METADATA
        );
        let lock = Lock::take(directory)?;
        let metadata = directory.join(names::METADATA);
        let root = published::root(&metadata, &keys)?;
        let timestamp: Document<Timestamp> = published::read(&metadata.join(TIMESTAMP), &keys, root)?;
        let version = timestamp.signed.signed.meta.get(SNAPSHOT).map(|file| file.version);
        let version = version.context("the timestamp names no snapshot")?;
        let snapshot: Document<Snapshot> =
            published::read(&metadata.join(format!("{version}.{SNAPSHOT}")), &keys, root)?;
        let version = snapshot.signed.signed.meta.get(TARGETS).map(|file| file.version);
        let version = version.context("the snapshot names no targets")?;
        let targets: Document<Targets> =
            published::read(&metadata.join(format!("{version}.{TARGETS}")), &keys, root)?;
        Ok(Self {
            directory: directory.to_owned(),
            keys,
            clock,
            lifetimes,
            root,
            targets,
            snapshot,
            timestamp,
            _lock: lock,
        })
    }

    /// Whether a folder is a repository.
    pub fn is_one(directory: &Path) -> bool {
        directory.join(names::METADATA).join(TIMESTAMP).is_file()
    }

    /// The keys.
    pub fn keys(&mut self) -> &mut Keys {
        &mut self.keys
    }

    /// Until when the roles' signatures count.
    pub fn standing(&self) -> [Standing; 4] {
        let root = self.keys.newest_root();
        let of = |role, version, expires| Standing { role, version, expires };
        [
            of(Role::Root, root.version(), root.expires()),
            of(Role::Targets, self.targets.version(), self.targets.expires()),
            of(Role::Snapshot, self.snapshot.version(), self.snapshot.expires()),
            of(Role::Timestamp, self.timestamp.version(), self.timestamp.expires()),
        ]
    }

    /// The index of a channel; none where there is no such channel.
    ///
    /// # Errors
    /// Its file is missing or not what was signed.
    pub fn channel(&self, name: &str) -> Result<Option<Channel>> {
        let target = names::channel(name);
        let Some(bytes) = self.target(&target)? else { return Ok(None) };
        Ok(Some(Channel::from_json(&text(bytes, &target)?).with_context(|| format!("reading {target}"))?))
    }

    /// The names of the channels.
    pub fn channels(&self) -> Vec<String> {
        let end = names::channel("");
        let mut all: Vec<String> = self
            .targets
            .signed
            .signed
            .targets
            .keys()
            .filter_map(|name| name.raw().strip_suffix(&end).map(str::to_owned))
            .collect();
        all.sort();
        all
    }

    /// Puts a release into a channel, and publishes that. A release that is there already stays as it is, but
    /// for a minimum version that is given and for extensions that it did not have; a build may be put into one channel
    /// after another.
    ///
    /// # Errors
    /// It contradicts what is there (another build of this version or of an extension, another product, a lower epoch), its files are not
    /// what its manifest says, a key is not at hand, or a file cannot be written. Machines then see the repository as
    /// it was.
    pub fn add(&mut self, release: &Release, channel: &str) -> Result<()> {
        let manifest = &release.manifest;
        let adding = || format!("adding {} {} to {channel}", manifest.product, manifest.version);
        let mut entry = channel::Release {
            version: manifest.version.clone(),
            minimum_version: release
                .minimum_version
                .clone()
                .unwrap_or_else(|| manifest.minimum_version.clone()),
            security_epoch: manifest.security_epoch,
            manifest: names::manifest(&manifest.product, manifest.version.as_str()),
            withdrawn: None,
            extensions: vec![],
        };
        let mut index = self.channel(channel)?.unwrap_or_else(|| Channel {
            schema: channel::SCHEMA,
            product: manifest.product.clone(),
            architecture: manifest.architecture.clone(),
            channel: channel.to_owned(),
            releases: vec![],
        });
        let known = self.published(&entry.manifest)?;
        (|| -> Result<()> {
            ensure!(
                is_plain(&names::channel(channel)),
                "{channel:?} is no name of a channel: letters, digits, `.`, `-`, `_`, a letter or digit first"
            );
            fits(&index, &entry, manifest)?;
            if let Some(known) = &known {
                ensure!(
                    Manifest { update: None, ..known.clone() }.to_json()
                        == Manifest { update: None, ..manifest.clone() }.to_json(),
                    "another build of this version is published: machines may have it; raise the version"
                );
            }
            Ok(())
        })()
        .with_context(adding)?;
        let mut targets = self.targets.signed.signed.targets.clone();
        if let Some(there) = index.releases.iter_mut().find(|other| other.version == entry.version) {
            if there.withdrawn.is_some() {
                return Err(anyhow!("it was withdrawn from there: raise the version")).with_context(adding);
            }
            let before = there.clone();
            if release.minimum_version.is_some() {
                there.minimum_version = entry.minimum_version;
            }
            let all = self.place_extensions(release, &entry.manifest, &mut targets).with_context(adding)?;
            there.extensions.retain(|old| all.iter().all(|new| new.name != old.name));
            there.extensions.extend(all);
            there.extensions.sort_by(|a, b| a.name.cmp(&b.name));
            if *there == before {
                return Ok(());
            }
            self.place_index(&index, &mut targets)?;
            return self.publish(Some(targets));
        }
        if known.is_none() {
            self.place_release(release, &entry.manifest, &mut targets).with_context(adding)?;
        }
        entry.extensions =
            self.place_extensions(release, &entry.manifest, &mut targets).with_context(adding)?;
        index.releases.push(entry);
        self.place_index(&index, &mut targets)?;
        self.publish(Some(targets))
    }

    /// Says that nobody is to install a release of a channel any more, and publishes that. Machines that have it keep
    /// it until there is a newer one.
    ///
    /// # Errors
    /// There is no such release, a key is not at hand, or a file cannot be written.
    pub fn withdraw(&mut self, channel: &str, version: &Version, reason: &str) -> Result<()> {
        let mut index = self.channel(channel)?.with_context(|| {
            format!("there is no channel {channel}; there is: {}", self.channels().join(", "))
        })?;
        let release =
            index.releases.iter_mut().find(|release| release.version == *version).with_context(|| {
                format!("the channel {channel} has no release {version}: nothing to withdraw")
            })?;
        release.withdrawn = Some(reason.to_owned());
        let mut targets = self.targets.signed.signed.targets.clone();
        self.place_index(&index, &mut targets)?;
        self.publish(Some(targets))
    }

    /// Signs the timestamp anew, and whatever else has lived for half of its time or is signed by a key that counts no
    /// more; publishes new versions of the root.
    ///
    /// # Errors
    /// A key is not at hand without which something would be expired, or a file cannot be written.
    pub fn refresh(&mut self) -> Result<()> {
        self.publish(None)
    }

    /// A manifest that is a target; none where the target is none, or no manifest.
    pub(crate) fn published(&self, name: &str) -> Result<Option<Manifest>> {
        if !name.ends_with(&names::manifest("", "")[1..]) {
            return Ok(None);
        }
        let Some(bytes) = self.target(name)? else { return Ok(None) };
        Ok(Some(Manifest::from_json(&text(bytes, name)?).with_context(|| format!("reading {name}"))?))
    }

    /// The content of a target.
    fn target(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(target) = self.targets.signed.signed.targets.get(&target_name(name)?) else {
            return Ok(None);
        };
        let path = self.directory.join(names::TARGETS).join(file_name(name, target));
        let bytes = store::read(&path)?;
        ensure!(
            metadata::hashes(&bytes) == target.hashes,
            "{} is not what was signed: take it from a copy of the repository",
            path.display()
        );
        Ok(Some(bytes))
    }

    /// Writes a target and names it.
    fn place_target(
        &self,
        name: &str,
        bytes: &[u8],
        targets: &mut HashMap<TargetName, Target>,
    ) -> Result<()> {
        ensure!(is_plain(name), "{name:?} can be no target: its name is not plain");
        let target = Target {
            length: bytes.len() as u64,
            hashes: metadata::hashes(bytes),
            custom: HashMap::new(),
            _extra: HashMap::new(),
        };
        store::place(&self.directory.join(names::TARGETS).join(file_name(name, &target)), bytes)?;
        targets.insert(target_name(name)?, target);
        Ok(())
    }

    fn place_index(&self, index: &Channel, targets: &mut HashMap<TargetName, Target>) -> Result<()> {
        index.check()?;
        self.place_target(&names::channel(&index.channel), index.to_json().as_bytes(), targets)
    }

    /// Writes the extensions of a release; those that a channel has with it stay as they are.
    fn place_extensions(
        &self,
        release: &Release,
        manifest: &str,
        targets: &mut HashMap<TargetName, Target>,
    ) -> Result<Vec<channel::Extension>> {
        let Manifest { product, version, .. } = &release.manifest;
        let mut known = Vec::new();
        for channel in self.channels() {
            let releases = self.channel(&channel)?.map(|index| index.releases).unwrap_or_default();
            let of_this = releases.into_iter().filter(|other| other.manifest == manifest);
            known.extend(of_this.flat_map(|other| other.extensions));
        }
        let mut placed = Vec::new();
        for extension in &release.extensions {
            let Extension { name, version: its, size, root_hash, .. } = extension;
            let bytes = extension.read()?;
            let header = names::extension_header(product, version.as_str(), name);
            let is_there = self.targets.signed.signed.targets.contains_key(&target_name(&header)?);
            if let Some(known) = known.iter().find(|known| known.name == *name).filter(|_| is_there) {
                ensure!(
                    (known.size, known.root_hash) == (*size, *root_hash),
                    "another build of the extension {name} is published: machines may have it; raise the version"
                );
                placed.push(known.clone());
                continue;
            }
            let image = self.place_archive(&header, &bytes, targets)?;
            let (name, version, size, root_hash) = (name.clone(), its.clone(), *size, *root_hash);
            placed.push(channel::Extension { name, version, size, root_hash, image });
        }
        placed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(placed)
    }

    /// Writes content as an archive whose header is a target of that name.
    fn place_archive(
        &self,
        header: &str,
        content: &[u8],
        targets: &mut HashMap<TargetName, Target>,
    ) -> Result<manifest::Archive> {
        let archive = Archive::of(content).with_context(|| format!("making the archive of {header}"))?;
        let path = names::archive(&Sha256(sha2::Sha256::digest(&archive.bytes).into()).to_string());
        store::place(&self.directory.join(&path), &archive.bytes)?;
        self.place_target(header, archive.header(), targets)?;
        Ok(manifest::Archive { header: header.to_owned(), path, size: archive.bytes.len() as u64 })
    }

    /// Writes all of a release that no channel has yet.
    fn place_release(
        &self,
        release: &Release,
        name: &str,
        targets: &mut HashMap<TargetName, Target>,
    ) -> Result<()> {
        let (usr, uki) = release.read()?;
        let Manifest { product, version, .. } = &release.manifest;
        let mut place = |part: &str, content: &[u8]| {
            self.place_archive(&names::archive_header(product, version.as_str(), part), content, targets)
        };
        let (usr, uki) = (place("usr", &usr)?, place("uki", &uki)?);
        let update = Update { usr, usr_salt: release.usr_salt, uki };
        let manifest = Manifest { update: Some(update), ..release.manifest.clone() };
        self.place_target(name, manifest.to_json().as_bytes(), targets)
    }
}

/// That a release goes with the others of its channel.
fn fits(index: &Channel, entry: &channel::Release, manifest: &Manifest) -> Result<()> {
    for (what, theirs, ours) in [
        ("product", &index.product, &manifest.product),
        ("architecture", &index.architecture, &manifest.architecture),
    ] {
        ensure!(theirs == ours, "the channel is for the {what} {theirs}, and the release is for {ours}");
    }
    ensure!(
        entry.minimum_version < entry.version,
        "it could be installed over {} or newer only, which nothing older is: name another --minimum-version",
        entry.minimum_version
    );
    for other in &index.releases {
        let (old, new) = if other.version < entry.version { (other, entry) } else { (entry, other) };
        ensure!(
            old.security_epoch <= new.security_epoch,
            "{}'s security epoch is {}, and that of {} before it is {}: machines that have this would never take that",
            new.version,
            new.security_epoch,
            old.version,
            old.security_epoch
        );
    }
    Ok(())
}

/// The name of a target's file (TUF specification, section 6.2).
pub(crate) fn file_name(name: &str, target: &Target) -> String {
    format!("{}.{name}", hex::encode(&target.hashes.sha256))
}

pub(crate) fn target_name(name: &str) -> Result<TargetName> {
    TargetName::new(name).with_context(|| format!("{name:?} can be no target"))
}

fn text(bytes: Vec<u8>, name: &str) -> Result<String> {
    String::from_utf8(bytes).with_context(|| format!("{name} is no text"))
}
