//! YAML as a tree whose every node knows its place. Scalars keep their text: what a value is, its
//! place in the schema says, so that `version: 1.0` and `password: 0123` lose nothing.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

/// No config is nested this deep; a text that is would overflow the stack.
const DEEPEST: usize = 64;
/// Nodes of a tree, those that aliases repeat included: a few lines of aliases of aliases can
/// stand for more than any memory holds.
const MOST_NODES: usize = 200_000;

/// A place in the text, both from 1; a column is a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    fn of(marker: &Marker) -> Self {
        Self { line: marker.line(), column: marker.col() + 1 }
    }
}

/// What stops the reading, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    pub place: Place,
    pub message: String,
}

/// A node and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub place: Place,
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a map and its place.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub text: String,
    pub place: Place,
}

/// A scalar as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub text: String,
    /// Neither quoted nor a block.
    pub plain: bool,
    /// The tag of YAML's own, such as `str`, if it has one.
    pub tag: Option<String>,
}

impl Scalar {
    /// Whether it stands for no value at all.
    pub(crate) fn is_null(&self) -> bool {
        match self.tag.as_deref() {
            None => self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL"),
            Some(tag) => tag == "null",
        }
    }

    /// As a number: decimal, `0x`, `0b`, octal as `0o` or with a leading zero, and a decimal
    /// fraction that is whole.
    pub(crate) fn number(&self) -> Option<i64> {
        if !self.plain && self.tag.as_deref() != Some("int") || self.tag.as_deref() == Some("str") {
            return None;
        }
        let text = self.text.replace('_', "");
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(&text)),
        };
        if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return None;
        }
        let radix = |prefixes: [&str; 2], radix| {
            let digits = prefixes.iter().find_map(|prefix| digits.strip_prefix(prefix))?;
            digits.starts_with(|c: char| c.is_ascii_hexdigit()).then_some(())?;
            i64::from_str_radix(digits, radix).ok()
        };
        let octal = || match digits.strip_prefix('0') {
            Some(rest) if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) => {
                i64::from_str_radix(rest, 8).ok()
            }
            _ => None,
        };
        let number = radix(["0x", "0X"], 16)
            .or_else(|| radix(["0o", "0O"], 8))
            .or_else(|| radix(["0b", "0B"], 2))
            .or_else(octal)
            .or_else(|| digits.parse().ok())
            .or_else(|| whole(digits))?;
        Some(if negative { -number } else { number })
    }

    /// As yes or no, in YAML 1.2's words or in those of 1.1.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self.text.as_str() {
            "true" | "True" | "TRUE" if self.plain => Some(true),
            "false" | "False" | "FALSE" if self.plain => Some(false),
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
            _ => None,
        }
    }
}

/// A number with a point or an exponent that is nevertheless whole.
fn whole(digits: &str) -> Option<i64> {
    let number: f64 = digits.parse().ok()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let cut = number as i64;
    #[allow(clippy::cast_precision_loss)]
    let same = cut as f64 == number && cut.unsigned_abs() < 1 << 53;
    same.then_some(cut)
}

/// Reads the first document of `text`; none where there is none. The place of a second one, which
/// nobody reads, comes with it.
pub(crate) fn read(text: &str) -> Result<(Option<Node>, Option<Place>), Stop> {
    let mut builder = Builder::default();
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| stop(Place::of(error.marker()), &format!("not YAML: {}", error.info())))?;
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                return Ok((builder.root, Some(Place::of(&span.start))));
            }
        }
        builder.take(event, span)?;
    }
    Ok((builder.root, None))
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

/// A list or map that is not at its end.
struct Open {
    place: Place,
    anchor: usize,
    /// Nodes that there were before it.
    before: usize,
    parts: Parts,
}

enum Parts {
    List(Vec<Node>),
    Map(Vec<(Key, Node)>, Option<Key>),
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let place = Place::of(&span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let tag = tag.as_deref().and_then(own_tag);
                let value = Value::Scalar(Scalar { text: text.into_owned(), plain, tag });
                self.count(place, 1)?;
                self.put(Node { place, value }, anchor, 1)
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(stop(place, "this alias is inside of what it stands for"));
                };
                self.count(place, size)?;
                self.put(node, 0, size)
            }
            Event::SequenceStart(anchor, _) => self.open(place, anchor, Parts::List(vec![])),
            Event::MappingStart(anchor, _) => self.open(place, anchor, Parts::Map(vec![], None)),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let value = match open.parts {
                    Parts::List(items) => Value::List(items),
                    Parts::Map(entries, _) => Value::Map(merged(entries)?),
                };
                let size = self.nodes - open.before;
                self.put(Node { place: open.place, value }, open.anchor, size)
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, place: Place, more: usize) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > MOST_NODES {
            return Err(stop(place, &format!("more than {MOST_NODES} values: aliases repeat too much")));
        }
        Ok(())
    }

    fn open(&mut self, place: Place, anchor: usize, parts: Parts) -> Result<(), Stop> {
        if self.open.len() == DEEPEST {
            return Err(stop(place, &format!("nested more than {DEEPEST} deep")));
        }
        let before = self.nodes;
        self.count(place, 1)?;
        self.open.push(Open { place, anchor, before, parts });
        Ok(())
    }

    /// A node that is whole goes where it belongs: as a key, a value, an item, or as the document.
    fn put(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Stop> {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut().map(|open| &mut open.parts) {
            None => self.root = Some(node),
            Some(Parts::List(items)) => items.push(node),
            Some(Parts::Map(entries, key)) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => {
                    let Value::Scalar(scalar) = node.value else {
                        return Err(stop(node.place, "a key is text, not a list or a map"));
                    };
                    if let Some((first, _)) = entries.iter().find(|(key, _)| key.text == scalar.text) {
                        let text =
                            format!("`{}` is here twice, first in line {}", scalar.text, first.place.line);
                        return Err(stop(node.place, &text));
                    }
                    *key = Some(Key { text: scalar.text, place: node.place });
                }
            },
        }
        Ok(())
    }
}

/// The entries with those of `<<` put in, where they are not there already.
fn merged(entries: Vec<(Key, Node)>) -> Result<Vec<(Key, Node)>, Stop> {
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| key.text == "<<");
    for (_, node) in merges {
        let place = node.place;
        let sources = match node.value {
            Value::List(items) => items,
            value => vec![Node { place, value }],
        };
        for source in sources {
            let Value::Map(more) = source.value else {
                return Err(stop(source.place, "`<<` takes a map, or a list of maps"));
            };
            for (key, node) in more {
                if !own.iter().any(|(there, _)| there.text == key.text) {
                    own.push((key, node));
                }
            }
        }
    }
    Ok(own)
}

/// A tag's name, if it is one of YAML's own.
fn own_tag(tag: &Tag) -> Option<String> {
    tag.is_yaml_core_schema().then(|| tag.suffix.clone())
}

fn stop(place: Place, message: &str) -> Stop {
    Stop { place, message: message.to_owned() }
}
