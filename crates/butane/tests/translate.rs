//! Butane configs beside the Ignition configs that they become, and beside what is said of them.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use std::collections::BTreeMap;

use butane::{Files, Leaf, LeafKind, Translation, translate};
use serde_json::{Value, json};

/// A folder in memory.
struct Folder(BTreeMap<&'static str, &'static str>);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0
            .get(path)
            .map(|text| text.as_bytes().to_vec())
            .ok_or_else(|| format!("reading {path}: not there"))
    }

    fn tree(&self, path: &str) -> Result<Vec<Leaf>, String> {
        let inside = |(name, text): (&&str, &&str)| {
            let path = name.strip_prefix(path)?.strip_prefix('/')?.to_owned();
            let kind = match text.strip_prefix("-> ") {
                Some(target) => LeafKind::Link { target: target.to_owned() },
                None if *text == "pipe" => LeafKind::Other,
                None => {
                    LeafKind::File { contents: text.as_bytes().to_vec(), executable: text.starts_with("#!") }
                }
            };
            Some(Leaf { path, kind })
        };
        let leaves: Vec<_> = self.0.iter().filter_map(inside).collect();
        if leaves.is_empty() { Err(format!("reading {path}: not there")) } else { Ok(leaves) }
    }
}

fn folder() -> Folder {
    Folder(BTreeMap::from([
        ("issue", "hello\n"),
        ("keys", "ssh-ed25519 A a\r\n\nssh-ed25519 B b\n"),
        ("unit", "[Service]\n"),
        ("web/bin/run", "#!/bin/sh\n"),
        ("web/etc/web.conf", "port = 80"),
        ("web/etc/link", "-> /run/web"),
        ("odd/pipe", "pipe"),
        ("child.ign", r#"{"ignition": {"version": "3.1.0"}}"#),
        ("broken.ign", r#"{"ignition": {"version": "3.1.0"}, "storage": 1}"#),
    ]))
}

fn of(text: &str) -> Translation {
    translate(text, Some(&folder()))
}

/// The Ignition config of the Butane config whose `variant` and `version` are `head` and whose
/// rest is `body`.
fn config(head: &str, body: &str) -> Value {
    let (variant, version) = head.split_once(' ').unwrap();
    let translation = of(&format!("variant: {variant}\nversion: {version}\n{body}"));
    let config = translation.config.unwrap_or_else(|| panic!("{body}\n{}", translation.report));
    serde_json::from_str(&config).unwrap()
}

/// What is said of the config, which has `variant` and `version` in its lines 1 and 2.
fn said(head: &str, body: &str) -> String {
    let (variant, version) = head.split_once(' ').unwrap();
    of(&format!("variant: {variant}\nversion: {version}\n{body}")).report.to_string()
}

#[test]
fn each_version_becomes_its_ignition_version() {
    for (head, ignition) in [
        ("fcos 1.0.0", "3.0.0"),
        ("fcos 1.1.0", "3.1.0"),
        ("fcos 1.2.0", "3.2.0"),
        ("fcos 1.3.0", "3.2.0"),
        ("fcos 1.4.0", "3.3.0"),
        ("fcos 1.5.0", "3.4.0"),
        ("fcos 1.6.0", "3.5.0"),
        ("flatcar 1.0.0", "3.3.0"),
        ("flatcar 1.1.0", "3.4.0"),
        ("berth 1.0.0", "3.6.0"),
    ] {
        assert_eq!(config(head, ""), json!({"ignition": {"version": ignition}}), "{head}");
    }
}

#[test]
fn a_whole_config() {
    let body = r#"
ignition:
  config:
    merge:
      - source: https://example.org/base.ign
        http_headers: [{name: Accept, value: text/plain}]
        verification: {hash: "sha512-0"}
  timeouts: {http_total: 30}
  security: {tls: {certificate_authorities: [{local: issue}]}}
kernel_arguments: {should_exist: [quiet], should_not_exist: [debug]}
passwd:
  groups: [{name: web, gid: 0o1750}]
  users:
    - name: core
      home_dir: /home/core
      no_create_home: no
      groups: [wheel]
      ssh_authorized_keys: [ssh-ed25519 O own]
      ssh_authorized_keys_local: [keys]
storage:
  disks:
    - device: /dev/vdb
      wipe_table: true
      partitions: [{label: data, number: 0, size_mib: 512, start_mib: 0, type_guid: 0FC63DAF-8483-4772-8E79-3D69D8477DE4}]
  raid: [{name: md, level: raid1, devices: [/dev/vdc, /dev/vdd]}]
  filesystems: [{device: /dev/md/md, format: xfs, path: /var/data, wipe_filesystem: true}]
  directories: [{path: /etc/d, mode: 0755, user: {name: core}, group: {id: 10}}]
  files:
    - path: /etc/issue
      mode: 0644
      contents: {local: ./x/../issue}
      append: [{inline: "more"}]
  links: [{path: /etc/l, target: /etc/issue, hard: true}]
  trees: [{local: web, path: /opt/web}]
systemd:
  units:
    - name: a.service
      enabled: true
      contents_local: unit
      dropins: [{name: b.conf, contents_local: unit}, {name: c.conf, contents: ""}]
"#;
    let expected = json!({
        "ignition": {
            "version": "3.6.0",
            "config": {"merge": [{
                "source": "https://example.org/base.ign",
                "httpHeaders": [{"name": "Accept", "value": "text/plain"}],
                "verification": {"hash": "sha512-0"},
            }]},
            "timeouts": {"httpTotal": 30},
            "security": {"tls": {"certificateAuthorities": [{"source": "data:,hello%0A", "compression": ""}]}},
        },
        "kernelArguments": {"shouldExist": ["quiet"], "shouldNotExist": ["debug"]},
        "passwd": {
            "groups": [{"name": "web", "gid": 1000}],
            "users": [{
                "name": "core",
                "homeDir": "/home/core",
                "noCreateHome": false,
                "groups": ["wheel"],
                "sshAuthorizedKeys": ["ssh-ed25519 O own", "ssh-ed25519 A a", "ssh-ed25519 B b"],
            }],
        },
        "storage": {
            "disks": [{
                "device": "/dev/vdb",
                "wipeTable": true,
                "partitions": [{
                    "label": "data",
                    "sizeMiB": 512,
                    "startMiB": 0,
                    "typeGuid": "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
                }],
            }],
            "raid": [{"name": "md", "level": "raid1", "devices": ["/dev/vdc", "/dev/vdd"]}],
            "filesystems": [{"device": "/dev/md/md", "format": "xfs", "path": "/var/data", "wipeFilesystem": true}],
            "directories": [{"path": "/etc/d", "mode": 0o755, "user": {"name": "core"}, "group": {"id": 10}}],
            "files": [
                {
                    "path": "/etc/issue",
                    "mode": 0o644,
                    "contents": {"source": "data:,hello%0A", "compression": ""},
                    "append": [{"source": "data:,more", "compression": ""}],
                },
                {
                    "path": "/opt/web/bin/run",
                    "mode": 0o755,
                    "contents": {"source": "data:,%23!%2Fbin%2Fsh%0A", "compression": ""},
                },
                {
                    "path": "/opt/web/etc/web.conf",
                    "mode": 0o644,
                    "contents": {"source": "data:,port%20%3D%2080", "compression": ""},
                },
            ],
            "links": [
                {"path": "/etc/l", "target": "/etc/issue", "hard": true},
                {"path": "/opt/web/etc/link", "target": "/run/web"},
            ],
        },
        "systemd": {"units": [{
            "name": "a.service",
            "enabled": true,
            "contents": "[Service]\n",
            "dropins": [{"name": "b.conf", "contents": "[Service]\n"}, {"name": "c.conf", "contents": ""}],
        }]},
    });
    // The hash is no hash: that is Ignition's to say, and not what this is about.
    let body = body.replace("        verification: {hash: \"sha512-0\"}\n", "");
    let mut expected = expected;
    expected["ignition"]["config"]["merge"][0].as_object_mut().unwrap().remove("verification");
    assert_eq!(config("berth 1.0.0", &body), expected);
}

#[test]
fn what_says_nothing_is_left_out_and_what_ignition_requires_is_there() {
    let body = "storage:\n  files:\n    -\n    - path: /a\n      mode:\n      contents: {}\n      append: []\n  links: ~\npasswd: {users: []}\n";
    assert_eq!(config("fcos 1.6.0", body)["storage"], json!({"files": [{"path": "/a"}]}));
    assert_eq!(config("fcos 1.6.0", body).get("passwd"), None);
    assert_eq!(
        said("fcos 1.2.0", "storage:\n  links: [{path: /a}]\n"),
        said("fcos 1.2.0", "storage:\n  links: [{path: /a, target: ''}]\n")
    );
}

/// Text, and the URL and compression that it is embedded as.
#[test]
fn contents_take_the_shortest_url() {
    let embedded = |head: &str, text: &str, more: &str| {
        let body = format!(
            "storage:\n  files:\n    - path: /a\n      contents: {{inline: {}{more}}}\n",
            json!(text)
        );
        let contents = config(head, &body)["storage"]["files"][0]["contents"].clone();
        (contents["source"].as_str().unwrap().to_owned(), contents.get("compression").cloned())
    };
    let new = "berth 1.0.0";
    let cases = [
        ("", "data:,", Some(json!(""))),
        ("az-_.!~*'()", "data:,az-_.!~*'()", Some(json!(""))),
        ("a b", "data:,a%20b", Some(json!(""))),
        ("\u{e4}\u{e4}\u{e4}\u{e4}", "data:;base64,w6TDpMOkw6Q=", Some(json!(""))),
    ];
    for (text, url, compression) in cases {
        assert_eq!(embedded(new, text, ""), (url.to_owned(), compression), "{text:?}");
    }
    let long = "long ".repeat(100);
    let (url, compression) = embedded(new, &long, "");
    assert!(url.starts_with("data:;base64,H4sI") && url.len() < 80, "{url}");
    assert_eq!(compression, Some(json!("gzip")));
    // What is compressed already is taken as it is; the oldest version never compresses.
    assert_eq!(embedded(new, "x", ", compression: gzip"), ("data:,x".to_owned(), Some(json!("gzip"))));
    assert_eq!(embedded("fcos 1.0.0", &long, ""), (format!("data:,{}", long.replace(' ', "%20")), None));
}

#[test]
fn mount_units() {
    let units = |head: &str, filesystem: &str, more: &str| {
        let body = format!("storage:\n  filesystems: [{{{filesystem}, with_mount_unit: yes}}]\n{more}");
        config(head, &body)["systemd"]["units"].clone()
    };
    let unit = |name: &str, text: &str| {
        let contents = format!("# Of a filesystem with_mount_unit\n{text}");
        json!({"name": name, "enabled": true, "contents": contents})
    };
    let data = "device: /dev/disk/by-label/my-data, format: ext4, path: /var/lib/my data";
    let mount = unit(
        "var-lib-my\\x20data.mount",
        "[Unit]\n\
         Requires=systemd-fsck@dev-disk-by\\x2dlabel-my\\x2ddata.service\n\
         After=systemd-fsck@dev-disk-by\\x2dlabel-my\\x2ddata.service\n\
         \n\
         [Mount]\n\
         Where=/var/lib/my data\n\
         What=/dev/disk/by-label/my-data\n\
         Type=ext4\n\
         Options=ro,noatime\n\
         \n\
         [Install]\n\
         RequiredBy=local-fs.target\n",
    );
    assert_eq!(units("berth 1.0.0", &format!("{data}, mount_options: [ro, noatime]"), ""), json!([mount]));
    let swap = unit("dev-vdb.swap", "[Swap]\nWhat=/dev/vdb\n\n[Install]\nRequiredBy=swap.target\n");
    assert_eq!(units("fcos 1.4.0", "device: /dev/vdb, format: swap", ""), json!([swap]));
    // A unit of the config comes after those made, or goes into the one of its name.
    let own = "systemd:\n  units: [{name: a.service}, {name: dev-vdb.swap, enabled: false, dropins: [{name: x.conf}]}]\n";
    let mut changed = swap;
    changed["enabled"] = json!(false);
    changed["dropins"] = json!([{"name": "x.conf"}]);
    assert_eq!(
        units("fcos 1.4.0", "device: /dev/vdb, format: swap", own),
        json!([changed, {"name": "a.service"}])
    );
    // A volume that a server on the network unlocks.
    let luks = "  luks: [{name: v, device: /dev/vdc, clevis: {tang: [{url: 'https://example.org', thumbprint: x}]}}]\n";
    let remote = units("fcos 1.3.0", "device: /dev/mapper/v, format: xfs, path: /srv", luks);
    let text = remote[0]["contents"].as_str().unwrap();
    assert!(text.contains("Options=_netdev\n") && text.contains("RequiredBy=remote-fs.target\n"), "{text}");
}

#[test]
fn trees_fill_in_what_the_config_says_of_their_files() {
    let body = "storage:\n  trees: [{local: web}]\n  files: [{path: /bin/run, mode: 0700, user: {name: web}}]\n  links: [{path: /etc/link, group: {id: 1}}]\n";
    let storage = config("fcos 1.1.0", body)["storage"].clone();
    assert_eq!(storage["files"][0]["mode"], json!(0o700));
    assert_eq!(storage["files"][0]["contents"]["source"], json!("data:,%23!%2Fbin%2Fsh%0A"));
    assert_eq!(storage["files"][1]["path"], json!("/etc/web.conf"));
    assert_eq!(storage["links"], json!([{"path": "/etc/link", "target": "/run/web", "group": {"id": 1}}]));
}

#[test]
fn yaml_as_people_write_it() {
    let body = "x: &x\n  mode: 0644\n  overwrite: on\n  contents: {inline: a}\nstorage:\n  files:\n    - <<: *x\n      path: /a\n    - {<<: *x, path: /b, mode: 0x1ff}\n    - {path: /c, contents: {inline: 0123}, mode: 4_2}\n    - path: /d\n      contents:\n        inline: |\n          two\n          lines\n";
    let files = config("fcos 1.6.0", body)["storage"]["files"].clone();
    let contents = json!({"source": "data:,a", "compression": ""});
    assert_eq!(files[0], json!({"path": "/a", "mode": 0o644, "overwrite": true, "contents": contents}));
    assert_eq!(files[1], json!({"path": "/b", "mode": 0o777, "overwrite": true, "contents": contents}));
    assert_eq!(files[2]["contents"]["source"], json!("data:,0123"));
    assert_eq!(files[2]["mode"], json!(42));
    assert_eq!(files[3]["contents"]["source"], json!("data:,two%0Alines%0A"));
}
