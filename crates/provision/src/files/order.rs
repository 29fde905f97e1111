//! In which order files, folders and links are made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ignition::config::{Config, Directory, File, Link};

use super::place;
use crate::failure::Failure;

/// One thing to make.
#[derive(Debug, Clone, Copy)]
pub enum Node<'a> {
    /// A folder.
    Folder(&'a Directory),
    /// A file.
    File(&'a File),
    /// A link.
    Link(&'a Link),
}

/// Where it is to be made.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Its part of the config, as JSON path.
    pub at: String,
    /// Its path, with no links on the way.
    pub path: PathBuf,
    /// What it is.
    pub node: Node<'a>,
}

impl Entry<'_> {
    /// What is made first: folders before what is in them, and other names of files when all files are there.
    fn rank(&self) -> (bool, usize, bool) {
        let is_link = matches!(self.node, Node::Link(_));
        let is_hard = matches!(self.node, Node::Link(Link { hard: Some(true), .. }));
        (is_hard, self.path.components().count(), is_link)
    }
}

/// The things that a config wants, in the order in which they are made. `resolve` follows the links on the way
/// to a path, as they are before anything is made.
///
/// # Errors
/// A path cannot be followed, two lead to one place, or one leads to where nothing may be written.
pub fn entries<'a>(
    config: &'a Config,
    resolve: &dyn Fn(&Path) -> std::io::Result<PathBuf>,
) -> Result<Vec<Entry<'a>>, Failure> {
    let Some(storage) = &config.storage else { return Ok(Vec::new()) };
    let folders = storage.directories.iter().flatten().enumerate();
    let folders = folders.map(|(i, f)| (format!("$.storage.directories.{i}"), &f.path, Node::Folder(f)));
    let files = storage.files.iter().flatten().enumerate();
    let files = files.map(|(i, f)| (format!("$.storage.files.{i}"), &f.path, Node::File(f)));
    let links = storage.links.iter().flatten().enumerate();
    let links = links.map(|(i, l)| (format!("$.storage.links.{i}"), &l.path, Node::Link(l)));

    let mut entries = Vec::new();
    let mut taken: BTreeMap<PathBuf, String> = BTreeMap::new();
    for (at, written, node) in folders.chain(files).chain(links) {
        let at_path = || format!("{at}.path");
        let path = resolve(Path::new(written)).map_err(|error| {
            let cause = format!("cannot follow {written}: {error}");
            Failure::new(at_path(), cause, "another path, or mend what is on the way to it")
        })?;
        if let Some(refusal) = place::refusal(&path) {
            return Err(Failure::new(at_path(), refusal.cause, refusal.next_step));
        }
        if let Some(other) = taken.insert(path.clone(), at.clone()) {
            let cause = format!(
                "{written} is {} once links are followed, and so is the path of {other}",
                path.display()
            );
            return Err(Failure::new(at_path(), cause, "remove one of the two"));
        }
        entries.push(Entry { at, path, node });
    }
    entries.sort_by_key(Entry::rank);
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(storage: serde_json::Value) -> Result<Vec<String>, Failure> {
        let config = serde_json::json!({"ignition": {"version": "3.6.0"}, "storage": storage});
        let config: Config = serde_json::from_value(config).unwrap();
        // A link `/up` to `/`.
        let resolve = |path: &Path| Ok(Path::new("/").join(path.strip_prefix("/up").unwrap_or(path)));
        let entries = entries(&config, &resolve)?;
        Ok(entries.iter().map(|entry| entry.path.display().to_string()).collect())
    }

    #[test]
    fn the_shallow_first_links_after_files_hard_links_last() {
        let made = order(serde_json::json!({
            "directories": [{"path": "/a/b/c"}, {"path": "/a"}, {"path": "/up/z"}],
            "files": [{"path": "/a/b/c/d"}, {"path": "/f"}],
            "links": [{"path": "/h", "target": "/a/b/c/d", "hard": true}, {"path": "/l", "target": "f"}],
        }));
        assert_eq!(made.unwrap(), ["/a", "/z", "/f", "/l", "/a/b/c", "/a/b/c/d", "/h"]);
    }

    #[test]
    fn two_paths_to_one_place_and_places_of_others_are_refused() {
        let cases = [
            (
                serde_json::json!({"files": [{"path": "/up/b"}, {"path": "/b"}]}),
                "$.storage.files.1.path: /b is /b",
            ),
            (
                serde_json::json!({"directories": [{"path": "/b"}], "links": [{"path": "/up/b"}]}),
                "$.storage.links.0.path: /up/b is /b once links are followed, and so is the path of \
                 $.storage.directories.0",
            ),
            (
                serde_json::json!({"files": [{"path": "/up/usr/b"}]}),
                "$.storage.files.0.path: /usr/b is below /usr",
            ),
        ];
        for (storage, expected) in cases {
            let failure = order(storage).unwrap_err().to_string();
            assert!(failure.starts_with(expected), "{failure}");
        }
    }
}
