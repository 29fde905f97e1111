//! Programs of other people's, from their Go modules: one step a component.
//!
//! Output: the programs under `files/` at their paths in the image, and `modules.json`: every
//! module linked into them, for the bill of materials.

use crate::component::{Binary, BuildMode, Component, Program};
use crate::licence::Texts;
use crate::steps::go;
use crate::{Cache, Context, Recipe, Step, multicall, read};
use anyhow::{Context as _, Result, bail};
use sandbox::{Command, Tree};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

const BUILD: &str = "tools-build";
const TOOLCHAIN: &str = "go-toolchain";
/// Where things are seen inside the tools tree: fixed, so that no path of the host gets in.
const MODULE: &str = "/go/module";
const CACHE: &str = "/go/cache";
const GOROOT: &str = "/go/root";

/// The name of a component's step.
pub fn name(component: &str) -> String {
    format!("component-{component}")
}

/// Reads the description of the component in `directory`.
///
/// # Errors
/// It cannot be read, or says what it should not.
pub fn describe(directory: &Path) -> Result<Component> {
    let path = directory.join("component.yaml");
    let text = read::text(&path)?;
    let component: Component =
        serde_yaml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    let go_mod = directory.join("go.mod");
    let modules = read::text(&go_mod)?;
    let pinned = |version: &str| format!("{} {version}", component.source);
    let versions = [format!("v{}", component.version), format!("v{}+incompatible", component.version)];
    let words =
        |line: &str| line.split_whitespace().filter(|word| *word != "require").collect::<Vec<_>>().join(" ");
    if !modules.lines().any(|line| versions.iter().any(|v| words(line).starts_with(&pinned(v)))) {
        bail!(
            "{} does not require {} v{}, which {} names",
            go_mod.display(),
            component.source,
            component.version,
            path.display()
        );
    }
    Ok(component)
}

/// The step that builds the component in `directory`.
///
/// # Errors
/// Its description cannot be read.
pub fn step(directory: &Path, toolchain: &Arc<Step>, build: &Arc<Step>, cache: &Cache) -> Result<Arc<Step>> {
    let component = describe(directory)?;
    let recipe = Recipe::new(&name(&component.name), include_str!("component.rs"))
        .parameter("multicall", include_str!("../multicall.rs"))
        .parameter("licence", include_str!("../licence.rs"))
        .sources(directory)?
        .needs(build)
        .needs(toolchain);
    let (directory, cache) = (directory.to_owned(), cache.clone());
    Ok(recipe.action(move |context| {
        Build { context, component: &component, directory: &directory, cache: &cache }.make()
    }))
}

/// A step that only fetches the modules of the component in `directory`: made whenever it is asked for,
/// since what it makes is not its output.
///
/// # Errors
/// Its description cannot be read.
pub fn fetch(directory: &Path, toolchain: &Arc<Step>, build: &Arc<Step>, cache: &Cache) -> Result<Arc<Step>> {
    let component = describe(directory)?;
    let recipe = Recipe::new(&format!("modules-{}", component.name), "")
        .parameter("when", format!("{:?}", SystemTime::now()))
        .needs(build)
        .needs(toolchain);
    let (directory, cache) = (directory.to_owned(), cache.clone());
    Ok(recipe.action(move |context| {
        Build { context, component: &component, directory: &directory, cache: &cache }.fetch_all()
    }))
}

/// The folders of all components that are made of Go modules, in that of components.
///
/// # Errors
/// It cannot be read.
pub fn directories(components: &Path) -> Result<Vec<PathBuf>> {
    directories_with(components, "go.mod")
}

