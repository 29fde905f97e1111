//! Where things are in the checkout, and what its data files say.

use anyhow::{Context as _, Result};
use pipeline::bundle::{self, BUNDLE_VARIABLE};
use pipeline::{Cache, Lock, inputs, plan};
use spec::{Catalog, DiskSizes, ExtensionSpec, ImageSpec, Override};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The checkout that this program was built from.
pub struct Checkout {
    /// Its root.
    pub root: PathBuf,
}

impl Checkout {
    /// Finds the checkout: the working directory or one above it that has `images/inputs.lock`'s
    /// folder and the workspace's Cargo.toml.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir().context("asking for the working directory")?;
        let root = here
            .ancestors()
            .find(|directory| {
                directory.join("images/packages.yaml").is_file() && directory.join("Cargo.toml").is_file()
            })
            .with_context(|| format!("{} is not in a checkout of Berth: change to one", here.display()))?;
        Ok(Self { root: root.to_owned() })
    }

    /// A path in the checkout.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The spec that a command works on when none is named.
    pub fn default_spec(&self) -> PathBuf {
        self.path("images/default.yaml")
    }

    /// Reads and checks a spec.
    pub fn spec(&self, path: &Path, overrides: &[Override]) -> Result<ImageSpec> {
        let text = fs::read_to_string(path).with_context(|| {
            format!("reading the spec {}: name a YAML file such as images/default.yaml", path.display())
        })?;
        let name = path.strip_prefix(&self.root).unwrap_or(path).display().to_string();
        Ok(spec::parse(&name, &text, overrides, &self.catalog()?)?)
    }

    /// Reads and checks the spec of an extension.
    pub fn extension(&self, path: &Path) -> Result<ExtensionSpec> {
        let text = fs::read_to_string(path).with_context(|| {
            format!("reading the spec {}: name a YAML file of images/extensions", path.display())
        })?;
        let name = path.strip_prefix(&self.root).unwrap_or(path).display().to_string();
        Ok(spec::parse_extension(&name, &text, &self.catalog()?)?)
    }

    fn catalog(&self) -> Result<Catalog> {
        let components = self.names("images/components", |path| {
            path.join("component.yaml").is_file().then(|| path.file_name()).flatten()
        })?;
        let kernel_options = self.names("kernel-config/optional", |path| {
            path.extension()
                .is_some_and(|extension| extension == "config")
                .then(|| path.file_stem())
                .flatten()
        })?;
        use layout::disk;
        let sizes = DiskSizes {
            esp: disk::ESP.default_size,
            usr: disk::USR_A.default_size,
            usr_verity: disk::USR_A_VERITY.default_size,
            root: disk::ROOT.default_size,
        };
        Ok(Catalog { components, kernel_options, sizes })
    }

    /// What `name` makes of the entries of a directory, sorted.
    fn names(&self, directory: &str, name: impl Fn(&Path) -> Option<&OsStr>) -> Result<Vec<String>> {
        let directory = self.path(directory);
        let reading = || format!("listing {}", directory.display());
        let mut names = Vec::new();
        for entry in fs::read_dir(&directory).with_context(reading)? {
            let path = entry.with_context(reading)?.path();
            names.extend(name(&path).map(|name| name.to_string_lossy().into_owned()));
        }
        names.sort();
        Ok(names)
    }

    /// The builder's package sets, by name.
    pub fn package_sets(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let path = self.path("images/packages.yaml");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_yaml::from_str(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// The package sets, with the userland of `specs` as one more, and that of each extension.
    pub fn wanted(
        &self,
        specs: &[&ImageSpec],
        extensions: &[&ExtensionSpec],
    ) -> Result<BTreeMap<String, Vec<String>>> {
        let mut sets = self.package_sets()?;
        let names: BTreeSet<String> = specs.iter().flat_map(|spec| spec.userland.keys().cloned()).collect();
        sets.insert(inputs::USERLAND.to_owned(), names.into_iter().collect());
        for extension in extensions {
            let names = extension.userland.keys().cloned().collect();
            sets.insert(plan::extension_set(&extension.name), names);
        }
        Ok(sets)
    }

    /// Where the lock is.
    pub fn lock_path(&self) -> PathBuf {
        self.path("images/inputs.lock")
    }

    /// Reads the lock; an empty one where there is none yet.
    pub fn lock(&self) -> Result<Lock> {
        Lock::parse(&self.lock_text()?)
    }

    /// The lock's text; none where there is none yet.
    pub fn lock_text(&self) -> Result<String> {
        let path = self.lock_path();
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            read => read.with_context(|| format!("reading {}", path.display())),
        }
    }

    /// The cache that the environment names, with what is in the bundle that it names.
    pub fn cache(&self) -> Result<Cache> {
        let cache = Cache::from_environment()?;
        if let Some(bundle) = std::env::var_os(BUNDLE_VARIABLE).filter(|value| !value.is_empty()) {
            bundle::read(Path::new(&bundle), &cache)?;
        }
        Ok(cache)
    }
}
