//! What can go wrong between the archive and a running tool, and what to do then.

use std::io;
use std::path::PathBuf;

/// The result of this crate's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// Each message says what was being done, to what, and what to do next.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    #[error(
        "this system refuses user namespaces ({0}), which the build needs to enter its tools tree\n  \
         allow them: `sysctl -w user.max_user_namespaces=100000`, on Ubuntu also \
         `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`; in a container, allow \
         unshare(2) and mount(2) in its seccomp profile"
    )]
    UserNamespaces(io::Error),
    #[error(
        "the folder for temporary files, {0}, is not there\n  make it, or set TMPDIR to a folder that you can write to"
    )]
    NoTemporaryFolder(PathBuf),
    #[error(
        "no Debian archive is known: this system's apt has no source of origin Debian\n  set {mirror} to \
         an archive's URL (two, separated by a space, where security updates are apart), and {keyring} \
         to the archive's keyring file",
        mirror = crate::MIRROR_VARIABLE, keyring = crate::KEYRING_VARIABLE
    )]
    NoMirror,
    #[error(
        "the keyring {0} does not exist\n  set {keyring} to the file that holds the Debian archive's \
         keys (package debian-archive-keyring)", keyring = crate::KEYRING_VARIABLE
    )]
    NoKeyring(PathBuf),
    #[error("`{0}` is not installed here\n  the build needs apt-get and dpkg-deb (packages apt, dpkg)")]
    NoApt(&'static str),
    #[error("the Debian archive could not be read: {0}\n  check the network, the proxy of this system's apt, or {mirror}",
        mirror = crate::MIRROR_VARIABLE)]
    Network(String),
    #[error(
        "the disk is full: {doing} needs space in {path}\n  free some, or set BERTH_CACHE to a directory on a larger disk"
    )]
    DiskFull { doing: String, path: PathBuf },
    #[error(
        "the Debian archive has no package `{0}`\n  correct its name in images/packages.yaml or in the image's spec"
    )]
    NoPackage(String),
    #[error(
        "the Debian archive no longer has {name} {version}\n  run `cargo xtask lock` to take what it has now"
    )]
    NoVersion { name: String, version: String },
    #[error(
        "{path} is not what images/inputs.lock says: SHA-256 {actual}, expected {expected}\n  remove the \
         file to fetch it again; if the archive itself has changed, do not build with it"
    )]
    Hash { path: PathBuf, expected: String, actual: String },
    #[error(
        "the tools tree {tree} has no program `{program}`\n  add its package to images/packages.yaml and run `cargo xtask lock`"
    )]
    NoProgram { tree: PathBuf, program: String },
    #[error("{doing}: {message}")]
    Tool { doing: String, message: String },
    #[error("{doing} {path}: {cause}")]
    Io { doing: &'static str, path: PathBuf, cause: io::Error },
}

impl Error {
    /// An [`Error::Io`], or [`Error::DiskFull`] where that is the cause.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| match cause.kind() {
            io::ErrorKind::StorageFull => Self::DiskFull { doing: doing.to_owned(), path },
            _ => Self::Io { doing, path, cause },
        }
    }
}
