//! Trees of unpacked Debian packages.

use crate::{Cache, Recipe, Step, inputs};
use anyhow::Result;
use sandbox::Package;
use std::sync::Arc;

/// The step that unpacks a set.
///
/// # Errors
/// The cache cannot be written.
pub fn step(set: &str, packages: &[Package], cache: &Cache) -> Result<Arc<Step>> {
    let mut recipe = Recipe::new(&name(set), include_str!("tools.rs"));
    for package in packages {
        recipe = recipe.parameter(&package.name, format!("{} {}", package.version, package.sha256));
    }
    let packages = packages.to_vec();
    let cache = cache.clone();
    Ok(recipe.action(move |context| {
        let store = inputs::package_store(&cache)?;
        let missing = packages.iter().filter(|p| !store.join(p.file_name()).is_file());
        let bytes: u64 = missing.map(|p| p.size).sum();
        if bytes > 0 {
            context.say(&format!("fetching {} MB", bytes / 1_000_000));
            // One build at a time uses apt's directories; another may have fetched meanwhile.
            let (archive, _lock) =
                inputs::open_archive(&cache, &|holder| context.say(&format!("waiting for {holder}")))?;
            archive.fetch(&packages, &store)?;
        }
        sandbox::unpack(&packages, &store, context.output(), &|done| {
            context.say(&format!("unpacking {done}/{}", packages.len()));
        })?;
        Ok(())
    }))
}

/// The name of a set's step.
pub fn name(set: &str) -> String {
    format!("tools-{set}")
}
