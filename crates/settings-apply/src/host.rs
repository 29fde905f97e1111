//! What lines ask a system about: what specifiers stand for, who its accounts are.

use anyhow::Result;
use settings::accounts::Accounts;
use settings::specifier::Specifiers;
use unit::text::environment;

use crate::Root;

/// Where os-release(5) is.
const RELEASES: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// What specifiers stand for in a system.
pub fn specifiers(root: &Root) -> Specifiers {
    let kernel = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let release = RELEASES.iter().find_map(|path| root.text(path)).map(|text| environment::parse(&text));
    // A field that os-release does not have is empty; without os-release nothing is known.
    let field = |name: &str| {
        let fields = release.as_ref()?.iter();
        Some(
            fields
                .rev()
                .find(|(known, _)| known == name)
                .map_or_else(String::new, |(_, value)| value.clone()),
        )
    };
    let machine = root.text("/etc/machine-id").map(|text| text.trim().to_owned());
    let host = kernel("hostname");
    let short = host.as_deref().map(|name| name.split('.').next().unwrap_or_default().to_owned());
    let info = environment::parse(&root.text("/etc/machine-info").unwrap_or_default());
    let pretty = info.into_iter().find(|(name, _)| name == "PRETTY_HOSTNAME").map(|(_, value)| value);
    let home = std::env::var("HOME").ok().filter(|home| home.starts_with('/'));
    Specifiers::new([
        ('A', field("IMAGE_VERSION")),
        ('B', field("BUILD_ID")),
        ('M', field("IMAGE_ID")),
        ('W', field("VARIANT_ID")),
        ('o', field("ID")),
        ('w', field("VERSION_ID")),
        ('H', host),
        ('q', pretty.or_else(|| short.clone())),
        ('l', short),
        ('m', machine.filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))),
        ('b', kernel("random/boot_id").map(|id| id.replace('-', ""))),
        ('v', kernel("osrelease")),
        ('h', Some(home.unwrap_or_else(|| "/root".to_owned()))),
        ('d', std::env::var("CREDENTIALS_DIRECTORY").ok().filter(|folder| !folder.is_empty())),
    ])
}

/// The users and groups of a system: those of the image count where /etc names no other.
///
/// # Errors
/// A file of them is there, and cannot be read: names could be taken for another's.
pub fn accounts(root: &Root) -> Result<Accounts> {
    let text = |path: &str| Ok::<_, anyhow::Error>(root.accounts(path)?.unwrap_or_default());
    let passwd = [text("/etc/passwd")?, text("/usr/lib/passwd")?];
    let group = [text("/etc/group")?, text("/usr/lib/group")?];
    Ok(Accounts::read(passwd.iter().map(String::as_str), group.iter().map(String::as_str)))
}
