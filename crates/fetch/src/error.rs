//! What went wrong for good, and what was tried.

use std::fmt;
use std::io;
use std::time::Duration;

/// Why something was not fetched. Its text says what was being done, to what; [`Error::advice`] what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What is asked for cannot be asked for.
    #[error("cannot fetch {source_text}: {why}")]
    Source {
        /// The URL, short and without secrets.
        source_text: String,
        /// What is wrong with it.
        why: String,
    },
    /// A way of fetching that Berth does not have.
    #[error("cannot fetch {source_text}: {scheme}: is not a kind of source that Berth fetches from")]
    Unsupported {
        /// The URL.
        source_text: String,
        /// Its scheme.
        scheme: String,
    },
    /// A server's answer that no second attempt changes.
    #[error("{source_text}: the server answered {status}")]
    Status {
        /// The URL.
        source_text: String,
        /// HTTP's status code.
        status: u16,
    },
    /// A TFTP server's error that no second attempt changes.
    #[error("{source_text}: the TFTP server answered with error {code}: {message}")]
    Tftp {
        /// The URL.
        source_text: String,
        /// RFC 1350's error code.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// More redirects than anybody means, or one that leads nowhere.
    #[error("{source_text}: {why}")]
    Redirect {
        /// The URL that was asked for first.
        source_text: String,
        /// What is wrong.
        why: String,
    },
    /// The time for all attempts is over.
    #[error("{source_text}: not fetched within {} s, in {attempts} attempts: {cause}", limit.as_secs_f32())]
    Timeout {
        /// The URL.
        source_text: String,
        /// The time that there was.
        limit: Duration,
        /// How often it was tried.
        attempts: u32,
        /// Why the last attempt failed.
        cause: String,
    },
    /// The bytes are not those that were meant.
    #[error("{source_text}: the hash is {actual}, and {expected} was expected")]
    Hash {
        /// The URL.
        source_text: String,
        /// What the config says, in hexadecimal.
        expected: String,
        /// What the bytes have.
        actual: String,
    },
    /// Compressed data that are none.
    #[error("{source_text}: cannot decompress it as {format}: {cause}")]
    Compression {
        /// The URL.
        source_text: String,
        /// The format that the config names.
        format: String,
        /// What was found.
        cause: String,
    },
    /// More than there may be.
    #[error("{source_text}: it is larger than {limit} bytes")]
    TooLarge {
        /// The URL.
        source_text: String,
        /// The most that is taken.
        limit: u64,
    },
    /// What was fetched could not be kept.
    #[error("{source_text}: cannot write what was fetched: {cause}")]
    Write {
        /// The URL.
        source_text: String,
        /// The system's word.
        cause: io::Error,
    },
    /// Certificates that are none.
    #[error("cannot read the certificate authorities of {whose}: {cause}")]
    Certificates {
        /// The file, or the place in the config.
        whose: String,
        /// What is wrong with them.
        cause: String,
    },
    /// A proxy that is none.
    #[error("cannot use the proxy {proxy}: {why}")]
    Proxy {
        /// The proxy's URL, without a password.
        proxy: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// Whether the server said that there is nothing at that address.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. } | Self::Tftp { code: 1, .. })
    }

    /// What a person can do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Source { .. } => "correct the source in the config",
            Self::Unsupported { .. } => {
                "put it where http, https or tftp reach it (object stores give https addresses), or into the config as a data: URL"
            }
            Self::Status { status: 401 | 403 | 407, .. } => {
                "give the server or the proxy what it asks for: an Authorization header in httpHeaders, or an address that is already signed"
            }
            Self::Status { status: 404 | 410, .. } | Self::Tftp { code: 1, .. } => {
                "check the address, and that the server has the file"
            }
            Self::Status { .. } | Self::Tftp { .. } => "look into the server's log",
            Self::Redirect { .. } => "name the address that the redirects end at",
            Self::Timeout { .. } => {
                "check the network, the name server and the server, or raise ignition.timeouts.httpTotal"
            }
            Self::Hash { .. } => {
                "correct verification.hash, which is of the decompressed bytes, or the file on the server"
            }
            Self::Compression { .. } => "correct compression in the config, or the file on the server",
            Self::TooLarge { .. } => "fetch the large parts as files of their own",
            Self::Write { .. } => "make room, or look for faults of the disk in the log above",
            Self::Certificates { .. } => "give PEM certificates, nothing else",
            Self::Proxy { .. } => "correct ignition.proxy in the config",
        }
    }
}

/// An attempt that failed, and that another one follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// The URL, short and without secrets.
    pub source: String,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// Why it failed.
    pub cause: String,
    /// How long until the next.
    pub pause: Duration,
}

impl fmt::Display for Retry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, attempt, cause, pause } = self;
        write!(
            formatter,
            "{source}: attempt {attempt} failed: {cause}; the next in {} s",
            pause.as_secs_f32()
        )
    }
}
