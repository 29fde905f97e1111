//! A repository whose signatures are proven.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use anyhow::{Context, Result, anyhow, bail};
use manifest::channel::Channel;
use manifest::{Archive, Manifest};
use tokio::runtime::Runtime;
use tough::error::Error;
use tough::schema::RoleType;
use tough::{IntoVec, Limits, RepositoryLoader, TargetName};
use url::Url;

use crate::mirrors::{Failure, Mirrors};
use crate::tuf::{Asking, BASE, MOST_ROOT, MOST_SMALL, MOST_TARGETS, Seen};

/// The most that the index of a channel and a manifest may have, in bytes.
const MOST_TEXT: u64 = 4 << 20;
/// The most that an archive's header may have, in bytes: some 80 a chunk.
const MOST_HEADER: u64 = 8 << 20;
/// How many times a root may have been changed since the one that the machine knows.
const MOST_ROOTS: u64 = 256;

/// Whom is trusted, and what was seen of them.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Where the root of trust is; the first file that is there counts.
    pub roots: Vec<PathBuf>,
    /// The folder of what was seen last.
    pub seen: PathBuf,
}

/// A repository, its metadata proven.
pub struct Repository {
    inner: tough::Repository,
    asking: Asking,
    mirrors: Arc<Mirrors>,
    runtime: Runtime,
}

impl Trust {
    /// The machine's, with what was seen in its folder of updates.
    pub fn system(store: &Path) -> Self {
        Self { roots: layout::path::UPDATE_ROOTS.map(PathBuf::from).to_vec(), seen: store.join("tuf") }
    }

    fn origin(&self) -> Result<Vec<u8>> {
        for path in &self.roots {
            match fs::read(path) {
                Ok(bytes) => return Ok(bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
            }
        }
        let places: Vec<String> = self.roots.iter().map(|path| path.display().to_string()).collect();
        bail!(
            "no root of trust is there, so that no update can be proven: put root.json at {}",
            places.join(" or ")
        )
    }
}

impl Repository {
    /// Reads and proves the metadata, at the first server whose are sound.
    ///
    /// # Errors
    /// No server has sound ones.
    pub fn load(mirrors: Arc<Mirrors>, trust: &Trust) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .context("begin to ask the repository")?;
        let origin = trust.origin()?;
        let asking = Asking::new(mirrors.clone());
        let seen = Seen::at(trust.seen.clone());
        let inner = mirrors.persist(|mirror| {
            asking.turn_to(mirror);
            let url = mirrors.url(mirror);
            let own = |error: anyhow::Error| Failure::Wrong(format!("{error:#}"));
            let copy = seen.begin(&origin).map_err(own)?;
            let root = seen.root(&origin);
            let url_of = |folder: &str| Url::parse(&format!("{BASE}{folder}/"));
            let metadata = url_of(layout::repository::METADATA).map_err(|error| own(error.into()))?;
            let targets = url_of(layout::repository::TARGETS).map_err(|error| own(error.into()))?;
            let loader = RepositoryLoader::new(&root, metadata, targets)
                .transport(asking.clone())
                .datastore(copy)
                .limits(Limits {
                    max_root_size: MOST_ROOT,
                    max_targets_size: MOST_TARGETS,
                    max_timestamp_size: MOST_SMALL,
                    max_snapshot_size: MOST_SMALL,
                    max_root_updates: MOST_ROOTS,
                });
            let loaded = runtime.block_on(loader.load());
            match (loaded, asking.take_trouble()) {
                (Ok(inner), None) => {
                    seen.commit().map_err(own)?;
                    Ok(inner)
                }
                (_, Some(trouble)) => Err(trouble),
                (Err(error), None) => {
                    Err(Failure::Wrong(format!("{url} is not trusted: {}", explain(&error))))
                }
            }
        })?;
        Ok(Self { inner, asking, mirrors, runtime })
    }

    /// The servers that it is on.
    pub fn mirrors(&self) -> &Arc<Mirrors> {
        &self.mirrors
    }

    /// A channel's index.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    pub fn channel(&self, channel: &str) -> Result<Channel> {
        let name = layout::repository::channel(channel);
        let bytes = self.target(&name, MOST_TEXT)?;
        let text = String::from_utf8(bytes).with_context(|| format!("{name} is not text"))?;
        Channel::from_json(&text).with_context(|| format!("read {name}"))
    }

    /// A manifest.
    ///
    /// # Errors
    /// There is none of that name, or it cannot be used.
    pub fn manifest(&self, name: &str) -> Result<Manifest> {
        let bytes = self.target(name, MOST_TEXT)?;
        let text = String::from_utf8(bytes).with_context(|| format!("{name} is not text"))?;
        Manifest::from_json(&text).with_context(|| format!("read {name}"))
    }

    /// The header of an archive.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn header(&self, archive: &Archive) -> Result<Vec<u8>> {
        self.target(&archive.header, MOST_HEADER)
    }

    /// A target, proven.
    fn target(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        if !manifest::channel::is_plain(name) {
            bail!("{name:?} is no name of a target");
        }
        let target = TargetName::new(name).with_context(|| format!("{name:?} is no name of a target"))?;
        let signed = self.inner.targets().signed.targets.get(&target);
        let signed = signed.ok_or_else(|| anyhow!("the repository has no {name}"))?;
        if signed.length > limit {
            bail!("{name} has {} bytes, and no more than {limit} are taken", signed.length);
        }
        self.mirrors.persist(|mirror| {
            self.asking.turn_to(mirror);
            let read = async {
                match self.inner.read_target(&target).await? {
                    Some(stream) => stream.into_vec().await.map(Some),
                    None => Ok(None),
                }
            };
            let url = self.mirrors.url(mirror);
            match (self.runtime.block_on(read), self.asking.take_trouble()) {
                (Ok(Some(bytes)), _) if bytes.len() as u64 == signed.length => Ok(bytes),
                (_, Some(trouble)) => Err(trouble),
                (Ok(_), None) => Err(Failure::Wrong(format!("{url}: {name} is cut short"))),
                (Err(error), None) => {
                    Err(Failure::Wrong(format!("{url}: {name} is not the signed one: {}", explain(&error))))
                }
            }
        })
    }
}

/// What is wrong, and what that can mean.
fn explain(error: &Error) -> String {
    let role = |role: &RoleType| role.to_string();
    match error {
        Error::ExpiredMetadata { role: of, .. } => format!(
            "its {} metadata are out of date: either nobody keeps the repository up, or somebody holds newer ones back",
            role(of)
        ),
        Error::OlderMetadata { role: of, current_version, new_version, .. } => format!(
            "its {} metadata have version {new_version}, and this machine has seen {current_version}: somebody plays old ones back",
            role(of)
        ),
        Error::SystemTimeSteppedBackward { sys_time, latest_known_time, .. } => format!(
            "the clock says {sys_time}, and it was {latest_known_time} before: until the clock is right, what is out of date cannot be told"
        ),
        other => {
            let mut text = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(error) = cause {
                let more = error.to_string();
                if !text.contains(&more) {
                    text = format!("{text}: {more}");
                }
                cause = error.source();
            }
            text
        }
    }
}
