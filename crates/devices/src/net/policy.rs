//! Which of its names an interface gets.

use super::link_file::LinkFile;
use super::names::Names;
use super::{NameOrigin, is_valid_name};

/// A rule of `NamePolicy=` and `AlternativeNamesPolicy=` (systemd.link(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// A predictable name of the kernel stays.
    Kernel,
    /// A name that a program gave stays.
    Keep,
    /// By the hardware database, which is not built: it never has one.
    Database,
    /// By the firmware's index.
    Onboard,
    /// By the slot.
    Slot,
    /// By the place on the bus.
    Path,
    /// By the hardware address.
    Mac,
}

impl Policy {
    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "kernel" => Self::Kernel,
            "keep" => Self::Keep,
            "database" => Self::Database,
            "onboard" => Self::Onboard,
            "slot" => Self::Slot,
            "path" => Self::Path,
            "mac" => Self::Mac,
            _ => return None,
        })
    }

    fn name(self, names: &Names) -> Option<&str> {
        let name = match self {
            Self::Kernel | Self::Keep | Self::Database => None,
            Self::Onboard => names.onboard.as_ref(),
            Self::Slot => names.slot.as_ref(),
            Self::Path => names.path.as_ref(),
            Self::Mac => names.mac.as_ref(),
        };
        name.map(String::as_str)
    }
}

/// The name that an interface is to have; None for the one that it has.
pub fn name(file: &LinkFile, names: &Names, origin: NameOrigin, policies: bool) -> Option<String> {
    for policy in file.name_policy.iter().filter(|_| policies) {
        match (policy, origin) {
            (Policy::Kernel, NameOrigin::Predictable)
            | (Policy::Keep, NameOrigin::User | NameOrigin::Renamed) => return None,
            _ => {}
        }
        if let Some(name) = policy.name(names).filter(|name| is_valid_name(name, false)) {
            return Some(name.to_owned());
        }
    }
    file.name.clone()
}

/// The names that it is to have beside its own.
pub fn alternatives(file: &LinkFile, names: &Names, own: &str) -> Vec<String> {
    let by_policy = file.alternative_policy.iter().filter_map(|policy| policy.name(names));
    let mut all: Vec<String> = Vec::new();
    for name in file.alternative_names.iter().map(String::as_str).chain(by_policy) {
        if is_valid_name(name, true) && name != own && !all.iter().any(|known| known == name) {
            all.push(name.to_owned());
        }
    }
    all
}

/// Whether names follow from policies: `net.ifnames=0` on the kernel's command line says no.
pub fn is_enabled(command_line: &str) -> bool {
    let last = layout::args::words(command_line).rfind(|(name, _)| name == "net.ifnames");
    !last.is_some_and(|(_, value)| matches!(value.as_deref(), Some("0" | "no" | "n" | "false" | "f" | "off")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named() -> Names {
        let name = |name: &str| Some(name.to_owned());
        Names {
            onboard: name("eno1"),
            slot: name("ens3"),
            path: name("enp0s3"),
            mac: name("enx1"),
            label: None,
        }
    }

    fn file(text: &str) -> LinkFile {
        LinkFile::read("/x.link", text).file
    }

    #[test]
    fn the_first_policy_that_has_a_name_gives_it() {
        let default = "[Link]\nNamePolicy=keep kernel database onboard slot path\nName=mine";
        for (text, names, origin, enabled, expected) in [
            (default, named(), NameOrigin::Enumerated, true, Some("eno1")),
            (default, named(), NameOrigin::Unknown, true, Some("eno1")),
            (default, named(), NameOrigin::Renamed, true, None),
            (default, named(), NameOrigin::Predictable, true, None),
            (default, named(), NameOrigin::Enumerated, false, Some("mine")),
            (default, Names { onboard: None, ..named() }, NameOrigin::Enumerated, true, Some("ens3")),
            (default, Names::default(), NameOrigin::Enumerated, true, Some("mine")),
            ("[Link]\nNamePolicy=mac path", named(), NameOrigin::User, true, Some("enx1")),
            ("[Link]\nMTUBytes=9000", named(), NameOrigin::User, true, None),
        ] {
            assert_eq!(name(&file(text), &names, origin, enabled).as_deref(), expected, "{text} {origin:?}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_passed_over_but_may_be_an_alternative() {
        let names = Names { path: Some("enp0s20f0u1u2u3i4".to_owned()), ..named() };
        let file =
            file("[Link]\nNamePolicy=path mac\nAlternativeName=a b\nAlternativeNamesPolicy=path slot mac");
        assert_eq!(name(&file, &names, NameOrigin::Enumerated, true).as_deref(), Some("enx1"));
        assert_eq!(alternatives(&file, &names, "enx1"), ["a", "b", "enp0s20f0u1u2u3i4", "ens3"]);
    }

    #[test]
    fn the_kernels_command_line_switches_policies_off() {
        for (line, enabled) in [
            ("", true),
            ("net.ifnames=0", false),
            ("net.ifnames=0 net.ifnames=1", true),
            ("net.ifnames", true),
        ] {
            assert_eq!(is_enabled(line), enabled, "{line}");
        }
    }
}
