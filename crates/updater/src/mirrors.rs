//! The servers that a repository is on: asked one after the other, and again, until one gives what it must.
//!
//! Nothing that they say is believed here. They are kept from wasting the machine's time and memory: what they send is
//! counted, timed, and cut off.

use std::collections::VecDeque;
use std::io::Read;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use fetch::{Client, Fault, Options, Proxies, Resource};

/// How much is read at once.
const PIECE: usize = 64 << 10;

/// How long servers are put up with.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often all of them are asked.
    pub rounds: u32,
    /// The pause after the first round, doubled with each.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How long an answer may be slower than [`Patience::least_rate`], whatever came before.
    pub grace: Duration,
    /// What an answer must come to, in bytes a second.
    pub least_rate: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            rounds: 6,
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(60),
            grace: Duration::from_secs(30),
            least_rate: 1024,
        }
    }
}

/// Why a server did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It does not have it.
    #[error("{0}")]
    Missing(String),
    /// Another attempt may do better.
    #[error("{0}")]
    Passing(String),
    /// It gave something else than what it must, or it cannot be asked.
    #[error("{0}")]
    Wrong(String),
}

/// The servers.
pub struct Mirrors {
    client: Client,
    urls: Vec<String>,
    patience: Patience,
    /// The one that gave something last.
    current: AtomicUsize,
    pace: Mutex<Pace>,
    received: AtomicU64,
}

