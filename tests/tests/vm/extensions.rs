//! System extensions: what is signed for the running version is merged, and nothing else, and no extension stops a boot.

use std::fs;
use std::path::{Path, PathBuf};

use image::ddi;
use image::erofs::{self, Compression};
use image::files::{Content, FileTree};
use layout::Guid;
use layout::extension::{RECORDS, RELEASES};
use layout::path::UNITS;
use release::Extension;
use serde_json::{Value, json};
use tests::bed;
use vm::Vm;

/// A program of the extension, and what it says.
const PROGRAM: &str = "#!/usr/bin/sh\necho served by an extension\n";
const UNIT: &str = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/extended\n";
/// A module that no boot loads by itself.
const MODULE: &str = "vsock_loopback";

/// An image, and the root hash of its hash tree.
pub struct Built {
    pub file: PathBuf,
    root_hash: String,
    /// Bytes of a file of it that nothing reads at boot.
    cold: Vec<u8>,
}

impl Built {
    /// As it is published.
    pub fn released(&self, name: &str, version: &str) -> Extension {
        Extension {
            name: name.to_owned(),
            version: version.parse().unwrap(),
            image: self.file.clone(),
            size: fs::metadata(&self.file).unwrap().len(),
            root_hash: self.root_hash.parse().unwrap(),
        }
    }
}

fn text(text: &str) -> Content {
    Content::Bytes(text.as_bytes().to_vec())
}

/// Makes an extension with a program, a unit that is started, a file that is not read, and something in /opt.
fn build(folder: &Path, name: &str, version: &str) -> Built {
    let mut tree = FileTree::new();
    if name == "good" {
        let units = UNITS.trim_start_matches('/');
        tree.file("usr/bin/extended", 0o755, text(PROGRAM)).unwrap();
        tree.file(&format!("{units}/extended.service"), 0o644, text(UNIT)).unwrap();
        tree.link(&format!("{units}/multi-user.target.wants/extended.service"), "../extended.service")
            .unwrap();
        tree.file("opt/extended/readme", 0o644, text("from an extension\n")).unwrap();
    }
    pack(folder, name, version, tree)
}

/// Makes an extension with a program of its name, which tells its version.
pub fn tool(folder: &Path, name: &str, version: &str) -> Built {
    let mut tree = FileTree::new();
    let program = format!("#!/usr/bin/sh\necho {name} {version}\n");
    tree.file(&format!("usr/bin/{name}"), 0o755, text(&program)).unwrap();
    pack(folder, name, version, tree)
}

fn pack(folder: &Path, name: &str, version: &str, mut tree: FileTree) -> Built {
    let path = |end: &str| folder.join(format!("{name}_{version}.{end}"));
    // No packer makes it smaller, so that it stands in the image as it is.
    let mut cold = vec![0; 256 << 10];
    tests::noise(&mut cold);
    let release = format!("ID=berth\nVERSION_ID={version}\n");
    tree.file(&format!("{RELEASES}/extension-release.{name}"), 0o644, text(&release)).unwrap();
    tree.file(&format!("usr/share/{name}"), 0o644, Content::Bytes(cold.clone())).unwrap();
    let uuid = Guid::from_random([7; 16]);
    let (data, hashes, file) = (path("erofs"), path("verity"), path("raw"));
    erofs::build(bed().tools(), &tree, &data, Compression::Lz4, uuid, 0).unwrap();
    let root_hash = image::verity::format(&data, &hashes, &[3; 32], uuid).unwrap();
    ddi::write(&file, &data, &hashes, &root_hash).unwrap();
    Built { file, root_hash: root_hash.to_string(), cold }
}

/// Flips a bit in the middle of the file that is not read.
fn spoil(built: &Built) {
    let mut bytes = fs::read(&built.file).unwrap();
    let middle = built.cold.len() / 2;
    let wanted = &built.cold[middle..middle + 64];
    let at = bytes.windows(wanted.len()).position(|window| window == wanted).unwrap();
    bytes[at] ^= 1;
    fs::write(&built.file, bytes).unwrap();
}

/// The shell's words that write the record of an extension, as the updater does.
pub fn trust(name: &str, built: &Built, base: &str) -> String {
    let root_hash = &built.root_hash;
    let record = json!({"schema": 1, "trusted": [{"version": base, "root_hash": root_hash, "base": base}]});
    format!("mkdir -p {RECORDS} && echo '{record}' > {RECORDS}/{name}.json")
}

