//! Specifiers of settings: `%m` and the like (tmpfiles.d(5), sysusers.d(5), "Specifiers").

use std::collections::BTreeMap;

/// Why a text could not be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecifierError {
    /// There is no such specifier.
    #[error("there is no specifier %{0} (%% is a percent sign)")]
    Unknown(char),
    /// The machine does not know yet what it stands for: the line is for later.
    #[error("what %{0} stands for is not known on this system yet")]
    Unresolved(char),
    /// The value is not text where text is wanted.
    #[error("it is not UTF-8 text")]
    NotText,
}

/// What specifiers stand for here; nothing where the machine does not know yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Specifiers {
    values: BTreeMap<char, Option<String>>,
}

impl Specifiers {
    /// Makes the table. What is the same on every machine is added.
    pub fn new(values: impl IntoIterator<Item = (char, Option<String>)>) -> Specifiers {
        let fixed = [
            ('C', "/var/cache"),
            ('L', "/var/log"),
            ('S', "/var/lib"),
            ('t', "/run"),
            ('T', "/tmp"),
            ('V', "/var/tmp"),
            ('a', "x86-64"),
            ('g', "root"),
            ('G', "0"),
            ('u', "root"),
            ('U', "0"),
        ];
        let fixed = fixed.into_iter().map(|(letter, value)| (letter, Some(value.to_owned())));
        Specifiers { values: fixed.chain(values).collect() }
    }

    /// Expands a text of bytes. A `%` before what is neither a letter nor a digit stands for itself.
    ///
    /// # Errors
    /// A specifier is unknown, or not known yet.
    pub fn expand(&self, text: &[u8]) -> Result<Vec<u8>, SpecifierError> {
        let mut out = Vec::with_capacity(text.len());
        let mut bytes = text.iter().copied();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                out.push(byte);
                continue;
            }
            let letter = match bytes.next() {
                None | Some(b'%') => {
                    out.push(b'%');
                    continue;
                }
                Some(next) if !next.is_ascii_alphanumeric() => {
                    out.extend([b'%', next]);
                    continue;
                }
                Some(next) => char::from(next),
            };
            match self.values.get(&letter) {
                Some(Some(value)) => out.extend_from_slice(value.as_bytes()),
                Some(None) => return Err(SpecifierError::Unresolved(letter)),
                None => return Err(SpecifierError::Unknown(letter)),
            }
        }
        Ok(out)
    }

    /// Expands a text.
    ///
    /// # Errors
    /// As [`Specifiers::expand`].
    pub fn expand_text(&self, text: &str) -> Result<String, SpecifierError> {
        String::from_utf8(self.expand(text.as_bytes())?).map_err(|_| SpecifierError::NotText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_by_its_meaning() {
        let specifiers = Specifiers::new([
            ('m', Some("m1".to_owned())),
            ('b', None),
            ('T', Some("/elsewhere".to_owned())),
        ]);
        let cases = [
            ("plain", Ok("plain")),
            ("%m%%%t", Ok("m1%/run")),
            ("%C %L %S %V", Ok("/var/cache /var/log /var/lib /var/tmp")),
            ("%T", Ok("/elsewhere")),
            ("%u%U%g%G", Ok("root0root0")),
            ("50%", Ok("50%")),
            ("%-x", Ok("%-x")),
            ("a%Yb", Err(SpecifierError::Unknown('Y'))),
            ("%b", Err(SpecifierError::Unresolved('b'))),
        ];
        for (text, expected) in cases {
            assert_eq!(specifiers.expand_text(text), expected.map(str::to_owned), "{text}");
        }
    }
}
