//! Randomness carried from one boot to the next (random(4)).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The seed: `layout::path::STATE` with a name.
pub const PATH: &str = "/var/lib/berth/random-seed";
/// As much as the kernel's pool holds (BLAKE2s, 256 bits).
const SIZE: usize = 32;

/// Gives the kernel the seed. Before it counts for anything another takes its place on the disk,
/// made with it: the same must never be used twice.
pub fn load() -> Result<()> {
    if let Ok(seed) = fs::read(PATH)
        && seed.len() == SIZE
    {
        fs::write("/dev/urandom", &seed).context("cannot mix the random seed in")?;
        save()?;
        sys::machine::add_entropy(&seed)?;
    }
    Ok(())
}

/// Writes a seed for the next boot.
pub fn save() -> Result<()> {
    let path = Path::new(PATH);
    let doing = || format!("cannot write {}", path.display());
    let halves = [sys::random::name_16()?, sys::random::name_16()?];
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(doing)?;
    }
    Ok(sys::file::replace_synced(path, halves.as_flattened(), 0o600)?)
}
