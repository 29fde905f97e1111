//! Forwarding, as the other end sees it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::harness::{Logd, of};

fn forwarding(lines: &str) -> Logd {
    Logd::with(tempfile::tempdir().unwrap(), &format!("[Forward]\n{lines}\n"))
}

/// One message of octet counting.
fn frame(stream: &mut impl BufRead) -> String {
    let mut length = Vec::new();
    stream.read_until(b' ', &mut length).unwrap();
    let length: usize = std::str::from_utf8(&length).unwrap().trim().parse().unwrap();
    let mut message = vec![0; length];
    stream.read_exact(&mut message).unwrap();
    String::from_utf8(message).unwrap()
}

#[test]
fn datagrams_of_syslog() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let logd = forwarding(&format!("Syslog=udp://{}\nMaxLevel=info", socket.local_addr().unwrap()));
    let mut a = logd.unit("a.service");
    writeln!(a, "<7>too little\n<3>hello").unwrap();
    let mut buffer = [0; 2000];
    let length = socket.recv(&mut buffer).unwrap();
    let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(message.starts_with("<27>1 20") && message.ends_with(" unknown - - - hello"), "{message}");
    logd.stop();
}

#[test]
fn a_server_that_comes_back_gets_what_waited() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let logd = forwarding(&format!("Syslog=tcp://{address}"));
    let mut a = logd.unit("a.service");
    writeln!(a, "one\ntwo").unwrap();
    let mut stream = BufReader::new(listener.accept().unwrap().0);
    assert!(frame(&mut stream).ends_with(" - one"));
    assert!(frame(&mut stream).ends_with(" - two"));
    // The server goes, and nobody listens for a while.
    // A copy of it may be with a child that another test is starting.
    stream.get_ref().shutdown(std::net::Shutdown::Both).unwrap();
    drop((stream, listener));
    std::thread::sleep(Duration::from_millis(100));
    writeln!(a, "three").unwrap();
    logd.wait_for_text("messages to tcp://");
    let listener = TcpListener::bind(address).unwrap();
    let mut stream = BufReader::new(listener.accept().unwrap().0);
    assert!(frame(&mut stream).ends_with(" - three"));
    logd.wait_for_text(" again");
    let (_dir, entries) = logd.stop();
    assert_eq!(of(&entries, "a.service"), ["one", "two", "three"]);
}

/// Answers one POST, and gives its body.
fn post(stream: TcpStream, status: &str) -> Vec<serde_json::Value> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        stream.read_line(&mut line).unwrap();
        if line == "\r\n" {
            break;
        }
        if let Some(number) = line.strip_prefix("Content-Length: ") {
            length = number.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    write!(stream.get_mut(), "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
    body.split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect()
}

#[test]
fn batches_by_http() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let logd = forwarding(&format!("Http=http://{}/in?stream=x", listener.local_addr().unwrap()));
    let mut a = logd.unit("a.service");
    // At once, so that they are one batch.
    let lines: String = (0..50).map(|n| format!("line {n}\n")).collect();
    a.write_all(lines.as_bytes()).unwrap();
    // A server that is ill for a moment gets the same batch again.
    let first = post(listener.accept().unwrap().0, "503 Unavailable");
    let again = post(listener.accept().unwrap().0, "204 No Content");
    assert_eq!(first, again);
    assert_eq!(again.len(), 50, "one batch");
    assert_eq!((&again[7]["MESSAGE"], &again[7]["_SYSTEMD_UNIT"]), (&"line 7".into(), &"a.service".into()));
    assert!(again[7]["_BOOT_ID"].as_str().unwrap().len() == 32);
    // One that does not want them is told of, and not asked again.
    writeln!(a, "unwanted").unwrap();
    while !post(listener.accept().unwrap().0, "400 Bad Request").iter().any(|e| e["MESSAGE"] == "unwanted") {}
    logd.wait_for_text("it answers 400");
    logd.stop();
}

#[test]
fn what_goes_by_http_is_what_the_journal_has() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let logd = forwarding(&format!("Http=http://{}/", listener.local_addr().unwrap()));
    writeln!(logd.unit("a.service"), "ready").unwrap();
    logd.wait_for("ready");
    let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
    let message =
        b"MESSAGE=odd\nTEAM=red\nTEAM=blue\nBELL\n\x01\0\0\0\0\0\0\0\x07\nBYTES\n\x01\0\0\0\0\0\0\0\xff\n";
    socket.send_to(message, logd.dir.path().join("socket")).unwrap();
    let entry = logd.wait_for("odd");
    let mut expected = journal::json::object(journal::export::addresses(&entry), entry.fields());
    assert_eq!(expected["TEAM"], serde_json::json!(["red", "blue"]));
    expected.retain(|name, _| !["__CURSOR", "__SEQNUM"].contains(&name.as_str()));
    let sent = loop {
        let batch = post(listener.accept().unwrap().0, "204 No Content");
        if let Some(sent) = batch.into_iter().find(|sent| sent["MESSAGE"] == "odd") {
            break sent;
        }
    };
    assert_eq!(sent, serde_json::Value::Object(expected));
    logd.stop();
}

#[test]
fn a_target_that_does_not_answer_costs_nothing_but_a_note() {
    // A port that takes connections and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let logd =
        forwarding(&format!("Syslog=tcp://{}\n[Journal]\nRateLimitBurst=0", listener.local_addr().unwrap()));
    let mut a = logd.unit("a.service");
    let begun = Instant::now();
    let lines = 200_000;
    let text = "x".repeat(60);
    for n in 0..lines {
        writeln!(a, "{n} {text}").unwrap();
    }
    writeln!(a, "last").unwrap();
    logd.wait_for("last");
    let took = begun.elapsed();
    let (_dir, entries) = logd.stop();
    assert_eq!(of(&entries, "a.service").len(), lines + 1, "all are stored");
    assert!(took < Duration::from_secs(60), "{took:?}");
}
