//! The spec of a system extension, whose version and times are those of the base that it is built for.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Problem, check_names, check_userland, check_word, problem};
use crate::{Catalog, Error, Source};

/// An extension spec as it stands in the YAML. What each key means is in docs/extensions.md.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawExtension {
    name: String,
    #[serde(default)]
    components: Vec<String>,
    #[serde(default)]
    userland: BTreeMap<String, Vec<String>>,
    files: Option<String>,
}

/// A checked extension spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionSpec {
    /// The extension's name.
    pub name: String,
    /// Component directories, sorted.
    pub components: BTreeSet<String>,
    /// Debian packages and the absolute paths taken from each.
    pub userland: BTreeMap<String, Vec<String>>,
    /// The folder, beside the spec, whose `usr` and `opt` go in as they are.
    pub files: Option<String>,
    /// What it was read from.
    pub source: Source,
}

/// Reads the spec of an extension. `file` is its name, for errors only.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse_extension(file: &str, text: &str, catalog: &Catalog) -> Result<ExtensionSpec, Error> {
    let raw = crate::read(file, text)?;
    let source = Source { file: file.to_owned(), text: text.to_owned(), overrides: Vec::new() };
    check(raw, catalog, source.clone()).map_err(|problem| problem.of(&source))
}

fn check(raw: RawExtension, catalog: &Catalog, source: Source) -> Result<ExtensionSpec, Problem> {
    check_word("name", &raw.name)?;
    let components = check_names(&["components"], "component", raw.components, &catalog.components)?;
    // /etc is no part of an extension.
    check_userland(&raw.userland, &["/usr/"])?;
    if let Some(files) = &raw.files {
        let is_beside =
            !files.starts_with('/') && files.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !is_beside {
            return Err(problem(["files"], format!("`{files}` is not the name of a folder beside the spec")));
        }
    }
    if components.is_empty() && raw.userland.is_empty() && raw.files.is_none() {
        return Err(problem([], "there is nothing in it: name components, userland or files"));
    }
    Ok(ExtensionSpec { name: raw.name, components, userland: raw.userland, files: raw.files, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
name: tools
components: [etcd]
userland:
  strace: [/usr/bin/strace]
files: tools
";

    fn catalog() -> Catalog {
        Catalog { components: ["etcd", "runc"].map(str::to_owned).to_vec(), ..Catalog::default() }
    }

    #[test]
    fn a_good_spec_means_what_it_says() {
        let spec = parse_extension("x.yaml", GOOD, &catalog()).unwrap();
        assert_eq!((spec.name.as_str(), spec.files.as_deref()), ("tools", Some("tools")));
        assert!(spec.components.contains("etcd") && spec.userland.contains_key("strace"));
        assert!(parse_extension("x.yaml", "name: tools\nfiles: tools\n", &catalog()).is_ok());
    }

    /// What is written instead of what, and what the complaint must hold.
    #[test]
    fn each_complaint_has_its_place_and_the_nearest_valid_name() {
        for (from, to, expected) in [
            ("userland:", "userlnad:", &["x.yaml:3:1", "`userlnad`", "did you mean `userland`?"][..]),
            ("files: tools", "version: 1.2.3", &["x.yaml:5:1", "unknown field `version`"]),
            ("[etcd]", "[ectd]", &["x.yaml:2:14", "no component `ectd`", "did you mean `etcd`?"]),
            ("name: tools", "name: My tools", &["x.yaml:1:7", "not a name"]),
            ("/usr/bin/strace", "/etc/strace", &["x.yaml:4:12", "below /usr/"]),
            ("files: tools", "files: ../tools", &["x.yaml:5:8", "beside the spec"]),
            ("name: tools", "nmae: tools", &["x.yaml:1:1", "did you mean `name`?"]),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let error = parse_extension("x.yaml", &text, &catalog()).unwrap_err().to_string();
            for part in expected {
                assert!(error.contains(part), "{to:?} gave {error:?}, which lacks {part:?}");
            }
        }
        let error = parse_extension("x.yaml", "name: tools\n", &catalog()).unwrap_err().to_string();
        assert!(error.contains("nothing in it"), "{error}");
    }
}
