//! Firmware for machines where neither the tools tree nor the host has one: a prebuilt OVMF, fetched
//! from its project's releases. The default package sets hold OVMF, so this is the last resort of
//! those who edit them, and a feature of this program that is off by default.

use anyhow::Result;
use pipeline::Cache;
use vm::Firmware;

/// The prebuilt firmware, fetched into the cache if it is not there. Its archive's hash stands in
/// the crate that names it.
#[cfg(feature = "ovmf-prebuilt")]
pub fn prebuilt(cache: &Cache) -> Result<Firmware> {
    use anyhow::Context as _;
    use ovmf_prebuilt::{Arch, FileType, Prebuilt, Source};
    let directory = cache.root().join("ovmf");
    let prebuilt = Prebuilt::fetch(Source::LATEST, &directory)
        .map_err(anyhow::Error::from)
        .with_context(|| format!("fetching OVMF into {}", directory.display()))?;
    Ok(Firmware {
        code: prebuilt.get_file(Arch::X64, FileType::Code),
        variables: prebuilt.get_file(Arch::X64, FileType::Vars),
    })
}

/// Says how to come by a firmware.
#[cfg(not(feature = "ovmf-prebuilt"))]
pub fn prebuilt(_cache: &Cache) -> Result<Firmware> {
    anyhow::bail!(
        "no UEFI firmware in the tools tree or on this machine\n  add `ovmf` to the set `test` in \
         images/packages.yaml, or boot with --direct, or fetch a prebuilt one: `cargo run --package xtask \
         --features ovmf-prebuilt -- run`"
    )
}
