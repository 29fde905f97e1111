//! As much of HTTP/1.0 as a scrape takes (RFC 1945).

use std::io::Read;

/// The longest request, in bytes.
const REQUEST_MAX: usize = 16 << 10;
const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Reads a request up to the end of its head, or as much as comes.
pub fn request(from: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while bytes.len() < REQUEST_MAX && !has_end(&bytes) {
        match from.read(&mut buffer) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            _ => break,
        }
    }
    bytes
}

fn has_end(head: &[u8]) -> bool {
    head.windows(4).any(|end| end == b"\r\n\r\n") || head.windows(2).any(|end| end == b"\n\n")
}

/// The answer to a request. The metrics are made only where they are asked for.
pub fn answer(request: &[u8], metrics: impl FnOnce() -> String) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let line = text.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let is_http = version.is_some_and(|version| version.starts_with("HTTP/1."));
    let path = target.map(|target| target.split('?').next().unwrap_or(target));
    match (method, path) {
        _ if !is_http || !has_end(request) || words.next().is_some() => refusal("400 Bad Request", ""),
        (Some("GET" | "HEAD"), Some("/metrics")) => {
            let body = metrics();
            let head = head("200 OK", TYPE, body.len(), "");
            let body = if method == Some("GET") { body } else { String::new() };
            [head, body].concat().into_bytes()
        }
        (Some("GET" | "HEAD"), _) => refusal("404 Not Found", ""),
        _ => refusal("405 Method Not Allowed", "Allow: GET, HEAD\r\n"),
    }
}

fn refusal(status: &str, more: &str) -> Vec<u8> {
    let body = format!("{status}: the metrics are at /metrics\n");
    [head(status, "text/plain; charset=utf-8", body.len(), more), body].concat().into_bytes()
}

fn head(status: &str, kind: &str, length: usize, more: &str) -> String {
    format!(
        "HTTP/1.0 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(request: &str) -> String {
        let request = super::request(&mut request.as_bytes());
        String::from_utf8(answer(&request, || "# EOF\n".to_owned())).unwrap()
    }

    #[test]
    fn a_scrape_is_answered() {
        let answer = answered("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n");
        assert_eq!(
            answer,
            "HTTP/1.0 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n\
             Content-Length: 6\r\nConnection: close\r\n\r\n# EOF\n"
        );
        assert_eq!(answered("GET /metrics?x=1 HTTP/1.0\n\n"), answer);
        assert_eq!(answered("HEAD /metrics HTTP/1.0\r\n\r\n"), answer.replace("# EOF\n", ""));
    }

    #[test]
    fn all_else_is_refused() {
        let long = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(100_000));
        for (request, status) in [
            ("", "400"),
            ("GET /metrics\r\n\r\n", "400"),
            ("GET /metrics HTTP/1.1\r\n", "400"),
            ("GET  /metrics HTTP/1.1\r\n\r\n", "400"),
            ("GET /metrics HTTP/1.1 x\r\n\r\n", "400"),
            (&long, "400"),
            ("GET / HTTP/1.1\r\n\r\n", "404"),
            ("GET /metrics/../../etc/shadow HTTP/1.1\r\n\r\n", "404"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
            ("\u{0}\u{0} HTTP/1. \n\n", "400"),
        ] {
            let answer = answered(request);
            assert!(answer.starts_with(&format!("HTTP/1.0 {status} ")), "{request:.50}: {answer}");
        }
    }
}
