//! Discs that a cloud or a hypervisor puts in, with a config and what the machine is.

use std::fs;
use std::io::Read;

use serde_json::json;
use tests::web::Server;
use tests::{bed, iso};
use vm::{Disk, Vm};

use super::ignition;
use super::remote::{passed_on, until, with_card};

/// A config that leaves a file with this text.
fn config(name: &str) -> String {
    ignition(&format!(
        "variant: fcos\nversion: 1.5.0\nstorage:\n  files:\n    - {{path: /etc/disc, contents: {{inline: {name}}}}}\n"
    ))
}

/// A FAT disc with these files, under a label.
fn disc(disk: &Disk, label: &str, files: &[(&str, &str)]) -> vm::Result<std::path::PathBuf> {
    let folder = disk.file().parent().unwrap();
    let image = folder.join(label);
    let path = image.to_string_lossy();
    bed().run_tool(folder, &["mkfs.fat", "-n", label, "-C", &path, "2048"])?;
    for (name, text) in files {
        let file = folder.join("file");
        fs::write(&file, text).unwrap();
        let (file, inside) = (file.to_string_lossy(), format!("::{name}"));
        let above: Vec<&str> = name.match_indices('/').map(|(at, _)| &name[..at]).collect();
        for above in above.into_iter().filter(|above| !above.is_empty()) {
            // It is there already for all but the first file.
            _ = bed().run_tool(folder, &["mmd", "-D", "s", "-i", &path, &format!("::{above}")]);
        }
        bed().run_tool(folder, &["mcopy", "-i", &path, &file, &inside])?;
    }
    Ok(image)
}

#[test]
fn a_disc_with_a_config_is_found_by_its_label() -> vm::Result<()> {
    let openstack = json!({
        "uuid": "d8e02d56-2648-49a3-bf97-6be8f1204f38", "hostname": "moor",
        "public_keys": {"operator": key!()},
    });
    for (label, files, hostname, attribute) in [
        (
            "CIDATA",
            [
                ("user-data", config("CIDATA")),
                ("meta-data", "instance-id: i-1\nlocal-hostname: pier\n".to_owned()),
            ],
            "pier",
            "INSTANCE_ID=i-1",
        ),
        (
            "CONFIG-2",
            [
                ("openstack/latest/user_data", config("CONFIG-2")),
                ("openstack/latest/meta_data.json", openstack.to_string()),
            ],
            "moor",
            "AFTERBURN_OPENSTACK_INSTANCE_UUID=d8e02d56-2648-49a3-bf97-6be8f1204f38",
        ),
    ] {
        let system = Disk::overlay(bed(), None)?;
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let disc = disc(&system, label, &files)?;
        let vm = Vm::direct(bed()).disk(&system).medium(disc, "disc").boot()?;
        let ready = vm.wait_until_ready()?;
        println!("{label}: provisioned and ready after {:?} from power-on", ready.at);
        let shell = vm.shell();
        assert_eq!(shell.run("cat /etc/disc")?, label);
        shell.run(&until(&format!("hostname | grep -q '^{hostname}'")))?;
        shell.run(&until("systemctl is-active -q berth-metadata"))?;
        let attributes = shell.run("cat /run/metadata/afterburn")?;
        assert!(attributes.contains(attribute), "{attributes}");
    }
    Ok(())
}

/// A machine with a disc in its optical drive.
fn with_drive<'a>(setup: vm::Setup<'a>, system: &'a Disk, disc: &[u8]) -> vm::Setup<'a> {
    let image = system.file().with_file_name("disc.iso");
    fs::write(&image, disc).unwrap();
    setup.disk(system).qemu_argument("-cdrom").qemu_argument(image)
}

#[test]
fn a_config_drive_may_be_an_optical_disc() -> vm::Result<()> {
    let system = Disk::overlay(bed(), None)?;
    let disc = iso::disc(
        "config-2",
        &[
            ("openstack/latest/meta_data.json", r#"{"uuid": "d8e02d56", "hostname": "moor"}"#),
            ("openstack/latest/user_data", &config("config-2")),
        ],
    );
    let vm = with_drive(Vm::direct(bed()), &system, &disc).boot()?;
    vm.wait_until_ready()?;
    let shell = vm.shell();
    assert_eq!(shell.run("cat /etc/disc")?, "config-2");
    shell.run(&until("hostname | grep -q '^moor'"))?;
    Ok(())
}

/// What Azure puts in, as UDF alone: pycdlib 1.22 (`new(vol_ident="RD_RDFE_STABLE", udf="2.60")`, then
/// `add_fp(..., udf_path=...)` for `ovf-env.xml` and `CustomData.bin`) made it, with a config that writes "udf".
const UDF: &[u8] = include_bytes!("../../../fixtures/azure-udf.iso.gz");

#[test]
fn azure_puts_custom_data_on_an_optical_disc() -> vm::Result<()> {
    let mut udf = Vec::new();
    flate2::read::GzDecoder::new(UDF).read_to_end(&mut udf).unwrap();
    let custom = config("iso");
    let files = [("CustomData.bin", custom.as_str()), ("ovf-env.xml", "<Environment/>")];
    for (kind, disc) in [("iso", iso::disc("rd_rdfe_stable", &files)), ("udf", udf)] {
        // The service has no user data.
        let server = Server::start(|_, request| match request.path.as_str() {
            path if path.starts_with("/metadata/instance/compute/userData") => (200, vec![]),
            path if path.starts_with("/metadata/instance/compute/name") => (200, b"moor".to_vec()),
            _ => (404, vec![]),
        });
        let system = Disk::overlay(bed(), None)?;
        let network = format!(",net=169.254.169.0/24,{}", passed_on("169.254.169.254", server.port()));
        let vm = with_drive(with_card(Vm::direct(bed()), &network), &system, &disc)
            .kernel_argument("ignition.platform.id=azure")
            .boot()?;
        vm.wait_until_ready()?;
        assert_eq!(vm.shell().run("cat /etc/disc")?, kind);
    }
    Ok(())
}
