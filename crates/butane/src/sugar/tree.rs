//! `trees`: folders beside the config, whose files and links become the config's.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::{Object, list, local, resource, text};
use crate::read::{Path, Reader};
use crate::{Leaf, LeafKind};

pub(super) fn check(reader: &mut Reader<'_>, tree: &Object, path: &Path) {
    if text(&Json::Object(tree.clone()), "local").is_none() {
        reader.error(path, "a tree needs `local`, the folder that it is");
    }
}

/// Adds what is in the trees to the files and links of the config.
pub(super) fn add_nodes(reader: &mut Reader<'_>, config: &mut Object) {
    let Some(Json::Object(storage)) = config.get_mut("storage") else { return };
    let Some(Json::Array(trees)) = storage.remove("trees") else { return };
    let mut nodes = Nodes::of(storage);
    let all = Path::root().key("storage").key("trees");
    for (index, tree) in trees.iter().enumerate() {
        let at = all.item(index);
        let Some(folder) = local::folder(reader, &at) else { return };
        let Some(name) = text(tree, "local") else { continue };
        let leaves = match local::clean(name).and_then(|name| folder.tree(&name)) {
            Ok(leaves) => leaves,
            Err(why) => {
                reader.error(&at, why);
                continue;
            }
        };
        let root = text(tree, "path").unwrap_or("/");
        for leaf in leaves {
            if let Err(why) = nodes.add(reader, storage, root, leaf, &at) {
                reader.error(&at, why);
            }
        }
    }
}

/// Which paths the config has, and where.
struct Nodes(HashMap<String, (&'static str, usize)>);

impl Nodes {
    fn of(storage: &Object) -> Self {
        let mut known = HashMap::new();
        for kind in ["files", "directories", "links"] {
            let nodes = storage.get(kind).and_then(Json::as_array).into_iter().flatten();
            for (index, node) in nodes.enumerate() {
                if let Some(path) = text(node, "path") {
                    known.insert(path.to_owned(), (kind, index));
                }
            }
        }
        Self(known)
    }

    /// Adds a leaf of a tree whose root is at `root` on the machine.
    fn add(
        &mut self,
        reader: &mut Reader<'_>,
        storage: &mut Object,
        root: &str,
        leaf: Leaf,
        tree: &Path,
    ) -> Result<(), String> {
        let path = join(root, &leaf.path);
        match leaf.kind {
            LeafKind::File { contents, executable } => {
                let (index, file) = self.node(reader, storage, "files", &path, tree)?;
                if file.get("contents").is_some_and(|contents| text(contents, "source").is_some()) {
                    return Err(twice(&path));
                }
                let mut known = match file.remove("contents") {
                    Some(Json::Object(known)) => known,
                    _ => Object::new(),
                };
                let compressed = text(&Json::Object(known.clone()), "compression").is_some();
                let (url, compression) = resource::data_url(reader.format.version, &contents, compressed);
                known.insert("source".to_owned(), url.into());
                if let Some(compression) = compression {
                    known.insert("compression".to_owned(), compression.into());
                }
                file.insert("contents".to_owned(), Json::Object(known));
                file.entry("mode").or_insert_with(|| json!(if executable { 0o755 } else { 0o644 }));
                reader.derive(&format!("$.storage.files.{index}.contents"), tree);
            }
            LeafKind::Link { target } => {
                let (_, link) = self.node(reader, storage, "links", &path, tree)?;
                if link.get("target").and_then(Json::as_str).is_some_and(|target| !target.is_empty()) {
                    return Err(twice(&path));
                }
                link.insert("target".to_owned(), target.into());
            }
            LeafKind::Other => {
                return Err(format!("`{}` is neither a file, a folder nor a link", leaf.path));
            }
        }
        Ok(())
    }

    /// The config's node of this kind at `path`; a new one where it has none.
    fn node<'s>(
        &mut self,
        reader: &mut Reader<'_>,
        storage: &'s mut Object,
        kind: &'static str,
        path: &str,
        tree: &Path,
    ) -> Result<(usize, &'s mut Object), String> {
        let nodes = list(storage, kind);
        let index = match self.0.get(path) {
            Some((known, index)) if *known == kind => *index,
            Some(_) => return Err(twice(path)),
            None => {
                let index = nodes.len();
                nodes.push(json!({ "path": path }));
                self.0.insert(path.to_owned(), (kind, index));
                reader.derive(&format!("$.storage.{kind}.{index}"), tree);
                index
            }
        };
        match nodes.get_mut(index) {
            Some(Json::Object(node)) => Ok((index, node)),
            _ => Err(twice(path)),
        }
    }
}

fn twice(path: &str) -> String {
    format!("`{path}` is in the config already, with contents or as something else")
}

/// A path below a folder of the machine.
fn join(root: &str, path: &str) -> String {
    let absolute = root.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in root.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if absolute => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if absolute { format!("/{joined}") } else { joined }
}
