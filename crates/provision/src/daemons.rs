//! Daemons of the system that provisioning needs before the system is there: started as children, and ended before
//! it is done.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use layout::path::{DEVD, DEVD_SOCKET, DEVICES, RUN};

use crate::failure::Failure;

/// How long devd may take to listen, and to deal with what there is: it loads the drivers of the machine's devices.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

/// The daemons that run. Dropped, they end.
#[derive(Debug, Default)]
pub struct Daemons {
    running: Vec<(&'static str, Child)>,
    /// Nothing is started: others look after devices, as where tests run.
    absent: bool,
}

impl Daemons {
    /// None runs, and each is started when it is needed.
    pub fn new() -> Self {
        Self::default()
    }

    /// None is ever started.
    pub fn absent() -> Self {
        Self { running: vec![], absent: true }
    }

    /// Starts a program, unless it runs.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&mut self, program: &'static str) -> Result<(), Failure> {
        if self.absent || self.running.iter().any(|(name, _)| *name == program) {
            return Ok(());
        }
        let failed = |error: io::Error| {
            let next = "boot another version of the system; this one's /usr lacks what it needs";
            Failure::new("", format!("cannot start {program}: {error}"), next)
        };
        std::fs::create_dir_all(RUN).map_err(failed)?;
        let child = Command::new(program).stdin(Stdio::null()).spawn().map_err(failed)?;
        self.running.push((program, child));
        Ok(())
    }

    /// Starts devd, and waits until it has seen every device that there is.
    ///
    /// # Errors
    /// It cannot be started, or does not answer.
    pub fn start_devd(&mut self) -> Result<(), Failure> {
        self.start(DEVD)?;
        self.settle()
    }

    /// Waits until devd has dealt with all that was done to devices, so that their links are as they should be.
    /// Without devd nothing is waited for.
    ///
    /// # Errors
    /// It does not answer.
    pub fn settle(&mut self) -> Result<(), Failure> {
        if !self.running.iter().any(|(name, _)| *name == DEVD) {
            return Ok(());
        }
        let begin = Instant::now();
        loop {
            let error = match ask() {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let ended = self.running.iter_mut().find(|(name, _)| *name == DEVD);
            let ended = ended.and_then(|(_, child)| child.try_wait().ok().flatten());
            if ended.is_some() || begin.elapsed() > PATIENCE {
                let how = ended.map(|status| format!(" (it ended: {status})")).unwrap_or_default();
                let cause = format!("the device daemon does not answer: {error}{how}");
                return Err(Failure::new("", cause, "see the kernel's log for what devd says of it"));
            }
            sleep(PAUSE);
        }
    }

    /// Ends all of them. What devd noted goes with it: devices were changed since, and the system's own devd looks anew.
    pub fn end(&mut self) {
        for (name, mut child) in self.running.drain(..).rev() {
            // One that has ended by itself is as good.
            let _ = child.kill();
            let _ = child.wait();
            if name == DEVD {
                _ = std::fs::remove_dir_all(DEVICES);
            }
        }
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        self.end();
    }
}

fn ask() -> io::Result<()> {
    let mut stream = UnixStream::connect(DEVD_SOCKET)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{}\n", devices::control::SETTLE).as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    match answer.trim_end() {
        devices::control::DONE => Ok(()),
        _ => Err(io::Error::other("it hung up")),
    }
}
