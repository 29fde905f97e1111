//! The socket on which PID 1 hands over the output pipes of services.
//!
//! A message is the JSON object `{"unit":"NAME"}` with one descriptor (SCM_RIGHTS): the read end
//! of a pipe that the unit's processes write to. Other keys are for later versions and are
//! skipped.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};
use serde::Deserialize;

/// Longest message that is taken, in bytes. A unit's name has at most 255.
const LONGEST: usize = 4096;

#[derive(Deserialize)]
struct Message {
    unit: String,
}

/// A pipe, and whose output comes through it.
#[derive(Debug)]
pub struct Output {
    /// The unit's full name.
    pub unit: String,
    /// Read end of the pipe, in non-blocking mode.
    pub pipe: OwnedFd,
}

/// What one look at the socket gave.
#[derive(Debug)]
pub enum Received {
    /// A unit's output.
    Output(Output),
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
    let mut bytes = [0; LONGEST];
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
    if message.flags.contains(ReturnFlags::TRUNC) {
        bail!("PID 1 sent a message of more than {LONGEST} bytes");
    }
    let text = &bytes[..message.bytes];
    let Message { unit } = serde_json::from_slice(text)
        .with_context(|| format!("PID 1 sent {:?}", String::from_utf8_lossy(text)))?;
    let Ok([pipe]) = <[OwnedFd; 1]>::try_from(pipes) else {
        bail!("PID 1 announced the output of {unit} without exactly one descriptor");
    };
    rustix::io::ioctl_fionbio(&pipe, true)
        .with_context(|| format!("cannot make the pipe of {unit} non-blocking"))?;
    Ok(Received::Output(Output { unit, pipe }))
}
