//! Layer: effects. Finding and reading unit files: which file, alias, template, drop-in and link makes
//! a unit (systemd.unit(5), "Unit File Load Path"). Also which files of settings count.
#![forbid(unsafe_code)]

pub mod installed;
pub mod settings;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sys::file::read_bounded;
use unit::graph::Graph;
use unit::load::{self, LoadError, UnitFiles};
use unit::model::LINK_FOLDERS;
use unit::mount::Mounted;
use unit::text::file::Source;
use unit::text::specifier::Host;
use unit::{Unit, UnitName, UnitType};

/// A file that switches off what it stands for.
const MASK: &str = "/dev/null";
/// The largest file of a unit that is read: PID 1 does that, and has the text of all of a unit's at once. Long ones
/// have some KiB.
const BYTES_MAX: usize = 1 << 20;

/// As many names may the units that are loaded hold, their own and those of others. A machine's have some thousands; a
/// template that names two instances of itself would have ever more. With so many, 6,000 services take 35 MB.
const NAMES_MAX: usize = 1 << 16;

/// The folders of unit files, listed once: most names looked for are not there.
pub struct Catalog {
    folders: Vec<PathBuf>,
    /// Entry name to the folders that have it, the first winning.
    entries: BTreeMap<String, Vec<usize>>,
    /// What is mounted, read when it is first asked for.
    mounted: OnceCell<Vec<Mounted>>,
    read_mounted: fn() -> Vec<Mounted>,
}

/// The files that a name stands for.
enum Files {
    Of(UnitFiles),
    Alias(UnitName),
}

/// What a name turned out to be.
enum Found {
    Unit(Box<Unit>),
    Alias(UnitName),
}

impl Catalog {
    /// Lists the folders. One that is missing is empty.
    pub fn list(folders: &[PathBuf]) -> Catalog {
        let mut entries: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, folder) in folders.iter().enumerate() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                entries.entry(name).or_default().push(index);
            }
        }
        Catalog { folders: folders.to_vec(), entries, mounted: OnceCell::new(), read_mounted: Vec::new }
    }

    /// Takes what is mounted, too, for units: those of mounts without a file.
    pub fn with_mounts(mut self, read: fn() -> Vec<Mounted>) -> Catalog {
        self.read_mounted = read;
        self
    }

    /// The units that have a file, whatever it says.
    pub fn names(&self) -> impl Iterator<Item = UnitName> {
        self.entries.keys().filter_map(|entry| UnitName::parse(entry).ok())
    }

    /// Whether any file or folder speaks of a unit: its own, its drop-ins, or links to what it pulls in.
    pub fn mentions(&self, name: &UnitName) -> bool {
        let folders = LINK_FOLDERS.into_iter().map(|(kind, _)| kind).chain(["d"]);
        let mut entries = folders.map(|kind| format!("{name}.{kind}")).chain([name.to_string()]);
        entries.any(|entry| self.entries.contains_key(&entry))
    }

    /// A unit's files.
    ///
    /// # Errors
    /// There is none, it is masked, or it cannot be read.
    pub fn files(&self, name: &UnitName) -> Result<UnitFiles, LoadError> {
        match self.find(name)? {
            Files::Of(files) => Ok(files),
            Files::Alias(other) => Err(LoadError::NotFound(other)),
        }
    }

    /// The paths of an entry, the winning one first.
    fn paths(&self, entry: &str) -> Vec<PathBuf> {
        let folders = self.entries.get(entry).into_iter().flatten();
        folders.map(|index| self.folders[*index].join(entry)).collect()
    }

    /// Loads a unit and all that it, directly or not, names.
    pub fn load_with_related(&self, graph: &mut Graph, anchor: &UnitName, host: &Host) {
        self.load_all(graph, BTreeSet::from([anchor.clone()]), host);
    }

    /// Loads some units and all that they, directly or not, name, as far as there is room. What is left then counts
    /// as units that could not be loaded.
    pub fn load_all(&self, graph: &mut Graph, anchors: BTreeSet<UnitName>, host: &Host) {
        let names_in = |unit: &Arc<Unit>| 1 + unit.relations.len();
        let mut names: usize = graph.units().map(names_in).sum();
        // What is asked for is loaded in any case: it is little, or was loaded before.
        let mut room = usize::MAX;
        let mut unknown = anchors;
        while !unknown.is_empty() {
            for name in unknown {
                if graph.is_known(&name) {
                    continue;
                }
                if names < room {
                    self.load_one(graph, &name, host);
                    names += graph.get(&name).map_or(0, names_in);
                } else {
                    graph.insert_failed(name.clone(), no_room(name));
                }
            }
            unknown = graph.unknown();
            room = NAMES_MAX;
        }
        graph.link();
    }

    fn load_one(&self, graph: &mut Graph, name: &UnitName, host: &Host) {
        match self.read(name, host) {
            Ok(Found::Unit(unit)) => graph.insert(*unit),
            Ok(Found::Alias(other)) => {
                graph.insert_alias(name.clone(), other.clone());
                if !graph.is_known(&other) {
                    self.load_one(graph, &other, host);
                }
            }
            Err(error) => graph.insert_failed(name.clone(), error),
        }
    }

    fn read(&self, name: &UnitName, host: &Host) -> Result<Found, LoadError> {
        let files = match self.find(name) {
            Ok(Files::Alias(other)) => return Ok(Found::Alias(other)),
            Ok(Files::Of(files)) => files,
            Err(error @ LoadError::NotFound(_)) => {
                return Ok(Found::Unit(Box::new(self.mounted(name).ok_or(error)?)));
            }
            Err(error) => return Err(error),
        };
        let has_own = files.sources.first().is_some_and(|source| !is_drop_in(&source.path));
        let unit = match has_own {
            true => load::load(name, &files, host)?,
            // A built-in unit to which drop-ins and links may add.
            false => load::extend_builtin(name, &files, host)?,
        };
        Ok(Found::Unit(Box::new(unit)))
    }

    fn find(&self, name: &UnitName) -> Result<Files, LoadError> {
        let template = name.template();
        let first = |name: &UnitName| self.paths(name.as_str()).into_iter().next();
        let path = first(name).or_else(|| first(template.as_ref()?));
        let mut files = UnitFiles::default();
        match path {
            Some(path) => {
                if let Some(other) = alias(&path, name)? {
                    return Ok(Files::Alias(other));
                }
                let source = read_source(name, &path)?;
                if source.text.is_empty() {
                    return Err(LoadError::Masked(name.clone()));
                }
                files.sources.push(source);
            }
            None => drop(load::builtin(name)?),
        }
        for path in self.drop_ins(name) {
            files.sources.push(read_source(name, &path)?);
        }
        for (kind, relation) in LINK_FOLDERS {
            files.links.extend(self.links(name, kind).into_iter().map(|other| (relation, other)));
        }
        Ok(Files::Of(files))
    }

    /// The unit of a mount that is there without a file.
    fn mounted(&self, name: &UnitName) -> Option<Unit> {
        if name.kind() != UnitType::Mount {
            return None;
        }
        let place = unit::mount::place_of(name);
        let table = self.mounted.get_or_init(self.read_mounted);
        // Of several at one place, the last is the one that is seen.
        let found = table.iter().rev().find(|mounted| mounted.place == place)?;
        load::mounted(found).ok()
    }

    /// The names that the links in `NAME.wants` folders give.
    fn links(&self, name: &UnitName, kind: &str) -> Vec<UnitName> {
        let names = [Some(name.clone()), name.template()];
        let mut links = BTreeSet::new();
        for folder in names.into_iter().flatten().flat_map(|name| self.paths(&format!("{name}.{kind}"))) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                links.extend(UnitName::parse(&entry.file_name().to_string_lossy()));
            }
        }
        links.into_iter().collect()
    }

    /// The drop-ins of a unit, in the order they apply: by file name, over all folders; of two
    /// with one name the more specific folder's wins, then the earlier in the unit path.
    pub fn drop_ins(&self, name: &UnitName) -> Vec<PathBuf> {
        let mut winners: BTreeMap<String, PathBuf> = BTreeMap::new();
        for folder in drop_in_folders(name).iter().flat_map(|folder| self.paths(folder)) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let file = entry.file_name().to_string_lossy().into_owned();
                if file.ends_with(".conf") {
                    winners.entry(file).or_insert(entry.path());
                }
            }
        }
        let is_mask = |path: &PathBuf| fs::read_link(path).is_ok_and(|to| to == Path::new(MASK));
        winners.into_values().filter(|path| !is_mask(path)).collect()
    }
}

