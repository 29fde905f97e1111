//! Plain HTTP through a proxy: the connection goes to the proxy, and the request's first line names the whole URL
//! (RFC 9112, section 3.2.2).

use std::net::ToSocketAddrs;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::url::Url;

/// Finds the proxy's addresses, whatever is asked for.
#[derive(Debug)]
pub(crate) struct ProxyResolver {
    host: String,
    port: u16,
}

impl ProxyResolver {
    pub(crate) fn new(proxy: &Url) -> Self {
        Self { host: proxy.host.clone(), port: proxy.port() }
    }
}

impl Resolver for ProxyResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut found = self.empty();
        for address in (self.host.as_str(), self.port).to_socket_addrs()?.take(16) {
            found.push(address);
        }
        if found.is_empty() { Err(Error::HostNotFound) } else { Ok(found) }
    }
}

/// Wraps each connection to the proxy.
#[derive(Debug)]
pub(crate) struct AbsoluteForm {
    origin: String,
    authorization: Option<String>,
}

impl AbsoluteForm {
    pub(crate) fn new(target: &Url, authorization: Option<String>) -> Self {
        Self { origin: target.origin(), authorization }
    }

    /// The head of a request as a proxy wants it.
    fn rewrite(&self, head: &[u8]) -> Option<Vec<u8>> {
        let method = head.iter().position(|&byte| byte == b' ')? + 1;
        let line = head.windows(2).position(|pair| pair == b"\r\n")? + 2;
        let mut rewritten = head[..method].to_vec();
        rewritten.extend_from_slice(self.origin.as_bytes());
        rewritten.extend_from_slice(&head[method..line]);
        if let Some(authorization) = &self.authorization {
            rewritten.extend_from_slice(format!("proxy-authorization: {authorization}\r\n").as_bytes());
        }
        rewritten.extend_from_slice(&head[line..]);
        Some(rewritten)
    }
}

impl<In: Transport> Connector<In> for AbsoluteForm {
    type Out = ToProxy<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        let form = Self { origin: self.origin.clone(), authorization: self.authorization.clone() };
        Ok(chained.map(|inner| ToProxy { inner, form: Some(form) }))
    }
}

/// A connection to a proxy. It serves one request: its agent lives no longer.
#[derive(Debug)]
pub(crate) struct ToProxy<In> {
    inner: In,
    /// What is to be done with the head, until it was sent.
    form: Option<AbsoluteForm>,
}

impl<In: Transport> Transport for ToProxy<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let Some(form) = self.form.take() else { return self.inner.transmit_output(amount, timeout) };
        let output = self.inner.buffers().output();
        let head = output.get(..amount).and_then(|head| form.rewrite(head));
        match (head, output) {
            (Some(head), output) if head.len() <= output.len() => {
                output[..head.len()].copy_from_slice(&head);
                self.inner.transmit_output(head.len(), timeout)
            }
            _ => Err(Error::Io(std::io::Error::other("the request's head is too long for a proxy"))),
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
