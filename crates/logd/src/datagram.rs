//! Receiving datagrams, with who sent them and what they passed.

use std::fs::File;
use std::io::{IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result, bail};
use rustix::fs::SealFlags;
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};

/// The longest message that is taken, in bytes: an entry, and the names of its fields.
pub const LONGEST: usize = journal::ENTRY_MAX + (64 << 10);

/// Who sent it, by the kernel's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Process.
    pub pid: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

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
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1), ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = match recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut ancillary, flags) {
        Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
        other => other?,
    };
    let mut datagram = Datagram { length: received.bytes, sender: None, file: None };
    for part in ancillary.drain() {
        match part {
            RecvAncillaryMessage::ScmCredentials(sender) => {
                let pid = u32::try_from(sender.pid.as_raw_nonzero().get()).unwrap_or(0);
                let (uid, gid) = (sender.uid.as_raw(), sender.gid.as_raw());
                datagram.sender = Some(Credentials { pid, uid, gid });
            }
            RecvAncillaryMessage::ScmRights(mut files) => datagram.file = files.next(),
            _ => {}
        }
    }
    if received.flags.contains(ReturnFlags::TRUNC) {
        let pid = datagram.sender.map_or(0, |sender| sender.pid);
        bail!("a message of {size} bytes from process {pid} is dropped: at most {LONGEST} are taken");
    }
    Ok(Some(datagram))
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
