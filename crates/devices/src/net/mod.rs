//! What network interfaces are called.

pub mod link_file;
pub mod matching;
pub mod names;
pub mod policy;

/// The kernel's `name_assign_type` (Linux, include/uapi/linux/netdevice.h): where a name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameOrigin {
    /// Not told.
    Unknown,
    /// The kernel counted.
    Enumerated,
    /// The kernel says that it is predictable.
    Predictable,
    /// A program chose it.
    User,
    /// It was changed.
    Renamed,
}

impl NameOrigin {
    /// From the number in sysfs.
    pub fn of(number: Option<u32>) -> Self {
        match number {
            Some(1) => Self::Enumerated,
            Some(2) => Self::Predictable,
            Some(3) => Self::User,
            Some(4) => Self::Renamed,
            _ => Self::Unknown,
        }
    }
}

/// Whether an interface may have this name: no longer than the kernel allows, without blanks, `/`, `:`
/// and `%`, and no number, `.`, `..`, `all` or `default`, which stand for something else. An
/// alternative name may be longer.
pub fn is_valid_name(name: &str, alternative: bool) -> bool {
    let longest = if alternative { 127 } else { 15 };
    let reserved = ["", ".", "..", "all", "default"].contains(&name);
    let is_fine = |c: char| c.is_ascii_graphic() && !"/:%".contains(c);
    !reserved && name.len() <= longest && name.chars().all(is_fine) && name.parse::<u32>().is_err()
}

#[cfg(test)]
mod tests {
    use super::is_valid_name;

    #[test]
    fn names() {
        for (name, plain, alternative) in [
            ("eth0", true, true),
            ("enp0s3f1npeth0", true, true),
            ("enp2s0f1u1u2u3i4", false, true),
            ("enx525400123456", true, true),
            ("123456789012345a", false, true),
            ("7", false, false),
            ("a b", false, false),
            ("a/b", false, false),
            ("a:1", false, false),
            ("eth%d", false, false),
            ("ö", false, false),
            ("all", false, false),
            ("", false, false),
        ] {
            assert_eq!(
                (is_valid_name(name, false), is_valid_name(name, true)),
                (plain, alternative),
                "{name}"
            );
        }
    }
}
