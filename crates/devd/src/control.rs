//! The socket on which `udevadm` asks: a word a connection, answered by a line.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use devices::control::{DONE, RELOAD, SETTLE};

/// Whoever asks says so at once.
const PATIENCE: Duration = Duration::from_millis(200);
/// So many may wait at a time.
const MOST_WAITING: usize = 64;

/// The socket, and those who wait until nothing is in work.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    waiting: Vec<UnixStream>,
}

/// What was asked.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// To read the `.link` files anew.
    Reload,
}

impl Control {
    /// Makes the socket; only root may connect.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(path: &Path) -> Result<Self> {
        let doing = || format!("cannot listen on {}", path.display());
        let _ = fs::remove_file(path);
        let listener = UnixListener::bind(path).with_context(doing)?;
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).with_context(doing)?;
        listener.set_nonblocking(true).with_context(doing)?;
        Ok(Self { listener, waiting: vec![] })
    }

    /// Takes what is asked. Who waits is answered later.
    pub fn take(&mut self) -> Vec<Request> {
        let mut requests = Vec::new();
        while let Ok((mut stream, _)) = self.listener.accept() {
            let mut word = [0; 16];
            let read = stream
                .set_nonblocking(false)
                .and_then(|()| stream.set_read_timeout(Some(PATIENCE)))
                .and_then(|()| stream.read(&mut word));
            let Ok(length) = read else { continue };
            match std::str::from_utf8(&word[..length]).map(str::trim_end) {
                Ok(SETTLE) if self.waiting.len() < MOST_WAITING => self.waiting.push(stream),
                Ok(RELOAD) => {
                    requests.push(Request::Reload);
                    answer(&mut stream);
                }
                _ => {}
            }
        }
        requests
    }

    /// Whether somebody waits.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Nothing is in work: tells those who wait.
    pub fn settled(&mut self) {
        self.waiting.drain(..).for_each(|mut stream| answer(&mut stream));
    }
}

fn answer(stream: &mut UnixStream) {
    // Who has gone needs no answer.
    let _ = stream.write_all(format!("{DONE}\n").as_bytes());
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}
