//! From the outputs of steps to the files that people take away: copied under their names, with
//! a manifest and a bill of materials beside them.

use crate::inputs::Resolved;
use crate::steps::{component, crate_component};
use crate::{Cache, Plan, read};
use anyhow::{Context as _, Result};
use manifest::{Artifact, Component, Input, Manifest, SCHEMA, Sha256, Usr};
use sandbox::Package;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256 as Hash};
use spec::ImageSpec;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a build was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// A sparse raw disk.
    Disk,
    /// The disk as qcow2.
    Qcow2,
}

/// Notes what was copied from where, so that a build with nothing to do copies nothing.
const RECORD: &str = ".published.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Published {
    /// The output that the file was copied from.
    from: PathBuf,
    size: u64,
    /// The time of the copy in nanoseconds: a file changed since is copied again.
    time: i128,
    sha256: String,
}

/// Makes the folder that artifacts are to go to, and tries whether a file can be made there: to be asked before the
/// work rather than after it.
///
/// # Errors
/// It is not to be had.
pub fn prepare(out: &Path) -> Result<()> {
    let failed = || {
        format!(
            "no artifacts can be put into {}: let it be a folder that can be written to, or build into another (--out)",
            out.display()
        )
    };
    fs::create_dir_all(out).with_context(failed)?;
    let file = out.join(format!(".tried-by-{}", std::process::id()));
    File::create(&file).and_then(|_| fs::remove_file(&file)).with_context(failed)
}

/// Copies the artifacts into `out` and writes `manifest.json` and `sbom.spdx.json`; the manifest.
///
/// # Errors
/// A file cannot be read or written.
pub fn publish(
    plan: &Plan,
    spec: &ImageSpec,
    resolved: &Resolved,
    formats: &[Format],
    root: &Path,
    cache: &Cache,
    out: &Path,
) -> Result<Manifest> {
    fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let record_path = out.join(RECORD);
    let before: BTreeMap<String, Published> =
        fs::read(&record_path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let sources = sources(plan, spec, formats, cache);
    let unchanged = |name: &str, from: &Path| {
        before.get(name).filter(|p| p.from == from && is_unchanged(&out.join(name), p)).cloned()
    };
    let kept: Vec<_> = sources.iter().map(|(_, name, from)| unchanged(name, from)).collect();
    if kept.contains(&None) {
        // While files change the record does not speak for them.
        let _ = fs::remove_file(&record_path);
    }
    // All at once: hashing the disk takes as long as the others together.
    let published = std::thread::scope(|scope| {
        let copies: Vec<_> = sources
            .iter()
            .zip(kept)
            .map(|((_, name, from), kept)| {
                let to = out.join(name);
                scope.spawn(move || kept.map_or_else(|| copy(from, &to), Ok))
            })
            .collect();
        let joined = copies.into_iter().map(|copy| match copy.join() {
            Ok(published) => published,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect::<Result<Vec<_>>>()
    })?;
    let mut now = BTreeMap::new();
    let mut artifacts = Vec::new();
    for ((kind, name, _), published) in sources.into_iter().zip(published) {
        let sha256 = published.sha256.parse().with_context(|| format!("the hash of {name}"))?;
        artifacts.push(Artifact { name: name.clone(), kind: kind.to_owned(), size: published.size, sha256 });
        now.insert(name, published);
    }
    // What an earlier build left, of another version or format, is not of this release.
    for name in before.keys().filter(|name| !now.contains_key(*name)) {
        let _ = fs::remove_file(out.join(name));
    }
    let manifest = describe(plan, spec, resolved, artifacts, root, cache)?;
    write(&out.join("manifest.json"), manifest.to_json().as_bytes())?;
    write(&out.join("sbom.spdx.json"), manifest::spdx::document(&manifest).as_bytes())?;
    write(&record_path, &serde_json::to_vec_pretty(&now).context("noting what was copied")?)?;
    Ok(manifest)
}

/// Each artifact's kind, file name, and the output that it is.
fn sources(
    plan: &Plan,
    spec: &ImageSpec,
    formats: &[Format],
    cache: &Cache,
) -> Vec<(&'static str, String, PathBuf)> {
    let stem = format!("{}-{}", spec.name, spec.version);
    let (usr, boot) = (cache.output(&plan.usr), cache.output(&plan.boot));
    let mut all = vec![
        ("kernel", format!("{stem}.vmlinuz"), cache.output(&plan.kernel).join("vmlinuz")),
        ("initramfs", format!("{stem}.initramfs"), boot.join("initramfs")),
        ("cmdline", format!("{stem}.cmdline"), boot.join("cmdline")),
        ("uki", format!("{stem}.efi"), boot.join("uki.efi")),
        ("usr", format!("{stem}.usr.erofs"), usr.join("usr.erofs")),
        ("verity", format!("{stem}.usr.verity"), usr.join("usr.verity")),
        ("files", format!("{stem}.files.json"), usr.join("files.json")),
    ];
    for format in formats {
        all.push(match format {
            Format::Disk => ("disk", format!("{stem}.img"), cache.output(&plan.disk).join("disk.img")),
            Format::Qcow2 => ("qcow2", format!("{stem}.qcow2"), cache.output(&plan.qcow2).join("disk.qcow2")),
        });
    }
    all
}

fn is_unchanged(path: &Path, published: &Published) -> bool {
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.len() == published.size && time(&metadata) == published.time)
}

fn time(metadata: &fs::Metadata) -> i128 {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
}

/// Copies an artifact, sparse, under a temporary name first.
fn copy(from: &Path, to: &Path) -> Result<Published> {
    let copying = || format!("copying {} to {}", from.display(), to.display());
    let partial = partial_path(to);
    let source = File::open(from).with_context(copying)?;
    let target = File::options()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(&partial)
        .with_context(copying)?;
    let source = image::sparse::Reader::new(&source).with_context(copying)?;
    let mut source = Hashing { source, hash: Hash::new() };
    let size = image::sparse::copy(&mut source, &target, 0).with_context(copying)?;
    target.set_len(size).with_context(copying)?;
    target.sync_all().with_context(copying)?;
    drop(target);
    fs::rename(&partial, to).with_context(copying)?;
    let metadata = fs::metadata(to).with_context(copying)?;
    let sha256 = Sha256(source.hash.finalize().into()).to_string();
    Ok(Published { from: from.to_owned(), size, time: time(&metadata), sha256 })
}

/// A file that is hashed as it is read: a disk image is too large to be read twice.
struct Hashing<'a> {
    source: image::sparse::Reader<'a>,
    hash: Hash,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.source.read(buffer)?;
        self.hash.update(&buffer[..len]);
        Ok(len)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = partial_path(path);
    File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("writing {}", path.display()))
}

