//! Firmware's variables, as efivarfs shows them: a file each, called `NAME-VENDOR`, whose first four bytes are attributes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use crate::error::{Doing, Result};

/// Bytes of the attributes.
const ATTRIBUTES: usize = 4;
/// Attributes of a variable that lasts (UEFI specification, section 8.2): it is kept without power, and can be used both
/// before and after the system is started.
const LASTING: u32 = 7;

/// The folder that efivarfs is mounted on.
#[derive(Clone, Debug)]
pub struct Variables {
    folder: PathBuf,
}

impl Variables {
    /// Those in a folder; none where nothing is there: the machine was not started by UEFI.
    pub fn at(folder: impl Into<PathBuf>) -> Option<Self> {
        let folder = folder.into();
        let is_there = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
        is_there.then_some(Self { folder })
    }

    /// Their names.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn names(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(&self.folder).doing_to("list", &self.folder)?;
        Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    /// What a variable holds; none where it is not there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.folder.join(name);
        match fs::read(&path) {
            Ok(content) => Ok(content.get(ATTRIBUTES..).map(<[u8]>::to_vec)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing_to("read", &path),
        }
    }

    /// What a variable holds as UTF-16 text up to its end; none where it is not there, or is no text.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn text(&self, name: &str) -> Result<Option<String>> {
        Ok(self.read(name)?.and_then(|content| {
            let units = content.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
            String::from_utf16(&units).ok()
        }))
    }

    /// Whether a variable is there.
    pub fn has(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    /// Sets a variable that lasts, and looks whether firmware has it.
    ///
    /// # Errors
    /// Firmware does not take it.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        let bytes = [&LASTING.to_le_bytes(), content].concat();
        let write = || -> io::Result<()> {
            // The kernel takes a variable by one write.
            File::options().write(true).create(true).truncate(false).open(&path)?.write_all(&bytes)?;
            match fs::read(&path)? == bytes {
                true => Ok(()),
                false => Err(io::Error::other("firmware holds something else than what was written")),
            }
        };
        write().doing_to("write", &path)
    }

    /// Removes a variable, where it is there.
    ///
    /// # Errors
    /// Firmware keeps it.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).doing_to("remove", &path),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Variables::at(folder.path().join("none")).is_none());
        // As efivarfs is on a machine that was not started by UEFI.
        assert!(Variables::at(folder.path()).is_none());
        fs::write(folder.path().join("Lang-x"), [6, 0, 0, 0, b'e', b'n']).unwrap();
        let variables = Variables::at(folder.path()).unwrap();
        assert_eq!(variables.read("Lang-x").unwrap(), Some(b"en".to_vec()));
        // Text ends with a zero, or with the variable.
        let text: Vec<u8> = "é1".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (end, expected) in [(&[][..], "é1"), (&[0, 0], "é1"), (&[0, 0, 65, 0], "é1"), (&[65], "é1")] {
            fs::write(folder.path().join("Text-x"), [&[6, 0, 0, 0], text.as_slice(), end].concat()).unwrap();
            assert_eq!(variables.text("Text-x").unwrap().as_deref(), Some(expected));
        }
        for (content, expected) in
            [(&[][..], None), (&[6, 0, 0, 0], Some("")), (&[6, 0, 0, 0, 0, 0xd8], None)]
        {
            fs::write(folder.path().join("Text-x"), content).unwrap();
            assert_eq!(variables.text("Text-x").unwrap().as_deref(), expected);
        }
        assert!(variables.has("Text-x") && !variables.has("None-x"));
        variables.remove("Text-x").unwrap();
        assert_eq!(variables.text("Text-x").unwrap(), None);
        variables.write("BootNext-x", &[7, 0]).unwrap();
        assert_eq!(fs::read(folder.path().join("BootNext-x")).unwrap(), [7, 0, 0, 0, 7, 0]);
        assert_eq!(variables.read("BootNext-x").unwrap(), Some(vec![7, 0]));
        variables.remove("BootNext-x").unwrap();
        variables.remove("BootNext-x").unwrap();
        assert_eq!(variables.read("BootNext-x").unwrap(), None);
        assert_eq!(variables.names().unwrap(), ["Lang-x"]);
        assert!(variables.write("no/such", &[]).unwrap_err().to_string().contains("no/such"));
    }
}
