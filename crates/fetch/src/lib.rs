//! Layer: effects. Fetches what a URL names, and checks it.
//!
//! `data:`, `http:`, `https:` and `tftp:`; gzip; hashes over the decompressed bytes. The rules of when to try again
//! are Ignition's: faults of the network and answers of 500 and more for ever, with a growing pause and a word on the
//! cause each time, unless there is a total time; any other answer at once not.
#![forbid(unsafe_code)]

pub mod data;
mod error;
mod forward;
mod hash;
mod http;
mod intake;
mod proxy;
pub mod tftp;
mod url;

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use ureq::tls::{Certificate, PemItem, parse_pem};

pub use crate::error::{Error, Retry};
pub use crate::proxy::Proxies;
pub use crate::url::shown;

pub use crate::intake::Fault;

use crate::intake::deliver;

/// The first pause before another attempt, doubled with each, and the longest; the reference's.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a config's resources say of where their contents come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// A URL.
    pub source: String,
    /// HTTP headers, beside ours or in their place.
    pub headers: Vec<(String, String)>,
    /// `gzip`, or none.
    pub compression: Option<String>,
    /// `sha512-` or `sha256-` and the hash of the decompressed bytes in hexadecimal.
    pub verification: Option<String>,
    /// The bytes of it that are wanted; all where none are named. For [`Client::ask`].
    pub range: Option<Range<u64>>,
}

impl Resource {
    /// What is at a URL, as it is.
    pub fn at(source: impl Into<String>) -> Self {
        Self { source: source.into(), ..Self::default() }
    }
}

/// How to ask.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Verb {
    /// For what is there.
    #[default]
    Get,
    /// For a token, as metadata services have it.
    Put,
    /// With a body.
    Post(Vec<u8>),
}

/// A resource, and how it is asked for where that is not plain.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// What is asked for.
    pub resource: &'a Resource,
    /// How.
    pub verb: Verb,
    /// Answers below 500 that also pass: some services say so of what is not there yet.
    pub retry_on: &'a [u16],
}

/// What a client goes by.
#[derive(Clone, Debug)]
pub struct Options {
    /// Certificate authorities of the config, beside those of the system: PEM.
    pub cas: Vec<Vec<u8>>,
    /// Where the system's certificate authorities are; the first file that there is.
    pub ca_files: Vec<PathBuf>,
    /// `ignition.proxy`.
    pub proxies: Proxies,
    /// `ignition.timeouts.httpResponseHeaders`: how long a server may take to answer; none is no limit.
    pub response_timeout: Option<Duration>,
    /// `ignition.timeouts.httpTotal`: how long all attempts may take; none is for ever.
    pub total_timeout: Option<Duration>,
    /// The most bytes that are taken, decompressed.
    pub limit: Option<u64>,
    /// Whether what is asked for by https: is taken by nothing else, wherever a server redirects.
    pub stays_secure: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cas: Vec::new(),
            ca_files: layout::path::CA_CERTIFICATES.iter().map(PathBuf::from).collect(),
            proxies: Proxies::default(),
            response_timeout: Some(Duration::from_secs(10)),
            total_timeout: None,
            limit: None,
            stays_secure: false,
        }
    }
}

/// What a server gives to one request.
pub struct Answer {
    /// HTTP's status code: 200, 204, or 206 where a range was asked for.
    pub status: u16,
    /// `Content-Range`, as it is.
    pub content_range: Option<String>,
    /// Its bytes, as they come.
    pub body: Box<dyn Read + Send>,
}

/// Whether a URL is of a kind that is fetched over a network.
pub fn needs_network(source: &str) -> bool {
    matches!(url::scheme(source).as_deref(), Some("http" | "https" | "tftp"))
}

/// Where fetched bytes go. An attempt that broke off half-way is taken back by `restart`.
pub trait Sink: Write {
    /// Forgets what was written.
    fn restart(&mut self) -> io::Result<()>;
}

impl Sink for Vec<u8> {
    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }
}

impl Sink for File {
    fn restart(&mut self) -> io::Result<()> {
        self.rewind()?;
        self.set_len(0)
    }
}

/// Fetches, by one set of options.
pub struct Client {
    options: Options,
    own: Vec<Certificate<'static>>,
    roots: OnceLock<Vec<Certificate<'static>>>,
    http: http::Http,
}

