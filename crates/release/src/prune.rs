//! Removing what no release needs.

use crate::keys::root_name;
use crate::repository::{Repository, SNAPSHOT, TARGETS, TIMESTAMP, file_name, target_name};
use crate::store;
use anyhow::{Context as _, Result};
use layout::repository as names;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

impl Repository {
    /// Removes what no release needs: releases that are withdrawn from each channel that they were in, and files that
    /// nothing names. The files that were removed.
    ///
    /// # Errors
    /// A file cannot be read or removed.
    pub fn prune(&mut self) -> Result<Vec<PathBuf>> {
        let mut wanted = BTreeSet::new();
        let mut withdrawn = BTreeSet::new();
        let mut extensions = Vec::new();
        for channel in self.channels() {
            for release in self.channel(&channel)?.map(|index| index.releases).unwrap_or_default() {
                extensions
                    .extend(release.extensions.into_iter().map(|one| (release.manifest.clone(), one.image)));
                if release.withdrawn.is_some() { &mut withdrawn } else { &mut wanted }
                    .insert(release.manifest);
            }
        }
        let mut targets = self.targets.signed.signed.targets.clone();
        for name in withdrawn.difference(&wanted) {
            let Some(update) = self.published(name)?.and_then(|manifest| manifest.update) else { continue };
            for name in [name, &update.usr.header, &update.uki.header] {
                targets.remove(&target_name(name)?);
            }
        }
        for (_, image) in extensions.iter().filter(|(manifest, _)| !wanted.contains(manifest)) {
            targets.remove(&target_name(&image.header)?);
        }
        if targets.len() != self.targets.signed.signed.targets.len() {
            self.publish(Some(targets))?;
        }
        let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let metadata = named.entry(names::METADATA).or_default();
        metadata.extend([
            TIMESTAMP.to_owned(),
            format!("{}.{SNAPSHOT}", self.snapshot.version()),
            format!("{}.{TARGETS}", self.targets.version()),
        ]);
        metadata.extend((1..=self.root).map(root_name));
        for (name, target) in &self.targets.signed.signed.targets {
            named.entry(names::TARGETS).or_default().insert(file_name(name.raw(), target));
            if let Some(update) = self.published(name.raw())?.and_then(|manifest| manifest.update) {
                let files = [update.usr.path, update.uki.path].map(|path| archive_file(&path));
                named.entry(names::ARCHIVES).or_default().extend(files);
            }
        }
        let kept = extensions.iter().filter(|(manifest, _)| wanted.contains(manifest));
        named.entry(names::ARCHIVES).or_default().extend(kept.map(|(_, image)| archive_file(&image.path)));
        let mut removed = Vec::new();
        for folder in [names::METADATA, names::TARGETS, names::ARCHIVES] {
            let keep = named.remove(folder).unwrap_or_default();
            for name in store::names(&self.directory.join(folder))? {
                if !keep.contains(&name) {
                    let path = self.directory.join(folder).join(name);
                    fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
                    removed.push(path);
                }
            }
        }
        Ok(removed)
    }
}

/// The name of an archive's file in the folder of archives.
fn archive_file(path: &str) -> String {
    path.strip_prefix(names::ARCHIVES).unwrap_or(path).trim_start_matches('/').to_owned()
}
