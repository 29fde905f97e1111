//! Layer: effects. Loads kernel modules, without a modprobe: by name, or by the alias of a device.
//!
//! What is loaded, and in which order, is decided in [`devices::modules`]; this reads the files that it is
//! decided by and gives the modules' files to the kernel.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use devices::modules::{Configuration, Index, Step};

/// The kind of the files of modprobe.d(5).
const KIND: &str = "modprobe.d";
const LOADED: &str = "/sys/module";

/// What happened to a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is there now.
    Loaded(String),
    /// It is not, and why.
    Failed(String),
}

/// The modules of the running kernel.
#[derive(Debug)]
pub struct Modules {
    folder: PathBuf,
    index: Index,
    configuration: Configuration,
    /// Those that were tried already; a module that failed once is not tried for each further device.
    tried: BTreeSet<String>,
}

impl Modules {
    /// Reads the indexes of the running kernel's modules and modprobe.d. A kernel without modules has none.
    pub fn open() -> Self {
        let folder = Path::new(layout::path::MODULES).join(sys::machine::kernel_release());
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let index = Index::new(read("modules.alias"), read("modules.dep"), read("modules.softdep"));
        let mut configuration = configuration(Path::new("/"));
        configuration.command_line(&fs::read_to_string("/proc/cmdline").unwrap_or_default());
        Self { folder, index, configuration, tried: BTreeSet::new() }
    }

    /// What of modprobe.d is not followed, a line each.
    pub fn warnings(&self) -> &[String] {
        &self.configuration.warnings
    }

    /// Loads what an alias needs, such as a device's `MODALIAS`. Nothing for one that no module has.
    pub fn load_alias(&mut self, alias: &str) -> Vec<Outcome> {
        self.of_alias(alias).iter().flat_map(|module| self.load(module)).collect()
    }

    /// The names of the modules that an alias stands for, as [`is_loaded`] takes them.
    pub fn of_alias(&self, alias: &str) -> Vec<String> {
        let modules = self.index.modules(alias, &self.configuration);
        modules.iter().map(|module| devices::modules::plain(module)).collect()
    }

    /// Loads a module of this name and what it needs. Nothing is done for what is there.
    pub fn load(&mut self, module: &str) -> Vec<Outcome> {
        let name = devices::modules::plain(module);
        if is_loaded(&name) || !self.tried.insert(name.clone()) {
            return vec![];
        }
        let steps = self.index.plan(&name, &self.configuration);
        let mut outcomes = Vec::new();
        for step in steps.iter().filter(|step| step.name == name || !is_loaded(&step.name)) {
            self.tried.insert(step.name.clone());
            outcomes.push(self.take(step));
        }
        outcomes
    }

    /// Whether the operator keeps a module from being loaded by others than himself.
    pub fn is_blacklisted(&self, module: &str) -> bool {
        self.configuration.is_blacklisted(module)
    }

    /// Whether some file has a module of this name.
    pub fn knows(&self, module: &str) -> bool {
        !self.index.plan(module, &self.configuration).is_empty()
    }

    fn take(&self, step: &Step) -> Outcome {
        if step.refused {
            return Outcome::Failed(format!(
                "{} is not loaded: modprobe.d has an install line for it",
                step.name
            ));
        }
        match sys::module::load(&self.folder.join(&step.file), &step.options) {
            Ok(()) => Outcome::Loaded(step.name.clone()),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// Whether the kernel has a module, loaded or built in.
pub fn is_loaded(name: &str) -> bool {
    Path::new(LOADED).join(name).exists()
}

fn configuration(root: &Path) -> Configuration {
    let mut configuration = Configuration::default();
    for path in unit_files::settings::of_kind(root, KIND, ".conf") {
        match fs::read_to_string(&path) {
            Ok(text) => configuration.read(&path.to_string_lossy(), &text),
            Err(error) => configuration.warnings.push(format!("cannot read {}: {error}", path.display())),
        }
    }
    configuration
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folders_file_of_a_name_counts_and_each_is_read() {
        let root = tempfile::tempdir().unwrap();
        let [first, second] = ["etc", "usr/lib"].map(|name| root.path().join(name).join(KIND));
        for (folder, name, text) in [
            (&first, "a.conf", "nonsense 1"),
            (&second, "a.conf", "nonsense 2"),
            (&second, "b.conf", "nonsense 3"),
            (&second, "c.txt", "nonsense 4"),
        ] {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join(name), text).unwrap();
        }
        let read = configuration(root.path());
        let places: Vec<_> = read
            .warnings
            .iter()
            .map(|line| line.rsplit('/').step_by(2).take(2).collect::<Vec<_>>())
            .collect();
        let expected = [
            ["a.conf:1: unknown command nonsense, ignored", "etc"],
            ["b.conf:1: unknown command nonsense, ignored", "lib"],
        ];
        assert_eq!(places, expected);
    }
}
