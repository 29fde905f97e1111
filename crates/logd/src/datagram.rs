//! Receiving datagrams, with who sent them and what they passed.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use anyhow::{Context, Result, bail};
use rustix::fs::SealFlags;
use sys::credentials::Credentials;

/// The longest message that is taken, in bytes: an entry, and the names of its fields.
pub const LONGEST: usize = journal::ENTRY_MAX + (64 << 10);

/// A datagram.
#[derive(Debug)]
pub struct Datagram {
    /// Its length in the buffer.
    pub length: usize,
    /// Its sender.
    pub sender: Option<Credentials>,
    /// A descriptor that came with it.
    pub file: Option<OwnedFd>,
}

/// Takes one datagram into the buffer, which grows as it must, without waiting; `None` where none
/// is waiting.
///
/// # Errors
/// The socket is broken, or the datagram is too long; that one is gone.
pub fn receive(socket: &OwnedFd, buffer: &mut Vec<u8>) -> Result<Option<Datagram>> {
    let size = usize::try_from(rustix::io::ioctl_fionread(socket)?)?;
    if size > buffer.len() {
        buffer.resize(size.min(LONGEST), 0);
    }
    let (datagram, files) = match sys::credentials::receive_with_files(socket, buffer) {
        Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            return Ok(None);
        }
        other => other?,
    };
    if !datagram.is_whole {
        let pid = datagram.sender.map_or(0, |sender| sender.pid);
        bail!("a message of {size} bytes from process {pid} is dropped: at most {LONGEST} are taken");
    }
    let file = files.into_iter().next();
    Ok(Some(Datagram { length: datagram.length, sender: datagram.sender, file }))
}

/// Reads a message that was too long for a datagram: a memory file that nobody can change any
/// more. Another file could keep the reader waiting.
///
/// # Errors
/// It is not such a file, or it is too long.
pub fn read_sealed(file: OwnedFd) -> Result<Vec<u8>> {
    let seals = rustix::fs::fcntl_get_seals(&file).context("it is not a memory file")?;
    if !seals.contains(SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE) {
        bail!("it is a memory file that is not sealed");
    }
    let size = rustix::fs::fstat(&file)?.st_size;
    let size = usize::try_from(size).ok().filter(|size| *size <= LONGEST);
    let size = size.with_context(|| format!("it is longer than {LONGEST} bytes"))?;
    rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0))?;
    let mut bytes = Vec::with_capacity(size);
    File::from(file).take(size as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
