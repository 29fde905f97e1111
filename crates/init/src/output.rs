//! What services write: a pipe a unit, handed to logd.
//!
//! PID 1 keeps both ends while the unit has processes. So nothing is lost before logd runs, or
//! while it restarts, and a service that writes never meets a pipe without a reader.

use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
    socketpair,
};
use rustix::pipe::{PipeFlags, pipe_with};
use unit::UnitName;

/// The unit that runs logd.
pub const LOGD: &str = "berth-logd.service";
/// The name of the descriptor that logd gets.
pub const CONTROL_NAME: &str = "log-control";

/// Output pipes.
#[derive(Default)]
pub struct Outputs {
    pipes: BTreeMap<UnitName, Pipe>,
    /// Our end of the socket to logd.
    logd: Option<OwnedFd>,
    /// Units whose pipes logd has yet to be given.
    pending: VecDeque<UnitName>,
    /// Where services write without a logd.
    direct: Option<OwnedFd>,
}

struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    /// No process writes any more: it goes once logd has it.
    done: bool,
}

impl Outputs {
    /// There is no logd: services write to this process's standard error.
    pub fn pass_through(&mut self) {
        self.direct = std::io::stderr().as_fd().try_clone_to_owned().ok();
    }

    /// The end of a unit's pipe that its processes write to.
    pub fn writer(&mut self, unit: &UnitName) -> Result<BorrowedFd<'_>> {
        if self.direct.is_none() && !self.pipes.contains_key(unit) {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).context("cannot make a pipe for output")?;
            self.pipes.insert(unit.clone(), Pipe { reader, writer, done: false });
            self.pending.push_back(unit.clone());
            self.flush();
        }
        if let Some(direct) = &self.direct {
            return Ok(direct.as_fd());
        }
        let pipe = self.pipes.get_mut(unit).context("the pipe was just made")?;
        pipe.done = false;
        Ok(pipe.writer.as_fd())
    }

    /// No process of the unit writes any more.
    pub fn release(&mut self, unit: &UnitName) {
        let delivered = self.logd.is_some() && !self.pending.contains(unit);
        match self.pipes.get_mut(unit) {
            Some(_) if delivered => {
                self.pipes.remove(unit);
            }
            Some(pipe) => pipe.done = true,
            None => {}
        }
    }

    /// Makes the socket for a logd that is about to start; it is given every pipe anew. Returns
    /// logd's end.
    pub fn connect(&mut self) -> Result<OwnedFd> {
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )
        .context("cannot make the socket to logd")?;
        self.logd = Some(ours);
        self.pending = self.pipes.keys().cloned().collect();
        self.flush();
        Ok(theirs)
    }

    /// Our end of the socket to logd.
    pub fn logd(&self) -> Option<BorrowedFd<'_>> {
        self.logd.as_ref().map(OwnedFd::as_fd)
    }

    /// Gives logd what it has yet to be given, as far as it takes it.
    pub fn flush(&mut self) {
        let Some(logd) = &self.logd else {
            return;
        };
        while let Some(unit) = self.pending.front() {
            if let Some(pipe) = self.pipes.get(unit) {
                if send(logd.as_fd(), unit, pipe.reader.as_fd()).is_err() {
                    return;
                }
                if pipe.done {
                    self.pipes.remove(unit);
                }
            }
            self.pending.pop_front();
        }
    }
}

fn send(logd: BorrowedFd<'_>, unit: &UnitName, reader: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let message = serde_json::json!({ "unit": unit.as_str() }).to_string();
    let descriptors = [reader];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(logd, &[IoSlice::new(message.as_bytes())], &mut ancillary, flags).map(|_| ())
}
