//! SSH keys that a platform gives.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use layout::platform::SSH_KEYS;
use provision::files::set_keys;

#[test]
fn a_users_keys_are_those_that_the_platform_gives_now() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    fs::create_dir_all(at("etc")).unwrap();
    let own = fs::metadata(root.path()).unwrap();
    let passwd = format!("core:x:{}:{}:core:/home/core:/usr/bin/sh\n", own.uid(), own.gid());
    fs::write(at("etc/passwd"), passwd).unwrap();
    let keys = |keys: &[&str]| {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        set_keys(root.path(), "core", &keys, SSH_KEYS)
    };
    let file = at("home/core").join(SSH_KEYS);
    keys(&["ssh-rsa one", "ssh-rsa two"]).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "ssh-rsa one\nssh-rsa two\n");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    fs::write(at("home/core/.ssh/authorized_keys.d/ignition"), "ssh-rsa own\n").unwrap();
    keys(&["ssh-rsa three"]).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "ssh-rsa three\n");
    keys(&[]).unwrap();
    assert!(!file.exists());
    assert!(at("home/core/.ssh/authorized_keys.d/ignition").exists(), "other sources keep theirs");
    keys(&[]).unwrap();
    assert!(set_keys(root.path(), "nobody-such", &[], SSH_KEYS).unwrap_err().to_string().contains("no user"));
}

#[test]
fn a_link_of_the_users_leads_keys_nowhere_else() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    fs::create_dir_all(at("etc")).unwrap();
    fs::create_dir_all(at("home/core/.ssh")).unwrap();
    let own = fs::metadata(root.path()).unwrap();
    fs::write(at("etc/passwd"), format!("core:x:{}:{}::/home/core:/bin/sh\n", own.uid(), own.gid())).unwrap();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), at("home/core/.ssh/authorized_keys.d")).unwrap();
    _ = set_keys(root.path(), "core", &["ssh-rsa one".to_owned()], SSH_KEYS);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}
