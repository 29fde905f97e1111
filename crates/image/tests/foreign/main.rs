//! The artifacts, made in the tools tree and read by programs that are not ours. Run where
//! `BERTH_TEST_TOOLS` names the root of a tools tree; `cargo xtask test` sets it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod boot;
mod ddi;
mod disk;
mod esp;
mod filesystems;
mod uki;

use std::path::{Path, PathBuf};

use image::files::{Content, FileTree};
use sandbox::Tree;

/// 2026-11-24T18:04:05Z.
const EPOCH: u64 = 1_795_543_445;

/// The tools tree; without one the test is over, and says so.
fn tools() -> Option<Tree> {
    let root = std::env::var_os("BERTH_TEST_TOOLS");
    if root.is_none() {
        eprintln!("not run: BERTH_TEST_TOOLS is not set");
    }
    root.map(|root| Tree::at(PathBuf::from(root)))
}

/// Runs a foreign checker on a file; gives what it printed. It must end well.
fn check(tools: &Tree, program: &str, args: &[&str], files: &[&Path]) -> String {
    let mut command = tools.command(program).args(args).args(files);
    for file in files {
        command = command.bind(file);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program}: {}\n{text}", output.status);
    text
}

/// A small `/usr` with something of every kind.
fn usr() -> FileTree {
    let mut tree = FileTree::new();
    let text = b"all work and no play makes jack a dull boy\n".repeat(20_000);
    tree.file("bin/program", 0o755, Content::Bytes(text)).unwrap();
    tree.file("bin/setuid", 0o4755, Content::Bytes(noise(70_000))).unwrap();
    tree.file("share/berth/etc/shadow", 0o640, Content::Bytes(b"root:*:1::::::\n".to_vec())).unwrap();
    tree.file("lib/empty", 0o644, Content::Bytes(vec![])).unwrap();
    tree.dir("share/private", 0o700).unwrap();
    tree.link("sbin", "bin").unwrap();
    tree.file(&format!("lib/{}/file", "long-name-".repeat(20)), 0o644, Content::Bytes(b"x".to_vec()))
        .unwrap();
    tree
}

/// Bytes that do not compress, the same each time.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}
