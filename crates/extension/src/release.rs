//! Whether an extension was made for a base: its `extension-release` against the base's os-release (os-release(5)).

use std::collections::BTreeMap;

use unit::text::environment;

/// As `ARCHITECTURE=` names the only one that there is.
const ARCHITECTURE: &str = "x86-64";
/// Matches every base, or every architecture.
const ANY: &str = "_any";
/// What `SYSEXT_SCOPE=` must have among its words; this is for the system, not the initrd.
const SCOPE: &str = "system";

/// Fields of an os-release or extension-release file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<String, String>);

/// Why an extension is not for a base.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// A field that must be there is not.
    #[error("it does not say what {0}= it is for")]
    Missing(&'static str),
    /// A field has another value than the base's.
    #[error("it is for {field}={theirs}, and the base has {ours}")]
    Field {
        /// The field.
        field: &'static str,
        /// The extension's value.
        theirs: String,
        /// The base's.
        ours: String,
    },
    /// It is for initrds or portable services.
    #[error("it is for SYSEXT_SCOPE={0}, and not for a system")]
    Scope(String),
}

impl Fields {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Self {
        Self(environment::parse(text).into_iter().collect())
    }

    /// A field's value; none where it is empty or missing.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Whether an extension with these fields may be merged over this base.
///
/// # Errors
/// Why not.
pub fn check(extension: &Fields, base: &Fields) -> Result<(), Mismatch> {
    if let Some(scope) = extension.get("SYSEXT_SCOPE")
        && !scope.split_whitespace().any(|word| word == SCOPE)
    {
        return Err(Mismatch::Scope(scope.to_owned()));
    }
    if let Some(architecture) = extension.get("ARCHITECTURE").filter(|value| *value != ANY) {
        same("ARCHITECTURE", architecture, ARCHITECTURE)?;
    }
    let id = extension.get("ID").ok_or(Mismatch::Missing("ID"))?;
    if id == ANY {
        return Ok(());
    }
    same("ID", id, base.get("ID").unwrap_or_default())?;
    // A level that both have decides alone.
    if let (Some(theirs), Some(ours)) = (extension.get("SYSEXT_LEVEL"), base.get("SYSEXT_LEVEL")) {
        return same("SYSEXT_LEVEL", theirs, ours);
    }
    let Some(ours) = base.get("VERSION_ID") else { return Ok(()) };
    same("VERSION_ID", extension.get("VERSION_ID").ok_or(Mismatch::Missing("VERSION_ID"))?, ours)
}

fn same(field: &'static str, theirs: &str, ours: &str) -> Result<(), Mismatch> {
    match theirs == ours {
        true => Ok(()),
        false => Err(Mismatch::Field { field, theirs: theirs.to_owned(), ours: ours.to_owned() }),
    }
}
