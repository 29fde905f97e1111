//! `coredump.conf` (coredump.conf(5)), as far as it is built.

use unit::text::file::{self, Source};
use unit::text::value;

/// The file, below each of the folders of settings.
pub const FILE: &str = "systemd/coredump.conf";

/// The share of the file system that cores take where nothing says otherwise, and that they leave
/// free: 10 and 15 of a hundred, up to 4 GiB.
const USE_PERCENT: u64 = 10;
const FREE_PERCENT: u64 = 15;
const MOST: u64 = 4 << 30;

/// What is done with cores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `Storage=`: whether cores are kept (`external`) or not (`none`).
    pub keeps: bool,
    /// `Compress=`: whether they are packed.
    pub compress: bool,
    /// `ProcessSizeMax=`: the largest core, in bytes, that is looked into.
    pub process_size_max: u64,
    /// `ExternalSizeMax=`: how much of a core is kept, in bytes before it is packed.
    pub external_size_max: u64,
    /// `MaxUse=`: what all cores together may take, in bytes.
    pub max_use: Option<u64>,
    /// `KeepFree=`: what they leave free of the file system, in bytes.
    pub keep_free: Option<u64>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            keeps: true,
            compress: true,
            process_size_max: 32 << 30,
            external_size_max: 32 << 30,
            max_use: None,
            keep_free: None,
        }
    }
}

impl Settings {
    /// Reads files, a later one over an earlier. What is not known is named, with its file and line.
    pub fn read(files: impl IntoIterator<Item = Source>) -> (Settings, Vec<String>) {
        let mut settings = Settings::default();
        let mut warnings = Vec::new();
        for source in files {
            let (assignments, more) = file::parse(&source);
            warnings.extend(more.iter().map(ToString::to_string));
            for assignment in assignments {
                let (key, value) = (assignment.key.as_str(), assignment.value.as_str());
                let done = match assignment.section.as_str() {
                    "Coredump" => settings.set(key, value),
                    other => Err(format!("section [{other}] is unknown")),
                };
                if let Err(reason) = done {
                    warnings.push(format!("{}: {reason}", assignment.at));
                }
            }
        }
        (settings, warnings)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let unset = Settings::default();
        let bytes = |default: u64| match value {
            "" => Ok(default),
            "infinity" => Ok(u64::MAX),
            text => value::bytes(text).ok_or_else(|| format!("{key}= is a number of bytes, not {text}")),
        };
        match key {
            "Storage" => {
                self.keeps = match value {
                    "" | "external" => true,
                    "none" => false,
                    other => return Err(format!("Storage={other} is not built: external and none are")),
                }
            }
            "Compress" if value.is_empty() => self.compress = unset.compress,
            "Compress" => {
                self.compress =
                    value::boolean(value).map_err(|_| format!("Compress= is yes or no, not {value}"))?;
            }
            "ProcessSizeMax" => self.process_size_max = bytes(unset.process_size_max)?,
            "ExternalSizeMax" => self.external_size_max = bytes(unset.external_size_max)?,
            "MaxUse" => self.max_use = Some(bytes(0)?).filter(|_| !value.is_empty()),
            "KeepFree" => self.keep_free = Some(bytes(0)?).filter(|_| !value.is_empty()),
            "JournalSizeMax" | "EnterNamespace" => return Err(format!("{key}= is not built")),
            other => return Err(format!("{other}= is unknown")),
        }
        Ok(())
    }

    /// What cores may take of a file system of that size, and what they leave free, in bytes.
    pub fn bounds(&self, file_system: u64) -> (u64, u64) {
        let share = |percent: u64| (file_system / 100).saturating_mul(percent).min(MOST);
        (self.max_use.unwrap_or(share(USE_PERCENT)), self.keep_free.unwrap_or(share(FREE_PERCENT)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Settings, Vec<String>) {
        let text = format!("[Coredump]\n{text}");
        Settings::read([Source { path: "c.conf".into(), text }])
    }

    #[test]
    fn what_is_built_is_followed() {
        let unset = Settings::default();
        for (text, expected) in [
            ("", unset.clone()),
            ("Storage=none", Settings { keeps: false, ..unset.clone() }),
            ("Storage=none\nStorage=external", unset.clone()),
            ("Compress=no", Settings { compress: false, ..unset.clone() }),
            ("ProcessSizeMax=0", Settings { process_size_max: 0, ..unset.clone() }),
            ("ExternalSizeMax=2G", Settings { external_size_max: 2 << 30, ..unset.clone() }),
            ("ExternalSizeMax=infinity", Settings { external_size_max: u64::MAX, ..unset.clone() }),
            ("ExternalSizeMax=1\nExternalSizeMax=", unset.clone()),
            (
                "MaxUse=10M\nKeepFree=0",
                Settings { max_use: Some(10 << 20), keep_free: Some(0), ..unset.clone() },
            ),
            ("MaxUse=1\nMaxUse=", unset.clone()),
        ] {
            assert_eq!(read(text), (expected, Vec::new()), "{text}");
        }
    }

    #[test]
    fn what_is_not_is_named() {
        for (text, warning) in [
            ("Storage=journal", "c.conf:2: Storage=journal is not built: external and none are"),
            ("EnterNamespace=yes", "c.conf:2: EnterNamespace= is not built"),
            ("JournalSizeMax=1G", "c.conf:2: JournalSizeMax= is not built"),
            ("MaxUses=1", "c.conf:2: MaxUses= is unknown"),
            ("MaxUse=much", "c.conf:2: MaxUse= is a number of bytes, not much"),
            ("Compress=perhaps", "c.conf:2: Compress= is yes or no, not perhaps"),
            ("[Other]\nStorage=none", "c.conf:3: section [Other] is unknown"),
        ] {
            assert_eq!(read(text), (Settings::default(), vec![warning.to_owned()]), "{text}");
        }
    }

    #[test]
    fn without_a_word_it_is_a_share_of_the_file_system() {
        let bounds = |text: &str, size| read(text).0.bounds(size);
        assert_eq!(bounds("", 1000), (100, 150));
        assert_eq!(bounds("", 1 << 40), (4 << 30, 4 << 30));
        assert_eq!(bounds("MaxUse=5\nKeepFree=0", 1000), (5, 0));
    }
}
