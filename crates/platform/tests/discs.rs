//! Platforms that give a disc, and how a platform is found.
#![allow(clippy::unwrap_used)]

mod common;

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::server::{Reply, Server, answer};
use common::{Disc, KEY, OTHER, PATIENCE, attributes, documents, guest};
use platform::{Discs, Files, Guest, Platform, Wanted, detect, detect_patiently};
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn nocloud_leaves_cloud_config_to_cloud_init() {
    let cloud = format!(
        "#cloud-config\nhostname: pve\nuser: root\nssh_authorized_keys:\n  - {KEY}\n  - {OTHER}\nusers:\n  - default\n"
    );
    let network = "version: 1\nconfig:\n- type: physical\n  name: eth0\n  subnets:\n  - type: static\n    address: '192.0.2.1'\n  \
                   - type: static6\n    address: '2001:db8::1/64'\n- type: nameserver\n  address: ['192.0.2.53']\n";
    let server = documents(&[]);
    let with = |files: &[(&str, &str)]| {
        let disc = folder(files);
        let place = Some((Wanted::Label("cidata"), disc.path().to_owned()));
        let (config, said) = guest(&server, place.clone(), |guest| Platform::NoCloud.config(guest));
        let (metadata, _) = guest(&server, place, |guest| Platform::ProxmoxVe.metadata(guest));
        (config.unwrap().map(|bytes| String::from_utf8(bytes).unwrap()), metadata.unwrap(), said)
    };
    assert_eq!(with(&[("user-data", "{}")]).0.as_deref(), Some("{}"));
    assert_eq!(with(&[("user-data", " \n"), ("vendor-data", "{}")]).0.as_deref(), Some("{}"));
    let (config, metadata, said) =
        with(&[("user-data", &cloud), ("meta-data", "instance-id: abc\n"), ("network-config", network)]);
    assert_eq!(config, None);
    assert!(said[0].contains("user-data is for cloud-init"), "{said:?}");
    assert_eq!(metadata.hostname.as_deref(), Some("pve"));
    assert_eq!(metadata.ssh_keys, [KEY, OTHER]);
    assert_eq!(
        metadata.attributes,
        attributes(&[
            ("PROXMOXVE_HOSTNAME", "pve"),
            ("PROXMOXVE_INSTANCE_ID", "abc"),
            ("PROXMOXVE_IPV4", "192.0.2.1"),
            ("PROXMOXVE_IPV6", "2001:db8::1"),
        ])
    );
    assert_eq!(with(&[("user-data", &cloud), ("vendor-data", "{}")]).0.as_deref(), Some("{}"));
    let meta = format!("local-hostname: plain\npublic-keys:\n- {KEY}\n");
    let (_, metadata, _) = with(&[("user-data", "{}"), ("meta-data", &meta)]);
    assert_eq!((metadata.hostname.as_deref(), metadata.ssh_keys), (Some("plain"), vec![KEY.to_owned()]));
}

#[test]
fn a_disc_that_does_not_come_is_not_waited_for_for_ever() {
    let server = documents(&[]);
    let started = Instant::now();
    let (found, said) = guest(&server, None, |guest| Platform::NoCloud.config(guest));
    assert_eq!(found.unwrap(), None);
    assert!(started.elapsed() < PATIENCE);
    assert!(said[0].contains("waiting for a disc with the label cidata"), "{said:?}");
    assert!(said[1].contains("there is no disc"), "{said:?}");
}