impl Mirrors {
    /// Servers at these URLs, in order of preference.
    ///
    /// # Errors
    /// There is none, or a proxy or certificates cannot be used.
    pub fn new(urls: &[String], proxy: Option<&str>, rate: Option<u64>, patience: Patience) -> Result<Self> {
        if urls.is_empty() {
            bail!("no repository is configured: set Url= in /etc/{}", update_settings::FILE);
        }
        let proxy = proxy.map(str::to_owned);
        let options = Options {
            proxies: Proxies { http: proxy.clone(), https: proxy, no_proxy: Vec::new() },
            response_timeout: Some(Duration::from_secs(30)),
            stays_secure: true,
            ..Options::default()
        };
        let client = Client::new(options)?;
        let pace = Mutex::new(Pace { rate, due: Instant::now() });
        Ok(Self {
            client,
            urls: urls.to_vec(),
            patience,
            current: AtomicUsize::new(0),
            pace,
            received: AtomicU64::new(0),
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.urls.len()
    }

    /// A server's URL.
    pub fn url(&self, mirror: usize) -> &str {
        self.urls.get(mirror).map_or("", String::as_str)
    }

    /// How many bytes of answers came.
    pub fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Asks a server once for a file of at most so many bytes.
    ///
    /// # Errors
    /// It does not give it.
    pub fn get(&self, mirror: usize, path: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        let url = format!("{}/{path}", self.url(mirror));
        let answer = self.client.ask(&resource(&url, None)).map_err(failure)?;
        let mut bytes = Vec::new();
        self.read(&url, answer.body, |piece| {
            if (bytes.len() + piece.len()) as u64 > limit {
                return Err(Failure::Wrong(format!("{url}: it is larger than {limit} bytes")));
            }
            bytes.extend_from_slice(piece);
            Ok(true)
        })?;
        Ok(bytes)
    }

    /// Asks a server once for a part of a file. `take` is given the bytes as they come.
    ///
    /// # Errors
    /// It does not give it, or `take` does not want it.
    pub fn range(
        &self,
        mirror: usize,
        path: &str,
        range: Range<u64>,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let url = format!("{}/{path}", self.url(mirror));
        let wrong = |why: &str| Failure::Wrong(format!("{url}: {why}"));
        let answer = self.client.ask(&resource(&url, Some(range.clone()))).map_err(failure)?;
        if answer.status != 206 {
            return Err(wrong("the server does not give parts of files, or answers with something else"));
        }
        let begins = format!("bytes {}-", range.start);
        if !answer.content_range.is_some_and(|given| given.starts_with(&begins)) {
            return Err(wrong("the server gives another part of the file than was asked for"));
        }
        let mut left = range.end - range.start;
        self.read(&url, answer.body, |piece| {
            let wanted = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            take(&piece[..wanted])?;
            left -= wanted as u64;
            Ok(left > 0)
        })?;
        if left > 0 {
            return Err(Failure::Passing(format!("{url}: the answer broke off, {left} bytes are missing")));
        }
        Ok(())
    }

    /// Reads an answer to its end, or until `take` has enough.
    fn read(
        &self,
        url: &str,
        mut body: impl Read,
        mut take: impl FnMut(&[u8]) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        // Only what the server takes: neither our own pauses nor a slow disk.
        let mut waited = Duration::ZERO;
        let mut recent = Recent { window: self.patience.grace, parts: VecDeque::new() };
        let mut buffer = vec![0; PIECE];
        loop {
            let asked = Instant::now();
            let length =
                body.read(&mut buffer).map_err(|error| Failure::Passing(format!("{url}: {error}")))?;
            if length == 0 {
                return Ok(());
            }
            waited += asked.elapsed();
            let count = recent.add(waited, length as u64);
            self.received.fetch_add(length as u64, Relaxed);
            self.pace.lock().unwrap_or_else(PoisonError::into_inner).keep(length);
            let goes_on = take(&buffer[..length])?;
            let seconds = self.patience.grace.as_secs().max(1);
            if goes_on && waited > self.patience.grace && count / seconds < self.patience.least_rate {
                return Err(Failure::Passing(format!(
                    "{url}: the server is too slow: {count} bytes in the last {seconds} s"
                )));
            }
            if !goes_on {
                // One more reading, that the connection can be used again where nothing follows.
                _ = body.read(&mut buffer[..1]);
                return Ok(());
            }
        }
    }

    /// Has one server after the other, and all of them again after a pause, do something, until one does.
    ///
    /// # Errors
    /// None does: why each did not.
    pub fn persist<T>(&self, mut attempt: impl FnMut(usize) -> Result<T, Failure>) -> Result<T> {
        let mut pause = self.patience.first_pause;
        for round in 1.. {
            let mut reasons: Vec<String> = Vec::new();
            let mut may_pass = false;
            for mirror in (0..self.count()).map(|step| (self.current.load(Relaxed) + step) % self.count()) {
                match attempt(mirror) {
                    Ok(value) => {
                        self.current.store(mirror, Relaxed);
                        return Ok(value);
                    }
                    Err(failure) => {
                        may_pass |= matches!(failure, Failure::Passing(_));
                        reasons.push(failure.to_string());
                    }
                }
            }
            if !may_pass || round >= self.patience.rounds {
                return Err(anyhow!(reasons.join("; and ")));
            }
            thread::sleep(jittered(pause)?);
            pause = (pause * 2).min(self.patience.longest_pause);
        }
        bail!("no attempt was made")
    }
}

fn resource(url: &str, range: Option<Range<u64>>) -> Resource {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let agent = concat!("Berth/", env!("CARGO_PKG_VERSION"));
    let headers = vec![header("user-agent", agent), header("accept", "*/*")];
    Resource { headers, range, ..Resource::at(url) }
}

fn failure(fault: Fault) -> Failure {
    match fault {
        Fault::Passing(why) => Failure::Passing(why),
        Fault::Final(error @ fetch::Error::Status { status: 403 | 404 | 410, .. }) => {
            Failure::Missing(error.to_string())
        }
        // A server that is overrun, or in front of which something is, says so for a while.
        Fault::Final(error @ fetch::Error::Status { status: 408 | 425 | 429, .. }) => {
            Failure::Passing(error.to_string())
        }
        Fault::Final(error) => Failure::Wrong(error.to_string()),
    }
}

/// From half of a pause to all of it: many machines that failed at one time do not come back at one time.
pub fn jittered(pause: Duration) -> Result<Duration> {
    let random = sys::random::name_16().context("take a random number")?;
    Ok(pause.mul_f64(0.5 + f64::from(random[0]) / 512.0))
}

/// Keeps a rate.
struct Pace {
    /// In bytes a second.
    rate: Option<u64>,
    /// When what was read until now should have come.
    due: Instant,
}

impl Pace {
    /// Waits until so many bytes more may have come.
    fn keep(&mut self, length: usize) {
        let Some(rate) = self.rate else { return };
        let now = Instant::now();
        self.due = self.due.max(now) + Duration::from_secs_f64(length as f64 / rate as f64);
        thread::sleep(self.due - now);
    }
}

/// Into how many parts the window of [`Recent`] is divided, so that fast answers need no more memory than slow ones.
const PARTS: u32 = 30;

/// What came of an answer of late: an average since its begin would let a server that was fast once hold the machine for
/// hours.
struct Recent {
    window: Duration,
    /// When each part of the window began, and the bytes that came in it.
    parts: VecDeque<(Duration, u64)>,
}

impl Recent {
    /// Adds bytes that came now. Gives what came within the window.
    fn add(&mut self, now: Duration, bytes: u64) -> u64 {
        match self.parts.back_mut() {
            Some((began, count)) if now - *began < self.window / PARTS => *count += bytes,
            _ => self.parts.push_back((now, bytes)),
        }
        while self.parts.front().is_some_and(|(began, _)| now - *began > self.window) {
            self.parts.pop_front();
        }
        self.parts.iter().map(|(_, count)| count).sum()
    }
}
