//! A release as a build left it.

use crate::extensions::Extension;
use anyhow::{Context as _, Result, bail, ensure};
use layout::disk;
use manifest::{Manifest, Sha256, Version};
use sha2::Digest as _;
use std::fs;
use std::path::{Path, PathBuf};
use verity::{HashTree, RootHash, Superblock};

/// The file beside the artifacts that says what they are.
pub(crate) const MANIFEST: &str = "manifest.json";

/// A release that is to be published.
#[derive(Clone, Debug)]
pub struct Release {
    /// What it is.
    pub manifest: Manifest,
    /// The image of `/usr`, as a slot holds it.
    pub usr: PathBuf,
    /// Salt of its hash tree.
    pub usr_salt: Sha256,
    /// The unified kernel image.
    pub uki: PathBuf,
    /// The oldest version that it may be installed over, where that is not what the manifest says.
    pub minimum_version: Option<Version>,
    /// The system extensions that were made for it.
    pub extensions: Vec<Extension>,
}

impl Release {
    /// The release in a folder that `cargo xtask build` wrote.
    ///
    /// # Errors
    /// It has no manifest, or an artifact that an update needs is missing there.
    pub fn from_build(directory: &Path) -> Result<Self> {
        let path = directory.join(MANIFEST);
        let text = fs::read_to_string(&path).with_context(|| {
            format!("reading {}: name a folder that `cargo xtask build --out` wrote", path.display())
        })?;
        let manifest = Manifest::from_json(&text).with_context(|| format!("reading {}", path.display()))?;
        let artifact = |kind: &str| -> Result<PathBuf> {
            let artifact = manifest
                .artifact(kind)
                .with_context(|| format!("{} names no artifact `{kind}`", path.display()))?;
            let file = directory.join(&artifact.name);
            let size = fs::metadata(&file).with_context(|| format!("looking at {}", file.display()))?.len();
            ensure!(
                size == artifact.size,
                "{} has {size} bytes, and the manifest says {}: build it again",
                file.display(),
                artifact.size
            );
            Ok(file)
        };
        let (usr, uki) = (artifact("usr")?, artifact("uki")?);
        let usr_salt = salt_of(&artifact("verity")?)?;
        Ok(Self { manifest, usr, usr_salt, uki, minimum_version: None, extensions: vec![] })
    }

    /// Reads `/usr` and the kernel image, and holds them to the manifest: a machine would refuse what does not fit it.
    pub(crate) fn read(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
        let (usr, uki) = (read(&self.usr)?, read(&self.uki)?);
        let broken = |path: &Path, what: &str, found: String, wanted: String| -> Result<()> {
            if found == wanted {
                return Ok(());
            }
            bail!(
                "{} is not what the manifest says: its {what} is {found}, not {wanted}; build it again",
                path.display()
            )
        };
        let wanted = &self.manifest.usr;
        broken(&self.usr, "size", usr.len().to_string(), wanted.size.to_string())?;
        let root_hash = root_hash(&usr, &self.usr_salt)?;
        broken(&self.usr, "root hash", root_hash.to_string(), wanted.root_hash.to_string())?;
        let sha256 = Sha256(sha2::Sha256::digest(&uki).into());
        broken(&self.uki, "SHA-256", sha256.to_string(), self.manifest.uki_sha256.to_string())?;
        Ok((usr, uki))
    }
}

/// The root hash of what a slot holds.
fn root_hash(usr: &[u8], salt: &Sha256) -> Result<RootHash> {
    let leaves = verity::leaves(&salt.0, usr).context("hashing /usr")?;
    let tree = HashTree::from_leaves(disk::USR_FS_UUID, &salt.0, &leaves).context("hashing /usr")?;
    Ok(tree.root_hash)
}

fn salt_of(verity: &Path) -> Result<Sha256> {
    let reading = || format!("reading {}", verity.display());
    let bytes = fs::read(verity).with_context(reading)?;
    let superblock = Superblock::parse(&bytes).with_context(reading)?;
    let salt: Option<[u8; 32]> = superblock.salt.as_slice().try_into().ok();
    ensure!(superblock.uuid == disk::USR_FS_UUID, "the hash tree {} is not one of ours", verity.display());
    Ok(Sha256(salt.with_context(|| format!("the salt in {} has not 32 bytes", verity.display()))?))
}
