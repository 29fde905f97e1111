//! The Go toolchain: a module of the Go proxy, fetched by Debian's older Go, checked against the
//! lock. Source: go.dev/doc/toolchain, "Toolchain names".

use crate::{Cache, Context, GoToolchain, Recipe, Step, hash_file};
use anyhow::{Context as _, Result, bail};
use sandbox::{Command, Tree};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command as HostCommand;
use std::sync::Arc;

const BUILD: &str = "tools-build";
/// Debian's Go, as seen in the tools tree.
pub const BOOTSTRAP: &str = "/usr/lib/go-1.24/bin/go";
/// The module whose versions are toolchains.
const TOOLCHAINS: &str = "golang.org/toolchain";
/// Where a step's Go files are seen inside the tools tree.
pub const MODULES: &str = "/go/modules";

/// The step that fetches the toolchain; its output is a GOROOT, in `root`.
pub fn toolchain(toolchain: &GoToolchain, build: &Arc<Step>, cache: &Cache) -> Arc<Step> {
    let toolchain = toolchain.clone();
    let cache = cache.clone();
    Recipe::new("go-toolchain", include_str!("go.rs"))
        .parameter("version", &toolchain.version)
        .parameter("sha256", &toolchain.sha256)
        .needs(build)
        .action(move |context| make(context, &toolchain, &cache))
}

fn make(context: &Context, toolchain: &GoToolchain, cache: &Cache) -> Result<()> {
    let tree = Tree::at(context.input(BUILD)?.to_owned());
    context.say("fetching the Go toolchain");
    let zip = fetch_toolchain(&tree, &toolchain.version, cache)?;
    let actual = hash_file(&zip)?;
    if actual != toolchain.sha256 {
        bail!(
            "{} has SHA-256 {actual}, images/inputs.lock says {}: do not build with it; `cargo xtask lock` takes \
             another version",
            zip.display(),
            toolchain.sha256
        );
    }
    let unpacked = module_directory(&modules(cache)?, &toolchain.version);
    let command = tree
        .command("cp")
        // Not its owners, as --archive has it: a group that a set-gid folder gave may have no number inside.
        .args(["--recursive", "--no-dereference", "--preserve=mode,timestamps", "/from/.", "/to"])
        .bind_ro_at(&unpacked, "/from")
        .bind_at(context.output(), "/to");
    context.run("keeping the Go toolchain", command)?;
    for directory in ["bin", "pkg/tool"] {
        make_executable(&context.output().join(directory))?;
    }
    Ok(())
}

/// A module's zip knows no modes: the programs below `directory` get theirs.
fn make_executable(directory: &Path) -> Result<()> {
    let opening = || format!("making the programs in {} executable", directory.display());
    for entry in fs::read_dir(directory).with_context(opening)? {
        let path = entry.with_context(opening)?.path();
        if path.is_dir() {
            make_executable(&path)?;
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).with_context(opening)?;
        }
    }
    Ok(())
}

/// Fetches the toolchain into the module cache; the path of its zip.
///
/// # Errors
/// The proxy cannot be reached, or does not know the version.
pub fn fetch_toolchain(tree: &Tree, version: &str, cache: &Cache) -> Result<PathBuf> {
    let modules = modules(cache)?;
    let name = module_version(version);
    let file = |ending| modules.join(format!("cache/download/{TOOLCHAINS}/@v/{name}.{ending}"));
    let zip = file("zip");
    // While Go unpacks, and where that was cut short, there is a file `partial` (cmd/go, modfetch).
    if zip.is_file() && module_directory(&modules, version).is_dir() && !file("partial").exists() {
        return Ok(zip);
    }
    let command = tree.command(BOOTSTRAP).args(["mod", "download", &format!("{TOOLCHAINS}@{name}")]);
    // What is fetched is compared with the lock; without a network no database of sums can be asked.
    let command = with_network(command, &modules)?.env("GOTOOLCHAIN", "local").env("GONOSUMDB", TOOLCHAINS);
    let output = command.output();
    let output = output.context("running Debian's Go")?;
    if !output.status.success() {
        bail!("fetching the Go toolchain {version}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(zip)
}

fn module_version(version: &str) -> String {
    format!("v0.0.1-{version}.linux-amd64")
}

fn module_directory(modules: &Path, version: &str) -> PathBuf {
    modules.join(format!("{TOOLCHAINS}@{}", module_version(version)))
}

/// Go's module cache: files that Go checks against go.sum, or we against the lock.
///
/// # Errors
/// The directory cannot be made.
pub fn modules(cache: &Cache) -> Result<PathBuf> {
    cache.directory("downloads/go")
}

/// Lets a Go command fetch: the host's network, its resolver, its certificates, its Go proxy.
///
/// # Errors
/// The host has no certificate bundle.
pub fn with_network(command: Command, modules: &Path) -> Result<Command> {
    let mut command = command
        .host_network(true)
        .bind_at(modules, MODULES)
        .bind_ro_at(certificates()?, "/tmp/certificates.crt")
        .env("SSL_CERT_FILE", "/tmp/certificates.crt")
        .env("GOMODCACHE", MODULES)
        .env("GOCACHE", "/tmp/go-build")
        .env("GOPATH", "/tmp/go")
        .env("GOFLAGS", "-modcacherw");
    for file in ["/etc/resolv.conf", "/etc/hosts"] {
        if Path::new(file).exists() {
            command = command.bind_ro_at(file, file);
        }
    }
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];
    for name in
        ["GOPROXY", "GONOSUMDB", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GOINSECURE"].iter().chain(&proxies)
    {
        if let Some(value) = std::env::var(name).ok().or_else(|| host_go_setting(name)) {
            command = command.env(name, value);
        }
    }
    Ok(command)
}

/// What a Go of the host, where there is one, was told in its own configuration file.
fn host_go_setting(name: &str) -> Option<String> {
    if !name.starts_with("GO") {
        return None;
    }
    let output = HostCommand::new("go").args(["env", name]).output().ok().filter(|o| o.status.success())?;
    let value = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!value.is_empty()).then_some(value)
}

fn certificates() -> Result<PathBuf> {
    let told = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let usual =
        ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    told.into_iter().chain(usual.map(PathBuf::from)).find(|path| path.is_file()).context(
        "this system has no bundle of CA certificates, which fetching Go modules needs\n  install the package \
         ca-certificates, or set SSL_CERT_FILE",
    )
}
