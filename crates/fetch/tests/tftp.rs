//! Fetching by TFTP, from servers that behave and from servers that do not.
#![allow(clippy::unwrap_used)]

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use fetch::{Client, Error, Options, Resource};

/// What a server sends in answer to a packet.
type Misbehaviour = fn(&[u8]) -> Vec<Vec<u8>>;
type Answers = Box<dyn FnMut(&[u8]) -> Vec<Vec<u8>> + Send>;

/// A server that answers requests from a port of its own, as RFC 1350 has it.
fn serve(answers: Answers) -> SocketAddr {
    let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let transfer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let answers = Arc::new(Mutex::new(answers));
    for socket in [listener, transfer.try_clone().unwrap()] {
        let (answers, transfer) = (Arc::clone(&answers), transfer.try_clone().unwrap());
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                for packet in (answers.lock().unwrap())(&buffer[..length]) {
                    transfer.send_to(&packet, from).unwrap();
                }
            }
        });
    }
    address
}

fn data(block: u16, bytes: &[u8]) -> Vec<u8> {
    [&[0, 3], block.to_be_bytes().as_slice(), bytes].concat()
}

fn refusal(code: u8, words: &str) -> Vec<u8> {
    [&[0, 5, 0, code], words.as_bytes(), &[0]].concat()
}

/// A good server of one file; `with_options` as RFC 2347, else as old ones.
fn file(contents: Vec<u8>, with_options: bool) -> Answers {
    let mut size = 512;
    Box::new(move |packet| {
        let block = match packet[1] {
            1 if with_options && packet.windows(7).any(|word| word == b"blksize") => {
                size = 1024;
                return vec![b"\0\x06blksize\x001024\0".to_vec()];
            }
            1 => 1,
            4 => usize::from(u16::from_be_bytes([packet[2], packet[3]])) + 1,
            _ => return Vec::new(),
        };
        let start = (block - 1) * size;
        if start > contents.len() {
            return Vec::new();
        }
        vec![data(block as u16, &contents[start..contents.len().min(start + size)])]
    })
}

fn fetch(address: SocketAddr, options: Options) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let resource = Resource::at(format!("tftp://{address}/some%20file"));
    Client::new(options)?.copy(&resource, &mut bytes, &mut |_| ()).map(|_| bytes)
}

fn quick() -> Options {
    Options { total_timeout: Some(Duration::from_secs(2)), ..Options::default() }
}

#[test]
fn files_of_any_length_come_whole() {
    for length in [0, 1, 511, 512, 513, 1024, 5000, 100_000] {
        let contents: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
        for with_options in [true, false] {
            let address = serve(file(contents.clone(), with_options));
            // Two hundred turns of two threads, which may have to wait for a processor.
            let options = Options { total_timeout: Some(Duration::from_secs(60)), ..quick() };
            assert!(fetch(address, options).unwrap() == contents, "{length} {with_options}");
        }
    }
}

#[test]
fn the_request_is_of_mode_octet_and_names_the_path() {
    let address = serve(Box::new(|packet| vec![data(1, packet)]));
    assert_eq!(fetch(address, quick()).unwrap(), b"\0\x01/some file\0octet\0blksize\x001408\0");
}

#[test]
fn a_lost_packet_is_asked_for_again_and_a_double_one_counts_once() {
    let mut good = file(vec![b'x'; 1500], false);
    let mut number = 0;
    let address = serve(Box::new(move |packet| {
        number += 1;
        match number {
            1 | 3 => Vec::new(),
            _ => good(packet).into_iter().flat_map(|packet| [packet.clone(), packet]).collect(),
        }
    }));
    let options = Options { total_timeout: Some(Duration::from_secs(8)), ..Options::default() };
    assert_eq!(fetch(address, options).unwrap(), vec![b'x'; 1500]);
}

#[test]
fn a_servers_error_is_final_and_old_servers_get_a_request_without_options() {
    let address = serve(Box::new(|_| vec![refusal(1, "no such file")]));
    let error = fetch(address, quick()).unwrap_err();
    assert!(error.is_not_found());
    assert!(error.to_string().contains("error 1: no such file"), "{error}");
    let mut good = file(b"hello".to_vec(), false);
    let address = serve(Box::new(move |packet| {
        if packet.windows(7).any(|word| word == b"blksize") {
            vec![refusal(8, "no options")]
        } else {
            good(packet)
        }
    }));
    assert_eq!(fetch(address, quick()).unwrap(), b"hello");
}

#[test]
fn servers_that_misbehave_cost_the_time_that_there_is() {
    let cases: [Misbehaviour; 6] = [
        |_| Vec::new(),
        |_| vec![vec![0xff; 600]],
        |_| vec![Vec::new()],
        |_| vec![data(9, b"wrong block")],
        |_| vec![b"\0\x06blksize\x0065000\0".to_vec()],
        |_| vec![data(1, &[b'x'; 1000])],
    ];
    thread::scope(|scope| {
        for (number, answers) in cases.into_iter().enumerate() {
            scope.spawn(move || {
                let error = fetch(serve(Box::new(answers)), quick()).unwrap_err();
                assert!(matches!(error, Error::Timeout { .. }), "{number}: {error}");
            });
        }
    });
}

#[test]
fn a_server_without_end_is_left() {
    let address = serve(Box::new(|packet| {
        let block =
            if packet[1] == 1 { 1 } else { u16::from_be_bytes([packet[2], packet[3]]).wrapping_add(1) };
        vec![data(block, &[b'x'; 512])]
    }));
    let options = Options { limit: Some(10_000), ..quick() };
    assert!(matches!(fetch(address, options), Err(Error::TooLarge { .. })));
}
