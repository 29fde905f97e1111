//! Files of settings: of two of one name that of the folder which counts more, all in the order of their names.

use std::fs;
use std::path::{Path, PathBuf};

use layout::path::CONFIGURATION;
use settings::files::{folders, winners};

/// The files of one kind, such as those of `modprobe.d` that end in `.conf`, of the system below a root.
pub fn of_kind(root: &Path, kind: &str, suffix: &str) -> Vec<PathBuf> {
    let listings = folders(kind).map(|folder| {
        let entries = fs::read_dir(below(root, &folder)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        (folder, names)
    });
    winners(&listings, suffix).iter().map(|found| below(root, &found.path())).collect()
}

/// The files of one program: its own, such as `systemd/journald.conf`, and what is in the folder of that name
/// with `.d`, which comes later and so counts more.
pub fn of_program(root: &Path, file: &str) -> Vec<PathBuf> {
    let own = CONFIGURATION.iter().map(|folder| below(root, &format!("{folder}/{file}")));
    let own = own.into_iter().find(|path| path.exists());
    own.into_iter().chain(of_kind(root, &format!("{file}.d"), ".conf")).collect()
}

/// A path of the system below a root.
pub(crate) fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}
