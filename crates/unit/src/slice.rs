//! Slices (systemd.slice(5)): names that nest, and those that are always there.

use crate::name::UnitName;

/// The slices that are there from the beginning to the end.
const PERMANENT: [&str; 2] = ["-.slice", "system.slice"];

/// Whether a slice is always there.
pub fn is_permanent(slice: &UnitName) -> bool {
    PERMANENT.contains(&slice.as_str())
}

/// The slice that a slice is in: `a.slice` for `a-b.slice`. None for the root slice, and for one
/// right below it.
pub fn parent(slice: &UnitName) -> Option<UnitName> {
    let (parent, _) = slice.stem().rsplit_once('-')?;
    UnitName::parse(&format!("{parent}.slice")).ok()
}

/// What is wrong with a slice's name: empty parts cannot nest.
pub fn fault(slice: &UnitName) -> Option<String> {
    let stem = slice.stem();
    let is_bad = stem != "-" && stem.split('-').any(str::is_empty);
    is_bad.then(|| "its name has an empty part: a-b.slice is below a.slice".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UnitName {
        UnitName::parse(text).unwrap()
    }

    #[test]
    fn parents_by_name() {
        for (slice, expected) in [
            ("a-b-c.slice", Some("a-b.slice")),
            ("a-b.slice", Some("a.slice")),
            ("a.slice", None),
            ("-.slice", None),
        ] {
            assert_eq!(parent(&name(slice)), expected.map(name), "{slice}");
        }
    }

    #[test]
    fn empty_parts_are_named() {
        for (slice, is_bad) in
            [("a-b.slice", false), ("-.slice", false), ("a--b.slice", true), ("-a.slice", true)]
        {
            assert_eq!(fault(&name(slice)).is_some(), is_bad, "{slice}");
        }
    }
}
