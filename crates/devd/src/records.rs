//! The files that tell PID 1 of devices: each replaced whole, and only where it says something new.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};
use devices::record::file_name;

/// A new file's name until it is whole. No device's file begins so.
const NEW: &str = ".new";

/// The folder.
#[derive(Debug)]
pub struct Records(PathBuf);

impl Records {
    /// Makes the folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }

    /// Tells of a device.
    ///
    /// # Errors
    /// Its file cannot be written.
    pub fn put(&self, device: &str, text: &str) -> Result<()> {
        let Some(name) = file_name(device) else { return Ok(()) };
        let (path, new) = (self.0.join(name), self.0.join(NEW));
        if fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(());
        }
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Tells that a device is gone.
    ///
    /// # Errors
    /// Its file cannot be removed.
    pub fn remove(&self, device: &str) -> Result<()> {
        let Some(name) = file_name(device) else { return Ok(()) };
        let path = self.0.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Removes the files of all devices but these: an earlier run may have left some.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn keep(&self, devices: &[String]) -> Result<()> {
        let keep: BTreeSet<String> = devices.iter().filter_map(|device| file_name(device)).collect();
        let entries = fs::read_dir(&self.0).with_context(|| format!("cannot list {}", self.0.display()))?;
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_none_or(|name| !keep.contains(name)) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_file_is_replaced_where_it_says_something_new() {
        let run = tempfile::tempdir().unwrap();
        let records = Records::open(run.path().join("devices")).unwrap();
        let file = run.path().join("devices/sys-devices-x\\x2dy");
        records.put("/sys/devices/x-y", "A=1\n").unwrap();
        let first = fs::metadata(&file).unwrap().ino();
        records.put("/sys/devices/x-y", "A=1\n").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().ino(), first);
        records.put("/sys/devices/x-y", "A=2\n").unwrap();
        assert_ne!(fs::metadata(&file).unwrap().ino(), first);
        records.put("/sys/devices/z", "A=2\n").unwrap();
        records.keep(&["/sys/devices/z".to_owned()]).unwrap();
        assert!(!file.exists());
        records.remove("/sys/devices/z").unwrap();
        records.remove("/sys/devices/z").unwrap();
        assert_eq!(fs::read_dir(run.path().join("devices")).unwrap().count(), 0);
    }
}
