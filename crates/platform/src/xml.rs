//! XML that platforms give. Document types, which could refer to files or grow without end, are refused.

use roxmltree::{Document, Node, ParsingOptions};

use crate::{Error, Result};

/// The most bytes and the most elements, attributes and texts of a document.
const MOST: usize = 1 << 20;
const MOST_NODES: u32 = 20_000;
/// How deep elements may stand in each other.
const DEEPEST: usize = 64;

pub(crate) fn parse<'a>(place: &str, text: &'a str) -> Result<Document<'a>> {
    if text.len() > MOST || is_deep(text) {
        return Err(Error::garbage(place, "it is larger or deeper than any real one"));
    }
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options)
        .map_err(|fault| Error::garbage(place, format!("it is not the XML it should be: {fault}")))
}

/// Whether elements may stand deeper in each other than the parser's stack allows for: a rough count.
fn is_deep(text: &str) -> bool {
    let (mut depth, mut deepest) = (0_usize, 0);
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match (byte, bytes.get(at + 1)) {
            (b'<', Some(b'/')) => depth = depth.saturating_sub(1),
            (b'<', Some(b'!' | b'?')) => {}
            (b'<', _) => depth += 1,
            (b'/', Some(b'>')) => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest > DEEPEST
}

/// The text of the element at a path of names, in whatever name space.
pub(crate) fn text(node: Node<'_, '_>, path: &[&str]) -> Option<String> {
    let found = path.iter().try_fold(node, |node, name| child(node, name))?;
    found.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

pub(crate) fn child<'a, 'b>(node: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    node.children().find(|child| child.tag_name().name() == name)
}
