//! UEFI firmware for machines: OVMF, as EDK II calls its build for QEMU.

use std::path::{Path, PathBuf};

use sandbox::Tree;

/// Where packages of Debian and its kin put it.
const DIRECTORY: &str = "/usr/share/OVMF";

/// A firmware's two halves, as paths of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// The code, which a machine only reads.
    pub code: PathBuf,
    /// The variables as shipped: each machine gets a copy.
    pub variables: PathBuf,
}

impl Firmware {
    /// The tools tree's, else the host's.
    pub fn find(tools: &Tree) -> Option<Self> {
        Self::in_directory(&tools.path(DIRECTORY)).or_else(|| Self::in_directory(Path::new(DIRECTORY)))
    }

    fn in_directory(directory: &Path) -> Option<Self> {
        let found =
            Self { code: directory.join("OVMF_CODE_4M.fd"), variables: directory.join("OVMF_VARS_4M.fd") };
        (found.code.is_file() && found.variables.is_file()).then_some(found)
    }
}
