//! The kernel's tables of mounts and of swap (proc(5)), and word of their changes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, bail};
use sys::mount::MOUNTS;
use unit::Kind;
use unit::graph::Graph;
use unit::mount::{Mount, Mounted, unescape_octal};

use crate::folders;
use crate::poller::{Poller, Readiness, Source};

const SWAPS: &str = "/proc/swaps";

/// The tables, open to be told of changes.
pub struct Tables {
    /// Held open: closed, they would leave the poller's set.
    _files: Vec<File>,
}

impl Tables {
    /// Asks to be told of changes. A kernel without swap has no table of it.
    ///
    /// # Errors
    /// There is no table of mounts.
    pub fn open(poller: &Poller) -> Result<Tables> {
        let mounts = File::open(MOUNTS).with_context(|| format!("cannot open {MOUNTS}"))?;
        poller.add(&mounts, Source::Mounts, Readiness::Changed)?;
        let mut files = vec![mounts];
        if let Ok(swaps) = File::open(SWAPS) {
            poller.add(&swaps, Source::Swaps, Readiness::Changed)?;
            files.push(swaps);
        }
        Ok(Tables { _files: files })
    }
}

/// Everything that is mounted.
pub fn mounted() -> Vec<Mounted> {
    let bytes = fs::read(MOUNTS).unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().filter_map(Mounted::parse).collect()
}

/// Where something is mounted.
pub fn places() -> BTreeSet<String> {
    mounted().into_iter().map(|mounted| mounted.place).collect()
}

/// What is in use as swap, by the names that units have for it too: they may use links.
pub fn swaps(graph: &Graph) -> BTreeSet<String> {
    let table = fs::read_to_string(SWAPS).unwrap_or_default();
    let names = table.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let mut used: BTreeSet<String> = names.map(unescape_octal).collect();
    for unit in graph.units() {
        if let Kind::Swap(swap) = &unit.kind
            && let Ok(path) = fs::canonicalize(&swap.what)
            && used.contains(path.to_string_lossy().as_ref())
        {
            used.insert(swap.what.clone());
        }
    }
    used
}

/// Makes the mount point, and the folder that a bind mount is to show.
///
/// # Errors
/// They cannot be made, or the mount point is a link: what is mounted there would be elsewhere.
pub fn prepare(mount: &Mount) -> Result<()> {
    let place = Path::new(&mount.place);
    if place.is_symlink() {
        bail!("{} is a symbolic link: name the path that it leads to in Where=", mount.place);
    }
    if mount.is_bind() && mount.what.starts_with('/') && !Path::new(&mount.what).exists() {
        folders::make(Path::new(&mount.what), mount.directory_mode)?;
    }
    match place.exists() {
        true => Ok(()),
        false => folders::make(place, mount.directory_mode),
    }
}
