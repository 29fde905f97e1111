//! `hostnamectl`: what the machine is called, and what it is.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};
use identity::{HOST_NAME, MACHINE_ID, Names, Origin, is_host_name};
use layout::path::RUN_HOST_NAME;
use observe::Root;
use serde_json::{Value, json};
use unit::virt::detect;

use crate::arguments::{self, Json, Parsed, Takes, both, long};
use crate::hostname::{self, current, names};
use crate::status::os_release;

const USAGE: &str = "\
usage: hostnamectl [OPTION]... [COMMAND]

  status             what the machine is called, and what it is (without a command, too)
  hostname [NAME]    the name; with NAME as set-hostname
  set-hostname NAME  gives it a name, which lasts; an empty one takes that away

      --static       the name that lasts, /etc/hostname: that alone
      --transient    the name until the next boot: that alone
      --json=short|pretty|off
      --no-ask-password, --no-pager

For example:  hostnamectl set-hostname node-1.example.com";

/// Runs `hostnamectl`.
///
/// # Errors
/// The arguments make no sense, or the name cannot be set.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let known = [
        long("static", Takes::Nothing),
        long("transient", Takes::Nothing),
        long("json", Takes::Value),
        both("json-short", 'j', Takes::Nothing),
        long("no-ask-password", Takes::Nothing),
        long("no-pager", Takes::Nothing),
    ];
    let Some(parsed) = arguments::read(arguments, &known, USAGE)? else {
        return Ok(0);
    };
    let words: Vec<&str> = parsed.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["status"] => status(&parsed)?,
        ["hostname"] => println!("{}", shown(&parsed)),
        ["hostname" | "set-hostname", name] => set(name, parsed.has("static"), parsed.has("transient"))?,
        ["set-hostname"] => bail!("name the machine, such as: hostnamectl set-hostname node-1"),
        [other, ..] => bail!("command {other} is unknown or not supported yet\n{USAGE}"),
    }
    Ok(0)
}

/// The name that was asked for.
fn shown(parsed: &Parsed) -> String {
    match parsed.has("static") {
        true => identity::in_file(&names().file).unwrap_or_default().to_owned(),
        false => current(),
    }
}

fn set(name: &str, only_lasting: bool, only_transient: bool) -> Result<()> {
    if !name.is_empty() && !is_host_name(name) {
        bail!(
            "{name:?} cannot name a machine: labels of letters, digits, - and _ with dots between them, 64 letters at \
             most"
        );
    }
    let both = only_lasting == only_transient;
    if only_lasting || both {
        put(HOST_NAME, name)?;
    }
    if only_transient || both {
        // A name that lasts needs no other one beside it.
        put(RUN_HOST_NAME, if both { "" } else { name })?;
        let name = if name.is_empty() { names().best().0 } else { name.to_owned() };
        hostname::set(&name)?;
    }
    Ok(())
}

/// Puts a name into its file; an empty one takes the file away.
fn put(path: &str, name: &str) -> Result<()> {
    if !name.is_empty() {
        return Ok(sys::file::replace_synced(Path::new(path), format!("{name}\n").as_bytes(), 0o644)?);
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {path}"))
        }
        _ => Ok(()),
    }
}

/// What the machine is.
#[derive(Debug, Clone, Default)]
struct Machine {
    current: String,
    names: Names,
    chassis: Option<&'static str>,
    boot_id: String,
    virtualization: Option<&'static str>,
    system: String,
    kernel: String,
    kernel_version: String,
    vendor: String,
    model: String,
    firmware: String,
    firmware_date: String,
}

fn gather() -> Machine {
    let root = Root::of_machine();
    let dmi = |name: &str| root.text(&format!("/sys/class/dmi/id/{name}")).trim().to_owned();
    let virtualization = detect(|path| root.read(path).ok()).map(|found| found.name);
    let kernel = |name: &str| root.text(&format!("/proc/sys/kernel/{name}")).trim().to_owned();
    Machine {
        current: current(),
        names: Names { machine_id: root.text(MACHINE_ID).trim().to_owned(), ..names() },
        chassis: if virtualization.is_some() { Some("vm") } else { chassis(&dmi("chassis_type")) },
        boot_id: root.boot_id(),
        virtualization,
        system: os_release(&root).get("PRETTY_NAME").cloned().unwrap_or_default(),
        kernel: kernel("osrelease"),
        kernel_version: kernel("version"),
        vendor: dmi("sys_vendor"),
        model: dmi("product_name"),
        firmware: dmi("bios_version"),
        firmware_date: dmi("bios_date"),
    }
}

