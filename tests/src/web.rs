//! A web server on the loopback that answers as a test says, one request at a time, and keeps what it was asked.

#![allow(clippy::expect_used, reason = "a test's helpers fail as tests do")]

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A client that says nothing is hung up on after this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` and its like.
    pub method: String,
    /// With its query.
    pub path: String,
    /// By their names in small letters.
    pub headers: BTreeMap<String, String>,
}

/// What is answered: status and body.
pub type Answer = (u16, Vec<u8>);

/// A server that runs. Dropped, it is gone.
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Request>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one on a free port. `answer` is given how many requests of that path came before, and the request.
    ///
    /// # Panics
    /// The port cannot be had.
    pub fn start(answer: impl Fn(usize, &Request) -> Answer + Send + 'static) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), None, answer)
    }

    /// The same by https, under a certificate for `name`, a host's name or address; and the certificate of the authority
    /// that vouches for it, which nobody knows of, as PEM.
    ///
    /// # Panics
    /// The port cannot be had, or the certificates cannot be made.
    pub fn start_secure(
        name: &str,
        answer: impl Fn(usize, &Request) -> Answer + Send + 'static,
    ) -> (Self, String) {
        let (config, authority) = certificates(name).expect("certificates");
        (Self::start_at(Ipv4Addr::LOCALHOST.into(), Some(config), answer), authority)
    }

    /// The same on IPv6's loopback.
    ///
    /// # Panics
    /// The port cannot be had.
    pub fn start_ipv6(answer: impl Fn(usize, &Request) -> Answer + Send + 'static) -> Self {
        Self::start_at(Ipv6Addr::LOCALHOST.into(), None, answer)
    }

    fn start_at(
        at: IpAddr,
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(usize, &Request) -> Answer + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((at, 0)).expect("a free port");
        let address = listener.local_addr().expect("its own address");
        let (asked, ended) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::new(AtomicBool::new(false)));
        let (all, end) = (Arc::clone(&asked), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten().take_while(|_| !end.load(Ordering::Relaxed)) {
                // A client that breaks off is a test's to notice.
                _ = stream.set_read_timeout(Some(PATIENCE));
                _ = match tls.clone().map(ServerConnection::new) {
                    None => serve(&mut &stream, &all, &answer),
                    Some(Ok(connection)) => serve(&mut StreamOwned::new(connection, stream), &all, &answer),
                    Some(Err(fault)) => Err(io::Error::other(fault)),
                };
            }
        });
        Self { address, asked, ended, thread: Some(thread) }
    }

    /// Where it listens, on this machine's loopback.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it was asked so far, oldest first.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // One more connection has it look.
        _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// A certificate for `name`, to serve with, and the authority that signed it.
fn certificates(name: &str) -> anyhow::Result<(Arc<ServerConfig>, String)> {
    let key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&key)?.pem();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &issuer)?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    Ok((Arc::new(config), pem))
}

fn serve(
    stream: &mut (impl Read + Write),
    asked: &Mutex<Vec<Request>>,
    answer: &impl Fn(usize, &Request) -> Answer,
) -> io::Result<()> {
    let mut lines = BufReader::new(&mut *stream).lines();
    let mut next = || lines.next().unwrap_or_else(|| Ok(String::new()));
    let first = next()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(()) };
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = next()?.split_once(':') {
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let request = Request { method, path, headers };
    let (status, body) = {
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let before = asked.iter().filter(|other| other.path == request.path).count();
        asked.push(request.clone());
        answer(before, &request)
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")?;
    stream.write_all(&body)?;
    stream.flush()
}
