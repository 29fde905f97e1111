use super::*;

const GOOD: &str = "\
name: berth
version: 1.2.3
source-date-epoch: 1795478400
kernel:
  arguments: [quiet, panic=10]
components: [etcd, runc]
userland:
  busybox-static: [/usr/bin/busybox]
applets: [sh]
disk:
  usr: 512MiB
";

fn catalog() -> Catalog {
    Catalog {
        components: ["containerd", "etcd", "etcdctl", "runc"].map(str::to_owned).to_vec(),
        kernel_options: vec!["btf".to_owned()],
        sizes: DiskSizes { esp: 1 << 30, usr: 1 << 30, usr_verity: 16 << 20, root: 1 << 30 },
    }
}

fn complaint(text: &str) -> String {
    parse("x.yaml", text, &[], &catalog()).unwrap_err().to_string()
}

#[test]
fn a_good_spec_means_what_it_says() {
    let spec = parse("x.yaml", GOOD, &[], &catalog()).unwrap();
    assert_eq!(spec.version.to_string(), "1.2.3");
    assert_eq!(spec.channel, "dev");
    assert_eq!(spec.disk.usr, 512 << 20);
    assert_eq!(spec.disk.esp, 1 << 30);
    assert_eq!(spec.kernel_arguments, ["quiet", "panic=10"]);
    assert!(spec.kernel_options.is_empty());
    assert_eq!(spec.update, None);
    assert_eq!((spec.minimum_version.as_str(), spec.security_epoch), ("0.0.0", 0));
}

#[test]
fn updates_come_from_where_the_spec_says() {
    let text = format!(
        "{GOOD}update:\n  root: keys/root.json\n  url: https://updates.example/berth\n  \
         minimum-version: 1.0.0\n  security-epoch: 2\n"
    );
    let spec = parse("x.yaml", &text, &[], &catalog()).unwrap();
    let source = spec.update.unwrap();
    assert_eq!(
        (source.root.as_str(), source.url.as_str()),
        ("keys/root.json", "https://updates.example/berth")
    );
    assert_eq!((spec.minimum_version.as_str(), spec.security_epoch), ("1.0.0", 2));
    for (key, value, says) in [
        ("root", "r.json", "without the `url`"),
        ("url", "https://u.example", "without the `root`"),
        ("minimum-version", "1.2.4", "newer than the image"),
        ("minimum-version", "1.0", "is not a version"),
        ("security-epoch", "-1", "u64"),
        ("mirror", "x", "unknown field `mirror`"),
    ] {
        let complaint = complaint(&format!("{GOOD}update:\n  {key}: {value}\n"));
        assert!(complaint.contains(says) && complaint.contains("x.yaml:13"), "{complaint}");
    }
    for url in ["ftp://u.example", "https://", "https:///x", "u.example", "\"https://a https://b\""] {
        let complaint = complaint(&format!("{GOOD}update:\n  root: r.json\n  url: {url}\n"));
        assert!(complaint.contains("x.yaml:14") && complaint.contains("expected http"), "{complaint}");
    }
}

/// What is written instead of what, and what the complaint must hold.
#[test]
fn each_complaint_has_its_place_and_the_nearest_valid_name() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "components:",
            "componets:",
            &["x.yaml:6:1", "unknown field `componets`", "did you mean `components`?"],
        ),
        ("  usr: 512MiB", "  user: 512MiB", &["x.yaml:11:3", "`user`", "did you mean `usr`?"]),
        ("1795478400", "soon", &["x.yaml:3:20", "invalid type", "u64"]),
        ("etcd, runc", "etcd, runk", &["x.yaml:6:20", "no component `runk`", "did you mean `runc`?"]),
        ("etcd, runc", "etcd, postgres", &["x.yaml:6:20", "expected one of containerd, etcd"]),
        ("etcd, runc", "etcd, etcd", &["x.yaml:6:20", "named twice"]),
        ("panic=10]", "panic=10]\n  options: [btff]", &["x.yaml:6:13", "no kernel option `btff`", "`btf`?"]),
        ("512MiB", "512MB", &["x.yaml:11:8", "`512MB` is not a size", "MiB"]),
        ("512MiB", "1000000KiB", &["x.yaml:11:8", "not a multiple of 1MiB"]),
        ("512MiB", "99999999TiB", &["x.yaml:11:8", "not a size"]),
        ("512MiB", "100TiB", &["x.yaml:11:8", "too large"]),
        ("512MiB", "0MiB", &["x.yaml:11:8", "at least 1MiB"]),
        ("512MiB", "512MiB\n  usr-verity: 4MiB", &["x.yaml:12:15", "too small", "at least 5MiB"]),
        ("[sh]", "[sh, \"\"]", &["x.yaml:9:15", "not the name of a program of busybox"]),
        ("[sh]", "[sh, bin/ls]", &["x.yaml:9:15", "`bin/ls`"]),
        ("[sh]", "[sh, sh]", &["x.yaml:9:15", "named twice"]),
        ("[/usr/bin/busybox]", "[]", &["x.yaml:9:10", "take /usr/bin/busybox"]),
        ("version: 1.2.3", "version: 1.2.3-rc1", &["x.yaml:2:10", "1.2.3-rc1"]),
        ("version: 1.2.3", "version: [1]", &["x.yaml:2:10", "invalid type"]),
        ("name: berth", "name: Berth OS", &["x.yaml:1:7", "not a name"]),
        ("panic=10", "\"panic=10 ro\"", &["x.yaml:5:22", "not one kernel argument"]),
        ("panic=10", "usrhash=00", &["x.yaml:5:22", "put in by the build"]),
        ("[/usr/bin/busybox]", "[/etc/../x]", &["x.yaml:8:20", "below /usr/ or /etc/"]),
        (
            "  busybox-static: [/usr/bin/busybox]",
            "  busybox-static: [/usr/bin/busybox]\n  busybox-static: []",
            &["x.yaml:8:3", "duplicate entry", "busybox-static"],
        ),
        ("version: 1.2.3\n", "", &["x.yaml", "missing field `version`"]),
        ("[quiet, panic=10]", "[quiet", &["x.yaml:", "did not find expected"]),
    ];
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let text = complaint(&GOOD.replacen(from, to, 1));
        for part in *expected {
            assert!(text.contains(part), "{to:?} gave {text:?}, which lacks {part:?}");
        }
    }
}

