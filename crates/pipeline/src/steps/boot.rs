//! What the loader starts: a UKI of kernel, initramfs and command line.
//!
//! Output: `initramfs`, `cmdline`, `uki.efi`.

use crate::{Recipe, Step, read};
use anyhow::{Context as _, Result, bail};
use image::cpio::{self, Packing};
use image::files::{Content, FileTree};
use sandbox::Tree;
use spec::ImageSpec;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use uki::Uki;

/// The stub that makes a kernel a UKI, in the tools tree.
const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
/// The package of stage 1.
pub const STAGE_1: &str = "initramfs";

/// The steps that this one reads.
pub struct Parts {
    /// The tools.
    pub build: Arc<Step>,
    /// The kernel.
    pub kernel: Arc<Step>,
    /// Our programs: stage 1.
    pub programs: Arc<Step>,
    /// /usr, for its root hash.
    pub usr: Arc<Step>,
}

/// The step; `list` is initramfs/cpio.list, `code` our crates that make files.
///
/// # Errors
/// An input cannot be read.
pub fn step(spec: &ImageSpec, list: &Path, code: &[&Path], parts: &Parts) -> Result<Arc<Step>> {
    let mut recipe = Recipe::new("boot", include_str!("boot.rs"))
        .parameter("arguments", spec.kernel_arguments.join(" "))
        .parameter("epoch", spec.source_date_epoch.to_string())
        .files(list)?
        .needs(&parts.build)
        .needs(&parts.kernel)
        .needs(&parts.programs)
        .needs(&parts.usr);
    for directory in code {
        recipe = recipe.files(directory)?;
    }
    let (spec, list) = (spec.clone(), list.to_owned());
    let [build, kernel, programs, usr] =
        [&parts.build, &parts.kernel, &parts.programs, &parts.usr].map(|step| step.name().to_owned());
    Ok(recipe.action(move |context| {
        let tools = Tree::at(context.input(&build)?.to_owned());
        let (kernel, usr) = (context.input(&kernel)?, context.input(&usr)?);
        let tree = initramfs(&list, context.input(&programs)?)?;
        // Not packed: it is small, and the kernel complains of the padding that the stub puts after
        // an lz4 archive.
        let initramfs = cpio::build(&tree, Packing::Plain, spec.source_date_epoch)?;
        let root_hash = read::text(&usr.join("roothash"))?;
        let mut arguments = spec.kernel_arguments.clone();
        arguments.push(format!("{}={root_hash}", layout::args::USRHASH));
        let cmdline = arguments.join(" ");
        let uki = uki::build(&Uki {
            stub: &read::bytes(&tools.path(STUB))?,
            kernel: &read::bytes(&kernel.join("vmlinuz"))?,
            initramfs: &initramfs,
            cmdline: &cmdline,
            os_release: &read::text(&usr.join("os-release"))?,
            uname: &read::text(&kernel.join("release"))?,
        })?;
        let keep = |name: &str, bytes: &[u8]| {
            fs::write(context.output().join(name), bytes).with_context(|| format!("writing {name}"))
        };
        keep("initramfs", &initramfs)?;
        keep("cmdline", cmdline.as_bytes())?;
        keep("uki.efi", &uki)
    }))
}

/// The files of the initramfs, from its list (usr/gen_init_cpio's format, in the kernel's source).
fn initramfs(list: &Path, programs: &Path) -> Result<FileTree> {
    let mut tree = FileTree::new();
    for (index, line) in read::text(list)?.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        add_line(&mut tree, line, programs)
            .with_context(|| format!("{}:{}: `{line}`", list.display(), index + 1))?;
    }
    Ok(tree)
}

fn add_line(tree: &mut FileTree, line: &str, programs: &Path) -> Result<()> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let octal = |text: &str| u32::from_str_radix(text, 8).with_context(|| format!("`{text}` is not a mode"));
    let number = |text: &str| text.parse::<u32>().with_context(|| format!("`{text}` is not a number"));
    let inside = |path: &str| path.trim_start_matches('/').to_owned();
    match fields.as_slice() {
        ["dir", path, mode, "0", "0"] => drop(tree.dir(&inside(path), octal(mode)?)?),
        ["nod", path, mode, "0", "0", "c", major, minor] => {
            tree.device(&inside(path), octal(mode)?, number(major)?, number(minor)?)?;
        }
        ["file", path, program, mode, "0", "0"] => {
            tree.file(&inside(path), octal(mode)?, Content::Host(programs.join(program)))?;
        }
        _ => bail!("expected `dir`, `nod` or `file` with their fields, all of root"),
    }
    Ok(())
}
