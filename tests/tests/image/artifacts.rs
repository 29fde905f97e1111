//! Each artifact is what it says, by the tool that knows its kind best.

use std::path::Path;

use tests::bed;

/// Runs a tool over an artifact; what it said.
fn tool(command: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    bed().run_tool(folder.path(), command).unwrap_or_else(|error| panic!("{error}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_manifest_names_true_sizes_and_hashes() {
    let images = bed().images();
    let artifacts = &images.manifest().artifacts;
    assert!(!artifacts.is_empty());
    for artifact in artifacts {
        let path = images.dir().join(&artifact.name);
        let found = path.metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(found.len(), artifact.size, "{}", artifact.name);
        // By a tool that is not ours, as an operator would.
        let sum = tool(&["sha256sum", text(&path)]);
        assert!(sum.starts_with(&artifact.sha256.to_string()), "{}: {sum}", artifact.name);
    }
    let uki = images.manifest().artifact("uki").unwrap();
    assert_eq!(images.manifest().uki_sha256, uki.sha256);
}

#[test]
fn usr_is_a_sound_erofs() {
    tool(&["fsck.erofs", "--extract", text(bed().images().usr())]);
}

#[test]
fn the_hash_tree_verifies_usr_under_the_manifests_root_hash_and_no_other() {
    let images = bed().images();
    let (usr, verity) = (text(images.usr()), text(images.usr_verity()));
    let hash = images.manifest().usr.root_hash.to_string();
    tool(&["veritysetup", "verify", usr, verity, &hash]);
    let wrong: String = hash.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
    let folder = tempfile::tempdir().unwrap();
    bed().run_tool(folder.path(), &["veritysetup", "verify", usr, verity, &wrong]).unwrap_err();
}

#[test]
fn the_qcow2_is_sound_and_holds_the_raw_disk() {
    let images = bed().images();
    let qcow2 = text(images.qcow2());
    let verdict = tool(&["qemu-img", "check", qcow2]);
    assert!(verdict.contains("No errors were found"), "{verdict}");
    let verdict = tool(&["qemu-img", "compare", "-f", "raw", "-F", "qcow2", text(images.disk()), qcow2]);
    assert!(verdict.contains("Images are identical"), "{verdict}");
}

#[test]
fn the_uki_holds_what_was_built_and_names_usr() {
    let images = bed().images();
    let folder = tempfile::tempdir().unwrap();
    let run = |command: &[&str]| bed().run_tool(folder.path(), command).unwrap_or_else(|e| panic!("{e}"));
    let sections = run(&["ukify", "inspect", text(images.uki())]);
    for section in [".linux", ".initrd", ".cmdline", ".osrel", ".uname"] {
        assert!(sections.contains(&format!("{section}:")), "no {section} in:\n{sections}");
    }
    let usrhash = format!("usrhash={}", images.manifest().usr.root_hash);
    assert!(sections.contains(&usrhash), "{sections}");
    assert!(sections.contains(images.kernel_arguments()), "the artifact cmdline is another:\n{sections}");
    for (section, built) in [(".linux", images.kernel()), (".initrd", images.initramfs())] {
        let copy = folder.path().join("section");
        let dump = format!("{section}={}", text(&copy));
        let rest = folder.path().join("rest.efi");
        run(&["objcopy", "--dump-section", &dump, text(images.uki()), text(&rest)]);
        let (in_uki, built) = (std::fs::read(&copy).unwrap(), std::fs::read(built).unwrap());
        let (content, padding) = in_uki.split_at(built.len());
        assert!(content == built, "{section} is not the artifact");
        assert!(padding.iter().all(|byte| *byte == 0), "{section} has a tail");
    }
}

#[test]
fn the_container_archive_is_a_tar_with_an_index() {
    let archive = bed().images().test_container();
    let list = tool(&["tar", "-t", "-f", text(&archive)]);
    for name in ["oci-layout", "index.json"] {
        assert!(list.lines().any(|line| line == name), "{list}");
    }
}

#[test]
fn the_disk_is_sparse() {
    use std::os::unix::fs::MetadataExt;
    let meta = bed().images().disk().metadata().unwrap();
    assert!(meta.blocks() * 512 < meta.len() / 2, "{} of {} bytes", meta.blocks() * 512, meta.len());
}
