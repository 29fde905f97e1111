//! Services that answer as no service should: nothing hangs, nothing panics, nothing grows without end, and nothing
//! that was not meant comes out.
#![allow(clippy::unwrap_used)]

mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::server::{Reply, Server, answer, with_headers};
use common::{PATIENCE, guest, patient_guest};
use platform::Platform;

const PLATFORMS: [Platform; 6] = [
    Platform::Aws,
    Platform::Azure,
    Platform::DigitalOcean,
    Platform::Gcp,
    Platform::Hetzner,
    Platform::OpenStack,
];

/// What each path of a service is answered with.
fn hostile() -> Vec<(&'static str, Reply)> {
    let long = Duration::from_secs(60);
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let join = |first: &[u8], second: &[u8]| [first, second].concat();
    vec![
        ("nothing", Reply::Raw(Vec::new())),
        ("silence", Reply::Hang(Vec::new(), long)),
        ("half a head", Reply::Hang(b"HTTP/1.1 200 OK\r\nx".to_vec(), long)),
        ("half a body", Reply::Hang(join(&head, b"content-length: 10\r\n\r\n{"), long)),
        ("another protocol", Reply::Raw(b"SSH-2.0-OpenSSH_10.0\r\n".to_vec())),
        ("headers without end", Reply::Endless(join(&head, b"x: y\r\n"))),
        ("a body without end", Reply::Endless(join(&head, &[b'x'; 65536]))),
        ("chunks without end", Reply::Endless(join(&chunked, b"5\r\nhello\r\n"))),
        ("a bad chunk", Reply::Raw(join(&chunked, b"-1\r\nhello\r\n"))),
        ("a chunk that is too long", Reply::Raw(join(&chunked, b"ffffffffffffffffffff\r\nhello\r\n"))),
        ("a wrong length", Reply::Raw(join(&head, b"content-length: 5000\r\n\r\nhello"))),
        ("two lengths", Reply::Raw(join(&head, b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!"))),
        ("zeros", answer(200, vec![0; 100_000])),
        ("all bytes", answer(200, (0..=255).collect::<Vec<u8>>())),
        ("a page", answer(200, "<html><body>Log in</body></html>")),
        ("long text", answer(200, "[".repeat(900_000))),
        ("deep JSON", answer(200, "[".repeat(60_000))),
        ("deep XML", answer(200, "<a>".repeat(300_000))),
        ("deep YAML", answer(200, "- ".repeat(30_000))),
        ("entities", answer(200, "<!DOCTYPE a [<!ENTITY b \"bbbbbbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>")),
        (
            "aliases",
            answer(
                200,
                "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n",
            ),
        ),
        ("wrong JSON", answer(200, r#"{"hostname":[1],"public_keys":7,"interfaces":"x","region":{}}"#)),
        ("a gzip that is none", answer(200, [0x1f, 0x8b, 8, 0, 1, 2, 3])),
        ("lines", answer(200, "a\nb=c\n\x1b[2J\r\nLD_PRELOAD=/x\n")),
        ("circles", with_headers(302, &[("location", "/latest/api/token")], "")),
        ("a redirect to a file", with_headers(302, &[("location", "file:///etc/shadow")], "")),
        ("a redirect to nothing", with_headers(302, &[("location", "http://")], "")),
        ("no content", answer(204, "")),
        ("denied", answer(403, "no")),
        ("not there", answer(404, "no")),
        ("broken", answer(500, "no")),
        ("busy", answer(503, "no")),
        ("an early hint without end", Reply::Endless(b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec())),
        ("a strange status", Reply::Raw(b"HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n".to_vec())),
        ("no status", Reply::Raw(b"HTTP/1.1 abc What\r\n\r\n".to_vec())),
        ("a future version", Reply::Raw(b"HTTP/9.9 200 OK\r\n\r\nhello".to_vec())),
    ]
}

/// Each of the answers to each platform's questions, config and metadata: more than four hundred.
#[test]
fn hostile_answers_cost_some_seconds_at_most_and_give_nothing_that_was_not_meant() {
    let cases: Vec<(Platform, &str, Reply)> = hostile()
        .into_iter()
        .flat_map(|(name, reply)| PLATFORMS.map(|platform| (platform, name, reply.clone())))
        .collect();
    assert!(cases.len() * 2 > 400);
    // Most of their time is waiting.
    thread::scope(|scope| {
        for chunk in cases.chunks(2) {
            scope.spawn(move || {
                chunk.iter().for_each(|(platform, name, reply)| check(*platform, name, reply.clone()))
            });
        }
    });
}

fn check(platform: Platform, name: &str, reply: Reply) {
    let server = Server::new(move |_, _| reply.clone());
    let started = Instant::now();
    let (config, _) = guest(&server, None, |guest| platform.config(guest));
    let (metadata, _) = guest(&server, None, |guest| platform.metadata(guest));
    let _ = guest(&server, None, |guest| platform.check_in(guest));
    let most = PATIENCE * 8;
    assert!(started.elapsed() < most, "{platform:?}, {name}: {:?}", started.elapsed());
    if let Ok(Some(config)) = config {
        assert!(config.len() <= 16 << 20, "{platform:?}, {name}");
    }
    let Ok(metadata) = metadata else { return };
    let lines = metadata.ssh_keys.iter().chain(metadata.attributes.values());
    for line in lines {
        assert!(!line.chars().any(char::is_control), "{platform:?}, {name}: {line:?}");
    }
    for key in &metadata.ssh_keys {
        assert!(key.starts_with("ssh-"), "{platform:?}, {name}: {key:?}");
    }
}

#[test]
fn what_comes_later_is_waited_for_and_told() {
    for platform in PLATFORMS {
        let server =
            Server::new(|_, number| if number < 3 { answer(503, "starting") } else { answer(200, "e30K") });
        let patience = Duration::from_secs(60);
        let (found, said) = patient_guest(patience, &server, None, |guest| platform.config(guest));
        let expected: &[u8] = if platform == Platform::Azure { b"{}\n" } else { b"e30K" };
        assert_eq!(found.unwrap().unwrap(), expected, "{platform:?}");
        assert_eq!(said.len(), 2, "{platform:?}: {said:?}");
        assert!(said[0].contains("503 Service Unavailable"), "{said:?}");
    }
}