fn partial_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

fn describe(
    plan: &Plan,
    spec: &ImageSpec,
    resolved: &Resolved,
    artifacts: Vec<Artifact>,
    root: &Path,
    cache: &Cache,
) -> Result<Manifest> {
    let find = |kind: &str| {
        artifacts
            .iter()
            .find(|artifact| artifact.kind == kind)
            .with_context(|| format!("no artifact is a {kind}"))
    };
    let root_hash_path = cache.output(&plan.usr).join("roothash");
    let root_hash = read::text(&root_hash_path)?.parse::<Sha256>().context("the root hash of /usr")?;
    let usr = Usr {
        size: find("usr")?.size,
        verity_size: find("verity")?.size,
        slot_size: spec.disk.usr,
        root_hash,
    };
    let uki_sha256 = find("uki")?.sha256;
    Ok(Manifest {
        schema: SCHEMA,
        product: spec.name.clone(),
        architecture: "x86_64".to_owned(),
        channel: spec.channel.clone(),
        version: spec.version.clone(),
        security_epoch: spec.security_epoch,
        minimum_version: spec.minimum_version.clone(),
        source_date_epoch: spec.source_date_epoch,
        usr,
        uki_sha256,
        components: components(plan, spec, resolved, root, cache)?,
        artifacts,
        update: None,
        inputs_not_as_locked: resolved
            .departures
            .iter()
            .map(|departure| Input {
                name: departure.name.clone(),
                locked: departure.locked.clone().unwrap_or_default(),
                used: departure.used.clone(),
            })
            .collect(),
    })
}

