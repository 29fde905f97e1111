//! The OCI image archive that the tests give to containerd.
//!
//! Output: `container.oci.tar`.

use crate::{Recipe, Step, read};
use anyhow::Result;
use image::oci;
use std::path::Path;
use std::sync::Arc;

/// The program that the container is made of: a static one, in the tree of tools for tests.
const BUSYBOX: &str = "usr/bin/busybox";

/// The step; `code` is crate `image`.
///
/// # Errors
/// An input cannot be read.
pub fn step(tools: &Arc<Step>, code: &Path) -> Result<Arc<Step>> {
    let recipe = Recipe::new("test-container", include_str!("test_container.rs")).files(code)?.needs(tools);
    let tools = tools.name().to_owned();
    Ok(recipe.action(move |context| {
        let path = context.input(&tools)?.join(BUSYBOX);
        let busybox = read::bytes(&path)?;
        Ok(oci::write(&context.output().join("container.oci.tar"), &oci::test_container(busybox))?)
    }))
}
