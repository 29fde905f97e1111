//! The config's own file systems, on loop devices: where these are missing the tests are not run, and say so.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::harness::At::{File, Folder, Link, Mode, Nothing, Owner, Same};
use crate::harness::{GROUP, Root, is_root};

/// A disk with an ext4 on it.
struct Disk {
    node: String,
    _file: tempfile::NamedTempFile,
}

impl Disk {
    fn new() -> Option<Disk> {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(16 << 20).unwrap();
        let run = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).arg(file.path()).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let node =
            is_root().then(|| run("mkfs.ext4", &["-q"]).and_then(|_| run("losetup", &["--find", "--show"])));
        let Some(node) = node.flatten() else {
            eprintln!("not run: there are no loop devices, no losetup or no mkfs.ext4");
            return None;
        };
        Some(Disk { node, _file: file })
    }

    /// Does something with what is on it.
    fn look(&self, look: impl FnOnce(&Path)) {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-o", "ro", &self.node]).arg(folder.path()).status().unwrap();
        assert!(mount.success());
        look(folder.path());
        assert!(Command::new("umount").arg(folder.path()).status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        _ = Command::new("losetup").args(["--detach", &self.node]).status();
    }
}

/// The reference's `filesystem.mount.options`, with another file system.
#[test]
fn what_a_config_writes_is_on_its_file_systems() {
    let (Some(outer), Some(inner)) = (Disk::new(), Disk::new()) else { return };
    let mut root = Root::new(&[]);
    // The inner one first, as no list has to be in order.
    let applied = root.apply(json!({"storage": {
        "filesystems": [
            {"path": "/srv/data/inner", "device": inner.node, "format": "ext4", "mountOptions": ["noexec", "nofail"]},
            {"path": "/srv/data", "device": outer.node, "format": "ext4"},
        ],
        "files": [
            {"path": "/srv/data/a", "contents": {"source": "data:,outer"}},
            {"path": "/srv/data/inner/b", "contents": {"source": "data:,inner"}},
        ],
    }}));
    assert_eq!(applied, Ok(()));
    let after = [Folder("/srv/data"), Nothing("/srv/data/a"), Nothing("/srv/data/inner")];
    assert_eq!(root.wrong(&after), [""; 0]);
    outer.look(|folder| assert_eq!(fs::read_to_string(folder.join("a")).unwrap(), "outer"));
    inner.look(|folder| assert_eq!(fs::read_to_string(folder.join("b")).unwrap(), "inner"));
}

#[test]
fn a_file_system_for_var_has_what_every_machine_has_there() {
    let Some(disk) = Disk::new() else { return };
    let mut root = Root::new(&[]);
    let applied = root.apply(json!({"storage": {
        "filesystems": [{"path": "/var", "device": disk.node, "format": "ext4"}],
        "files": [{"path": "/var/tmp/a", "contents": {"source": "data:,a"}}],
    }}));
    assert_eq!(applied, Ok(()));
    disk.look(|var| {
        let mode = |path: &str| fs::symlink_metadata(var.join(path)).unwrap().mode() & 0o7777;
        assert_eq!((mode("tmp"), mode("log"), mode("lib"), mode("usrlocal")), (0o1777, 0o755, 0o755, 0o755));
        assert_eq!(fs::read_link(var.join("run")).unwrap(), Path::new("../run"));
        // What ROOT's own is mounted on, and nothing in it.
        assert_eq!(fs::read_dir(var.join("lib/berth")).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(var.join("tmp/a")).unwrap(), "a");
    });
}

/// The reference's `users.add.mountpoint`.
#[test]
fn folders_made_for_mounts_in_a_home_are_the_users() {
    let Some(disk) = Disk::new() else { return };
    let mut root = Root::new(&[]);
    let applied = root.apply(json!({
        "storage": {
            "filesystems": [{"path": "/home/test/.ssh/foo/bar", "device": disk.node, "format": "ext4"}],
            "directories": [{"path": "/home/test/.ssh", "mode": 0o750}],
        },
        "passwd": {"users": [{"name": "test", "sshAuthorizedKeys": ["k"]}]},
    }));
    assert_eq!(applied, Ok(()));
    let after = [
        Owner("/home", 0, 0),
        Mode("/home", 0o755),
        Owner("/home/test", 1000, 1000),
        Mode("/home/test", 0o700),
        Owner("/home/test/.ssh", 1000, 1000),
        Mode("/home/test/.ssh", 0o750),
        Owner("/home/test/.ssh/foo", 1000, 1000),
        Mode("/home/test/.ssh/foo", 0o700),
        // The folder that is mounted on, not what is mounted there.
        Owner("/home/test/.ssh/foo/bar", 0, 0),
        File("/home/test/.ssh/authorized_keys.d/ignition", "k\n"),
    ];
    assert_eq!(root.wrong(&after), [""; 0]);
    disk.look(|folder| {
        let seen = fs::metadata(folder).unwrap();
        assert_eq!((seen.uid(), seen.gid(), seen.mode() & 0o7777), (1000, 1000, 0o700));
    });
}