/// Whether a file adds to a unit rather than being one.
fn is_drop_in(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "conf")
}

/// The folders whose drop-ins apply to a unit, the most specific first.
fn drop_in_folders(name: &UnitName) -> Vec<String> {
    let suffix = name.kind().suffix();
    let mut folders = vec![format!("{name}.d")];
    folders.extend(name.template().map(|template| format!("{template}.d")));
    let mut prefix = name.prefix();
    while let Some((head, _)) = prefix.trim_end_matches('-').rsplit_once('-') {
        folders.push(format!("{head}-.{suffix}.d"));
        prefix = head;
    }
    folders.push(format!("{suffix}.d"));
    folders
}

/// The unit that a link makes another name of.
fn alias(path: &Path, name: &UnitName) -> Result<Option<UnitName>, LoadError> {
    let Ok(target) = fs::read_link(path) else {
        return Ok(None);
    };
    if target == Path::new(MASK) {
        return Err(LoadError::Masked(name.clone()));
    }
    let other = target.file_name().and_then(|file| UnitName::parse(&file.to_string_lossy()).ok());
    Ok(other.filter(|other| other != name && Some(other) != name.template().as_ref() && !other.is_template()))
}

/// Why a unit is left out where there are too many.
fn no_room(name: UnitName) -> LoadError {
    let reason = format!(
        "it is not loaded, since the units that are name {NAMES_MAX} already: look for a template that names ever more \
         instances of itself"
    );
    LoadError::Bad { name, reason }
}

fn read_source(name: &UnitName, path: &Path) -> Result<Source, LoadError> {
    let error =
        |reason: String| LoadError::Read { name: name.clone(), path: path.display().to_string(), reason };
    // The mask may be there by a way of several links, or as a mount.
    let bytes = match leads_to_mask(path) {
        true => Vec::new(),
        false => read_bounded(path, BYTES_MAX).map_err(|e| error(e.io().to_string()))?,
    };
    let text = String::from_utf8(bytes).map_err(|_| error("it is not UTF-8 text".to_owned()))?;
    Ok(Source { path: Arc::from(path.display().to_string()), text })
}

/// Whether a path leads to the device that every mask is.
fn leads_to_mask(path: &Path) -> bool {
    let device = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        metadata.file_type().is_char_device().then(|| metadata.rdev())
    };
    device(path).is_some_and(|found| device(Path::new(MASK)) == Some(found))
}
