//! A folder over HTTP, for trying out: GET and HEAD, single ranges, `ETag` and `Last-Modified`. Whoever serves a fleet
//! takes a web server.

use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// The longest request, in bytes.
const LONGEST: u64 = 16 << 10;
/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(30);

/// A folder about to be served.
pub struct Server {
    listener: TcpListener,
    folder: PathBuf,
}

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// The folder is none, or the address is taken or not this machine's.
    pub fn bind(folder: &Path, address: SocketAddr) -> Result<Self> {
        let folder = fs::canonicalize(folder).with_context(|| format!("looking at {}", folder.display()))?;
        anyhow::ensure!(folder.is_dir(), "{} is no folder", folder.display());
        let listener = TcpListener::bind(address).with_context(|| {
            format!("listening at {address}: is the port taken? name another with --port")
        })?;
        Ok(Self { listener, folder })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr().context("asking for the address")
    }

    /// Serves until the program ends, a thread a connection; `log` gets a line a request.
    pub fn run(self, log: impl Fn(&str) + Send + Sync) {
        std::thread::scope(|scope| {
            for connection in self.listener.incoming().flatten() {
                let (folder, log) = (&self.folder, &log);
                scope.spawn(move || {
                    // A reader that goes away is its own affair.
                    let _ = converse(&connection, folder, log);
                });
            }
        });
    }
}

/// What a request asks for.
struct Request {
    head: bool,
    path: String,
    range: Option<String>,
    if_none_match: Option<String>,
    if_modified_since: Option<String>,
    if_range: Option<String>,
    close: bool,
}

fn converse(mut connection: &TcpStream, folder: &Path, log: &(impl Fn(&str) + Sync)) -> io::Result<()> {
    connection.set_read_timeout(Some(IDLE))?;
    connection.set_write_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(connection);
    loop {
        let Some(request) = read_request(&mut reader.by_ref().take(LONGEST))? else { return Ok(()) };
        let status = answer(&mut connection, folder, &request)?;
        let range = request.range.as_deref().unwrap_or_default();
        log(&format!("{status} {} {range}", request.path));
        if request.close {
            return Ok(());
        }
    }
}

/// The next request; none where the other side has ended, or what it says is none.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path), Some(version)) = (words.next(), words.next(), words.next()) else {
        return Ok(None);
    };
    let head = match method {
        "GET" => false,
        "HEAD" => true,
        _ => return Ok(None),
    };
    let mut request = Request {
        head,
        path: path.split('?').next().unwrap_or_default().to_owned(),
        range: None,
        if_none_match: None,
        if_modified_since: None,
        if_range: None,
        close: version != "HTTP/1.1",
    };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(Some(request));
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim().to_owned();
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = Some(value),
            "if-none-match" => request.if_none_match = Some(value),
            "if-modified-since" => request.if_modified_since = Some(value),
            "if-range" => request.if_range = Some(value),
            "connection" => request.close |= value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
}

/// Answers; the status.
fn answer(to: &mut impl Write, folder: &Path, request: &Request) -> io::Result<u16> {
    let Some(mut file) = open(folder, &request.path) else {
        write!(to, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(404);
    };
    let metadata = file.metadata()?;
    let size = metadata.len();
    let seconds = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let tag = format!("\"{:x}-{size:x}\"", seconds.as_nanos());
    let modified = http_date(seconds.as_secs());
    let validators = format!("ETag: {tag}\r\nLast-Modified: {modified}\r\nAccept-Ranges: bytes\r\n");
    // RFC 9110, section 13.2.2: If-Modified-Since counts only where there is no If-None-Match.
    let unchanged = match (&request.if_none_match, &request.if_modified_since) {
        (Some(tags), _) => tags == "*" || tags.split(',').any(|one| one.trim() == tag),
        (None, Some(since)) => *since == modified,
        (None, None) => false,
    };
    if unchanged {
        write!(to, "HTTP/1.1 304 Not Modified\r\n{validators}\r\n")?;
        return Ok(304);
    }
    let stale = request.if_range.as_ref().is_some_and(|known| *known != tag && *known != modified);
    let range = request.range.as_deref().filter(|_| !stale).and_then(|range| parse_range(range, size));
    let (status, first, length) = match range {
        Some(Err(())) => {
            write!(
                to,
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{size}\r\nContent-Length: 0\r\n\r\n"
            )?;
            return Ok(416);
        }
        Some(Ok((first, last))) => {
            write!(to, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{size}\r\n")?;
            (206, first, last - first + 1)
        }
        None => {
            write!(to, "HTTP/1.1 200 OK\r\n")?;
            (200, 0, size)
        }
    };
    write!(to, "{validators}Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n")?;
    if !request.head {
        file.seek(SeekFrom::Start(first))?;
        io::copy(&mut file.take(length), to)?;
    }
    Ok(status)
}

/// The file that a path names: below the folder, and nothing hidden.
fn open(folder: &Path, path: &str) -> Option<File> {
    let mut place = folder.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if part.starts_with('.') || part.contains(['%', '\\', '\0']) {
            return None;
        }
        place.push(part);
    }
    let place = fs::canonicalize(place).ok().filter(|place| place.starts_with(folder))?;
    File::open(place).ok().filter(|file| file.metadata().is_ok_and(|metadata| metadata.is_file()))
}

/// First and last byte of a range; an error where the file has none of it; nothing where it is not one range of bytes,
/// and the whole file is the answer (RFC 9110, section 14.2).
fn parse_range(text: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first.trim(), last.trim()) {
        ("", suffix) => {
            let length: u64 = suffix.parse().ok()?;
            if length == 0 {
                return Some(Err(()));
            }
            (size.saturating_sub(length), size.checked_sub(1))
        }
        (first, "") => (first.parse().ok()?, size.checked_sub(1)),
        (first, last) => {
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            if last < first {
                return None;
            }
            (first, size.checked_sub(1).map(|end| end.min(last)))
        }
    };
    Some(last.filter(|last| first <= *last).map(|last| (first, last)).ok_or(()))
}

/// A time as HTTP has it (RFC 9110, section 5.6.7).
fn http_date(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}
