//! A network of machines' own: a switch in this process, which the machines' QEMUs connect to by
//! a Unix socket. It needs no privileges and touches no network of the host's.
//!
//! QEMU's `-netdev stream` sends each Ethernet frame after its length, four bytes, big endian.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::folder::Folder;
use crate::qemu::Nic;
use crate::{Error, Port, Result, Switch};

/// The longest frame taken; QEMU's own limit is not far above.
const LONGEST_FRAME: usize = 68 * 1024;
/// How often the switch looks for new machines.
const LOOK: Duration = Duration::from_millis(20);

/// A network of machines' own. It ends when this value goes away.
#[derive(Debug)]
pub struct Network {
    folder: Folder,
    cards: AtomicU8,
    ended: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Fabric {
    switch: Switch,
    links: BTreeMap<Port, UnixStream>,
}

impl Network {
    /// A network without machines.
    ///
    /// # Errors
    /// Its socket cannot be made.
    pub fn new() -> Result<Self> {
        let folder = Folder::new()?;
        let socket = folder.path().join("switch");
        let failed = || Error::io("listen on", &socket);
        let listener = UnixListener::bind(&socket).map_err(failed())?;
        listener.set_nonblocking(true).map_err(failed())?;
        let ended = Arc::new(AtomicBool::new(false));
        let network = Self { folder, cards: AtomicU8::new(0), ended: Arc::clone(&ended) };
        thread::spawn(move || serve(&listener, &ended));
        Ok(network)
    }

    /// A card of a new machine on this network.
    pub(crate) fn nic(&self) -> Nic {
        let number = self.cards.fetch_add(1, Ordering::Relaxed) + 1;
        Nic::Switch { socket: self.socket(), mac: format!("52:54:00:be:57:{number:02x}") }
    }

    /// The folder of the switch's socket.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("switch")
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn serve(listener: &UnixListener, ended: &AtomicBool) {
    let fabric = Arc::new(Mutex::new(Fabric::default()));
    let mut next: Port = 0;
    while !ended.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => {
                next += 1;
                let port = next;
                let fabric = Arc::clone(&fabric);
                thread::spawn(move || {
                    // A machine that goes away ends its link; that is no fault of the network.
                    let _ = plug_in(&fabric, port, stream);
                    lock(&fabric).links.remove(&port);
                });
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(LOOK),
            Err(_) => thread::sleep(LOOK),
        }
    }
}

fn plug_in(fabric: &Mutex<Fabric>, port: Port, mut stream: UnixStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    lock(fabric).links.insert(port, stream.try_clone()?);
    loop {
        let frame = read_frame(&mut stream)?;
        let mut fabric = lock(fabric);
        let all: Vec<Port> = fabric.links.keys().copied().collect();
        for to in fabric.switch.forward(port, &frame, &all) {
            if let Some(link) = fabric.links.get_mut(&to) {
                // Whoever reads from a broken link takes it away.
                let _ = write_frame(link, &frame);
            }
        }
    }
}

fn lock(fabric: &Mutex<Fabric>) -> std::sync::MutexGuard<'_, Fabric> {
    fabric.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_frame(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST_FRAME {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("a frame of {length} bytes")));
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame)?;
    Ok(frame)
}

fn write_frame(to: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let mut message = (frame.len() as u32).to_be_bytes().to_vec();
    message.extend_from_slice(frame);
    to.write_all(&message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_go_through_whole_and_too_long_ones_do_not() {
        let mut wire = Vec::new();
        write_frame(&mut wire, b"first").unwrap();
        write_frame(&mut wire, b"").unwrap();
        let mut from = wire.as_slice();
        assert_eq!(read_frame(&mut from).unwrap(), b"first");
        assert_eq!(read_frame(&mut from).unwrap(), b"");
        assert_eq!(read_frame(&mut from).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        let error = read_frame(&mut &[0xff; 64][..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn two_machines_hear_each_other_and_cards_have_addresses_of_their_own() {
        let network = Network::new().unwrap();
        let (Nic::Switch { socket, mac }, Nic::Switch { mac: other, .. }) = (network.nic(), network.nic())
        else {
            panic!("a card of another kind");
        };
        assert_ne!(mac, other);
        let mut one = UnixStream::connect(&socket).unwrap();
        let mut two = UnixStream::connect(&socket).unwrap();
        let frame = [&[0xff; 6][..], &[0x52, 0, 0, 0, 0, 1], b"payload"].concat();
        // A link counts from when the switch has taken it: say it again until it is heard.
        two.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let heard = (0..100).find_map(|_| {
            write_frame(&mut one, &frame).unwrap();
            read_frame(&mut two).ok()
        });
        assert_eq!(heard.as_deref(), Some(&frame[..]));
    }
}
