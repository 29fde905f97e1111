//! Releases made of a few bytes, for trying out and for tests: they need no build.

use crate::build::{MANIFEST, Release};
use anyhow::{Context as _, Result};
use layout::disk;
use manifest::{Artifact, Manifest, SCHEMA, Sha256, Usr, Version};
use sha2::Digest as _;
use std::fs;
use std::path::Path;
use verity::HashTree;

/// What a release of bytes is to be.
#[derive(Clone, Debug)]
pub struct Fixture<'a> {
    /// The product.
    pub product: &'a str,
    /// The version.
    pub version: &'a str,
    /// What the slot holds; zeros make it a whole number of blocks, two at least.
    pub usr: &'a [u8],
    /// What the kernel image is.
    pub uki: &'a [u8],
    /// The security epoch.
    pub security_epoch: u64,
    /// The oldest version that it may be installed over.
    pub minimum_version: &'a str,
}

impl Fixture<'_> {
    /// A version of the product `berth` whose parts begin with its name, for any older machine.
    pub fn of(version: &str) -> Fixture<'_> {
        Fixture {
            product: "berth",
            version,
            usr: version.as_bytes(),
            uki: version.as_bytes(),
            security_epoch: 0,
            minimum_version: "0.0.0",
        }
    }

    /// Writes the folder that a build would, and reads it.
    ///
    /// # Errors
    /// A version is none, or a file cannot be written.
    pub fn write(&self, directory: &Path) -> Result<Release> {
        let version: Version = self.version.parse()?;
        let mut usr = self.usr.to_vec();
        usr.resize(usr.len().next_multiple_of(verity::BLOCK).max(2 * verity::BLOCK), 0);
        let salt: [u8; 32] = sha2::Sha256::digest(format!("{} {version}", self.product)).into();
        let tree = HashTree::from_leaves(disk::USR_FS_UUID, &salt, &verity::leaves(&salt, &usr)?)?;
        fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
        let mut artifacts = Vec::new();
        for (kind, end, content) in
            [("usr", "usr.erofs", &usr[..]), ("verity", "usr.verity", &tree.bytes), ("uki", "efi", self.uki)]
        {
            let name = format!("{}-{version}.{end}", self.product);
            let path = directory.join(&name);
            fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
            artifacts.push(Artifact {
                name,
                kind: kind.to_owned(),
                size: content.len() as u64,
                sha256: Sha256(sha2::Sha256::digest(content).into()),
            });
        }
        let manifest = Manifest {
            schema: SCHEMA,
            product: self.product.to_owned(),
            architecture: "x86_64".to_owned(),
            channel: "dev".to_owned(),
            version,
            security_epoch: self.security_epoch,
            minimum_version: self.minimum_version.parse()?,
            source_date_epoch: 0,
            usr: Usr {
                size: usr.len() as u64,
                verity_size: tree.bytes.len() as u64,
                slot_size: 1 << 30,
                root_hash: Sha256(tree.root_hash.0),
            },
            uki_sha256: Sha256(sha2::Sha256::digest(self.uki).into()),
            components: vec![],
            artifacts,
            inputs_not_as_locked: vec![],
            update: None,
        };
        let path = directory.join(MANIFEST);
        fs::write(&path, manifest.to_json()).with_context(|| format!("writing {}", path.display()))?;
        Release::from_build(directory)
    }
}
