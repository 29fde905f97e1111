//! What a build takes where the archive or the spec departs from the lock, and what is asked before the work begins.
//! The archive is a script in the place of apt-get, the checkout the least that is one.

#![allow(clippy::unwrap_used)]

use pipeline::{Lock, hash_bytes, hash_file};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// Answers as apt-get does, from the folder that it is in, and notes what it is asked.
const APT_GET: &str = r#"#!/bin/sh
here=$(dirname "$0")
unknown() { echo "E: Unable to locate package $1" >&2; exit 100; }
echo "$@" >> "$here/asked"
case $2 in
update) cp "$here/Packages" "${APT_CONFIG%/*}/state/lists/archive_Packages" ;;
install) shift 4; for name; do grep "^Inst $name " "$here/newest" || unknown "$name"; done ;;
download) cp "$here"/*.deb . ;;
esac
"#;

const SPEC: &str = "\
name: berth
version: 1.2.3
source-date-epoch: 1795478400
kernel:
  arguments: [quiet]
components: []
userland:
  busybox: [/usr/bin/busybox]
";

struct Bench {
    place: tempfile::TempDir,
}

impl Bench {
    /// A checkout whose build tools are make alone, and an archive that has nothing.
    fn new() -> Self {
        let bench = Self { place: tempfile::tempdir().unwrap() };
        for folder in
            ["checkout/images/components", "checkout/images/extensions", "checkout/kernel-config/optional"]
        {
            fs::create_dir_all(bench.path(folder)).unwrap();
        }
        bench.write("checkout/Cargo.toml", "");
        bench.write("checkout/images/packages.yaml", "build: [make]\ntest: [qemu]\n");
        bench.write("checkout/images/default.yaml", SPEC);
        bench.write("keyring", "");
        fs::create_dir(bench.path("archive")).unwrap();
        bench.write("archive/apt-get", APT_GET);
        fs::set_permissions(bench.path("archive/apt-get"), fs::Permissions::from_mode(0o755)).unwrap();
        bench.archive(&[]);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The archive has these, and nothing else: name, version, SHA-256.
    fn archive(&self, packages: &[(&str, &str, &str)]) {
        let index = |(name, version, sha256): &(&str, &str, &str)| {
            format!("Package: {name}\nVersion: {version}\nSize: 1\nSHA256: {sha256}\n\n")
        };
        let newest =
            |(name, version, _): &(&str, &str, &str)| format!("Inst {name} ({version} Debian [amd64])\n");
        self.write("archive/Packages", &packages.iter().map(index).collect::<String>());
        self.write("archive/newest", &packages.iter().map(newest).collect::<String>());
    }

    /// How often apt-get was run.
    fn asked(&self) -> usize {
        fs::read_to_string(self.path("archive/asked")).unwrap_or_default().lines().count()
    }

    fn lock(&self, lines: &str) {
        self.write("checkout/images/inputs.lock", &format!("rustc {}\n{lines}", self.rustc()));
    }

    /// The compiler, as the builder asks for it.
    fn rustc(&self) -> String {
        let asked =
            Command::new("rustc").arg("--version").current_dir(self.path("checkout")).output().unwrap();
        let text = String::from_utf8(asked.stdout).unwrap();
        text.trim().strip_prefix("rustc ").unwrap().to_owned()
    }

    /// Puts what the archive would give into the cache: `NAME_VERSION_HASH.deb`.
    fn fetched(&self, names: &[&str]) {
        let store = self.path("cache/downloads/debian");
        fs::create_dir_all(&store).unwrap();
        for name in names {
            fs::write(store.join(name), "").unwrap();
        }
    }

    /// `cargo xtask ARGUMENTS`, with this PATH after the archive's: the exit code, and what was said.
    fn xtask(&self, path: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(arguments)
            .env("PATH", format!("{}:{path}", self.path("archive").display()))
            .env("BERTH_CACHE", self.path("cache"))
            .env("BERTH_DEBIAN_MIRROR", "http://127.0.0.1:1/debian")
            .env("BERTH_DEBIAN_KEYRING", self.path("keyring"))
            .env("LC_ALL", "C")
            .env("GIT_CEILING_DIRECTORIES", self.place.path())
            .current_dir(self.path("checkout"))
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Fails unless it ends with exit code 1 and says all of `words`.
    fn fails(&self, arguments: &[&str], words: &[&str]) {
        let (code, said) = self.xtask(&host_path(), arguments);
        assert_eq!(code, Some(1), "{said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
    }
}

fn host_path() -> String {
    std::env::var("PATH").unwrap()
}

#[test]
fn what_is_taken_instead_of_the_locked_stays_until_the_lock_changes() {
    let bench = Bench::new();
    bench.lock("deb build make 1 1 aa\ndeb test qemu 1 1 bb\n");
    bench.fetched(&["qemu_1_bb.deb"]);
    bench.archive(&[("make", "2", "cc"), ("busybox", "1", "dd")]);
    let refused = [
        "the archive no longer has packages",
        "build/make 1 (there is 2)",
        "that images/inputs.lock lacks",
        "userland/busybox (there is 1)",
        "cargo xtask lock",
    ];
    let warned = [
        "warning: not as locked: the archive no longer has build/make 1, 2 is taken",
        "warning: not as locked: images/inputs.lock lacks userland/busybox, 1 is taken",
    ];
    bench.fails(&["build", "--locked"], &refused);
    let once = bench.asked();
    assert_ne!(once, 0);
    // As long as a package has not come, the archive is asked for it.
    bench.fails(&["build"], &warned);
    assert_eq!(bench.asked(), 2 * once);
    bench.fetched(&["make_2_cc.deb", "busybox_1_dd.deb"]);
    // The archive moves on, and goes.
    for packages in [&[("make", "3", "ee"), ("busybox", "3", "ff")][..], &[]] {
        bench.archive(packages);
        bench.fails(&["build", "--locked"], &refused);
        bench.fails(&["build"], &warned);
        assert_eq!(bench.asked(), 2 * once);
    }
    bench.archive(&[("make", "3", "ee"), ("busybox", "3", "ff")]);
    bench.lock("deb build make 1.5 1 aa\ndeb test qemu 1 1 bb\n");
    bench.fails(
        &["build"],
        &["no longer has build/make 1.5, 3 is taken", "lacks userland/busybox, 1 is taken"],
    );
    assert!(bench.asked() > 2 * once);
    // Nor does it outlive the names.
    bench.write("checkout/images/default.yaml", &SPEC.replace("  busybox:", "  make: []\n  busybox:"));
    bench.fails(&["build"], &["lacks userland/busybox, 3 is taken", "lacks userland/make, 3 is taken"]);
}

#[test]
fn a_lock_that_cannot_be_read_is_made_anew() {
    let bench = Bench::new();
    // A package without files, and a toolchain that was fetched before.
    fs::create_dir_all(bench.path("make/DEBIAN")).unwrap();
    let control = "Package: make\nVersion: 2\nArchitecture: amd64\nMaintainer: a <a@b>\nDescription: a\n";
    bench.write("make/DEBIAN/control", control);
    let deb = bench.path("archive/make_2_amd64.deb");
    let built = Command::new("dpkg-deb").arg("--build").args([&bench.path("make"), &deb]).output().unwrap();
    assert!(built.status.success(), "{built:?}");
    let sha256 = hash_file(&deb).unwrap();
    bench.archive(&[("make", "2", &sha256), ("qemu", "1", "bb"), ("busybox", "1", "dd")]);
    let toolchains = bench.path("cache/downloads/go/cache/download/golang.org/toolchain/@v");
    fs::create_dir_all(&toolchains).unwrap();
    fs::write(toolchains.join("v0.0.1-go1.99.0.linux-amd64.zip"), "zip").unwrap();
    let unpacked = "cache/downloads/go/golang.org/toolchain@v0.0.1-go1.99.0.linux-amd64";
    fs::create_dir_all(bench.path(unpacked)).unwrap();

    let go = format!("go-toolchain go1.99.0 3 {}\n", hash_bytes(b"zip"));
    let merged = format!("<<<<<<< HEAD\n{go}deb build make 1 1 aa\n=======\n>>>>>>> theirs\n");
    bench.write("checkout/images/inputs.lock", &merged);
    let place = ["images/inputs.lock:1: `<<<<<<< HEAD`", "`cargo xtask lock` makes the file anew"];
    bench.fails(&["build"], &place);
    let bundle = bench.path("bundle");
    bench.fails(&["lock", "--keep", "--bundle", bundle.to_str().unwrap()], &place);
    assert_eq!(bench.asked(), 0);

    let (code, said) = bench.xtask(&host_path(), &["lock"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("warning: ") && said.contains(place[0]), "{said}");
    let text = fs::read_to_string(bench.path("checkout/images/inputs.lock")).unwrap();
    let lock = Lock::parse(&text).unwrap();
    assert_eq!(lock.rustc, bench.rustc());
    assert!(text.contains(&go), "{text}");
    assert_eq!(lock.sets["build"][0].sha256, sha256);
    assert_eq!(lock.sets.keys().collect::<Vec<_>>(), ["build", "test", "userland"]);
}

#[test]
fn a_folder_that_takes_no_artifacts_is_told_of_before_the_work() {
    let bench = Bench::new();
    bench.lock("");
    for (name, words) in [("keyring", "File exists"), ("keyring/images", "Not a directory")] {
        let out = bench.path(name);
        let out = out.to_str().unwrap();
        bench.fails(&["build", "--out", out], &["no artifacts can be put into", out, "--out", words]);
    }
    let out = bench.path("new/images");
    // What else is wrong is said after it.
    bench.fails(&["build", "--out", out.to_str().unwrap()], &["no package `make`"]);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    assert_ne!(bench.asked(), 0);
}

#[test]
fn a_second_build_that_cannot_be_made_is_told_of_before_the_first() {
    let bench = Bench::new();
    bench.lock("");
    bench.fails(&["reproduce"], &["not a git repository", "work in a clone"]);
    let (code, said) = bench.xtask("/no/such/folder", &["reproduce"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("running git"), "{said}");
    let git = Command::new("git").args(["init", "--quiet"]).arg(bench.path("checkout")).status().unwrap();
    assert!(git.success());
    bench.write("checkout/.gitignore", "*\n");
    bench.fails(&["reproduce"], &["git knows of no file", "work in a clone"]);
    assert_eq!(bench.asked(), 0);
    assert!(!bench.path("checkout/target").exists());
}
