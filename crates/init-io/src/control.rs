//! The control socket: clients and their requests.
//!
//! Whatever clients do, PID 1 neither waits for them nor grows: how many there are, what each may
//! send, what waits to be taken by them, and how long they may take are all bounded.

mod places;

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use litemap::LiteMap;
use unit::control::{ErrorKind as ReplyError, REQUEST_MAX, ROOT_REQUEST_MAX, Reply, Request};

use crate::poller::{Polled, Poller, Readiness, Source};
use places::{Guest, Taker, Verdict};

/// How many clients are let in at once, before something else is looked at.
const ACCEPT_BATCH: usize = 32;
/// How long a client has to make its request, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The socket and its clients.
pub struct ControlSocket {
    listener: UnixListener,
    clients: LiteMap<u32, Client>,
    last: u32,
    /// Clients that went before they had an answer, and nobody has been told yet.
    gone: Vec<u32>,
}

struct Client {
    stream: Polled<UnixStream>,
    uid: Option<u32>,
    stage: Stage,
    /// When it has taken too long; none while PID 1 is what it waits for.
    deadline: Option<Duration>,
}

/// What a client is at.
enum Stage {
    /// It makes its request: what has come of it.
    Asks(Vec<u8>),
    /// It waits.
    Waits,
    /// It takes its answer: what it has yet to take.
    Takes(Vec<u8>),
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
        Ok(ControlSocket { listener, clients: LiteMap::new(), last: 0, gone: Vec::new() })
    }

    /// Lets new clients in, as far as there is room. The rest of a crowd waits for the next turn.
    pub fn accept(&mut self, poller: &Poller, now: Duration) {
        for _ in 0..ACCEPT_BATCH {
            let Ok((stream, _)) = self.listener.accept() else {
                return;
            };
            let uid = sys::credentials::peer_uid(&stream).ok();
            let guests = self.clients.iter().map(|(number, client)| Guest {
                number: *number,
                uid: client.uid,
                waits: matches!(client.stage, Stage::Waits),
            });
            match places::admit(uid, guests) {
                Verdict::Refuse => continue,
                Verdict::InPlaceOf(number) => self.drop_client(number),
                Verdict::Admit => {}
            }
            self.last = self.last.wrapping_add(1);
            let held = poller.hold(stream, Source::Client(self.last), Readiness::Read);
            if let Ok(stream) = held
                && stream.set_nonblocking(true).is_ok()
            {
                let stage = Stage::Asks(Vec::new());
                let deadline = Some(now + PATIENCE);
                self.clients.insert(self.last, Client { stream, uid, stage, deadline });
            }
        }
    }

    /// Goes on with a client. Gives its request once that is whole and it may make it; a client
    /// that makes a bad one is answered here.
    pub fn ready(&mut self, number: u32, poller: &Poller, now: Duration) -> Option<Request> {
        let client = self.clients.get_mut(&number)?;
        let line = match &mut client.stage {
            Stage::Takes(_) => {
                self.send(number);
                return None;
            }
            // It has hung up, or says something when it is not its turn.
            Stage::Waits => {
                self.drop_client(number);
                return None;
            }
            Stage::Asks(received) => match receive(&mut client.stream, received, limit(client.uid)) {
                Received::Part => return None,
                Received::Gone => {
                    self.drop_client(number);
                    return None;
                }
                Received::Line => std::mem::take(received),
                Received::TooLong => Vec::new(),
            },
        };
        client.stage = Stage::Waits;
        client.deadline = None;
        match judge(&line, client.uid) {
            Ok(request) => Some(request),
            Err(reply) => {
                self.answer(number, &reply, poller, now);
                None
            }
        }
    }

    /// Answers a client. It is let go once it has taken the answer.
    pub fn answer(&mut self, number: u32, reply: &Reply, poller: &Poller, now: Duration) {
        let Some(uid) = self.clients.get(&number).map(|client| client.uid) else {
            return;
        };
        let answer = reply.encode_line();
        let takers = self.clients.iter().filter_map(|(number, client)| client.taker(*number));
        match places::make_room(uid, answer.len(), takers) {
            Some(gone) => gone.into_iter().for_each(|number| self.drop_client(number)),
            None => self.drop_client(number),
        }
        let Some(client) = self.clients.get_mut(&number) else {
            return;
        };
        client.stage = Stage::Takes(answer);
        client.deadline = Some(now + PATIENCE);
        poller.change(&client.stream, Source::Client(number), Readiness::WriteEdge);
        self.send(number);
    }

    /// Lets go of clients that take too long.
    pub fn tick(&mut self, now: Duration) {
        let late = |client: &Client| client.deadline.is_some_and(|deadline| deadline <= now);
        let late: Vec<u32> =
            self.clients.iter().filter(|(_, client)| late(client)).map(|(number, _)| *number).collect();
        for number in late {
            self.drop_client(number);
        }
    }

    /// When a client has taken too long.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.clients.values().filter_map(|client| client.deadline).min()
    }

    /// The clients that went while they waited, since this was asked last.
    pub fn take_gone(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.gone)
    }

    /// Writes what a client has yet to take of its answer.
    fn send(&mut self, number: u32) {
        let Some(Client { stream, stage: Stage::Takes(answer), .. }) = self.clients.get_mut(&number) else {
            return;
        };
        while !answer.is_empty() {
            match stream.write(answer) {
                Ok(written) if written > 0 => drop(answer.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                _ => break,
            }
        }
        self.clients.remove(&number);
    }

    fn drop_client(&mut self, number: u32) {
        if let Some(client) = self.clients.remove(&number)
            && matches!(client.stage, Stage::Waits)
        {
            self.gone.push(number);
        }
    }
}

