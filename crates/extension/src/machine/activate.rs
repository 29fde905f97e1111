//! Merging at boot. Nothing here keeps a machine from starting: an extension that cannot be used is left out and told,
//! and where the merging itself fails the base runs alone.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use layout::extension::{BASE, BASE_ONLY, FORBIDDEN, MOUNTS, OPT_WORK, RELEASES, STATE};
use layout::path::OVERLAY_OPTIONS;
use sys::dm::ReadOnlyDevice;
use sys::loop_device::LoopDevice;
use sys::mount::{Mount, MountFlags, bind, detach, make_private};

use super::{base, candidates, open, record};
use crate::candidates::{Candidate, layers};
use crate::release::{self, Fields};
use crate::{Boot, Outcome, State};

const WHO: &str = "extensions";
const USR: &str = "/usr";
const OPT: &str = "/opt";
const ROOT: &str = "/";

/// Merges the machine's extensions over `/usr` and `/opt`, writes down what became of each, and tells the kernel's log.
/// Only once a boot, before what is in `/usr` is read.
///
/// # Errors
/// Where nothing could be merged or written down; the base runs alone then.
pub fn activate() -> Result<Boot> {
    let root = Path::new(ROOT);
    let fields = base(root)?;
    let version = fields.get("VERSION_ID").unwrap_or_default().to_owned();
    let mut boot = Boot { base: version, extensions: Vec::new() };
    for (name, candidate) in candidates(root, &boot.base)? {
        boot.extensions.push(prepare(&name, candidate, &boot.base, &fields));
    }
    let active = |outcome: &&Outcome| outcome.state == State::Active;
    let names: Vec<String> = boot.extensions.iter().filter(active).map(|one| one.name.clone()).collect();
    if !names.is_empty() {
        let merged = merge(&names);
        for name in &names {
            // What is merged holds what it needs; what is not is to leave nothing.
            _ = detach(&mount_point(name));
        }
        if let Err(error) = merged {
            for outcome in boot.extensions.iter_mut().filter(|one| one.state == State::Active) {
                _ = sys::dm::remove(&device_name(&outcome.name));
                leave_out(outcome, format!("{error:#}"));
            }
        }
    }
    for outcome in &boot.extensions {
        let Outcome { name, path, version, reason, .. } = outcome;
        match reason {
            Some(reason) => sys::kernel_log::alarm(WHO, &format!("{name} ({path}) is left out: {reason}")),
            None => {
                let version = version.as_deref().unwrap_or_default();
                sys::kernel_log::note(WHO, &format!("{name} {version} ({path}) is merged"));
            }
        }
    }
    let text = serde_json::to_vec_pretty(&boot).context("write down what became of the extensions")?;
    sys::file::replace(Path::new(STATE), &text, 0o644)?;
    Ok(boot)
}

fn leave_out(outcome: &mut Outcome, reason: String) {
    outcome.state = State::LeftOut;
    outcome.reason = Some(reason);
}

/// Mounts an extension in a place of its own, if it is to be merged.
fn prepare(name: &str, candidate: Candidate, base: &str, fields: &Fields) -> Outcome {
    let (path, refused) = match candidate {
        Candidate::Image(path) => (path, None),
        Candidate::Unusable(path, why) => (path, Some(why)),
    };
    let mut outcome = Outcome {
        name: name.to_owned(),
        path: path.display().to_string(),
        version: None,
        state: State::Active,
        reason: None,
    };
    let done = match refused {
        Some(why) => Err(anyhow::Error::msg(why)),
        None => mount(name, &path, base, fields),
    };
    match done {
        Ok(version) => outcome.version = Some(version),
        Err(error) => leave_out(&mut outcome, format!("{error:#}")),
    }
    outcome
}

fn mount_point(name: &str) -> PathBuf {
    Path::new(MOUNTS).join(name)
}

/// Mounts an extension whose root hash is trusted, and looks whether it is for this base; its version.
fn mount(name: &str, path: &Path, base: &str, fields: &Fields) -> Result<String> {
    let opened = open(path)?;
    let record = record(Path::new(ROOT), name)?;
    let Some(trusted) = record.find(&opened.root_hash, base) else {
        let others: Vec<&str> = record.trusted.iter().map(|trusted| trusted.base.as_str()).collect();
        bail!(
            "it is not signed for this version: no signature that held names its root hash {} for {base}{}",
            opened.root_hash,
            if others.is_empty() {
                String::new()
            } else {
                format!("; signed are others, for {}", others.join(", "))
            }
        );
    };
    let target = mount_point(name);
    fs::create_dir_all(&target).with_context(|| format!("make the folder {}", target.display()))?;
    let device = verified_device(name, &opened)?;
    let flags = MountFlags::RDONLY | MountFlags::NODEV;
    let mounted = Mount { source: &device, kind: "erofs", flags, options: "" }.on(&target);
    let checked = mounted.map_err(Into::into).and_then(|()| check(name, &target, fields));
    if let Err(error) = checked {
        _ = detach(&target);
        _ = sys::dm::remove(&device_name(name));
        return Err(error);
    }
    Ok(trusted.version.clone())
}

