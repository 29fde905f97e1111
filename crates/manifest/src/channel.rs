//! A channel: the releases that machines may be given, and which of them one machine takes.
//!
//! The index of a channel is a signed target of a repository. [`choose`] reads it for one machine. A release
//! names the oldest version that it may be installed over; where a machine is older, it takes a release between the
//! two first, so that a mandatory intermediate version is no more than a `minimum_version` of all that follow.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{Archive, ManifestError, read, to_json};
use crate::{Sha256, Version};

/// The number of the index's format. A reader takes indexes up to its own number, and leaves alone what it does not
/// know.
pub const SCHEMA: u32 = 1;

/// The index of a channel. Fields stand in the JSON in the order in which they stand here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Format of the index; [`SCHEMA`].
    pub schema: u32,
    /// The product's name.
    pub product: String,
    /// Architecture, as `uname -m` names it.
    pub architecture: String,
    /// The channel's name.
    pub channel: String,
    /// The releases, the oldest first.
    pub releases: Vec<Release>,
}

/// A release in a channel. What is said of it here counts for this channel, whatever its manifest says: one build
/// may be in several channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// The oldest version that it may be installed over.
    pub minimum_version: Version,
    /// Machines that have seen a higher epoch do not take it.
    pub security_epoch: u64,
    /// The target that is its manifest.
    pub manifest: String,
    /// Why nobody is to install it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
    /// The system extensions that were made for it. A machine that has some goes to the release only with all of
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
}

/// A system extension of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// Its version: the release's, as a rule.
    pub version: Version,
    /// The image's size in bytes.
    pub size: u64,
    /// Root hash of the image's hash tree.
    pub root_hash: Sha256,
    /// How a machine fetches the image.
    pub image: Archive,
}

/// The machine that asks.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Its product.
    pub product: &'a str,
    /// Its architecture.
    pub architecture: &'a str,
    /// The channel that it follows.
    pub channel: &'a str,
    /// The version that it runs.
    pub version: &'a Version,
    /// The highest security epoch that it has seen.
    pub epoch: u64,
    /// The version that it goes to and not past.
    pub pinned: Option<&'a Version>,
    /// The versions that it does not take again, since they failed there.
    pub refused: &'a [Version],
    /// The system extensions that it has: it goes to a release with all of them, or not at all.
    pub extensions: &'a BTreeSet<String>,
}

/// What a machine does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The release to install; none where the machine stays as it is.
    pub release: Option<&'a Release>,
    /// Each release that is newer than the chosen one (or than the running one), the newest first, and why it is not
    /// the choice.
    pub passed_over: Vec<(&'a Version, Reason<'a>)>,
    /// Why the version that runs was withdrawn, if it was.
    pub running_withdrawn: Option<&'a str>,
}