impl Client {
    /// It as one that has yet to take its answer, where it has.
    fn taker(&self, number: u32) -> Option<Taker> {
        match &self.stage {
            Stage::Takes(answer) => Some(Taker { number, uid: self.uid, bytes: answer.len() }),
            Stage::Asks(_) | Stage::Waits => None,
        }
    }
}

/// What became of a read.
enum Received {
    /// There will be more.
    Part,
    /// The request is whole; nothing follows it.
    Line,
    /// It is longer than it may be.
    TooLong,
    /// The client hung up.
    Gone,
}

/// The longest request of a user.
fn limit(uid: Option<u32>) -> usize {
    if uid == Some(0) { ROOT_REQUEST_MAX } else { REQUEST_MAX }
}

/// Reads what has come of a request. Of what follows its line nothing is kept.
fn receive(stream: &mut UnixStream, received: &mut Vec<u8>, limit: usize) -> Received {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Received::Gone,
            Ok(read) => {
                let new = &buffer[..read];
                let end = new.iter().position(|byte| *byte == b'\n');
                received.extend_from_slice(&new[..end.unwrap_or(read)]);
                if received.len() > limit {
                    return Received::TooLong;
                }
                if end.is_some() {
                    return Received::Line;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Part,
            Err(_) => return Received::Gone,
        }
    }
}

/// Reads a request, and checks that the user may make it.
fn judge(line: &[u8], uid: Option<u32>) -> Result<Request, Reply> {
    let error = |kind, message: String| Err(Reply::Error { kind, message });
    let request = match Request::decode(line) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use unit::control::JobAction;

    #[test]
    fn everybody_may_look_and_only_root_may_act() {
        let look = serde_json::to_vec(&Request::List).unwrap();
        let stop = Request::Job { action: JobAction::Stop, units: vec!["a.service".into()], wait: false };
        let stop = serde_json::to_vec(&stop).unwrap();
        for (line, uid, may) in [
            (&look, Some(0), true),
            (&look, Some(1000), true),
            (&look, None, true),
            (&stop, Some(0), true),
            (&stop, Some(1000), false),
            (&stop, None, false),
        ] {
            assert_eq!(judge(line, uid).is_ok(), may, "{uid:?}");
        }
    }

    #[test]
    fn a_request_is_a_line_of_bounded_length() {
        let cases: [(&[u8], &str); 5] = [
            (b"{}\n", "line"),
            (b"{}\nmore", "line"),
            (b"half", "part"),
            (&[b'x'; 100], "too long"),
            (&[b'x'; 10_000], "too long"),
        ];
        for (bytes, expected) in cases {
            let (mut own, mut other) = UnixStream::pair().unwrap();
            own.set_nonblocking(true).unwrap();
            other.write_all(bytes).unwrap();
            let mut received = Vec::new();
            let got = match receive(&mut own, &mut received, 50) {
                Received::Part => "part",
                Received::Line => "line",
                Received::TooLong => "too long",
                Received::Gone => "gone",
            };
            assert_eq!(got, expected);
            assert!(received.len() <= 50 + 4096);
            drop(other);
        }
    }

    /// The socket, and a client that has sent something.
    fn with_client(sent: &[u8]) -> (tempfile::TempDir, Poller, ControlSocket, UnixStream) {
        let folder = tempfile::tempdir().unwrap();
        let poller = Poller::new().unwrap();
        let mut socket = ControlSocket::open(folder.path()).unwrap();
        let mut client = UnixStream::connect(folder.path().join("init.sock")).unwrap();
        client.set_nonblocking(true).unwrap();
        client.write_all(sent).unwrap();
        socket.accept(&poller, Duration::ZERO);
        (folder, poller, socket, client)
    }

    #[test]
    fn a_client_has_its_time_to_ask_and_to_take_and_none_to_wait() {
        let request = b"{\"request\":\"list\"}\n";
        let later = PATIENCE + Duration::from_secs(1);
        let is_open = |client: &mut UnixStream| !matches!(client.read(&mut [0; 64]), Ok(0));

        let (_folder, poller, mut socket, mut half) = with_client(&request[..5]);
        assert_eq!(socket.ready(1, &poller, Duration::ZERO), None);
        assert_eq!(socket.next_deadline(), Some(PATIENCE));
        socket.tick(PATIENCE - Duration::from_millis(1));
        assert!(is_open(&mut half));
        socket.tick(later);
        assert!(!is_open(&mut half));
        assert!(socket.take_gone().is_empty());

        let (_folder, poller, mut socket, mut waiting) = with_client(request);
        assert_eq!(socket.ready(1, &poller, Duration::ZERO), Some(Request::List));
        assert_eq!(socket.next_deadline(), None);
        socket.tick(later);
        assert!(is_open(&mut waiting));
        // More than the kernel holds for it: the rest waits, and not for ever.
        let long = Reply::Error { kind: ReplyError::Failed, message: "x".repeat(1 << 19) };
        socket.answer(1, &long, &poller, later);
        assert_eq!(socket.next_deadline(), Some(later + PATIENCE));
        socket.tick(later + PATIENCE);
        assert!(socket.clients.is_empty());
    }

    #[test]
    fn a_client_that_goes_while_it_waits_is_told_of() {
        let (_folder, poller, mut socket, client) = with_client(b"{\"request\":\"list\"}\nand more");
        assert_eq!(socket.ready(1, &poller, Duration::ZERO), Some(Request::List));
        drop(client);
        assert_eq!(socket.ready(1, &poller, Duration::ZERO), None);
        assert_eq!(socket.take_gone(), [1]);
        // Its answer has nowhere to go.
        socket.answer(1, &Reply::Done, &poller, Duration::ZERO);
    }
}
