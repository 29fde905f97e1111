//! Names of entries on the ESP: `berth_<version>[+<left>[-<done>]].efi` (Boot Loader Specification, boot counting).

use std::fmt;
use std::str::FromStr;

use layout::esp::{UKI_DONE, UKI_LEFT, UKI_PREFIX, UKI_SUFFIX, UKI_TRIES};
use manifest::Version;

/// The most that a counter holds: systemd-boot takes a larger one for no counter.
const MOST: u32 = i32::MAX as u32;

/// The name of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryName {
    /// The version that it boots.
    pub version: Version,
    /// The counter. None is a version that is good.
    pub tries: Option<Tries>,
}

/// The counter of an entry that is not known to be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tries {
    /// Boots that it may still take. With none left the version is bad, and boots only where there is no other.
    pub left: u32,
    /// Boots that it took.
    pub done: u32,
}

/// A file name that is not an entry's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of an entry; one is like berth_1.2.3.efi or berth_1.2.3+2-1.efi")]
pub struct InvalidEntryName(pub String);

impl EntryName {
    /// Of a version that is good.
    pub fn good(version: Version) -> Self {
        Self { version, tries: None }
    }

    /// Of a version that is to be tried.
    pub fn fresh(version: Version) -> Self {
        Self { version, tries: Some(Tries { left: UKI_TRIES, done: 0 }) }
    }

    /// Of a version that is bad.
    pub fn bad(version: Version) -> Self {
        Self { version, tries: Some(Tries { left: 0, done: 0 }) }
    }

    /// Whether the version was blessed.
    pub fn is_good(&self) -> bool {
        self.tries.is_none()
    }

    /// Whether no try is left.
    pub fn is_bad(&self) -> bool {
        self.tries.is_some_and(|tries| tries.left == 0)
    }

    /// The name that the loader gives the entry before it boots it.
    #[must_use]
    pub fn bumped(&self) -> Self {
        let bump =
            |tries: Tries| Tries { left: tries.left.saturating_sub(1), done: (tries.done + 1).min(MOST) };
        Self { version: self.version.clone(), tries: self.tries.map(bump) }
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{UKI_PREFIX}{}", self.version)?;
        match self.tries {
            None => {}
            Some(Tries { left, done: 0 }) => write!(f, "{UKI_LEFT}{left}")?,
            Some(Tries { left, done }) => write!(f, "{UKI_LEFT}{left}{UKI_DONE}{done}")?,
        }
        f.write_str(UKI_SUFFIX)
    }
}

impl FromStr for EntryName {
    type Err = InvalidEntryName;

    /// Reads a name. Only the spelling that [`EntryName`] displays is one, so that a name stands for one file.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).filter(|name| name.to_string() == text).ok_or_else(|| InvalidEntryName(text.to_owned()))
    }
}

fn read(text: &str) -> Option<EntryName> {
    let stem = text.strip_prefix(UKI_PREFIX)?.strip_suffix(UKI_SUFFIX)?;
    let (version, tries) = match stem.split_once(UKI_LEFT) {
        None => (stem, None),
        Some((version, counter)) => {
            let (left, done) = counter.split_once(UKI_DONE).unwrap_or((counter, "0"));
            (version, Some(Tries { left: number(left)?, done: number(done)? }))
        }
    };
    Some(EntryName { version: version.parse().ok()?, tries })
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| *number <= MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_and_written() {
        let version = || Version::parse("1.2.3.dev4").unwrap();
        for (text, tries) in [
            ("berth_1.2.3.dev4.efi", None),
            ("berth_1.2.3.dev4+3.efi", Some((3, 0))),
            ("berth_1.2.3.dev4+2-1.efi", Some((2, 1))),
            ("berth_1.2.3.dev4+0-3.efi", Some((0, 3))),
            ("berth_1.2.3.dev4+0.efi", Some((0, 0))),
            ("berth_1.2.3.dev4+2147483647-1.efi", Some((2_147_483_647, 1))),
        ] {
            let name =
                EntryName { version: version(), tries: tries.map(|(left, done)| Tries { left, done }) };
            assert_eq!(text.parse(), Ok(name.clone()), "{text}");
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn other_names_are_refused() {
        for text in [
            "",
            "berth_.efi",
            "berth_1.2.efi",
            "berth_1.2.3",
            "berth_1.2.3.EFI",
            "BERTH_1.2.3.efi",
            "berth_1.2.3+.efi",
            "berth_1.2.3+3-.efi",
            "berth_1.2.3+3-0.efi",
            "berth_1.2.3+03.efi",
            "berth_1.2.3++3.efi",
            "berth_1.2.3+3-1-1.efi",
            "berth_1.2.3+3+2.efi",
            "berth_1.2.3+-1.efi",
            "berth_1.2.3+2147483648.efi",
            "berth_1.2.3-1.efi",
            "BERTH_~1.EFI",
            "other_1.2.3.efi",
            "berth_../../x.efi",
        ] {
            assert_eq!(text.parse::<EntryName>(), Err(InvalidEntryName(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn the_loader_counts_down_to_none_left() {
        let mut name: EntryName = "berth_1.2.3+3.efi".parse().unwrap();
        let mut seen = Vec::new();
        for _ in 0..5 {
            name = name.bumped();
            seen.push(name.to_string());
        }
        assert_eq!(
            seen,
            ["2-1", "1-2", "0-3", "0-4", "0-5"].map(|counter| format!("berth_1.2.3+{counter}.efi"))
        );
        let good: EntryName = "berth_1.2.3.efi".parse().unwrap();
        assert_eq!(good.bumped(), good);
    }

    proptest! {
        #[test]
        fn every_name_is_read_as_it_was_written(
            version in "[0-9]{1,3}\\.[1-9][0-9]{0,3}\\.[1-9][0-9]{0,2}(\\.[a-z]{1,4}[1-9]?){0,2}",
            tries in proptest::option::of((0..=MOST, 0..=MOST)),
        ) {
            if let Ok(version) = version.parse() {
                let name = EntryName { version, tries: tries.map(|(left, done)| Tries { left, done }) };
                prop_assert_eq!(name.to_string().parse(), Ok(name));
            }
        }

        #[test]
        fn no_text_is_too_strange(text in "(berth_)?[0-9a-z.+-]{0,20}(\\.efi)?|.{0,30}") {
            if let Ok(name) = text.parse::<EntryName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
