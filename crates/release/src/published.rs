//! What is published, as its maker reads it back.

use crate::keys::{Keys, root_name};
use crate::metadata::Document;
use crate::store;
use anyhow::{Result, bail, ensure};
use std::path::Path;

/// The newest root in a repository; each must be one of ours.
pub(crate) fn root(metadata: &Path, keys: &Keys) -> Result<u64> {
    let mut newest = 0;
    for version in 1.. {
        let path = metadata.join(root_name(version));
        if !path.is_file() {
            break;
        }
        let bytes = store::read(&path)?;
        match keys.root(version) {
            Some(ours) if ours.bytes == bytes => newest = version,
            Some(_) => bail!("{} is of other keys: name the folder of the keys that made it", path.display()),
            None => bail!(
                "{} is newer than the folder of keys: name the folder in which the keys were changed",
                path.display()
            ),
        }
    }
    ensure!(newest > 0, "{} has no root", metadata.display());
    Ok(newest)
}

/// Reads metadata that the keys of the published root signed, or those of a later one, where a publication was cut
/// short. Never earlier ones: whoever stole such a key would have its word signed anew.
pub(crate) fn read<T: tough::schema::Role + serde::de::DeserializeOwned>(
    path: &Path,
    keys: &Keys,
    root: u64,
) -> Result<Document<T>> {
    let document = Document::<T>::read(store::read(path)?, &path.display().to_string())?;
    let signed =
        keys.roots_after(root - 1).any(|root| root.signed.signed.verify_role(&document.signed).is_ok());
    ensure!(signed, "{} is not signed by these keys: take it from a copy of the repository", path.display());
    Ok(document)
}