/// The folders below one that have a file of this name.
///
/// # Errors
/// It cannot be read.
pub fn directories_with(components: &Path, file: &str) -> Result<Vec<PathBuf>> {
    let reading = || format!("listing {}", components.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(components).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path.join(file).is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

struct Build<'a> {
    context: &'a Context,
    component: &'a Component,
    directory: &'a Path,
    cache: &'a Cache,
}

impl Build<'_> {
    fn make(&self) -> Result<()> {
        self.fetch_all()?;
        for binary in &self.component.binaries {
            self.context.say(&format!("compiling {}", names(binary).join(", ")));
            self.compile(binary)?;
        }
        let work = self.context.output().join("work");
        fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))
    }

    fn fetch_all(&self) -> Result<()> {
        for binary in &self.component.binaries {
            self.context.say(&format!("fetching the modules of {}", names(binary).join(", ")));
            self.fetch(binary)?;
        }
        Ok(())
    }

    /// `go list -deps` fetches only the modules that hold a package that is needed.
    fn fetch(&self, binary: &Binary) -> Result<()> {
        let module = self.module_directory(binary)?;
        let packages = binary.programs.iter().map(|program| program.package.as_str());
        let command = go::with_network(self.tree()?.command(&self.go()), &go::modules(self.cache)?)?;
        let command = self
            .environment(command, &module)?
            .args(["list", "-deps", "-tags", &self.tags(binary)])
            .args(packages);
        self.context.run("fetching Go modules", command)
    }

    fn compile(&self, binary: &Binary) -> Result<()> {
        let module = self.module_directory(binary)?;
        let (first, links) = binary.programs.split_first().context("a binary without a program")?;
        let target = if links.is_empty() {
            first.package.clone()
        } else {
            self.join(binary, &module)?;
            ".".to_owned()
        };
        let files = self.context.output().join("files");
        let out = inside(&files, &first.path);
        let parent = out.parent().unwrap_or(&files).to_owned();
        fs::create_dir_all(&parent).with_context(|| format!("making {}", parent.display()))?;
        let mode = match self.component.buildmode {
            BuildMode::Exe => "exe",
            BuildMode::Pie => "pie",
        };
        let mut command = self
            .offline()?
            .args(["build", "-trimpath", "-buildvcs=false", "-buildmode", mode])
            .args(["-p", &self.context.jobs().to_string(), "-tags", &self.tags(binary)])
            .args(["-ldflags", &self.ldflags()]);
        // Debug information that the linker would only throw away: a sixteenth of the compiler's time.
        command = command.args(["-gcflags", "all=-dwarf=false"]);
        let command = self
            .environment(command, &module)?
            .args(["-o", &format!("/out/{}", first.name())])
            .arg(target)
            .bind_at(&parent, "/out");
        self.context.run(&format!("compiling {}", first.name()), command)?;
        for program in links {
            let link = inside(&files, &program.path);
            symlink(first.name(), &link).with_context(|| format!("linking {}", link.display()))?;
        }
        self.list_modules(first, &parent)
    }

    /// Makes `module` a program that is all of the binary's programs.
    fn join(&self, binary: &Binary, module: &Path) -> Result<()> {
        for program in &binary.programs {
            let command = self
                .offline()?
                .args(["list", "-tags", &self.tags(binary), "-f", "{{.Dir}}"])
                .arg(&program.package);
            let output = self.context.capture("finding a Go package", self.environment(command, module)?)?;
            let directory = String::from_utf8_lossy(&output).trim().to_owned();
            let relative = Path::new(&directory)
                .strip_prefix(go::MODULES)
                .with_context(|| format!("{} is not in the module cache: {directory}", program.package))?;
            let sources = go_sources(&go::modules(self.cache)?.join(relative))?;
            let to = module.join(multicall::package_name(program.name()));
            fs::create_dir_all(&to).with_context(|| format!("making {}", to.display()))?;
            for (file, text) in multicall::importable(program.name(), &sources)? {
                fs::write(to.join(&file), text).with_context(|| format!("writing {file}"))?;
            }
        }
        let main =
            multicall::dispatcher(&format!("berth/components/{}", self.component.name), &names(binary));
        fs::write(module.join("main.go"), main).context("writing main.go")
    }

    /// Notes which modules are linked into the program, by its own account.
    fn list_modules(&self, program: &Program, directory: &Path) -> Result<()> {
        let command = self
            .tree()?
            .command(&self.go())
            .args(["version", "-m", &format!("/out/{}", program.name())])
            .env("GOTOOLCHAIN", "local")
            .env("GOTELEMETRY", "off")
            .bind_ro_at(self.context.input(TOOLCHAIN)?, GOROOT)
            .bind_ro_at(directory, "/out");
        let output = self.context.capture("reading a program's modules", command)?;
        let path = self.context.output().join("modules.txt");
        let mut known = fs::read_to_string(&path).unwrap_or_default();
        let licences = Texts::read()?;
        for line in String::from_utf8_lossy(&output).lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if let ["dep", module, version, ..] = fields.as_slice() {
                let start = format!("{module} {version} ");
                if !known.lines().any(|line| line.starts_with(&start)) {
                    let folder = go::modules(self.cache)?.join(folder_name(module, version));
                    let licence = if folder.is_dir() { licences.of_folder(&folder)? } else { String::new() };
                    known.push_str(&format!("{start}{licence}\n"));
                }
            }
        }
        fs::write(&path, known).with_context(|| format!("writing {}", path.display()))
    }

    /// A directory for one binary, with the component's go.mod and go.sum in it.
    fn module_directory(&self, binary: &Binary) -> Result<PathBuf> {
        let name = binary.programs.first().map_or("", Program::name);
        let module = self.context.output().join("work").join(name);
        fs::create_dir_all(&module).with_context(|| format!("making {}", module.display()))?;
        for file in ["go.mod", "go.sum"] {
            let from = self.directory.join(file);
            // Not by a copy, which could not be written anew where the original is read-only.
            fs::write(module.join(file), read::bytes(&from)?)
                .with_context(|| format!("copying {}", from.display()))?;
        }
        Ok(module)
    }

    fn tree(&self) -> Result<Tree> {
        Ok(Tree::at(self.context.input(BUILD)?.to_owned()))
    }

    fn go(&self) -> String {
        format!("{GOROOT}/bin/go")
    }

    /// Go without a network.
    fn offline(&self) -> Result<Command> {
        let modules = go::modules(self.cache)?;
        Ok(self.tree()?.command(&self.go()).bind_at(modules, go::MODULES).env("GOPROXY", "off"))
    }

    fn environment(&self, command: Command, module: &Path) -> Result<Command> {
        // Keyed by content, and checked by Go: safe to share between builds.
        let cache = self.cache.directory("work/go-build")?;
        let cgo = if self.component.cgo.is_some() { "1" } else { "0" };
        let fixed = [
            ("GOROOT", GOROOT),
            ("GOTOOLCHAIN", "local"),
            ("GOMODCACHE", go::MODULES),
            ("GOCACHE", CACHE),
            ("GOPATH", "/tmp/go"),
            ("GOENV", "off"),
            ("GOTELEMETRY", "off"),
            ("GOFLAGS", "-mod=readonly -modcacherw"),
            ("GOOS", "linux"),
            ("GOARCH", "amd64"),
            ("GOAMD64", "v1"),
            ("CC", "gcc"),
            ("CGO_ENABLED", cgo),
        ];
        let command = fixed.iter().fold(command, |command, (name, value)| command.env(name, value));
        Ok(command
            .bind_ro_at(self.context.input(TOOLCHAIN)?, GOROOT)
            .bind_at(cache, CACHE)
            .bind_at(module, MODULE)
            .current_dir(MODULE))
    }

    fn tags(&self, binary: &Binary) -> String {
        [self.component.tags.as_slice(), binary.tags.as_slice()].concat().join(",")
    }

    /// Stripped, and without an identifier that would depend on the compiler's cache.
    fn ldflags(&self) -> String {
        let mut flags = "-s -w -buildid=".to_owned();
        for word in &self.component.ldflags {
            flags.push(' ');
            flags.push_str(&word.replace("{version}", &self.component.version));
        }
        flags
    }
}

