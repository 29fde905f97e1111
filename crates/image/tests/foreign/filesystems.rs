//! erofs, ext4 and the hash tree.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use image::erofs::{self, Compression};
use image::files::Content;
use image::{ext4, verity};
use layout::disk::{MIB, ROOT_FS_UUID, USR_FS_UUID};

use crate::{EPOCH, check, tools, usr};

#[test]
fn erofs_is_sound_keeps_owners_and_modes_and_is_the_same_twice() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    for compression in [Compression::Lz4, Compression::Zstd] {
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        erofs::build(&tools, &usr(), &a, compression, USR_FS_UUID, EPOCH).unwrap();
        erofs::build(&tools, &usr(), &b, compression, USR_FS_UUID, EPOCH).unwrap();
        assert!(fs::read(&a).unwrap() == fs::read(&b).unwrap(), "{compression:?}");
        assert!(fs::metadata(&a).unwrap().len().is_multiple_of(4096));

        check(&tools, "fsck.erofs", &["--extract"], &[&a]);
        // dump.erofs shows no set-uid bit, so the files are taken out.
        let out = dir.path().join(format!("{compression:?}"));
        fs::create_dir(&out).unwrap();
        let extract = format!("--extract={}", out.display());
        let command = tools.command("fsck.erofs").args([&extract, "--preserve-perms", "--overwrite"]).arg(&a);
        assert!(command.bind_ro(&a).bind(&out).output().unwrap().status.success());
        let mode = |path: &str| fs::symlink_metadata(out.join(path)).unwrap().mode() & 0o7777;
        assert_eq!(mode("bin/setuid"), 0o4755);
        assert_eq!(mode("share/private"), 0o700);
        assert!(fs::read(out.join("bin/setuid")).unwrap() == crate::noise(70_000));
        assert_eq!(fs::read_link(out.join("sbin")).unwrap(), Path::new("bin"));

        let superblock = check(&tools, "dump.erofs", &["-s"], &[&a]);
        assert!(superblock.contains(&USR_FS_UUID.to_string()), "{superblock}");
        for (path, says) in [
            ("/bin/program", ["Uid: 0", "Gid: 0", "Access: 0755"]),
            ("/share/berth/etc/shadow", ["Uid: 0", "Gid: 0", "Access: 0640"]),
            ("/", ["Uid: 0", "Gid: 0", "Access: 0755"]),
        ] {
            let inode = check(&tools, "dump.erofs", &[&format!("--path={path}")], &[&a]);
            for part in says.iter().chain(&["2026-11-24 18:04:05"]) {
                assert!(inode.contains(part), "{path}: {part} in\n{inode}");
            }
        }
    }
}

#[test]
fn a_disk_without_room_is_told_at_once() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (large, out) = (dir.path().join("large"), dir.path().join("usr.erofs"));
    // More than any disk has, without a byte of it.
    fs::File::create(&large).unwrap().set_len(8 << 40).unwrap();
    let mut tree = usr();
    tree.file("lib/large", 0o644, Content::Host(large)).unwrap();
    let error =
        erofs::build(&tools, &tree, &out, Compression::Lz4, USR_FS_UUID, EPOCH).unwrap_err().to_string();
    assert!(error.starts_with(&format!("making room for {}: ", out.display())), "{error}");
    assert!(error.contains("No space left on device"), "{error}");
}

#[test]
fn an_empty_root_is_sound_sparse_and_the_same_twice() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    ext4::build(&tools, &a, 256 * MIB, EPOCH).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100)); // another second of the clock
    ext4::build(&tools, &b, 256 * MIB, EPOCH).unwrap();
    assert!(fs::read(&a).unwrap() == fs::read(&b).unwrap());
    let metadata = fs::metadata(&a).unwrap();
    assert_eq!(metadata.len(), 256 * MIB);
    assert!(metadata.blocks() * 512 < 4 * MIB, "{} bytes on disk", metadata.blocks() * 512);

    check(&tools, "e2fsck", &["-f", "-n"], &[&a]);
    let superblock = check(&tools, "dumpe2fs", &["-h"], &[&a]);
    for part in [&ROOT_FS_UUID.to_string(), "volume name:   ROOT", "metadata_csum", "64bit", "extent"] {
        assert!(superblock.contains(part), "{part} in\n{superblock}");
    }
}

#[test]
fn veritysetup_takes_the_hash_tree_and_refuses_another_data() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (data, tree) = (dir.path().join("data"), dir.path().join("tree"));
    // More than one level, and an end that is not that of a whole read.
    fs::write(&data, crate::noise(4096 * 1000)).unwrap();
    let root_hash = verity::format(&data, &tree, &[7; 32], USR_FS_UUID).unwrap().to_string();
    check_verity(&tools, &data, &tree, &root_hash, true);

    let mut bytes = fs::read(&data).unwrap();
    bytes[4096 * 500 + 17] ^= 1;
    fs::write(&data, bytes).unwrap();
    check_verity(&tools, &data, &tree, &root_hash, false);
}

fn check_verity(tools: &sandbox::Tree, data: &Path, tree: &Path, root_hash: &str, good: bool) {
    let command = tools.command("veritysetup").arg("verify").args([data, tree]).arg(root_hash);
    let output = command.bind(data).bind(tree).output().unwrap();
    assert_eq!(output.status.success(), good, "{output:?}");
}
