//! Signing, and the order in which files are written.

use crate::key::PrivateKey;
use crate::keys::root_name;
use crate::metadata::{self, Document, SPEC_VERSION};
use crate::repository::{Repository, SNAPSHOT, TARGETS, TIMESTAMP};
use crate::role::Role;
use crate::store;
use anyhow::{Result, ensure};
use layout::repository as names;
use std::collections::HashMap;
use std::path::Path;
use std::time::SystemTime;
use tough::TargetName;
use tough::schema::{Snapshot, Target, Targets, Timestamp};

impl Repository {
    /// Signs and writes what changed, and then what names it.
    ///
    /// The timestamp is signed by the keys of the root that readers know and by those of the next, and comes before
    /// that root: readers of either find it signed.
    pub(crate) fn publish(&mut self, changed: Option<HashMap<TargetName, Target>>) -> Result<()> {
        let now = self.clock.unwrap_or_else(SystemTime::now);
        ensure!(
            self.keys.newest_root().expires() > now,
            "the root has expired: renew it with `cargo xtask keys rotate`, with two of its keys at hand"
        );
        let metadata = self.directory.join(names::METADATA);
        let (targets, snapshot, timestamp) = self.sign(changed, now)?;
        if let Some(targets) = targets {
            store::place(&metadata.join(format!("{}.{TARGETS}", targets.version())), &targets.bytes)?;
            self.targets = targets;
        }
        if let Some(snapshot) = snapshot {
            store::place(&metadata.join(format!("{}.{SNAPSHOT}", snapshot.version())), &snapshot.bytes)?;
            self.snapshot = snapshot;
        }
        // A new repository's readers begin with its root.
        if self.root == 0 {
            self.publish_roots(&metadata)?;
        }
        store::place(&metadata.join(TIMESTAMP), &timestamp.bytes)?;
        self.timestamp = timestamp;
        self.publish_roots(&metadata)
    }

    fn publish_roots(&mut self, metadata: &Path) -> Result<()> {
        for root in self.keys.roots_after(self.root) {
            store::place(&metadata.join(root_name(root.version())), &root.bytes)?;
        }
        self.root = self.keys.newest_root().version();
        Ok(())
    }

    /// What is to be published, signed.
    #[allow(clippy::type_complexity)]
    fn sign(
        &self,
        changed: Option<HashMap<TargetName, Target>>,
        now: SystemTime,
    ) -> Result<(Option<Document<Targets>>, Option<Document<Snapshot>>, Document<Timestamp>)> {
        let expires = |role| metadata::expiry(role, &self.lifetimes, now);
        let first = self.root == 0;
        let following =
            |version: u64| if first { Ok(std::num::NonZeroU64::MIN) } else { metadata::next(version) };
        let mut targets = None;
        if let Some(signers) = self.signers(Role::Targets, &self.targets, changed.is_some(), now)? {
            let old = &self.targets.signed.signed;
            let version = following(self.targets.version())?;
            let mut new = Targets::new(SPEC_VERSION.to_owned(), version, expires(Role::Targets)?);
            new.delegations = None;
            new.targets = changed.unwrap_or_else(|| old.targets.clone());
            targets = Some(Document::sign(new, signers)?);
        }
        let mut snapshot = None;
        if let Some(signers) = self.signers(Role::Snapshot, &self.snapshot, targets.is_some(), now)? {
            let version = following(self.snapshot.version())?;
            let mut new = Snapshot::new(SPEC_VERSION.to_owned(), version, expires(Role::Snapshot)?);
            let named = targets.as_ref().unwrap_or(&self.targets);
            new.meta.insert(TARGETS.to_owned(), named.metafile());
            snapshot = Some(Document::sign(new, signers)?);
        }
        let version = following(self.timestamp.version())?;
        let mut new = Timestamp::new(SPEC_VERSION.to_owned(), version, expires(Role::Timestamp)?);
        let named = snapshot.as_ref().unwrap_or(&self.snapshot);
        new.meta.insert(SNAPSHOT.to_owned(), named.metafile());
        let timestamp = Document::sign(new, self.keys.signers(Role::Timestamp, self.root.max(1))?)?;
        Ok((targets, snapshot, timestamp))
    }

    /// Who signs a role's metadata anew; none where it can stay.
    fn signers<T: tough::schema::Role>(
        &self,
        role: Role,
        document: &Document<T>,
        changed: bool,
        now: SystemTime,
    ) -> Result<Option<Vec<&PrivateKey>>> {
        let signers = self.keys.signers(role, self.root.max(1));
        let counts = self.keys.newest_root().signed.signed.verify_role(&document.signed).is_ok();
        if changed || !counts || document.expires() <= now {
            return signers.map(Some);
        }
        // It is old, but can wait for the one who has the key.
        let due = document.expires() <= now + self.lifetimes.of(role) / 2;
        Ok(signers.ok().filter(|_| due))
    }
}