fn names(binary: &Binary) -> Vec<&str> {
    binary.programs.iter().map(Program::name).collect()
}

/// A module's folder in the module cache, where capital letters are written as `!` and the small one (Go Modules
/// Reference, "Module cache").
fn folder_name(module: &str, version: &str) -> String {
    let mut name = String::new();
    for c in format!("{module}@{version}").chars() {
        if c.is_ascii_uppercase() {
            name.push('!');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// Where a path of the image is below a folder.
pub fn inside(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// The Go files of a package, but for its tests: name and text, in the order of their names.
fn go_sources(directory: &Path) -> Result<Vec<(String, String)>> {
    let reading = || format!("reading the Go package in {}", directory.display());
    let mut sources = Vec::new();
    for entry in fs::read_dir(directory).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".go") && !name.ends_with("_test.go") {
            sources.push((name, fs::read_to_string(entry.path()).with_context(reading)?));
        }
    }
    sources.sort();
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_components_of_the_project_are_understood() {
        let components = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images/components");
        let mut found = Vec::new();
        for path in directories(&components).unwrap() {
            let component = describe(&path).unwrap();
            assert_eq!(component.name, path.file_name().unwrap().to_string_lossy());
            assert!(component.binaries.iter().all(|binary| !binary.programs.is_empty()));
            found.push(component.name);
        }
        assert_eq!(found, ["cni", "containerd", "cri-tools", "etcd", "runc"]);
    }
}
