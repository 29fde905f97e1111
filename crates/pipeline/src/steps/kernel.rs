//! The kernel, from Debian's source package, the fragments in kernel-config/ and the patches in its folder `patches`.
//!
//! Output: `vmlinuz`, `config`, `release` (the text of `uname -r`) and `modules/RELEASE/`.

use crate::{Context, Recipe, Step, kconfig, read};
use anyhow::{Context as _, Result, bail};
use sandbox::{Command, Tree};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// The steps' names that this one reads.
const BUILD: &str = "tools-build";
const SOURCE: &str = "tools-kernel-source";

/// Where the build stands inside the tools tree: fixed, so that no path of the host gets in.
const INSIDE: &str = "/build";

/// What a compilation need not do, and makes no byte of the kernel of.
///
/// Looking for what is worth a warning is a tenth of it, and nobody here writes that code; what the kernel takes for an
/// error by name stays one. So is following macros to where they were written, for messages.
///
/// BTF is made from debug information. The dearest part of that is where variables are while a
/// function runs, which BTF does not hold (kernel-config/README.md has the figures).
const NOT_NEEDED: &str = "-Wno-all -Wno-extra -Wno-misleading-indentation -Wno-restrict -Wno-implicit-fallthrough \
    -Wno-missing-declarations -Wno-missing-prototypes -Wno-enum-conversion -Wno-unused -Wno-cast-function-type \
    -Wno-undef -Wno-vla -ftrack-macro-expansion=0 -fno-var-tracking-assignments";

/// Modules have no BTF, and are stripped.
const MODULES_ALONE: &str = "CFLAGS_MODULE=-g0";

/// The step that builds the kernel from the fragments in `config`, those of `optional` in its folder of that name, and
/// all patches of its folder `patches`.
///
/// # Errors
/// A fragment or a patch cannot be read.
pub fn step(
    config: &Path,
    optional: &BTreeSet<String>,
    epoch: u64,
    build: &Arc<Step>,
    source: &Arc<Step>,
) -> Result<Arc<Step>> {
    let mut fragments = read_files(config, "config")?;
    for name in optional {
        let file = format!("optional/{name}.config");
        let text = read::text(&config.join(&file))?;
        fragments.push((file, text));
    }
    let patches = config.join("patches");
    let patches = if patches.is_dir() { read_files(&patches, "patch")? } else { Vec::new() };
    let mut recipe = Recipe::new("kernel", include_str!("kernel.rs")).needs(build).needs(source);
    for (name, text) in fragments.iter().chain(&patches) {
        recipe = recipe.parameter(name, text);
    }
    // The epoch, and how the kernel shows it.
    recipe = recipe
        .parameter("epoch", epoch.to_string())
        .parameter("timestamp", manifest::spdx::utc(epoch))
        .parameter("kconfig", include_str!("../kconfig.rs"));
    Ok(recipe.action(move |context| make(context, &fragments, &patches, epoch)))
}