/// A component of Go's and the modules linked into it.
fn of_go(description: crate::component::Component, modules: &str) -> Vec<Component> {
    let mut all = vec![Component {
        name: description.name,
        version: description.version.clone(),
        licence: description.licence,
        source: format!("pkg:golang/{}@v{}", description.source, description.version),
    }];
    all.extend(listed(modules).map(|(module, version, licence)| Component {
        name: module.to_owned(),
        version: version.trim_start_matches('v').to_owned(),
        licence: licence.to_owned(),
        source: format!("pkg:golang/{module}@{}", in_purl(version)),
    }));
    all
}

/// A component that is made of crates, and the crates linked into it.
fn of_crates(description: &crate_component::Description, modules: &str) -> Vec<Component> {
    let crate_component::Description { name, version, licence, package, .. } = description;
    let mut all = vec![of_crate(name, version, licence, package)];
    all.extend(crates(modules));
    all
}

/// The crates of a step's `modules.txt`.
fn crates(modules: &str) -> impl Iterator<Item = Component> {
    listed(modules).map(|(name, version, licence)| of_crate(name, version, licence, name))
}

fn of_crate(name: &str, version: &str, licence: &str, package: &str) -> Component {
    Component {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: licence.to_owned(),
        source: format!("pkg:cargo/{package}@{}", in_purl(version)),
    }
}

fn of_package(package: &Package, licence: String) -> Component {
    let Package { name, version, .. } = package;
    let source = format!("pkg:deb/debian/{name}@{}", in_purl(version));
    Component { name: name.clone(), version: version.clone(), licence, source }
}

/// Name, version and licence of each line of a `modules.txt`.
fn listed(modules: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    modules.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ' ');
        Some((fields.next()?, fields.next()?, fields.next().unwrap_or_default()))
    })
}

/// A version in a package URL (its specification, "Rules for each purl component"): a plus is a blank there.
fn in_purl(version: &str) -> String {
    version.replace('+', "%2B")
}

/// Everything that is in the image: Debian packages that files were taken from, components with
/// the Go modules linked into them, the kernel, and Berth itself.
fn components(
    plan: &Plan,
    spec: &ImageSpec,
    resolved: &Resolved,
    root: &Path,
    cache: &Cache,
) -> Result<Vec<Component>> {
    let mut all = vec![Component {
        name: "berth".to_owned(),
        version: spec.version.to_string(),
        licence: "Apache-2.0".to_owned(),
        source: "this repository".to_owned(),
    }];
    let packages: BTreeMap<&str, &Package> =
        resolved.sets.values().flatten().map(|package| (package.name.as_str(), package)).collect();
    for (name, step) in &plan.components {
        let directory = root.join("images/components").join(name);
        let path = cache.output(step).join("modules.txt");
        let modules = read::text(&path)?;
        if crate_component::is_one(&directory) {
            all.extend(of_crates(&crate_component::describe(&directory)?, &modules));
            continue;
        }
        let component = component::describe(&directory)?;
        for library in component.cgo.iter().flat_map(|cgo| &cgo.static_libraries) {
            let name = library.package.as_str();
            let package = packages.get(name);
            let package = package.with_context(|| format!("images/packages.yaml does not name {name}"))?;
            all.push(of_package(package, library.licence.clone()));
        }
        all.extend(of_go(component, &modules));
    }
    let path = cache.output(&plan.usr).join("files.json");
    let bytes = read::bytes(&path)?;
    let files: Vec<crate::steps::usr::FileRecord> =
        serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display()))?;
    let userland = crate::userland::Userland::open(&cache.output(&plan.userland))?;
    let mut used: Vec<&str> = files.iter().filter_map(|file| file.origin.strip_prefix("debian ")).collect();
    used.push("linux-source-6.12");
    used.sort_unstable();
    used.dedup();
    for name in used {
        let Some(package) = packages.get(name) else { continue };
        // The userland does not have these, and so not their word on it.
        let licence = match name {
            "linux-source-6.12" => "GPL-2.0-only".to_owned(),
            "systemd-boot-efi" => "LGPL-2.1-or-later".to_owned(),
            name => userland.licence(name),
        };
        all.push(of_package(package, licence));
    }
    all.extend(crates(&read::text(&cache.output(&plan.programs).join("modules.txt"))?));
    all.sort();
    all.dedup();
    Ok(all)
}
