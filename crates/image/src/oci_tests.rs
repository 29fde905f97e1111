use super::*;
use serde_json::{Value, json};
use std::io::Read;

fn image() -> OciImage {
    OciImage {
        name: "docker.io/library/example:1".to_owned(),
        entries: BTreeMap::from([
            ("/bin/tool".to_owned(), OciEntry::File { mode: 0o755, content: b"program".to_vec() }),
            ("/bin/sh".to_owned(), OciEntry::Link { target: "tool".to_owned() }),
            ("/tmp".to_owned(), OciEntry::Folder { mode: 0o1777 }),
        ]),
        entrypoint: vec!["/bin/sh".to_owned()],
        environment: vec!["PATH=/bin".to_owned()],
    }
}

fn archive(image: &OciImage) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    write(&path, image).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half written is left");
    std::fs::read(&path).unwrap()
}

/// Path to content, of a tar. Folders and links have none.
fn unpack(tar: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), content)
    });
    entries.collect()
}

/// Follows a descriptor, checking what it says of the blob.
fn follow<'a>(files: &'a BTreeMap<String, Vec<u8>>, descriptor: &Value) -> &'a [u8] {
    let hash = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let content = &files[&format!("blobs/sha256/{hash}")];
    let actual: String = Sha256::digest(content).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(actual, hash);
    assert_eq!(descriptor["size"], content.len());
    content
}

#[test]
fn an_importer_finds_its_way_from_the_index_to_the_files() {
    let files = unpack(&archive(&image()));
    let layout: Value = serde_json::from_slice(&files["oci-layout"]).unwrap();
    assert_eq!(layout, json!({"imageLayoutVersion": "1.0.0"}));
    let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
    let described = &index["manifests"][0];
    assert_eq!(described["annotations"]["org.opencontainers.image.ref.name"], "1");
    assert_eq!(described["annotations"]["io.containerd.image.name"], "docker.io/library/example:1");
    assert_eq!(described["platform"], json!({"architecture": "amd64", "os": "linux"}));
    let manifest: Value = serde_json::from_slice(follow(&files, described)).unwrap();
    let config: Value = serde_json::from_slice(follow(&files, &manifest["config"])).unwrap();
    assert_eq!(config["config"], json!({"Env": ["PATH=/bin"], "Entrypoint": ["/bin/sh"]}));
    let layer = &manifest["layers"][0];
    assert_eq!(config["rootfs"]["diff_ids"][0], layer["digest"], "the layer is not compressed");
    let layer = unpack(follow(&files, layer));
    assert_eq!(layer.keys().collect::<Vec<_>>(), ["bin/", "bin/sh", "bin/tool", "tmp/"]);
    assert_eq!(layer["bin/tool"], b"program");
}

#[test]
fn the_same_image_gives_the_same_bytes_and_another_does_not() {
    assert!(archive(&image()) == archive(&image()));
    let mut other = image();
    other.entrypoint.push("-c".to_owned());
    assert!(archive(&other) != archive(&image()));
}

#[test]
fn modes_are_kept_and_nobody_else_owns_anything() {
    let layer = layer(&image(), Path::new("unused")).unwrap();
    let mut archive = tar::Archive::new(&layer[..]);
    let modes: Vec<(String, u32, u64)> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            let path = entry.path().unwrap().display().to_string();
            (path, header.mode().unwrap(), header.mtime().unwrap())
        })
        .collect();
    let expected = [("bin/", 0o755, 0), ("bin/sh", 0o777, 0), ("bin/tool", 0o755, 0), ("tmp/", 0o1777, 0)];
    assert_eq!(modes, expected.map(|(path, mode, time)| (path.to_owned(), mode, time)));
}

#[test]
fn what_no_importer_takes_is_refused_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    let mut nameless = image();
    nameless.name = "localhost:5000/example".to_owned();
    let error = write(&path, &nameless).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the image name \"localhost:5000/example\" has no tag: write it as name:tag"
    );
    for bad in ["relative", "/a/../b", "/a//b", "/", "/./a"] {
        let mut image = image();
        image.entries.insert(bad.to_owned(), OciEntry::Folder { mode: 0o755 });
        assert!(matches!(write(&path, &image), Err(OciError::BadPath(_))), "{bad}");
    }
    assert!(write(&folder.path().join("no/such/folder/a.tar"), &image()).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_test_container_runs_the_shell_of_the_busybox_it_is_given() {
    let image = test_container(b"busybox".to_vec());
    assert_eq!(image.entrypoint, ["/bin/sh"]);
    assert!(matches!(&image.entries["/bin/sh"], OciEntry::Link { target } if target == "busybox"));
    assert!(archive(&image).len() > 512);
}
