//! An OCI image archive with one layer: the same bytes for the same content.
//!
//! Source: the OCI Image Format Specification 1.1 (image-layout.md, manifest.md, config.md,
//! layer.md), as a tar. The pipeline makes one for the tests to run as a container.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Media types of the specification (media-types.md).
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Annotation with the tag of an image in an index (annotations.md).
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Annotation with the whole name of an image, which containerd's importer reads.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// Name of the image that [`test_container`] makes.
pub const TEST_CONTAINER: &str = "localhost/berth-test:1";

/// The image that tests run as a container: busybox, given as a static program, under the names
/// of its programs that the tests use.
pub fn test_container(busybox: Vec<u8>) -> OciImage {
    let programs = ["cat", "dd", "echo", "httpd", "id", "ip", "nproc", "ping", "sh", "sleep", "wget"];
    let mut entries: BTreeMap<String, OciEntry> = programs
        .iter()
        .map(|name| (format!("/bin/{name}"), OciEntry::Link { target: "busybox".to_owned() }))
        .collect();
    entries.insert("/bin/busybox".to_owned(), OciEntry::File { mode: 0o755, content: busybox });
    entries.insert("/etc".to_owned(), OciEntry::Folder { mode: 0o755 });
    entries.insert("/tmp".to_owned(), OciEntry::Folder { mode: 0o1777 });
    OciImage {
        name: TEST_CONTAINER.to_owned(),
        entries,
        entrypoint: vec!["/bin/sh".to_owned()],
        environment: vec!["PATH=/bin".to_owned()],
    }
}

/// An image of one layer, for linux/amd64.
#[derive(Clone, Debug, Default)]
pub struct OciImage {
    /// Its whole name and tag, such as `docker.io/library/example:1`.
    pub name: String,
    /// What its file system holds, by absolute path. Folders above a path need not be named.
    pub entries: BTreeMap<String, OciEntry>,
    /// The program that a container of it runs, with its first arguments.
    pub entrypoint: Vec<String>,
    /// Environment, as `NAME=value`.
    pub environment: Vec<String>,
}

/// A file or link of an [`OciImage`].
#[derive(Clone, Debug)]
pub enum OciEntry {
    /// A folder.
    Folder {
        /// Permission bits.
        mode: u32,
    },
    /// A regular file.
    File {
        /// Permission bits.
        mode: u32,
        /// What it holds.
        content: Vec<u8>,
    },
    /// A symbolic link.
    Link {
        /// What it points to.
        target: String,
    },
}

/// Why an archive cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// The name has no tag.
    #[error("the image name {0:?} has no tag: write it as name:tag")]
    NoTag(String),
    /// A path that a layer cannot hold.
    #[error("{0:?} is not an absolute path without `.` and `..`")]
    BadPath(String),
    /// The file cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    Io {
        /// The archive.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// Writes `image` to `path`, for `ctr images import` and its like. The file appears whole or not
