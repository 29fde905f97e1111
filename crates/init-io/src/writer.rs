//! Writing to something that may not take it now: consoles, and the event port. PID 1 does not
//! wait for a terminal that is held, or a host that does not listen.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::OFlags;

/// How much is kept for a reader that does not read, in bytes.
const KEPT: usize = 64 * 1024;

/// A device and what it has yet to take.
pub struct Writer {
    device: File,
    waiting: VecDeque<u8>,
}

impl Writer {
    /// Opens a device for writing; it does not become the controlling terminal.
    pub fn open(device: &Path) -> Result<Writer> {
        let flags = OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let device = File::options()
            .write(true)
            .custom_flags(flags.bits() as i32)
            .open(device)
            .with_context(|| format!("cannot open {}", device.display()))?;
        Ok(Writer { device, waiting: VecDeque::new() })
    }

    /// Writes what the device takes, and keeps the rest. Where too much is kept already the text
    /// is left out whole.
    pub fn write(&mut self, text: &str) {
        if self.waiting.len() + text.len() <= KEPT {
            self.waiting.extend(text.as_bytes());
        }
        self.flush();
    }

    /// Writes what was kept, as far as the device takes it.
    pub fn flush(&mut self) {
        while !self.waiting.is_empty() {
            let (head, _) = self.waiting.as_slices();
            match self.device.write(head) {
                Ok(0) => return,
                Ok(written) => drop(self.waiting.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The device is gone: what is kept is for nobody.
                Err(_) => self.waiting.clear(),
            }
        }
    }

    /// Whether all is written.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl AsFd for Writer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
