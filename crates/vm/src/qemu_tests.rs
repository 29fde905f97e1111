//! Golden text: `golden/<name>.args` holds a machine's command line, one flag with its value a
//! line. To accept new text after a wanted change, run the tests with `BLESS=1`.

use super::*;

fn golden(name: &str, arguments: &[OsString]) {
    let mut text = String::new();
    for argument in arguments {
        let argument = argument.to_str().unwrap();
        let starts_line = argument.starts_with('-') && !text.is_empty();
        text.push_str(match (starts_line, text.is_empty()) {
            (true, _) => "\n",
            (false, true) => "",
            (false, false) => " ",
        });
        text.push_str(argument);
    }
    text.push('\n');
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/{name}.args"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&file).unwrap(), "{name}");
}

fn kernel() -> Kernel {
    Kernel {
        image: "images/vmlinuz".into(),
        initramfs: Some("images/initramfs".into()),
        arguments: "usrhash=00ff console=ttyS0".to_owned(),
    }
}

fn machine(boot: Boot) -> Hardware {
    Hardware {
        accel: Accel::Tcg,
        boot,
        memory_mib: 2048,
        cpus: 2,
        bus: Bus::Virtio,
        drives: vec![Drive {
            file: "run/disk.qcow2".into(),
            format: Format::Qcow2,
            read_only: false,
            log: None,
            serial: "system".to_owned(),
        }],
        nics: vec![Nic::Nat { forwards: vec![], restricted: false }],
        console: Console::Captured,
        ports: vec![
            SerialPort { name: layout::port::EVENTS, socket: "run/events".into() },
            SerialPort { name: layout::port::SHELL, socket: "run/shell".into() },
        ],
        firmware_files: vec![],
        monitor: Some("run/monitor".into()),
        stop_at_reboot: false,
        verbatim: vec![],
    }
}

fn uefi() -> Boot {
    Boot::Uefi {
        code: "OVMF_CODE_4M.fd".into(),
        variables: "run/vars.fd".into(),
        extra_arguments: "berth.shell=org.berth.shell a=b,c".to_owned(),
    }
}

#[test]
fn each_kind_of_machine_has_its_command_line() {
    let machines = [
        ("uefi", machine(uefi())),
        ("direct", machine(Boot::Direct(kernel()))),
        ("microvm", machine(Boot::Microvm(kernel()))),
    ];
    for (name, machine) in machines {
        golden(name, &machine.arguments().unwrap());
    }
}

#[test]
fn each_bus_has_its_devices() {
    let buses = [("bus-nvme", Bus::Nvme), ("bus-ahci", Bus::Ahci), ("bus-virtio-scsi", Bus::VirtioScsi)];
    for (name, bus) in buses {
        let mut machine = machine(uefi());
        machine.bus = bus;
        machine.drives.push(Drive {
            file: "a,b.tar".into(),
            format: Format::Raw,
            read_only: true,
            log: None,
            serial: "container".to_owned(),
        });
        golden(name, &machine.arguments().unwrap());
    }
}

#[test]
fn a_machine_of_an_unusual_kind() {
    let mut odd = machine(Boot::Direct(kernel()));
    odd.accel = Accel::Kvm;
    odd.console = Console::None;
    odd.ports.clear();
    odd.monitor = None;
    odd.firmware_files = vec![(layout::port::IGNITION_CONFIG, "run/config.ign".into())];
    odd.stop_at_reboot = true;
    odd.nics = vec![
        Nic::Nat { forwards: vec![(2222, 22), (8080, 80)], restricted: true },
        Nic::Switch { socket: "run/switch".into(), mac: "52:54:00:be:57:01".to_owned() },
    ];
    odd.verbatim = vec!["-device".into(), "i6300esb".into()];
    golden("unusual", &odd.arguments().unwrap());
}

#[test]
fn what_a_person_types() {
    golden("plain", &plain(Path::new("OVMF_CODE"), Path::new("disk.img"), "if=virtio", &[]));
}

#[test]
fn a_microvm_refuses_a_disk_that_needs_pci() {
    for bus in [Bus::Nvme, Bus::Ahci] {
        let mut machine = machine(Boot::Microvm(kernel()));
        machine.bus = bus;
        let error = machine.arguments().unwrap_err();
        assert_eq!(error.to_string(), "a microvm machine has no PCI bus for an NVMe or AHCI disk");
    }
}

#[test]
fn a_recorded_disk_has_its_log_and_is_on_virtio_only() {
    let mut recorded = machine(uefi());
    recorded.drives[0].format = Format::Raw;
    recorded.drives[0].log = Some("run/writes.log".into());
    golden("recorded", &recorded.arguments().unwrap());
    for bus in [Bus::Nvme, Bus::Ahci, Bus::VirtioScsi] {
        recorded.bus = bus;
        let error = recorded.arguments().unwrap_err().to_string();
        assert!(error.starts_with("a recorded machine has no disk with forced unit access"), "{error}");
    }
}
