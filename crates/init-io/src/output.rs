//! What services write: a pipe a unit, handed to logd.
//!
//! PID 1 keeps both ends while the unit has processes. So nothing is lost before logd runs, or
//! while it restarts, and a service that writes never meets a pipe without a reader.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result};
use litemap::LiteMap;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
    socketpair,
};
use rustix::pipe::{PipeFlags, pipe_with};
use unit::UnitName;
use unit::service::log::{Announcement, LogSettings};

/// The unit that runs logd.
pub const LOGD: &str = "berth-logd.service";
/// The name of the descriptor that logd gets.
pub const CONTROL_NAME: &str = "log-control";

/// Output pipes.
#[derive(Default)]
pub struct Outputs {
    pipes: LiteMap<UnitName, Pipe>,
    /// Our end of the socket to logd.
    logd: Option<OwnedFd>,
    /// Units whose pipes logd has yet to be given.
    pending: VecDeque<UnitName>,
    /// What was written to pipes that logd has and that nobody writes to any more: logd may end
    /// before it has read it.
    ended: Vec<(UnitName, LogSettings, OwnedFd)>,
    /// Where services write without a logd.
    direct: Option<OwnedFd>,
}

struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    settings: LogSettings,
    /// logd has it, and needs its settings only.
    delivered: bool,
    /// No process writes any more: it goes once logd has it.
    done: bool,
}

impl Outputs {
    /// There is no logd: services write to this process's standard error.
    pub fn pass_through(&mut self) {
        self.direct = std::io::stderr().as_fd().try_clone_to_owned().ok();
    }

    /// The end of a unit's pipe that its processes write to, and what the unit says of its log.
    pub fn writer(&mut self, unit: &UnitName, settings: &LogSettings) -> Result<BorrowedFd<'_>> {
        if self.direct.is_none() && self.pipes.get(unit).is_none_or(|pipe| pipe.settings != *settings) {
            match self.pipes.get_mut(unit) {
                Some(pipe) => pipe.settings.clone_from(settings),
                None => {
                    let (reader, writer) =
                        pipe_with(PipeFlags::CLOEXEC).context("cannot make a pipe for output")?;
                    let settings = settings.clone();
                    let pipe = Pipe { reader, writer, settings, delivered: false, done: false };
                    self.pipes.insert(unit.clone(), pipe);
                }
            }
            if !self.pending.contains(unit) {
                self.pending.push_back(unit.clone());
            }
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
            Some(_) if delivered => self.end(unit),
            Some(pipe) => pipe.done = true,
            None => {}
        }
    }

    /// Closes the end for writing, and keeps the other while there is something in it.
    fn end(&mut self, unit: &UnitName) {
        self.ended.retain(|(_, _, reader)| !is_empty(reader));
        if let Some(Pipe { reader, settings, .. }) = self.pipes.remove(unit)
            && !is_empty(&reader)
        {
            self.ended.push((unit.clone(), settings, reader));
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
        // What the last one left of pipes that nobody writes to any more comes first.
        self.ended.retain(|(_, _, reader)| !is_empty(reader));
        for (unit, settings, reader) in &self.ended {
            send(ours.as_fd(), unit, settings, Some(reader.as_fd())).context("cannot hand over a pipe")?;
        }
        self.logd = Some(ours);
        self.pipes.iter_mut().for_each(|(_, pipe)| pipe.delivered = false);
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
        let mut done = Vec::new();
        while let Some(unit) = self.pending.front() {
            if let Some(pipe) = self.pipes.get_mut(unit) {
                let reader = (!pipe.delivered).then(|| pipe.reader.as_fd());
                if send(logd.as_fd(), unit, &pipe.settings, reader).is_err() {
                    break;
                }
                pipe.delivered = true;
                if pipe.done {
                    done.push(unit.clone());
                }
            }
            self.pending.pop_front();
        }
        done.iter().for_each(|unit| self.end(unit));
    }
}

fn is_empty(reader: &OwnedFd) -> bool {
    rustix::io::ioctl_fionread(reader).is_ok_and(|waiting| waiting == 0)
}

fn send(
    logd: BorrowedFd<'_>,
    unit: &UnitName,
    settings: &LogSettings,
    reader: Option<BorrowedFd<'_>>,
) -> rustix::io::Result<()> {
    let message = Announcement { unit: unit.to_string(), log: settings.clone() }.encode();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if let Some(reader) = &reader {
        ancillary.push(SendAncillaryMessage::ScmRights(std::slice::from_ref(reader)));
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(logd, &[IoSlice::new(&message)], &mut ancillary, flags).map(|_| ())
}
