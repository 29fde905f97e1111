//! Asking a service of a platform, within bounds.

use std::time::Duration;

use fetch::{Client, Options, Request, Resource, Verb};
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// The most that any answer may have; platforms allow some hundred kilobytes of user data.
const MOST: u64 = 16 << 20;

pub(crate) struct Service<'a> {
    client: Client,
    base: String,
    /// Sent with each question.
    pub headers: Vec<(String, String)>,
    /// Answers below 500 that mean: not yet.
    pub retry_on: &'static [u16],
    pub say: &'a mut dyn FnMut(&str),
}

impl<'a> Service<'a> {
    pub(crate) fn new(
        base: String,
        patience: Option<Duration>,
        say: &'a mut dyn FnMut(&str),
    ) -> Result<Self> {
        // No proxy is asked: these services are there for the machine itself only.
        let options = Options { total_timeout: patience, limit: Some(MOST), ..Options::default() };
        Ok(Self { client: Client::new(options)?, base, headers: Vec::new(), retry_on: &[], say })
    }

    pub(crate) fn header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What is at a path; None where there is nothing, or nothing in it.
    pub(crate) fn get(&mut self, path: &str) -> Result<Option<Vec<u8>>> {
        self.send(path, Verb::Get)
    }

    pub(crate) fn send(&mut self, path: &str, verb: Verb) -> Result<Option<Vec<u8>>> {
        let resource = Resource { headers: self.headers.clone(), ..Resource::at(self.url(path)) };
        let request = Request { resource: &resource, verb, retry_on: self.retry_on };
        let mut bytes = Vec::new();
        match self.client.send(&request, &mut bytes, &mut |retry| (self.say)(&retry.to_string())) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The same as text, without what is around it.
    pub(crate) fn text(&mut self, path: &str) -> Result<Option<String>> {
        let Some(bytes) = self.get(path)? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|_| Error::garbage(self.url(path), "it is not text"))?;
        Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self, path: &str) -> Result<Option<T>> {
        let Some(bytes) = self.get(path)? else { return Ok(None) };
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Some).map_err(|fault| {
            Error::garbage(self.url(path), format!("it is not the JSON it should be: {fault}"))
        })
    }
}