/// The reference's `filesystem.mount.invalidoptions` and `filesystem.pathusessymlinks`, and ours.
#[test]
fn nothing_stays_mounted_where_one_cannot_be() {
    let (Some(first), Some(disk)) = (Disk::new(), Disk::new()) else { return };
    for (config, expected) in [
        (
            json!({"path": "/data/x", "device": disk.node, "format": "ext4", "mountOptions": ["bogus=1"]}),
            "$.storage.filesystems.1: cannot mount ",
        ),
        (
            json!({"path": "/data/link/x", "device": disk.node, "format": "ext4"}),
            "$.storage.filesystems.1.path: /data/link is no folder, and must be one to mount /data/link/x on",
        ),
        (
            json!({"path": "/run/x", "device": disk.node, "format": "ext4"}),
            "$.storage.filesystems.1.path: /run is made anew",
        ),
        (
            json!({"path": "/etc", "device": disk.node, "format": "ext4"}),
            "$.storage.filesystems.1.path: /etc is mounted before",
        ),
        (
            json!({"path": "/", "device": disk.node, "format": "ext4"}),
            "$.storage.filesystems.1.path: / is mounted before",
        ),
        (
            json!({"path": "/var/lib/berth", "device": disk.node, "format": "ext4"}),
            "$.storage.filesystems.1.path: /var/lib/berth",
        ),
    ] {
        let mut root = Root::new(&[Link("/data/link", "/srv")]);
        let first = json!({"path": "/a", "device": first.node, "format": "ext4"});
        let failure = root.apply(json!({"storage": {"filesystems": [first, config]}})).unwrap_err();
        assert!(failure.starts_with(expected), "{failure}");
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&*root.path("/").to_string_lossy()), "{mounts}");
    }
}

/// Something mounted, until it is out of use.
struct Mounted(std::path::PathBuf);

impl Mounted {
    fn new(arguments: &[&str], place: &Path) -> Mounted {
        fs::create_dir_all(place).unwrap();
        assert!(
            Command::new("mount").args(arguments).arg(place).status().unwrap().success(),
            "{arguments:?}"
        );
        Mounted(place.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        _ = Command::new("umount").arg(&self.0).status();
    }
}

/// As on a machine: the image's files below, the machine's above.
#[test]
fn etc_is_an_overlay() {
    let Some(disk) = Disk::new() else { return };
    const UNIT: &str = "[Service]\nExecStart=/usr/bin/true\n[Install]\nWantedBy=multi-user.target\n";
    let mut root = Root::new(&[
        File("/usr/lib/systemd/system/etcd.service", UNIT),
        File("/usr/lib/systemd/system/containerd.service", UNIT),
        Link(
            "/etc/systemd/system/multi-user.target.wants/etcd.service",
            "/usr/lib/systemd/system/etcd.service",
        ),
        Link(
            "/etc/systemd/system/multi-user.target.wants/containerd.service",
            "/usr/lib/systemd/system/containerd.service",
        ),
        File("/etc/containerd/config.toml", "image's"),
        File("/etc/hosts", "localhost\n"),
        File("/etc/profile", "image's"),
    ]);
    let lower = root.path("/usr/share/berth/etc");
    fs::create_dir_all(lower.parent().unwrap()).unwrap();
    fs::rename(root.path("/etc"), &lower).unwrap();
    let state = root.path("/var/lib/berth/etc");
    let _state = Mounted::new(&[&disk.node], &state);
    let [upper, work] = ["upper", "work"].map(|name| state.join(name));
    for folder in [&upper, &work] {
        fs::create_dir(folder).unwrap();
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={},metacopy=off,index=off,xino=off,redirect_dir=off",
        lower.display(),
        upper.display(),
        work.display()
    );
    let _etc = Mounted::new(&["-t", "overlay", "overlay", "-o", &options], &root.path("/etc"));
    let config = |source: &str| {
        json!({
            "passwd": {"users": [{"name": "a", "groups": ["docker"]}]},
            "storage": {
                "directories": [{"path": "/etc/containerd", "overwrite": true}],
                "files": [
                    {"path": "/etc/hosts", "append": [{"source": "data:,more"}]},
                    {"path": "/etc/profile", "overwrite": true, "contents": {"source": "data:,mine"}},
                    {"path": "/etc/new/file", "contents": {"source": source}},
                ],
                "links": [{"path": "/etc/services", "target": "/etc/profile", "hard": true}],
            },
            "systemd": {"units": [
                {"name": "etcd.service", "enabled": false},
                {"name": "containerd.service", "mask": true},
                {"name": "mine.service", "enabled": true, "contents": UNIT},
            ]},
        })
    };
    root.apply(config("http://127.0.0.1:8080/asdf")).unwrap_err();
    assert_eq!(root.apply(config("data:,new")), Ok(()));
    let wants = "/etc/systemd/system/multi-user.target.wants";
    assert_eq!(fs::read_dir(root.path(wants)).unwrap().count(), 2, "containerd and mine");
    let after = [
        File("/etc/hosts", "localhost\nmore"),
        File("/etc/profile", "mine"),
        Same("/etc/services", "/etc/profile"),
        File("/etc/new/file", "new"),
        Folder("/etc/containerd"),
        Nothing("/etc/containerd/config.toml"),
        Nothing("/etc/systemd/system/multi-user.target.wants/etcd.service"),
        Link("/etc/systemd/system/containerd.service", "/dev/null"),
        Link("/etc/systemd/system/multi-user.target.wants/mine.service", "/etc/systemd/system/mine.service"),
        Mode("/etc/shadow", 0o600),
        // The image's stays the image's.
        File("/usr/share/berth/etc/group", GROUP),
        File("/usr/share/berth/etc/hosts", "localhost\n"),
        File("/usr/share/berth/etc/containerd/config.toml", "image's"),
    ];
    assert_eq!(root.wrong(&after), [""; 0]);
}
