//! Fields as a JSON object, as `journalctl -o json` shows them and other machines are sent them.

use serde_json::{Map, Value};

/// An object of an entry's addresses and fields. A value that is not text is the list of its
/// bytes; of a name that stands more than once, the list of its values.
pub fn object<'a>(
    addresses: impl IntoIterator<Item = (&'static str, String)>,
    fields: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Map<String, Value> {
    let mut object: Map<String, Value> =
        addresses.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    for (name, bytes) in fields {
        let value = value(bytes);
        match object.get_mut(name) {
            None => drop(object.insert(name.to_owned(), value)),
            Some(Value::Array(values)) if values.first().is_some_and(|first| !first.is_number()) => {
                values.push(value);
            }
            Some(other) => *other = Value::Array(vec![other.take(), value]),
        }
    }
    object
}

/// Text, or bytes where it is none that a terminal takes.
fn value(value: &[u8]) -> Value {
    match std::str::from_utf8(value) {
        Ok(text) if !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n')) => text.into(),
        _ => value.to_vec().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let fields: [(&str, &[u8]); 9] = [
            ("MESSAGE", b"two\nlines"),
            ("BELL", b"\x07"),
            ("BYTES", b"\xff\x00"),
            ("TWICE", b"a"),
            ("TWICE", b"b"),
            ("TWICE", b"\x01"),
            ("FIRST", b"\x01"),
            ("FIRST", b"a"),
            ("EMPTY", b""),
        ];
        let expected = serde_json::json!({
            "__SEQNUM": "7",
            "MESSAGE": "two\nlines",
            "BELL": [7],
            "BYTES": [255, 0],
            "TWICE": ["a", "b", [1]],
            "FIRST": [[1], "a"],
            "EMPTY": "",
        });
        assert_eq!(Value::Object(object([("__SEQNUM", "7".to_owned())], fields)), expected);
    }
}