/// Why a newer release is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason<'a> {
    /// Its maker took it back.
    #[error("it was withdrawn: {0}")]
    Withdrawn(&'a str),
    /// It failed on this machine.
    #[error("it failed on this machine before")]
    Refused,
    /// Its security epoch is lower than one that the machine has seen.
    #[error("its security epoch is {epoch}, and this machine has seen {seen}")]
    Epoch {
        /// The release's.
        epoch: u64,
        /// The highest that the machine has seen.
        seen: u64,
    },
    /// The machine's version is too old for it.
    #[error("it can be installed over {0} or newer only")]
    Minimum(&'a Version),
    /// The machine is to go no further than another version.
    #[error("the machine is pinned to {0}")]
    Pinned(&'a Version),
    /// The machine has extensions that were not made for it.
    #[error("it has no extension {}, which this machine has", .0.join(", "))]
    Lacks(Vec<&'a str>),
}

/// An index that is not for the machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the index is for the {what} {theirs:?}, and this machine's is {ours:?}")]
pub struct Mismatch {
    /// `product`, `architecture` or `channel`.
    pub what: &'static str,
    /// The index's.
    pub theirs: String,
    /// The machine's.
    pub ours: String,
}

/// What the machine does: it takes the newest release that it can reach in one step.
///
/// # Errors
/// The index is another product's, architecture's or channel's.
pub fn choose<'a>(asking: &Asking<'a>, channel: &'a Channel) -> Result<Choice<'a>, Mismatch> {
    for (what, theirs, ours) in [
        ("product", &channel.product, asking.product),
        ("architecture", &channel.architecture, asking.architecture),
        ("channel", &channel.channel, asking.channel),
    ] {
        if theirs != ours {
            return Err(Mismatch { what, theirs: theirs.clone(), ours: ours.to_owned() });
        }
    }
    let running_withdrawn = channel
        .releases
        .iter()
        .find(|release| release.version == *asking.version)
        .and_then(|release| release.withdrawn.as_deref());
    let mut newer: Vec<&Release> =
        channel.releases.iter().filter(|release| release.version > *asking.version).collect();
    newer.sort_by(|a, b| b.version.cmp(&a.version));
    let mut passed_over = Vec::new();
    for release in newer {
        match objection(asking, release) {
            None => return Ok(Choice { release: Some(release), passed_over, running_withdrawn }),
            Some(reason) => passed_over.push((&release.version, reason)),
        }
    }
    Ok(Choice { release: None, passed_over, running_withdrawn })
}

/// Why a newer release is not for the machine. What holds for ever comes before what an update or a command changes.
fn objection<'a>(asking: &Asking<'a>, release: &'a Release) -> Option<Reason<'a>> {
    if let Some(why) = &release.withdrawn {
        return Some(Reason::Withdrawn(why));
    }
    if release.security_epoch < asking.epoch {
        return Some(Reason::Epoch { epoch: release.security_epoch, seen: asking.epoch });
    }
    if asking.refused.contains(&release.version) {
        return Some(Reason::Refused);
    }
    if let Some(pinned) = asking.pinned.filter(|pinned| release.version > **pinned) {
        return Some(Reason::Pinned(pinned));
    }
    if release.minimum_version > *asking.version {
        return Some(Reason::Minimum(&release.minimum_version));
    }
    let lacks: Vec<&str> = asking
        .extensions
        .iter()
        .map(String::as_str)
        .filter(|name| release.extension(name).is_none())
        .collect();
    (!lacks.is_empty()).then_some(Reason::Lacks(lacks))
}

impl Release {
    /// The extension of a name that was made for it.
    pub fn extension(&self, name: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.name == name)
    }
}

/// Why a text is not an index that this program can use.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// It is not JSON of the right shape, or of a newer format.
    #[error(transparent)]
    Format(#[from] ManifestError),
    /// A version is there twice.
    #[error("the index names {0} twice")]
    Twice(Version),
    /// A release could be installed over nothing older.
    #[error("{version} can be installed over {minimum} or newer only, which is not older")]
    Minimum {
        /// The release.
        version: Version,
        /// Its minimum.
        minimum: Version,
    },
    /// An extension is there twice.
    #[error("the index names the extension {name:?} of {version} twice")]
    Extension {
        /// The release.
        version: Version,
        /// The extension.
        name: String,
    },
    /// The name of a manifest or of an extension is none that a repository has.
    #[error("{version} names {name:?}, and a target and an extension have plain names")]
    Name {
        /// The release.
        version: Version,
        /// The name.
        name: String,
    },
}

impl Channel {
    /// The release of a version.
    pub fn release(&self, version: &Version) -> Option<&Release> {
        self.releases.iter().find(|release| release.version == *version)
    }

    /// The index as JSON: the same text for the same index, releases in order of version.
    pub fn to_json(&self) -> String {
        let mut sorted = self.clone();
        sorted.releases.sort_by(|a, b| a.version.cmp(&b.version));
        to_json(&sorted)
    }

    /// Reads [`Channel::to_json`]'s text.
    ///
    /// # Errors
    /// Where it is not JSON, a field is missing or wrong, the format is newer than [`SCHEMA`], or a release
    /// contradicts itself or another.
    pub fn from_json(text: &str) -> Result<Self, ChannelError> {
        let channel: Self = read("the index of a channel", SCHEMA, text)?;
        channel.check()?;
        Ok(channel)
    }

    /// That no release contradicts itself or another.
    ///
    /// # Errors
    /// The first that does.
    pub fn check(&self) -> Result<(), ChannelError> {
        for (i, Release { version, minimum_version, manifest, extensions, .. }) in
            self.releases.iter().enumerate()
        {
            if self.releases[..i].iter().any(|other| other.version == *version) {
                return Err(ChannelError::Twice(version.clone()));
            }
            if minimum_version > version {
                let minimum = minimum_version.clone();
                return Err(ChannelError::Minimum { version: version.clone(), minimum });
            }
            let extended = extensions.iter().flat_map(|extension| [&extension.name, &extension.image.header]);
            if let Some(name) = [manifest].into_iter().chain(extended).find(|name| !is_plain(name)) {
                return Err(ChannelError::Name { version: version.clone(), name: name.clone() });
            }
            for (i, Extension { name, .. }) in extensions.iter().enumerate() {
                if extensions[..i].iter().any(|other| other.name == *name) {
                    return Err(ChannelError::Extension { version: version.clone(), name: name.clone() });
                }
            }
        }
        Ok(())
    }
}

/// Whether a target's name is one that is the same in every repository and on every file system: no folder, nothing
/// hidden, only letters, digits, dots, dashes and underscores.
pub fn is_plain(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.len() <= 200 && name.bytes().all(fine) && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}
