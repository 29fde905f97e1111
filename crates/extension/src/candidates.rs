//! Which image files count, of all that lie in the folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use layout::extension::SUFFIX;

/// What a folder has under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file, or a link that leads to one.
    File,
    /// A folder, or a link to one.
    Folder,
    /// A link to /dev/null: there is to be no extension of this name.
    Mask,
    /// A link that leads nowhere, or something that can be no image.
    Other,
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its file name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

impl Entry {
    /// The name of the extension that it is of.
    pub fn extension(&self) -> &str {
        self.name.strip_suffix(SUFFIX).unwrap_or(&self.name)
    }
}

/// What is to be made of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// An image at this path.
    Image(PathBuf),
    /// No image that can be used: the path, and why.
    Unusable(PathBuf, String),
}

/// The candidate of each name, in order of name, which is that of the layers. Of two of one name that in the first
/// folder counts, a masked name has none. Entries whose name begins with a dot are none of ours.
pub fn choose(folders: &[(&Path, Vec<Entry>)]) -> BTreeMap<String, Candidate> {
    let mut chosen: BTreeMap<String, Option<Candidate>> = BTreeMap::new();
    for (folder, entries) in folders {
        for entry in entries.iter().filter(|entry| !entry.name.starts_with('.')) {
            let (name, candidate) = judge(folder, entry);
            chosen.entry(name).or_insert(candidate);
        }
    }
    chosen.into_iter().filter_map(|(name, candidate)| Some((name, candidate?))).collect()
}

fn judge(folder: &Path, entry: &Entry) -> (String, Option<Candidate>) {
    let path = folder.join(&entry.name);
    let unusable = |why: &str| Some(Candidate::Unusable(path.clone(), why.to_owned()));
    let stem = entry.name.strip_suffix(SUFFIX);
    let name = entry.extension().to_owned();
    let candidate = match (entry.kind, stem) {
        (Kind::Mask, _) => None,
        (Kind::Folder, _) => {
            unusable("it is a folder, which nothing can have signed: only images with a hash tree are merged")
        }
        (_, None) => unusable("its name is not that of an image: NAME.raw"),
        (_, Some(stem)) if !is_name(stem) => unusable("its name has characters other than a-z, 0-9 and -"),
        (Kind::Other, _) => unusable("it is no file, or a link that leads to none"),
        (Kind::File, _) => Some(Candidate::Image(path.clone())),
    };
    (name, candidate)
}

/// Whether a text names an extension: lower-case letters, digits and dashes, a letter first.
pub fn is_name(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 64 && text.bytes().all(fine) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// The lower layers of an overlay, as its `lowerdir=` has them: the extensions' folders, the last name uppermost, and
/// the base below all.
pub fn layers<'a>(extensions: impl DoubleEndedIterator<Item = &'a Path>, base: Option<&'a Path>) -> String {
    let layers: Vec<_> =
        extensions.rev().chain(base).map(|path| path.to_string_lossy().into_owned()).collect();
    layers.join(":")
}
