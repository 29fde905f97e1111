//! The file tree, and the initramfs archive made of it.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use image::cpio::{self, Packing};
use image::files::{Content, FileTree, Kind};
use image::size;

fn bytes(text: &str) -> Content {
    Content::Bytes(text.as_bytes().to_vec())
}

/// One line for each record: mode, owner, links, time, device, size, path, and the data.
fn render(archive: &[u8]) -> String {
    let mut lines = String::new();
    let mut at = 0;
    loop {
        let header = std::str::from_utf8(&archive[at..at + 110]).unwrap();
        assert_eq!(&header[..6], "070701");
        let field = |i: usize| u32::from_str_radix(&header[6 + 8 * i..14 + 8 * i], 16).unwrap();
        let (size, name_size) = (field(6) as usize, field(11) as usize);
        let name = &archive[at + 110..at + 110 + name_size - 1];
        let name = std::str::from_utf8(name).unwrap();
        let data = (at + 110 + name_size).next_multiple_of(4);
        at = (data + size).next_multiple_of(4);
        lines += &format!(
            "{:06o} {}:{} {} {} {}:{} {name} {:?}\n",
            field(1),
            field(2),
            field(3),
            field(4),
            field(5),
            field(9),
            field(10),
            String::from_utf8_lossy(&archive[data..data + size]),
        );
        if name == "TRAILER!!!" {
            assert!(archive[at..].iter().all(|&b| b == 0));
            return lines;
        }
    }
}

fn initramfs() -> FileTree {
    let mut tree = FileTree::new();
    tree.file("init", 0o755, bytes("program")).unwrap();
    tree.file("etc/a", 0o600, bytes("")).unwrap();
    tree.link("etc/b", "../init").unwrap();
    tree.dir("proc", 0o555).unwrap();
    tree
}

#[test]
fn the_archive_has_a_console_and_is_in_order() {
    let archive = cpio::build(&initramfs(), Packing::Plain, 1000).unwrap();
    assert_eq!(
        render(&archive),
        r#"040755 0:0 2 1000 0:0 dev ""
020600 0:0 1 1000 5:1 dev/console ""
040755 0:0 2 1000 0:0 etc ""
100600 0:0 1 1000 0:0 etc/a ""
120777 0:0 1 1000 0:0 etc/b "../init"
100755 0:0 1 1000 0:0 init "program"
040555 0:0 2 1000 0:0 proc ""
000000 0:0 1 0 0:0 TRAILER!!! ""
"#
    );
}

#[test]
fn packed_it_is_the_same_archive() {
    let mut tree = initramfs();
    // More than one block of LZ4's legacy frame.
    let large: Vec<u8> = (0..20 << 20).map(|i: u32| (i / 1000) as u8).collect();
    tree.file("large", 0o644, Content::Bytes(large)).unwrap();
    let plain = cpio::build(&tree, Packing::Plain, 1000).unwrap();

    let zstd = cpio::build(&tree, Packing::Zstd, 1000).unwrap();
    assert!(zstd::decode_all(&zstd[..]).unwrap() == plain);

    let lz4 = cpio::build(&tree, Packing::Lz4, 1000).unwrap();
    let (magic, mut rest) = lz4.split_at(4);
    assert_eq!(magic, [0x02, 0x21, 0x4c, 0x18]);
    let mut unpacked = Vec::new();
    while let Some((size, more)) = rest.split_first_chunk::<4>() {
        let (block, more) = more.split_at(u32::from_le_bytes(*size) as usize);
        unpacked.extend(lz4_flex::block::decompress(block, 8 << 20).unwrap());
        rest = more;
    }
    assert!(unpacked == plain);
}

#[test]
fn a_path_has_one_owner() {
    let mut tree = initramfs();
    let message =
        |result: Result<&mut FileTree, image::files::FilesError>| result.err().map(|e| e.to_string());
    let same = tree.file("init", 0o755, bytes("program"));
    assert_eq!(message(same), None);
    for (result, says) in [
        (
            message(tree.clone().file("init", 0o755, bytes("another"))),
            "two different things are to be init: a file of 7 bytes, and a file of 7 bytes",
        ),
        (
            message(tree.clone().link("init", "etc/a")),
            "two different things are to be init: a file of 7 bytes, and a link to etc/a",
        ),
        (
            message(tree.clone().file("etc/b/c", 0o644, bytes(""))),
            "etc/b is a link to ../init, and cannot hold etc/b/c",
        ),
    ] {
        assert_eq!(result.as_deref(), Some(says));
    }
    for path in ["", "/etc", "etc/", "etc//a", "./a", "etc/../a", ".."] {
        assert!(tree.clone().dir(path, 0o755).is_err(), "{path:?}");
    }
    tree.dir("etc", 0o700).unwrap();
    assert_eq!(tree.get("etc").unwrap().mode, 0o700);
}

#[test]
fn a_hosts_directory_comes_in_without_its_owners_and_umask() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for (name, mode) in [("script", 0o700), ("text", 0o600)] {
        fs::write(path(name), name).unwrap();
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::create_dir(path("folder")).unwrap();
    fs::set_permissions(path("folder"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink("../text", path("folder/link")).unwrap();
    let mut tree = FileTree::new();
    tree.host_dir(dir.path(), "share/x").unwrap();
    let found: Vec<_> = tree.iter().map(|(path, node)| (path, node.mode)).collect();
    assert_eq!(
        found,
        [
            ("share", 0o755),
            ("share/x", 0o755),
            ("share/x/folder", 0o755),
            ("share/x/folder/link", 0o777),
            ("share/x/script", 0o755),
            ("share/x/text", 0o644),
        ]
    );
    assert_eq!(tree.get("share/x/folder/link").unwrap().kind, Kind::Link("../text".to_owned()));

    let missing = tree.host_dir(&path("missing"), "").unwrap_err().to_string();
    assert!(missing.starts_with("reading ") && missing.contains("missing"), "{missing}");
}

#[test]
fn what_does_not_fit_names_its_largest_files() {
    let mut tree = FileTree::new();
    for (path, size) in [("bin/small", 10), ("bin/large", 3 << 20), ("bin/middle", 1 << 20)] {
        tree.file(path, 0o755, Content::Bytes(vec![0; size])).unwrap();
    }
    let mib = layout::disk::MIB;
    assert!(size::check("the erofs", 4 * mib, "USR-A", 4 * mib, &tree).is_ok());
    let error = size::check("the erofs", 4 * mib + 1, "USR-A", 4 * mib, &tree).unwrap_err().to_string();
    assert_eq!(
        error,
        "the erofs is 4.0 MiB, and its place, USR-A, is 4.0 MiB
  make the place larger in the spec, or take something out; the largest files:
       3.0 MiB  bin/large
       1.0 MiB  bin/middle
       0.0 MiB  bin/small"
    );
}
