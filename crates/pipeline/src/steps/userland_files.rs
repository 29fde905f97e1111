//! Which files of the userland an image has: known as soon as its packages are unpacked, so that a mistake of
//! the spec is not told after half an hour of kernel.
//!
//! Output: `files`, an absolute path a line.

use crate::userland::Userland;
use crate::{Recipe, Step, read};
use anyhow::{Context as _, Result};
use spec::ImageSpec;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// The step; `userland` is the one of the unpacked packages.
pub fn step(spec: &ImageSpec, userland: &Arc<Step>) -> Arc<Step> {
    let recipe = Recipe::new("userland-files", include_str!("userland_files.rs"))
        .parameter("userland.rs", include_str!("../userland.rs"))
        .parameter("elf.rs", include_str!("../elf.rs"))
        .parameter("spec", format!("{:?} {:?}", spec.userland, spec.applets))
        .needs(userland);
    let (spec, userland) = (spec.clone(), userland.name().to_owned());
    recipe.action(move |context| {
        let userland = Userland::open(context.input(&userland)?)?;
        let files = userland.select(&spec.userland, &spec.source)?;
        userland.require_applets(&spec.applets, &spec.source)?;
        let lines: String = files.into_iter().map(|path| path + "\n").collect();
        let out = context.output().join("files");
        std::fs::write(&out, lines).with_context(|| format!("writing {}", out.display()))
    })
}

/// What the step has put out.
///
/// # Errors
/// It cannot be read.
pub fn read(output: &Path) -> Result<BTreeSet<String>> {
    Ok(read::text(&output.join("files"))?.lines().map(str::to_owned).collect())
}
