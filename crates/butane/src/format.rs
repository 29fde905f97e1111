//! Which formats there are, and what each becomes.

use std::fmt;

use crate::schema::Field;

/// Whose format a config is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Fedora CoreOS's.
    Fcos,
    /// Flatcar's.
    Flatcar,
    /// Berth's own.
    Berth,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fcos => "fcos",
            Self::Flatcar => "flatcar",
            Self::Berth => "berth",
        })
    }
}

/// A version of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub variant: Variant,
    /// The version as the config says it.
    pub text: &'static str,
    /// The version by which the schema's keys are counted.
    pub version: u8,
    /// The version of the Ignition config that it becomes.
    pub ignition: &'static str,
}

const fn format(variant: Variant, text: &'static str, version: u8, ignition: &'static str) -> Format {
    Format { variant, text, version, ignition }
}

/// All of them, each variant's in order. (Butane's documentation, specification changelogs.)
const FORMATS: [Format; 10] = [
    format(Variant::Fcos, "1.0.0", 0, "3.0.0"),
    format(Variant::Fcos, "1.1.0", 1, "3.1.0"),
    format(Variant::Fcos, "1.2.0", 2, "3.2.0"),
    format(Variant::Fcos, "1.3.0", 3, "3.2.0"),
    format(Variant::Fcos, "1.4.0", 4, "3.3.0"),
    format(Variant::Fcos, "1.5.0", 5, "3.4.0"),
    format(Variant::Fcos, "1.6.0", 6, "3.5.0"),
    format(Variant::Flatcar, "1.0.0", 4, "3.3.0"),
    format(Variant::Flatcar, "1.1.0", 5, "3.4.0"),
    format(Variant::Berth, "1.0.0", 6, ignition::NEWEST_TEXT),
];

impl Format {
    /// The format that a config names.
    ///
    /// # Errors
    /// There is none: the key that is wrong, and why.
    pub(crate) fn named(
        variant: Option<&str>,
        version: Option<&str>,
    ) -> Result<Self, (&'static str, String)> {
        let variants = "expected fcos, flatcar or berth";
        let Some(variant) = variant else { return Err(("variant", format!("it is missing: {variants}"))) };
        let of_variant: Vec<_> =
            FORMATS.into_iter().filter(|format| format.variant.to_string() == variant).collect();
        if of_variant.is_empty() {
            return Err(("variant", format!("`{variant}` is none that Berth knows: {variants}")));
        }
        let versions = of_variant.iter().map(|format| format.text).collect::<Vec<_>>().join(", ");
        let Some(version) = version else {
            return Err(("version", format!("it is missing: of {variant} there are {versions}")));
        };
        let found = of_variant.into_iter().find(|format| format.text == version);
        found.ok_or_else(|| {
            let why = if version.contains('-') { "is not final" } else { "is none that Berth knows" };
            ("version", format!("`{version}` {why}: of {variant} there are {versions}"))
        })
    }

    /// Whether it has this key.
    pub(crate) fn has(&self, field: &Field) -> bool {
        self.version >= field.since && (!field.fcos || self.variant == Variant::Fcos)
    }

    /// The first version of `variant` that has what came with `since`, as a person would say it.
    pub(crate) fn first(variant: Variant, since: u8) -> String {
        let first = FORMATS.iter().find(|format| format.variant == variant && format.version >= since);
        first.map_or_else(
            || format!("fcos 1.{since}.0, and none of {variant}"),
            |format| format!("{variant} {}", format.text),
        )
    }
}
