//! Block devices that a program wrote to and closed are looked at anew: a file system may have been made.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result};
use rustix::fs::inotify;

/// The watches, each with its device's path.
#[derive(Debug)]
pub struct Watches {
    inotify: OwnedFd,
    watched: BTreeMap<i32, String>,
}

impl Watches {
    /// No watch yet.
    ///
    /// # Errors
    /// The kernel gives no inotify instance.
    pub fn open() -> Result<Self> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let inotify = inotify::init(flags).context("cannot make an inotify instance")?;
        Ok(Self { inotify, watched: BTreeMap::new() })
    }

    /// Watches a device's node. One that is watched already has one watch.
    pub fn watch(&mut self, device: &str, node: &str) {
        let Ok(path) = CString::new(format!("/dev/{node}")) else { return };
        if let Ok(id) = inotify::add_watch(&self.inotify, path, inotify::WatchFlags::CLOSE_WRITE) {
            // Where the device came again and nobody saw it go, its old node's watch is none any more.
            self.forget(device);
            self.watched.insert(id, device.to_owned());
        }
    }

    /// The device is gone: its node takes the watch along.
    pub fn forget(&mut self, device: &str) {
        self.watched.retain(|_, watched| watched != device);
    }

    /// The devices that were written to, each once.
    pub fn take(&mut self) -> Vec<String> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        let mut written: Vec<String> = Vec::new();
        while let Ok(event) = reader.next() {
            if event.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW) {
                return self.watched.values().cloned().collect();
            }
            let Some(device) = self.watched.get(&event.wd()) else { continue };
            if !written.contains(device) {
                written.push(device.clone());
            }
        }
        written
    }
}

impl AsFd for Watches {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
