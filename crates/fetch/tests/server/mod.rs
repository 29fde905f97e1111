//! An HTTP server on loopback that answers as a test says, also in ways that no server should.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET /path HTTP/1.1` without the version.
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// What a connection gets.
#[derive(Clone, Debug)]
pub enum Reply {
    /// These bytes, then the end.
    Raw(Vec<u8>),
    /// These bytes, then nothing for as long.
    Hang(Vec<u8>, Duration),
    /// These bytes again and again.
    Endless(Vec<u8>),
}

/// A well-formed answer.
pub fn answer(status: u16, body: impl AsRef<[u8]>) -> Reply {
    with_headers(status, &[], body)
}

pub fn with_headers(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let mut bytes =
        format!("HTTP/1.1 {status} As asked\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    bytes.push_str("\r\n");
    Reply::Raw([bytes.as_bytes(), body].concat())
}

pub struct Server {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub fn new(reply: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::wrapped(Some, reply)
    }

    /// A server whose connections `wrap` makes of those that come.
    pub fn wrapped<S: Read + Write + 'static>(
        wrap: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
        reply: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (seen, wrap, reply) = (Arc::clone(&asked), Arc::new(wrap), Arc::new(reply));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, wrap, reply) = (Arc::clone(&seen), Arc::clone(&wrap), Arc::clone(&reply));
                thread::spawn(move || {
                    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                    let Some(mut stream) = wrap(stream) else { return };
                    let Some(request) = read(&mut stream) else { return };
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.len()
                    };
                    _ = send(&mut stream, reply(&request, number));
                });
            }
        });
        Self { address, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(stream: &mut impl Read) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|&length| length > 0)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    let mut asked = Asked { line, headers, body: Vec::new() };
    let length: usize =
        asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    asked.body = vec![0; length];
    reader.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

fn send(stream: &mut impl Write, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Raw(bytes) => {
            stream.write_all(&bytes)?;
            stream.flush()
        }
        Reply::Hang(bytes, time) => {
            stream.write_all(&bytes)?;
            stream.flush()?;
            thread::sleep(time);
            Ok(())
        }
        Reply::Endless(bytes) => loop {
            stream.write_all(&bytes)?;
        },
    }
}
