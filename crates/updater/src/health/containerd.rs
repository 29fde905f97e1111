//! containerd: its health service answers that it serves (grpc.health.v1, over HTTP/2, RFC 9113).
//!
//! One call, and no more of gRPC than that: the frames are written down, and of the answer only the frame with the
//! message matters, so that no header has to be decompressed.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Where it listens.
pub const SOCKET: &str = "/run/containerd/containerd.sock";

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The call's stream: a client's first.
const STREAM: u32 = 1;
/// Types and flags of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// A request without a service's name is about the server: an empty message, not compressed.
const REQUEST: [u8; 5] = [0; 5];
/// An answer's message: field 1, `SERVING`.
const SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 1];
/// The largest frame that a server may send to who asks for nothing else, and the most of them that are read.
const FRAME_MAX: usize = 16_384;
const FRAMES_MAX: usize = 32;

/// Asks.
pub fn ask(socket: &Path, patience: Duration) -> Result<(), String> {
    let doing = |error: std::io::Error| format!("{} does not answer: {error}", socket.display());
    let deadline = Instant::now() + patience;
    let mut stream = UnixStream::connect(socket).map_err(doing)?;
    stream.set_write_timeout(Some(patience)).map_err(doing)?;
    stream.write_all(&call()).map_err(doing)?;
    for _ in 0..FRAMES_MAX {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left)).map_err(doing)?;
        let (kind, stream_id, payload) = read_frame(&mut stream).map_err(doing)?;
        if let Some(verdict) = judge(kind, stream_id, &payload) {
            return verdict;
        }
    }
    Err("its health service gave no answer".to_owned())
}

/// What a frame says of the call; nothing where it is about something else.
fn judge(kind: u8, stream: u32, payload: &[u8]) -> Option<Result<(), String>> {
    match kind {
        DATA if stream == STREAM && payload == SERVING => Some(Ok(())),
        DATA if stream == STREAM => Some(Err("its health service says that it does not serve".to_owned())),
        RST_STREAM if stream == STREAM => Some(Err("its health service refuses the call".to_owned())),
        GOAWAY => Some(Err("it closes the connection".to_owned())),
        _ => None,
    }
}

fn read_frame(stream: &mut impl Read) -> std::io::Result<(u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let [a, b, c, kind, _, s0, s1, s2, s3] = head;
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    if length > FRAME_MAX {
        return Err(std::io::Error::other("it is no server of HTTP/2"));
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload)?;
    Ok((kind, u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff, payload))
}

/// The bytes of the call.
fn call() -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/grpc.health.v1.Health/Check"),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        // A literal that is not indexed, with a new name (RFC 7541, 6.2.2); lengths below 127 are a byte.
        headers.extend([0, name.len() as u8]);
        headers.extend(name.bytes());
        headers.push(value.len() as u8);
        headers.extend(value.bytes());
    }
    [
        PREFACE,
        &frame(SETTINGS, 0, 0, &[]),
        &frame(HEADERS, END_HEADERS, STREAM, &headers),
        &frame(DATA, END_STREAM, STREAM, &REQUEST),
    ]
    .concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = (payload.len() as u32).to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::thread;

    /// Where what the server sends decides.
    const PATIENCE: Duration = Duration::from_secs(30);
    /// Where it sends nothing that does.
    const SHORT: Duration = Duration::from_millis(300);

    /// What is made of a server that answers so.
    fn answer(bytes: Vec<u8>, patience: Duration) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = vec![0; call().len()];
            stream.read_exact(&mut asked).unwrap();
            assert_eq!(asked, call());
            _ = stream.write_all(&bytes);
            // Until the client goes.
            _ = stream.read(&mut [0]);
        });
        let asked = ask(&socket, patience);
        server.join().unwrap();
        asked.map_err(|error| error.replace(&socket.display().to_string(), "SOCKET"))
    }

    #[test]
    fn only_one_that_serves_is_well() {
        let settings = frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 64, 0]);
        let message = |status: u8| frame(DATA, 0, 1, &[0, 0, 0, 0, 2, 8, status]);
        let headers = frame(HEADERS, END_HEADERS, 1, &[0x88]);
        for (bytes, expected) in [
            ([settings.clone(), headers.clone(), message(1)].concat(), Ok(())),
            (
                [settings.clone(), headers, message(2)].concat(),
                Err("its health service says that it does not serve"),
            ),
            (
                [settings.clone(), frame(RST_STREAM, 0, 1, &[0, 0, 0, 7])].concat(),
                Err("its health service refuses the call"),
            ),
            (frame(GOAWAY, 0, 0, &[0; 8]), Err("it closes the connection")),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), Err("it is no server of HTTP/2")),
            // One that is stuck takes connections, and says nothing.
            (Vec::new(), Err("SOCKET does not answer")),
            (settings, Err("SOCKET does not answer")),
        ] {
            let patience = if expected == Err("SOCKET does not answer") { SHORT } else { PATIENCE };
            let asked = answer(bytes, patience);
            match (&asked, expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}: {expected}"),
                _ => panic!("{asked:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn without_a_socket_it_is_not_well() {
        assert!(ask(Path::new("/nowhere/at/all"), PATIENCE).is_err());
    }
}
