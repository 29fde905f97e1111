//! What kind of machine this is, as systemd-detect-virt(1) names it. The facts are read by whoever
//! asks, from files of /proc and /sys.

/// A machine's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Virtualization {
    /// The name.
    pub name: &'static str,
    /// Whether it is a container; else it is a virtual machine.
    pub container: bool,
}

/// Every name of a virtual machine.
pub const VMS: [&str; 18] = [
    "kvm",
    "amazon",
    "qemu",
    "bochs",
    "xen",
    "uml",
    "vmware",
    "oracle",
    "microsoft",
    "zvm",
    "parallels",
    "bhyve",
    "qnx",
    "acrn",
    "powervm",
    "apple",
    "google",
    "vm-other",
];

/// Every name of a container.
pub const CONTAINERS: [&str; 10] = [
    "systemd-nspawn",
    "lxc-libvirt",
    "lxc",
    "openvz",
    "docker",
    "podman",
    "rkt",
    "wsl",
    "proot",
    "container-other",
];

/// What the firmware's tables begin with, and what that means. The first that fits counts.
const FIRMWARE: [(&str, &str); 17] = [
    ("KVM", "kvm"),
    ("OpenStack", "kvm"),
    ("KubeVirt", "kvm"),
    ("Amazon EC2", "amazon"),
    ("QEMU", "qemu"),
    ("VMware", "vmware"),
    ("VMW", "vmware"),
    ("innotek GmbH", "oracle"),
    ("VirtualBox", "oracle"),
    ("Oracle Corporation", "oracle"),
    ("Xen", "xen"),
    ("Bochs", "bochs"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"),
    ("Hyper-V", "microsoft"),
    ("Apple Virtualization", "apple"),
    ("Google Compute Engine", "google"),
];

/// The firmware's tables that tell.
const TABLES: [&str; 6] = [
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/sys_vendor",
    "/sys/class/dmi/id/board_vendor",
    "/sys/class/dmi/id/bios_vendor",
    "/sys/class/dmi/id/product_version",
    "/sys/class/dmi/id/board_name",
];

/// Names the machine; none where it is of metal. `read` gives a file's text, where it is there.
/// A container in a virtual machine is a container.
pub fn detect(read: impl Fn(&str) -> Option<String>) -> Option<Virtualization> {
    container(&read)
        .map(|name| Virtualization { name, container: true })
        .or_else(|| vm(&read).map(|name| Virtualization { name, container: false }))
}

/// The kind of container, where this is one.
pub fn container(read: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    if release.contains("Microsoft") || release.contains("WSL") {
        return Some("wsl");
    }
    // Container managers tell their first process in its environment.
    let environment = read("/proc/1/environ").unwrap_or_default();
    let told = environment.split('\0').find_map(|variable| variable.strip_prefix("container="));
    let told = told.map(str::to_owned).or_else(|| read("/run/systemd/container"));
    if let Some(told) = told.as_deref().map(str::trim).filter(|told| !told.is_empty()) {
        let known = CONTAINERS.iter().find(|name| **name == told);
        return Some(known.copied().unwrap_or("container-other"));
    }
    [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")]
        .into_iter()
        .find(|(file, _)| read(file).is_some())
        .map(|(_, name)| name)
}

/// The kind of virtual machine, where this is one.
pub fn vm(read: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let firmware = TABLES.iter().find_map(|table| {
        let text = read(table)?;
        FIRMWARE.iter().find(|(prefix, _)| text.starts_with(prefix)).map(|(_, name)| *name)
    });
    let clocks = read("/sys/devices/system/clocksource/clocksource0/available_clocksource");
    let has_clock = |name: &str| clocks.as_deref().unwrap_or_default().split_whitespace().any(|c| c == name);
    let is_xen = || read("/sys/hypervisor/type").is_some_and(|kind| kind.trim() == "xen");
    match firmware {
        // QEMU's tables do not say who runs the instructions; the clock that only KVM offers does.
        Some("qemu") | None if has_clock("kvm-clock") => Some("kvm"),
        Some(name) => Some(name),
        None if is_xen() => Some("xen"),
        None if has_clock("hyperv_clocksource_tsc_page") => Some("microsoft"),
        None => is_guest(&read("/proc/cpuinfo").unwrap_or_default()).then_some("vm-other"),
    }
}

/// Whether the processor says that a hypervisor is there.
fn is_guest(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
    flags.is_some_and(|line| line.split_whitespace().any(|flag| flag == "hypervisor"))
}

/// Whether the argument of `ConditionVirtualization=` holds: a boolean, `vm`, `container`, or a
/// name.
pub fn matches(argument: &str, found: Option<Virtualization>) -> bool {
    match argument {
        "vm" => found.is_some_and(|found| !found.container),
        "container" => found.is_some_and(|found| found.container),
        name => match crate::text::value::boolean(name) {
            Ok(wanted) => wanted == found.is_some(),
            Err(_) => found.is_some_and(|found| found.name == name),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_by_its_files() {
        let product = "/sys/class/dmi/id/product_name";
        let vendor = "/sys/class/dmi/id/sys_vendor";
        let clock = "/sys/devices/system/clocksource/clocksource0/available_clocksource";
        let cases: [(&[(&str, &str)], &str); 11] = [
            (&[], "metal"),
            (&[("/proc/cpuinfo", "flags\t: fpu sse\n")], "metal"),
            (&[("/proc/cpuinfo", "flags\t: fpu hypervisor\n")], "vm vm-other"),
            (&[(vendor, "QEMU\n"), (clock, "tsc hpet acpi_pm\n")], "vm qemu"),
            (&[(vendor, "QEMU\n"), (clock, "kvm-clock tsc\n")], "vm kvm"),
            (&[(product, "VMware7,1\n")], "vm vmware"),
            (&[(product, "Virtual Machine\n"), (clock, "hyperv_clocksource_tsc_page\n")], "vm microsoft"),
            (&[("/sys/hypervisor/type", "xen\n")], "vm xen"),
            (&[("/.dockerenv", ""), (vendor, "QEMU\n")], "container docker"),
            (&[("/proc/1/environ", "A=1\0container=lxc\0")], "container lxc"),
            (&[("/proc/1/environ", "container=my-own\0")], "container container-other"),
        ];
        for (files, expected) in cases {
            let read =
                |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
            let kind = |found: Virtualization| if found.container { "container" } else { "vm" };
            let found = detect(read).map(|found| format!("{} {}", kind(found), found.name));
            assert_eq!(found.as_deref().unwrap_or("metal"), expected, "{files:?}");
        }
    }

    #[test]
    fn what_conditions_ask() {
        let kvm = Some(Virtualization { name: "kvm", container: false });
        let docker = Some(Virtualization { name: "docker", container: true });
        for (argument, found, holds) in [
            ("yes", kvm, true),
            ("no", None, true),
            ("yes", None, false),
            ("vm", kvm, true),
            ("vm", docker, false),
            ("container", docker, true),
            ("kvm", kvm, true),
            ("qemu", kvm, false),
        ] {
            assert_eq!(matches(argument, found), holds, "{argument} {found:?}");
        }
    }
}
