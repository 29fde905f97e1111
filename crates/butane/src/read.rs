//! From the YAML's tree to the JSON's, key by key as the schema has them. The JSON's keys are
//! Ignition's; what is sugar is taken out on the way, object by object.

use std::collections::BTreeMap;

use ignition::{Entry, Severity};
use serde_json::{Map, Value as Json};

use crate::schema::{Field, Kind, Object, Sugar, camel};
use crate::yaml::{Key, Node, Place, Scalar, Value};
use crate::{Files, Format, Variant, sugar};

/// Where a value is: in the YAML and in the JSON that it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub yaml: String,
    pub json: String,
}

impl Path {
    pub(crate) fn root() -> Self {
        Self { yaml: "$".to_owned(), json: "$".to_owned() }
    }

    /// The value of the key `name`, a YAML key.
    pub(crate) fn key(&self, name: &str) -> Self {
        Self { yaml: format!("{}.{name}", self.yaml), json: format!("{}.{}", self.json, camel(name)) }
    }

    pub(crate) fn item(&self, index: usize) -> Self {
        Self { yaml: format!("{}.{index}", self.yaml), json: format!("{}.{index}", self.json) }
    }
}

/// A place that the JSON's paths lead back to.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub yaml: String,
    pub place: Place,
}

/// A translation under way.
pub(crate) struct Reader<'a> {
    pub format: Format,
    pub files: Option<&'a dyn Files>,
    pub entries: Vec<Entry>,
    /// From where each JSON path came.
    pub origins: BTreeMap<String, Origin>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(format: Format, files: Option<&'a dyn Files>) -> Self {
        Self { format, files, entries: vec![], origins: BTreeMap::new() }
    }

    /// Reads the whole config, by the schema's `object`.
    pub(crate) fn config(&mut self, node: &Node, object: &Object) -> Map<String, Json> {
        self.object(node, object, &Path::root())
    }

    /// Notes that something is wrong with the value at `path`, or with what it is part of.
    pub(crate) fn say(&mut self, severity: Severity, path: &Path, message: impl Into<String>) {
        let place = self.origin(&path.json).map_or(Place { line: 1, column: 1 }, |origin| origin.place);
        self.say_at(severity, &path.yaml, place, message);
    }

    pub(crate) fn is_fatal(&self) -> bool {
        self.entries.iter().any(|entry| entry.severity == Severity::Error)
    }

    pub(crate) fn error(&mut self, path: &Path, message: impl Into<String>) {
        self.say(Severity::Error, path, message);
    }

    pub(crate) fn say_at(
        &mut self,
        severity: Severity,
        yaml: &str,
        place: Place,
        message: impl Into<String>,
    ) {
        self.entries.push(Entry {
            severity,
            path: yaml.to_owned(),
            line: place.line,
            column: place.column,
            message: message.into(),
        });
    }

    /// Where the JSON's value at `path` came from, or the nearest one around it.
    pub(crate) fn origin(&self, path: &str) -> Option<&Origin> {
        let mut path = path;
        loop {
            if let Some(origin) = self.origins.get(path) {
                return Some(origin);
            }
            path = &path[..path.rfind('.')?];
        }
    }

    /// Notes that what is at `path` of the JSON was made from the value at `from`.
    pub(crate) fn derive(&mut self, path: &str, from: &Path) {
        if let Some(origin) = self.origin(&from.json).cloned() {
            self.origins.insert(path.to_owned(), origin);
        }
    }

    fn object(&mut self, node: &Node, object: &Object, path: &Path) -> Map<String, Json> {
        self.origins.insert(path.json.clone(), Origin { yaml: path.yaml.clone(), place: node.place });
        let mut out = Map::new();
        let none = vec![];
        let entries = match &node.value {
            Value::Map(entries) => entries,
            Value::Scalar(scalar) if scalar.is_null() => &none,
            other => {
                self.error(path, format!("{} where a map of keys and values belongs", kind_of(other)));
                return out;
            }
        };
        for (key, value) in entries {
            match object.fields.iter().find(|field| field.name == key.text) {
                Some(field) if self.format.has(field) => {
                    let inner = path.key(field.name);
                    if let Some(json) = self.value(value, field.kind, &inner) {
                        out.insert(camel(field.name), json);
                    }
                }
                known => self.unknown(key, known, object, path),
            }
        }
        for field in object.fields {
            if self.format.version < field.optional && !out.contains_key(&camel(field.name)) {
                out.insert(camel(field.name), Json::from(""));
            }
        }
        if object.sugar != Sugar::None {
            sugar::take_out(self, object.sugar, &mut out, path);
        }
        out
    }

    /// The value of a key; none where it says nothing.
    fn value(&mut self, node: &Node, kind: Kind, path: &Path) -> Option<Json> {
        match kind {
            Kind::Object(object) => {
                Some(self.object(node, object, path)).filter(|map| !map.is_empty()).map(Json::from)
            }
            Kind::List(kind) => {
                Some(self.list(node, *kind, path)).filter(|list| !list.is_empty()).map(Json::from)
            }
            Kind::Flag | Kind::Number | Kind::Text => self.scalar(node, kind, path),
        }
    }

    fn list(&mut self, node: &Node, kind: Kind, path: &Path) -> Vec<Json> {
        self.origins.insert(path.json.clone(), Origin { yaml: path.yaml.clone(), place: node.place });
        let items = match &node.value {
            Value::List(items) => items,
            Value::Scalar(scalar) if scalar.is_null() => return vec![],
            other => {
                self.error(path, format!("{} where a list belongs (`- ` before each item)", kind_of(other)));
                return vec![];
            }
        };
        let mut out = Vec::new();
        for (index, item) in items.iter().enumerate() {
            // An item that says nothing is none.
            if matches!(&item.value, Value::Scalar(scalar) if scalar.is_null()) {
                continue;
            }
            let path = Path { yaml: format!("{}.{index}", path.yaml), json: path.item(out.len()).json };
            out.extend(match kind {
                // An empty map, though, is one.
                Kind::Object(object) => Some(Json::from(self.object(item, object, &path))),
                kind => self.value(item, kind, &path),
            });
        }
        out
    }

    fn scalar(&mut self, node: &Node, kind: Kind, path: &Path) -> Option<Json> {
        self.origins.insert(path.json.clone(), Origin { yaml: path.yaml.clone(), place: node.place });
        let wanted = match kind {
            Kind::Flag => "true or false",
            Kind::Number => "a whole number",
            _ => "text",
        };
        let scalar = match &node.value {
            Value::Scalar(scalar) => scalar,
            other => {
                self.error(path, format!("{} where {wanted} belongs", kind_of(other)));
                return None;
            }
        };
        if scalar.is_null() {
            return None;
        }
        let json = match kind {
            Kind::Flag => scalar.truth().map(Json::from),
            Kind::Number => scalar.number().map(Json::from),
            _ if scalar.tag.as_deref() == Some("binary") => {
                self.error(path, "binary data: put it in a file, and name that with `local`");
                return None;
            }
            _ => Some(Json::from(scalar.text.as_str())),
        };
        if json.is_none() {
            self.error(path, format!("`{}` where {wanted} belongs{}", shortened(scalar), hint(scalar, kind)));
        }
        json
    }

    /// A key that the schema does not have here, or not in this version.
    fn unknown(&mut self, key: &Key, known: Option<&Field>, object: &Object, path: &Path) {
        let message = match known {
            Some(field) if field.fcos && self.format.variant != Variant::Fcos => {
                format!("`{}` is of the variant fcos only, for what Berth does not have", key.text)
            }
            Some(field) => format!(
                "`{}` is not in {} {}; the first version that has it is {}",
                key.text,
                self.format.variant,
                self.format.text,
                Format::first(self.format.variant, field.since)
            ),
            None => {
                let valid =
                    object.fields.iter().filter(|field| self.format.has(field)).map(|field| field.name);
                let hint = nearest(&key.text, valid).map(|name| format!("; did you mean `{name}`?"));
                format!("unknown key `{}`{}", key.text, hint.unwrap_or_default())
            }
        };
        // What other translators of these variants let pass goes on being of use; what is new is strict.
        let severity = match self.format.variant {
            Variant::Berth => Severity::Error,
            Variant::Fcos | Variant::Flatcar => Severity::Warning,
        };
        self.say_at(severity, &format!("{}.{}", path.yaml, key.text), key.place, message);
    }
}

fn kind_of(value: &Value) -> String {
    match value {
        Value::Scalar(scalar) => format!("`{}`", shortened(scalar)),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
    }
}

/// The start of the first line: a message is no place for a whole file.
fn shortened(scalar: &Scalar) -> String {
    let line = scalar.text.lines().next().unwrap_or_default();
    let start: String = line.chars().take(40).collect();
    if start.len() < scalar.text.trim_end().len() { start + "…" } else { start }
}

fn hint(scalar: &Scalar, kind: Kind) -> &'static str {
    let unquoted = Scalar { plain: true, ..scalar.clone() };
    match kind {
        Kind::Number if !scalar.plain && unquoted.number().is_some() => ": leave out the quotes",
        Kind::Flag if !scalar.plain && unquoted.truth().is_some() => ": leave out the quotes",
        _ => "",
    }
}

/// The valid name that `wrong` was most likely meant to be, if one is near enough.
pub(crate) fn nearest<'n>(wrong: &str, valid: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let near = |name: &str| (name.len().max(wrong.len()) / 3).max(1);
    valid
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= near(name))
        .min()
        .map(|(_, name)| name)
}
