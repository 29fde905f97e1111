//! The control socket: clients and their requests.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use anyhow::{Context, Result};
use unit::control::{ErrorKind as ReplyError, REQUEST_MAX, Reply, Request};

use crate::poller::{Poller, Readiness, Source};

/// How many clients there may be at once: nobody can use up PID 1's descriptors.
const CLIENTS_MAX: usize = 64;

/// The socket and its clients.
pub struct ControlSocket {
    listener: UnixListener,
    clients: BTreeMap<u32, Client>,
    last: u32,
}

struct Client {
    stream: UnixStream,
    uid: Option<u32>,
    received: Vec<u8>,
    /// What it has yet to take of its answer.
    answer: Vec<u8>,
}

impl ControlSocket {
    /// Makes the socket `init.sock` in a folder.
    pub fn open(folder: &Path) -> Result<ControlSocket> {
        let path = folder.join("init.sock");
        let doing = || format!("cannot make the socket {}", path.display());
        _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).with_context(doing)?;
        listener.set_nonblocking(true).with_context(doing)?;
        // Everybody may look; who may act is decided by who they are.
        let mode = rustix::fs::Mode::from_raw_mode(0o666);
        rustix::fs::chmod(&path, mode).with_context(doing)?;
        Ok(ControlSocket { listener, clients: BTreeMap::new(), last: 0 })
    }

    /// Lets new clients in.
    pub fn accept(&mut self, poller: &Poller) {
        while let Ok((stream, _)) = self.listener.accept() {
            if self.clients.len() >= CLIENTS_MAX || stream.set_nonblocking(true).is_err() {
                continue;
            }
            let uid = sys::credentials::peer_uid(&stream).ok();
            self.last = self.last.wrapping_add(1);
            if poller.add(&stream, Source::Client(self.last), Readiness::Read).is_ok() {
                self.clients
                    .insert(self.last, Client { stream, uid, received: Vec::new(), answer: Vec::new() });
            }
        }
    }

    /// Goes on with a client. Gives its request once that is whole and it may make it; a client
    /// that makes a bad one is answered here.
    pub fn ready(&mut self, number: u32, poller: &Poller) -> Option<Request> {
        let client = self.clients.get_mut(&number)?;
        if !client.answer.is_empty() {
            self.send(number);
            return None;
        }
        let mut buffer = [0; 1024];
        loop {
            match client.stream.read(&mut buffer) {
                Ok(0) => {
                    self.clients.remove(&number);
                    return None;
                }
                Ok(read) => client.received.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(_) => {
                    self.clients.remove(&number);
                    return None;
                }
            }
            let end = client.received.iter().position(|byte| *byte == b'\n');
            if end.is_some() || client.received.len() > REQUEST_MAX {
                let line = &client.received[..end.unwrap_or(0)];
                return match judge(line, client.uid) {
                    Ok(request) => Some(request),
                    Err(reply) => {
                        self.answer(number, &reply, poller);
                        None
                    }
                };
            }
        }
    }

    /// Answers a client. It is let go once it has taken the answer.
    pub fn answer(&mut self, number: u32, reply: &Reply, poller: &Poller) {
        let Some(client) = self.clients.get_mut(&number) else {
            return;
        };
        client.answer = serde_json::to_vec(reply).unwrap_or_default();
        client.answer.push(b'\n');
        poller.change(&client.stream, Source::Client(number), Readiness::WriteEdge);
        self.send(number);
    }

    /// Writes what a client has yet to take of its answer.
    fn send(&mut self, number: u32) {
        let Some(client) = self.clients.get_mut(&number) else {
            return;
        };
        while !client.answer.is_empty() {
            match client.stream.write(&client.answer) {
                Ok(written) if written > 0 => drop(client.answer.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                _ => break,
            }
        }
        self.clients.remove(&number);
    }
}

/// Reads a request, and checks that the user may make it.
fn judge(line: &[u8], uid: Option<u32>) -> Result<Request, Reply> {
    let error = |kind, message: String| Err(Reply::Error { kind, message });
    let request: Request = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(reason) => return error(ReplyError::Invalid, format!("not a request: {reason}")),
    };
    if request.acts() && uid != Some(0) {
        return error(ReplyError::Denied, "only root may do this; run it as root".to_owned());
    }
    Ok(request)
}

impl AsFd for ControlSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}
