//! The Go toolchain as it is kept of what was fetched before. Needs a tools tree: BERTH_TEST_TOOLS.

#![allow(clippy::unwrap_used)]

use pipeline::steps::go;
use pipeline::{Cache, GoToolchain, Progress, Recipe, hash_bytes, run};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::sync::Arc;

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_toolchain_is_kept_whatever_group_the_cache_gives_its_files() {
    let Some(tools) = std::env::var_os("BERTH_TEST_TOOLS") else { return };
    let place = tempfile::tempdir().unwrap();
    // A cache that is shared. Its group has no number inside the tools tree; only root can give such a one away.
    let shared = place.path().join("shared");
    fs::create_dir(&shared).unwrap();
    let _ = chown(&shared, None, Some(12345));
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o2755)).unwrap();
    let cache = Cache::at(&shared.join("cache")).unwrap();

    let build = Recipe::new("tools-build", "").action(|_| Ok(()));
    let tree = cache.output(&build);
    fs::create_dir_all(tree.parent().unwrap()).unwrap();
    symlink(tools, &tree).unwrap();
    let modules = cache.directory("downloads/go").unwrap();
    let name = "v0.0.1-go1.99.0.linux-amd64";
    write(&modules.join(format!("cache/download/golang.org/toolchain/@v/{name}.zip")), "zip");
    let unpacked = modules.join(format!("golang.org/toolchain@{name}"));
    for file in ["bin/go", "pkg/tool/linux_amd64/compile", "src/runtime/proc.go"] {
        write(&unpacked.join(file), file);
    }
    symlink("proc.go", unpacked.join("src/runtime/link.go")).unwrap();

    let toolchain = GoToolchain { version: "go1.99.0".into(), size: 3, sha256: hash_bytes(b"zip") };
    let step = go::toolchain(&toolchain, &build, &cache);
    run(&[Arc::clone(&step)], &cache, &Arc::new(Progress::new()), 1).unwrap();
    let output = cache.output(&step);
    for (file, executable) in
        [("bin/go", true), ("pkg/tool/linux_amd64/compile", true), ("src/runtime/proc.go", false)]
    {
        assert_eq!(fs::read_to_string(output.join(file)).unwrap(), file);
        let mode = fs::metadata(output.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o111 != 0, executable, "{file}");
    }
    assert_eq!(fs::read_link(output.join("src/runtime/link.go")).unwrap(), Path::new("proc.go"));
}
