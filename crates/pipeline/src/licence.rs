//! Licences as expressions of SPDX (specification 2.3, annex D), from what packages say of theirs.

use anyhow::{Context as _, Result};
use spdx::detection::{Store, TextData};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What begins the name of a licence that only Debian has a name for (annex D.3).
const OF_DEBIAN: &str = "LicenseRef-Debian-";
/// How alike a text and a licence must be, of 1. The names of holders differ in each.
const ALIKE: f32 = 0.9;

/// The licences that a copyright file of Debian's names, where it is machine-readable (DEP 5, "License
/// specification"); empty where it is not.
pub fn of_debian(copyright: &str) -> String {
    let named: BTreeSet<String> = copyright
        .lines()
        .filter_map(|line| line.strip_prefix("License:"))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(expression)
        .collect();
    all_of(named)
}

/// One line of it: `and` binds stronger than `or`, and a comma before either weaker.
fn expression(line: &str) -> String {
    let parts = line.split(", and ").map(|part| {
        let choices = part.split(" or ").map(|choice| {
            let all = choice.split(" and ").map(|name| name.trim().trim_end_matches(',')).map(identifier);
            all_of(all.collect())
        });
        choices.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" OR ")
    });
    all_of(parts.collect())
}

/// All of these hold at once.
fn all_of(expressions: BTreeSet<String>) -> String {
    let is_one = expressions.len() == 1;
    let guarded = expressions.into_iter().map(|one| match one.contains(" OR ") && !is_one {
        true => format!("({one})"),
        false => one,
    });
    guarded.collect::<Vec<_>>().join(" AND ")
}

/// SPDX's name of what Debian calls so; where it has none, a name of ours.
fn identifier(name: &str) -> String {
    let (plain, or_later) = match name.strip_suffix('+') {
        Some(plain) => (plain, true),
        None => (name, false),
    };
    if let Some((family, version)) = plain.rsplit_once('-')
        && ["GPL", "LGPL", "AGPL", "GFDL"].contains(&family)
    {
        let version = if version.contains('.') { version.to_owned() } else { format!("{version}.0") };
        let suffix = if or_later { "or-later" } else { "only" };
        if let Some(id) = spdx::license_id(&format!("{family}-{version}-{suffix}")) {
            return id.name.to_owned();
        }
    }
    let plain = match plain {
        "Expat" => "MIT",
        "Apache-2" => "Apache-2.0",
        other => other,
    };
    let known = spdx::identifiers::LICENSES.iter().find(|known| known.name.eq_ignore_ascii_case(plain));
    match known.and_then(|known| spdx::license_id(known.name)).filter(|id| !id.is_deprecated() && !or_later) {
        Some(id) => id.name.to_owned(),
        None => {
            let part = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
            let name = name.strip_suffix('+').map_or(name.to_owned(), |plain| format!("{plain}-or-later"));
            format!("{OF_DEBIAN}{}", name.chars().map(part).collect::<String>())
        }
    }
}

/// The texts of the licences that are known.
pub struct Texts(Store);

impl Texts {
    /// Reads them.
    ///
    /// # Errors
    /// The library's own data are damaged.
    pub fn read() -> Result<Self> {
        Ok(Self(Store::load_inline().context("reading the texts of known licences")?))
    }

    /// The licences whose texts a folder of sources has; empty where there is none, or one that is not known.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn of_folder(&self, folder: &Path) -> Result<String> {
        let reading = || format!("reading {}", folder.display());
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(folder).with_context(reading)? {
            let entry = entry.with_context(reading)?;
            let name = entry.file_name().to_string_lossy().to_ascii_uppercase();
            let is_licence = ["LICENSE", "LICENCE", "COPYING"].iter().any(|start| name.starts_with(start));
            if is_licence && entry.file_type().with_context(reading)?.is_file() {
                let bytes = fs::read(entry.path()).with_context(reading)?;
                match self.of_text(&String::from_utf8_lossy(&bytes)) {
                    Some(licence) => drop(found.insert(licence)),
                    None => return Ok(String::new()),
                }
            }
        }
        Ok(all_of(found))
    }

    fn of_text(&self, text: &str) -> Option<String> {
        let found = self.0.analyze(&TextData::new(text));
        let id = spdx::license_id(found.name).filter(|_| found.score >= ALIKE)?;
        Some(id.name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_s_names_become_those_of_spdx() {
        for (said, expected) in [
            ("License: Expat", "MIT"),
            ("License: GPL-2+", "GPL-2.0-or-later"),
            ("License: LGPL-2.1", "LGPL-2.1-only"),
            ("License: BSD-3-clause", "BSD-3-Clause"),
            ("License: GPL-2+ or Expat", "GPL-2.0-or-later OR MIT"),
            ("License: Expat\nLicense: GPL-2 or ISC\n text\nLicense: Expat", "(GPL-2.0-only OR ISC) AND MIT"),
            ("License: GPL-2 or ISC, and Zlib", "(GPL-2.0-only OR ISC) AND Zlib"),
            ("License: ISC and ISC", "ISC"),
            ("License: Expat or MIT", "MIT"),
            ("License: public-domain", "LicenseRef-Debian-public-domain"),
            ("License: Expat~Boehm", "LicenseRef-Debian-Expat-Boehm"),
            ("License: GPL-3+ with Bison exception", "LicenseRef-Debian-GPL-3--with-Bison-exception"),
            ("License: GPL+", "LicenseRef-Debian-GPL-or-later"),
            ("License:\nnothing", ""),
        ] {
            let found = of_debian(said);
            assert_eq!(found, expected, "{said}");
            if !found.is_empty() {
                spdx::Expression::parse(&found).unwrap();
            }
        }
    }

    #[test]
    fn the_licence_of_a_folder_is_read_from_its_text() {
        let folder = tempfile::tempdir().unwrap();
        let texts = Texts::read().unwrap();
        assert_eq!(texts.of_folder(folder.path()).unwrap(), "");
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../LICENSE");
        fs::copy(own, folder.path().join("LICENSE")).unwrap();
        assert_eq!(texts.of_folder(folder.path()).unwrap(), "Apache-2.0");
        fs::write(folder.path().join("COPYING"), "Do with it what you like.").unwrap();
        assert_eq!(texts.of_folder(folder.path()).unwrap(), "", "one of them is not known");
    }
}
