//! The guard: what firmware starts first. Its source, and why it is, stand in `guard/guard.c`.

use std::fs;
use std::path::Path;

use sandbox::Tree;

use crate::{Error, Result, tool};

const SOURCE: &str = include_str!("../guard/guard.c");
const LINKER_SCRIPT: &str = include_str!("../guard/guard.ld");

/// For code that runs with nothing under it: no C library, no stack protector, no SSE state, no red
/// zone (interrupts use the same stack), and no address that would need relocation.
const COMPILE: [&str; 14] = [
    "-std=c11",
    "-Os",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffreestanding",
    "-fno-stack-protector",
    "-fcf-protection=none",
    "-fno-asynchronous-unwind-tables",
    "-fno-tree-loop-distribute-patterns",
    "-fshort-wchar",
    "-fpie",
    "-mno-red-zone",
    "-mgeneral-regs-only",
];

/// A PE file for EFI (subsystem 10), the same each time.
const LINK: [&str; 11] = [
    "-m",
    "i386pep",
    "--subsystem",
    "10",
    "--entry=efi_main",
    "--image-base",
    "0",
    "--dynamicbase",
    "--nxcompat",
    "--no-insert-timestamp",
    "--strip-all",
];

/// Compiles the guard, and gives the program.
///
/// # Errors
/// A failing compiler, or a temporary file that cannot be written.
pub fn build(tools: &Tree) -> Result<Vec<u8>> {
    let place = std::env::temp_dir();
    let directory = tempfile::Builder::new()
        .prefix("berth-guard-")
        .tempdir_in(&place)
        .map_err(Error::io("making a directory in", &place))?;
    let file = |name: &str| directory.path().join(name);
    let (source, script, object, program) =
        (file("guard.c"), file("guard.ld"), file("guard.o"), file("guard.efi"));
    write(&source, SOURCE)?;
    write(&script, LINKER_SCRIPT)?;

    let compile = tools
        .command("gcc")
        .args(COMPILE)
        .arg("-c")
        .arg(&source)
        .arg("-o")
        .arg(&object)
        .bind(directory.path());
    tool::run("gcc", compile, "compiling the guard")?;
    let link = tools
        .command("ld")
        .args(LINK)
        .arg("-T")
        .arg(&script)
        .arg(&object)
        .arg("-o")
        .arg(&program)
        .bind(directory.path());
    tool::run("ld", link, "linking the guard")?;
    fs::read(&program).map_err(Error::io("reading", &program))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(Error::io("writing", path))
}
