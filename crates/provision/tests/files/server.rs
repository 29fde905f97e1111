//! A server that answers as the one of the reference's cases.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;

/// The address that those cases have.
pub const OF_REFERENCE: &str = "127.0.0.1:8080";

const CONTENTS: &[u8] = b"asdf\nfdsa";
/// The same as gzip.
const COMPRESSED: [u8; 29] = [
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x2c, 0x4e, 0x49, 0xe3, 0x4a, 0x4b, 0x29, 0x4e, 4, 0, 0xf2,
    0x3b, 0x1e, 0x0b, 9, 0, 0, 0,
];

/// The address of the server, started when it is first asked for.
pub fn server() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes is none of the server's concern.
                _ = answer(stream);
            }
        });
        address
    })
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let headers: Vec<String> =
        lines.take_while(|line| !line.is_empty()).map(|line| line.to_ascii_lowercase()).collect();
    let has = |wanted: &[&str]| wanted.iter().all(|wanted| headers.iter().any(|line| line == wanted));
    let is_own = |line: &String| line.starts_with("x-auth:") || line.starts_with("keep-alive:");
    let own = ["x-auth: r8ewap98gfh4d8", "keep-alive: 300"];
    let other = ["keep-alive: 1000", "accept: application/json", "user-agent: myua"];
    let (status, body) = match first.split(' ').nth(1).unwrap_or_default() {
        "/contents" => ("200 OK", CONTENTS),
        "/contents_compressed" => ("200 OK", &COMPRESSED[..]),
        "/contents_headers" if has(&own) => ("200 OK", CONTENTS),
        "/contents_headers_overwrite" if has(&other) => ("200 OK", CONTENTS),
        "/contents_headers_redirect" => ("302 Found", &[][..]),
        "/contents_headers_redirected" if !headers.iter().any(is_own) => ("200 OK", CONTENTS),
        "/asdf" => ("404 Not Found", &[][..]),
        _ => ("400 Bad Request", &[][..]),
    };
    let host = server();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nLocation: http://{host}/contents_headers_redirected\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)
}
