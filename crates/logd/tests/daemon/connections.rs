//! Who opens many connections takes from nobody else.

use std::io::{Read, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::harness::{Logd, logd};

const HEADER: &[u8] = b"tool\n\n6\n1\n0\n0\n0\n";

fn connect(logd: &Logd) -> UnixStream {
    let stream = UnixStream::connect(logd.dir.path().join("stdout")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Whether the daemon has closed it, which it may do a moment later.
fn is_closed(mut stream: &UnixStream) -> bool {
    !matches!(stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

fn ready(logd: &Logd) {
    writeln!(logd.unit("a.service"), "ready").unwrap();
    logd.wait_for("ready");
}

#[test]
fn a_user_has_some_connections_and_not_all() {
    let logd = logd();
    ready(&logd);
    let mut open: Vec<UnixStream> = (0..256).map(|_| connect(&logd)).collect();
    open.iter_mut().for_each(|stream| stream.write_all(HEADER).unwrap());
    open[255].write_all(b"the last one\n").unwrap();
    logd.wait_for("the last one");
    assert!(is_closed(&connect(&logd)), "one more is refused");
    // Where one is closed there is room for another.
    drop(open.pop());
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let mut next = connect(&logd);
        // What is refused at once cannot be written to.
        let _ = next.write_all(&[HEADER, b"another\n"].concat());
        next.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        // One that is told late of its refusal looks like one that is not.
        if !is_closed(&next) && logd.has("another") {
            break;
        }
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let logd = logd();
    ready(&logd);
    let (silent, mut good) = (connect(&logd), connect(&logd));
    good.write_all(HEADER).unwrap();
    assert!(is_closed(&silent));
    good.write_all(b"still here\n").unwrap();
    logd.wait_for("still here");
}

#[test]
fn where_no_descriptor_is_left_the_daemon_sleeps_and_goes_on_later() {
    let logd = Logd::bounded(tempfile::tempdir().unwrap(), "", "-n 32");
    ready(&logd);
    let open: Vec<UnixStream> = (0..40).map(|_| connect(&logd)).collect();
    // Less than five seconds, after which they would be closed.
    std::thread::sleep(Duration::from_millis(500));
    let before = logd.ticks();
    std::thread::sleep(Duration::from_secs(2));
    let ticks = logd.ticks() - before;
    assert!(ticks < 50, "{ticks} of 200 ticks: it spins");
    drop(open);
    let mut good = connect(&logd);
    good.write_all(&[HEADER, b"taken\n"].concat()).unwrap();
    logd.wait_for("taken");
}

#[test]
fn where_no_descriptor_is_left_for_a_unit_the_daemon_starts_anew() {
    let mut logd = Logd::bounded(tempfile::tempdir().unwrap(), "", "-n 32");
    ready(&logd);
    let mut pipes = Vec::new();
    for n in 0..40 {
        let (reader, mut writer) = pipe().unwrap();
        writeln!(writer, "words of {n}").unwrap();
        // Once it has ended this cannot be sent.
        if !logd.try_send(&format!("{{\"unit\":\"u{n}.service\"}}"), &[reader.as_fd()]) {
            break;
        }
        pipes.push((reader, writer));
    }
    assert!(!logd.ended(), "it tells PID 1 that it failed");
    // What it had been given is stored.
    assert!(logd.entries().iter().any(|entry| entry.message() == "words of 0"));
}
