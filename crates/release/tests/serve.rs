//! A folder over HTTP, as clients of an update ask.
#![allow(clippy::unwrap_used)]

use release::serve::Server;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

fn ask(address: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "{request}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

fn get(address: SocketAddr, path: &str, headers: &str) -> (String, String, String) {
    let answer = ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split_whitespace().nth(1).unwrap().to_owned();
    (status, head.to_owned(), body.to_owned())
}

#[test]
fn files_come_whole_in_part_or_not_again() {
    let folder = tempfile::TempDir::new().unwrap();
    fs::create_dir(folder.path().join("site")).unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    fs::write(folder.path().join("site/.lock"), "hidden").unwrap();
    fs::write(folder.path().join("site/empty"), "").unwrap();
    fs::write(folder.path().join("site/file"), "0123456789").unwrap();
    std::os::unix::fs::symlink("../secret", folder.path().join("site/link")).unwrap();
    let server = Server::bind(&folder.path().join("site"), "127.0.0.1:0".parse().unwrap()).unwrap();
    let address = server.address().unwrap();
    std::thread::spawn(move || server.run(|_| ()));

    for (path, headers, status, body) in [
        ("/file", "", "200", "0123456789"),
        ("/file?x=1", "", "200", "0123456789"),
        ("/empty", "", "200", ""),
        ("/none", "", "404", ""),
        ("/", "", "404", ""),
        ("/.lock", "", "404", ""),
        ("/../secret", "", "404", ""),
        ("/%2e%2e/secret", "", "404", ""),
        ("/link", "", "404", ""),
        ("/file", "Range: bytes=2-4\r\n", "206", "234"),
        ("/file", "Range: bytes=7-\r\n", "206", "789"),
        ("/file", "Range: bytes=-2\r\n", "206", "89"),
        ("/file", "Range: bytes=-20\r\n", "206", "0123456789"),
        ("/file", "Range: bytes=8-99\r\n", "206", "89"),
        ("/file", "Range: bytes=10-\r\n", "416", ""),
        ("/file", "Range: bytes=-0\r\n", "416", ""),
        ("/empty", "Range: bytes=0-\r\n", "416", ""),
        ("/file", "Range: bytes=4-2\r\n", "200", "0123456789"),
        ("/file", "Range: bytes=0-1,3-4\r\n", "200", "0123456789"),
        ("/file", "Range: lines=1-2\r\n", "200", "0123456789"),
        ("/file", "Range: bytes=2-4\r\nIf-Range: \"old\"\r\n", "200", "0123456789"),
    ] {
        let (got, _, content) = get(address, path, headers);
        assert_eq!((got.as_str(), content.as_str()), (status, body), "{path} {headers}");
    }

    let (_, head, _) = get(address, "/file", "");
    let header = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap().to_owned()
    };
    let (tag, modified) = (header("ETag"), header("Last-Modified"));
    for known in [format!("If-None-Match: {tag}\r\n"), format!("If-Modified-Since: {modified}\r\n")] {
        assert_eq!(get(address, "/file", &known).0, "304", "{known}");
    }
    let ranged = format!("Range: bytes=2-4\r\nIf-Range: {tag}\r\n");
    assert_eq!(get(address, "/file", &ranged).0, "206");
    let head = ask(address, "HEAD /file HTTP/1.1\r\nHost: x\r\n");
    assert!(head.contains("Content-Length: 10\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    let refused = Server::bind(&folder.path().join("none"), "127.0.0.1:0".parse().unwrap());
    assert!(refused.is_err_and(|error| error.to_string().contains("none")));
}
