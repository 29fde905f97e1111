//! Names in a repository of releases, below its URL. The layout of the metadata is that of The Update Framework with
//! consistent snapshots; names of targets hold no slash, since clients place such ones differently.

/// Folder of the signed metadata.
pub const METADATA: &str = "metadata";
/// Folder of the targets, each as `<sha256>.<name>`.
pub const TARGETS: &str = "targets";
/// Folder of the archives, each as `<sha256>.cba`. They are no targets: their headers are.
pub const ARCHIVES: &str = "archives";

/// The target that is the index of a channel.
pub fn channel(channel: &str) -> String {
    format!("{channel}.channel.json")
}

/// The target that is the manifest of a release.
pub fn manifest(product: &str, version: &str) -> String {
    format!("{product}_{version}.manifest.json")
}

/// The target that is the header of an archive of a release; `part` is `usr`, `uki`, or what [`extension_header`] says.
pub fn archive_header(product: &str, version: &str, part: &str) -> String {
    format!("{product}_{version}.{part}.cba-header")
}

/// The target that is the header of the archive of a system extension which was made for a release.
pub fn extension_header(product: &str, version: &str, name: &str) -> String {
    archive_header(product, version, &format!("{name}.sysext"))
}

/// Path of an archive below the URL.
pub fn archive(sha256: &str) -> String {
    format!("{ARCHIVES}/{sha256}.cba")
}
