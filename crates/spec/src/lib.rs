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
pub use error::{Error, Place};
pub use extension::{ExtensionSpec, parse_extension};
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
    check::check(raw, catalog).map_err(|problem| {
        let place = overrides
            .iter()
            .find(|one| problem.path.iter().map(String::as_str).eq(one.path()))
            .map_or_else(|| locate::place(file, text, &problem.path), |one| Place::Override(one.to_string()));
        Error { place, message: problem.message }
    })
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
