//! A web server on loopback that serves a folder, and lies as a test says.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What it does instead of serving the file.
pub enum Lie {
    /// An answer with this status.
    Status(u16, Vec<u8>),
    /// This, as if it were the file; of a range, that part.
    File(Vec<u8>),
    /// A redirect.
    Redirect(String),
    /// Bytes without an end.
    Endless,
    /// A byte now and then.
    Drip,
    /// The answer up to here, and then a byte now and then.
    DripFrom(usize),
    /// The answer, up to here.
    CutAt(usize),
}

type Lies = Arc<Mutex<Box<dyn Fn(&str, &[u8]) -> Option<Lie> + Send>>>;

pub struct Server {
    pub url: String,
    lies: Lies,
    requests: Arc<AtomicUsize>,
}

impl Server {
    pub fn new(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lies: Lies = Arc::new(Mutex::new(Box::new(|_, _| None)));
        let requests = Arc::new(AtomicUsize::new(0));
        let server = Self { url, lies: lies.clone(), requests: requests.clone() };
        let folder = folder.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, lies, requests) = (folder.clone(), lies.clone(), requests.clone());
                thread::spawn(move || while answer(&stream, &folder, &lies, &requests).is_some() {});
            }
        });
        server
    }

    /// Lies from now on where this says so, of a path and what is there.
    pub fn lies(&self, lie: impl Fn(&str, &[u8]) -> Option<Lie> + Send + 'static) {
        *self.lies.lock().unwrap() = Box::new(lie);
    }

    /// Serves what is there.
    pub fn is_honest(&self) {
        self.lies(|_, _| None);
    }

    pub fn requests(&self) -> usize {
        self.requests.load(SeqCst)
    }
}

/// Answers a request; nothing where the connection has ended.
fn answer(mut stream: &TcpStream, folder: &Path, lies: &Lies, requests: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    let mut range: Option<Range<usize>> = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).ok()? == 0 {
            return None;
        }
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("range: bytes=") {
            let (first, last) = value.split_once('-')?;
            range = Some(first.parse().ok()?..last.parse::<usize>().ok()? + 1);
        }
    }
    requests.fetch_add(1, SeqCst);
    let file = fs::read(folder.join(&path)).ok();
    let lie = lies.lock().unwrap()(&path, file.as_deref().unwrap_or_default());
    let (mut cut, file) = (
        usize::MAX,
        match lie {
            None => file,
            Some(Lie::File(bytes)) => Some(bytes),
            Some(Lie::Status(status, body)) => {
                return respond(stream, status, "", &body);
            }
            Some(Lie::Redirect(to)) => return respond(stream, 302, &format!("location: {to}\r\n"), b""),
            Some(Lie::CutAt(at)) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", file.as_ref()?.len());
                if range.is_none() {
                    stream.write_all(head.as_bytes()).ok()?;
                    stream.write_all(&file?[..at]).ok()?;
                    return None;
                }
                return partial(stream, &file?, range?, at);
            }
            Some(Lie::Endless) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
                loop {
                    stream.write_all(&[b' '; 65536]).ok()?;
                }
            }
            Some(Lie::DripFrom(at)) => {
                let file = file?;
                let range = range.unwrap_or(0..file.len());
                let rest = range.start.saturating_add(at).min(range.end)..range.end;
                partial(stream, &file, range, at);
                for byte in &file[rest] {
                    stream.write_all(&[*byte]).ok()?;
                    thread::sleep(Duration::from_millis(100));
                }
                return Some(());
            }
            Some(Lie::Drip) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").ok()?;
                loop {
                    stream.write_all(b" ").ok()?;
                    thread::sleep(Duration::from_millis(100));
                }
            }
        },
    );
    let Some(file) = file else { return respond(stream, 404, "", b"no such file") };
    match range {
        Some(range) => {
            cut = cut.min(range.len());
            partial(stream, &file, range, cut)
        }
        None => respond(stream, 200, "", &file),
    }
}

fn respond(mut stream: &TcpStream, status: u16, headers: &str, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 {status} As asked\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).ok()
}

fn partial(mut stream: &TcpStream, file: &[u8], range: Range<usize>, cut: usize) -> Option<()> {
    let Range { start, end } = range;
    let part = file.get(start..end)?;
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\ncontent-range: bytes {start}-{}/{}\r\n\r\n",
        part.len(),
        end - 1,
        file.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    let sent = part.get(..cut).unwrap_or(part);
    stream.write_all(sent).ok()?;
    (sent.len() == part.len()).then_some(())
}
