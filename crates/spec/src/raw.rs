//! The spec as it stands in the YAML. What each key means is in docs/spec.md.

use serde::Deserialize;
use std::collections::BTreeMap;

/// An image spec, its values not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawSpec {
    /// The product's name: part of file names and of the manifest.
    pub name: String,
    /// The image's version.
    pub version: String,
    /// The channel that the image's updates come from.
    #[serde(default = "default_channel")]
    pub channel: String,
    /// The time that every file of the image carries, in seconds since 1970 (SOURCE_DATE_EPOCH).
    pub source_date_epoch: u64,
    /// The kernel's part.
    pub kernel: RawKernel,
    /// Names of directories in images/components.
    pub components: Vec<String>,
    /// Debian packages, and of each the files and directories that go into the image.
    pub userland: BTreeMap<String, Vec<String>>,
    /// Which of busybox's programs get a name of their own.
    #[serde(default)]
    pub applets: Vec<String>,
    /// The disk's part.
    #[serde(default)]
    pub disk: RawDisk,
    /// Where the image's updates come from, and whose.
    #[serde(default)]
    pub update: RawUpdate,
}

/// The updates' part of a spec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawUpdate {
    /// The root of the keys that sign releases, a file in the checkout.
    pub root: Option<String>,
    /// URL of the repository of releases.
    pub url: Option<String>,
    /// The oldest version that can be updated to this one in one step.
    pub minimum_version: Option<String>,
    /// Machines that have seen a higher one do not take this image.
    #[serde(default)]
    pub security_epoch: u64,
}

/// The kernel's part of a spec.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawKernel {
    /// Arguments baked into the image, before `usrhash=`.
    pub arguments: Vec<String>,
    /// Names of fragments in kernel-config/optional.
    #[serde(default)]
    pub options: Vec<String>,
}

/// The sizes of the partitions in the shipped image, where they differ from the layout's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawDisk {
    /// The EFI system partition.
    pub esp: Option<String>,
    /// Each of the two /usr slots.
    pub usr: Option<String>,
    /// Each slot's hash tree.
    pub usr_verity: Option<String>,
    /// ROOT as shipped: it grows on first boot.
    pub root: Option<String>,
}

fn default_channel() -> String {
    "dev".to_owned()
}
