//! The layers, name by name.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Eras;

/// What is at a path of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A file or a link: what tells one content from another, and its permission bits (of a link, none).
    Content {
        /// A digest.
        digest: String,
        /// Permission bits.
        mode: u32,
    },
    /// A folder.
    Folder,
}

/// What is at a path of the machine's layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upper {
    /// Something of its own, and when it was written, in seconds since 1970.
    Own(Node, u64),
    /// A folder that hides all that the image has in it.
    Opaque,
    /// The mark of something that is removed.
    Removed,
}

/// How a path differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The image has none.
    Added,
    /// The image has another.
    Changed,
    /// The image has the same, with other permissions.
    Permissions,
    /// The image has the same: an update does not reach it all the same.
    Copied,
    /// The image has it, the machine does not.
    Removed,
}

/// A path that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Below `/etc`.
    pub path: String,
    /// How.
    pub what: What,
    /// Whether the image's file has changed since the machine's was written. None where that is not known.
    pub vendor_changed: Option<bool>,
}

/// What differs, by path. Folders that only hold what differs are not told of.
pub fn compare(
    lower: &BTreeMap<String, Node>,
    upper: &BTreeMap<String, Upper>,
    eras: &Eras,
) -> Vec<Difference> {
    let mut found = BTreeMap::new();
    for (path, node) in upper {
        let what = match (node, lower.get(path)) {
            (Upper::Own(Node::Folder, _) | Upper::Opaque, Some(Node::Folder)) => None,
            (Upper::Own(own, _), Some(vendor)) => Some(changed(own, vendor)),
            (Upper::Opaque, Some(_)) => Some(What::Changed),
            (Upper::Own(..) | Upper::Opaque, None) => Some(What::Added),
            (Upper::Removed, Some(_)) => Some(What::Removed),
            (Upper::Removed, None) => None,
        };
        let written = if let Upper::Own(_, written) = node { Some(*written) } else { None };
        if let Some(what) = what {
            found.insert(path.clone(), (what, written));
        }
        if matches!(node, Upper::Opaque | Upper::Removed) {
            let below = format!("{path}/");
            let hidden = lower.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
            for (path, _) in hidden.filter(|(path, _)| !upper.contains_key(*path)) {
                found.entry(path.clone()).or_insert((What::Removed, None));
            }
        }
    }
    let difference = |(path, (what, written)): (String, (What, Option<u64>))| {
        let now = match lower.get(&path) {
            Some(Node::Content { digest, .. }) => Some(digest.as_str()),
            _ => None,
        };
        let then = written.and_then(|written| eras.at(written));
        let vendor_changed = then.map(|era| era.files.get(&path).map(String::as_str) != now);
        Difference { path, what, vendor_changed }
    };
    found.into_iter().map(difference).collect()
}

fn changed(own: &Node, vendor: &Node) -> What {
    match (own, vendor) {
        (Node::Content { digest: own, .. }, Node::Content { digest: vendor, .. }) if own != vendor => {
            What::Changed
        }
        (Node::Content { mode: own, .. }, Node::Content { mode: vendor, .. }) if own != vendor => {
            What::Permissions
        }
        (Node::Content { .. }, Node::Content { .. }) => What::Copied,
        _ => What::Changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Era;

    fn file(digest: &str) -> Node {
        Node::Content { digest: digest.into(), mode: 0o644 }
    }

    fn map<T: Clone>(entries: &[(&str, T)]) -> BTreeMap<String, T> {
        entries.iter().map(|(path, node)| ((*path).to_owned(), node.clone())).collect()
    }

    #[test]
    fn each_path_differs_in_its_way() {
        let lower = map(&[
            ("issue", file("a")),
            ("gone", file("a")),
            ("same", file("a")),
            ("narrow", file("a")),
            ("ssh", Node::Folder),
            ("ssh/config", file("a")),
            ("hidden", Node::Folder),
            ("hidden/a", file("a")),
            ("hidden/deep", Node::Folder),
            ("hidden/deep/b", file("b")),
            ("hidden-not/a", file("a")),
            ("was-file", file("a")),
            ("untouched", file("a")),
        ]);
        let own = |node: Node| Upper::Own(node, 150);
        let upper = map(&[
            ("issue", own(file("b"))),
            ("gone", Upper::Removed),
            ("gone-twice", Upper::Removed),
            ("same", own(file("a"))),
            ("narrow", own(Node::Content { digest: "a".into(), mode: 0o600 })),
            ("ssh", own(Node::Folder)),
            ("ssh/key", own(file("k"))),
            ("hidden", Upper::Opaque),
            ("hidden/a", own(file("c"))),
            ("was-file", own(Node::Folder)),
            ("new", own(Node::Folder)),
        ]);
        let found: Vec<(String, What)> = compare(&lower, &upper, &Eras::default())
            .into_iter()
            .map(|difference| (difference.path, difference.what))
            .collect();
        let expected = [
            ("gone", What::Removed),
            ("hidden/a", What::Changed),
            ("hidden/deep", What::Removed),
            ("hidden/deep/b", What::Removed),
            ("issue", What::Changed),
            ("narrow", What::Permissions),
            ("new", What::Added),
            ("same", What::Copied),
            ("ssh/key", What::Added),
            ("was-file", What::Changed),
        ];
        assert_eq!(found, expected.map(|(path, what)| (path.to_owned(), what)));
    }

    #[test]
    fn whether_the_image_has_changed_a_file_since_is_told_by_the_era_it_was_written_in() {
        let mut eras = Eras::default();
        for (version, since, digest) in [("0.1.0", 100, "a"), ("0.2.0", 200, "b"), ("0.3.0", 300, "b")] {
            let files = [("issue".to_owned(), digest.to_owned())].into();
            eras.begin(Era { version: version.into(), since, files });
        }
        let lower = map(&[("issue", file("b")), ("fresh", file("f"))]);
        for (path, written, expected) in [
            ("issue", 50, Some(true)),
            ("issue", 150, Some(true)),
            ("issue", 250, Some(false)),
            ("issue", 350, Some(false)),
            // The image had none then.
            ("fresh", 350, Some(true)),
            // It never had one.
            ("own", 350, Some(false)),
        ] {
            let upper = map(&[(path, Upper::Own(file("x"), written))]);
            let found = compare(&lower, &upper, &eras);
            assert_eq!(found[0].vendor_changed, expected, "{path} {written}");
        }
        let upper = map(&[("issue", Upper::Own(file("x"), 50))]);
        assert_eq!(compare(&lower, &upper, &Eras::default())[0].vendor_changed, None);
        let removed = map(&[("issue", Upper::Removed)]);
        assert_eq!(compare(&lower, &removed, &eras)[0].vendor_changed, None);
    }
}
