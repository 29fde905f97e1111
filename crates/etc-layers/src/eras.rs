//! What the image's `/etc` held, and when.
//!
//! The record is a text, the newest era first, so that a glance at its first line tells whether there is anything to add:
//!
//! ```text
//! era 0.2.0 1795543800
//! 5e884898da28... issue
//! era 0.1.0 1795478400
//! 2c26b46b68ff... issue
//! ```

use std::collections::BTreeMap;

/// How many eras are remembered.
const ERAS_MAX: usize = 12;

/// All that is remembered, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Eras {
    /// They.
    pub eras: Vec<Era>,
}

/// The time of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Era {
    /// The version.
    pub version: String,
    /// When it was found good, in seconds since 1970.
    pub since: u64,
    /// What its `/etc` holds: paths below it, and what tells one content from another.
    pub files: BTreeMap<String, String>,
}

/// The version of the newest era of a record; its beginning is enough.
pub fn newest_version(record: &str) -> Option<&str> {
    record.lines().next()?.strip_prefix("era ")?.split(' ').next()
}

impl Eras {
    /// Reads the record. Lines that make no sense are passed over.
    pub fn parse(text: &str) -> Eras {
        let mut eras: Vec<Era> = Vec::new();
        for line in text.lines() {
            let Some((first, rest)) = line.split_once(' ') else { continue };
            match (first, eras.last_mut()) {
                ("era", _) => {
                    let begin = rest.split_once(' ').and_then(|(version, since)| {
                        Some(Era {
                            version: version.to_owned(),
                            since: since.parse().ok()?,
                            files: BTreeMap::new(),
                        })
                    });
                    eras.extend(begin);
                }
                (content, Some(era)) => drop(era.files.insert(rest.to_owned(), content.to_owned())),
                (_, None) => {}
            }
        }
        eras.truncate(ERAS_MAX);
        Eras { eras }
    }

    /// The record's text. A file whose name has a line feed in it is left out.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        for era in &self.eras {
            text.push_str(&format!("era {} {}\n", era.version, era.since));
            for (path, content) in era.files.iter().filter(|(path, _)| !path.contains('\n')) {
                text.push_str(&format!("{content} {path}\n"));
            }
        }
        text
    }

    /// A version's time begins.
    pub fn begin(&mut self, era: Era) {
        self.eras.insert(0, era);
        self.eras.truncate(ERAS_MAX);
    }

    /// What the image had when a file was written: that of the era of that time. What is older than all eras that are
    /// remembered counts to the oldest: the machine's first boot writes before its version is found good.
    pub fn at(&self, written: u64) -> Option<&Era> {
        self.eras.iter().find(|era| era.since <= written).or(self.eras.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn era(version: &str, since: u64, files: &[(&str, &str)]) -> Era {
        let files = files.iter().map(|(path, content)| ((*path).to_owned(), (*content).to_owned())).collect();
        Era { version: version.into(), since, files }
    }

    #[test]
    fn the_record_is_read_and_written_the_newest_first() {
        let mut eras = Eras::default();
        eras.begin(era("0.1.0", 100, &[("issue", "aa"), ("ssh/a b", "bb")]));
        eras.begin(era("0.2.0", 200, &[("issue", "cc")]));
        let text = "era 0.2.0 200\ncc issue\nera 0.1.0 100\naa issue\nbb ssh/a b\n";
        assert_eq!(eras.encode(), text);
        assert_eq!(Eras::parse(text), eras);
        assert_eq!(newest_version(text), Some("0.2.0"));
        assert_eq!(newest_version(""), None);
        for number in 0..30 {
            eras.begin(era("1.0.0", number, &[]));
        }
        assert_eq!(eras.eras.len(), ERAS_MAX);
    }

    #[test]
    fn a_file_was_written_in_the_era_of_its_time() {
        let mut eras = Eras::default();
        assert_eq!(eras.at(100), None);
        eras.begin(era("0.1.0", 100, &[]));
        eras.begin(era("0.2.0", 200, &[]));
        for (written, version) in
            [(0, "0.1.0"), (100, "0.1.0"), (199, "0.1.0"), (200, "0.2.0"), (999, "0.2.0")]
        {
            assert_eq!(eras.at(written).map(|era| era.version.as_str()), Some(version), "{written}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "(era |[a-z0-9. \n]){0,60}") {
            let eras = Eras::parse(&text);
            prop_assert_eq!(Eras::parse(&eras.encode()), eras);
        }
    }
}
