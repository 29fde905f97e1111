//! A system extension: what its spec names and the base lacks, as an image with its hash tree.
//!
//! Output: `extension.raw`, and `roothash`.

use crate::steps::usr::{FileRecord, taken};
use crate::userland::Userland;
use crate::{Context, Recipe, Step, read};
use anyhow::{Context as _, Result, bail};
use image::ddi;
use image::erofs::{self, Compression};
use image::files::{Content, FileTree, Kind};
use layout::extension::{FORBIDDEN, RELEASES};
use layout::{Guid, path};
use sandbox::Tree;
use sha2::{Digest, Sha256};
use spec::{ExtensionSpec, ImageSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The folders of an extension.
const FOLDERS: [&str; 2] = ["usr", "opt"];

/// The steps whose outputs go in.
pub struct Parts {
    /// The tools.
    pub build: Arc<Step>,
    /// The base's /usr: its os-release, and which files are there already.
    pub usr: Arc<Step>,
    /// The tree of the extension's own packages.
    pub userland: Arc<Step>,
    /// Each component, by name.
    pub components: BTreeMap<String, Arc<Step>>,
}

/// The step of the extension `spec` for the image `base`; `directory` is where the spec is, `code` are the directories
/// of our crates that make files.
///
/// # Errors
/// An input cannot be read.
pub fn step(
    spec: &ExtensionSpec,
    base: &ImageSpec,
    compression: Compression,
    directory: &Path,
    code: &[&Path],
    parts: &Parts,
) -> Result<Arc<Step>> {
    let mut recipe = Recipe::new(&format!("extension-{}", spec.name), include_str!("extension.rs"))
        .parameter("usr.rs", include_str!("usr.rs"))
        .parameter("userland.rs", include_str!("../userland.rs"))
        .parameter("elf.rs", include_str!("../elf.rs"))
        .parameter("spec", format!("{spec:?}"))
        .parameter("base", format!("{} {:?}", base.name, base.version))
        .parameter("epoch", base.source_date_epoch.to_string())
        .parameter("compression", format!("{compression:?}"))
        .needs(&parts.build)
        .needs(&parts.usr)
        .needs(&parts.userland);
    let files = spec.files.as_ref().map(|name| directory.join(name));
    for directory in code.iter().copied().chain(files.as_deref()) {
        recipe = recipe.files(directory)?;
    }
    for component in parts.components.values() {
        recipe = recipe.needs(component);
    }
    let (spec, base) = (spec.clone(), base.clone());
    let [build, usr, userland] =
        [&parts.build, &parts.usr, &parts.userland].map(|step| step.name().to_owned());
    let components: Vec<String> = parts.components.values().map(|step| step.name().to_owned()).collect();
    Ok(recipe.action(move |context| {
        let usr = context.input(&usr)?;
        let mut tree = FileTree::new();
        for component in &components {
            let mut part = FileTree::new();
            part.host_dir(&context.input(component)?.join("files/usr"), "usr")?;
            tree.merge(part)?;
        }
        let there = files_of_base(usr)?;
        lay_userland(&mut tree, &Userland::open(context.input(&userland)?)?, &spec, &there)?;
        if let Some(files) = &files {
            lay_files(&mut tree, files)?;
        }
        check(&tree, &there)?;
        let release = release(&read::text(&usr.join("os-release"))?)?;
        let path = format!("{RELEASES}/extension-release.{}", spec.name);
        tree.file(&path, 0o644, Content::Bytes(release.into_bytes()))?;
        let tools = Tree::at(context.input(&build)?.to_owned());
        write(context, &tools, &tree, &spec, &base, compression)
    }))
}

/// The absolute paths that the base has.
fn files_of_base(usr: &Path) -> Result<BTreeSet<String>> {
    let path = usr.join("files.json");
    let records: Vec<FileRecord> = serde_json::from_slice(&read::bytes(&path)?)
        .with_context(|| format!("reading {}", path.display()))?;
    Ok(records.into_iter().map(|record| record.path).collect())
}

/// What the spec takes of packages, and the libraries that it needs and the base lacks.
fn lay_userland(
    tree: &mut FileTree,
    userland: &Userland,
    spec: &ExtensionSpec,
    there: &BTreeSet<String>,
) -> Result<()> {
    for path in userland.select(&spec.userland, &spec.source)? {
        let mut part = FileTree::new();
        for (inside, node) in taken(userland, &path)?.iter() {
            let is_new = node.kind == Kind::Directory || !there.contains(&format!("/usr/{inside}"));
            let is_named = || spec.userland.values().flatten().any(|named| *named == path);
            if is_new {
                part.put(&format!("usr/{inside}"), node.clone())?;
            } else if is_named() {
                let message = format!("the base has {path} already: take it out of the extension");
                return Err(spec.source.error(&["userland"], message).into());
            }
        }
        tree.merge(part).with_context(|| format!("laying {path} into the extension"))?;
    }
    Ok(())
}

/// The folder beside the spec: its `usr` and `opt`.
fn lay_files(tree: &mut FileTree, files: &Path) -> Result<()> {
    let mut part = FileTree::new();
    part.host_dir(files, "")?;
    if let Some((path, _)) = part.iter().find(|(path, _)| !FOLDERS.iter().any(|top| is_below(path, top))) {
        bail!("{}: an extension has files in usr and opt, not in {path}", files.display());
    }
    tree.merge(part).with_context(|| format!("laying {} into the extension", files.display()))?;
    Ok(())
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Nothing may hide what the base has: a file by another, or a link of its own by a folder.
fn check(tree: &FileTree, there: &BTreeSet<String>) -> Result<()> {
    let links = path::USR_LINKS.map(|link| link.path.trim_start_matches('/'));
    for (path, node) in tree.iter() {
        if let Some(folder) = FORBIDDEN.into_iter().chain(links).find(|folder| is_below(path, folder)) {
            bail!("an extension cannot hold /{path}: /{folder} is the base's alone");
        }
        if node.kind != Kind::Directory && there.contains(&format!("/{path}")) {
            bail!("the base has /{path} already: take it out of the extension");
        }
    }
    Ok(())
}

/// The text of extension-release for the base with this os-release (os-release(5)).
fn release(os_release: &str) -> Result<String> {
    let line = |key: &str| {
        let is_it = |line: &&str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with('='));
        os_release.lines().find(is_it).with_context(|| format!("the base's os-release has no {key}="))
    };
    Ok(format!("{}\n{}\nARCHITECTURE=x86-64\nSYSEXT_SCOPE=system\n", line("ID")?, line("VERSION_ID")?))
}

fn write(
    context: &Context,
    tools: &Tree,
    tree: &FileTree,
    spec: &ExtensionSpec,
    base: &ImageSpec,
    compression: Compression,
) -> Result<()> {
    let out = |name: &str| context.output().join(name);
    let (erofs, verity) = (out("data.erofs"), out("data.verity"));
    context.say("packing the extension");
    let salt = Sha256::digest(format!("{} {} {}", spec.name, base.name, base.version));
    let uuid = Guid::from_random(std::array::from_fn(|i| salt[i]));
    erofs::build(tools, tree, &erofs, compression, uuid, base.source_date_epoch)?;
    let root_hash = image::verity::format(&erofs, &verity, &salt, uuid)?;
    ddi::write(&out("extension.raw"), &erofs, &verity, &root_hash)?;
    for path in [erofs, verity] {
        std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
    }
    std::fs::write(out("roothash"), root_hash.to_string()).context("writing roothash")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_base_has_is_not_hidden() {
        let there = BTreeSet::from(["/usr/bin/etcd".to_owned()]);
        for (path, says) in [
            ("usr/bin/strace", None),
            ("opt/tool/bin/x", None),
            ("usr/bin/etcd", Some("the base has /usr/bin/etcd already")),
            ("usr/sbin/x", Some("/usr/sbin is the base's alone")),
            ("usr/local/bin/x", Some("/usr/local is the base's alone")),
            ("usr/lib/modules/6.12/x.ko", Some("/usr/lib/modules is the base's alone")),
            ("usr/lib/berth/init", Some("/usr/lib/berth is the base's alone")),
            ("usr/lib/os-release", Some("/usr/lib/os-release is the base's alone")),
        ] {
            let mut tree = FileTree::new();
            tree.file(path, 0o644, Content::Bytes(vec![])).unwrap();
            let error = check(&tree, &there).err().map(|error| error.to_string());
            assert_eq!(error.is_some(), says.is_some(), "{path}");
            assert!(error.unwrap_or_default().contains(says.unwrap_or_default()), "{path}");
        }
    }

    #[test]
    fn an_extension_is_for_the_base_that_it_was_built_with() {
        let text = release("NAME=\"Berth\"\nID=berth\nVERSION_ID=\"1.2.3\"\nIMAGE_ID=x\n").unwrap();
        assert_eq!(text, "ID=berth\nVERSION_ID=\"1.2.3\"\nARCHITECTURE=x86-64\nSYSEXT_SCOPE=system\n");
        assert!(release("ID=berth\n").is_err());
    }
}
