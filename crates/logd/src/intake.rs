//! The socket on which PID 1 announces units ([`Announcement`]): JSON, with the read end of the
//! unit's output pipe (SCM_RIGHTS) where it has a new one. Keys that are not known are for later
//! versions and are skipped.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};
use unit::service::log::Announcement;

/// Longest message that is taken, in bytes. Most of it are the fields of `LogExtraFields=`.
const LONGEST: usize = 32 << 10;

/// What one look at the socket gave.
#[derive(Debug)]
pub enum Received {
    /// A unit, and the read end of its output pipe, in non-blocking mode, if it is new.
    Unit(Announcement, Option<OwnedFd>),
    /// A message whose descriptor did not come with it: this process has none left.
    Cut,
    /// Nothing is waiting.
    Nothing,
    /// The other end is closed.
    Closed,
}

/// Takes one message, without waiting.
///
/// # Errors
/// The message is not of the form above; it is gone, and its descriptors are closed.
pub fn receive(socket: &impl AsFd) -> Result<Received> {
    let mut bytes = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let message = match recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags) {
        Err(Errno::AGAIN | Errno::INTR) => return Ok(Received::Nothing),
        Err(Errno::CONNRESET) => return Ok(Received::Closed),
        other => other.context("cannot receive from PID 1")?,
    };
    let mut pipes: Vec<OwnedFd> = Vec::new();
    for part in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = part {
            pipes.extend(fds);
        }
    }
    if message.bytes == 0 && pipes.is_empty() {
        return Ok(Received::Closed);
    }
    if message.flags.contains(ReturnFlags::CTRUNC) {
        return Ok(Received::Cut);
    }
    if message.flags.contains(ReturnFlags::TRUNC) {
        bail!("PID 1 sent a message of more than {LONGEST} bytes");
    }
    let text = &bytes[..message.bytes];
    let announcement: Announcement = serde_json::from_slice(text)
        .with_context(|| format!("PID 1 sent {:?}", String::from_utf8_lossy(text)))?;
    let unit = &announcement.unit;
    let mut pipes = pipes.into_iter();
    let pipe = pipes.next();
    if pipes.next().is_some() {
        bail!("PID 1 announced the output of {unit} with more than one descriptor");
    }
    if let Some(pipe) = &pipe {
        rustix::io::ioctl_fionbio(pipe, true)
            .with_context(|| format!("cannot make the pipe of {unit} non-blocking"))?;
    }
    Ok(Received::Unit(announcement, pipe))
}
