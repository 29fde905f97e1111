//! Which libraries a program needs: ELF's NEEDED entries and interpreter (elf(5), ld.so(8)).

use crate::read;
use anyhow::{Context as _, Result, bail};
use goblin::elf::Elf;
use std::collections::BTreeSet;
use std::path::Path;

/// Where Debian's loader looks (ld.so(8); Debian's multiarch directories).
const DIRECTORIES: [&str; 2] = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64"];

/// What a dynamically linked file names; nothing for a static one or one that is not ELF.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The loader's path.
    pub interpreter: Option<String>,
    /// File names of libraries.
    pub libraries: Vec<String>,
    /// Folders of its own that the loader looks in for them (ld.so(8), DT_RUNPATH).
    pub folders: Vec<String>,
}

/// Reads what the file at `path` needs.
///
/// # Errors
/// It cannot be read, or is a broken ELF file.
pub fn needs(path: &Path) -> Result<Needs> {
    let bytes = read::bytes(path)?;
    if !bytes.starts_with(b"\x7fELF") {
        return Ok(Needs::default());
    }
    let elf = Elf::parse(&bytes).with_context(|| format!("reading the ELF file {}", path.display()))?;
    Ok(Needs {
        interpreter: elf.interpreter.map(str::to_owned),
        libraries: elf.libraries.iter().map(|name| (*name).to_owned()).collect(),
        folders: elf.runpaths.iter().flat_map(|path| path.split(':')).map(str::to_owned).collect(),
    })
}

/// The paths, as seen in `tree`, of the loader and of every library that `files` (paths as seen in
/// `tree`) need, theirs included. Links are followed by the caller.
///
/// # Errors
/// A library is in no directory that the loader looks in.
pub fn closure(tree: &Path, files: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut queue: Vec<String> = files.iter().cloned().collect();
    while let Some(file) = queue.pop() {
        let on_host = tree.join(file.trim_start_matches('/'));
        if !on_host.is_file() {
            continue;
        }
        let needs = needs(&on_host)?;
        let interpreter = needs.interpreter.map(|path| path.replacen("/lib64/", "/usr/lib64/", 1));
        let mut paths: Vec<String> = interpreter.into_iter().collect();
        for library in &needs.libraries {
            let folders = needs.folders.iter().map(String::as_str).chain(DIRECTORIES);
            let path = folders
                .map(|d| format!("{d}/{library}"))
                .find(|path| tree.join(path.trim_start_matches('/')).exists());
            match path {
                Some(path) => paths.push(path),
                None => bail!("{file} needs {library}, which no package of the userland brings"),
            }
        }
        for path in paths {
            if found.insert(path.clone()) {
                queue.push(path);
            }
        }
    }
    Ok(found)
}
