//! A repository in a temporary folder, and a client of it that is not ours: tough's.

use manifest::channel::Channel;
use release::{Fixture, Keys, Lifetimes, Release, Repository};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tough::{ExpirationEnforcement, RepositoryLoader, TargetName};
use url::Url;

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub struct Bed {
    pub folder: TempDir,
}

impl Bed {
    /// Keys, and a repository without releases.
    pub fn new() -> Self {
        let bed = Self { folder: TempDir::new().unwrap() };
        let keys = Keys::init(&bed.keys()).unwrap();
        Repository::create(&bed.repository(), keys).unwrap();
        // What a machine has baked in.
        fs::copy(bed.keys().join("root.json"), bed.trusted()).unwrap();
        bed
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn keys(&self) -> PathBuf {
        self.path("keys")
    }

    pub fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    /// The root that the client begins with.
    pub fn trusted(&self) -> PathBuf {
        self.path("trusted.json")
    }

    pub fn open(&self) -> Repository {
        Repository::open(&self.repository(), Keys::open(&self.keys()).unwrap()).unwrap()
    }

    /// As if it were another day.
    pub fn open_on(&self, now: SystemTime) -> Repository {
        let keys = Keys::open(&self.keys()).unwrap();
        Repository::open_at(&self.repository(), keys, Some(now), Lifetimes::default()).unwrap()
    }

    pub fn release(&self, version: &str) -> Release {
        Fixture::of(version).write(&self.path(&format!("build-{version}"))).unwrap()
    }

    /// What a client sees.
    pub fn client(&self) -> Result<Seen, String> {
        let datastore = TempDir::new().unwrap();
        let seen = look(&self.repository(), &self.trusted(), datastore.path())?;
        Ok(Seen { _datastore: Some(datastore), ..seen })
    }
}

pub struct Seen {
    repository: tough::Repository,
    /// The client writes to it whenever it reads.
    _datastore: Option<TempDir>,
}

/// Goes through the whole of what a TUF client does.
pub fn look(repository: &Path, trusted: &Path, datastore: &Path) -> Result<Seen, String> {
    let url = |folder: &str| Url::from_directory_path(repository.join(folder)).unwrap();
    let root = fs::read(trusted).unwrap();
    let loaded = wait(
        RepositoryLoader::new(&root, url("metadata"), url("targets"))
            .datastore(datastore)
            .expiration_enforcement(ExpirationEnforcement::Safe)
            .load(),
    );
    loaded.map(|repository| Seen { repository, _datastore: None }).map_err(|error| error.to_string())
}

impl Seen {
    pub fn target(&self, name: &str) -> Option<Vec<u8>> {
        use futures::TryStreamExt as _;
        let name = TargetName::new(name).unwrap();
        let stream = wait(self.repository.read_target(&name)).unwrap()?;
        Some(
            wait(stream.try_fold(vec![], |mut all, part| async move {
                all.extend_from_slice(&part);
                Ok(all)
            }))
            .unwrap(),
        )
    }

    pub fn channel(&self, name: &str) -> Option<Channel> {
        let bytes = self.target(&layout::repository::channel(name))?;
        Some(Channel::from_json(&String::from_utf8(bytes).unwrap()).unwrap())
    }

    pub fn versions(&self, channel: &str) -> Vec<String> {
        let channel = self.channel(channel).unwrap();
        channel.releases.iter().map(|release| release.version.to_string()).collect()
    }

    pub fn root_version(&self) -> u64 {
        self.repository.root().signed.version.get()
    }
}

pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The names of all files below a folder, hidden ones too.
pub fn files(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => todo.push(path),
                false => all.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    all.sort();
    all
}