/// The files of a folder whose names end so, in the order of their names: name and text.
fn read_files(directory: &Path, extension: &str) -> Result<Vec<(String, String)>> {
    let reading = || format!("reading the kernel's configuration in {}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path.extension().is_some_and(|found| found == extension) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, read::text(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

fn make(
    context: &Context,
    fragments: &[(String, String)],
    patches: &[(String, String)],
    epoch: u64,
) -> Result<()> {
    let work = context.output().join("work");
    let installed = context.output().join("installed");
    for directory in [&work, &installed] {
        fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    }
    let tree = Tree::at(context.input(BUILD)?.to_owned());
    let source = context.input(SOURCE)?.join("usr/src");
    let command = |program: &str, arguments: &[&str]| {
        environment(tree.command(program), epoch)
            .args(arguments)
            .bind_at(&work, INSIDE)
            .bind_at(&installed, "/installed")
            .bind_ro_at(&source, "/source")
            .current_dir(INSIDE)
    };
    let run = |doing: &str, program: &str, arguments: &[&str]| -> Result<()> {
        context.say(doing);
        context.run(doing, command(program, arguments))
    };
    let archive = archive(&source)?;
    run("unpacking the kernel's source", "tar", &["--extract", "--strip-components=1", "--file", &archive])?;
    for (name, text) in patches {
        let file = format!("berth-{name}");
        let path = work.join(&file);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        // What no longer fits word for word is looked at again by somebody: its fault may be mended.
        run(
            &format!("applying kernel-config/patches/{name}"),
            "patch",
            &["--batch", "--forward", "--strip=1", "--fuzz=0", "--input", &file],
        )?;
    }

    let mut requests = Vec::new();
    for (name, text) in fragments {
        requests.extend(kconfig::parse_fragment(name, text).map_err(anyhow::Error::msg)?);
    }
    let repeated = kconfig::repeated(&requests);
    if !repeated.is_empty() {
        bail!("options stand twice in kernel-config:\n  {}\n  take one of each out", repeated.join("\n  "));
    }
    let all: String = fragments.iter().map(|(_, text)| format!("{text}\n")).collect();
    let path = work.join("berth.config");
    fs::write(&path, all).with_context(|| format!("writing {}", path.display()))?;
    run("configuring the kernel", "make", &["KCONFIG_ALLCONFIG=berth.config", "allnoconfig"])?;
    let config = read::text(&work.join(".config"))?;
    let dropped = kconfig::dropped(&requests, &config);
    if !dropped.is_empty() {
        bail!(
            "{} options do not survive the kernel's own dependencies:\n  {}\n  add what they depend on, or take them out",
            dropped.len(),
            dropped.join("\n  ")
        );
    }

    let jobs = format!("-j{}", context.jobs());
    let doing = "compiling the kernel";
    let mut files = 0;
    let every_file = format!("KCFLAGS={NOT_NEEDED}");
    let arguments = [jobs.as_str(), &every_file, MODULES_ALONE, "bzImage", "modules"];
    context.run_watched(doing, command("make", &arguments), |line| {
        if let Some(what) = line.trim_start().strip_prefix("CC ") {
            files += 1;
            context.say(&format!("{doing}: {files} files, {}", what.trim_start_matches("[M]").trim()));
        }
    })?;
    run(
        "installing the kernel's modules",
        "make",
        &["INSTALL_MOD_PATH=/installed", "INSTALL_MOD_STRIP=1", "modules_install"],
    )?;

    let release = read::text(&work.join("include/config/kernel.release"))?.trim().to_owned();
    let modules = installed.join("lib/modules");
    for link in ["build", "source"] {
        let _ = fs::remove_file(modules.join(&release).join(link));
    }
    remove_indexes(&modules.join(&release))?;
    keep(&modules, &context.output().join("modules"))?;
    keep(&work.join("arch/x86/boot/bzImage"), &context.output().join("vmlinuz"))?;
    keep(&work.join(".config"), &context.output().join("config"))?;
    fs::write(context.output().join("release"), release).context("writing the kernel's release")?;
    for directory in [&work, &installed] {
        fs::remove_dir_all(directory).with_context(|| format!("removing {}", directory.display()))?;
    }
    Ok(())
}

/// What makes two builds of the same source the same bytes (Documentation/kbuild/
/// reproducible-builds.rst).
fn environment(command: Command, epoch: u64) -> Command {
    command
        .env("KBUILD_BUILD_TIMESTAMP", manifest::spdx::utc(epoch))
        // The compiler's memory in huge pages: where page faults are dear, as in a VM, a tenth.
        .env("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
        .env("KBUILD_BUILD_USER", "berth")
        .env("KBUILD_BUILD_HOST", "berth")
        .env("KBUILD_BUILD_VERSION", "1")
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
}

/// The source archive, as seen inside.
fn archive(directory: &Path) -> Result<String> {
    let reading = || format!("looking for the kernel's source in {}", directory.display());
    for entry in fs::read_dir(directory).with_context(reading)? {
        let name = entry.with_context(reading)?.file_name().to_string_lossy().into_owned();
        if name.starts_with("linux-source-") && name.contains(".tar") {
            return Ok(format!("/source/{name}"));
        }
    }
    bail!("no linux-source archive in {}", directory.display())
}

/// Removes depmod's indexes in kmod's own format: what loads modules here reads the text beside them.
fn remove_indexes(directory: &Path) -> Result<()> {
    let removing = || format!("removing indexes in {}", directory.display());
    for entry in fs::read_dir(directory).with_context(removing)? {
        let path = entry.with_context(removing)?.path();
        if path.extension().is_some_and(|extension| extension == "bin") {
            fs::remove_file(&path).with_context(removing)?;
        }
    }
    Ok(())
}

fn keep(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("keeping {} as {}", from.display(), to.display()))
}
