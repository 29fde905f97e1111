//! From a checked spec to the steps that make its image.

use crate::inputs::{Resolved, USERLAND};
use crate::steps::programs::Toolchain;
use crate::steps::{
    boot, component, crate_component, disk, extension, go, kernel, programs, test_container, tools,
    userland_files, usr,
};
use crate::{Cache, Lock, Step};
use anyhow::{Context as _, Result};
use image::erofs::Compression;
use spec::{ExtensionSpec, ImageSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Package sets of images/packages.yaml that steps name.
const BUILD: &str = "build";
const KERNEL_SOURCE: &str = "kernel-source";
/// The set of the tools that boot and check images.
pub const TEST: &str = "test";
/// The set of the daemons of others whose unit files tests read, and some of which they run. No image
/// needs it.
pub const DAEMONS: &str = "daemons";

/// Crates whose code makes the bytes of an image.
const CODE: [&str; 5] =
    ["crates/image/src", "crates/image/guard", "crates/layout/src", "crates/uki/src", "crates/verity/src"];

/// What a build takes its time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// To be done soon: what is changed and tried again.
    Soon,
    /// To be small: what is published.
    Small,
}

impl Effort {
    /// How file systems are packed.
    pub fn compression(self) -> Compression {
        match self {
            Self::Soon => Compression::Lz4,
            Self::Small => Compression::Zstd,
        }
    }

    /// What the workspace's `Cargo.toml` calls the profile of our programs.
    pub fn profile(self) -> &'static str {
        match self {
            Self::Soon => "image",
            Self::Small => "image-small",
        }
    }
}

/// The steps of an image.
pub struct Plan {
    /// The tools that build.
    pub build: Arc<Step>,
    /// The Go toolchain.
    pub go: Arc<Step>,
    /// The tree with QEMU and the tools that check images.
    pub test_tools: Arc<Step>,
    /// The userland's tree: the manifest reads licences there.
    pub userland: Arc<Step>,
    /// The kernel.
    pub kernel: Arc<Step>,
    /// Our own programs.
    pub programs: Arc<Step>,
    /// Each component, by name.
    pub components: BTreeMap<String, Arc<Step>>,
    /// /usr.
    pub usr: Arc<Step>,
    /// What firmware starts.
    pub boot: Arc<Step>,
    /// The raw disk.
    pub disk: Arc<Step>,
    /// The disk as qcow2.
    pub qcow2: Arc<Step>,
    /// The container that tests run.
    pub test_container: Arc<Step>,
}

/// The step of the tools tree that a set of packages makes.
///
/// # Errors
/// There is no such set.
pub fn tools_tree(set: &str, resolved: &Resolved, cache: &Cache) -> Result<Arc<Step>> {
    let packages =
        resolved.sets.get(set).with_context(|| format!("images/packages.yaml has no set `{set}`"))?;
    tools::step(set, packages, cache)
}

impl Plan {
    /// Plans the image of `spec` in the checkout `root`.
    ///
    /// # Errors
    /// A file of the checkout cannot be read, or the lock is not complete.
    pub fn new(
        root: &Path,
        spec: &ImageSpec,
        resolved: &Resolved,
        lock: &Lock,
        toolchain: &Toolchain,
        cache: &Cache,
        effort: Effort,
    ) -> Result<Self> {
        let set = |name: &str| tools_tree(name, resolved, cache);
        let (build, test_tools, userland) = (set(BUILD)?, set(TEST)?, set(USERLAND)?);
        let epoch = spec.source_date_epoch;
        let kernel = kernel::step(
            &root.join("kernel-config"),
            &spec.kernel_options,
            epoch,
            &build,
            &set(KERNEL_SOURCE)?,
        )?;
        let go =
            lock.go.as_ref().context("images/inputs.lock names no Go toolchain: run `cargo xtask lock`")?;
        let go = go::toolchain(go, &build, cache);
        let components = component_steps(root, &spec.components, epoch, toolchain, &build, &go, cache)?;
        let mut names: Vec<&str> = usr::PROGRAMS.iter().map(|(package, _)| *package).collect();
        names.push(boot::STAGE_1);
        let programs = programs::step(root, &names, effort.profile(), epoch, toolchain, &build, cache)?;

        let code = CODE.map(|path| root.join(path));
        let code: Vec<&Path> = code.iter().map(|path| path.as_path()).collect();
        let parts = usr::Parts {
            build: Arc::clone(&build),
            kernel: Arc::clone(&kernel),
            programs: Arc::clone(&programs),
            userland: Arc::clone(&userland),
            userland_files: userland_files::step(spec, &userland),
            components: components.clone(),
        };
        let usr = usr::step(spec, effort.compression(), root, &code, &parts)?;
        let parts = boot::Parts {
            build: Arc::clone(&build),
            kernel: Arc::clone(&kernel),
            programs: Arc::clone(&programs),
            usr: Arc::clone(&usr),
        };
        let boot = boot::step(spec, &root.join("initramfs/cpio.list"), &code, &parts)?;
        let disk = disk::raw(spec, &code, &build, &usr, &boot)?;
        let qcow2 = disk::qcow2(&disk, &test_tools);
        let test_container = test_container::step(&test_tools, &root.join("crates/image/src"))?;
        Ok(Self {
            build,
            go,
            test_tools,
            userland,
            kernel,
            programs,
            components,
            usr,
            boot,
            disk,
            qcow2,
            test_container,
        })
    }

    /// Plans an extension of the image: `base` is the image's spec, `directory` where the extension's is.
    ///
    /// # Errors
    /// A file of the checkout cannot be read, or the lock is not complete.
    #[expect(clippy::too_many_arguments, reason = "what it is made of")]
    pub fn extension(
        &self,
        root: &Path,
        spec: &ExtensionSpec,
        directory: &Path,
        base: &ImageSpec,
        resolved: &Resolved,
        toolchain: &Toolchain,
        cache: &Cache,
        effort: Effort,
    ) -> Result<Arc<Step>> {
        let epoch = base.source_date_epoch;
        let (build, go) = (&self.build, &self.go);
        let parts = extension::Parts {
            build: Arc::clone(build),
            usr: Arc::clone(&self.usr),
            userland: tools_tree(&extension_set(&spec.name), resolved, cache)?,
            components: component_steps(root, &spec.components, epoch, toolchain, build, go, cache)?,
        };
        let code = CODE.map(|path| root.join(path));
        let code: Vec<&Path> = code.iter().map(|path| path.as_path()).collect();
        extension::step(spec, base, effort.compression(), directory, &code, &parts)
    }
}

/// The name of the set of an extension's packages.
pub fn extension_set(name: &str) -> String {
    format!("extension-{name}")
}

/// The step of each component, by name.
fn component_steps(
    root: &Path,
    names: &BTreeSet<String>,
    epoch: u64,
    toolchain: &Toolchain,
    build: &Arc<Step>,
    go: &Arc<Step>,
    cache: &Cache,
) -> Result<BTreeMap<String, Arc<Step>>> {
    let mut components = BTreeMap::new();
    for name in names {
        let directory = root.join("images/components").join(name);
        let step = match crate_component::is_one(&directory) {
            true => crate_component::step(root, &directory, epoch, toolchain, build, cache)?,
            false => component::step(&directory, go, build, cache)?,
        };
        components.insert(name.clone(), step);
    }
    Ok(components)
}
