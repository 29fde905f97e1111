//! A guest whose platform is a server on loopback and a folder in the place of a disc.
#![allow(dead_code, clippy::unwrap_used)]

#[path = "../../../fetch/tests/server/mod.rs"]
pub mod server;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use platform::{Discs, Files, Guest, Metadata, Platform, Result, Wanted, read_folder};
use server::{Asked, Reply, Server, answer};

/// A disc that is there, or none.
pub struct Disc(pub Option<(Wanted, PathBuf)>);

impl Discs for Disc {
    fn read(&self, wanted: Wanted, files: &[&str]) -> Result<Option<Files>> {
        match &self.0 {
            Some((own, folder)) if *own == wanted => read_folder(folder, files).map(Some),
            _ => Ok(None),
        }
    }

    fn labels(&self) -> Vec<String> {
        match &self.0 {
            Some((Wanted::Label(label), _)) => vec![(*label).to_owned()],
            _ => vec![],
        }
    }
}

pub const PATIENCE: Duration = Duration::from_secs(2);

/// Does something as a guest of the server, with a disc or without; what was said meanwhile is beside the result.
pub fn guest<T>(
    server: &Server,
    disc: Option<(Wanted, PathBuf)>,
    act: impl FnOnce(&mut Guest<'_>) -> T,
) -> (T, Vec<String>) {
    patient_guest(PATIENCE, server, disc, act)
}

/// The same as one that waits for so long.
pub fn patient_guest<T>(
    patience: Duration,
    server: &Server,
    disc: Option<(Wanted, PathBuf)>,
    act: impl FnOnce(&mut Guest<'_>) -> T,
) -> (T, Vec<String>) {
    let mut said = Vec::new();
    let mut say = |words: &str| said.push(words.to_owned());
    let mut guest = Guest {
        metadata_service: server.url(""),
        wire_server: server.url(""),
        root: PathBuf::from("/nowhere"),
        patience: Some(patience),
        disc_wait: Duration::from_millis(300),
        discs: Box::new(Disc(disc)),
        ..Guest::new(&mut say)
    };
    let result = act(&mut guest);
    drop(guest);
    (result, said)
}

pub fn config(platform: Platform, server: &Server) -> Result<Option<Vec<u8>>> {
    guest(server, None, |guest| platform.config(guest)).0
}

pub fn metadata(platform: Platform, server: &Server) -> Result<Metadata> {
    guest(server, None, |guest| platform.metadata(guest)).0
}

/// A server of fixed documents by path; what is not there is 404.
pub fn documents(documents: &[(&str, &str)]) -> Server {
    let documents: Vec<(String, String)> =
        documents.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Server::new(move |asked, _| document(&documents, asked))
}

pub fn document(documents: &[(String, String)], asked: &Asked) -> Reply {
    match documents.iter().find(|(path, _)| path == asked.path()) {
        Some((_, text)) => answer(200, text),
        None => answer(404, "not found"),
    }
}

pub fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5dnA1jzwJZ2ndPmoZAvB1MDLU+UJpw0o9EzGm6tF5Y a@b";
pub const OTHER: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDYVEprvtYJXVOBN0XNKVVRNCRX6BlnNbI c@d";
