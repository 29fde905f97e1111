//! A maker whose keys do what no honest one has them do.

use std::fs;
use std::path::Path;

use aws_lc_rs::signature::Ed25519KeyPair;
use release::Role as KeyRole;
use sha2::{Digest, Sha256};
use tough::schema::{Role, Signature, Signed, Snapshot, Targets, Timestamp};
use tough::sign::Sign;

use crate::machine::Maker;

fn sign<T: Role>(maker: &Maker, role: KeyRole, statement: T) -> Vec<u8> {
    let message = statement.canonical_form().unwrap();
    let mut signatures = Vec::new();
    for entry in fs::read_dir(&maker.keys).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with(&format!("{}-", role.name())) {
            let key = pem::parse(fs::read(entry.path()).unwrap()).unwrap();
            let pair = Ed25519KeyPair::from_pkcs8(key.contents()).unwrap();
            let keyid = pair.tuf_key().key_id().unwrap();
            signatures
                .push(Signature { keyid, sig: pair.try_sign(&message).unwrap().as_ref().to_vec().into() });
        }
    }
    serde_json::to_vec(&Signed { signed: statement, signatures }).unwrap()
}

fn read<T: Role + serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice::<Signed<T>>(&fs::read(path).unwrap()).unwrap().signed
}

/// Publishes changed targets, all of it signed as it has to be.
pub fn forge(maker: &Maker, change: impl FnOnce(&mut Targets)) {
    let metadata = maker.folder.join(layout::repository::METADATA);
    let mut timestamp: Timestamp = read(&metadata.join("timestamp.json"));
    let snapshot_version = timestamp.meta["snapshot.json"].version;
    let mut snapshot: Snapshot = read(&metadata.join(format!("{snapshot_version}.snapshot.json")));
    let targets_version = snapshot.meta["targets.json"].version;
    let mut targets: Targets = read(&metadata.join(format!("{targets_version}.targets.json")));
    change(&mut targets);
    targets.version = targets_version.checked_add(1).unwrap();
    snapshot.version = snapshot_version.checked_add(1).unwrap();
    timestamp.version = timestamp.version.checked_add(1).unwrap();
    let hash = |bytes: &[u8]| Sha256::digest(bytes).to_vec();

    let bytes = sign(maker, KeyRole::Targets, targets.clone());
    fs::write(metadata.join(format!("{}.targets.json", targets.version)), &bytes).unwrap();
    let meta = snapshot.meta.get_mut("targets.json").unwrap();
    (meta.version, meta.length) = (targets.version, Some(bytes.len() as u64));
    if let Some(hashes) = &mut meta.hashes {
        hashes.sha256 = hash(&bytes).into();
    }
    let bytes = sign(maker, KeyRole::Snapshot, snapshot.clone());
    fs::write(metadata.join(format!("{}.snapshot.json", snapshot.version)), &bytes).unwrap();
    let meta = timestamp.meta.get_mut("snapshot.json").unwrap();
    (meta.version, meta.length) = (snapshot.version, Some(bytes.len() as u64));
    if let Some(hashes) = &mut meta.hashes {
        hashes.sha256 = hash(&bytes).into();
    }
    fs::write(metadata.join("timestamp.json"), sign(maker, KeyRole::Timestamp, timestamp)).unwrap();
}

/// The same, with a target's content changed.
pub fn forge_target(maker: &Maker, name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let folder = maker.folder.join(layout::repository::TARGETS);
    forge(maker, |targets| {
        let target = targets.targets.get_mut(&tough::TargetName::new(name).unwrap()).unwrap();
        let path = |hash: &[u8]| folder.join(format!("{}.{name}", hex::encode(hash)));
        let content = change(fs::read(path(&target.hashes.sha256)).unwrap());
        let hash = Sha256::digest(&content).to_vec();
        fs::write(path(&hash), &content).unwrap();
        target.length = content.len() as u64;
        target.hashes.sha256 = hash.into();
    });
}
