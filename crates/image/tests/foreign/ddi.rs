//! The image of an extension, read by sgdisk and veritysetup.

use std::fs;

use image::erofs::{self, Compression};
use image::{ddi, verity};
use layout::Guid;
use layout::extension::{DATA_TYPE, VERITY_TYPE};

use crate::{EPOCH, check, tools, usr};

#[test]
fn an_extension_has_partitions_that_its_root_hash_names() {
    let Some(tools) = tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let uuid = Guid::from_random([1; 16]);
    let (data, hashes, image, again) = (path("data"), path("hashes"), path("image"), path("again"));
    erofs::build(&tools, &usr(), &data, Compression::Lz4, uuid, EPOCH).unwrap();
    let root_hash = verity::format(&data, &hashes, &[7; 32], uuid).unwrap();
    ddi::write(&image, &data, &hashes, &root_hash).unwrap();
    ddi::write(&again, &data, &hashes, &root_hash).unwrap();
    let bytes = fs::read(&image).unwrap();
    assert!(bytes == fs::read(&again).unwrap());

    let said = check(&tools, "sgdisk", &["-v"], &[&image]);
    assert!(said.contains("No problems found"), "{said}");
    let hex = root_hash.to_string().to_uppercase();
    let mut parts = Vec::new();
    for (number, type_guid, half) in [("-i1", DATA_TYPE, &hex[..32]), ("-i2", VERITY_TYPE, &hex[32..])] {
        let info = check(&tools, "sgdisk", &[number], &[&image]);
        assert!(info.contains(&type_guid.to_string().to_uppercase()), "{info}");
        let line =
            |key: &str| info.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
        assert_eq!(line("Partition unique GUID:").replace('-', ""), half);
        let sector = |key: &str| line(key).split(' ').next().unwrap().parse::<usize>().unwrap();
        parts.push(sector("First sector:") * 512..(sector("Last sector:") + 1) * 512);
    }
    // Cut out, they are a file system and its tree to a program that knows nothing of the table.
    let (cut_data, cut_hashes) = (path("cut-data"), path("cut-hashes"));
    fs::write(&cut_data, &bytes[parts[0].clone()]).unwrap();
    fs::write(&cut_hashes, &bytes[parts[1].clone()]).unwrap();
    check(&tools, "fsck.erofs", &[], &[&cut_data]);
    let command = tools.command("veritysetup").arg("verify").args([&cut_data, &cut_hashes]);
    let output = command.arg(root_hash.to_string()).bind(&cut_data).bind(&cut_hashes).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