/// at all.
///
/// # Errors
/// The image is not well formed, or the file cannot be written.
pub fn write(path: &Path, image: &OciImage) -> Result<(), OciError> {
    let tag = tag(&image.name)?;
    let failed = |cause| OciError::Io { path: path.to_owned(), cause };
    let layer = layer(image, path)?;
    let layer = Blob::new(LAYER, layer);
    let config = Blob::json(CONFIG, &config(image, &layer)).map_err(failed)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        config: config.descriptor(),
        layers: vec![layer.descriptor()],
    };
    let manifest = Blob::json(MANIFEST, &manifest).map_err(failed)?;
    let mut described = manifest.descriptor();
    described.platform = Some(Platform { architecture: "amd64", os: "linux" });
    described.annotations = BTreeMap::from([(CONTAINERD_NAME, image.name.as_str()), (REF_NAME, tag)]);
    let index = Index { schema_version: 2, media_type: INDEX, manifests: vec![described] };
    let index = serde_json::to_vec(&index).map_err(|error| failed(error.into()))?;
    let temporary = path.with_extension("part");
    let store = || -> io::Result<()> {
        let mut archive = tar::Builder::new(BufWriter::new(File::create(&temporary)?));
        append_file(&mut archive, "oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        append_file(&mut archive, "index.json", 0o644, &index)?;
        append_folder(&mut archive, "blobs/", 0o755)?;
        append_folder(&mut archive, "blobs/sha256/", 0o755)?;
        for blob in [&manifest, &config, &layer] {
            append_file(&mut archive, &format!("blobs/sha256/{}", blob.hash), 0o644, &blob.content)?;
        }
        archive.into_inner()?.into_inner()?.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    store().map_err(|source| {
        // What is half written is of no use; that it cannot be removed is not the fault to tell.
        let _ = std::fs::remove_file(&temporary);
        failed(source)
    })
}

/// The tag of an image name: what follows the last colon after the last slash.
fn tag(name: &str) -> Result<&str, OciError> {
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(':') {
        Some((image, tag)) if !image.is_empty() && !tag.is_empty() => Ok(tag),
        _ => Err(OciError::NoTag(name.to_owned())),
    }
}

/// The layer as a tar, in order of path, with each folder before what is in it.
fn layer(image: &OciImage, archive: &Path) -> Result<Vec<u8>, OciError> {
    let mut entries: BTreeMap<&str, Option<&OciEntry>> = BTreeMap::new();
    for (path, entry) in &image.entries {
        let inside = inside(path)?;
        for (slash, _) in inside.match_indices('/') {
            entries.entry(&inside[..slash]).or_default();
        }
        entries.insert(inside, Some(entry));
    }
    let store = || -> io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, entry) in &entries {
            match entry {
                None => append_folder(&mut tar, &format!("{path}/"), 0o755)?,
                Some(OciEntry::Folder { mode }) => append_folder(&mut tar, &format!("{path}/"), *mode)?,
                Some(OciEntry::File { mode, content }) => append_file(&mut tar, path, *mode, content)?,
                Some(OciEntry::Link { target }) => {
                    let mut header = header(tar::EntryType::Symlink, 0o777, 0);
                    tar.append_link(&mut header, path, target)?;
                }
            }
        }
        tar.into_inner()
    };
    store().map_err(|cause| OciError::Io { path: archive.to_owned(), cause })
}

/// An absolute path as a tar has it.
fn inside(path: &str) -> Result<&str, OciError> {
    let bad = || OciError::BadPath(path.to_owned());
    let inside = path.strip_prefix('/').ok_or_else(bad)?;
    let plain = inside.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if plain { Ok(inside) } else { Err(bad()) }
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn append_file<W: Write>(tar: &mut tar::Builder<W>, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut header = header(tar::EntryType::Regular, mode, content.len() as u64);
    tar.append_data(&mut header, path, content)
}

fn append_folder<W: Write>(tar: &mut tar::Builder<W>, path: &str, mode: u32) -> io::Result<()> {
    let mut header = header(tar::EntryType::Directory, mode, 0);
    tar.append_data(&mut header, path, io::empty())
}

/// Content under its hash.
struct Blob {
    media_type: &'static str,
    hash: String,
    content: Vec<u8>,
}

impl Blob {
    fn new(media_type: &'static str, content: Vec<u8>) -> Self {
        let hash = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { media_type, hash, content }
    }

    fn json(media_type: &'static str, document: &impl Serialize) -> io::Result<Self> {
        Ok(Self::new(media_type, serde_json::to_vec(document)?))
    }

    fn digest(&self) -> String {
        format!("sha256:{}", self.hash)
    }

    fn descriptor(&self) -> Descriptor<'static> {
        Descriptor {
            media_type: self.media_type,
            digest: self.digest(),
            size: self.content.len(),
            annotations: BTreeMap::new(),
            platform: None,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u32,
    media_type: &'a str,
    manifests: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Descriptor<'a>,
    layers: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    digest: String,
    size: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
}

#[derive(Serialize)]
struct Platform {
    architecture: &'static str,
    os: &'static str,
}

#[derive(Serialize)]
struct Config<'a> {
    architecture: &'static str,
    os: &'static str,
    config: Run<'a>,
    rootfs: RootFs,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Run<'a> {
    env: &'a [String],
    entrypoint: &'a [String],
}

#[derive(Serialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: &'static str,
    /// Hashes of the layers as they are without compression.
    diff_ids: Vec<String>,
}

fn config<'a>(image: &'a OciImage, layer: &Blob) -> Config<'a> {
    Config {
        architecture: "amd64",
        os: "linux",
        config: Run { env: &image.environment, entrypoint: &image.entrypoint },
        rootfs: RootFs { kind: "layers", diff_ids: vec![layer.digest()] },
    }
}

#[cfg(test)]
#[path = "oci_tests.rs"]
mod tests;
