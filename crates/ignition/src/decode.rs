//! From JSON to a config: each value is held against the table of [`shape`](crate::shape).

use crate::report::Severity;
use crate::shape::{Field, Shape};
use crate::tree::{Member, Node, Value};
use serde_json::Value as Json;

/// A finding at a place in the text.
pub struct At {
    pub severity: Severity,
    pub path: String,
    /// The offset in the text.
    pub start: usize,
    pub message: String,
}

/// Makes of a node what the types take; says what does not fit, and what nobody reads.
pub fn decode(node: &Node, shape: &Shape, minor: u32, found: &mut Vec<At>) -> Json {
    Decoder { minor, found }.value(node, shape, "$")
}

struct Decoder<'f> {
    minor: u32,
    found: &'f mut Vec<At>,
}

impl Decoder<'_> {
    fn say(&mut self, severity: Severity, path: &str, start: usize, message: String) {
        self.found.push(At { severity, path: path.to_owned(), start, message });
    }

    fn value(&mut self, node: &Node, shape: &Shape, path: &str) -> Json {
        let start = node.start;
        match (shape, &node.value) {
            (Shape::Object(fields), Value::Object(members)) => self.object(members, fields, path),
            (Shape::List(item), Value::List(items)) => items
                .iter()
                .enumerate()
                .map(|(index, node)| self.item(node, item, &format!("{path}.{index}")))
                .collect(),
            (Shape::Text, Value::Text(text)) => text.clone().into(),
            (Shape::Boolean, Value::Boolean(value)) => (*value).into(),
            (Shape::Integer, Value::Number(text)) => match text.parse::<i64>() {
                Ok(number) => number.into(),
                Err(_) => {
                    let message = format!("expected a whole number of 64 bits, found {text}");
                    self.say(Severity::Error, path, start, message);
                    Json::Null
                }
            },
            (shape, value) => {
                let hint = match (shape, value) {
                    (Shape::Integer, Value::Text(_)) if path.ends_with(".mode") => {
                        ": a mode is the decimal number, 420 for 0644"
                    }
                    (Shape::Integer | Shape::Boolean, Value::Text(_)) => ": leave the quotation marks away",
                    _ => "",
                };
                let message = format!("expected {}, found {}{hint}", wanted(shape), seen(value));
                self.say(Severity::Error, path, start, message);
                Json::Null
            }
        }
    }

    /// An entry of a list. Null is an empty entry.
    fn item(&mut self, node: &Node, shape: &Shape, path: &str) -> Json {
        match (&node.value, shape) {
            (Value::Null, Shape::Object(fields)) => {
                self.say(
                    Severity::Warning,
                    path,
                    node.start,
                    "null stands for an entry without keys".to_owned(),
                );
                self.object(&[], fields, path)
            }
            (Value::Null, Shape::Text) => String::new().into(),
            _ => self.value(node, shape, path),
        }
    }

    fn object(&mut self, members: &[Member], fields: &'static [Field], path: &str) -> Json {
        let mut object = serde_json::Map::new();
        for Member { start, key, node } in members {
            let below = format!("{path}.{key}");
            // Keys are found whatever the case of their letters, as the reference's reader of JSON does.
            let known = fields.iter().find(|field| field.name.eq_ignore_ascii_case(key));
            let Some(field) = known.filter(|field| field.since <= self.minor) else {
                let message = match known {
                    Some(field) => {
                        format!("the key {key} came with version 3.{}.0, and is ignored", field.since)
                    }
                    None => format!("the key {key} means nothing here, and is ignored"),
                };
                self.say(Severity::Warning, &below, *start, message);
                continue;
            };
            if field.name != key.as_str() {
                let message = format!("the key {key} is taken for {}: write it so", field.name);
                self.say(Severity::Warning, &below, *start, message);
            }
            if matches!(node.value, Value::Null) {
                if matches!(field.shape, Shape::Object(_)) {
                    self.say(Severity::Warning, &below, node.start, "null stands for nothing".to_owned());
                }
                continue;
            }
            let value = self.value(node, field.shape, &format!("{path}.{}", field.name));
            if object.insert(field.name.to_owned(), value).is_some() {
                let message = format!("the key {key} stands here more than once; the last one counts");
                self.say(Severity::Warning, &below, *start, message);
            }
        }
        for field in fields.iter().filter(|field| self.minor < field.required_before) {
            object.entry(field.name).or_insert_with(|| String::new().into());
        }
        Json::Object(object)
    }
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text => "a string",
        Shape::Integer => "a number",
        Shape::Boolean => "true or false",
        Shape::List(_) => "a list",
        Shape::Object(_) => "an object",
    }
}

fn seen(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "true or false",
        Value::Number(_) => "a number",
        Value::Text(_) => "a string",
        Value::List(_) => "a list",
        Value::Object(_) => "an object",
    }
}
