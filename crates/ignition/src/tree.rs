//! JSON with the place of each value. The syntax is judged by serde_json; what is walked here is known to be JSON.

/// A value and where it stands.
#[derive(Debug)]
pub struct Node {
    /// The offset of its first byte in the text.
    pub start: usize,
    pub value: Value,
}

#[derive(Debug)]
pub enum Value {
    Null,
    Boolean(bool),
    /// A number as it is written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// A key of an object, and its value.
#[derive(Debug)]
pub struct Member {
    /// The offset of the key's quotation mark.
    pub start: usize,
    pub key: String,
    pub node: Node,
}

/// How deep values may stand in each other. A config has a depth of some ten.
pub const DEPTH: usize = 100;

#[derive(Debug)]
pub enum Broken {
    /// The text is not JSON: the line and column, from 1, and what is wrong.
    Syntax { line: usize, column: usize, message: String },
    /// Values stand in each other too deep, from this offset on.
    Deep(usize),
}

/// Reads JSON.
pub fn read(text: &str) -> Result<Node, Broken> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let whole = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = whole.strip_suffix(&place).unwrap_or(&whole).to_owned();
        return Err(Broken::Syntax { line: error.line().max(1), column: error.column().max(1), message });
    }
    let mut walk = Walk { text, at: 0 };
    walk.value(0)
}

impl Node {
    /// What an object has for a key, in whatever case, or a list at an index.
    pub fn get(&self, step: &str) -> Option<&Node> {
        match &self.value {
            Value::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
            Value::Object(members) => members
                .iter()
                .rev()
                .find(|member| member.key.eq_ignore_ascii_case(step))
                .map(|member| &member.node),
            _ => None,
        }
    }

    /// The node of a path such as `$.storage.files.0.path`, or of its longest part that the text has.
    pub fn nearest(&self, path: &str) -> &Node {
        let mut node = self;
        for step in path.split('.').skip(1) {
            match node.get(step) {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }
}

struct Walk<'t> {
    text: &'t str,
    at: usize,
}

impl Walk<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that says something, past space, commas and colons.
    fn next(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':')) {
            self.at += 1;
        }
        self.peek()
    }

    fn value(&mut self, depth: usize) -> Result<Node, Broken> {
        let first = self.next();
        let start = self.at;
        if depth > DEPTH {
            return Err(Broken::Deep(start));
        }
        let value = match first {
            Some(b'{') => {
                self.at += 1;
                let mut members = Vec::new();
                while self.next() == Some(b'"') {
                    let start = self.at;
                    let key = self.text();
                    members.push(Member { start, key, node: self.value(depth + 1)? });
                }
                self.at += 1;
                Value::Object(members)
            }
            Some(b'[') => {
                self.at += 1;
                let mut items = Vec::new();
                while !matches!(self.next(), Some(b']') | None) {
                    items.push(self.value(depth + 1)?);
                }
                self.at += 1;
                Value::List(items)
            }
            Some(b'"') => Value::Text(self.text()),
            _ => match self.word() {
                "null" => Value::Null,
                "true" => Value::Boolean(true),
                "false" => Value::Boolean(false),
                number => Value::Number(number.to_owned()),
            },
        };
        Ok(Node { start, value })
    }

    /// A number or a name, up to what ends it.
    fn word(&mut self) -> &str {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
            self.at += 1;
        }
        // Whatever stands here, the walk goes on behind it.
        self.at = self.at.max(start + 1);
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// A string, from its quotation mark to behind the closing one. An escape of half a pair stands for U+FFFD.
    fn text(&mut self) -> String {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest.find(['"', '\\']).unwrap_or(rest.len());
            out.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'\\') => {
                    let escaped = self.escape();
                    out.push(escaped);
                }
                _ => {
                    self.at += 1;
                    return out;
                }
            }
        }
    }

    fn escape(&mut self) -> char {
        self.at += 2;
        match self.text.as_bytes().get(self.at - 1) {
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.unit().unwrap_or_default();
                self.at += 4;
                let second = match (first, self.text.get(self.at..self.at + 2)) {
                    (0xd800..0xdc00, Some("\\u")) => {
                        self.at += 2;
                        let second = self.unit().filter(|unit| (0xdc00..0xe000).contains(unit));
                        self.at = if second.is_some() { self.at + 4 } else { self.at - 2 };
                        second
                    }
                    _ => None,
                };
                let code = match second {
                    Some(second) => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    None => first,
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some(byte) => char::from(*byte),
            None => char::REPLACEMENT_CHARACTER,
        }
    }

    /// Four hexadecimal digits.
    fn unit(&self) -> Option<u32> {
        self.text.get(self.at..self.at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok())
    }
}

/// Where lines begin.
pub struct Lines(Vec<usize>);

impl Lines {
    pub fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(index, _)| index + 1)).collect())
    }

    /// The line and column of an offset, from 1.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.0.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.0.get(line)).copied().unwrap_or_default();
        (line, offset - start + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn plain(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Boolean(value) => (*value).into(),
            Value::Number(text) => serde_json::from_str(text).unwrap(),
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(plain).collect::<Vec<_>>().into(),
            Value::Object(members) => members
                .iter()
                .map(|member| (member.key.clone(), plain(&member.node)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    #[test]
    fn values_are_those_that_serde_json_reads() {
        for text in [
            "null",
            " true ",
            "-1.5e+3",
            r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#,
            "[]",
            "{}",
            "[1,[2,{\"a\" : []}],\n\"x\"]",
            r#"{"a":{"b":[null,false]},"c":"{[\"" , "":0}"#,
        ] {
            assert_eq!(
                plain(&read(text).unwrap()),
                serde_json::from_str::<serde_json::Value>(text).unwrap(),
                "{text}"
            );
        }
    }

    #[test]
    fn half_a_pair_is_the_replacement_character() {
        for (text, value) in [
            (r#""\ud800""#, "\u{fffd}"),
            (r#""\ud800x""#, "\u{fffd}x"),
            (r#""\ud800\u0041""#, "\u{fffd}A"),
            (r#""\ud800\ud800\udc00""#, "\u{fffd}\u{10000}"),
            (r#""\udc00""#, "\u{fffd}"),
        ] {
            assert_eq!(plain(&read(text).unwrap()), json!(value), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&deep(DEPTH)).is_ok());
        assert!(matches!(read(&deep(DEPTH + 2)), Err(Broken::Deep(_))));
        assert!(matches!(read(&deep(1_000_000)), Err(Broken::Deep(_))));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_as_serde_json_judges(text in r#"([\[\]{}:,"\\a0-9.eE \nu+-]|null|true|"a":){0,24}"#) {
            let judged = serde_json::from_str::<serde_json::Value>(&text);
            let read = read(&text);
            if let Ok(value) = judged {
                prop_assert_eq!(plain(&read.unwrap()), value);
            }
        }
    }
}
