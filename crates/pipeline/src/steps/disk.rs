//! Disk images.
//!
//! Output of `disk`: `disk.img`, sparse; of `qcow2`: `disk.qcow2`.

use crate::steps::usr;
use crate::{Recipe, Step, read};
use anyhow::{Context as _, Result};
use image::disk::{Disk, Sizes};
use image::esp::Esp;
use image::{disk, ext4, qcow2};
use sandbox::Tree;
use spec::ImageSpec;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// The raw disk. `content` is the step of `/usr`.
///
/// # Errors
/// An input cannot be read.
pub fn raw(
    spec: &ImageSpec,
    code: &[&Path],
    build: &Arc<Step>,
    content: &Arc<Step>,
    boot: &Arc<Step>,
) -> Result<Arc<Step>> {
    let mut recipe = Recipe::new("disk", include_str!("disk.rs"))
        .parameter("sizes", format!("{:?}", spec.disk))
        .parameter("version", spec.version.as_str())
        .parameter("epoch", spec.source_date_epoch.to_string())
        .needs(build)
        .needs(content)
        .needs(boot);
    for directory in code {
        recipe = recipe.files(directory)?;
    }
    let spec = spec.clone();
    let [build, content, boot] = [build, content, boot].map(|step| step.name().to_owned());
    Ok(recipe.action(move |context| {
        let tools = Tree::at(context.input(&build)?.to_owned());
        let (content, boot) = (context.input(&content)?, context.input(&boot)?);
        let root = context.output().join("root.ext4");
        ext4::build(&tools, &root, spec.disk.root, spec.source_date_epoch)?;
        let esp = Esp::standard(
            read::bytes(&content.join(usr::GUARD))?,
            read::bytes(&content.join(usr::LOADER))?,
            read::bytes(&boot.join("uki.efi"))?,
            &spec.version,
        );
        let sizes = Sizes {
            esp: spec.disk.esp,
            usr: spec.disk.usr,
            usr_verity: spec.disk.usr_verity,
            root: spec.disk.root,
            ..Sizes::default()
        };
        let parts = Disk {
            sizes,
            esp: &esp,
            bios: None,
            usr: &content.join("usr.erofs"),
            usr_verity: &content.join("usr.verity"),
            root: &root,
            epoch: spec.source_date_epoch,
        };
        // Only the ESP can be too small: the slots were looked at with what is in them.
        disk::write(&context.output().join("disk.img"), &parts)
            .map_err(usr::placed(&spec.source, &["disk", "esp"]))?;
        fs::remove_file(&root).with_context(|| format!("removing {}", root.display()))
    }))
}

/// The same disk as qcow2. `test` is the tree with qemu-img.
pub fn qcow2(raw: &Arc<Step>, test: &Arc<Step>) -> Arc<Step> {
    let recipe = Recipe::new("qcow2", include_str!("disk.rs")).needs(raw).needs(test);
    let [raw, test] = [raw, test].map(|step| step.name().to_owned());
    recipe.action(move |context| {
        let tools = Tree::at(context.input(&test)?.to_owned());
        Ok(qcow2::convert(
            &tools,
            &context.input(&raw)?.join("disk.img"),
            &context.output().join("disk.qcow2"),
        )?)
    })
}
