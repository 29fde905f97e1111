//! `/usr`: everything put together, as an erofs with its hash tree.
//!
//! Output: `usr.erofs`, `usr.verity`, `roothash`, `os-release`, `files.json` ([`FileRecord`]s), and [`GUARD`] and
//! [`LOADER`] as `/usr` has them.

use crate::steps::userland_files;
use crate::userland::{CERTIFICATES, Userland};
use crate::{Context, Recipe, Step, read};
use anyhow::{Context as _, Result, bail};
use image::erofs::{self, Compression};
use image::files::{Content, FileTree, Kind};
use image::size;
use layout::{disk, path};
use sandbox::Tree;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spec::{ImageSpec, Source, UpdateSource};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// What the manifest says of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path in the running system.
    pub path: String,
    /// Its size in bytes (of a link, the length of its target).
    pub size: u64,
    /// Where it came from: `component NAME`, `debian PACKAGE`, `berth`, `kernel`, `rootfs`.
    pub origin: String,
}

/// The steps whose outputs go in.
pub struct Parts {
    /// The tools.
    pub build: Arc<Step>,
    /// The kernel, for its modules.
    pub kernel: Arc<Step>,
    /// Our programs.
    pub programs: Arc<Step>,
    /// The userland's tree.
    pub userland: Arc<Step>,
    /// Which of its files go in.
    pub userland_files: Arc<Step>,
    /// Each component, by name.
    pub components: BTreeMap<String, Arc<Step>>,
}

/// Programs of ours, by package, and where they go.
pub const PROGRAMS: [(&str, &str); 7] = [
    ("init", path::INIT),
    ("logd", path::LOGD),
    ("devd", path::DEVD),
    ("netd", path::NETD),
    ("provision", path::PROVISION),
    ("updater", path::UPDATER),
    ("berthctl", path::BERTHCTL),
];

