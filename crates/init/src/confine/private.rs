//! The folders that a service with `PrivateTmp=` has in place of `/tmp` and `/var/tmp`.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use unit::UnitName;

/// What is replaced.
pub const SHARED: [&str; 2] = ["/tmp", "/var/tmp"];
/// Permissions of a folder for everybody's temporary files.
const STICKY: u32 = 0o1777;

/// The folders of the services that run.
#[derive(Default)]
pub struct PrivateFolders(BTreeMap<UnitName, Vec<PathBuf>>);

impl PrivateFolders {
    /// A service's folders, in the order of [`SHARED`]: made where it has none yet. All its processes
    /// share them.
    pub fn of(&mut self, unit: &UnitName) -> Result<&[PathBuf]> {
        if !self.0.contains_key(unit) {
            let mut made = Vec::new();
            for shared in SHARED {
                made.push(make(Path::new(shared), unit)?);
            }
            self.0.insert(unit.clone(), made);
        }
        Ok(self.0.get(unit).map_or(&[], Vec::as_slice))
    }

    /// Removes a service's folders with what is in them.
    pub fn release(&mut self, unit: &UnitName) {
        for folder in self.0.remove(unit).into_iter().flatten() {
            // What is shown to the service is inside one that only root can enter.
            if let Some(parent) = folder.parent() {
                _ = fs::remove_dir_all(parent);
            }
        }
    }
}

/// Makes a folder whose name nobody can know beforehand, and inside it the one that is shown.
fn make(shared: &Path, unit: &UnitName) -> Result<PathBuf> {
    let random = sys::random::name_16()?;
    let random: String = random.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let outer = shared.join(format!("berth-private-{unit}-{random}"));
    let doing = || format!("cannot make {}", outer.display());
    DirBuilder::new().mode(0o700).create(&outer).with_context(doing)?;
    let inner = outer.join("tmp");
    fs::create_dir(&inner).with_context(doing)?;
    fs::set_permissions(&inner, fs::Permissions::from_mode(STICKY)).with_context(doing)?;
    Ok(inner)
}
