//! What devd tells of devices (inotify(7)): a file a device, in a folder.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use anyhow::{Context, Result};
use rustix::fs::inotify::{self, ReadFlags, WatchFlags};
use unit::device::Record;

use crate::files;
use crate::poller::{Poller, Readiness, Source};

/// The beginning of the name of a device's file; others are being written.
const BEGINNING: &str = "sys-";
/// The longest file that is read. A device has some twenty lines.
const RECORD_MAX: u64 = 64 * 1024;

/// The folder.
pub struct Devices {
    folder: PathBuf,
    watch: OwnedFd,
    /// The files that were read.
    known: BTreeSet<String>,
}

impl Devices {
    /// Makes the folder where there is none yet, and asks to be told of changes in it.
    ///
    /// # Errors
    /// It cannot be made, or the kernel tells of nothing.
    pub fn open(poller: &Poller, folder: PathBuf) -> Result<Devices> {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
            .context("cannot watch for devices")?;
        let flags = WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM | WatchFlags::DELETE | WatchFlags::ONLYDIR;
        inotify::add_watch(&watch, &folder, flags)
            .with_context(|| format!("cannot watch {}", folder.display()))?;
        poller.add(&watch, Source::Devices, Readiness::Read)?;
        Ok(Devices { folder, watch, known: BTreeSet::new() })
    }

    /// The files that have changed since they were read last, those that are gone too.
    pub fn changed(&mut self) -> Vec<String> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.watch, &mut buffer);
        let mut names = BTreeSet::new();
        let mut lost = false;
        while let Ok(event) = reader.next() {
            lost |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            let name = event.file_name().and_then(|name| name.to_str().ok());
            names.extend(name.filter(|name| name.starts_with(BEGINNING)).map(str::to_owned));
        }
        match lost {
            true => self.all(),
            false => names.into_iter().collect(),
        }
    }

    /// All files, and those that were there and are gone.
    pub fn all(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: BTreeSet<String> = names.filter(|name| name.starts_with(BEGINNING)).collect();
        names.extend(self.known.iter().cloned());
        names.into_iter().collect()
    }

    /// What a file says; none where it is gone.
    ///
    /// # Errors
    /// It is there, and no record can be made of it.
    pub fn read(&mut self, name: &str) -> Result<Option<Record>> {
        let path = self.folder.join(name);
        let bytes = match files::read_small(&path, RECORD_MAX) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.known.remove(name);
                return Ok(None);
            }
            read => read,
        };
        self.known.insert(name.to_owned());
        let text = bytes.map_err(anyhow::Error::new).and_then(|bytes| Ok(String::from_utf8(bytes)?));
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        Record::parse(&text).map(Some).with_context(|| format!("{}: it has no SYSPATH=", path.display()))
    }
}