#[test]
fn openstack_takes_the_disc_where_there_is_one() {
    // A service that never answers holds nothing up.
    let server = Server::new(|_, _| Reply::Hang(Vec::new(), Duration::from_secs(60)));
    let nova = format!(r#"{{"uuid":"u","hostname":"vm","public_keys":{{"mine":"{KEY}"}}}}"#);
    let disc = folder(&[
        ("openstack/latest/user_data", "{}"),
        ("openstack/latest/meta_data.json", &nova),
        (
            "ec2/latest/meta-data.json",
            r#"{"instance-id":"i-022da7a2","instance-type":"m1.small","local-ipv4":"10.0.151.35","public-ipv4":""}"#,
        ),
    ]);
    let place = Some((Wanted::Label("config-2"), disc.path().to_owned()));
    let started = Instant::now();
    assert_eq!(
        guest(&server, place.clone(), |guest| Platform::OpenStack.config(guest)).0.unwrap().unwrap(),
        b"{}"
    );
    let found = guest(&server, place, |guest| Platform::OpenStack.metadata(guest)).0.unwrap();
    assert!(started.elapsed() < PATIENCE, "the disc is taken without a wait for the network");
    assert_eq!(
        found.attributes,
        attributes(&[
            ("OPENSTACK_HOSTNAME", "vm"),
            ("OPENSTACK_INSTANCE_ID", "i-022da7a2"),
            ("OPENSTACK_INSTANCE_TYPE", "m1.small"),
            ("OPENSTACK_INSTANCE_UUID", "u"),
            ("OPENSTACK_IPV4_LOCAL", "10.0.151.35"),
        ])
    );
    assert_eq!((found.hostname.as_deref(), found.ssh_keys), (Some("vm"), vec![KEY.to_owned()]));
    let empty = folder(&[]);
    let place = Some((Wanted::Label("config-2"), empty.path().to_owned()));
    assert_eq!(guest(&server, place, |guest| Platform::OpenStack.config(guest)).0.unwrap(), None);
}

#[test]
fn azure_has_custom_data_on_a_disc_where_there_are_no_user_data() {
    let server = Server::new(|_, _| answer(200, ""));
    let disc = folder(&[("ovf-env.xml", "<x/>"), ("CustomData.bin", "{}")]);
    let place = Some((Wanted::Optical("ovf-env.xml"), disc.path().to_owned()));
    assert_eq!(guest(&server, place, |guest| Platform::Azure.config(guest)).0.unwrap().unwrap(), b"{}");
    let (found, said) = guest(&server, None, |guest| Platform::Azure.config(guest));
    assert_eq!(found.unwrap(), None);
    assert!(said.last().unwrap().contains("no config from Azure"), "{said:?}");
}

#[test]
fn qemu_gives_a_file_of_its_firmware() {
    let place = "sys/firmware/qemu_fw_cfg/by_name/opt/com.coreos/config";
    let large = "x".repeat(300_000);
    for (size, raw, expected) in
        [("2\n", "{}", Some("{}")), ("300000\n", large.as_str(), Some(large.as_str())), ("0\n", "", None)]
    {
        let root = folder(&[(&format!("{place}/size"), size), (&format!("{place}/raw"), raw)]);
        let mut say = |_: &str| ();
        let mut guest = Guest { root: root.path().to_owned(), ..Guest::new(&mut say) };
        let found = Platform::Qemu.config(&mut guest).unwrap();
        assert_eq!(found.as_deref(), expected.map(str::as_bytes));
    }
    for (size, raw) in [("3\n", "{}"), ("1\n", "{}"), ("x", "{}"), ("99999999999\n", "{}")] {
        let root = folder(&[(&format!("{place}/size"), size), (&format!("{place}/raw"), raw)]);
        let mut say = |_: &str| ();
        let mut guest = Guest { root: root.path().to_owned(), ..Guest::new(&mut say) };
        assert!(Platform::Qemu.config(&mut guest).is_err(), "{size:?}");
    }
}

#[test]
fn vmware_is_only_asked_on_vmware() {
    let root = folder(&[("sys/class/dmi/id/sys_vendor", "QEMU\n")]);
    let mut say = |_: &str| ();
    let mut guest = Guest { root: root.path().to_owned(), ..Guest::new(&mut say) };
    let error = Platform::Vmware.config(&mut guest).unwrap_err();
    assert_eq!(error.to_string(), "this machine is not a guest of VMware: its maker is \"QEMU\"");
}

#[test]
fn a_platform_is_found_by_what_the_firmware_says_and_by_discs() {
    const TAG: &str = "chassis_asset_tag";
    let none = Path::new("");
    let disc = |label| Disc(Some((Wanted::Label(label), none.to_owned())));
    for (words, disc, expected) in [
        (&[][..], Disc(None), Platform::Metal),
        (&[("sys_vendor", "Dell Inc.")], Disc(None), Platform::Metal),
        (&[("sys_vendor", "Amazon EC2"), ("product_name", "t3.micro")], Disc(None), Platform::Aws),
        (
            &[("sys_vendor", "Xen"), ("bios_version", "4.11.amazon"), ("product_uuid", "EC2E1916-9099")],
            Disc(None),
            Platform::Aws,
        ),
        (&[("sys_vendor", "Xen"), ("bios_version", "4.11")], Disc(None), Platform::Metal),
        (
            &[("sys_vendor", "Microsoft Corporation"), (TAG, "7783-7084-3265-9085-8269-3286-77")],
            Disc(None),
            Platform::Azure,
        ),
        (
            &[("sys_vendor", "Microsoft Corporation"), ("product_name", "Virtual Machine")],
            Disc(None),
            Platform::Metal,
        ),
        (&[("sys_vendor", "Google"), ("product_name", "Google Compute Engine")], Disc(None), Platform::Gcp),
        (&[("sys_vendor", "DigitalOcean")], Disc(None), Platform::DigitalOcean),
        (&[("sys_vendor", "Hetzner"), ("product_name", "vServer")], Disc(None), Platform::Hetzner),
        (
            &[("sys_vendor", "OpenStack Foundation"), ("product_name", "OpenStack Nova")],
            Disc(None),
            Platform::OpenStack,
        ),
        (&[("sys_vendor", "QEMU"), (TAG, "OpenTelekomCloud")], Disc(None), Platform::OpenStack),
        (&[("sys_vendor", "VMware, Inc."), (TAG, "SAP CCloud VM")], Disc(None), Platform::OpenStack),
        (&[("sys_vendor", "VMware, Inc.")], Disc(None), Platform::Vmware),
        (&[("sys_vendor", "QEMU")], Disc(None), Platform::Qemu),
        (&[("sys_vendor", "QEMU")], disc("config-2"), Platform::OpenStack),
        (&[("sys_vendor", "QEMU")], disc("cidata"), Platform::NoCloud),
        (&[("sys_vendor", "Amazon EC2")], disc("cidata"), Platform::Aws),
    ] {
        let files: Vec<(String, &str)> =
            words.iter().map(|(name, word)| (format!("sys/class/dmi/id/{name}"), *word)).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, word)| (path.as_str(), *word)).collect();
        assert_eq!(detect(folder(&files).path(), &disc), expected, "{words:?}");
    }
    let fw_cfg = ("sys/firmware/qemu_fw_cfg/by_name/opt/org.flatcar-linux/config/raw", "{}");
    assert_eq!(detect(folder(&[fw_cfg]).path(), &disc("cidata")), Platform::Qemu);
}