/// What `berthctl extension status` says: the state of each name, and the reasons.
fn status(vm: &Vm) -> vm::Result<Vec<(String, String, String)>> {
    let text = vm.run("berthctl extension status --json=short")?;
    let value: Value = serde_json::from_str(&text).unwrap();
    let word = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let all = value["extensions"].as_array().unwrap().iter();
    Ok(all.map(|one| (word(one, "name"), word(one, "state"), word(one, "reason"))).collect())
}

#[test]
fn what_is_signed_for_this_version_is_merged_and_nothing_else() -> vm::Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let base = bed().images().manifest().version.to_string();
    let built = |name: &str, version: &str| build(folder.path(), name, version);
    let (good, spoilt, wrong, unsigned) =
        (built("good", &base), built("spoilt", &base), built("wrong", "9.9.9"), built("unsigned", &base));
    spoil(&spoilt);
    let all = [("good", &good), ("spoilt", &spoilt), ("wrong", &wrong), ("unsigned", &unsigned)];
    let mut setup = Vm::direct(bed());
    for (name, built) in all {
        setup = setup.medium(&built.file, name);
    }
    let mut vm = setup.boot()?;
    vm.wait_until_ready()?;
    assert_eq!(vm.run("berthctl extension status")?, format!("no extensions (base {base})"));

    vm.run("mkdir -p /var/lib/extensions && echo own > /opt/own")?;
    for (name, built) in all {
        // The device may end with a piece of a sector that the image has not.
        vm.run(&format!("cat /dev/disk/by-id/virtio-{name} > /var/lib/extensions/{name}.raw"))?;
        if name != "unsigned" {
            vm.run(&trust(name, built, &base))?;
        }
    }
    vm.run("mkdir /var/lib/extensions/folder; echo nonsense > /var/lib/extensions/nonsense.raw; sync")?;
    vm.reboot()?;

    let wanted = [
        ("folder", "left-out", "only images with a hash tree"),
        ("good", "active", ""),
        ("nonsense", "left-out", "partition table"),
        ("spoilt", "active", ""),
        ("unsigned", "left-out", "it is not signed"),
        ("wrong", "left-out", "VERSION_ID=9.9.9, and the base has"),
    ];
    let told = status(&vm)?;
    assert_eq!(told.len(), wanted.len(), "{told:?}");
    for ((name, state, reason), (wanted, wanted_state, says)) in told.into_iter().zip(wanted) {
        assert_eq!((name.as_str(), state.as_str()), (wanted, wanted_state), "{reason}");
        assert!(reason.contains(says), "{name}: {reason}");
        if !says.is_empty() {
            // Who sits at the console, or reads the log afterwards, is told the same.
            vm.run(&format!("journalctl -b -k | grep -F 'extensions: {name} ' | grep -qF '{says}'"))?;
            assert!(vm.console().contains(&format!("extensions: {name} (")), "{name}");
        }
    }

    // It is part of the system: its program, its unit, what it has in /opt beside the machine's own.
    assert_eq!(vm.run("extended")?, "served by an extension");
    assert_eq!(vm.run("systemctl is-active extended.service")?, "active");
    assert_eq!(vm.run("cat /opt/extended/readme /opt/own")?, "from an extension\nown");
    vm.run("echo new > /opt/new && etcdctl endpoint health && test ! -e /usr/share/wrong")?;
    assert!(!vm.attempt("touch /usr/new")?.success());
    // The kernel takes modules from the base alone; they are found as before.
    vm.run(&format!("modprobe {MODULE} && test -d /sys/module/{MODULE}"))?;

    // What does not match its hash is not served, and the machine runs on.
    let read = vm.attempt("cat /usr/share/spoilt > /dev/null")?;
    assert!(!read.success() && read.text.contains("Input/output error"), "{}", read.text);
    vm.run("dmesg | grep 'verity' | grep -q 'is corrupted' && cat /usr/share/good > /dev/null")?;

    // A link to nothing takes one away, and without images the base is as it was.
    vm.run("mkdir -p /etc/extensions && ln -s /dev/null /etc/extensions/good.raw && sync")?;
    vm.reboot()?;
    assert!(status(&vm)?.iter().all(|(name, ..)| name != "good"));
    vm.run("test ! -e /usr/bin/extended && cat /opt/own /opt/new && systemd-sysext status >/dev/null")?;
    vm.run("rm -r /var/lib/extensions /etc/extensions; sync")?;
    vm.reboot()?;
    assert_eq!(vm.run("berthctl extension status")?, format!("no extensions (base {base})"));
    vm.run("test ! -e /run/berth/extensions.json && ! grep -q ' /usr overlay ' /proc/mounts")?;
    vm.power_off()?;
    Ok(())
}
