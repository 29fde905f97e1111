//! The artifacts of a build, by name.

use std::fs;
use std::path::{Path, PathBuf};

use manifest::Manifest;

use crate::{Error, Result};

/// The artifacts of a finished build: those that its manifest names.
#[derive(Clone, Debug)]
pub struct Images {
    dir: PathBuf,
    manifest: Manifest,
    artifacts: Artifacts,
    kernel_arguments: String,
}

/// The files that the harness needs.
#[derive(Clone, Debug)]
struct Artifacts {
    disk: PathBuf,
    qcow2: PathBuf,
    kernel: PathBuf,
    initramfs: PathBuf,
    uki: PathBuf,
    usr: PathBuf,
    verity: PathBuf,
    command_line: PathBuf,
}

impl Images {
    /// The build in `dir`, by its `manifest.json`.
    ///
    /// # Errors
    /// The folder holds no finished build.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref().canonicalize().map_err(Error::io("open the images in", dir.as_ref()))?;
        let unfinished = |why: String| Error::Images { dir: dir.clone(), why };
        let text = fs::read_to_string(dir.join("manifest.json"))
            .map_err(|error| unfinished(format!("manifest.json: {error}")))?;
        let manifest =
            Manifest::from_json(&text).map_err(|error| unfinished(format!("manifest.json: {error}")))?;
        let artifact = |kind: &str| {
            let named = manifest.artifact(kind);
            let named = named.ok_or_else(|| unfinished(format!("it has no {kind}")))?;
            let path = dir.join(&named.name);
            match path.metadata() {
                Ok(_) => Ok(path),
                Err(error) => Err(unfinished(format!("{}: {error}", named.name))),
            }
        };
        let artifacts = Artifacts {
            disk: artifact("disk")?,
            qcow2: artifact("qcow2")?,
            kernel: artifact("kernel")?,
            initramfs: artifact("initramfs")?,
            uki: artifact("uki")?,
            usr: artifact("usr")?,
            verity: artifact("verity")?,
            command_line: artifact("cmdline")?,
        };
        let kernel_arguments = fs::read_to_string(&artifacts.command_line)
            .map_err(Error::io("read", &artifacts.command_line))?
            .trim()
            .to_owned();
        Ok(Self { dir, manifest, artifacts, kernel_arguments })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the build is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The kernel's command line, as the UKI holds it: what a direct boot has to pass.
    pub fn kernel_arguments(&self) -> &str {
        &self.kernel_arguments
    }

    /// The raw disk.
    pub fn disk(&self) -> &Path {
        &self.artifacts.disk
    }

    /// The disk as qcow2.
    pub fn qcow2(&self) -> &Path {
        &self.artifacts.qcow2
    }

    /// The kernel.
    pub fn kernel(&self) -> &Path {
        &self.artifacts.kernel
    }

    /// The initramfs.
    pub fn initramfs(&self) -> &Path {
        &self.artifacts.initramfs
    }

    /// The UKI.
    pub fn uki(&self) -> &Path {
        &self.artifacts.uki
    }

    /// The erofs of `/usr`.
    pub fn usr(&self) -> &Path {
        &self.artifacts.usr
    }

    /// The verity tree of `/usr`.
    pub fn usr_verity(&self) -> &Path {
        &self.artifacts.verity
    }

    /// The OCI archive that tests run as a container.
    pub fn test_container(&self) -> PathBuf {
        self.dir.join("berth-test-container.oci.tar")
    }
}