/// A disc that comes after it was looked for so often.
struct Late(Cell<u32>);

impl Discs for Late {
    fn read(&self, _: Wanted, _: &[&str]) -> platform::Result<Option<Files>> {
        Ok(None)
    }

    fn labels(&self) -> Vec<String> {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        if left > 0 { vec![] } else { vec!["cidata".to_owned()] }
    }
}

#[test]
fn a_disc_on_usb_may_come_late() {
    const FW_CFG: (&str, &str) = ("sys/firmware/qemu_fw_cfg/by_name/opt/com.coreos/config/raw", "{}");
    const USB: (&str, &str) = ("sys/bus/usb/devices/usb1/bDeviceClass", "09\n");
    const VENDOR: &str = "sys/class/dmi/id/sys_vendor";
    for (files, expected) in [
        (&[USB, (VENDOR, "Dell Inc.")][..], Platform::NoCloud),
        (&[USB, (VENDOR, "QEMU")], Platform::NoCloud),
        // Nobody waits where there is no USB, or where the platform is certain.
        (&[(VENDOR, "Dell Inc.")], Platform::Metal),
        (&[USB, (VENDOR, "Hetzner")], Platform::Hetzner),
        (&[USB, FW_CFG], Platform::Qemu),
    ] {
        let late = Late(Cell::new(3));
        let mut said = 0;
        let found = detect_patiently(folder(files).path(), &late, &mut |_| said += 1);
        assert_eq!((found, said), (expected, u32::from(expected == Platform::NoCloud)), "{files:?}");
    }
}

#[test]
fn ids_are_ignitions() {
    for id in [
        "aws",
        "azure",
        "digitalocean",
        "gcp",
        "hetzner",
        "metal",
        "nocloud",
        "openstack",
        "proxmoxve",
        "qemu",
        "vmware",
    ] {
        assert_eq!(Platform::from_id(id).unwrap().id(), id);
    }
    assert_eq!(Platform::from_id("brightbox").unwrap(), Platform::OpenStack);
    let error = Platform::from_id("ec2").unwrap_err().to_string();
    assert!(error.starts_with("\"ec2\" is no platform that Berth knows: aws, azure,"), "{error}");
}