/// What a chassis of that number is (SMBIOS 3.7, 7.4.1), by the words of machine-info(5).
fn chassis(number: &str) -> Option<&'static str> {
    Some(match number.parse::<u8>().ok()? {
        3..=4 | 6..=7 | 13 => "desktop",
        8..=10 | 14 => "laptop",
        11 => "handset",
        17 | 28..=29 => "server",
        30 => "tablet",
        31..=32 => "convertible",
        33..=34 => "embedded",
        _ => return None,
    })
}

fn status(parsed: &Parsed) -> Result<()> {
    let machine = gather();
    let json = match parsed.value("json") {
        None if parsed.has("json-short") => Json::Short,
        _ => Json::of(parsed)?,
    };
    json.print(|| as_json(&machine), || as_text(&machine));
    Ok(())
}

fn as_text(machine: &Machine) -> String {
    let lasting = identity::in_file(&machine.names.file);
    let transient = Some(machine.current.clone()).filter(|name| Some(name.as_str()) != lasting);
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let rows = [
        ("Static hostname", Some(lasting.unwrap_or("(unset)").to_owned())),
        ("Transient hostname", transient),
        ("Chassis", machine.chassis.map(str::to_owned)),
        ("Machine ID", some(&machine.names.machine_id)),
        ("Boot ID", some(&machine.boot_id)),
        ("Virtualization", machine.virtualization.map(str::to_owned)),
        ("Operating System", some(&machine.system)),
        ("Kernel", some(&machine.kernel).map(|release| format!("Linux {release}"))),
        ("Architecture", Some(ARCHITECTURE.to_owned())),
        ("Hardware Vendor", some(&machine.vendor)),
        ("Hardware Model", some(&machine.model)),
        ("Firmware Version", some(&machine.firmware)),
        ("Firmware Date", some(&machine.firmware_date)),
    ];
    crate::table::facts(&rows)
}

/// As systemd calls the one that there is.
const ARCHITECTURE: &str = "x86-64";

fn as_json(machine: &Machine) -> Value {
    let lasting = identity::in_file(&machine.names.file);
    let source = match machine.names.best().1 {
        Origin::File => "static",
        Origin::Id => "default",
        Origin::Argument | Origin::Platform | Origin::Dhcp => "transient",
    };
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    json!({
        "Hostname": machine.current,
        "StaticHostname": lasting,
        "DefaultHostname": identity::made_of(&machine.names.machine_id),
        "HostnameSource": source,
        "Chassis": machine.chassis,
        "KernelName": "Linux",
        "KernelRelease": machine.kernel,
        "KernelVersion": machine.kernel_version,
        "OperatingSystemPrettyName": machine.system,
        "HardwareVendor": some(&machine.vendor),
        "HardwareModel": some(&machine.model),
        "FirmwareVersion": some(&machine.firmware),
        "MachineID": machine.names.machine_id,
        "BootID": machine.boot_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            current: "berth-01234567".into(),
            names: Names { machine_id: "0123456789abcdef0123456789abcdef".into(), ..Names::default() },
            chassis: Some("vm"),
            boot_id: "b0".into(),
            virtualization: Some("qemu"),
            system: "Berth 0.1.0".into(),
            kernel: "6.12.1-berth".into(),
            ..Machine::default()
        }
    }

    #[test]
    fn the_facts_are_shown_as_people_know_them() {
        let text = "   Static hostname: (unset)\n\
                    Transient hostname: berth-01234567\n           \
                    Chassis: vm\n        \
                    Machine ID: 0123456789abcdef0123456789abcdef\n           \
                    Boot ID: b0\n    \
                    Virtualization: qemu\n  \
                    Operating System: Berth 0.1.0\n            \
                    Kernel: Linux 6.12.1-berth\n      \
                    Architecture: x86-64\n";
        assert_eq!(as_text(&machine()), text);
        let named = Machine {
            current: "node-1".into(),
            names: Names { file: "node-1\n".into(), ..machine().names },
            ..machine()
        };
        let text = as_text(&named);
        assert!(text.contains("Static hostname: node-1\n") && !text.contains("Transient"), "{text}");
    }

    #[test]
    fn programs_get_the_keys_that_they_know() {
        let json = as_json(&machine());
        assert_eq!(json["Hostname"], "berth-01234567");
        assert_eq!(json["StaticHostname"], Value::Null);
        assert_eq!(json["HostnameSource"], "default");
    }

    #[test]
    fn what_stands_in_a_rack_is_a_server() {
        for (number, word) in [("23", None), ("17", Some("server")), ("10", Some("laptop")), ("", None)] {
            assert_eq!(chassis(number), word, "{number}");
        }
    }
}