impl Client {
    /// A client; the config's certificate authorities are read here, the system's when they are needed.
    pub fn new(options: Options) -> Result<Self, Error> {
        let mut own = Vec::new();
        for (number, pem) in options.cas.iter().enumerate() {
            let bad = |cause: String| Error::Certificates {
                whose: format!("$.ignition.security.tls.certificateAuthorities.{number}"),
                cause,
            };
            let before = own.len();
            for item in parse_pem(pem) {
                match item.map_err(|fault| bad(fault.to_string()))? {
                    PemItem::Certificate(certificate) => {
                        let der = rustls::pki_types::CertificateDer::from(certificate.der());
                        rustls::RootCertStore::empty().add(der).map_err(|fault| bad(fault.to_string()))?;
                        own.push(certificate);
                    }
                    _ => return Err(bad("there is something in it that is no certificate".to_owned())),
                }
            }
            if own.len() == before {
                return Err(bad("there is no PEM certificate in it".to_owned()));
            }
        }
        Ok(Self { options, own, roots: OnceLock::new(), http: http::Http::new() })
    }

    /// Gives what a resource names to `sink`; how many bytes that were. `on_retry` is told of each attempt that
    /// failed and is followed by another.
    pub fn copy(
        &self,
        resource: &Resource,
        sink: &mut dyn Sink,
        on_retry: &mut dyn FnMut(&Retry),
    ) -> Result<u64, Error> {
        self.send(&Request { resource, verb: Verb::Get, retry_on: &[] }, sink, on_retry)
    }

    /// The same for requests that are not plain.
    pub fn send(
        &self,
        request: &Request<'_>,
        sink: &mut dyn Sink,
        on_retry: &mut dyn FnMut(&Retry),
    ) -> Result<u64, Error> {
        let started = Instant::now();
        let deadline = self.options.total_timeout.map(|limit| started + limit);
        let source = || shown(&request.resource.source);
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let cause = match self.attempt(request, sink, deadline) {
                Ok(count) => return Ok(count),
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Passing(cause)) => cause,
            };
            if let (Some(limit), Some(deadline)) = (self.options.total_timeout, deadline)
                && Instant::now() + pause >= deadline
            {
                return Err(Error::Timeout { source_text: source(), limit, attempts: attempt, cause });
            }
            on_retry(&Retry { source: source(), attempt, cause, pause });
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
            sink.restart().map_err(|cause| Error::Write { source_text: source(), cause })?;
        }
        unreachable!("attempts do not end by themselves")
    }

    /// Asks an http: or https: URL once, for the range that the resource names. What reads the answer counts its bytes:
    /// a server may send more than it was asked for, or never end.
    pub fn ask(&self, resource: &Resource) -> Result<Answer, Fault> {
        let request = Request { resource, verb: Verb::Get, retry_on: &[] };
        let answer = http::attempt(&self.http, &self.options, &|| self.roots(), &request, None)?;
        let status = answer.status().as_u16();
        let content_range = answer.headers().get("content-range");
        let content_range = content_range.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer { status, content_range, body: Box::new(answer.into_body().into_reader()) })
    }

    fn attempt(
        &self,
        request: &Request<'_>,
        sink: &mut dyn Sink,
        deadline: Option<Instant>,
    ) -> Result<u64, Fault> {
        let (resource, limit) = (request.resource, self.options.limit);
        let source = resource.source.as_str();
        let bad = |why: String| Error::Source { source_text: shown(source), why };
        match url::scheme(source).as_deref() {
            // A config may say so that a file is empty.
            None if source.is_empty() => deliver(io::empty(), resource, limit, sink),
            Some("data") => deliver(data::decode(source).map_err(bad)?.as_slice(), resource, limit, sink),
            Some("http" | "https") => {
                let answer = http::attempt(&self.http, &self.options, &|| self.roots(), request, deadline)?;
                deliver(answer.into_body().into_reader(), resource, limit, sink)
            }
            Some("tftp") => {
                let mut transfer = tftp::Transfer::open(source, deadline)?;
                let delivered = deliver(&mut transfer, resource, limit, sink);
                delivered.map_err(|fault| transfer.refusal().map_or(fault, Fault::Final))
            }
            Some(scheme) => {
                Err(Error::Unsupported { source_text: shown(source), scheme: scheme.to_owned() }.into())
            }
            None => Err(bad("it has no scheme, such as https:".to_owned()).into()),
        }
    }

    /// The system's certificate authorities and the config's.
    fn roots(&self) -> Result<&[Certificate<'static>], Error> {
        if let Some(roots) = self.roots.get() {
            return Ok(roots);
        }
        let mut roots = self.own.clone();
        for path in &self.options.ca_files {
            let pem = match fs::read(path) {
                Ok(pem) => pem,
                Err(fault) if fault.kind() == io::ErrorKind::NotFound => continue,
                Err(fault) => {
                    let whose = path.display().to_string();
                    return Err(Error::Certificates { whose, cause: fault.to_string() });
                }
            };
            roots.extend(parse_pem(&pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            }));
            break;
        }
        Ok(self.roots.get_or_init(|| roots))
    }
}