/// Output: the guard.
pub const GUARD: &str = "guard.efi";
/// Output: systemd-boot.
pub const LOADER: &str = "systemd-boot.efi";
/// systemd-boot in the tools tree, and the package that it is of.
const SYSTEMD_BOOT: (&str, &str) = ("/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "systemd-boot-efi");

/// Files of `/etc` that not everybody may read.
const NARROW: [(&str, u32); 4] =
    [("shadow", 0o600), ("gshadow", 0o600), ("sudoers", 0o440), ("sudoers.d/10-berth", 0o440)];
/// Programs that run with root's rights whoever starts them: these, and no other.
const SET_UID: [&str; 1] = ["/usr/bin/sudo"];

/// The step; `root` is the checkout, `code` are the directories of our crates that make files.
///
/// # Errors
/// An input cannot be read.
pub fn step(
    spec: &ImageSpec,
    compression: Compression,
    root: &Path,
    code: &[&Path],
    parts: &Parts,
) -> Result<Arc<Step>> {
    let rootfs = &root.join("images/rootfs");
    let source =
        spec.update.as_ref().map(|source| UpdateFiles::read(root, source, &spec.channel)).transpose()?;
    let mut recipe = Recipe::new("usr", include_str!("usr.rs"))
        .parameter("userland.rs", include_str!("../userland.rs"))
        .parameter("spec", format!("{:?} {:?} {:?}", spec.version, spec.userland, spec.applets))
        // It is in the salt of the hash tree.
        .parameter("name", &spec.name)
        .parameter("security epoch", spec.security_epoch.to_string())
        .parameter("epoch", spec.source_date_epoch.to_string())
        .parameter("compression", format!("{compression:?}"))
        .parameter("slot", format!("{:?}", spec.disk))
        .parameter("update", format!("{source:?}"))
        .files(rootfs)?
        .needs(&parts.build)
        .needs(&parts.kernel)
        .needs(&parts.programs)
        .needs(&parts.userland)
        .needs(&parts.userland_files);
    for directory in code {
        recipe = recipe.files(directory)?;
    }
    for component in parts.components.values() {
        recipe = recipe.needs(component);
    }
    let (spec, rootfs) = (spec.clone(), rootfs.to_owned());
    let [build, kernel, programs, userland, userland_files] =
        [&parts.build, &parts.kernel, &parts.programs, &parts.userland, &parts.userland_files]
            .map(|step| step.name().to_owned());
    let components: BTreeMap<String, String> =
        parts.components.iter().map(|(name, step)| (name.clone(), step.name().to_owned())).collect();
    Ok(recipe.action(move |context| {
        let mut assembly = Assembly::default();
        assembly.lay_rootfs(&rootfs, &spec)?;
        assembly.lay(&context.input(&kernel)?.join("modules"), "lib/modules", "kernel")?;
        for (name, step) in &components {
            let files = context.input(step)?.join("files/usr");
            assembly.lay(&files, "", &format!("component {name}"))?;
        }
        assembly.lay_programs(context.input(&programs)?)?;
        if let Some(source) = &source {
            assembly.lay_source(source)?;
        }
        let files = userland_files::read(context.input(&userland_files)?)?;
        assembly.lay_userland(&Userland::open(context.input(&userland)?)?, &files, &spec)?;
        let tools = Tree::at(context.input(&build)?.to_owned());
        assembly.lay_boot_chain(context, &tools)?;
        write(context, &tools, &spec, compression, assembly)
    }))
}

/// Where updates come from, as files of the image.
#[derive(Debug)]
struct UpdateFiles {
    root: String,
    settings: String,
}

impl UpdateFiles {
    fn read(root: &Path, source: &UpdateSource, channel: &str) -> Result<Self> {
        let path = root.join(&source.root);
        let reading = || {
            format!(
                "reading update.root, {}: name the root.json of a folder that `cargo xtask keys init` made",
                path.display()
            )
        };
        let text = fs::read_to_string(&path).with_context(reading)?;
        let value: serde_json::Value = serde_json::from_str(&text).with_context(reading)?;
        if value["signed"]["_type"] != "root" {
            bail!("{}; this is no root of keys", reading());
        }
        let settings = format!("[Update]\nUrl={}\nChannel={channel}\n", source.url);
        Ok(Self { root: text, settings })
    }
}

#[derive(Default)]
struct Assembly {
    tree: FileTree,
    origins: BTreeMap<String, String>,
}

impl Assembly {
    /// Adds `part`, all of the same origin.
    fn add(&mut self, part: FileTree, origin: &str) -> Result<()> {
        for (path, node) in part.iter() {
            if node.kind != Kind::Directory {
                self.origins.insert(path.to_owned(), origin.to_owned());
            }
        }
        self.tree.merge(part).with_context(|| format!("laying the files of {origin} into /usr"))?;
        Ok(())
    }

    fn lay(&mut self, directory: &Path, prefix: &str, origin: &str) -> Result<()> {
        let mut part = FileTree::new();
        part.host_dir(directory, prefix)?;
        self.add(part, origin)
    }

    /// images/rootfs: `usr` as it is, `etc` as the lower layer of /etc. In a file `X.in`,
    /// `@VERSION@` becomes the version and `@SECURITY_EPOCH@` the epoch, and the file is called `X`.
    fn lay_rootfs(&mut self, rootfs: &Path, spec: &ImageSpec) -> Result<()> {
        let mut laid = FileTree::new();
        laid.host_dir(&rootfs.join("usr"), "")?;
        laid.host_dir(&rootfs.join("etc"), in_usr(path::ETC_LOWER))?;
        let mut part = FileTree::new();
        for (path, node) in laid.iter().filter(|(path, _)| !is_of_editor(path)) {
            match (path.strip_suffix(".in"), &node.kind) {
                (Some(path), Kind::File(content)) => {
                    let text =
                        String::from_utf8(content.read()?).with_context(|| format!("reading {path}.in"))?;
                    let text = text
                        .replace("@VERSION@", &spec.version.to_string())
                        .replace("@SECURITY_EPOCH@", &spec.security_epoch.to_string());
                    part.file(path, node.mode, Content::Bytes(text.into_bytes()))?;
                }
                _ => drop(part.put(path, node.clone())?),
            }
        }
        for (name, mode) in NARROW {
            let path = format!("{}/{name}", in_usr(path::ETC_LOWER));
            if let Some(mut node) = part.remove(&path) {
                node.mode = mode;
                part.put(&path, node)?;
            }
        }
        let accounts = Content::Bytes(layout::user::sysusers().into_bytes());
        part.file(in_usr(path::SYSUSERS), 0o644, accounts)?;
        self.add(part, "rootfs")
    }

    fn lay_programs(&mut self, programs: &Path) -> Result<()> {
        let mut part = FileTree::new();
        for (package, path) in PROGRAMS {
            part.file(in_usr(path), 0o755, Content::Host(programs.join(package)))?;
        }
        let target = path::BERTHCTL.rsplit('/').next().unwrap_or_default();
        for name in path::BERTHCTL_LINKS {
            part.link(&format!("bin/{name}"), target)?;
        }
        for name in path::BERTHCTL_LIB_LINKS {
            part.link(&format!("lib/systemd/{name}"), &format!("../../bin/{target}"))?;
        }
        for link in path::USR_LINKS {
            part.link(in_usr(link.path), link.target)?;
        }
        self.add(part, "berth")
    }

    /// Guard and systemd-boot: an update brings them to the ESP from there.
    fn lay_boot_chain(&mut self, context: &Context, tools: &Tree) -> Result<()> {
        let (loader, package) = SYSTEMD_BOOT;
        let origin = format!("debian {package}");
        for (output, path, content, origin) in [
            (GUARD, path::BOOT_GUARD, image::guard::build(tools)?, "berth"),
            (LOADER, path::BOOT_LOADER, read::bytes(&tools.path(loader))?, origin.as_str()),
        ] {
            let output = context.output().join(output);
            fs::write(&output, &content).with_context(|| format!("writing {}", output.display()))?;
            let mut part = FileTree::new();
            part.file(in_usr(path), 0o644, Content::Bytes(content))?;
            self.add(part, origin)?;
        }
        Ok(())
    }

    fn lay_source(&mut self, source: &UpdateFiles) -> Result<()> {
        let mut part = FileTree::new();
        for (path, text) in [(path::UPDATE_ROOTS[1], &source.root), (path::UPDATE_SETTINGS, &source.settings)]
        {
            part.file(in_usr(path), 0o644, Content::Bytes(text.clone().into_bytes()))?;
        }
        self.add(part, "spec")
    }

    fn lay_userland(
        &mut self,
        userland: &Userland,
        files: &BTreeSet<String>,
        spec: &ImageSpec,
    ) -> Result<()> {
        for path in files {
            let part = taken(userland, path)?;
            self.add(part, &format!("debian {}", userland.owner(path)))?;
        }
        if spec.userland.contains_key(CERTIFICATES) {
            let mut part = FileTree::new();
            let bundle = userland.certificate_bundle()?;
            let path = format!("{}/ssl/certs/ca-certificates.crt", in_usr(path::ETC_LOWER));
            part.file(&path, 0o644, Content::Bytes(bundle.into_bytes()))?;
            self.add(part, &format!("debian {CERTIFICATES}"))?;
        }
        let mut part = FileTree::new();
        for applet in &spec.applets {
            let path = format!("bin/{applet}");
            // A program of its own is better than busybox's.
            if self.tree.get(&path).is_none() {
                part.link(&path, "busybox")?;
            }
        }
        self.add(part, "debian busybox")
    }
}

/// Whether a path is of what an editor leaves beside the files that it has open.
fn is_of_editor(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with('~') || name.ends_with(".swp") || name.starts_with(".#") || name.starts_with('#')
}

/// Debian's file or link at an absolute path, in its place below /usr. Nothing is taken of a link to its own name.
///
/// # Errors
/// It cannot be read.
pub(crate) fn taken(userland: &Userland, path: &str) -> Result<FileTree> {
    let host = userland.path(path);
    let inside = place(path);
    let mut part = FileTree::new();
    if host.is_symlink() {
        let target = fs::read_link(&host).with_context(|| format!("reading {}", host.display()))?;
        let target = target.to_string_lossy();
        // A link to its own name, once /usr/sbin is /usr/bin, says nothing.
        if place(&format!("/usr/bin/{target}")) != inside {
            part.link(&inside, &target)?;
        }
    } else {
        use std::os::unix::fs::PermissionsExt;
        let metadata = fs::metadata(&host).with_context(|| format!("reading {}", host.display()))?;
        let mode = match metadata.permissions().mode() & 0o100 {
            _ if SET_UID.contains(&path) => 0o4755,
            0 => 0o644,
            _ => 0o755,
        };
        part.file(&inside, mode, Content::Host(host))?;
    }
    Ok(part)
}

/// A path of the running system, relative to /usr.
fn in_usr(path: &str) -> &str {
    path.strip_prefix("/usr/").unwrap_or(path)
}

/// Where a Debian file goes, relative to /usr: /etc is the lower layer, /usr/sbin is /usr/bin.
fn place(path: &str) -> String {
    if let Some(rest) = path.strip_prefix("/etc/") {
        return format!("{}/{rest}", in_usr(path::ETC_LOWER));
    }
    match path.strip_prefix("/usr/sbin/") {
        Some(name) => format!("bin/{name}"),
        None => in_usr(path).to_owned(),
    }
}

/// For `map_err`: that something does not fit is an error of the size at `path` of the spec.
pub(crate) fn placed(source: &Source, path: &[&str]) -> impl FnOnce(image::Error) -> anyhow::Error {
    move |error| match error {
        image::Error::TooLarge(error) => source.error(path, error.to_string()).into(),
        other => other.into(),
    }
}

fn write(
    context: &Context,
    tools: &Tree,
    spec: &ImageSpec,
    compression: Compression,
    assembly: Assembly,
) -> Result<()> {
    let Assembly { tree, origins } = assembly;
    let out = |name: &str| context.output().join(name);
    context.say("packing /usr");
    let erofs = out("usr.erofs");
    erofs::build(tools, &tree, &erofs, compression, disk::USR_FS_UUID, spec.source_date_epoch)?;
    let length = |path: &Path| -> Result<u64> {
        Ok(fs::metadata(path).with_context(|| format!("reading {}", path.display()))?.len())
    };
    size::check("/usr", length(&erofs)?, "a slot (disk.usr)", spec.disk.usr, &tree)
        .map_err(placed(&spec.source, &["disk", "usr"]))?;

    context.say("hashing /usr");
    let verity = out("usr.verity");
    let salt = Sha256::digest(format!("{} {}", spec.name, spec.version));
    let root_hash = image::verity::format(&erofs, &verity, &salt, disk::USR_FS_UUID)?;
    size::check("the hash tree", length(&verity)?, "its slot (disk.usr-verity)", spec.disk.usr_verity, &tree)
        .map_err(placed(&spec.source, &["disk", "usr-verity"]))?;

    let mut records = Vec::new();
    for (path, node) in tree.iter() {
        let size = match &node.kind {
            Kind::File(content) => content.size()?,
            Kind::Link(target) => target.len() as u64,
            _ => continue,
        };
        let origin = origins.get(path).cloned().unwrap_or_default();
        records.push(FileRecord { path: format!("/usr/{path}"), size, origin });
    }
    let os_release = tree.get(in_usr(path::OS_RELEASE)).map(|node| node.kind.clone());
    let Some(Kind::File(os_release)) = os_release else {
        bail!("images/rootfs has no {}", path::OS_RELEASE);
    };
    let keep =
        |name: &str, bytes: &[u8]| fs::write(out(name), bytes).with_context(|| format!("writing {name}"));
    keep("os-release", &os_release.read()?)?;
    keep("roothash", root_hash.to_string().as_bytes())?;
    keep("files.json", &serde_json::to_vec_pretty(&records).context("listing the files")?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn where_updates_come_from_is_in_the_image() {
        let checkout = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(checkout.path().join(name), text).unwrap();
        write("root.json", r#"{"signed": {"_type": "root"}}"#);
        write("targets.json", r#"{"signed": {"_type": "targets"}}"#);
        let source =
            |root: &str| UpdateSource { root: root.to_owned(), url: "https://u.example/b".to_owned() };
        let mut assembly = Assembly::default();
        assembly
            .lay_source(&UpdateFiles::read(checkout.path(), &source("root.json"), "beta").unwrap())
            .unwrap();
        let text = |path: &str| match &assembly.tree.get(path).unwrap().kind {
            Kind::File(content) => String::from_utf8(content.read().unwrap()).unwrap(),
            _ => panic!("{path} is no file"),
        };
        assert_eq!(text("lib/berth/update.conf"), "[Update]\nUrl=https://u.example/b\nChannel=beta\n");
        assert_eq!(text("share/berth/update/root.json"), r#"{"signed": {"_type": "root"}}"#);

        for (name, says) in [("none.json", "keys init"), ("targets.json", "no root of keys")] {
            let error = UpdateFiles::read(checkout.path(), &source(name), "beta").unwrap_err();
            assert!(format!("{error:#}").contains(says), "{error:#}");
        }
    }
}