fn device_name(name: &str) -> String {
    format!("extension-{name}")
}

/// A device that gives no block which does not match its hash: reading one fails, and the kernel logs it. Other than
/// with the base the machine goes on.
fn verified_device(name: &str, opened: &super::Opened) -> Result<PathBuf> {
    let [data, hashes] = [opened.parts.data, opened.parts.hashes]
        .map(|extent| LoopDevice::read_only(&opened.file, extent.start, extent.size));
    let (data, hashes) = (data?, hashes?);
    let [data_path, hash_path] = [&data, &hashes].map(|device| device.path().to_string_lossy().into_owned());
    let parameters =
        verity::target_params(&opened.superblock, &opened.root_hash, &data_path, &hash_path, &[]);
    let uuid = opened.superblock.uuid.to_string().replace('-', "");
    let device_name = device_name(name);
    let device = ReadOnlyDevice {
        name: &device_name,
        uuid: &format!("CRYPT-VERITY-{uuid}-{device_name}"),
        sectors: opened.superblock.data_size() / layout::disk::SECTOR,
        target: "verity",
        parameters: &parameters,
    };
    Ok(device.create()?)
}

/// Whether what is mounted is an extension for this base.
fn check(name: &str, folder: &Path, fields: &Fields) -> Result<()> {
    let path = folder.join(RELEASES).join(format!("extension-release.{name}"));
    let text = fs::read_to_string(&path)
        .with_context(|| format!("it has no /{RELEASES}/extension-release.{name} that can be read"))?;
    release::check(&Fields::parse(&text), fields)?;
    for path in FORBIDDEN {
        ensure!(
            fs::symlink_metadata(folder.join(path)).is_err(),
            "it holds /{path}, which is the base's alone"
        );
    }
    Ok(())
}

/// Merges what is mounted: read-only over `/usr`, and below what the machine itself has in `/opt`.
fn merge(names: &[String]) -> Result<()> {
    let parts = |folder: &str| -> Vec<PathBuf> {
        let paths = names.iter().map(|name| mount_point(name).join(folder));
        paths.filter(|path| path.is_dir()).collect()
    };
    let (usr, opt) = (parts("usr"), parts("opt"));
    // First what may fail and can be taken back alone.
    if !opt.is_empty() {
        merge_opt(&opt)?;
    }
    let merged = merge_usr(&usr);
    if merged.is_err() && !opt.is_empty() {
        _ = detach(Path::new(OPT));
    }
    merged
}

fn merge_usr(layers_of: &[PathBuf]) -> Result<()> {
    let (usr, base) = (Path::new(USR), Path::new(BASE));
    fs::create_dir_all(base).with_context(|| format!("make the folder {BASE}"))?;
    bind(usr, base)?;
    let merged = (|| {
        // Or what comes over the one place came over the other, and went with it.
        make_private(base)?;
        let lower = layers(layers_of.iter().map(PathBuf::as_path), Some(base));
        let options = format!("lowerdir={lower}");
        let flags = MountFlags::RDONLY | MountFlags::NODEV;
        Mount { source: Path::new("overlay"), kind: "overlay", flags, options: &options }.on(usr)?;
        let mut bound = BASE_ONLY.iter().filter(|folder| base.join(folder).is_dir());
        let bound = bound.try_for_each(|folder| bind(&base.join(folder), &usr.join(folder)));
        if bound.is_err() {
            _ = detach(usr);
        }
        Ok(bound?)
    })();
    _ = detach(base);
    merged
}

fn merge_opt(layers_of: &[PathBuf]) -> Result<()> {
    let making = || format!("make the folder {OPT_WORK}");
    fs::create_dir_all(OPT_WORK).with_context(making)?;
    let lower = layers(layers_of.iter().map(PathBuf::as_path), None);
    let options = format!("lowerdir={lower},upperdir={OPT},workdir={OPT_WORK},{OVERLAY_OPTIONS}");
    let flags = MountFlags::NODEV;
    Ok(Mount { source: Path::new("overlay"), kind: "overlay", flags, options: &options }
        .on(Path::new(OPT))?)
}
