//! The archive as the build sees it: which packages a set needs, and their files, fetched once
//! and kept.

use crate::apt::Apt;
use crate::{Error, Mirror, Package, Result, package};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// An open archive, its signed indexes read.
pub struct Archive {
    apt: Apt,
    index: BTreeMap<String, Vec<Package>>,
}

impl Archive {
    /// Finds the archive and reads its indexes, with apt's files below `directory`.
    pub fn open(directory: &Path) -> Result<Self> {
        let apt = Apt::new(directory, &Mirror::find()?)?;
        let mut index = BTreeMap::new();
        for text in apt.update()? {
            package::parse_index(&text, &mut index);
        }
        Ok(Self { apt, index })
    }

    /// The newest versions of `names` and of all that they depend on, by name.
    pub fn resolve(&self, names: &[String]) -> Result<Vec<Package>> {
        let simulation = self.apt.simulate(names)?;
        package::parse_simulation(&simulation)
            .into_iter()
            .map(|(name, version)| {
                self.find(&name, &version).ok_or(Error::NoPackage(format!("{name}={version}")))
            })
            .collect()
    }

    /// The package of that name and version, if the archive has it.
    pub fn find(&self, name: &str, version: &str) -> Option<Package> {
        self.index.get(name)?.iter().find(|package| package.version == version).cloned()
    }

    /// Fetches what `store` lacks of `packages`. Whoever holds an archive is alone with its apt, and fetches alone.
    pub fn fetch(&self, packages: &[Package], store: &Path) -> Result<()> {
        let missing: Vec<&Package> = packages.iter().filter(|p| !stored(store, p).is_file()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let partial = store.join(PARTIAL);
        // What a killed build has left.
        let _ = fs::remove_dir_all(&partial);
        fs::create_dir_all(&partial).map_err(Error::io("making", &partial))?;
        let names: Vec<String> = missing.iter().map(|p| format!("{}={}", p.name, p.version)).collect();
        let fetched = self.apt.download(&names, &partial).and_then(|()| {
            for package in missing {
                let from = partial.join(downloaded_name(&partial, package)?);
                verify(&from, package)?;
                let to = stored(store, package);
                fs::rename(&from, &to).map_err(Error::io("keeping", &to))?;
            }
            Ok(())
        });
        // Whatever is left is of no use to anybody.
        let _ = fs::remove_dir_all(&partial);
        fetched
    }
}

/// Where files are in a store while they are fetched.
const PARTIAL: &str = ".partial";

/// Where `store` keeps the `.deb` of `package`.
pub(crate) fn stored(store: &Path, package: &Package) -> PathBuf {
    store.join(package.file_name())
}

/// Checks that the file at `path` is `package`'s.
pub(crate) fn verify(path: &Path, package: &Package) -> Result<()> {
    let mut file = fs::File::open(path).map_err(Error::io("opening", path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("reading", path)(error)),
        }
    }
    let actual: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if actual == package.sha256 {
        Ok(())
    } else {
        Err(Error::Hash { path: path.to_owned(), expected: package.sha256.clone(), actual })
    }
}

/// apt names a download `NAME_VERSION_ARCH.deb`, the architecture being `amd64` or `all`.
fn downloaded_name(directory: &Path, package: &Package) -> Result<String> {
    let version = package.version.replace(':', "%3a");
    for architecture in ["amd64", "all"] {
        let name = format!("{}_{version}_{architecture}.deb", package.name);
        if directory.join(&name).is_file() {
            return Ok(name);
        }
    }
    Err(Error::Network(format!("apt did not deliver {}={}", package.name, package.version)))
}
