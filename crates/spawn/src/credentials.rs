//! Credentials: files that are a service's alone, as long as it runs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, DirBuilder, FileType, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use layout::path::CONFIGURATION;
use sys::file::read_bounded;
use unit::UnitName;
use unit::service::config::{Credential, CredentialSource};
use unit::text::specifier::CREDENTIALS;

use crate::removal;
use crate::users::Identity;

/// Folders of this name in those of settings are where credentials are looked for by name.
const STORE: &str = "credstore";
/// What all of a service's may take together.
const BYTES_MAX: usize = 1 << 20;

/// The folder of a unit's credentials.
pub fn folder(unit: &UnitName) -> PathBuf {
    Path::new(CREDENTIALS).join(unit.as_str())
}

/// Whether a unit's credentials were made.
pub fn are_there(unit: &UnitName) -> bool {
    folder(unit).is_dir()
}

/// Makes them anew, for their user alone; where that fails there are none.
///
/// # Errors
/// One that must be there is not, or they are too large together.
pub fn make(unit: &UnitName, credentials: &[Credential], identity: Option<&Identity>) -> Result<()> {
    remove(unit);
    let made = make_in(&folder(unit), credentials, identity);
    if made.is_err() {
        remove(unit);
    }
    made
}

fn make_in(folder: &Path, credentials: &[Credential], identity: Option<&Identity>) -> Result<()> {
    let doing = || format!("cannot make {}", folder.display());
    let all = collect(credentials)?;
    fs::create_dir_all(CREDENTIALS).with_context(doing)?;
    DirBuilder::new().mode(0o500).create(folder).with_context(doing)?;
    let owner = identity.map(|identity| (identity.uid, identity.gid));
    let give = |path: &Path| match owner {
        Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
        None => Ok(()),
    };
    for (id, content) in all {
        let path = folder.join(id);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o400).open(&path).with_context(doing)?;
        file.write_all(&content).with_context(doing)?;
        give(&path).with_context(doing)?;
    }
    give(folder).with_context(doing)
}

/// Removes a unit's credentials.
pub fn remove(unit: &UnitName) {
    _ = removal::remove_path(&folder(unit));
}

/// What there is, by name: what is loaded before what is imported, and that before what is set.
fn collect(credentials: &[Credential]) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    let mut left = BYTES_MAX;
    let is_set = |id: &str| {
        let set = |source: &CredentialSource| matches!(source, CredentialSource::Text(_));
        credentials.iter().any(|credential| credential.id == id && set(&credential.source))
    };
    let rank = |credential: &&Credential| match credential.source {
        CredentialSource::Path(_) | CredentialSource::Store(_) => 0,
        CredentialSource::Pattern(_) => 1,
        CredentialSource::Text(_) => 2,
    };
    let mut ordered: Vec<&Credential> = credentials.iter().collect();
    ordered.sort_by_key(rank);
    let mut add = |id: String, content: Vec<u8>| -> Result<()> {
        if let Entry::Vacant(entry) = all.entry(id) {
            left = left.checked_sub(content.len()).context("credentials are larger than 1 MiB together")?;
            entry.insert(content);
        }
        Ok(())
    };
    for Credential { id, source } in ordered {
        match source {
            CredentialSource::Text(content) => add(id.clone(), content.clone())?,
            CredentialSource::Path(path) if Path::new(path).is_dir() => {
                let mut todo = vec![(id.clone(), PathBuf::from(path))];
                while let Some((id, folder)) = todo.pop() {
                    for (name, path, kind) in entries(&folder) {
                        match kind {
                            kind if kind.is_dir() => todo.push((format!("{id}_{name}"), path)),
                            kind if kind.is_file() => {
                                add(format!("{id}_{name}"), read_bounded(&path, BYTES_MAX)?)?
                            }
                            // It may lead anywhere.
                            _ => {}
                        }
                    }
                }
            }
            CredentialSource::Path(path) => match read_bounded(Path::new(path), BYTES_MAX) {
                Err(_) if is_set(id) => {}
                content => add(id.clone(), content.with_context(|| format!("LoadCredential={id}:{path}"))?)?,
            },
            CredentialSource::Store(name) => {
                let found = stores().map(|store| store.join(name)).find(|path| path.exists());
                if let Some(path) = found {
                    add(id.clone(), read_bounded(&path, BYTES_MAX)?)?;
                }
            }
            CredentialSource::Pattern(pattern) => {
                let beginning = pattern.strip_suffix('*');
                let files = stores().flat_map(|store| entries(&store)).filter(|(_, path, _)| path.is_file());
                for (name, path, _) in files {
                    let rest = match beginning {
                        Some(beginning) => name.strip_prefix(beginning),
                        None => (name == *pattern).then_some(""),
                    };
                    if let Some(rest) = rest {
                        add(format!("{id}{rest}"), read_bounded(&path, BYTES_MAX)?)?;
                    }
                }
            }
        }
    }
    Ok(all)
}

fn stores() -> impl Iterator<Item = PathBuf> {
    CONFIGURATION.iter().map(|folder| Path::new(folder).join(STORE))
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> Vec<(String, PathBuf, FileType)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = |entry: fs::DirEntry| {
        Some((entry.file_name().into_string().ok()?, entry.path(), entry.file_type().ok()?))
    };
    let mut named: Vec<_> = entries.filter_map(named).collect();
    named.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_wins_and_what_is_set_is_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("a"), "from a file").unwrap();
        let set =
            |id: &str, text: &str| Credential { id: id.into(), source: CredentialSource::Text(text.into()) };
        let load =
            |id: &str, path: String| Credential { id: id.into(), source: CredentialSource::Path(path) };
        let all = collect(&[set("a", "default"), load("a", path("a")), set("b", "b"), load("b", path("no"))])
            .unwrap();
        assert_eq!(all["a"], b"from a file");
        assert_eq!(all["b"], b"b");
        fs::create_dir(path("sub")).unwrap();
        fs::write(path("sub/b"), "b").unwrap();
        std::os::unix::fs::symlink("a", path("link")).unwrap();
        let folder_of = collect(&[load("key", folder.path().display().to_string())]).unwrap();
        assert_eq!(folder_of.keys().collect::<Vec<_>>(), ["key_a", "key_sub_b"]);
        let error = |credentials: &[Credential]| format!("{:#}", collect(credentials).unwrap_err());
        assert!(error(&[load("c", path("no"))]).contains("LoadCredential=c:"));
        assert!(error(&[set("c", &"x".repeat(BYTES_MAX)), set("d", "x")]).contains("1 MiB"));
    }
}
