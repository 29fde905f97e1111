//! Layer: pure. The image spec: [`RawSpec`] is what the YAML says, [`ImageSpec`] what it means.
//!
//! [`parse`] goes from one to the other. Every complaint has the line and column of what it is
//! about, what was expected there, and the nearest valid name.
#![forbid(unsafe_code)]

mod check;
mod error;
mod extension;
mod locate;
mod overrides;
mod raw;
mod size;

pub use check::{Catalog, DiskSizes, ImageSpec, UpdateSource};
pub use error::{Error, Place, nearest};
pub use extension::{ExtensionSpec, parse_extension};
pub use locate::Source;
pub use overrides::Override;
pub use raw::RawSpec;
pub use size::{InvalidSize, Size};

/// Reads a spec. `file` is its name, for errors only.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(file: &str, text: &str, overrides: &[Override], catalog: &Catalog) -> Result<ImageSpec, Error> {
    let mut raw: RawSpec = read(file, text)?;
    if !overrides.is_empty() {
        raw = overrides::apply(file, text, overrides)?;
    }
    let source = Source { file: file.to_owned(), text: text.to_owned(), overrides: overrides.to_vec() };
    check::check(raw, catalog, source)
}

fn read<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, Error> {
    let failed = |error| Error::from_yaml(file, &error);
    let value = serde_yaml::from_str(text).map_err(failed)?;
    // Of several keys of one name in a map, that takes the last, and says nothing of the others. This does.
    serde_yaml::from_str::<serde_yaml::Value>(text).map_err(failed)?;
    Ok(value)
}

#[cfg(test)]
mod tests;
