//! What can go wrong while an artifact is made.

use std::io;
use std::path::{Path, PathBuf};

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Each message says what was being done, and to what.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing failed.
    #[error("{doing} {}: {cause}", path.display())]
    Io {
        /// What was being done, such as "writing".
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A program of the tools tree could not be started.
    #[error("starting {program}: {cause}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        cause: io::Error,
    },
    /// A program of the tools tree failed.
    #[error("{program} failed ({status}) while {doing}:\n{output}")]
    Tool {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
        /// What it was to do.
        doing: String,
        /// What it printed.
        output: String,
    },
    /// Something is in the way of a file, or a path cannot be.
    #[error(transparent)]
    Files(#[from] crate::files::FilesError),
    /// There can be no hash tree.
    #[error("hashing {}: {cause}", path.display())]
    Verity {
        /// The data.
        path: PathBuf,
        /// Why.
        cause: ::verity::TreeError,
    },
    /// Something is larger than the place that it must fit.
    #[error(transparent)]
    TooLarge(#[from] crate::size::TooLarge),
    /// A size that no partition can have.
    #[error("the size of partition {label}, {size} bytes, is not a positive multiple of {alignment} bytes")]
    PartitionSize {
        /// The partition.
        label: &'static str,
        /// The size asked for.
        size: u64,
        /// What it must be a multiple of.
        alignment: u64,
    },
    /// The partition table could not be written.
    #[error("writing the partition table of {}: {cause}", path.display())]
    Gpt {
        /// The disk.
        path: PathBuf,
        /// Why.
        cause: gpt::GptError,
    },
}

impl Error {
    /// For `map_err`: an error of the system, with what was being done to what.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { doing, path, cause }
    }
}
