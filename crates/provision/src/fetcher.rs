//! Fetching for a config: by its own time-outs, proxies and authorities, over a network that is brought up when the
//! first resource needs it.

use std::cell::{OnceCell, RefCell};
use std::fs::File;
use std::rc::Rc;
use std::time::Duration;

use fetch::{Client, Options, Proxies, Retry, Sink};
use ignition::config::{Ignition, Resource};

use crate::acquire::render::World;
use crate::failure::Failure;
use crate::network::Network;
use crate::{fetching, kernel_log};

/// The longest that a config may be, in bytes; platforms' own limits are far below.
const LONGEST_CONFIG: u64 = 8 << 20;
/// A cause that stays the same is told again after so many attempts.
const TELL_AGAIN: u32 = 20;

/// Fetches what a config names.
pub struct Fetcher {
    network: Rc<RefCell<Network>>,
    /// What the config said last, and what that means.
    ignition: Option<Ignition>,
    options: Options,
    /// The client that goes by it, for files, which may be as long as they are.
    client: OnceCell<Client>,
}

impl Fetcher {
    /// Before there is a config.
    pub fn new(network: Rc<RefCell<Network>>) -> Self {
        Self { network, ignition: None, options: Options::default(), client: OnceCell::new() }
    }

    /// Gives what a resource names to `sink`, checked.
    ///
    /// # Errors
    /// It cannot be had, or is not what it should be.
    pub fn copy(&self, path: &str, resource: &Resource, sink: &mut dyn Sink) -> Result<(), Failure> {
        let client = match self.client.get() {
            Some(client) => client,
            None => {
                let client = client(&self.options)?;
                self.client.get_or_init(|| client)
            }
        };
        self.copy_by(client, path, resource, sink)
    }

    /// What a resource names that is read as a whole: a config, a certificate.
    fn read(&self, path: &str, resource: &Resource) -> Result<Vec<u8>, Failure> {
        let client = client(&Options { limit: Some(LONGEST_CONFIG), ..self.options.clone() })?;
        let mut text = Vec::new();
        self.copy_by(&client, path, resource, &mut text)?;
        Ok(text)
    }

    fn copy_by(
        &self,
        client: &Client,
        path: &str,
        resource: &Resource,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let resource = fetching::resource(resource);
        self.bring_network(path, &resource.source)?;
        let mut last = String::new();
        let mut tell = |retry: &Retry| {
            if retry.cause != last || retry.attempt.is_multiple_of(TELL_AGAIN) {
                let Retry { source, attempt, cause, .. } = retry;
                kernel_log::alarm(&format!("{source}: {cause} (attempt {attempt}; trying on)"));
                last.clone_from(&retry.cause);
            }
        };
        client.copy(&resource, sink, &mut tell).map_err(|error| failure(path, &error))?;
        Ok(())
    }

    fn bring_network(&self, path: &str, source: &str) -> Result<(), Failure> {
        if fetch::needs_network(source) {
            self.network
                .borrow_mut()
                .bring_up()
                .map_err(|failure| Failure { path: path.to_owned(), ..failure })?;
        }
        Ok(())
    }

    fn options(&self, ignition: &Ignition) -> Result<Options, Failure> {
        let mut options = Options::default();
        if let Some(timeouts) = &ignition.timeouts {
            // 0 is no limit.
            let limit =
                |seconds: i64| u64::try_from(seconds).ok().filter(|s| *s > 0).map(Duration::from_secs);
            if let Some(seconds) = timeouts.http_response_headers {
                options.response_timeout = limit(seconds);
            }
            options.total_timeout = timeouts.http_total.and_then(limit);
        }
        if let Some(proxy) = &ignition.proxy {
            options.proxies = Proxies {
                http: proxy.http_proxy.clone(),
                https: proxy.https_proxy.clone(),
                no_proxy: proxy.no_proxy.clone().unwrap_or_default(),
            };
        }
        let tls = ignition.security.as_ref().and_then(|security| security.tls.as_ref());
        let authorities = tls.iter().flat_map(|tls| tls.certificate_authorities.iter().flatten());
        for (i, authority) in authorities.enumerate() {
            options
                .cas
                .push(self.read(&format!("$.ignition.security.tls.certificateAuthorities.{i}"), authority)?);
        }
        Ok(options)
    }
}

impl World for Fetcher {
    fn fetch(&mut self, path: &str, resource: &Resource) -> Result<Vec<u8>, Failure> {
        self.read(path, resource)
    }

    fn configure(&mut self, ignition: &Ignition) -> Result<(), Failure> {
        let same = |old: &Ignition| {
            old.timeouts == ignition.timeouts
                && old.proxy == ignition.proxy
                && old.security == ignition.security
        };
        if self.ignition.as_ref().is_some_and(same) {
            return Ok(());
        }
        self.options = self.options(ignition)?;
        self.client = OnceCell::from(client(&self.options)?);
        self.ignition = Some(ignition.clone());
        Ok(())
    }

    fn note(&mut self, text: String) {
        kernel_log::note(&text);
    }

    fn warn(&mut self, text: String) {
        kernel_log::alarm(&text);
    }
}

/// What fetches contents of files.
pub fn into_file(fetcher: &Fetcher) -> impl FnMut(&Resource, &mut File) -> Result<(), Failure> {
    |resource, file| fetcher.copy("", resource, file)
}

fn client(options: &Options) -> Result<Client, Failure> {
    Client::new(options.clone()).map_err(|error| failure("", &error))
}

fn failure(path: &str, error: &fetch::Error) -> Failure {
    Failure::new(path, error.to_string(), error.advice())
}
