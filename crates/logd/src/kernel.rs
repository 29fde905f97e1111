//! The kernel's log, read from /dev/kmsg.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use crate::message::{KernelRecord, kernel_record};

/// The kernel's log, from a record on.
pub struct KernelLog {
    file: File,
    /// Records up to this time are in the journal already.
    stored_us: Option<u64>,
    next_sequence: Option<u64>,
}

/// What one look at the log gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    /// A record, and the number of those before it that were overwritten unread.
    Record(KernelRecord, u64),
    /// Something to skip.
    Skip,
    /// Nothing more is there now.
    Nothing,
}

impl KernelLog {
    /// Opens the log at its oldest record. Records no newer than `stored_us` (microseconds since
    /// the kernel's start) are skipped.
    ///
    /// # Errors
    /// The log cannot be opened.
    pub fn open(path: &Path, stored_us: Option<u64>) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { file, stored_us, next_sequence: None })
    }

    /// Takes one record, without waiting. `buffer` must hold the longest one (8 KiB).
    ///
    /// # Errors
    /// The log is broken.
    pub fn look(&mut self, buffer: &mut [u8]) -> io::Result<Look> {
        let length = match self.file.read(buffer) {
            Ok(0) => return Ok(Look::Nothing),
            Ok(length) => length,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Look::Nothing),
            // EPIPE: the next record was overwritten; the read after this one goes on with the
            // oldest that is left. EINVAL: it does not fit in the buffer.
            Err(e) if matches!(e.raw_os_error(), Some(32 | 22)) => return Ok(Look::Skip),
            Err(e) => return Err(e),
        };
        let Some(record) = kernel_record(&buffer[..length]) else {
            return Ok(Look::Skip);
        };
        let expected = self.next_sequence.replace(record.sequence + 1);
        if self.stored_us.is_some_and(|us| record.monotonic_us <= us) {
            return Ok(Look::Skip);
        }
        let overwritten = record.sequence.saturating_sub(expected.unwrap_or(record.sequence));
        Ok(Look::Record(record, overwritten))
    }
}

impl AsFd for KernelLog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
