//! A web server on the loopback that serves a folder, ranges included, as any server of static files does, and counts
//! what it sends.

#![allow(clippy::expect_used, reason = "a test's helpers fail as tests do")]

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// A server that runs. Dropped, it takes no more connections.
pub struct Files {
    address: SocketAddr,
    sent: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Files {
    /// Serves `folder` on a free port.
    ///
    /// # Panics
    /// The port cannot be had.
    pub fn serve(folder: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its own address");
        let (sent, requests, ended) = (Arc::default(), Arc::default(), Arc::<AtomicBool>::default());
        let (all, count, end) = (Arc::clone(&sent), Arc::clone(&requests), Arc::clone(&ended));
        let folder = folder.to_owned();
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten().take_while(|_| !end.load(Ordering::Relaxed)) {
                let (folder, all, count) = (folder.clone(), Arc::clone(&all), Arc::clone(&count));
                // A client that breaks off is a test's to notice.
                thread::spawn(move || _ = converse(stream, &folder, &all, &count));
            }
        });
        Self { address, sent, requests, ended, thread: Some(thread) }
    }

    /// Where it listens, on this machine's loopback.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Bytes sent since the last time that this was asked, headers included, and how many requests they answered.
    pub fn take_sent(&self) -> (u64, u64) {
        (self.sent.swap(0, Ordering::Relaxed), self.requests.swap(0, Ordering::Relaxed))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // One more connection has it look.
        _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// Answers requests until the client closes.
fn converse(mut stream: TcpStream, folder: &Path, sent: &AtomicU64, requests: &AtomicU64) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    loop {
        let Some(first) = lines.next().transpose()?.filter(|line| !line.is_empty()) else { return Ok(()) };
        let mut range = None;
        for line in lines.by_ref() {
            let line = line?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("range") {
                range = Some(value.trim().to_owned());
            }
        }
        requests.fetch_add(1, Ordering::Relaxed);
        let path = first.split(' ').nth(1).unwrap_or_default();
        let found = inside(folder, path).and_then(|path| File::open(path).ok());
        let file =
            found.and_then(|file| Some((file.metadata().ok().filter(|meta| meta.is_file())?.len(), file)));
        let Some((size, mut file)) = file else {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?;
            continue;
        };
        let part = range.as_deref().map(|text| wanted(text, size));
        let (status, bytes) = match part {
            Some(None) => {
                write!(
                    stream,
                    "HTTP/1.1 416 No Such Range\r\ncontent-range: bytes */{size}\r\ncontent-length: 0\r\n\r\n"
                )?;
                continue;
            }
            Some(Some(part)) => ("206 Partial Content", part),
            None => ("200 OK", 0..size),
        };
        let length = bytes.end - bytes.start;
        let mut head = format!("HTTP/1.1 {status}\r\naccept-ranges: bytes\r\ncontent-length: {length}\r\n");
        if range.is_some() {
            head += &format!("content-range: bytes {}-{}/{size}\r\n", bytes.start, bytes.end - 1);
        }
        head += "\r\n";
        stream.write_all(head.as_bytes())?;
        sent.fetch_add(head.len() as u64, Ordering::Relaxed);
        file.seek(SeekFrom::Start(bytes.start))?;
        let mut body = file.take(length);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = body.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            stream.write_all(&buffer[..count])?;
            sent.fetch_add(count as u64, Ordering::Relaxed);
        }
    }
}

/// The file of a request's path; None where that leads out of the folder.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.strip_prefix('/')?);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    plain.then(|| folder.join(relative))
}

/// The bytes that a header `Range:` asks for (RFC 9110, section 14.2): one range with a start.
fn wanted(text: &str, size: u64) -> Option<Range<u64>> {
    let (start, end) = text.strip_prefix("bytes=")?.split_once('-')?;
    let start = start.parse::<u64>().ok()?;
    let end = if end.is_empty() { size } else { end.parse::<u64>().ok()?.saturating_add(1).min(size) };
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_what_is_asked_for_as_far_as_the_file_goes() {
        for (text, expected) in [
            ("bytes=0-9", Some(0..10)),
            ("bytes=90-200", Some(90..100)),
            ("bytes=5-", Some(5..100)),
            ("bytes=100-", None),
            ("bytes=7-3", None),
            ("bytes=-5", None),
            ("lines=1-2", None),
        ] {
            assert_eq!(wanted(text, 100), expected, "{text}");
        }
    }

    #[test]
    fn a_file_and_a_part_of_it_are_served_over_one_connection_and_nothing_outside_the_folder_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "0123456789").unwrap();
        let server = Files::serve(folder.path());
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
        let asked = "GET /file HTTP/1.1\r\n\r\nGET /file HTTP/1.1\r\nRange: bytes=2-4\r\n\r\nGET /../etc/passwd HTTP/1.1\r\n\r\n";
        stream.write_all(asked.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("\r\n\r\n0123456789HTTP/1.1 206"), "{answer}");
        assert!(answer.contains("content-range: bytes 2-4/10\r\n\r\n234HTTP/1.1 404"), "{answer}");
        assert_eq!(server.take_sent().1, 3);
        assert_eq!(server.take_sent(), (0, 0));
    }
}
