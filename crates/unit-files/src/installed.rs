//! The folders of unit files of a system, running or not: what they hold, and what is enabled in them.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use layout::path::{ETC_UNITS, PRESETS, RUN_TRANSIENT, RUN_UNITS, UNITS};
use unit::install::{Change, FileState, Folder, Node, Scope, View};
use unit::load;
use unit::model::{Install, LINK_FOLDERS};
use unit::preset::{Preset, Presets};
use unit::text::file::Source;
use unit::text::specifier::Host;
use unit::{Unit, UnitName};

use crate::settings::below;
use crate::{Catalog, read_source, settings};

/// Where PID 1 looks for unit files, what counts more first.
pub const UNIT_PATH: [&str; 4] = [RUN_TRANSIENT, ETC_UNITS, RUN_UNITS, UNITS];

/// Unit files of a system.
pub struct Installed {
    /// What all paths are below.
    root: PathBuf,
    /// What the folders hold.
    pub view: View,
    /// The same folders, for what applies to a unit.
    catalog: Catalog,
    host: Host,
    presets: Presets,
}

impl Installed {
    /// Reads the folders at some paths below `root`; `transient` is the one of units that last until they end.
    /// Lines of presets that make no sense are told.
    ///
    /// # Errors
    /// A folder that is there cannot be read.
    pub fn open(
        root: &Path,
        paths: &[String],
        transient: &str,
        tell: &mut dyn FnMut(String),
    ) -> Result<Installed> {
        let scopes = scopes(paths, transient);
        let catalog = Catalog::list(&paths.iter().map(|path| below(root, path)).collect::<Vec<_>>());
        let folders = paths.iter().zip(scopes).map(|(path, scope)| {
            let entries = list(&below(root, path))?;
            Ok(Folder { path: path.clone(), scope, entries })
        });
        let view = View { folders: folders.collect::<Result<Vec<Folder>>>()? };
        Ok(Installed { host: host(root), presets: presets(root, tell), root: root.to_owned(), view, catalog })
    }

    /// The folder in which links are made.
    pub fn target(&self, runtime: bool) -> &str {
        let scope = if runtime { Scope::Runtime } else { Scope::Persistent };
        let folder = self.view.folders.iter().find(|folder| folder.scope == scope);
        folder.map_or(if runtime { RUN_UNITS } else { ETC_UNITS }, |folder| folder.path.as_str())
    }

    /// What `[Install]` of a unit says: its file, and its drop-ins.
    pub fn install(&self, name: &UnitName) -> Install {
        let mut sources = Vec::new();
        let main = self.view.file(name);
        for path in main.into_iter().chain(self.drop_ins(name)) {
            if let Ok(Source { text, .. }) = read_source(name, &below(&self.root, &path)) {
                sources.push(Source { path: Arc::from(path), text });
            }
        }
        load::install_section(name, &sources, &self.host).0
    }

    /// The drop-ins of a unit, in the order they apply.
    pub fn drop_ins(&self, name: &UnitName) -> Vec<String> {
        let paths = self.catalog.drop_ins(name).into_iter();
        paths.map(|path| format!("/{}", path.strip_prefix(&self.root).unwrap_or(&path).display())).collect()
    }

    /// A unit as its files make it.
    ///
    /// # Errors
    /// It has no file, or one that makes no unit.
    pub fn unit(&self, name: &UnitName) -> Result<Unit> {
        Ok(load::load(name, &self.catalog.files(name)?, &self.host)?)
    }

    /// The state of a unit's file; none where there is none.
    pub fn state(&self, name: &UnitName) -> Option<FileState> {
        self.view.state(name, &self.install(name))
    }

    /// What is to become of a unit by default.
    pub fn preset(&self, name: &UnitName) -> Preset {
        self.presets.of(name)
    }

    /// Reads a file of the system.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(below(&self.root, path)).with_context(|| format!("cannot read {path}"))
    }

    /// Makes a change.
    ///
    /// # Errors
    /// The link cannot be made or removed.
    pub fn apply(&self, change: &Change) -> Result<()> {
        match change {
            Change::Link { path, to } => make_link(&below(&self.root, path), to),
            Change::Remove { path } => remove_link(&below(&self.root, path)),
        }
    }
}

/// Whose the folders are. Where none is the operator's by its path (a container), the first is.
fn scopes(paths: &[String], transient: &str) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = paths
        .iter()
        .map(|path| match path.as_str() {
            path if path == transient => Scope::Transient,
            ETC_UNITS => Scope::Persistent,
            RUN_UNITS => Scope::Runtime,
            _ => Scope::Image,
        })
        .collect();
    if !scopes.contains(&Scope::Persistent)
        && let Some(first) = scopes.iter_mut().find(|scope| **scope == Scope::Image)
    {
        *first = Scope::Persistent;
    }
    scopes
}

/// What a folder of unit files holds; nothing where it is not there.
fn list(folder: &Path) -> Result<BTreeMap<String, Node>> {
    let doing = || format!("cannot read {}", folder.display());
    let mut nodes = BTreeMap::new();
    for (name, path) in entries(folder).with_context(doing)? {
        let node = if let Ok(to) = fs::read_link(&path) {
            Node::Link(to.to_string_lossy().into_owned())
        } else if path.is_dir() {
            let links = entries(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let links = links.into_iter().map(|(name, path)| {
                let to = fs::read_link(&path).map(|to| to.to_string_lossy().into_owned());
                (name, to.unwrap_or_default())
            });
            Node::Links(links.collect())
        } else if fs::metadata(&path).is_ok_and(|metadata| metadata.len() == 0) {
            Node::Empty
        } else {
            Node::File
        };
        nodes.insert(name, node);
    }
    Ok(nodes)
}

fn entries(folder: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        other => other?,
    };
    entries
        .map(|entry| entry.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())))
        .collect()
}

/// Makes a link, and the folder that it stands in. One that is there is replaced in one step.
fn make_link(path: &Path, to: &str) -> Result<()> {
    let doing = || format!("cannot make the link {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(doing)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!(".#{name}"));
    _ = fs::remove_file(&new);
    symlink(to, &new).with_context(doing)?;
    fs::rename(&new, path).with_context(doing)
}

/// Removes a link, and a folder of links that is empty then.
fn remove_link(path: &Path) -> Result<()> {
    fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    let folder = path.parent().filter(|folder| {
        let kind = folder.extension().unwrap_or_default();
        LINK_FOLDERS.iter().any(|(known, _)| kind == *known)
    });
    if let Some(folder) = folder {
        // One that is not empty stays.
        _ = fs::remove_dir(folder);
    }
    Ok(())
}

/// What the specifiers stand for in a system.
pub fn host(root: &Path) -> Host {
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    Host {
        machine_id: read(&below(root, "/etc/machine-id")),
        boot_id: read(Path::new(layout::path::BOOT_ID)).replace('-', ""),
        hostname: read(Path::new("/proc/sys/kernel/hostname")),
        kernel_release: read(Path::new("/proc/sys/kernel/osrelease")),
    }
}

/// The presets of a system: files by name, over all folders.
fn presets(root: &Path, tell: &mut dyn FnMut(String)) -> Presets {
    let mut presets = Presets::default();
    for path in settings::of_kind(root, PRESETS, ".preset") {
        for line in presets.add(&fs::read_to_string(&path).unwrap_or_default()) {
            tell(format!("{}:{line}: the line makes no sense, and is left out", path.display()));
        }
    }
    presets
}
