//! Disks that a machine may write to, made from images that nothing writes to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::folder::Folder;
use crate::{Error, Result, Testbed};
use rustix::fs::SeekFrom as Find;

/// How a disk image is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Byte for byte.
    Raw,
    /// QEMU's copy-on-write format.
    Qcow2,
}

impl Format {
    /// QEMU's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

/// A disk. Clones stand for the same disk; one made by this module goes away with the last.
#[derive(Clone, Debug)]
pub struct Disk {
    file: PathBuf,
    format: Format,
    folder: Option<Arc<Folder>>,
    log: Option<PathBuf>,
}

impl Disk {
    /// A disk that is there and stays, such as one that an operator keeps state on.
    pub fn existing(file: impl Into<PathBuf>, format: Format) -> Self {
        Self { file: file.into(), format, folder: None, log: None }
    }

    /// An overlay over the built image: what is written goes to the overlay. `size_mib` makes the
    /// disk bigger than the image.
    ///
    /// # Errors
    /// The overlay cannot be made.
    pub fn overlay(bed: &Testbed, size_mib: Option<u32>) -> Result<Self> {
        let folder = Folder::new()?;
        let file = folder.path().join("disk.qcow2");
        let base = bed.images().disk();
        let (base, overlay) = (base.to_string_lossy(), file.to_string_lossy().into_owned());
        let mut command = vec!["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b"];
        command.extend([&*base, &*overlay]);
        let size = size_mib.map(|mib| format!("{mib}M"));
        command.extend(size.as_deref());
        bed.run_tool(folder.path(), &command)?;
        Ok(Self::within(&Arc::new(folder), file, Format::Qcow2))
    }

    /// A sparse copy of the built raw image, for a command line that takes a raw disk only, or to
    /// be looked at. `size_mib` makes the disk bigger than the image.
    ///
    /// # Errors
    /// The copy cannot be made.
    pub fn copy(bed: &Testbed, size_mib: Option<u32>) -> Result<Self> {
        let folder = Folder::new()?;
        let file = folder.path().join("disk.img");
        let copy = || -> io::Result<()> {
            copy_range(bed.images().disk(), 0..u64::MAX, &file)?;
            match size_mib {
                Some(mib) => OpenOptions::new().write(true).open(&file)?.set_len(u64::from(mib) << 20),
                None => Ok(()),
            }
        };
        copy().map_err(Error::io("copy the disk to", &file))?;
        Ok(Self::within(&Arc::new(folder), file, Format::Raw))
    }

    /// A disk in a folder of the harness, which stays as long as it.
    pub(crate) fn within(folder: &Arc<Folder>, file: PathBuf, format: Format) -> Self {
        Self { file, format, folder: Some(Arc::clone(folder)), log: None }
    }

    /// With a log of what it is told.
    pub(crate) fn logged(self, log: PathBuf) -> Self {
        Self { log: Some(log), ..self }
    }

    /// The file that what it is told is logged in.
    pub(crate) fn log(&self) -> Option<&Path> {
        self.log.as_deref()
    }

    /// A raw copy of this disk as it is now, without what it stands on. No machine may be using it.
    ///
    /// # Errors
    /// qemu-img cannot read or write it.
    pub fn raw(&self, bed: &Testbed) -> Result<Self> {
        let folder = Folder::new()?;
        let file = folder.path().join("disk.img");
        let format = self.format.name();
        let [from, to] = [&self.file, &file].map(|path| path.to_string_lossy());
        let convert = ["qemu-img", "convert", "-q", "-f", format, "-O", "raw", &*from, &*to];
        bed.run_tool_in(&[folder.path(), self.parent()], &convert)?;
        Ok(Self::within(&Arc::new(folder), file, Format::Raw))
    }

    /// The image file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// How it is stored.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Flips every bit of the byte at `offset`, as a fault of the medium would. The disk must be
    /// a [`Disk::copy`] and no machine may be using it.
    ///
    /// # Errors
    /// The file cannot be read and written there.
    pub fn flip_byte(&self, offset: u64) -> Result<()> {
        if self.format != Format::Raw {
            return Err(Error::Unsupported {
                machine: "qcow2",
                what: "byte at a known place to flip: use Disk::copy",
            });
        }
        let flip = || -> io::Result<()> {
            let mut file = OpenOptions::new().read(true).write(true).open(&self.file)?;
            let mut byte = [0];
            file.seek(SeekFrom::Start(offset))?;
            file.read_exact(&mut byte)?;
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(&[!byte[0]])?;
            file.sync_all()
        };
        flip().map_err(Error::io("flip a byte of", &self.file))
    }

    /// The folder that a machine needs to see to use this disk.
    pub(crate) fn parent(&self) -> &Path {
        self.folder
            .as_ref()
            .map_or_else(|| self.file.parent().unwrap_or(Path::new("/")), |folder| folder.path())
    }
}

/// Copies the bytes `range` of `from` (as far as it goes) into the new file `to`, holes as holes.
///
/// # Errors
/// `from` cannot be read, `to` is there already, or cannot be written.
pub fn copy_range(from: &Path, range: Range<u64>, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = File::create_new(to)?;
    let end = range.end.min(source.metadata()?.len());
    let base = range.start.min(end);
    target.set_len(end - base)?;
    let mut at = base;
    while at < end {
        let start = match rustix::fs::seek(&source, Find::Data(at)) {
            Ok(start) if start < end => start,
            // Nothing but a hole up to the end.
            Ok(_) | Err(rustix::io::Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        at = rustix::fs::seek(&source, Find::Hole(start))?.min(end);
        source.seek(SeekFrom::Start(start))?;
        target.seek(SeekFrom::Start(start - base))?;
        io::copy(&mut (&mut source).take(at - start), &mut target)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_sparse_copy_is_the_same_and_as_sparse() {
        let folder = Folder::new().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let mut file = File::create(&from).unwrap();
        file.set_len(64 << 20).unwrap();
        file.seek(SeekFrom::Start(9 << 20)).unwrap();
        file.write_all(b"an island").unwrap();
        file.sync_all().unwrap();
        copy_range(&from, 0..u64::MAX, &to).unwrap();
        assert!(std::fs::read(&from).unwrap() == std::fs::read(&to).unwrap());
        assert!(to.metadata().unwrap().blocks() * 512 < 1 << 20);
        let part = folder.path().join("part");
        copy_range(&from, (9 << 20) + 3..(9 << 20) + 6, &part).unwrap();
        assert_eq!(std::fs::read(&part).unwrap(), b"isl");
    }

    #[test]
    fn a_flipped_byte_differs_in_every_bit_and_its_neighbours_do_not() {
        let folder = Folder::new().unwrap();
        let file = folder.path().join("disk.img");
        std::fs::write(&file, [0x0f, 0x0f, 0x0f]).unwrap();
        let disk = Disk::existing(&file, Format::Raw);
        disk.flip_byte(1).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), [0x0f, 0xf0, 0x0f]);
        disk.flip_byte(3).unwrap_err();
    }
}
