//! The UKI, read by ukify and objdump.

use std::fs;

use uki::Uki;

use crate::{check, tools};

#[test]
fn ukify_and_objdump_read_it() {
    let Some(tools) = tools() else { return };
    let stub = fs::read(tools.path("usr/lib/systemd/boot/efi/linuxx64.efi.stub")).unwrap();
    // Any PE program can stand where the kernel does.
    let kernel = fs::read(tools.path("usr/lib/systemd/boot/efi/systemd-bootx64.efi")).unwrap();
    let parts = Uki {
        stub: &stub,
        kernel: &kernel,
        initramfs: b"an initramfs",
        cmdline: "usrhash=abc console=ttyS0",
        os_release: "ID=berth\nVERSION_ID=1.2.3\n",
        uname: "6.12.118",
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("berth_1.2.3.efi");
    let image = uki::build(&parts).unwrap();
    assert!(image == uki::build(&parts).unwrap());
    fs::write(&path, &image).unwrap();

    let said = check(&tools, "ukify", &["inspect"], &[&path]);
    let sections: Vec<&str> = said.lines().filter(|l| l.starts_with('.')).collect();
    assert_eq!(sections.len(), 6, "{said}"); // ours, and the stub's .sbat
    for text in ["usrhash=abc console=ttyS0", "VERSION_ID=1.2.3", "6.12.118"] {
        assert!(said.contains(text), "{text} in\n{said}");
    }
    for (name, data) in [(".linux", &kernel[..]), (".initrd", parts.initramfs)] {
        let out = dir.path().join("section");
        fs::write(&out, b"").unwrap();
        let dump = format!("{name}={}", out.display());
        let command = tools.command("objcopy").args(["-O", "binary", "--dump-section", &dump]).arg(&path);
        let output = command.arg("/dev/null").bind(&path).bind(&out).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(fs::read(&out).unwrap().starts_with(data), "{name}");
    }
    let headers = check(&tools, "objdump", &["-h"], &[&path]);
    assert!(headers.contains(".linux") && headers.contains("pei-x86-64"), "{headers}");
}
