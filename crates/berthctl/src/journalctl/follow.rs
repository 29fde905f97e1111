//! Waiting for more.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// Tells when something was written to a journal. It sleeps until then.
pub struct Watch {
    fd: OwnedFd,
}

impl Watch {
    /// Watches the folders of a journal, as far as they are there.
    ///
    /// # Errors
    /// None is there, or the kernel watches no more files for this user.
    pub fn new(dirs: &[PathBuf]) -> Result<Watch> {
        let fd = inotify::init(CreateFlags::CLOEXEC).context("cannot watch the journal")?;
        let flags = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        let mut watched = 0;
        for dir in dirs {
            match inotify::add_watch(&fd, dir, flags) {
                Ok(_) => watched += 1,
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error).with_context(|| format!("cannot watch {}", dir.display())),
            }
        }
        ensure!(watched > 0, "there is no journal to follow");
        Ok(Watch { fd })
    }

    /// Waits until something was written. What was written before it counts: nothing is missed
    /// between two calls. Returns whether there are files that were not there.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn wait(&mut self) -> Result<bool> {
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.fd, &mut space);
        let mut has_new = false;
        loop {
            let event = reader.next().context("cannot wait for the journal")?;
            // Of events that were too many nothing is known.
            let new = ReadFlags::CREATE | ReadFlags::MOVED_TO | ReadFlags::QUEUE_OVERFLOW;
            has_new |= event.events().intersects(new);
            if reader.is_buffer_empty() {
                return Ok(has_new);
            }
        }
    }
}
