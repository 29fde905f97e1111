//! Specifiers: `%i` and the like (systemd.unit(5), "Specifiers").

use crate::name::UnitName;
use crate::text::escape::unescape;

/// What the specifiers that tell of the machine stand for. The effectful half fills it in once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    /// `%m`: the machine id, 32 hex digits.
    pub machine_id: String,
    /// `%b`: the boot id, 32 hex digits.
    pub boot_id: String,
    /// `%H`: the host name.
    pub hostname: String,
    /// `%v`: the kernel release.
    pub kernel_release: String,
}

/// The folder of the folders of services' credentials.
pub use layout::path::CREDENTIALS;

/// Why a specifier could not be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecifierError {
    /// No such specifier, or not one that is built.
    #[error("specifier %{0} is not supported (%% is a percent sign)")]
    Unknown(char),
}

/// Expands the specifiers in `text` for the unit `name`. A `%` at the end stands for itself.
///
/// # Errors
/// A specifier that is not known, by name.
pub fn expand(text: &str, name: &UnitName, host: &Host) -> Result<String, SpecifierError> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            None | Some('%') => out.push('%'),
            Some('n') => out.push_str(name.as_str()),
            Some('N') => out.push_str(name.stem()),
            Some('p') => out.push_str(name.prefix()),
            Some('P') => out.push_str(&unescape(name.prefix())),
            Some('i') => out.push_str(name.instance().unwrap_or("")),
            Some('I') => out.push_str(&unescape(name.instance().unwrap_or(""))),
            Some('j') => out.push_str(last_component(name.prefix())),
            Some('J') => out.push_str(&unescape(last_component(name.prefix()))),
            Some('f') => {
                let path = name.instance().unwrap_or(name.prefix());
                out.push('/');
                out.push_str(unescape(path).trim_start_matches('/'));
            }
            Some('H') => out.push_str(&host.hostname),
            Some('l') => out.push_str(host.hostname.split('.').next().unwrap_or("")),
            Some('m') => out.push_str(&host.machine_id),
            Some('b') => out.push_str(&host.boot_id),
            Some('v') => out.push_str(&host.kernel_release),
            Some('a') => out.push_str("x86-64"),
            Some('d') => {
                out.push_str(CREDENTIALS);
                out.push('/');
                out.push_str(name.as_str());
            }
            Some('t') => out.push_str("/run"),
            Some('S') => out.push_str("/var/lib"),
            Some('C') => out.push_str("/var/cache"),
            Some('L') => out.push_str("/var/log"),
            Some('E') => out.push_str("/etc"),
            Some('T') => out.push_str("/tmp"),
            Some('V') => out.push_str("/var/tmp"),
            Some('h') => out.push_str("/root"),
            Some('u' | 'g') => out.push_str("root"),
            Some('U' | 'G') => out.push('0'),
            Some('s') => out.push_str(layout::path::SHELL),
            Some(other) => return Err(SpecifierError::Unknown(other)),
        }
    }
    Ok(out)
}

/// What follows the last `-` of a prefix.
fn last_component(prefix: &str) -> &str {
    prefix.rsplit_once('-').map_or(prefix, |(_, last)| last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_specifier_by_its_meaning() {
        let host = Host {
            machine_id: "m1".into(),
            boot_id: "b1".into(),
            hostname: "node.example".into(),
            kernel_release: "6.12.1".into(),
        };
        let name = UnitName::parse("pre-fix@dev-x\\x2dy.service").unwrap();
        let cases = [
            ("plain", "plain"),
            ("%n", "pre-fix@dev-x\\x2dy.service"),
            ("%N", "pre-fix@dev-x\\x2dy"),
            ("%p|%P", "pre-fix|pre/fix"),
            ("%i|%I", "dev-x\\x2dy|dev/x-y"),
            ("%j", "fix"),
            ("%f", "/dev/x-y"),
            ("%H|%l", "node.example|node"),
            ("%m %b %v", "m1 b1 6.12.1"),
            ("%d/a", "/run/credentials/pre-fix@dev-x\\x2dy.service/a"),
            ("%t %S %C %L %E", "/run /var/lib /var/cache /var/log /etc"),
            ("100%%", "100%"),
            ("100%", "100%"),
        ];
        for (text, expanded) in cases {
            assert_eq!(expand(text, &name, &host).unwrap(), expanded, "{text}");
        }
        assert_eq!(expand("%Z", &name, &host), Err(SpecifierError::Unknown('Z')));
    }
}