#[test]
fn overrides_go_in_and_are_blamed_by_name() {
    let set = |texts: &[&str]| {
        let all: Vec<Override> = texts.iter().map(|text| text.parse().unwrap()).collect();
        parse("x.yaml", GOOD, &all, &catalog()).map_err(|error| error.to_string())
    };
    assert_eq!(set(&["version=2.0.0"]).unwrap().version.to_string(), "2.0.0");
    assert_eq!(set(&["disk.root=2GiB", "components=[etcd]"]).unwrap().disk.root, 2 << 30);
    // What YAML reads as a number is the text that it was written as, where a text is meant.
    assert_eq!(set(&["disk.root=1073741824"]).unwrap().disk.root, 1 << 30);
    for (text, expected) in [
        ("userland={busybox: [/usr/bin/busybox, /var/x]}", "below /usr/"),
        ("version=2.1", "fewer than three numbers"),
        ("versoin=2.0.0", "did you mean `version`?"),
        ("disk.usr=lots", "`lots` is not a size"),
        ("components=etcd", "invalid type"),
    ] {
        let error = set(&[text]).unwrap_err();
        assert!(error.contains(expected) && error.starts_with(&format!("--set {text}")), "{error}");
    }
    assert!("novalue".parse::<Override>().is_err());
}

#[test]
fn an_override_has_a_value() {
    let set = |text: &str| parse("x.yaml", GOOD, &[text.parse().unwrap()], &catalog());
    let keys = [
        "name",
        "version",
        "channel",
        "source-date-epoch",
        "kernel",
        "kernel.arguments",
        "kernel.options",
        "components",
        "userland",
        "userland.busybox-static",
        "applets",
        "disk",
        "disk.root",
        "update",
        "update.root",
        "update.minimum-version",
        "no.such.key",
    ];
    let values =
        ["", " ", "~", "null", "''", "\"\"", "# a comment", "[~]", "[a, '']", "{a: }", "{a: [b, {c: null}]}"];
    for key in keys {
        for value in values {
            let text = format!("{key}={value}");
            let error = set(&text).unwrap_err().to_string();
            let expected = format!("--set {text}: a value is missing");
            assert!(error.starts_with(&expected) && error.contains("leave this out"), "{error}");
        }
    }
    for text in ["applets=[]", "kernel.options=[]", "disk={}", "channel=\"null\"", "update.security-epoch=0"]
    {
        assert!(set(text).is_ok(), "{text}");
    }
}

#[test]
fn sizes_read_as_written() {
    for (text, bytes) in [("1GiB", 1 << 30), ("4096", 4096), ("3 MiB", 3 << 20)] {
        assert_eq!(text.parse(), Ok(Size(bytes)));
    }
    for text in ["", "GiB", "-1MiB", "1.5GiB", "1gb", "99999999999999999999"] {
        assert!(text.parse::<Size>().is_err(), "{text}");
    }
    assert_eq!(Size(3 << 30).to_string(), "3GiB");
}

#[test]
fn the_slot_of_the_hash_tree_grows_with_that_of_usr() {
    let disk = |usr: &str| parse("x.yaml", &GOOD.replace("512MiB", usr), &[], &catalog()).unwrap().disk;
    assert_eq!(disk("512MiB").usr_verity, 16 << 20, "the layout's is enough");
    assert_eq!(disk("8GiB").usr_verity, 65 << 20);
}

#[test]
fn what_a_build_finds_wrong_has_its_place_too() {
    let overrides = ["disk.usr=1GiB".parse().unwrap()];
    let source = parse("x.yaml", GOOD, &overrides, &catalog()).unwrap().source;
    for (path, expected) in [
        (["userland", "busybox-static", "0"].as_slice(), "x.yaml:8:20: no"),
        (&["userland"], "x.yaml:8:3: no"),
        (&["applets", "sh"], "x.yaml:9:11: no"),
        (&["disk", "root"], "x.yaml:11:3: no"),
        (&["disk", "usr"], "--set disk.usr=1GiB: no"),
    ] {
        assert_eq!(source.error(path, "no").to_string(), expected);
    }
}
